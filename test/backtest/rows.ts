// The rows of the table: who decides, and what he has to decide about. A row takes a setting and makes the scenario that is
// played; between two rows nothing differs but what the row says here.

import { decideSizer } from "../../coordinator/replay/engine/decide-sizer.ts";
import type { PlayOptions } from "../../coordinator/replay/engine/play.ts";
import { fixedSizer } from "../../coordinator/replay/policies/fixed.ts";
import { karpenterLikeSizer } from "../../coordinator/replay/policies/karpenter-like.ts";
import { reactiveSizer } from "../../coordinator/replay/policies/reactive.ts";
import { spotGreedySizer } from "../../coordinator/replay/policies/spot-greedy.ts";
import type { PoolModel, Scenario, TimeModel } from "../../coordinator/replay/scenario.ts";
import type { MakeSizer } from "../../coordinator/replay/sizer.ts";
import { epochMs, millis } from "../../shared/model/units.ts";
import { AppError } from "../../shared/runtime/errors.ts";
import { forecasting } from "./forecasting.ts";
import { opened, policyOf } from "./policies.ts";
import type { PolicyPattern } from "./policies.ts";
import { poolOf } from "./setting.ts";
import type { Setting } from "./setting.ts";

export interface Played {
  readonly scenario: Scenario;
  readonly make: MakeSizer;
  readonly options: PlayOptions;
}

export interface Row {
  readonly id: string;
  readonly title: string;
  play(setting: Setting, pattern: PolicyPattern): Played;
}

export type ForecastKind = "ours" | "seasonal-naive";

interface OurOptions {
  readonly forecast?: ForecastKind;
  readonly oneZone?: boolean;
  readonly noFallback?: boolean;
  readonly reserved?: boolean;
  readonly times?: Partial<TimeModel>;
  readonly changes?: Readonly<Record<string, unknown>>;
}

export const ROWS: readonly Row[] = [
  fixedRow("static-peak", "on-demand fleet for the peak of the days before", ({ peak }) => peak),
  fixedRow("static-p95", "on-demand fleet for the 95th percentile of the days before", ({ p95 }) => p95),
  {
    id: "static-reserved",
    title: "reserved for the median of the days before, paid in full; the rest on demand as reactive",
    play: (setting) => {
      const [zone] = setting.zones;
      const nodes = Math.max(1, Math.ceil(setting.tuned.p50 / (zone?.gpus ?? 1)));
      const reserved = firmPool(setting, "reserved", { initial: nodes, committed: nodes });
      const pools = [reserved, firmPool(setting, "on-demand")];
      return played(
        setting,
        pools,
        opened(pools),
        reactiveSizer({ name: "static-reserved", keep: ["reserved"] }),
      );
    },
  },
  {
    id: "reactive",
    title: "Cluster Autoscaler as it ships, on demand",
    play: (setting) => {
      const pools = [firmPool(setting, "on-demand")];
      return played(setting, pools, opened(pools), reactiveSizer());
    },
  },
  {
    id: "karpenter-like",
    title: "like Karpenter, on demand",
    play: (setting) => {
      const pools = [firmPool(setting, "on-demand")];
      return played(setting, pools, opened(pools), karpenterLikeSizer());
    },
  },
  {
    id: "spot-naive",
    title: "reactive, spot of one zone alone; another zone at each offset",
    play: (setting) => {
      const pools = oneOf(spotPools(setting), setting.offset);
      return played(setting, pools, opened(pools), reactiveSizer({ name: "spot-naive" }));
    },
  },
  {
    id: "spot-greedy",
    title: "spot when there is any, else on demand, back when spot returns",
    play: (setting) => {
      const pools = allPools(setting);
      return played(setting, pools, opened(pools), spotGreedySizer());
    },
  },
  ours("ours-spot", "ours: the frozen policy, no forecast", {}),
  ours("ours-spot+predict", "ours with its forecast", { forecast: "ours" }),
  ours("ours-seasonal-naive", "ours with the load of a day ago in place of its forecast", {
    forecast: "seasonal-naive",
  }),
  ours("ours-one-zone", "ours without: other zones", { oneZone: true }),
  ours("ours-no-fallback", "ours without: on-demand", { noFallback: true }),
  ours("ours-no-headroom", "ours without: headroom", { changes: { headroom: [] } }),
  ours("ours-no-notices", "ours without: anything done at a notice", { times: { handlesNotices: false } }),
  ours("guide-60-35-5", "ours with the guide's shares: 60 % spot, 35 % on demand, 5 % reserved", {
    reserved: true,
    changes: {
      // What is moved to save money would be moved past the shares.
      consolidation: { enabled: false },
      spotInstancePercentage: 0.6,
      onDemandPercentage: 0.35,
      reservedPercentage: 0.05,
    },
  }),
];

/** @throws AppError bad-input for a name that no row has. */
export function rowOf(id: string): Row {
  const row = ROWS.find((one) => one.id === id);
  if (row === undefined)
    throw new AppError(
      "bad-input",
      `row ${JSON.stringify(id)}: there are ${ROWS.map((one) => one.id).join(", ")}`,
    );
  return row;
}

function fixedRow(id: string, title: string, gpus: (tuned: Setting["tuned"]) => number): Row {
  return {
    id,
    title,
    play: (setting) => {
      const nodes = Math.max(1, Math.ceil(gpus(setting.tuned) / (setting.zones[0]?.gpus ?? 1)));
      const pools = [firmPool(setting, "on-demand", { initial: nodes })];
      return played(setting, pools, opened(pools), fixedSizer(id));
    },
  };
}

function ours(id: string, title: string, options: OurOptions): Row {
  return {
    id,
    title,
    play: (setting, pattern) => {
      const spot = options.oneZone === true ? oneOf(spotPools(setting), setting.offset) : spotPools(setting);
      const pools = [
        ...spot,
        ...(options.noFallback === true ? [] : [firmPool(setting, "on-demand")]),
        ...(options.reserved === true ? [firmPool(setting, "reserved")] : []),
      ];
      const predictive = options.forecast === undefined ? {} : { enablePredictiveScaling: true };
      const policy = policyOf(pattern, pools, { ...options.changes, ...predictive });
      const made = played(setting, pools, policy, decideSizer(), options.times);
      return options.forecast === undefined
        ? made
        : { ...made, options: { forecast: forecasting(options.forecast, setting, policy.name) } };
    },
  };
}

function played(
  setting: Setting,
  pools: readonly PoolModel[],
  policy: Scenario["policies"][number],
  make: MakeSizer,
  times: Partial<TimeModel> = {},
): Played {
  const { start, seed, warmInMs, lengthMs, drainMs, work, stocks, prices } = setting;
  const scenario: Scenario = {
    name: "backtest",
    seed,
    start: epochMs(start),
    warmInMs: millis(warmInMs),
    lengthMs: millis(lengthMs),
    drainMs: millis(drainMs),
    policies: [policy],
    pools,
    work,
    stocks,
    prices,
    times: { ...setting.times, ...times },
  };
  return { scenario, make, options: {} };
}

function allPools(setting: Setting): readonly PoolModel[] {
  return [...spotPools(setting), firmPool(setting, "on-demand")];
}

function spotPools({ zones }: Setting): readonly PoolModel[] {
  return zones.map((zone) => poolOf(zone, { name: `spot-${zone.zone}`, tier: "spot", zones: [zone.zone] }));
}

/** Machines that nobody takes stand where the first zone is. */
function firmPool(
  { zones }: Setting,
  tier: "on-demand" | "reserved",
  rest: { readonly initial?: number; readonly committed?: number } = {},
): PoolModel {
  const [zone] = zones;
  if (zone === undefined) throw new AppError("bad-input", "the capacity has no zone");
  return poolOf(zone, { name: tier, tier, zones: [zone.zone], ...rest });
}

function oneOf(pools: readonly PoolModel[], offset: number): readonly PoolModel[] {
  return pools.slice(offset % pools.length, (offset % pools.length) + 1);
}
