// One setting of the back-test: a window of a workload laid beside a window of a capacity, under one rule of depth, with prices
// and the clocks of machines. Every row of a table is played on the same settings; a row only says who decides and which of the
// tiers there are. Offsets come from the plan's seed, and no window wraps around.

import type { PricePoint } from "../../coordinator/decide/snapshot.ts";
import type { PoolModel, StockTrace, TimeModel, Workload } from "../../coordinator/replay/scenario.ts";
import type { Span } from "../../coordinator/replay/world-options.ts";
import { machineOf } from "../../shared/model/instance-types.ts";
import { GPU_RESOURCE } from "../../shared/model/names.ts";
import { seededRandom } from "../../shared/model/random.ts";
import { millis } from "../../shared/model/units.ts";
import { AppError } from "../../shared/runtime/errors.ts";
import { windowOf } from "./capacities.ts";
import type { LoadedCapacity, ZoneTrace } from "./capacities.ts";
import type { CapacityPlan, DepthRule, PairPlan, Plan } from "./plan.ts";
import { pricesOf } from "./setting-prices.ts";
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

/** Which part of the workload meets which part of the capacity, in ms on the clock of each. */
interface Windows {
  readonly lengthMs: number;
  readonly drainMs: number;
  readonly tuneEndMs: number;
  readonly workFrom: number;
  readonly capacityFrom: number;
  /** For each zone where in a trace of depths it begins, from 0 to 1. */
  readonly shifts: readonly number[];
}

/** @throws AppError bad-input when the windows do not fit into the traces. */
export function windowsAt({ plan, pair, workload, capacity }: Material, offset: number): Windows {
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
  const shifts = capacity.zones.map(() => random());
  return { lengthMs, drainMs, tuneEndMs, workFrom, capacityFrom, shifts };
}

/** @throws AppError bad-input when the windows do not fit into the traces. */
export function settingOf(
  material: Material,
  offset: number,
  depth: DepthRule,
  variant: Variant = {},
): Setting {
  const { plan, workload, capacity } = material;
  const { lengthMs, drainMs, tuneEndMs, workFrom, capacityFrom, shifts } = windowsAt(material, offset);
  const start = WALL_START + workFrom;
  const notes: string[] = [];
  return {
    offset,
    start,
    lengthMs,
    warmInMs: warmInOf(plan, lengthMs),
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

export function warmInOf({ warmInDays }: Plan, lengthMs: number): number {
  return Math.min(warmInDays * DAY_MS, lengthMs / 2);
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
