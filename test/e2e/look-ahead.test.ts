// No policy may know what comes: with everything after an instant changed, what arrives, when spot can be had and what it costs,
// every decision before that instant has to be the same. And one that does look ahead has to be found out by it.

import { fileURLToPath } from "node:url";

import { describe, expect, test } from "vitest";

import { play } from "../../coordinator/replay/engine/play.ts";
import type { Scenario } from "../../coordinator/replay/scenario.ts";
import type { MakeSizer } from "../../coordinator/replay/sizer.ts";
import { seededRandom } from "../../shared/model/random.ts";
import { epochMs, millis } from "../../shared/model/units.ts";
import { playedBy } from "../backtest/deciders.ts";
import type { Played } from "../backtest/deciders.ts";
import { readPattern } from "../backtest/policies.ts";
import { ROWS } from "../backtest/rows.ts";
import type { Setting } from "../backtest/setting.ts";

const HOUR_MS = 3_600_000;
const CUT_MS = 3 * HOUR_MS;
const SEED = 20261127;
const PATTERN = readPattern(
  fileURLToPath(new URL("../../deploy/examples/backtest/policy.yaml", import.meta.url)),
);

const setting: Setting = {
  offset: 1,
  start: Date.UTC(2024, 0, 8),
  lengthMs: 5 * HOUR_MS,
  warmInMs: 0,
  drainMs: 0,
  seed: SEED,
  work: { jobs: jobs(), services: [] },
  zones: ["us-east-1a", "us-east-1b"].map((zone) => ({
    id: zone,
    provider: "aws" as const,
    region: "us-east-1",
    zone,
    instanceType: "p3.2xlarge",
    gpus: 1,
    most: 1,
    taken: null,
    lengthMs: 5 * HOUR_MS,
    steps: [],
    prices: null,
  })),
  stocks: ["us-east-1a", "us-east-1b"].map((zone, at) => ({
    instanceType: "p3.2xlarge",
    zone,
    tier: "spot" as const,
    steps: [0, 1, 2, 3, 4].map((hour) => ({
      atMs: hour * HOUR_MS + at * 1_500_000,
      available: (hour + at) % 2 === 0 ? null : 0,
    })),
  })),
  prices: prices(1),
  times: {
    nodeReadyMs: millis(240_000),
    jobStartMs: millis(0),
    serviceStartMs: millis(20_000),
    noticeMs: millis(120_000),
    handlesNotices: true,
    checkpointEveryMs: millis(1_800_000),
    checkpointTakesMs: millis(30_000),
    restartMs: millis(180_000),
    launchRetryMs: millis(30_000),
  },
  tuned: { p50: 2, p95: 4, peak: 5 },
  past: Array.from({ length: 4 * 24 }, (_, hour) => ({
    atMs: (hour - 96) * HOUR_MS,
    gpus: 2 + (hour % 24 > 8 ? 2 : 0),
  })),
  notes: [],
};

function jobs() {
  const random = seededRandom(SEED);
  return Array.from({ length: 40 }, (_, at) => ({
    id: `job-${at}`,
    arrivalMs: Math.floor(random() * 5 * HOUR_MS),
    durationMs: 300_000 + Math.floor(random() * 2 * HOUR_MS),
    gpus: 1,
  })).toSorted((a, b) => a.arrivalMs - b.arrivalMs);
}

function prices(factor: number) {
  const place = { provider: "aws", region: "us-east-1", instanceType: "p3.2xlarge", source: "test" };
  const start = Date.UTC(2024, 0, 8);
  return [
    { ...place, tier: "on-demand" as const, usdPerHour: 3.06, at: epochMs(start) },
    { ...place, tier: "reserved" as const, usdPerHour: 1.93, at: epochMs(start) },
    ...[0, 1, 2, 3, 4].flatMap((hour) =>
      ["us-east-1a", "us-east-1b"].map((zone, at) => ({
        ...place,
        zone,
        tier: "spot" as const,
        usdPerHour: (0.9 + 0.1 * ((hour + at) % 3)) * (hour * HOUR_MS > CUT_MS ? factor : 1),
        at: epochMs(start + hour * HOUR_MS),
      })),
    ),
  ];
}

/** Another future: other jobs, spot turned round, and other prices; notices of what comes reach back by their own length. */
function otherFuture(scenario: Scenario): Scenario {
  const isPast = ({ arrivalMs }: { readonly arrivalMs: number }): boolean => arrivalMs < CUT_MS;
  const knownMs = CUT_MS + scenario.times.noticeMs;
  return {
    ...scenario,
    work: {
      services: [],
      jobs: [
        ...scenario.work.jobs.filter(isPast),
        ...scenario.work.jobs
          .filter((job) => !isPast(job))
          .map((job, at) => ({ ...job, id: `other-${at}`, durationMs: job.durationMs * 3 }))
          .flatMap((job) => [job, { ...job, id: `${job.id}-too` }]),
      ],
    },
    stocks: scenario.stocks.map((stock) => ({
      ...stock,
      steps: stock.steps.map((step) =>
        step.atMs <= knownMs ? step : { ...step, available: step.available === null ? 0 : null },
      ),
    })),
    prices: scenario.prices.map((point) =>
      point.at - scenario.start <= CUT_MS ? point : { ...point, usdPerHour: point.usdPerHour * 5 },
    ),
  };
}

/** Every answer before the cut, with its instant. */
function decisions(scenario: Scenario, make: MakeSizer, options: Played["options"]): readonly string[] {
  const answers: string[] = [];
  play(scenario, make, {
    ...options,
    maxHappenings: 0,
    onSnapshot: ({ at }, { moves }) => {
      if (at - scenario.start < CUT_MS) answers.push(JSON.stringify([at, moves]));
    },
  });
  return answers;
}

describe("no look ahead", () => {
  test.each(ROWS)("$id decides the same whatever comes after", ({ decider }) => {
    const { scenario, make, options } = playedBy(decider, setting, PATTERN);
    const before = decisions(scenario, make, options);
    // A forecast remembers: the second run has its own.
    const again = playedBy(decider, setting, PATTERN);
    expect(decisions(otherFuture(scenario), again.make, again.options), `seed ${SEED}`).toEqual(before);
  });

  test("one that knows what comes is found out", () => {
    const { scenario } = playedBy({ kind: "reactive" }, setting, PATTERN);
    const peeking =
      (of: Scenario): MakeSizer =>
      () => ({
        name: "peeking",
        step: ({ at }) => ({
          moves: [],
          plan: null,
          againInMs: millis(
            10_000 + of.work.jobs.filter(({ arrivalMs }) => arrivalMs > at - of.start).length * 1000,
          ),
        }),
      });
    const other = otherFuture(scenario);
    expect(decisions(other, peeking(other), {})).not.toEqual(decisions(scenario, peeking(scenario), {}));
  });
});
