// What a finished image must be, looked at as a tree of files: small, with nothing in it that builds, installs or gives a
// shell, native files for its own machine, and the bill of materials in its place. The release asks it of what it built
// on the real base; the tests of their own. It changes nothing.

import { lstat, readdir, readFile } from "node:fs/promises";
import { join } from "node:path";

import type { ProgramName } from "./assemble.ts";
import { NODE_PATH, SBOM_PATH } from "./assemble.ts";
import { nativeProblem } from "./native.ts";
import type { Architecture } from "./native.ts";

/** All files together, before the registry compresses them. */
export const MAX_BYTES = 200_000_000;

/** Names of programs, with a version behind or not. */
const FORBIDDEN = {
  shell: "sh ash bash busybox csh dash fish ksh tcsh toybox zsh",
  "package manager":
    "apk apt apt-get corepack dnf dpkg microdnf npm npm-cli.js npx pip pnpm rpm tdnf yarn yum",
  compiler:
    "as c++ cc clang cpp esbuild g++ gcc go ld make rustc tcc tsc x86_64-linux-gnu-gcc aarch64-linux-gnu-gcc",
  "second interpreter": "lua perl python ruby",
} as const;

export interface Look {
  /** Of all files. */
  readonly bytes: number;
  /** Empty when the image is as it must be. */
  readonly problems: readonly string[];
}

/** @param tree where the image's files lie. */
export async function lookAtImage(tree: string, program: ProgramName, arch: Architecture): Promise<Look> {
  const problems: string[] = [];
  const natives: string[] = [];
  const counted = new Set<number>();
  let bytes = 0;

  for (const entry of await readdir(tree, { withFileTypes: true, recursive: true })) {
    if (entry.isDirectory()) continue;
    const path = join(entry.parentPath, entry.name);
    const { size, ino, mode } = await lstat(path);
    // A hard link is stored once.
    if (entry.isFile() && !counted.has(ino)) bytes += size;
    counted.add(ino);
    const what =
      entry.isSymbolicLink() || (mode & 0o111) !== 0 || entry.name.endsWith(".js")
        ? forbidden(entry.name)
        : null;
    const shown = path.slice(tree.length);
    if (what !== null) problems.push(`${shown} is a ${what}`);
    if (entry.isFile() && (entry.name.endsWith(".node") || shown === `/${NODE_PATH}`)) natives.push(shown);
  }

  // The file system's order is nobody's.
  natives.sort();
  problems.sort();
  if (bytes > MAX_BYTES) problems.push(`${bytes} bytes are more than ${MAX_BYTES}`);
  const wanted = program === "agent" ? ["koffi.node", "node"] : ["node"];
  const found = natives.map((path) => path.split("/").at(-1) ?? "").toSorted();
  if (found.join() !== wanted.join())
    problems.push(`native files are ${natives.join(", ") || "none"}; wanted: ${wanted.join(", ")}`);
  for (const path of natives) {
    const problem = nativeProblem(await readFile(join(tree, path)), arch);
    if (problem !== null) problems.push(`${path} ${problem}`);
  }
  const bom = await readFile(join(tree, SBOM_PATH), "utf8").catch(() => "");
  if (!bom.includes('"bomFormat": "CycloneDX"'))
    problems.push(`/${SBOM_PATH} is missing, or no bill of materials`);
  return { bytes, problems };
}

function forbidden(name: string): string | null {
  const plain = name.replace(/[-.]?\d[\d.]*$/, "");
  for (const [what, names] of Object.entries(FORBIDDEN)) {
    const all = names.split(" ");
    if (all.includes(name) || all.includes(plain)) return what;
  }
  return null;
}
