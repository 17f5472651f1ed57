// What must hold of any replay: the same again gives the same, the future changes nothing of the past, every cent is the
// price of some machine for some time, and all work is somewhere.

import fc from "fast-check";
import { describe, expect, test } from "vitest";

import { seededRandom } from "../../../shared/model/random.ts";
import { millis } from "../../../shared/model/units.ts";
import { aJob, aPrice, aScenario, HOUR_MS, MINUTE_MS } from "../../../test/build/scenario.ts";
import type { Run } from "../run.ts";
import type { Scenario, StockTrace } from "../scenario.ts";
import type { LedgerEntry } from "../world-core.ts";
import { decideSizer } from "./decide-sizer.ts";
import { play } from "./play.ts";

const ZONES = ["us-east-1a", "us-east-1b"] as const;
const LENGTH_MS = 4 * HOUR_MS;

/** Jobs, stocks and prices drawn from a seed. */
function drawn(seed: number, { jobs = 7 } = {}): Scenario {
  const random = seededRandom(seed);
  const within = (most: number): number => Math.floor(random() * most);
  const arrivals = Array.from({ length: jobs }, () => within(LENGTH_MS)).toSorted((a, b) => a - b);
  const stocks = ZONES.map((zone): StockTrace => {
    let atMs = 0;
    const steps: { atMs: number; available: number | null }[] = [];
    while (atMs < LENGTH_MS) {
      const depth = within(5);
      steps.push({ atMs, available: depth === 4 ? null : depth });
      atMs += 20 * MINUTE_MS + within(HOUR_MS);
    }
    return { instanceType: "p3.2xlarge", zone, tier: "spot", steps };
  });
  const prices = ZONES.flatMap((zone) => [
    aPrice("on-demand", zone, 3),
    ...Array.from({ length: 8 }, (_, hour) => aPrice("spot", zone, 0.5 + random(), hour * HOUR_MS)),
  ]).toSorted((a, b) => a.at - b.at);
  return aScenario({
    seed,
    warmInMs: millis(HOUR_MS),
    lengthMs: millis(LENGTH_MS),
    drainMs: millis(12 * HOUR_MS),
    work: {
      jobs: arrivals.map((arrivalMs, at) => {
        const gpus = 1 + within(3);
        const shape = aJob(`j${at}`, arrivalMs, MINUTE_MS + within(2 * HOUR_MS));
        return gpus > 1 ? { ...shape, gpus, workers: gpus, gang: random() < 0.5 } : shape;
      }),
      services: [],
    },
    stocks,
    prices,
    times: { ...aScenario().times, handlesNotices: random() < 0.7, jobStartMs: millis(within(20_000)) },
  });
}

function played(scenario: Scenario): { readonly run: Run; readonly facts: readonly LedgerEntry[] } {
  const facts: LedgerEntry[] = [];
  const run = play(scenario, decideSizer(), { onFact: (fact) => facts.push(fact) });
  return { run, facts };
}

const seeds = fc.integer({ min: 1, max: 2 ** 31 - 1 });
/** Each plays a fleet for hours; a seed that fails is printed by the library. */
const FEW = { numRuns: 2 };

test("the same scenario gives the same run, byte for byte, however often it is played", () => {
  fc.assert(
    fc.property(seeds, (seed) => {
      const [one, two] = [drawn(seed), drawn(seed)].map((scenario) => JSON.stringify(played(scenario).run));
      expect(one).toBe(two);
    }),
    { numRuns: 1 },
  );
});

describe("the future", () => {
  const CUT_MS = 2.5 * HOUR_MS;

  /** The same until the cut, another after it. A notice before the cut may tell of the two minutes after it. */
  function other(scenario: Scenario, seed: number): Scenario {
    const strange = drawn(seed);
    const later = CUT_MS + scenario.times.noticeMs;
    const noticed = (atMs: number): boolean => atMs <= later;
    return {
      ...scenario,
      work: {
        jobs: [
          ...scenario.work.jobs.filter(({ arrivalMs }) => arrivalMs <= CUT_MS),
          ...strange.work.jobs
            .filter(({ arrivalMs }) => arrivalMs > CUT_MS)
            .map((job) => ({ ...job, id: `other-${job.id}` })),
        ],
        services: [],
      },
      stocks: scenario.stocks.map((trace, at) => ({
        ...trace,
        steps: [
          ...trace.steps.filter(({ atMs }) => noticed(atMs)),
          ...(strange.stocks[at]?.steps ?? []).filter(({ atMs }) => !noticed(atMs)),
        ],
      })),
      prices: [
        ...scenario.prices.filter((point) => point.at - scenario.start <= CUT_MS),
        ...strange.prices.filter((point) => point.at - scenario.start > CUT_MS),
      ],
    };
  }

  test("changes no snapshot and no decision before it", () => {
    fc.assert(
      fc.property(seeds, seeds, (seed, strange) => {
        const scenario = drawn(seed);
        const [here, there] = [scenario, other(scenario, strange)].map((each) => {
          const said: string[] = [];
          play(each, decideSizer(), {
            stopAtMs: CUT_MS,
            onSnapshot: (snapshot, { moves }) => said.push(JSON.stringify([snapshot, moves])),
          });
          return said;
        });
        expect(here?.length).toBeGreaterThan(0);
        expect(here).toEqual(there);
      }),
      FEW,
    );
  });
});

test("every cent is the price of a machine for the time that it was paid for, and no machine is beyond the trace", () => {
  fc.assert(
    fc.property(seeds, (seed) => {
      const scenario = drawn(seed);
      const { run, facts } = played(scenario);
      expect(Math.round((run.score.usd ?? -1) * 100)).toBe(Math.round(paidAgain(scenario, facts) * 100));
      const { usdByTier, usdByState, usd } = run.score;
      for (const cut of [usdByTier, usdByState])
        expect(Object.values(cut).reduce((sum, part) => sum + part, 0)).toBeCloseTo(usd ?? -1, 6);
      expect(run.score.usdBound ?? Infinity).toBeLessThanOrEqual(usd ?? -1);
      staysWithin(scenario, facts);
    }),
    FEW,
  );
});

/** A second count, machine by machine and minute by minute of its price, from the facts alone. */
function paidAgain(
  { start, warmInMs, lengthMs, pools, prices }: Scenario,
  facts: readonly LedgerEntry[],
): number {
  const [from, to] = [start + warmInMs, start + lengthMs];
  const begun = new Map<string, { readonly pool: string; readonly at: number }>();
  let usd = 0;
  const pay = (pool: string, since: number, until: number): void => {
    const shape = pools.find(({ name }) => name === pool);
    const own = prices.filter(({ tier, zone }) => tier === shape?.tier && shape.zones.includes(zone ?? ""));
    for (const [at, point] of own.entries()) {
      const ends = own[at + 1]?.at ?? Infinity;
      const ms = Math.min(until, ends, to) - Math.max(since, point.at, from);
      if (ms > 0) usd += (point.usdPerHour * ms) / HOUR_MS;
    }
  };
  const end = (machine: string, at: number): void => {
    const since = begun.get(machine);
    if (since === undefined) return;
    begun.delete(machine);
    pay(since.pool, since.at, at);
    const shortMs = MINUTE_MS - (at - since.at);
    if (shortMs > 0 && at >= from && at < to) {
      const shape = pools.find(({ name }) => name === since.pool);
      const price = prices.findLast(
        (point) => point.at <= at && point.tier === shape?.tier && shape.zones.includes(point.zone ?? ""),
      );
      usd += ((price?.usdPerHour ?? 0) * shortMs) / HOUR_MS;
    }
  };
  for (const fact of facts) {
    if (fact.kind === "machine-created") begun.set(fact.machine, { pool: fact.pool, at: fact.at });
    if (fact.kind === "machine-deleting" || fact.kind === "machine-removed") end(fact.machine, fact.at);
  }
  for (const [, { pool, at }] of begun) pay(pool, at, Infinity);
  return usd;
}

test("all work is somewhere: done once, done again, or still on its way", () => {
  fc.assert(
    fc.property(seeds, (seed) => {
      // Without a warm-in, so that nothing falls outside of what is counted.
      const scenario = { ...drawn(seed), warmInMs: millis(0) };
      const whole = {
        ...scenario,
        lengthMs: millis(scenario.lengthMs + scenario.drainMs),
        drainMs: millis(0),
      };
      const { run, facts } = played(whole);
      const { usefulGpuHours, lostGpuHours, allocatedGpuHours, provisionedGpuHours, jobs } = run.score;
      expect(jobs.finished + jobs.unfinished).toBe(jobs.arrived);
      expect(jobs.unfinished).toBe(0);
      // What was done once is the work that was asked for, to the millisecond.
      const asked = whole.work.jobs.reduce((sum, { gpus, durationMs }) => sum + gpus * durationMs, 0);
      expect(usefulGpuHours * HOUR_MS).toBeCloseTo(asked, 3);
      // All that ran is one of the two; what is held beside it is starting and ending.
      const gpusOf = new Map(
        facts.flatMap((fact) => (fact.kind === "pod-created" ? [[fact.uid, fact.gpus] as const] : [])),
      );
      const ran = facts.reduce(
        (sum, fact) => sum + (fact.kind === "pod-exited" ? fact.ranMs * (gpusOf.get(fact.uid) ?? 0) : 0),
        0,
      );
      expect((usefulGpuHours + lostGpuHours) * HOUR_MS).toBeCloseTo(ran, 3);
      expect(usefulGpuHours + lostGpuHours).toBeLessThanOrEqual(allocatedGpuHours + 1e-9);
      expect(allocatedGpuHours).toBeLessThanOrEqual(provisionedGpuHours + 1e-9);
    }),
    FEW,
  );
});

/** Of each stock no more machines than it had at that instant. */
function staysWithin({ start, stocks }: Scenario, facts: readonly LedgerEntry[]): void {
  const alive = new Map<string, string>();
  for (const [index, fact] of facts.entries()) {
    if (fact.kind === "machine-created") alive.set(fact.machine, fact.pool);
    if (fact.kind === "machine-removed") alive.delete(fact.machine);
    // What happens at one instant is over when the next one comes.
    if (facts[index + 1]?.at === fact.at) continue;
    for (const { zone, steps } of stocks) {
      const limit = steps.findLast(({ atMs }) => start + atMs <= fact.at)?.available ?? Infinity;
      const held = [...alive.values()].filter((pool) => pool === `spot-${zone}`).length;
      expect(held).toBeLessThanOrEqual(limit);
    }
  }
}
