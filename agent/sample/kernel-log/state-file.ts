// One small JSON file that outlives the agent, replaced whole so that a reader never sees half of it. A folder that is
// full, read-only or gone costs what would have been remembered and nothing else: it is said once, and again when
// writing works.

import { mkdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";

import type { Clock } from "../../../shared/runtime/clock.ts";
import type { Log } from "../../../shared/runtime/log.ts";

export interface StateFile<T> {
  /** What was kept; null when there is nothing or it cannot be read. Never throws. */
  readonly read: () => Promise<T | null>;
  /** Keeps it soon: one write a second in the long run, and the newest of what came meanwhile. Never throws. */
  readonly keep: (value: T) => void;
  /** Resolves when nothing waits to be written. */
  readonly settled: () => Promise<void>;
}

export interface StateFileOptions<T> {
  /** Null keeps nothing. */
  readonly folder: string | null;
  readonly name: string;
  /** Null for what is not of this kind. */
  readonly parse: (value: unknown) => T | null;
  /**
   * How many writes may follow one another at once, for what must not be lost with a process that is killed; as many
   * seconds then have to pass for as many more. 1 when not given.
   */
  readonly burst?: number;
  readonly clock: Clock;
  readonly log: Log;
  readonly signal: AbortSignal;
}

const APART_MS = 1_000;
/** More is no file of ours. */
const BYTES_AT_MOST = 4 * 1024 * 1024;

export function createStateFile<T>(options: StateFileOptions<T>): StateFile<T> {
  const { folder, name, clock, log, burst = 1 } = options;
  if (folder === null)
    return { read: async () => await Promise.resolve(null), keep: () => {}, settled: async () => {} };
  const path = join(folder, name);
  let waiting: { readonly value: T } | null = null;
  let writing: Promise<void> | null = null;
  /** Of the last `burst` writes, the oldest first. */
  let writtenAt: readonly number[] = [];
  let failing = false;

  const write = async (text: string): Promise<void> => {
    const fresh = `${path}.new`;
    try {
      await mkdir(dirname(path), { recursive: true });
      await writeFile(fresh, text, { mode: 0o600 });
      await rename(fresh, path);
      if (failing) log.info({ path }, "state is kept over restarts again");
      failing = false;
    } catch (error) {
      if (!failing) log.warn({ path, error }, "state cannot be kept: a restart begins without it");
      failing = true;
      // Half a file on a full disk would be in the way of the next try.
      await rm(fresh, { force: true }).catch(() => {});
    }
  };

  const run = async (): Promise<void> => {
    while (waiting !== null) {
      const first = writtenAt.length < burst ? undefined : writtenAt[0];
      const inMs = first === undefined ? 0 : first + burst * APART_MS - clock.monotonic();
      // When the agent ends, what waits is written at once.
      if (inMs > 0 && !options.signal.aborted) {
        await clock.sleep(inMs as Parameters<Clock["sleep"]>[0], options.signal).catch(() => {});
      }
      const { value } = waiting;
      waiting = null;
      writtenAt = [...writtenAt, clock.monotonic()].slice(-burst);
      await write(JSON.stringify(value));
    }
    writing = null;
  };

  return {
    read: async () => {
      try {
        const text = await readFile(path, "utf8");
        if (text.length > BYTES_AT_MOST) throw new Error(`${text.length} characters are too many`);
        const value = options.parse(JSON.parse(text));
        if (value === null) log.warn({ path }, "state of the agent before cannot be read and is left");
        return value;
      } catch (error) {
        if (!isMissing(error))
          log.warn({ path, error }, "state of the agent before cannot be read and is left");
        return null;
      }
    },
    keep: (value) => {
      waiting = { value };
      writing ??= run();
    },
    settled: async () => {
      await writing;
    },
  };
}

function isMissing(error: unknown): boolean {
  return error instanceof Error && "code" in error && error.code === "ENOENT";
}
