// `npm run images -- --build-base NAME@sha256:… --run-base NAME@sha256:… --source URL [--repository NAME] [--arch …]`:
// builds both images for each kind of machine, with the commit that is checked out as their revision. deploy/README.md
// says how the digests are found and the images pushed.

import { execFile } from "node:child_process";
import { readFile } from "node:fs/promises";
import { parseArgs, promisify } from "node:util";

import { AppError, describe } from "../shared/runtime/errors.ts";
import { PROGRAMS } from "./images/assemble.ts";
import type { ProgramName } from "./images/assemble.ts";
import { buildImage } from "./images/build.ts";
import { ARCHITECTURES } from "./images/native.ts";
import type { Architecture } from "./images/native.ts";

const run = promisify(execFile);
const ROOT = new URL("../", import.meta.url).pathname;

/** The commit that is checked out, "-dirty" behind it when something was changed since, and its time in seconds. */
async function checkedOut(): Promise<{ readonly revision: string; readonly epoch: number }> {
  const git = async (...words: string[]): Promise<string> =>
    (await run("git", words, { cwd: ROOT })).stdout.trim();
  const [head, time, changes] = await Promise.all([
    git("rev-parse", "HEAD"),
    git("log", "-1", "--format=%ct"),
    git("status", "--porcelain"),
  ]);
  return { revision: changes === "" ? head : `${head}-dirty`, epoch: Number(time) };
}

if (import.meta.main) {
  try {
    const text = { type: "string" } as const;
    const { values } = parseArgs({
      options: {
        "build-base": text,
        "run-base": text,
        source: text,
        repository: { ...text, default: "localhost/gpu-autoscaler" },
        arch: { ...text, default: "x64,arm64" },
      },
    });
    const { "build-base": buildBase, "run-base": runBase, source, repository } = values;
    if (buildBase === undefined || runBase === undefined || source === undefined)
      throw new AppError(
        "settings",
        "--build-base, --run-base and --source are needed: see deploy/README.md",
      );
    const arches = values.arch.split(",").map((word) => (word === "amd64" ? "x64" : word));
    const wrong = arches.find((word) => !Object.hasOwn(ARCHITECTURES, word));
    if (wrong !== undefined) throw new AppError("settings", `--arch must be of amd64, arm64, got ${wrong}`);
    const { version } = JSON.parse(await readFile(`${ROOT}package.json`, "utf8")) as { version: string };
    const from = { buildBase, runBase, source, ...(await checkedOut()) };
    for (const arch of arches as Architecture[]) {
      for (const program of Object.keys(PROGRAMS) as ProgramName[]) {
        const tag = `${repository}/${program}:${version}-${ARCHITECTURES[arch].container}`;
        const bytes = await buildImage({ ...from, program, arch, tag });
        console.log(`${tag}\t${Math.round(bytes / 1024 / 1024)} MiB\trevision ${from.revision}`);
      }
    }
  } catch (error) {
    console.error(describe(error));
    process.exit(1);
  }
}
