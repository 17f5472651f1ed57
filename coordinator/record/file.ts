// One file of a recording while it is written: gzip that is flushed after each line, so that what was written before a
// crash can be read. It is made anew and never gone on with.

import { once } from "node:events";
import { createWriteStream } from "node:fs";
import { rm } from "node:fs/promises";
import { finished } from "node:stream/promises";
import { constants, createGzip } from "node:zlib";

import type { Head } from "./line.ts";

const PREFIX = "recording-";
const SUFFIX = ".ndjson.gz";

/** Names in order of time: the instant comes first. */
export function fileName(startedAt: string, session: string, number: number): string {
  return `${PREFIX}${startedAt.replaceAll(/[:.]/g, "-")}-${session}-${String(number).padStart(4, "0")}${SUFFIX}`;
}

export function isRecordingName(name: string): boolean {
  return name.startsWith(PREFIX) && (name.endsWith(SUFFIX) || name.endsWith(SUFFIX.slice(0, -3)));
}

export interface RecordingFile {
  readonly path: string;
  /** Compressed bytes that have left for the disk. */
  bytes(): number;
  /** Takes the line's end itself. @throws what the disk says. */
  write(pieces: Iterable<string> | AsyncIterable<string>): Promise<void>;
  close(): Promise<void>;
  /** Without waiting for what is not written yet. A file in which no decision is whole goes: a full disk would gather them. */
  abandon(): void;
}

/** @throws what the disk says, as when there is such a file. */
export async function createFile(path: string, head: Head): Promise<RecordingFile> {
  const gzip = createGzip();
  // Readable by the owner and the group: it holds names.
  const disk = createWriteStream(path, { flags: "wx", mode: 0o640 });
  let bytes = 0;
  gzip.on("data", (chunk: Buffer) => {
    bytes += chunk.length;
  });
  let isOurs = false;
  disk.once("open", () => {
    isOurs = true;
  });
  let lines = 0;
  gzip.pipe(disk);
  // Whichever of the two fails, whoever waits for either learns it.
  disk.on("error", (error) => gzip.destroy(error));
  gzip.on("error", (error) => disk.destroy(error));
  const ended = finished(disk);
  ended.catch(() => {});

  const put = async (text: string): Promise<void> => {
    if (gzip.destroyed) await ended;
    if (!gzip.write(text)) await Promise.race([once(gzip, "drain"), ended]);
  };
  const flushed = async (): Promise<void> => {
    const { promise, resolve } = Promise.withResolvers<void>();
    gzip.flush(constants.Z_SYNC_FLUSH, resolve);
    await Promise.race([promise, ended]);
    if (disk.writableNeedDrain) await Promise.race([once(disk, "drain"), ended]);
  };

  const file: RecordingFile = {
    path,
    bytes: () => bytes,
    write: async (pieces) => {
      for await (const piece of pieces) await put(piece);
      await put("\n");
      await flushed();
      lines++;
    },
    close: async () => {
      gzip.end();
      await ended;
    },
    abandon: () => {
      gzip.destroy();
      disk.destroy();
      // The first line is the head.
      if (isOurs && lines < 2) rm(path, { force: true }).catch(() => {}); // its folder may be gone
    },
  };
  try {
    await file.write([JSON.stringify(head)]);
  } catch (error) {
    file.abandon();
    throw error;
  }
  return file;
}
