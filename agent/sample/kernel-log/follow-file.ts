// Follows a log file as it grows, is rotated or is cut: each turn reads what is new, up to a bound, and hands over the
// lines that hold one of the marks. Lines without one are passed over as bytes, so that a flood of them costs next to
// nothing. It does not know what a line means.

import { statSync } from "node:fs";
import type { Stats } from "node:fs";
import { open, stat } from "node:fs/promises";
import type { FileHandle } from "node:fs/promises";

import type { Position } from "./position.ts";

export type FilePosition = Extract<Position, { kind: "file" }>;

export interface FileFollower {
  /** Reads what is new. @throws what the file system says when the file cannot be read; the next turn tries again. */
  readonly turn: () => Promise<Turn>;
  /** Of the end of the last whole line that was read; null before the file was opened. */
  readonly position: () => FilePosition | null;
  readonly close: () => Promise<void>;
}

export interface Turn {
  readonly lines: readonly string[];
  /** There is more than one turn may read. */
  readonly more: boolean;
}

export interface FollowOptions {
  readonly path: string;
  /** Where the agent before this one was in this boot; null begins at the end. */
  readonly from: FilePosition | null;
  readonly marks: readonly string[];
  readonly bytesInATurn?: number;
}

/** Nearly three times what a flood of 10,000 lines a second writes between two turns. */
const BYTES_IN_A_TURN = 4 * 1024 * 1024;
const CHUNK_BYTES = 256 * 1024;
/** A longer line is cut here. The kernel's own are at most 1 KiB. */
const LINE_BYTES_AT_MOST = 8 * 1024;
const LINE_FEED = 10;
/** A rotation leaves the path without a file for a moment. Half a minute later nobody will write there any more. */
const TURNS_WITHOUT_A_FILE = 60;
/** The number of an inode is used again soon after its file is gone; two logs never begin alike. */
const HEAD_BYTES = 64;

export function followFile({
  path,
  from,
  marks,
  bytesInATurn = BYTES_IN_A_TURN,
}: FollowOptions): FileFollower {
  let handle: FileHandle | null = null;
  let file = "";
  let head = "";
  /** Where the next read begins; the bytes of `partial` lie before it. */
  let offset = 0;
  let partial: Buffer = Buffer.alloc(0);
  let begun = false;
  let turnsWithout = 0;
  /** How the file looked when it had been read to its end; null while it was not. */
  let readToEnd: string | null = null;
  const chunk = Buffer.allocUnsafe(CHUNK_BYTES);
  const needles = marks.map((mark) => Buffer.from(mark));

  const readHead = async (from: FileHandle): Promise<string> => {
    const { bytesRead } = await from.read(chunk, 0, HEAD_BYTES, 0);
    return chunk.toString("latin1", 0, bytesRead);
  };

  /**
   * Whether the open file was cut since the last turn. One that has grown again beyond where we were is told by its
   * beginning; of a short file the beginning is noted anew as it grows.
   */
  const wasCut = async (from: FileHandle): Promise<boolean> => {
    const { size } = await from.stat();
    const now = await readHead(from);
    if (size < offset || !now.startsWith(head)) return true;
    head = now;
    return false;
  };

  const openAt = async (place: "start" | "end" | "kept"): Promise<void> => {
    handle = await open(path, "r");
    const found = await handle.stat();
    const { size } = found;
    file = identityOf(found);
    head = await readHead(handle);
    // A file that was rotated while nobody looked is new to us from its first line on.
    const same = from !== null && from.file === file && head.startsWith(from.head) && from.offset <= size;
    const kept = same ? from.offset : 0;
    offset = place === "start" ? 0 : place === "end" ? size : kept;
    partial = Buffer.alloc(0);
  };

  const close = async (): Promise<void> => {
    const old = handle;
    handle = null;
    await old?.close().catch(() => {});
  };

  /** Reads to the end of the open file, or until the turn's bytes are used up. */
  const readOn = async (into: string[], left: number): Promise<number> => {
    let budget = left;
    while (handle !== null && budget > 0) {
      const { bytesRead } = await handle.read(chunk, 0, Math.min(CHUNK_BYTES, budget), offset);
      if (bytesRead === 0) break;
      offset += bytesRead;
      budget -= bytesRead;
      partial = takeLines(partial, chunk.subarray(0, bytesRead), needles, into);
    }
    return budget;
  };

  return {
    turn: async () => {
      // Nearly every turn finds nothing new, and one question is enough to know it. Asked on the spot it takes some
      // microseconds; through the pool of threads it woke two of them and was a sixth of what the agent cost at rest.
      if (handle !== null && readToEnd !== null) {
        const seen = statSync(path, { throwIfNoEntry: false });
        if (seen !== undefined && lookOf(seen) === readToEnd) return { lines: [], more: false };
      }
      const lines: string[] = [];
      if (handle === null) {
        await openAt(begun ? "start" : from === null ? "end" : "kept");
        begun = true;
      } else if (await wasCut(handle)) {
        head = await readHead(handle);
        offset = 0;
        partial = Buffer.alloc(0);
      }
      let left = await readOn(lines, bytesInATurn);
      // The old file is read to its end before the new one is begun: a rotation loses nothing.
      const now = left > 0 ? await stat(path).catch(nullIfMissing) : null;
      turnsWithout = now === null && left > 0 ? turnsWithout + 1 : 0;
      if (turnsWithout > TURNS_WITHOUT_A_FILE && lines.length === 0) {
        await close();
        turnsWithout = 0;
        throw new Error(`${path} is gone`);
      }
      if (now !== null && identityOf(now) !== file) {
        await close();
        await openAt("start");
        left = await readOn(lines, left);
      }
      readToEnd = now !== null && now.size === offset && identityOf(now) === file ? lookOf(now) : null;
      return { lines, more: left === 0 };
    },
    position: () =>
      handle === null
        ? null
        : { kind: "file", path, file, head, offset: Math.max(0, offset - partial.length) },
    close,
  };
}

/** Hands over the whole lines that hold a mark. @returns the bytes after the last line feed. */
function takeLines(partial: Buffer, chunk: Buffer, marks: readonly Buffer[], into: string[]): Buffer {
  const bytes = partial.length === 0 ? chunk : Buffer.concat([partial, chunk]);
  const end = bytes.lastIndexOf(LINE_FEED) + 1;
  const whole = bytes.subarray(0, end);
  const starts = new Set<number>();
  for (const mark of marks) {
    for (let at = whole.indexOf(mark); at >= 0;) {
      starts.add(whole.lastIndexOf(LINE_FEED, at) + 1);
      const next = whole.indexOf(LINE_FEED, at) + 1;
      at = whole.indexOf(mark, next);
    }
  }
  for (const start of [...starts].toSorted((a, b) => a - b)) {
    const stop = Math.min(whole.indexOf(LINE_FEED, start), start + LINE_BYTES_AT_MOST);
    into.push(whole.toString("utf8", start, stop).trimEnd());
  }
  const rest = bytes.subarray(end);
  // The start of an endless line is enough; what is beyond can hold no line of the kernel's.
  return Buffer.from(rest.length > LINE_BYTES_AT_MOST ? rest.subarray(0, LINE_BYTES_AT_MOST) : rest);
}

/** Other when anything was written, cut or put in its place. */
function lookOf(found: Stats): string {
  return `${identityOf(found)}:${found.size}:${found.mtimeMs}:${found.ctimeMs}`;
}

function identityOf({ dev, ino }: { readonly dev: number; readonly ino: number }): string {
  return `${dev}:${ino}`;
}

/** Between the renaming of the old file and the making of the new one there is none. */
function nullIfMissing(error: unknown): null {
  if (error instanceof Error && "code" in error && error.code === "ENOENT") return null;
  throw error;
}
