// `npm run get -- NAME…`: has each named tool at hand, and prints its version and path.

import { AppError } from "../../shared/runtime/errors.ts";
import { obtain, versionOf } from "./obtain.ts";
import { TOOLS } from "./tools.ts";
import type { ToolName } from "./tools.ts";

const names = process.argv.slice(2);
const known = Object.keys(TOOLS);
if (names.length === 0 || names.some((name) => !known.includes(name))) {
  console.error(`usage: npm run get -- NAME…, with NAME one of ${known.join(", ")}`);
  process.exit(64);
}

for (const name of names as ToolName[]) {
  try {
    const path = await obtain(name, { onProgress: (sentence) => console.error(sentence) });
    console.log(`${name}\t${await versionOf(TOOLS[name], path)}\t${path}`);
  } catch (error) {
    if (!(error instanceof AppError)) throw error;
    console.error(error.message);
    process.exitCode = 1;
  }
}
