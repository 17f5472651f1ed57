// Records what was decided and from what, beside the loop and never in its way: a decision is handed over and forgotten. A
// disk that is slow, full or gone costs decisions of the recording, which are counted, and nothing else.

import { millis } from "../../shared/model/units.ts";
import type { Clock } from "../../shared/runtime/clock.ts";
import { describe } from "../../shared/runtime/errors.ts";
import type { QuietLog } from "../../shared/runtime/log.ts";
import { nextTurn } from "../../shared/runtime/stream.ts";
import type { Folder } from "./folder.ts";
import type { Decided, Head } from "./line.ts";
import { linePieces } from "./line.ts";

export type Dropped = "queue" | "disk";

export interface RecorderParts {
  readonly folder: Folder;
  readonly clock: Clock;
  readonly log: QuietLog;
  /** Who writes: a new one for each time that this process leads. */
  readonly head: () => Head;
  /** What is written of a decision, as where names are to be replaced. Absent: all of it, as it is. */
  readonly shown?: (decided: Decided) => Promise<{ readonly decided: Decided; readonly names: string }>;
  readonly onWritten: (figures: { readonly bytes: number; readonly folderBytes: number }) => void;
  readonly onDropped: (why: Dropped, decisions: number) => void;
}

export interface Recorder {
  /** Never waits and never throws. */
  take(decided: Decided): void;
  /** The next decision is of another leading: nothing is known of what went before. */
  begin(): void;
  /** Writes until the signal, then what is left, for as long as a program may take to end. Never rejects. */
  run(signal: AbortSignal): Promise<void>;
}

/** Decisions that wait to be written. More would hold more of the past in memory than a slow disk is worth. */
const MAX_WAITING = 4;
const AFTER_FAILURE_MS = millis(30_000);
const AT_END_MS = millis(2_000);

export function createRecorder(parts: RecorderParts): Recorder {
  const { folder, clock, log } = parts;
  interface Waiting {
    readonly decided: Decided;
    readonly number: number;
    readonly head: Head;
  }
  const waiting: Waiting[] = [];
  let wake: (() => void) | null = null;
  let number = 0;
  let head: Head | null = null;
  let before: Decided | null = null;
  let pausedUntilMs = 0;
  /** The head of the file that is written, with the set of names in it. */
  let written: Head | null = null;

  function headWith(next: Head, names: string | null): Head {
    if (written?.session !== next.session || written.names !== names) written = { ...next, names };
    return written;
  }

  async function write({ decided, number: of, head: by }: Waiting): Promise<void> {
    const shown = (await parts.shown?.(decided)) ?? { decided, names: null };
    const { file, isNew } = await folder.fileFor(decided.snapshot.at, headWith(by, shown.names));
    const had = isNew ? 0 : file.bytes();
    await file.write(inTurns(linePieces(isNew ? null : before, shown.decided, of)));
    before = shown.decided;
    parts.onWritten({ bytes: file.bytes() - had, folderBytes: folder.bytes() });
  }

  async function writeAll(): Promise<void> {
    for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) {
      try {
        await write(next);
      } catch (error) {
        // What was begun of a line is no line, and nothing may follow it.
        folder.abandon();
        parts.onDropped("disk", 1 + waiting.length);
        waiting.length = 0;
        pausedUntilMs = clock.monotonic() + AFTER_FAILURE_MS;
        log.log("recording", "warn", { part: "record", error: describe(error) }, "cannot record a decision");
      }
    }
  }

  return {
    take: (decided) => {
      head ??= parts.head();
      const item = { decided, number: number++, head };
      if (clock.monotonic() < pausedUntilMs) parts.onDropped("disk", 1);
      else if (waiting.length >= MAX_WAITING) parts.onDropped("queue", 1);
      else {
        waiting.push(item);
        wake?.();
      }
    },
    begin: () => {
      head = null;
      number = 0;
    },
    run: async (signal) => {
      const stopped = Promise.withResolvers<void>();
      const stop = (): void => {
        stopped.resolve();
        wake?.();
      };
      if (signal.aborted) stop();
      signal.addEventListener("abort", stop, { once: true });
      const work = async (): Promise<void> => {
        for (;;) {
          await writeAll();
          if (waiting.length > 0) continue;
          if (signal.aborted) break;
          await new Promise<void>((resolve) => {
            wake = resolve;
          });
        }
        await folder.close().catch(() => {});
      };
      const working = work();
      await Promise.race([working, stopped.promise]);
      // A write that hangs is nobody's to wait for.
      const late = Promise.withResolvers<void>();
      const cancel = clock.alarm(AT_END_MS, late.resolve);
      await Promise.race([working, late.promise]);
      cancel();
      folder.abandon();
    },
  };
}

/** Lets whatever waits have its turn between two pieces. */
async function* inTurns(pieces: Iterable<string>): AsyncGenerator<string> {
  for (const piece of pieces) {
    yield piece;
    await nextTurn();
  }
}
