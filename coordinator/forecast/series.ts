// One series: the demand for one kind of GPU of one policy, its forecaster, and what the guard rails make of the forecast.
// It is moved by looks alone, so that it is the same live and in a replay, and all that it knows can be put by.

import { predictiveModeOf } from "../../shared/contract/policy/predictive.ts";
import type { PredictiveMode } from "../../shared/contract/policy/predictive.ts";
import { millis, ratio } from "../../shared/model/units.ts";
import type { EpochMs, Millis, Ratio } from "../../shared/model/units.ts";
import type { ForecastPart } from "../decide/snapshot.ts";
import type { DemandBin } from "./bin.ts";
import type { Demand } from "./demand.ts";
import { EXPERT } from "./expert-names.ts";
import { floorOf } from "./floor.ts";
import { createForecaster } from "./forecaster.ts";
import type { Forecast, Forecaster } from "./forecaster.ts";
import { asked, followed, NEW_GUARD, nodesFor } from "./guard.ts";
import type { Guard } from "./guard.ts";
import { fill, openBin } from "./open-bin.ts";
import type { OpenBin } from "./open-bin.ts";
import { DAY_MS, MINUTE_MS } from "./options.ts";
import { horizonOf, optionsOf, reachOf } from "./policy.ts";
import type { StandDown } from "./skill.ts";
import type { ForecastState } from "./state.ts";
import { offsetAt } from "./zone.ts";

/** Why the forecast moves nothing now: what the forecaster says, and what the guard rails say. */
export type SeriesStandDown =
  | StandDown
  | { readonly code: "wasted"; readonly until: EpochMs }
  | { readonly code: "budget-spent"; readonly nodeHours: number; readonly budget: number }
  | { readonly code: "beyond-horizon"; readonly minutes: number; readonly reach: number }
  | { readonly code: "node-unknown" };

export interface SeriesState {
  readonly guard: Guard;
  readonly bin: OpenBin | null;
  readonly forecaster: ForecastState;
}

/** What there is to show of a series. */
export interface ForecastView {
  readonly policy: string;
  readonly gpuType: string | null;
  readonly mode: PredictiveMode;
  readonly demand: Demand;
  readonly forecast: Forecast;
  readonly standsDown: readonly SeriesStandDown[];
  /** What `decide` is told; null: nothing. */
  readonly input: ForecastPart | null;
  /** From the order of a node to its readiness, and whether that was measured. */
  readonly leadMs: Millis;
  readonly isMeasured: boolean;
  /** The chance that more is wanted than the nodes that are there serve, as full as they may be. Null: nobody knows. */
  readonly confidence: Ratio | null;
  readonly guard: Guard;
}

export interface Series {
  look(demand: Demand, now: EpochMs, gapless: boolean): void;
  /** Null before the first look. */
  view(): ForecastView | null;
  teach(bins: readonly DemandBin[]): void;
  state(): SeriesState;
  /** Puts back what was known before; what has been seen since then is learned on top of it. */
  restore(state: SeriesState): void;
}

/** Bins that are learned again on top of a past that comes late: two days. */
const MAX_FRESH = 576;

export function createSeries(): Series {
  let forecaster: Forecaster | null = null;
  /** What the forecaster was made for: another setting makes it learn its past anew. */
  let setting = "";
  let put: SeriesState | null = null;
  let past: readonly DemandBin[] = [];
  let fresh: DemandBin[] = [];
  let bin: OpenBin | null = null;
  let guard = NEW_GUARD;
  let shown: ForecastView | null = null;
  let ahead: Ahead | null = null;
  let floor = 0;

  function made({ policy: { spec } }: Demand): Forecaster {
    const options = optionsOf(spec.predictive);
    const wanted = JSON.stringify(options);
    if (forecaster !== null && wanted === setting) return forecaster;
    const before = put?.forecaster ?? forecaster?.state();
    const next = createForecaster(options, before);
    for (const one of put === null ? past : [...past, ...fresh]) learnAfter(next, one);
    put = null;
    past = [];
    forecaster = next;
    setting = wanted;
    return next;
  }

  return {
    look: (demand, now, gapless) => {
      const level = { gpus: demand.gpus, isCut: demand.isCut };
      const before = bin;
      // A clock that was set back: what lies before is known already.
      if (before !== null && now < before.at) return;
      const own = made(demand);
      const { open, closed } =
        before === null ? { open: openBin(now, level), closed: [] } : fill(before, now, level, gapless);
      bin = open;
      for (const one of closed) learnAfter(own, one);
      fresh = [...fresh, ...closed].slice(-MAX_FRESH);
      const ms = before === null || before.level === null ? 0 : now - before.at;
      if (demand.gpus !== null && demand.gpusPerNode !== null)
        guard = followed(guard, {
          now,
          ms,
          floor,
          // What is ready so early may stay for as long after the expected time.
          ttlMs: horizonOf(demand.policy.spec.predictive),
          day: localDay(demand, now),
          gpus: demand.gpus,
          gpusPerNode: demand.gpusPerNode,
          nodes: demand.nodes,
        });
      // Between two bins the forecast stays what it was; what it may ask for changes with what is there.
      const leadMs = leadOf(demand);
      if (ahead === null || before?.start !== open.start || ahead.leadMs !== leadMs)
        ahead = aheadOf(demand, own, now);
      shown = viewOf(demand, ahead, now, guard);
      floor = shown.input !== null && acts(shown) ? floorNodes(shown) : 0;
      if (floor > 0 && demand.gpus !== null)
        guard = asked(
          guard,
          { nodes: floor, at: shown.input?.at ?? now },
          { now, nodes: demand.nodes, gpus: demand.gpus },
        );
      shown = { ...shown, guard };
    },
    view: () => shown,
    teach: (bins) => {
      if (forecaster === null) past = [...past, ...bins];
      else for (const one of bins) learnAfter(forecaster, one);
    },
    state: () => ({
      guard,
      bin,
      forecaster: forecaster?.state() ?? put?.forecaster ?? createForecaster().state(),
    }),
    restore: (state) => {
      // Made into a forecaster when the policy is known.
      put = state;
      guard = state.guard;
      bin ??= state.bin;
      forecaster = null;
      ahead = null;
      setting = "";
    },
  };
}

function learnAfter(forecaster: Forecaster, one: DemandBin): void {
  // What lies before the last bin is known already.
  const last = forecaster.last();
  if (last === null || one.at > last) forecaster.learn(one);
}

interface Ahead {
  readonly leadMs: Millis;
  /** When a node that is ordered now is there, and for a horizon from then on. */
  readonly forecast: Forecast;
  /** From now on. */
  readonly soon: Forecast;
}

function leadOf({ startMs, policy }: Demand): Millis {
  return startMs ?? horizonOf(policy.spec.predictive);
}

function aheadOf(demand: Demand, forecaster: Forecaster, now: EpochMs): Ahead {
  const leadMs = leadOf(demand);
  const hold = horizonOf(demand.policy.spec.predictive);
  return {
    leadMs,
    forecast: forecaster.forecast(now, { lead: leadMs, hold }),
    soon: forecaster.forecast(now, { lead: millis(0), hold: millis(leadMs + hold) }),
  };
}

function viewOf(demand: Demand, { leadMs, forecast, soon }: Ahead, now: EpochMs, guard: Guard): ForecastView {
  const { policy, gpuType, gpus, gpusPerNode, nodes, startMs } = demand;
  const { predictive } = policy.spec;
  const horizon = horizonOf(predictive);
  const reach = reachOf(predictive);
  const budget = predictive.maxPreWarmNodeHoursPerDay;
  const standsDown: readonly SeriesStandDown[] = [
    ...forecast.standsDown,
    ...(leadMs + horizon > reach
      ? [
          {
            code: "beyond-horizon" as const,
            minutes: Math.round((leadMs + horizon) / MINUTE_MS),
            reach: Math.round(reach / MINUTE_MS),
          },
        ]
      : []),
    ...(gpusPerNode === null || gpus === null ? [{ code: "node-unknown" as const }] : []),
    ...(guard.restsUntil !== null && now < guard.restsUntil
      ? [{ code: "wasted" as const, until: guard.restsUntil }]
      : []),
    ...(budget !== undefined && guard.nodeHours >= budget
      ? [{ code: "budget-spent" as const, nodeHours: guard.nodeHours, budget }]
      : []),
  ];
  const about = {
    policy: policy.name,
    gpuType,
    mode: predictiveModeOf(policy.spec),
    demand,
    forecast,
    standsDown,
    leadMs,
    isMeasured: startMs !== null,
    guard,
  };
  if (forecast.kind === "none" || gpusPerNode === null || gpus === null)
    return { ...about, input: null, confidence: null };

  const { confidenceThreshold, preWarmThreshold, maxPreWarmNodes } = predictive;
  const needed = nodesFor(gpus, gpusPerNode);
  const most = { nodes: needed, ...(maxPreWarmNodes === undefined ? {} : { maxPreWarmNodes }) };
  const ask = { ...most, gpusPerNode, confidenceThreshold: ratio(confidenceThreshold) };
  // Room beside what is expected is for a rise: where none comes, whole GPUs are taken and given back one by one.
  const fallen = fallenBy(forecast, gpus);
  const present = lowered(forecast, fallen);
  const isRise = nodesFor(Math.max(0, forecast.p50 - fallen), gpusPerNode) > needed;
  const found = floorOf(present, {
    ...ask,
    preWarmThreshold: ratio(isRise ? preWarmThreshold : 1),
  });
  const kept =
    soon.kind === "forecast" && soon.earned
      ? floorOf(lowered(soon, fallen), { ...ask, preWarmThreshold: ratio(1) })
      : null;
  const held = (floor: number): number => needed + Math.floor(Math.max(0, floor - needed) * guard.share);
  const wanted = found === null ? 0 : Math.min(found.nodes, held(found.nodes));
  // What was ordered stays until it is clear that nobody comes, also where the forecast wavers meanwhile.
  const ordered = guard.open === null ? 0 : guard.open.to;
  const keep = Math.max(ordered, kept === null ? 0 : Math.min(kept.nodes, held(kept.nodes)));
  const earned = standsDown.length === 0 && about.mode === "ForecastAndScale";
  return {
    ...about,
    input: {
      gpus: wanted * gpusPerNode,
      at: found?.at ?? forecast.at,
      confidence: found?.confidence ?? ratio(0),
      earned,
      ...(keep > wanted ? { keepGpus: keep * gpusPerNode } : {}),
    },
    confidence: present.exceeds(nodes * preWarmThreshold * gpusPerNode),
  };
}

type Made = Forecast & { readonly kind: "forecast" };

/**
 * GPUs that are wanted no more since the bin that the forecast was made after: it does not know of them yet. Of a spike
 * in that bin only what the forecast takes to stay: the rest is left out of it already.
 */
function fallenBy({ experts, p50 }: Made, gpus: number): number {
  const last = experts[EXPERT.last]?.gpus ?? null;
  return last === null ? 0 : Math.max(0, Math.min(last, p50) - gpus);
}

function lowered(forecast: Made, by: number): Made {
  return by === 0 ? forecast : { ...forecast, exceeds: (gpus) => forecast.exceeds(gpus + by) };
}

function acts({ input }: ForecastView): boolean {
  return input !== null && input.earned;
}

function floorNodes({ input, demand: { gpusPerNode } }: ForecastView): number {
  if (input === null || gpusPerNode === null) return 0;
  return Math.round(input.gpus / gpusPerNode);
}

function localDay({ policy: { spec } }: Demand, now: EpochMs): number {
  return Math.floor((now + offsetAt(spec.predictive.timeZone, now)) / DAY_MS);
}
