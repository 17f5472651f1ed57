import fc from "fast-check";
import { describe, expect, test } from "vitest";

import { seededRandom } from "../../shared/model/random.ts";
import { createPace } from "./pace.ts";

const asking = fc.record({
  afterMs: fc.integer({ min: 0, max: 2_000 }),
  isRead: fc.boolean(),
  end: fc.constantFrom("well", "well", "well", "throttled"),
  retryAfterMs: fc.constantFrom(null, 500, 20_000),
});

const scenes = fc.record({
  seed: fc.integer({ min: 0, max: 2 ** 31 }),
  burst: fc.integer({ min: 1, max: 40 }),
  perSecond: fc.integer({ min: 1, max: 20 }),
  asked: fc.array(asking, { minLength: 1, maxLength: 120 }),
});

describe("the pace of an account", () => {
  test("never lets more go in any span of time than the burst and the rate allow", () => {
    fc.assert(
      fc.property(scenes, ({ seed, burst, perSecond, asked }) => {
        const pace = createPace({ burst, perSecond, random: seededRandom(seed) });
        const sent: number[] = [];
        let nowMs = 0;
        for (const { afterMs, isRead, end, retryAfterMs } of asked) {
          nowMs += afterMs;
          if (pace.take(isRead, nowMs) > 0) continue;
          sent.push(nowMs);
          if (end === "throttled") pace.throttled({ begunMs: nowMs, nowMs, retryAfterMs });
          else pace.wentWell();
        }
        for (const [first, from] of sent.entries())
          for (const [last, to] of sent.entries())
            if (last >= first)
              expect(last - first + 1).toBeLessThanOrEqual(burst + (perSecond * (to - from)) / 1000 + 1e-6);
      }),
      { numRuns: 300 },
    );
  });

  test("sends nothing while it rests, and says truly when to ask again", () => {
    fc.assert(
      fc.property(scenes, ({ seed, burst, perSecond, asked }) => {
        const pace = createPace({ burst, perSecond, random: seededRandom(seed) });
        let nowMs = 0;
        for (const { afterMs, isRead, end, retryAfterMs } of asked) {
          nowMs += afterMs;
          const restMs = pace.restMs(nowMs);
          const waitMs = pace.take(isRead, nowMs);
          if (restMs > 0) expect(waitMs).toBe(restMs);
          // After a rest there may be no token yet, so that it has to be asked for a second time.
          const secondMs = waitMs > 0 ? pace.take(isRead, (nowMs += Math.ceil(waitMs))) : 0;
          if (secondMs > 0) expect(pace.take(isRead, (nowMs += Math.ceil(secondMs)))).toBe(0);
          if (end === "throttled") {
            const before = pace.rate();
            pace.throttled({ begunMs: nowMs, nowMs, retryAfterMs });
            expect(pace.rate()).toBeLessThanOrEqual(before);
            expect(pace.restMs(nowMs)).toBeGreaterThanOrEqual(retryAfterMs ?? 500);
          } else pace.wentWell();
        }
      }),
      { numRuns: 300 },
    );
  });

  test("halves once for calls that were refused together, and grows back bit by bit", () => {
    const pace = createPace({ burst: 200, perSecond: 50, random: seededRandom(1) });
    for (let call = 0; call < 20; call++)
      pace.throttled({ begunMs: 0, nowMs: 100 + call, retryAfterMs: null });
    expect(pace.rate()).toBe(25);
    pace.throttled({ begunMs: 5_000, nowMs: 5_100, retryAfterMs: null });
    expect(pace.rate()).toBe(12.5);

    const rates = Array.from({ length: 40 }, () => {
      pace.wentWell();
      return pace.rate();
    });
    expect(rates[0]).toBeCloseTo(13.5, 6);
    expect(rates[9]).toBeCloseTo(22.5, 6);
    expect(rates.at(-1)).toBe(50);
  });

  test("rests longer with each refusal in a row, and never for less than the provider says", () => {
    const pace = createPace({ burst: 200, perSecond: 50, random: () => 1 });
    const rests: number[] = [];
    for (let nowMs = 0, call = 0; call < 8; call++) {
      pace.throttled({ begunMs: nowMs, nowMs, retryAfterMs: null });
      rests.push(pace.restMs(nowMs));
      nowMs += pace.restMs(nowMs);
    }
    expect(rests).toEqual([1_000, 1_500, 2_500, 4_500, 8_500, 16_500, 30_500, 30_500]);
    pace.throttled({ begunMs: 1e6, nowMs: 1e6, retryAfterMs: 90_000 });
    expect(pace.restMs(1e6)).toBe(90_000);
    pace.throttled({ begunMs: 2e6, nowMs: 2e6, retryAfterMs: 3_600_000 });
    expect(pace.restMs(2e6)).toBe(300_000);
  });

  test("leaves a part of the bucket to writes", () => {
    const pace = createPace({ burst: 40, perSecond: 10, random: seededRandom(1) });
    const taken = (isRead: boolean): number => {
      let count = 0;
      while (pace.take(isRead, 0) === 0) count++;
      return count;
    };
    expect(taken(true)).toBe(30);
    expect(taken(false)).toBe(10);
    expect(taken(true)).toBe(0);
  });
});
