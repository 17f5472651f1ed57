// Reads recordings: folders and files as the coordinator wrote them, one decision after the other. The end of a file that
// was cut off is left out and counted; a line in the middle that cannot be read is named with its file. Nothing is decided.

import { createReadStream } from "node:fs";
import { readdir, stat } from "node:fs/promises";
import { basename, join } from "node:path";
import { StringDecoder } from "node:string_decoder";
import { constants, createGunzip } from "node:zlib";

import { AppError, describe } from "../../shared/runtime/errors.ts";
import { isRecordingName } from "./file.ts";
import { readLine, RECORDING_FORMAT, RECORDING_VERSION } from "./line.ts";
import type { Head, ReadLine } from "./line.ts";
import { isFields } from "./patch.ts";

export interface Moment extends ReadLine {
  readonly head: Head;
  readonly file: string;
  /** In its file, the head's being 1. */
  readonly line: number;
}

/** Filled while a recording is read. */
export interface Tally {
  files: number;
  decisions: number;
  /** Decisions that the recorder says it dropped. */
  dropped: number;
  /** Files whose last line is not whole: the process ended there. */
  cut: number;
  /** Files of which the rest cannot be read, in words. */
  damaged: string[];
}

export function newTally(): Tally {
  return { files: 0, decisions: 0, dropped: 0, cut: 0, damaged: [] };
}

/**
 * All decisions in order of their files. Folders give their recordings by name, which is by time.
 * @throws AppError bad-input when there is no recording, or when a file or a line is none.
 */
export async function* readRecording(paths: readonly string[], tally: Tally): AsyncGenerator<Moment> {
  const files = (await Promise.all(paths.map(filesOf))).flat();
  let last: Moment | null = null;
  for (const file of files) {
    tally.files++;
    for await (const moment of readFile(file, tally)) {
      // What is before the first that is there has been thrown away for its age or size.
      if (last?.head.session === moment.head.session)
        tally.dropped += Math.max(0, moment.number - last.number - 1);
      tally.decisions++;
      last = moment;
      yield moment;
    }
  }
}

async function filesOf(path: string): Promise<readonly string[]> {
  try {
    if (!(await stat(path)).isDirectory()) return [path];
    const names = (await readdir(path)).filter(isRecordingName).toSorted();
    if (names.length > 0) return names.map((name) => join(path, name));
  } catch (cause) {
    throw new AppError("bad-input", `cannot read the recording ${path}: ${describe(cause)}`, { cause });
  }
  throw new AppError(
    "bad-input",
    `${path} holds no recording, which is a file such as recording-….ndjson.gz; the coordinator writes some where GPUAS_RECORD_DIR is set`,
  );
}

async function* readFile(path: string, tally: Tally): AsyncGenerator<Moment> {
  let head: Head | null = null;
  let before: ReadLine | null = null;
  let line = 0;
  for await (const text of linesOf(path, tally)) {
    line++;
    if (head === null) {
      head = headOf(text, path);
      continue;
    }
    try {
      before = readLine(before, text);
    } catch (cause) {
      throw new AppError("bad-input", `${path}, line ${line}: ${describe(cause)}; copy the file anew`, {
        cause,
      });
    }
    yield { ...before, head, file: basename(path), line };
  }
}

/** Whole lines only. */
async function* linesOf(path: string, tally: Tally): AsyncGenerator<string> {
  const decoder = new StringDecoder("utf8");
  let rest: string[] = [];
  const raw = createReadStream(path);
  // A file of a process that was killed has no end: what was flushed is all there is.
  const stream = path.endsWith(".gz") ? raw.pipe(createGunzip({ finishFlush: constants.Z_SYNC_FLUSH })) : raw;
  raw.on("error", (error) => stream.destroy(error));
  try {
    for await (const chunk of stream as AsyncIterable<Buffer>) {
      const [first = "", ...more] = decoder.write(chunk).split("\n");
      rest.push(first);
      const last = more.pop();
      if (last === undefined) continue;
      yield rest.join("");
      yield* more;
      rest = [last];
    }
  } catch (error) {
    if (!isOfGzip(error))
      throw error instanceof AppError
        ? error
        : new AppError("bad-input", `cannot read the recording ${path}: ${describe(error)}`, {
            cause: error,
          });
    tally.damaged.push(`${basename(path)} (${describe(error)})`);
  } finally {
    raw.destroy();
  }
  if (rest.some((part) => part !== "")) tally.cut++;
}

function isOfGzip(error: unknown): boolean {
  return error instanceof Error && "code" in error && String(error.code).startsWith("Z_");
}

function headOf(text: string, path: string): Head {
  const refused = (why: string): AppError =>
    new AppError("bad-input", `${path} is no recording of decisions: ${why}`);
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw refused(`its first line is no JSON (${describe(cause)})`);
  }
  const head: Partial<Record<keyof Head, unknown>> = isFields(value) ? value : {};
  if (head.format !== RECORDING_FORMAT)
    throw refused(`format is ${shown(head.format)}, known is "${RECORDING_FORMAT}"`);
  if (head.v !== RECORDING_VERSION)
    throw refused(
      `v is ${shown(head.v)}, known is ${RECORDING_VERSION}; read it with the version that wrote it, or a newer one`,
    );
  if (!isFields(head.build) || typeof head.session !== "string")
    throw refused("it has no build or no session");
  return value as Head;
}

function shown(value: unknown): string {
  return value === undefined ? "missing" : (JSON.stringify(value) ?? typeof value).slice(0, 80);
}
