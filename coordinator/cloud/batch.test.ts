import { describe, expect, test } from "vitest";

import { millis } from "../../shared/model/units.ts";
import { AppError, describe as describeError, kindOf } from "../../shared/runtime/errors.ts";
import { createFakeClock, settle } from "../../test/build/clock.ts";
import { createBatchedReads } from "./batch.ts";
import type { CallOptions } from "./group.ts";

type Look = (keys: readonly string[], options: CallOptions) => Promise<ReadonlyMap<string, string>>;

/** Looks that a test answers itself, in the order in which they were asked. */
function scene(maxBatch = 100) {
  const clock = createFakeClock();
  const looks: {
    readonly keys: readonly string[];
    readonly options: CallOptions;
    readonly answer: PromiseWithResolvers<ReadonlyMap<string, string>>;
  }[] = [];
  const look: Look = async (keys, options) => {
    const answer = Promise.withResolvers<ReadonlyMap<string, string>>();
    looks.push({ keys, options, answer });
    return await answer.promise;
  };
  const reads = createBatchedReads(look, { clock, maxBatch });
  const signal = new AbortController().signal;
  const read = async (key: string, options: Partial<CallOptions> = {}): Promise<string> =>
    await reads.read(key, { signal, deadlineMs: millis(5_000), ...options });
  const answer = (index: number): void => {
    const asked = looks[index];
    if (asked === undefined) throw new RangeError(`there was no look ${index}`);
    asked.answer.resolve(new Map(asked.keys.map((key) => [key, `${key} of look ${index}`])));
  };
  return { clock, looks, read, answer };
}

describe("reads of one moment", () => {
  test("share one look, each key once", async () => {
    const { looks, read, answer } = scene();
    const all = Promise.all(["a", "b", "a", "c"].map(async (key) => await read(key)));
    await settle();
    expect(looks.map(({ keys }) => keys)).toEqual([["a", "b", "c"]]);
    answer(0);
    expect(await all).toEqual(["a of look 0", "b of look 0", "a of look 0", "c of look 0"]);
  });

  test("are as many looks as the provider's limit makes of them, beside each other", async () => {
    const { looks, read, answer } = scene(100);
    const keys = Array.from({ length: 250 }, (_, at) => `g${at}`);
    const all = Promise.all(keys.map(async (key) => await read(key)));
    await settle();
    expect(looks.map((look) => look.keys.length)).toEqual([100, 100, 50]);
    for (const index of [2, 0, 1]) answer(index);
    expect((await all)[249]).toBe("g249 of look 2");
  });
});

describe("a read that comes while a look is out", () => {
  test("never gets its answer, and shares the next one", async () => {
    const { looks, read, answer } = scene();
    const first = read("a");
    await settle();
    const later = [read("a"), read("b")];
    await settle();
    expect(looks).toHaveLength(1);
    answer(0);
    expect(await first).toBe("a of look 0");
    await settle();
    expect(looks.map(({ keys }) => keys)).toEqual([["a"], ["a", "b"]]);
    answer(1);
    expect(await Promise.all(later)).toEqual(["a of look 1", "b of look 1"]);
  });

  test("does not wait for a look that is silent", async () => {
    const { clock, looks, read, answer } = scene();
    const silent = read("a").catch(kindOf);
    await settle();
    const other = read("b");
    await clock.advance(250);
    expect(looks).toHaveLength(2);
    answer(1);
    expect(await other).toBe("b of look 1");
    await clock.advance(5_000);
    expect(await silent).toBe("timeout");
    expect(looks[0]?.options.signal.aborted).toBe(true);
  });
});

describe("a look that fails", () => {
  test("fails for its readers and for no other", async () => {
    const { looks, read, answer } = scene(1);
    const failing = read("a").catch(kindOf);
    const other = read("b");
    await settle();
    looks[0]?.answer.reject(new AppError("denied", "no"));
    answer(1);
    expect(await failing).toBe("denied");
    expect(await other).toBe("b of look 1");
  });

  test("or says nothing of a key fails for that one", async () => {
    const { looks, read } = scene();
    const lacking = read("a").catch(describeError);
    const other = read("b");
    await settle();
    looks[0]?.answer.resolve(new Map([["b", "seen"]]));
    expect(await lacking).toBe("the answer says nothing of a");
    expect(await other).toBe("seen");
  });
});

describe("a reader's own limits", () => {
  test("end its wait and not the look that others wait for", async () => {
    const { clock, looks, read, answer } = scene();
    const impatient = read("a", { deadlineMs: millis(100) }).catch(kindOf);
    const leaving = new AbortController();
    const left = read("b", { signal: leaving.signal }).catch(describeError);
    const patient = read("c");
    await settle();
    leaving.abort(new Error("left"));
    expect(await left).toBe("left");
    await clock.advance(100);
    expect(await impatient).toBe("timeout");
    expect(looks[0]?.options.signal.aborted).toBe(false);
    answer(0);
    expect(await patient).toBe("c of look 0");
  });

  test("end the look when nobody waits any more", async () => {
    const { looks, read } = scene();
    const leaving = new AbortController();
    const left = [read("a", { signal: leaving.signal }), read("b", { signal: leaving.signal })];
    const ended = Promise.allSettled(left);
    await settle();
    leaving.abort(new Error("left"));
    expect((await ended).map(({ status }) => status)).toEqual(["rejected", "rejected"]);
    expect(looks[0]?.options.signal.aborted).toBe(true);
  });
});
