// Weeks of a load on the clock of a zone, played to the shipped decision with its forecast: for tests of what prediction
// buys and what it costs. The days before the first one that is played are taught, so that a test takes seconds.

import { createForecastFeed } from "../../coordinator/forecast/feed.ts";
import type { ForecastFeed } from "../../coordinator/forecast/feed.ts";
import { decideSizer } from "../../coordinator/replay/engine/decide-sizer.ts";
import { play } from "../../coordinator/replay/engine/play.ts";
import type { Run } from "../../coordinator/replay/run.ts";
import { seededRandom } from "../../shared/model/random.ts";
import { epochMs, millis } from "../../shared/model/units.ts";
import type { EpochMs } from "../../shared/model/units.ts";
import { DAY_MS, HOUR_MS, instant, localTime } from "./load.ts";
import type { LocalTime } from "./load.ts";
import { aPool, aPrice, aScenario, aSpec } from "./scenario.ts";

const BIN_MS = 300_000;
const TAUGHT_DAYS = 27;
const BOOT_MS = 600_000;
export const POLICY = "gpu";

export interface Week {
  readonly zone: string;
  /** Local midnight. */
  readonly start: EpochMs;
  readonly days: number;
  /** GPUs, at a time of the zone's clock. */
  readonly load: (time: LocalTime, at: number) => number;
  /** What the days before were like. Absent: as `load`. */
  readonly before?: (time: LocalTime, at: number) => number;
  readonly taughtDays?: number;
  readonly predictive?: Readonly<Record<string, unknown>>;
  readonly spec?: Readonly<Record<string, unknown>>;
  /** False: the shipped decision without a forecast. */
  readonly forecasts?: boolean;
  readonly watch?: (feed: ForecastFeed, at: EpochMs) => void;
}

export const VIENNA = "Europe/Vienna";
/** Local midnight there. */
export const MONDAY = instant("2026-02-01T23:00:00Z");
export const TRAINING_GPUS = 4;

/** On weekdays from 09:00 to noon. */
export function training({ weekday, hour }: LocalTime): number {
  return weekday >= 1 && weekday <= 5 && hour >= 9 && hour < 12 ? TRAINING_GPUS : 0;
}

/** The next level of a load, in GPUs, from the last one. */
export type Step = (last: number, random: () => number) => number;

/** One GPU more or less, between 2 and 10: nothing knows better than "as now". */
export const walked: Step = (last, random) => Math.min(10, Math.max(2, last + (random() < 0.5 ? -1 : 1)));

/** A new level each half hour, from well before the days that are taught. */
export function steps(seed: number, next: Step): Week["load"] {
  const random = seededRandom(seed);
  const levels = [6];
  return (_time, at) => {
    const step = Math.floor((at - MONDAY) / (HOUR_MS / 2)) + 40 * 48;
    while (levels.length <= step) levels.push(next(levels.at(-1) ?? 6, random));
    return levels[step] ?? 6;
  };
}

export const TRAINING_WEEK: Week = { zone: VIENNA, start: MONDAY, days: 2, load: training };

/** A feed that has seen the days before the week. */
export function taughtFeed({
  zone,
  start,
  load,
  before = load,
  taughtDays = TAUGHT_DAYS,
}: Week): ForecastFeed {
  const feed = createForecastFeed();
  const bins = Array.from({ length: (taughtDays * DAY_MS) / BIN_MS }, (_, index) => {
    const at = epochMs(start - taughtDays * DAY_MS + index * BIN_MS);
    return { at, gpus: before(localTime(zone, at), at) };
  });
  feed.teach(POLICY, null, bins);
  return feed;
}

export function playWeek(week: Week, feed = taughtFeed(week)): Run {
  const { zone, start, days, load, predictive, spec, forecasts = true, watch } = week;
  const pools = [aPool("on-demand", "us-east-1a", { max: 100 })];
  const steps: { atMs: number; replicas: number }[] = [];
  for (let atMs = 0; atMs < days * DAY_MS; atMs += BIN_MS) {
    const replicas = load(localTime(zone, start + atMs), start + atMs);
    if (replicas !== steps.at(-1)?.replicas) steps.push({ atMs, replicas });
  }
  const base = aScenario();
  return play(
    {
      ...base,
      start,
      lengthMs: millis(days * DAY_MS),
      drainMs: millis(0),
      pools,
      prices: [{ ...aPrice("on-demand", "us-east-1a", 3), at: start }],
      policies: [
        {
          name: POLICY,
          spec: aSpec(pools, {
            ...(forecasts
              ? { predictive: { mode: "ForecastAndScale", timeZone: zone, lookbackDays: 28, ...predictive } }
              : {}),
            ...spec,
          }),
        },
      ],
      work: { jobs: [], services: [{ name: "training", gpusPerReplica: 1, steps }] },
      times: { ...base.times, nodeReadyMs: millis(BOOT_MS), serviceStartMs: millis(0) },
    },
    decideSizer(),
    {
      ...(forecasts ? { forecast: feed } : {}),
      onSnapshot: (snapshot) => watch?.(feed, snapshot.at),
    },
  );
}

export interface Growth {
  /** Weekday and time of the zone's clock. */
  readonly when: string;
  readonly code: string | undefined;
  readonly nodes: number;
}

export function growths(run: Run, { zone, start }: Pick<Week, "zone" | "start">): readonly Growth[] {
  return run.happenings.flatMap((one) => {
    if (one.kind !== "grow") return [];
    const { weekday, hour } = localTime(zone, start + one.atMs);
    const minutes = Math.floor(Math.round(hour * 3600) / 60);
    const when = `${weekday} ${Math.floor(minutes / 60)}:${String(minutes % 60).padStart(2, "0")}`;
    return [{ when, code: one.because[0]?.code, nodes: one.to - one.from }];
  });
}

export function nodeHours(run: Run): number {
  return run.score.nodeHours["on-demand"];
}
