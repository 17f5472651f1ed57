// Plays a row of a table: takes a setting and makes the scenario, who decides, and about which tiers. What a row is stands in
// rows.ts as plain data and travels in the task; between two rows nothing differs but what that data says.

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
import type { ForecastKind } from "./forecasting.ts";
import { opened, policyOf } from "./policies.ts";
import type { PolicyPattern } from "./policies.ts";
import { poolOf } from "./setting.ts";
import type { Setting } from "./setting.ts";

export interface Played {
  readonly scenario: Scenario;
  readonly make: MakeSizer;
  readonly options: PlayOptions;
}

export interface OurOptions {
  readonly forecast?: ForecastKind;
  readonly oneZone?: boolean;
  readonly noFallback?: boolean;
  readonly reserved?: boolean;
  readonly noNotices?: boolean;
  /** Top fields of the policy that differ. */
  readonly changes?: Readonly<Record<string, unknown>>;
}

/** Who decides, as plain data. */
export type Decider =
  | { readonly kind: "fixed"; readonly size: "peak" | "p95" }
  | { readonly kind: "reserved" | "reactive" | "karpenter-like" | "spot-naive" | "spot-greedy" }
  | ({ readonly kind: "ours" } & OurOptions);

export function playedBy(decider: Decider, setting: Setting, pattern: PolicyPattern): Played {
  switch (decider.kind) {
    case "fixed":
      return fixed(setting, decider.size);
    case "reserved":
      return partlyReserved(setting);
    case "reactive":
      return open(setting, [firmPool(setting, "on-demand")], reactiveSizer());
    case "karpenter-like":
      return open(setting, [firmPool(setting, "on-demand")], karpenterLikeSizer());
    case "spot-naive": {
      const pools = oneOf(spotPools(setting), setting.offset);
      return open(setting, pools, reactiveSizer({ name: "spot-naive" }));
    }
    case "spot-greedy": {
      const pools = [...spotPools(setting), firmPool(setting, "on-demand")];
      return open(setting, pools, spotGreedySizer());
    }
    case "ours":
      return ours(setting, pattern, decider);
    default:
      return decider satisfies never;
  }
}

/** A fleet of one size, from the days before alone. */
function fixed(setting: Setting, size: "peak" | "p95"): Played {
  const nodes = Math.max(1, Math.ceil(setting.tuned[size] / (setting.zones[0]?.gpus ?? 1)));
  const pools = [firmPool(setting, "on-demand", { initial: nodes })];
  return open(setting, pools, fixedSizer(`static-${size}`));
}

function partlyReserved(setting: Setting): Played {
  const nodes = Math.max(1, Math.ceil(setting.tuned.p50 / (setting.zones[0]?.gpus ?? 1)));
  const reserved = firmPool(setting, "reserved", { initial: nodes, committed: nodes });
  return open(
    setting,
    [reserved, firmPool(setting, "on-demand")],
    reactiveSizer({ name: "static-reserved", keep: ["reserved"] }),
  );
}

function ours(setting: Setting, pattern: PolicyPattern, options: OurOptions): Played {
  const spot = options.oneZone === true ? oneOf(spotPools(setting), setting.offset) : spotPools(setting);
  const pools = [
    ...spot,
    ...(options.noFallback === true ? [] : [firmPool(setting, "on-demand")]),
    ...(options.reserved === true ? [firmPool(setting, "reserved")] : []),
  ];
  const predictive = options.forecast === undefined ? {} : { enablePredictiveScaling: true };
  const policy = policyOf(pattern, pools, { ...options.changes, ...predictive });
  const times = options.noNotices === true ? { handlesNotices: false } : {};
  const made = played(setting, pools, policy, decideSizer(), times);
  return options.forecast === undefined
    ? made
    : { ...made, options: { forecast: forecasting(options.forecast, setting, policy.name) } };
}

function open(setting: Setting, pools: readonly PoolModel[], make: MakeSizer): Played {
  return played(setting, pools, opened(pools), make);
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
