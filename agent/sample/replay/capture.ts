// The file that `agent record` writes and a replay plays: its reader and its writer. A file is taken as a whole or
// refused with the field and the way out; one that is there is not lost to another. Its form is capture-schema.ts, what
// changes from cycle to cycle is packed in deltas.ts, and what would name a machine is taken out in anonymise.ts.

import { link, open, readFile, rename, rm, stat } from "node:fs/promises";

import { AppError, describe } from "../../../shared/runtime/errors.ts";
import { CAPTURE_FORMAT, CAPTURE_VERSION, captureSchema } from "./capture-schema.ts";
import type { Capture } from "./capture-schema.ts";

/** About half an hour of 8 busy GPUs. Reading it takes 5 times its size, and an agent's heap has 64 MiB. */
export const MAX_CAPTURE_BYTES = 8 * 1024 * 1024;

/** @throws AppError bad-input that names the file, the field and the way out. */
export async function readCapture(path: string): Promise<Capture> {
  const text = await readText(path);
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw refused(path, `it is no JSON: ${describe(cause)}`);
  }
  return captureFrom(value, path);
}

/** `name` says where it is from. @throws AppError bad-input that names the field and the way out. */
export function captureFrom(value: unknown, name: string): Capture {
  const head: Partial<Record<"format" | "v", unknown>> =
    typeof value === "object" && value !== null ? value : {};
  if (head.format !== CAPTURE_FORMAT)
    throw refused(name, `format is ${shown(head.format)}, known is "${CAPTURE_FORMAT}"`);
  if (head.v !== CAPTURE_VERSION) {
    const newer = typeof head.v === "number" && head.v > CAPTURE_VERSION;
    const way = newer ? "; play it with the agent that made it, or a newer one" : "";
    throw refused(name, `v is ${shown(head.v)}, known is ${CAPTURE_VERSION}${way}`);
  }
  const parsed = captureSchema.safeParse(value);
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  throw refused(name, `${issue?.path.join(".") ?? "it"}: ${issue?.message ?? "not valid"}`);
}

/**
 * Writes the whole file or none. Without `force` a file that is there stays as it is.
 * @throws AppError conflict when it is there, unavailable when it cannot be written.
 */
export async function writeCapture(path: string, capture: Capture, force: boolean): Promise<void> {
  const next = `${path}.${process.pid}.next`;
  try {
    await writeWhole(next, `${JSON.stringify(capture)}\n`);
    // A link is refused when somebody has made the file meanwhile; a rename would replace it.
    if (force) await rename(next, path);
    else await link(next, path);
  } catch (cause) {
    const there = cause instanceof Error && "code" in cause && cause.code === "EEXIST";
    if (there) throw isThere(path);
    throw new AppError("unavailable", `cannot write the capture ${path}: ${describe(cause)}`, { cause });
  } finally {
    await rm(next, { force: true });
  }
}

/** Asked before a recording begins, so that a minute is not spent in vain. */
export async function refuseIfThere(path: string): Promise<void> {
  const there = await stat(path).then(
    () => true,
    () => false,
  );
  if (there) throw isThere(path);
}

async function writeWhole(path: string, text: string): Promise<void> {
  await rm(path, { force: true });
  // Made anew or not at all: in a folder that all may write to, the name could be somebody's link to another file.
  const file = await open(path, "wx", 0o644);
  try {
    await file.writeFile(text);
    await file.sync();
  } finally {
    await file.close();
  }
}

async function readText(path: string): Promise<string> {
  try {
    const { size } = await stat(path);
    if (size > MAX_CAPTURE_BYTES)
      throw new Error(
        `it has ${size} bytes, at most ${MAX_CAPTURE_BYTES} are read; record for fewer seconds`,
      );
    return await readFile(path, "utf8");
  } catch (cause) {
    throw new AppError("bad-input", `cannot read the capture ${path}: ${describe(cause)}`, { cause });
  }
}

function isThere(path: string): AppError {
  return new AppError(
    "conflict",
    `${path} is there already; name another file, or say --force to replace it`,
  );
}

function refused(name: string, why: string): AppError {
  return new AppError(
    "bad-input",
    `${name} is no capture that can be played: ${why}; make one with: agent record`,
  );
}

function shown(value: unknown): string {
  return value === undefined ? "missing" : (JSON.stringify(value) ?? typeof value).slice(0, 80);
}
