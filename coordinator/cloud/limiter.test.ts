import fc from "fast-check";
import { describe, expect, test } from "vitest";

import { seededRandom } from "../../shared/model/random.ts";
import { millis } from "../../shared/model/units.ts";
import { AppError, describe as describeError } from "../../shared/runtime/errors.ts";
import { createFakeClock, settle } from "../../test/build/clock.ts";
import { createLimiter } from "./limiter.ts";
import type { CallNote, LimiterOptions } from "./limiter.ts";

const SIGNAL = new AbortController().signal;

function aLimiter(options: Partial<LimiterOptions> = {}) {
  const clock = createFakeClock();
  const notes: CallNote[] = [];
  const limiter = createLimiter({
    clock,
    random: seededRandom(7),
    name: "aws us-west-2",
    onCall: (note) => notes.push(note),
    ...options,
  });
  const within = (ms: number, signal = SIGNAL) => ({ signal, deadlineMs: millis(ms) });
  return { clock, notes, limiter, within };
}

const throttled =
  (retryAfterMs: number | null = null) =>
  async (): Promise<never> => {
    await Promise.resolve();
    throw new AppError("throttled", "Rate exceeded", { retryAfterMs });
  };

describe("createLimiter()", () => {
  test("sends at once what the bucket allows, and the rest as it fills", async () => {
    const { clock, limiter, within } = aLimiter({ burst: 3, perSecond: 2 });
    const sentAt: number[] = [];
    const calls = Array.from({ length: 7 }, async () =>
      limiter.run("Set", within(10_000), async () => {
        await Promise.resolve();
        sentAt.push(clock.monotonic());
      }),
    );
    await clock.advance(5_000);
    await Promise.all(calls);
    expect(sentAt).toEqual([0, 0, 0, 500, 1_000, 1_500, 2_000]);
  });

  test("lets writes go before reads that have waited longer", async () => {
    const { clock, limiter, within } = aLimiter({ burst: 4, perSecond: 1 });
    const order: string[] = [];
    const call = async (name: string): Promise<void> =>
      await limiter.run(name, within(60_000), async () => {
        await Promise.resolve();
        order.push(name);
      });
    const calls = ["Set0", "Set1", "Set2", "Set3", "Describe0", "Describe1", "Set4", "Set5"].map(call);
    await clock.advance(30_000);
    await Promise.all(calls);
    expect(order).toEqual(["Set0", "Set1", "Set2", "Set3", "Set4", "Set5", "Describe0", "Describe1"]);
  });

  test("never has more on the way than it may, nor more sent than the rate, whatever they take", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.record({
          burst: fc.integer({ min: 1, max: 8 }),
          perSecond: fc.integer({ min: 1, max: 8 }),
          maxInFlight: fc.integer({ min: 1, max: 4 }),
          calls: fc.array(
            fc.record({
              afterMs: fc.nat(1_500),
              takesMs: fc.nat(1_500),
              name: fc.constantFrom("Set", "Get"),
            }),
            { minLength: 1, maxLength: 25 },
          ),
        }),
        async ({ calls, ...limits }) => {
          const { clock, limiter, within } = aLimiter(limits);
          const sentAt: number[] = [];
          let onTheWay = 0;
          const running: Promise<void>[] = [];
          for (const { afterMs, takesMs, name } of calls) {
            await clock.advance(afterMs);
            running.push(
              limiter.run(name, within(600_000), async () => {
                sentAt.push(clock.monotonic());
                onTheWay++;
                expect(onTheWay).toBeLessThanOrEqual(limits.maxInFlight);
                await clock.sleep(millis(takesMs));
                onTheWay--;
              }),
            );
          }
          await clock.advance(120_000);
          await Promise.all(running);
          for (const [first, from] of sentAt.entries())
            for (const [last, to] of sentAt.entries())
              if (last >= first)
                expect(last - first + 1).toBeLessThanOrEqual(
                  limits.burst + (limits.perSecond * (to - from)) / 1000 + 1e-6,
                );
        },
      ),
      { numRuns: 30 },
    );
  });

  test("rests as long as the provider says, tells so, and recovers", async () => {
    const { clock, limiter, within, notes } = aLimiter();
    await expect(limiter.run("Set", within(5_000), throttled(8_000))).rejects.toThrow("Rate exceeded");
    expect(limiter.restMs()).toBe(8_000);

    // One that cannot wait so long is refused at once and never sent.
    await expect(
      limiter.run("Set", within(5_000), () => expect.unreachable("it was sent")),
    ).rejects.toMatchObject({
      kind: "throttled",
      retryAfterMs: 8_000,
      message: expect.stringContaining("the account rests for another 8.0 s") as string,
    });

    // One that can is sent when the rest is over, and the account is itself again.
    const sentAt: number[] = [];
    const patient = limiter.run("Set", within(20_000), async () => {
      await Promise.resolve();
      sentAt.push(clock.monotonic());
    });
    await clock.advance(10_000);
    await patient;
    expect(sentAt[0]).toBeGreaterThanOrEqual(8_000);
    expect(sentAt[0]).toBeLessThan(8_100);
    expect(limiter.restMs()).toBe(0);
    expect(notes.map(({ call, result }) => `${call} ${result}`)).toEqual([
      "Set throttled",
      "Set not-sent",
      "Set ok",
    ]);
  });

  test("gives a call only the time that its wait has left, and calls that a time-out", async () => {
    const { clock, limiter, within, notes } = aLimiter({ burst: 1, perSecond: 1 });
    await limiter.run("Set", within(1_000), async () => {});
    const ended: { signal: AbortSignal | null; at: number | null } = { signal: null, at: null };
    const silent = limiter.run("Set", within(4_000), async (signal) => {
      ended.signal = signal;
      await clock.sleep(millis(60_000));
    });
    const failed = silent.catch((error: unknown) => {
      ended.at = clock.monotonic();
      throw error;
    });
    const seen = failed.catch(describeError);
    await clock.advance(5_000);
    expect(await seen).toBe("aws us-west-2: Set: no answer within 3000 ms");
    expect(ended.at).toBe(4_000);
    expect(ended.signal?.aborted).toBe(true);
    expect(notes.at(-1)).toEqual({ call: "Set", result: "timeout", ms: 3_000 });
  });

  test("refuses unsent what has waited too long to be answered in time", async () => {
    const { clock, limiter, within, notes } = aLimiter({ burst: 1, perSecond: 0.1 });
    await limiter.run("Set", within(1_000), async () => {});
    const late = limiter
      .run("Set", within(4_000), () => expect.unreachable("it was sent"))
      .catch((error: unknown) => error);
    await clock.advance(3_000);
    expect(await late).toMatchObject({
      kind: "throttled",
      message: expect.stringContaining("was not sent") as string,
    });
    expect(notes.at(-1)).toEqual({ call: "Set", result: "not-sent", ms: 0 });
    // What left the queue takes no token: the next one gets the one that came meanwhile.
    await clock.advance(7_000);
    await limiter.run("Set", within(1_000), async () => {});
  });

  test("ends with the caller's signal, while it waits and while it is sent", async () => {
    const { clock, limiter, within, notes } = aLimiter({ burst: 1, perSecond: 0.1 });
    const caller = new AbortController();
    const sent = limiter.run("Set", within(60_000, caller.signal), async () => {
      await clock.sleep(millis(60_000));
    });
    const waiting = limiter.run("Set", within(60_000, caller.signal), async () => {});
    await settle();
    caller.abort(new Error("leadership has ended"));
    await expect(sent).rejects.toThrow("leadership has ended");
    await expect(waiting).rejects.toThrow("leadership has ended");
    expect(notes.map(({ result }) => result)).toEqual(["given-up", "given-up"]);
    expect(limiter.restMs()).toBe(0);
  });
});
