// The folder of a recording: which file is written, when the next begins, and which go so that the whole stays within
// its size and age. Files of others are left alone; of several coordinators that share it, only the one that leads writes.

import { mkdir, readdir, rm, stat } from "node:fs/promises";
import { join } from "node:path";

import { epochMs } from "../../shared/model/units.ts";
import type { Bytes, EpochMs, Millis } from "../../shared/model/units.ts";
import { createFile, fileName, isRecordingName } from "./file.ts";
import type { RecordingFile } from "./file.ts";
import type { Head } from "./line.ts";

export interface Bounds {
  readonly maxBytes: Bytes;
  readonly maxAgeMs: Millis;
}

/** A file of a large fleet begins with megabytes; one of a small fleet would hold weeks. */
const FILE_FORMS = { share: 1 / 16, least: 1024 * 1024, most: 64 * 1024 * 1024, ms: 3_600_000 };

export interface Folder {
  /** The file to write the next decision to; `isNew`: it has nothing yet. @throws what the disk says. */
  fileFor(at: EpochMs, head: Head): Promise<{ readonly file: RecordingFile; readonly isNew: boolean }>;
  /** What is written cannot be gone on with: the next decision begins a new file. */
  abandon(): void;
  /** Ends the file, if there is one, as a whole. */
  close(): Promise<void>;
  /** Of all files of the recording, as last looked at. */
  bytes(): number;
}

export function createFolder(dir: string, bounds: Bounds): Folder {
  const fileBytes = Math.min(
    Math.max(FILE_FORMS.least, bounds.maxBytes * FILE_FORMS.share),
    FILE_FORMS.most,
    bounds.maxBytes / 2,
  );
  let current: { readonly file: RecordingFile; readonly since: EpochMs; readonly head: Head } | null = null;
  let made = 0;
  let others = 0;

  /** What a full file takes has to find room beside what stays. */
  async function makeRoom(now: EpochMs): Promise<void> {
    const names = (await readdir(dir)).filter(isRecordingName).toSorted();
    const files: { readonly name: string; readonly size: number; readonly at: EpochMs }[] = [];
    // One after the other: of a disk that hangs they would take all the threads that look up names of hosts as well.
    for (const name of names) {
      // Another coordinator may have made room at the same moment.
      const file = await stat(join(dir, name)).catch(() => null);
      if (file !== null) files.push({ name, size: file.size, at: epochMs(file.mtimeMs) });
    }
    let total = files.reduce((sum, { size }) => sum + size, 0);
    for (const { name, size, at } of files) {
      if (total + fileBytes <= bounds.maxBytes && now - at <= bounds.maxAgeMs) continue;
      await rm(join(dir, name), { force: true });
      total -= size;
    }
    others = total;
  }

  async function close(): Promise<void> {
    const ending = current;
    current = null;
    if (ending === null) return;
    await ending.file.close();
    others += ending.file.bytes();
  }

  return {
    fileFor: async (at, head) => {
      if (current !== null) {
        const { file, since } = current;
        const isOver = file.bytes() >= fileBytes || Math.abs(at - since) >= FILE_FORMS.ms;
        if (!isOver && current.head === head) return { file, isNew: false };
        await close();
      }
      await mkdir(dir, { recursive: true });
      await makeRoom(at);
      const path = join(dir, fileName(new Date(at).toISOString(), head.session, made++));
      const file = await createFile(path, head);
      current = { file, since: at, head };
      return { file, isNew: true };
    },
    abandon: () => {
      current?.file.abandon();
      current = null;
    },
    close,
    bytes: () => others + (current?.file.bytes() ?? 0),
  };
}
