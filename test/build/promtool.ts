// Prometheus' own tool, for tests that ask it about rules. Where it cannot be had the test is skipped by name, with what
// to do; the names stand in .ci/skips.

import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text as textOf } from "node:stream/consumers";

import { describe as describeError } from "../../shared/runtime/errors.ts";
import { obtain } from "../tools/obtain.ts";

export interface Said {
  readonly code: number | null;
  /** What it wrote, errors behind the rest. */
  readonly text: string;
}

/** Runs `promtool ARGS` in a folder with these files and no others. */
export type Promtool = (args: readonly string[], files: Readonly<Record<string, string>>) => Promise<Said>;

/** How long `obtainPromtool` may take where a package has to come first. */
export const PROMTOOL_WITHIN_MS = 150_000;

/** @returns the tool, or why it cannot be had and how to get it. */
export async function obtainPromtool(): Promise<Promtool | { readonly missing: string }> {
  try {
    const path = await obtain("promtool");
    return async (args, files) => await runIn(path, args, files);
  } catch (error) {
    return { missing: `${describeError(error)}; to get it: npm run get -- promtool` };
  }
}

async function runIn(
  path: string,
  args: readonly string[],
  files: Readonly<Record<string, string>>,
): Promise<Said> {
  const folder = await mkdtemp(join(tmpdir(), "promtool-"));
  try {
    for (const [name, content] of Object.entries(files)) await writeFile(join(folder, name), content);
    const child = spawn(path, [...args], { cwd: folder, stdio: ["ignore", "pipe", "pipe"] });
    const ended = once(child, "close");
    const said = await Promise.all([textOf(child.stdout), textOf(child.stderr)]);
    await ended;
    return { code: child.exitCode, text: said.join("") };
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
