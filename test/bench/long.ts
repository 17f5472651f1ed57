// `npm run soak`: what takes long. Without a word: the whole crash matrix, then half an hour of an agent whose metadata fails.
// `npm run soak -- chaos --seed N`: half an hour of chaos (test/chaos/main.ts). What follows goes to what is run.

import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";

const args = process.argv.slice(2);
const runs =
  args[0] === "chaos"
    ? [["../chaos/main.ts", ...args.slice(1)]]
    : [
        ["main.ts", "crash"],
        ["main.ts", "soak", ...args],
      ];
for (const [file = "", ...rest] of runs) {
  const path = fileURLToPath(new URL(file, import.meta.url));
  const { status } = spawnSync(process.execPath, [...process.execArgv, path, ...rest], { stdio: "inherit" });
  if (status !== 0) {
    process.exitCode = status ?? 1;
    break;
  }
}
