// The two base images that the tests build ours on, made of Debian's own packages where no registry can be reached: one
// that builds (a minimal Debian with Node and npm) and one that runs (glibc, libgcc and libstdc++, nothing else). They
// stand in for the public ones that the Dockerfiles name, and are kept in a folder that git ignores.

import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import { cp, lstat, mkdir, mkdtemp, readFile, realpath, rm, symlink, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { promisify } from "node:util";

import { AppError } from "../../shared/runtime/errors.ts";
import { readEnvironment } from "../../shared/runtime/settings.ts";
import { onPath } from "./ways.ts";

const run = promisify(execFile);
const CACHE = new URL("../../.cache/images/", import.meta.url).pathname;

const SUITE = "bookworm";
/** What the public base for C programs has as well. */
const RUN_PACKAGES = ["libc6", "libgcc-s1", "libstdc++6"];
/** Debian's folders are links into usr, and so are the run base's. */
const LINKS = ["lib", "lib64"];
/** What this machine trusts: packages may come through a mirror with a certificate of its own. */
const CERTIFICATES = "/etc/ssl/certs/ca-certificates.crt";
const DEBOOTSTRAP_MS = 10 * 60_000;

export interface ImageBases {
  /** Words between `buildah` and its command: where images and containers are kept. */
  readonly storage: readonly string[];
  /** NAME@sha256:DIGEST. */
  readonly buildBase: string;
  readonly runBase: string;
}

/** Why images cannot be built here and what to do about it; null when they can. */
export async function whyNoImages(): Promise<string | null> {
  if (process.platform !== "linux" || process.getuid?.() !== 0)
    return "images are built by root on Linux alone: the base is made by debootstrap";
  const path = readEnvironment()["PATH"] ?? "";
  for (const program of ["buildah", "debootstrap"]) {
    if ((await onPath([program], path)) === null)
      return `${program} is not on PATH: apt-get update && apt-get install buildah debootstrap`;
  }
  return null;
}

/** Those of the cache, or new ones: one to two minutes. */
export async function imageBases(onProgress: (sentence: string) => void): Promise<ImageBases> {
  const storage = [
    "--root",
    join(CACHE, "storage"),
    "--runroot",
    join(CACHE, "run"),
    "--storage-driver",
    "vfs",
  ];
  const buildah = async (...words: string[]): Promise<string> =>
    (await run("buildah", [...storage, ...words])).stdout.trim();
  const digestOf = async (name: string): Promise<string | null> =>
    await buildah("images", "--format", "{{.Digest}}", name).then(
      (text) => (text.startsWith("sha256:") ? text : null),
      () => null,
    );
  const importTree = async (tree: string, name: string): Promise<void> => {
    const container = await buildah("from", "scratch");
    try {
      await buildah("copy", "--quiet", container, tree, "/");
      await buildah("commit", "--quiet", container, name);
    } finally {
      await buildah("rm", container);
    }
  };

  const npm = await npmFolder();
  // Another Node or npm, another way to make it: another base.
  const recipe = createHash("sha256")
    .update(await readFile(new URL(import.meta.url)))
    .update(await readFile(CERTIFICATES).catch(() => ""))
    .digest("hex");
  const tag = `${SUITE}-${process.version}-npm${await versionOf(npm)}-${recipe.slice(0, 12)}`;
  const names = { build: `localhost/build-base:${tag}`, run: `localhost/run-base:${tag}` };
  if ((await digestOf(names.build)) === null || (await digestOf(names.run)) === null) {
    onProgress("making base images by debootstrap (one to two minutes, once)");
    await mkdir(CACHE, { recursive: true });
    const work = await mkdtemp(join(CACHE, "base-"));
    try {
      const [debian, small] = [join(work, "debian"), join(work, "small")];
      const words = ["--variant=minbase", "--include=ca-certificates", SUITE, debian];
      await run("debootstrap", words, { timeout: DEBOOTSTRAP_MS, maxBuffer: 16 * 1024 * 1024 });
      await copyRunFiles(debian, small);
      await importTree(small, names.run);
      await putNode(debian, npm);
      // Already unpacked.
      await rm(join(debian, "var/cache/apt/archives"), { recursive: true, force: true });
      await importTree(debian, names.build);
    } finally {
      await rm(work, { recursive: true, force: true });
    }
  }
  const [build, small] = [await digestOf(names.build), await digestOf(names.run)];
  if (build === null || small === null) throw new AppError("unavailable", "buildah kept no base image");
  return { storage, buildBase: `localhost/build-base@${build}`, runBase: `localhost/run-base@${small}` };
}

/** The files that the packages brought, by dpkg's own lists. */
async function copyRunFiles(from: string, to: string): Promise<void> {
  await mkdir(to);
  for (const link of LINKS) await symlink(`usr/${link}`, join(to, link));
  const architecture = process.arch === "x64" ? "amd64" : process.arch;
  for (const one of RUN_PACKAGES) {
    const list = await readFile(join(from, `var/lib/dpkg/info/${one}:${architecture}.list`), "utf8");
    for (const path of list.split("\n")) {
      const source = join(from, path);
      // What a minimal installation left out is in the list all the same.
      const isFile = await lstat(source).then(
        (found) => !found.isDirectory(),
        () => false,
      );
      if (!isFile) continue;
      const place = join(
        (await realpath(dirname(source))).slice(from.length),
        source.split("/").at(-1) ?? "",
      );
      await mkdir(dirname(join(to, place)), { recursive: true });
      await cp(source, join(to, place), { verbatimSymlinks: true });
    }
  }
}

/** The Node that runs this, which is the lock file's, and the npm that is on PATH. */
async function putNode(tree: string, npm: string): Promise<void> {
  const local = join(tree, "usr/local");
  await cp(await realpath(process.execPath), join(local, "bin/node"));
  await cp(npm, join(local, "lib/node_modules/npm"), { recursive: true, verbatimSymlinks: true });
  await symlink("../lib/node_modules/npm/bin/npm-cli.js", join(local, "bin/npm"));
  const isThere = await cp(CERTIFICATES, join(tree, CERTIFICATES)).then(
    () => true,
    () => false,
  );
  if (isThere) await writeFile(join(local, "etc/npmrc"), `cafile=${CERTIFICATES}\n`);
}

async function npmFolder(): Promise<string> {
  const command = await onPath(["npm"], readEnvironment()["PATH"] ?? "");
  if (command === null) throw new AppError("not-found", "npm is not on PATH");
  return dirname(dirname(await realpath(command)));
}

async function versionOf(folder: string): Promise<string> {
  const { version } = JSON.parse(await readFile(join(folder, "package.json"), "utf8")) as { version: string };
  return version;
}
