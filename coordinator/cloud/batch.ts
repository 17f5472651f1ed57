// Reads of many groups as few calls: those that are asked for in one moment share one look, and those that are asked
// for while a look is out share the next. No answer is kept: a read never gets what was seen before it was asked for.

import { millis } from "../../shared/model/units.ts";
import type { Clock } from "../../shared/runtime/clock.ts";
import { AppError } from "../../shared/runtime/errors.ts";
import { nextTurn } from "../../shared/runtime/stream.ts";
import type { GroupLook } from "./account.ts";
import type { CallOptions } from "./group.ts";
import { within } from "./within.ts";

export interface BatchedReads<T> {
  /**
   * What the next look sees of `key`, within the caller's own limits.
   * @throws what the look throws; AppError `timeout`; AppError `malformed` when the look says nothing of the key.
   */
  read(key: string, options: CallOptions): Promise<T>;
}

interface Waiting<T> {
  readonly key: string;
  readonly options: CallOptions;
  readonly answer: PromiseWithResolvers<T>;
}

/** A look that takes longer than this is not waited for: one silent connection must not hold up every read. */
const PATIENCE_MS = millis(250);

/** `look` answers for each of at most `maxBatch` different keys, and its limits are the widest of its readers'. */
export function createBatchedReads<T>(
  look: (keys: readonly string[], options: CallOptions) => Promise<ReadonlyMap<string, T>>,
  { clock, maxBatch }: { readonly clock: Clock; readonly maxBatch: number },
): BatchedReads<T> {
  let waiting: Waiting<T>[] = [];
  let isGathering = false;

  async function gather(): Promise<void> {
    while (waiting.length > 0) {
      // Whoever asks in this turn of the event loop belongs to this moment.
      await nextTurn();
      const taken = Map.groupBy(waiting, ({ key }) => key);
      waiting = [];
      const round = Promise.all(
        chunksOf([...taken], maxBatch).map(async (chunk) => await lookOnce(look, clock, chunk)),
      );
      await endOrPatience(round, clock);
    }
    isGathering = false;
  }

  return {
    read: async (key, options) => {
      const answer = Promise.withResolvers<T>();
      return await within(clock, options, `read of ${key}`, async () => {
        waiting.push({ key, options, answer });
        if (!isGathering) {
          isGathering = true;
          void gather();
        }
        return await answer.promise;
      });
    },
  };
}

/** A group's state out of a look, for `NodeGroup.read`. @throws AppError `not-found`, `malformed`. */
export function seenOf(look: GroupLook): Extract<GroupLook, { kind: "seen" }> {
  switch (look.kind) {
    case "seen":
      return look;
    case "missing":
      throw new AppError("not-found", look.detail);
    case "unknown":
      throw new AppError("malformed", look.detail);
    default:
      return look satisfies never;
  }
}

/** Never rejects: every reader gets the answer or the error. */
async function lookOnce<T>(
  look: (keys: readonly string[], options: CallOptions) => Promise<ReadonlyMap<string, T>>,
  clock: Clock,
  chunk: readonly (readonly [string, readonly Waiting<T>[]])[],
): Promise<void> {
  const readers = chunk.flatMap(([, list]) => list);
  const stillWanted = createStillWanted(readers.map(({ options }) => options.signal));
  const deadlineMs = millis(Math.max(...readers.map(({ options }) => options.deadlineMs)));
  try {
    const keys = chunk.map(([key]) => key);
    const seen = await within(
      clock,
      { signal: stillWanted.signal, deadlineMs },
      `read of ${keys.length} groups`,
      async (signal) => await look(keys, { signal, deadlineMs }),
    );
    for (const { key, answer } of readers) {
      const found = seen.get(key);
      if (found === undefined) answer.reject(new AppError("malformed", `the answer says nothing of ${key}`));
      else answer.resolve(found);
    }
  } catch (error) {
    for (const { answer } of readers) answer.reject(error);
  } finally {
    stillWanted.release();
  }
}

/** A signal that ends when the last reader has left. */
function createStillWanted(signals: readonly AbortSignal[]): {
  readonly signal: AbortSignal;
  release(): void;
} {
  const ends = new AbortController();
  const onAbort = (): void => {
    if (signals.every(({ aborted }) => aborted)) ends.abort(signals[0]?.reason);
  };
  for (const signal of signals) signal.addEventListener("abort", onAbort, { once: true });
  onAbort();
  return {
    signal: ends.signal,
    release: () => {
      for (const signal of signals) signal.removeEventListener("abort", onAbort);
    },
  };
}

async function endOrPatience(round: Promise<unknown>, clock: Clock): Promise<void> {
  const timer = new AbortController();
  await Promise.race([round, clock.sleep(PATIENCE_MS, timer.signal).catch(() => {})]);
  timer.abort("ended");
}

function chunksOf<V>(values: readonly V[], size: number): readonly (readonly V[])[] {
  const chunks: V[][] = [];
  for (let from = 0; from < values.length; from += size) chunks.push(values.slice(from, from + size));
  return chunks;
}
