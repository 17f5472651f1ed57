// Files out of a Go module that somebody else publishes, such as the definitions of another project's objects: read
// from the module cache, fetched into it when they are not there, checked against the pinned hash, never copied here.

import { execFile } from "node:child_process";
import { readFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { promisify } from "node:util";

import { z } from "zod";

import { AppError, describe } from "../../shared/runtime/errors.ts";
import { readEnvironment } from "../../shared/runtime/settings.ts";
import type { Environment } from "../../shared/runtime/settings.ts";
import { unzipMember } from "./unzip.ts";
import { onPath } from "./ways.ts";

const run = promisify(execFile);

export interface GoModule {
  /** `sigs.k8s.io/cluster-api` */
  readonly path: string;
  /** With the v. */
  readonly version: string;
  /** As go.sum has it: `h1:…`, over every file of the module. */
  readonly sum: string;
}

export interface GoModuleFiles {
  /** The text of the one file whose path ends so. @throws Error when there is none or more than one. */
  text(suffix: string): string;
}

const FETCH_MS = 5 * 60_000;

const downloaded = z.object({
  Zip: z.string().optional(),
  Sum: z.string().optional(),
  Error: z.string().optional(),
});

/** @throws AppError not-found when Go is not here or cannot fetch it; malformed when the hash is another one. */
export async function openGoModule(
  { path, version, sum }: GoModule,
  { environment = readEnvironment() }: { readonly environment?: Environment } = {},
): Promise<GoModuleFiles> {
  const name = `${path}@${version}`;
  const go = await onPath(["go"], environment["PATH"] ?? "");
  if (go === null) throw new AppError("not-found", `${name} is not here: go is not on PATH, install Go 1.26`);
  const answer = downloaded.parse(JSON.parse(await download(go, name, environment)));
  // A module that asks for a newer Go is downloaded all the same, and its files are all that is wanted.
  if (answer.Zip === undefined) {
    throw new AppError("not-found", `${name} is not here: ${answer.Error ?? "go says no file"}`);
  }
  if (answer.Sum !== sum) throw new AppError("malformed", `${name} has hash ${answer.Sum}, pinned is ${sum}`);
  const archive = await readFile(answer.Zip);
  return { text: (suffix) => unzipMember(archive, suffix).toString("utf8") };
}

async function download(go: string, name: string, environment: Environment): Promise<string> {
  try {
    // Away from any module of ours, and with the Go that is here: another one would be fetched for nothing.
    const { stdout } = await run(go, ["mod", "download", "-json", name], {
      cwd: tmpdir(),
      env: { ...environment, GOTOOLCHAIN: "local", GOFLAGS: "-mod=mod" },
      timeout: FETCH_MS,
    });
    return stdout;
  } catch (error) {
    // With -json the answer says what went wrong, beside the exit code.
    const said = typeof error === "object" && error !== null && "stdout" in error ? String(error.stdout) : "";
    if (said.startsWith("{")) return said;
    throw new AppError("not-found", `${name} cannot be fetched: ${describe(error)}`, { cause: error });
  }
}
