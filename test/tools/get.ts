// `npm run get -- NAME…`: has each named tool at hand, and prints its version and path.

import { AppError } from "../../shared/runtime/errors.ts";
import { obtain, versionOf } from "./obtain.ts";
import { obtainPython } from "./python.ts";
import { TOOLS } from "./tools.ts";
import type { ToolName } from "./tools.ts";

/** No program, but packages for one: see python.ts. */
const PACKAGES = "aws-python";

const names = process.argv.slice(2);
const known = [...Object.keys(TOOLS), PACKAGES];
const onProgress = (sentence: string): void => console.error(sentence);
if (names.length === 0 || names.some((name) => !known.includes(name))) {
  console.error(`usage: npm run get -- NAME…, with NAME one of ${known.join(", ")}`);
  process.exit(64);
}

for (const name of names as (ToolName | typeof PACKAGES)[]) {
  try {
    if (name === PACKAGES) {
      console.log(`${name}\t${(await obtainPython({ onProgress })).packages}`);
      continue;
    }
    const path = await obtain(name, { onProgress });
    console.log(`${name}\t${await versionOf(TOOLS[name], path)}\t${path}`);
  } catch (error) {
    if (!(error instanceof AppError)) throw error;
    console.error(error.message);
    process.exitCode = 1;
  }
}
