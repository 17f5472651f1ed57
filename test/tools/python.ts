// Python programs of the tests: one list of packages, pinned by version and hash, installed once into a folder that git
// ignores, and a way to start a program with exactly these. It is no environment to work in, and installs nothing into
// the system's Python.

import { execFile, spawn } from "node:child_process";
import type { ChildProcessWithoutNullStreams } from "node:child_process";
import { createHash } from "node:crypto";
import { access, mkdir, mkdtemp, readFile, rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { promisify } from "node:util";

import { AppError, describe } from "../../shared/runtime/errors.ts";
import { readEnvironment } from "../../shared/runtime/settings.ts";
import type { Environment } from "../../shared/runtime/settings.ts";

const run = promisify(execFile);
const FOLDER = new URL("python/", import.meta.url).pathname;
const CACHE = new URL("../../.cache/tools/", import.meta.url).pathname;
const INSTALL_MS = 300_000;
const LOOK_MS = 100;

export interface Python {
  /** Folder with the packages. */
  readonly packages: string;
  /** Starts a program of `test/tools/python/`, unbuffered. Whoever starts it ends it. */
  start(program: string, args?: readonly string[]): ChildProcessWithoutNullStreams;
}

export interface PythonOptions {
  readonly environment?: Environment;
  /** Folder that keeps what was fetched. */
  readonly cache?: string;
  /** List of packages, in the form of pip's requirements. */
  readonly list?: string;
  /** Told before something slow begins. */
  readonly onProgress?: (sentence: string) => void;
}

/**
 * Python with the packages of `test/tools/python/aws.txt`.
 * @throws AppError not-found when Python or the packages cannot be had, with what to do about it.
 */
export async function obtainPython(options: PythonOptions = {}): Promise<Python> {
  const {
    environment = readEnvironment(),
    cache = CACHE,
    list = `${FOLDER}aws.txt`,
    onProgress = () => {},
  } = options;
  const program = environment["GPUAS_TOOL_PYTHON"] ?? "python3";
  const env = { ...environment, PYTHONNOUSERSITE: "1" };

  const hash = createHash("sha256")
    .update(await readFile(list))
    .digest("hex")
    .slice(0, 12);
  // Packages with compiled parts fit one version of Python.
  const version = await versionOf(program, env);
  const packages = join(cache, `python-${hash}-${version}`);
  if (!(await isThere(packages))) {
    onProgress(
      `getting the packages of ${list.slice(list.lastIndexOf("/") + 1)} for Python ${version} by pip`,
    );
    await install({ program, list, packages, cache, env });
  }
  return {
    packages,
    start: (name, args = []) =>
      spawn(program, ["-u", `${FOLDER}${name}`, ...args], { env: { ...env, PYTHONPATH: packages } }),
  };
}

async function versionOf(program: string, env: Environment): Promise<string> {
  const script = "import sys; print('%d.%d' % sys.version_info[:2])";
  try {
    const { stdout } = await run(program, ["-c", script], { env: { ...env }, timeout: 20_000 });
    return stdout.trim();
  } catch (error) {
    throw unobtainable(`${program} does not run`, error);
  }
}

interface Installation {
  readonly program: string;
  readonly list: string;
  readonly packages: string;
  readonly cache: string;
  readonly env: Environment;
}

/** One installs and the others wait for it: several test files ask at the same moment. */
async function install(installation: Installation): Promise<void> {
  const { packages, cache } = installation;
  await mkdir(cache, { recursive: true });
  const lock = `${packages}.lock`;
  while (!(await isTaken(lock))) {
    await delay(LOOK_MS);
    if (await isThere(packages)) return;
    if (await isLeftBehind(lock)) await rm(lock, { force: true });
  }
  try {
    if (!(await isThere(packages))) await fetchPackages(installation);
  } finally {
    await rm(lock, { force: true });
  }
}

/** Works in a folder of its own and moves it into place, so that what is there is whole. */
async function fetchPackages({ program, list, packages, cache, env }: Installation): Promise<void> {
  const work = await mkdtemp(join(cache, ".python-"));
  const selection = ["--require-hashes", "--no-deps", "--only-binary=:all:", "--disable-pip-version-check"];
  try {
    await run(
      program,
      ["-m", "pip", "install", "--quiet", ...selection, "--target", join(work, "packages"), "-r", list],
      { env: { ...env }, timeout: INSTALL_MS, maxBuffer: 16 * 2 ** 20 },
    );
    await rename(join(work, "packages"), packages);
  } catch (error) {
    // Two who find the same lock left behind may both begin.
    if (!(await isThere(packages))) throw unobtainable("pip could not install the packages", error);
  } finally {
    await rm(work, { recursive: true, force: true });
  }
}

async function isTaken(lock: string): Promise<boolean> {
  try {
    await writeFile(lock, String(process.pid), { flag: "wx" });
    return true;
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "EEXIST") return false;
    throw error;
  }
}

/** Whether its holder has died with it. */
async function isLeftBehind(lock: string): Promise<boolean> {
  try {
    const holder = Number(await readFile(lock, "utf8"));
    // Nothing is in it yet when it has just been made.
    if (holder > 0) process.kill(holder, 0);
    return false;
  } catch (error) {
    return error instanceof Error && "code" in error && error.code === "ESRCH";
  }
}

async function isThere(path: string): Promise<boolean> {
  try {
    await access(path);
    return true;
  } catch {
    return false;
  }
}

function unobtainable(what: string, error: unknown): AppError {
  const why = describe(error).trim().split("\n").at(-1) ?? "";
  return new AppError(
    "not-found",
    `the Python packages for AWS's API are not here (${what}: ${why}): install Python 3.10 or newer with pip, ` +
      "or set GPUAS_TOOL_PYTHON to one, and run `npm run get -- aws-python`",
    { cause: error },
  );
}
