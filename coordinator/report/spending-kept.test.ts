import { gunzipSync, gzipSync } from "node:zlib";

import { describe, expect, test } from "vitest";

import { AppError } from "../../shared/runtime/errors.ts";
import type { Bucket } from "../../shared/runtime/nats-kv.ts";
import { createFakeClock } from "../../test/build/clock.ts";
import { HOUR, MINUTE, NOW } from "../../test/build/now.ts";
import { pricedFleet, spendingBy } from "../../test/build/priced-fleet.ts";
import { keepSpending, RETRY_MS, SPENDING_KEY, WRITE_MS } from "./spending-kept.ts";

/** One value under compare-and-set, as NATS keeps it. */
function createStore() {
  let entry: { value: Uint8Array; revision: number } | null = null;
  let down = false;
  let lost = false;
  const bucket: Pick<Bucket, "get" | "put"> = {
    get: async () => {
      if (down) throw new AppError("unavailable", "away");
      return await Promise.resolve(entry);
    },
    put: async (_key, value, revision) => {
      if (down) throw new AppError("unavailable", "away");
      if (revision !== undefined && revision !== (entry?.revision ?? 0))
        throw new AppError("conflict", "wrong last sequence");
      entry = { value, revision: (entry?.revision ?? 0) + 1 };
      if (lost) {
        lost = false;
        throw new AppError("timeout", "no answer");
      }
      return await Promise.resolve(entry.revision);
    },
  };
  return {
    bucket,
    set: (value: Uint8Array | null) => {
      entry = value === null ? null : { value, revision: (entry?.revision ?? 0) + 1 };
    },
    loseAnswer: () => {
      lost = true;
    },
    fail: (now: boolean) => {
      down = now;
    },
    kept: (): { writer: string; state: { months: Record<string, { total: { usd: number } }> } } | null =>
      entry === null ? null : (JSON.parse(gunzipSync(entry.value).toString()) as never),
    raw: () => entry?.value ?? null,
  };
}

/** A look each minute at one node of 1.20 an hour; time of the keeper is `write` alone. */
function lead(store: ReturnType<typeof createStore>, identity: string, fromMs: number = NOW) {
  const clock = createFakeClock(fromMs);
  const spending = spendingBy();
  const stop = new AbortController();
  const said: string[] = [];
  const note = (_fields: unknown, words: string): void => {
    said.push(words);
  };
  const running = keepSpending(
    {
      spending,
      bucket: store.bucket,
      whenConnected: async () => await Promise.resolve(),
      identity,
      clock,
      log: { debug: note, info: note, warn: note, error: note } as never,
    },
    stop.signal,
  );
  let at = fromMs;
  return {
    spending,
    said,
    running,
    /** It waits for its next turn: shortly before its first write and after one that failed. */
    waits: async (ms = WRITE_MS) => await clock.untilSleeping(ms),
    look: (minutes: number) => {
      spending.look(pricedFleet({ at }), undefined);
      for (let minute = 0; minute < minutes; minute++) {
        at += MINUTE;
        spending.look(pricedFleet({ at }), undefined);
      }
    },
    turn: async (ms = WRITE_MS) => await clock.advance(ms),
    stop: async () => {
      stop.abort();
      await running;
    },
  };
}

const usdIn = (store: ReturnType<typeof createStore>): number =>
  Object.values(store.kept()?.state.months ?? {}).reduce((sum, { total }) => sum + total.usd, 0);

describe("what was spent survives a change of leader", () => {
  test("the next one reads it and goes on over it", async () => {
    const store = createStore();
    const first = lead(store, "a");
    await first.waits(RETRY_MS);
    first.look(60);
    await first.turn(RETRY_MS);
    await first.waits();
    expect(usdIn(store)).toBeCloseTo(1.2, 9);
    await first.stop();

    const second = lead(store, "b", NOW + HOUR);
    await second.waits(RETRY_MS);
    expect(second.spending.state()?.since).toBe(NOW);
    second.look(60);
    await second.turn(RETRY_MS);
    await second.waits();
    expect(usdIn(store)).toBeCloseTo(2.4, 9);
    expect(store.kept()?.writer).toBe("b");
    await second.stop();
  });

  test("while NATS is away counting goes on, and all of it is kept afterwards", async () => {
    const store = createStore();
    store.fail(true);
    const one = lead(store, "a");
    await one.waits(RETRY_MS);
    one.look(30);
    expect(one.said).toEqual(["cannot keep what is spent; counting goes on"]);
    store.fail(false);
    await one.turn(RETRY_MS);
    await one.waits(RETRY_MS);
    one.look(30);
    await one.turn(RETRY_MS);
    await one.waits();
    expect(usdIn(store)).toBeCloseTo(1.2, 9);
    await one.stop();
  });

  test("what another one has written since is not written over", async () => {
    const store = createStore();
    const one = lead(store, "a");
    await one.waits(RETRY_MS);
    one.look(2);
    await one.turn(RETRY_MS);
    await one.waits();
    const other = lead(store, "b", NOW + 10 * MINUTE);
    await other.waits(RETRY_MS);
    other.look(2);
    await other.turn(RETRY_MS);
    await other.waits();
    const standing = store.raw();
    one.look(2);
    await one.turn();
    await one.running;
    expect(store.raw()).toBe(standing);
    expect(one.said).toEqual(["another replica keeps what is spent; this one counts and keeps nothing"]);
    await other.stop();
  });

  test("the last write of who led before comes late: the next one goes on over it, and counts nothing twice", async () => {
    const store = createStore();
    const old = lead(store, "old");
    await old.waits(RETRY_MS);
    old.look(30);
    await old.turn(RETRY_MS);
    await old.waits();
    const next = lead(store, "next", NOW + HOUR);
    await next.waits(RETRY_MS);
    old.look(30);
    await old.turn();
    await old.waits();
    await old.stop();
    next.look(60);
    // The first of these meets the late write, the second reads it, the third writes.
    await next.turn(RETRY_MS);
    await next.waits(RETRY_MS);
    await next.turn(RETRY_MS);
    await next.waits(RETRY_MS);
    await next.turn(RETRY_MS);
    await next.waits();
    expect(next.said).toEqual([]);
    expect(store.kept()?.writer).toBe("next");
    expect(usdIn(store)).toBeCloseTo(2.4, 9);
    await next.stop();
  });

  test("a write whose answer was lost was ours, and the next one goes over it", async () => {
    const store = createStore();
    const one = lead(store, "a");
    await one.waits(RETRY_MS);
    one.look(10);
    store.loseAnswer();
    await one.turn(RETRY_MS);
    await one.waits(RETRY_MS);
    one.look(20);
    // The first of these finds that it was written, the second writes.
    await one.turn(RETRY_MS);
    await one.waits(RETRY_MS);
    await one.turn(RETRY_MS);
    await one.waits();
    expect(usdIn(store)).toBeCloseTo(0.6, 9);
    await one.stop();
  });

  test("a bucket that was lost gets all that is in memory", async () => {
    const store = createStore();
    const one = lead(store, "a");
    await one.waits(RETRY_MS);
    one.look(30);
    await one.turn(RETRY_MS);
    await one.waits();
    store.set(null);
    await one.turn();
    await one.waits();
    await one.turn();
    await one.waits();
    expect(usdIn(store)).toBeCloseTo(0.6, 9);
    await one.stop();
  });

  test.each<readonly [string, Uint8Array]>([
    ["is no packed JSON", new Uint8Array([1, 2, 3])],
    ["is empty", new Uint8Array()],
    ["lacks what it is about", gzipSync('{"v":1,"writer":"a"}')],
    ["is of another version", gzipSync('{"v":2}')],
  ])("a value that %s is said, and counting begins anew", async (_what, value) => {
    const store = createStore();
    store.set(value);
    const one = lead(store, "a");
    await one.waits(RETRY_MS);
    expect(one.said).toEqual(["what was spent before cannot be read; counting begins anew"]);
    one.look(30);
    await one.turn(RETRY_MS);
    await one.waits();
    expect(usdIn(store)).toBeCloseTo(0.6, 9);
    await one.stop();
  });

  test("has a key of its own beside what decisions remember", () => expect(SPENDING_KEY).toBe("money"));
});
