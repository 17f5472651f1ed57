// Lays out the one layer that an image adds to its base, inside the build stage and after the bundle
// (deploy/image-layer.ts is the command). Node and koffi's native file are the lock file's, for the machine that the
// image is for, which need not be the one that builds. Every file gets a fixed mode and one time, so that the same
// sources give the same layer. It builds nothing itself.

import { execFile } from "node:child_process";
import {
  chmod,
  copyFile,
  cp,
  mkdir,
  mkdtemp,
  readdir,
  readFile,
  rm,
  utimes,
  writeFile,
} from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { promisify } from "node:util";

import { AppError } from "../../shared/runtime/errors.ts";
import { nativeProblem } from "./native.ts";
import type { Architecture } from "./native.ts";
import { imageBom, npmBom, packagesOf } from "./sbom.ts";

const run = promisify(execFile);
const ROOT = new URL("../../", import.meta.url).pathname;

/** Image → its files of dist, each with its source map, and whether they load koffi. */
export const PROGRAMS = {
  agent: { files: ["agent.js", "nvml-worker.js"], koffi: true },
  coordinator: {
    files: ["coordinator.js", "aws-sdk.js", "gcp-auth.js", "gpuasctl.js", "replay-worker.js"],
    koffi: false,
  },
} as const;
export type ProgramName = keyof typeof PROGRAMS;

/** In the image. */
export const SBOM_PATH = "app/sbom.cdx.json";
export const NODE_PATH = "nodejs/bin/node";

/** What of koffi runs when it is imported; the rest of the package is for building it, and for `require`. */
const KOFFI_FILES = [
  "package.json",
  "LICENSE.txt",
  "index.js",
  "src/koffi/index.js",
  "src/koffi/src/static.js",
];

export interface AssembleOptions {
  readonly program: ProgramName;
  /** Made when it is not there. */
  readonly folder: string;
  readonly arch: Architecture;
  /** Seconds since 1970. */
  readonly epoch: number;
  /** With dist, node_modules and package-lock.json. */
  readonly root?: string;
}

/** @throws AppError not-found or misconfigured when a file is missing or is for another machine. */
export async function assemble({
  program,
  folder,
  arch,
  epoch,
  root = ROOT,
}: AssembleOptions): Promise<void> {
  const { files, koffi } = PROGRAMS[program];
  const native = `@koromix/koffi-linux-${arch}`;
  const node = `node-linux-${arch}`;
  const copy = async (from: string, to: string): Promise<void> => {
    const target = join(folder, to);
    await mkdir(dirname(target), { recursive: true });
    await copyFile(from, target);
  };

  // 1. Our own files, and what the bundles are made of.
  const names = new Set<string>([node]);
  for (const file of files) {
    await copy(join(root, "dist", file), `app/${file}`);
    await copy(join(root, "dist", `${file}.map`), `app/${file}.map`);
    for (const one of packagesOf(await readFile(join(root, "dist", `${file}.map`), "utf8"))) names.add(one);
  }
  await copy(join(root, "LICENSE"), "app/LICENSE");

  // 2. What is native.
  await using packages = await packagesFor(arch, root, [native, node]);
  await copy(join(packages.folder, node, "bin/node"), NODE_PATH);
  await copy(join(packages.folder, node, "LICENSE"), "nodejs/LICENSE");
  await refuse(join(folder, NODE_PATH), arch);
  if (koffi) {
    for (const one of ["koffi", native]) names.add(one);
    for (const file of KOFFI_FILES)
      await copy(join(packages.folder, "koffi", file), `app/node_modules/koffi/${file}`);
    const own = join(folder, "app/node_modules", native);
    for (const file of ["package.json", "index.js", `linux_${arch}/koffi.node`])
      await copy(join(packages.folder, native, file), `app/node_modules/${native}/${file}`);
    await refuse(join(own, `linux_${arch}/koffi.node`), arch);
    // On a machine of this kind it also has to load.
    if (arch === process.arch)
      await run(join(folder, NODE_PATH), ["--input-type=module", "--eval", 'import "koffi"'], {
        cwd: join(folder, "app"),
      });
  }

  // 3. What is in it.
  const bom = imageBom(await npmBom(root), { name: `gpu-autoscaler-${program}`, packages: names, epoch });
  await writeFile(join(folder, SBOM_PATH), bom);
  await settle(folder, epoch);
}

/** The lock file's packages for that machine: those that are here, or fetched anew by their hashes. */
async function packagesFor(
  arch: Architecture,
  root: string,
  needed: readonly string[],
): Promise<AsyncDisposable & { readonly folder: string }> {
  const here = join(root, "node_modules");
  const isHere = async (name: string): Promise<boolean> =>
    await readFile(join(here, name, "package.json")).then(
      () => true,
      () => false,
    );
  if ((await Promise.all(needed.map(isHere))).every(Boolean))
    return { folder: here, [Symbol.asyncDispose]: async () => {} };

  const work = await mkdtemp(join(tmpdir(), "packages-"));
  for (const file of ["package.json", "package-lock.json", ".npmrc"])
    await cp(join(root, file), join(work, file));
  const machine = ["--os=linux", `--cpu=${arch}`, "--libc=glibc"];
  await run("npm", ["ci", "--ignore-scripts", "--prefer-offline", "--omit=dev", ...machine], { cwd: work });
  return {
    folder: join(work, "node_modules"),
    [Symbol.asyncDispose]: async () => {
      await rm(work, { recursive: true, force: true });
    },
  };
}

async function refuse(file: string, arch: Architecture): Promise<void> {
  const problem = nativeProblem(await readFile(file), arch);
  if (problem !== null) throw new AppError("misconfigured", `${file} ${problem}`);
}

/** One time and one mode for all, whatever the machine's umask is; what lies inside a folder before the folder. */
async function settle(folder: string, epoch: number): Promise<void> {
  for (const entry of await readdir(folder, { withFileTypes: true })) {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) {
      await settle(path, epoch);
      continue;
    }
    await chmod(path, path.endsWith(`/${NODE_PATH}`) ? 0o755 : 0o644);
    await utimes(path, epoch, epoch);
  }
  await chmod(folder, 0o755);
  await utimes(folder, epoch, epoch);
}
