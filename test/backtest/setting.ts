// One setting of the back-test: a window of a workload laid beside a window of a capacity, under one rule of depth, with prices
// and the clocks of machines. Every row of a table is played on the same settings; a row only says who decides and which of the
// tiers there are. Offsets come from the plan's seed, and no window wraps around.

import type { PricePoint } from "../../coordinator/decide/snapshot.ts";
import type { PoolModel, StockTrace, TimeModel, Workload } from "../../coordinator/replay/scenario.ts";
import type { Span } from "../../coordinator/replay/world-options.ts";
import { listPriceOf, machineOf } from "../../shared/model/instance-types.ts";
import { GPU_RESOURCE } from "../../shared/model/names.ts";
import { seededRandom } from "../../shared/model/random.ts";
import { epochMs, millis } from "../../shared/model/units.ts";
import { AppError } from "../../shared/runtime/errors.ts";
import { windowOf } from "./capacities.ts";
import type { LoadedCapacity, ZoneTrace } from "./capacities.ts";
import type { CapacityPlan, DepthRule, PairPlan, Plan } from "./plan.ts";
import { demandFigures } from "./workloads.ts";
import type { LoadedWorkload } from "./workloads.ts";

export const DAY_MS = 86_400_000;
/** A Monday: hours and weekdays of the workload's clock begin there. */
export const WALL_START = Date.UTC(2024, 0, 1);

/** From the notice to a machine's end, as the clouds publish it. */
const NOTICE_MS = { aws: 120_000, gcp: 30_000, azure: 30_000 } as const;
/** What a machine has beside its GPUs where the catalogue does not know it: enough for the pods of a replay. */
const CPU_PER_GPU = 8;
const MEMORY_GIB_PER_GPU = 60;
export const MOST_NODES = 1_000;

export interface Variant {
  readonly nodeReadyS?: number;
  readonly restartS?: number;
}

export interface Setting {
  readonly offset: number;
  readonly start: number;
  readonly lengthMs: number;
  readonly warmInMs: number;
  readonly drainMs: number;
  readonly seed: number;
  readonly work: Workload;
  readonly zones: readonly ZoneTrace[];
  readonly stocks: readonly StockTrace[];
  readonly prices: readonly PricePoint[];
  readonly times: TimeModel;
  /** What fixed fleets are sized on, in GPUs. */
  readonly tuned: { readonly p50: number; readonly p95: number; readonly peak: number };
  /** Demand before the window, for a forecast that has its past: ms before the start are negative. */
  readonly past: readonly { readonly atMs: number; readonly gpus: number }[];
  readonly notes: readonly string[];
}

export interface Material {
  readonly plan: Plan;
  readonly folder: string;
  readonly pair: PairPlan;
  readonly workload: LoadedWorkload;
  readonly capacity: LoadedCapacity;
  readonly capacityPlan: Pick<CapacityPlan, "unknownSpotUsd">;
  readonly serviceStart: Span;
  readonly onDemand: OnDemand;
}

export type OnDemand = (trace: ZoneTrace) => { readonly usdPerHour: number; readonly note?: string };

/** @throws AppError bad-input when the windows do not fit into the traces. */
export function settingOf(
  material: Material,
  offset: number,
  depth: DepthRule,
  variant: Variant = {},
): Setting {
  const { plan, pair, workload, capacity } = material;
  const drainMs = plan.drainHours * 3_600_000;
  const lengthMs = pair.days * DAY_MS;
  const tuneEndMs = workload.fromMs + pair.tuneDays * DAY_MS;
  const room = {
    work: workload.toMs - lengthMs - tuneEndMs,
    capacity: capacity.lengthMs - lengthMs - drainMs,
  };
  for (const [what, left] of Object.entries(room))
    if (left < 0)
      throw new AppError(
        "bad-input",
        `days is ${pair.days}: the ${what} trace is ${Math.ceil(-left / DAY_MS)} days too short for it`,
      );
  const random = seededRandom(plan.seed + offset * 7919);
  const workFrom = tuneEndMs + Math.floor((random() * room.work) / 60_000) * 60_000;
  const capacityFrom = Math.floor((random() * room.capacity) / 1000) * 1000;
  const start = WALL_START + workFrom;
  const shifts = capacity.zones.map(() => random());
  const notes: string[] = [];
  return {
    offset,
    start,
    lengthMs,
    warmInMs: Math.min(plan.warmInDays * DAY_MS, lengthMs / 2),
    drainMs,
    seed: plan.seed + offset,
    work: workload.window(workFrom, lengthMs),
    zones: capacity.zones,
    stocks: capacity.zones.map((zone, at) => ({
      instanceType: zone.instanceType,
      zone: zone.zone,
      tier: "spot" as const,
      steps: stepsOf(zone, capacity.depth, {
        depth,
        at,
        shift: shifts[at] ?? 0,
        fromMs: capacityFrom,
        lengthMs: lengthMs + drainMs,
      }),
    })),
    prices: pricesOf(
      material,
      { start, fromMs: capacityFrom, toMs: capacityFrom + lengthMs + drainMs },
      notes,
    ),
    times: timesOf(material, variant),
    tuned: demandFigures(workload.demand(workload.fromMs, tuneEndMs), tuneEndMs),
    past: workload
      .demand(workload.fromMs, workFrom)
      .map(({ atMs, gpus }) => ({ atMs: atMs - workFrom, gpus })),
    notes: [...new Set([...capacity.notes, ...workload.dropped, ...notes])],
  };
}

function timesOf({ plan: { times }, capacity, serviceStart }: Material, variant: Variant): TimeModel {
  const [zone] = capacity.zones;
  return {
    nodeReadyMs: millis((variant.nodeReadyS ?? times.nodeReadyS) * 1000),
    jobStartMs: millis(times.jobStartS * 1000),
    serviceStartMs: serviceStart,
    noticeMs: millis(NOTICE_MS[zone?.provider ?? "aws"]),
    handlesNotices: true,
    checkpointEveryMs: millis(times.checkpointEveryS * 1000),
    checkpointTakesMs: millis(times.checkpointTakesS * 1000),
    restartMs: millis((variant.restartS ?? times.restartS) * 1000),
    launchRetryMs: millis(times.launchRetryS * 1000),
  };
}

interface Cut {
  readonly depth: DepthRule;
  readonly at: number;
  readonly shift: number;
  readonly fromMs: number;
  readonly lengthMs: number;
}

/**
 * All or nothing: any number while one could be had, all lost when none could. By depth: the zone's own count where its trace
 * counts, else what a trace of many says at another time, while the zone has any.
 */
function stepsOf(zone: ZoneTrace, depths: readonly ZoneTrace[], cut: Cut): StockTrace["steps"] {
  const own = windowOf(zone.steps, cut.fromMs, cut.fromMs + cut.lengthMs);
  if (cut.depth === "all-or-nothing")
    return own.map(({ atMs, available }) => ({ atMs, available: available > 0 ? null : 0 }));
  if (zone.most > 1) return own;
  const deep = depths[cut.at % Math.max(1, depths.length)];
  if (deep === undefined)
    throw new AppError(
      "bad-input",
      "depths has by-depth: the capacity names no depthTraces that the folder has",
    );
  const left = deep.lengthMs - cut.lengthMs;
  if (left < 0)
    throw new AppError(
      "bad-input",
      `depths has by-depth: trace ${deep.id} is ${Math.ceil(-left / DAY_MS)} days shorter than the window`,
    );
  const deepFrom = Math.floor((cut.shift * left) / 1000) * 1000;
  const counts = windowOf(deep.steps, deepFrom, deepFrom + cut.lengthMs);
  const times = [...new Set([...own, ...counts].map(({ atMs }) => atMs))].toSorted((a, b) => a - b);
  const holds = (steps: typeof own, atMs: number): number =>
    steps.findLast((step) => step.atMs <= atMs)?.available ?? 0;
  return times
    .map((atMs) => ({ atMs, available: holds(own, atMs) > 0 ? holds(counts, atMs) : 0 }))
    .filter(({ available }, at, all) => at === 0 || all[at - 1]?.available !== available);
}

/** Of each zone's spot as it changes; on demand and reserved by region, as they were when the capacity was traced. */
function pricesOf(
  material: Material,
  { start, fromMs, toMs }: PriceWindow,
  notes: string[],
): readonly PricePoint[] {
  const { onDemand, plan, capacity, capacityPlan } = material;
  const points: PricePoint[] = [];
  for (const trace of capacity.zones) {
    const { provider, region, zone, instanceType, id } = trace;
    const place = { provider, region, instanceType };
    const { usdPerHour, note } = onDemand(trace);
    if (note !== undefined) notes.push(note);
    const always = { ...place, source: "backtest", at: epochMs(start) };
    points.push({ ...always, tier: "on-demand", usdPerHour });
    const reserved = listPriceOf(provider, region, instanceType, "reserved");
    if (reserved.kind === "unknown")
      notes.push(
        `${instanceType}: the catalogue has no one-year price; ${plan.reservedShare} of on-demand is taken`,
      );
    points.push({ ...always, tier: "reserved", usdPerHour: usdPerHour * plan.reservedShare });
    for (const { atMs, usdPerHour: usd } of spotOf(trace, fromMs, toMs)) {
      const known = usd ?? capacityPlan.unknownSpotUsd ?? null;
      if (known === null)
        throw new AppError(
          "bad-input",
          `${id}: its spot price is not known at ${atMs / 1000} s of the window: set capacities[].unknownSpotUsd`,
        );
      if (usd === null) notes.push(`${id}: while the price file has none, ${known} USD an hour are taken`);
      points.push({
        ...place,
        zone,
        tier: "spot",
        usdPerHour: known,
        source: "backtest",
        at: epochMs(start + atMs),
      });
    }
  }
  return points.toSorted((a, b) => a.at - b.at);
}

interface PriceWindow {
  readonly start: number;
  readonly fromMs: number;
  readonly toMs: number;
}

function spotOf({ prices, provider, region, instanceType, id }: ZoneTrace, fromMs: number, toMs: number) {
  if (prices !== null) {
    const own = windowOf(prices, fromMs, toMs);
    return own[0]?.atMs === 0 ? own : [{ atMs: 0, usdPerHour: null }, ...own];
  }
  const list = listPriceOf(provider, region, instanceType, "spot");
  if (list.kind === "unknown")
    throw new AppError(
      "bad-input",
      `${id}: neither the folder nor the catalogue has a spot price: ${list.because}`,
    );
  return [{ atMs: 0, usdPerHour: list.usdPerHour }];
}

/** The machines of a zone as a pool; `zones`: where its nodes may stand. */
export function poolOf(
  trace: ZoneTrace,
  rest: Pick<PoolModel, "name" | "tier" | "zones"> & {
    readonly initial?: number;
    readonly committed?: number;
  },
): PoolModel {
  const { provider, region, instanceType, gpus } = trace;
  const known = machineOf(provider, instanceType);
  const machine = known.kind === "known" ? known.machine : null;
  const cpus = machine === null ? gpus * CPU_PER_GPU : Math.floor(machine.cpuMillis / 1000);
  const gib = machine === null ? gpus * MEMORY_GIB_PER_GPU : Math.floor(machine.memoryBytes / 2 ** 30);
  const { name, tier, zones, initial = 0, committed } = rest;
  return {
    name,
    tier,
    zones,
    provider,
    region,
    instanceType,
    allocatable: { [GPU_RESOURCE]: String(gpus), cpu: String(cpus), memory: `${gib}Gi`, pods: "110" },
    max: MOST_NODES,
    initial,
    ...(committed === undefined ? {} : { committed }),
  };
}
