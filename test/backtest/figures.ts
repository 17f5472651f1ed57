// The figures of a table's rows: each metric of the protocol from the scores of all offsets, as mean, least and most. Ratios to
// other rows are taken offset by offset, so that like is divided by like. A figure that is unknown at one offset is left out of
// the mean and counted.

import type { Result } from "./tasks.ts";

export interface Spread {
  readonly mean: number;
  readonly min: number;
  readonly max: number;
  readonly unknown: number;
}

export interface Metric {
  readonly id: string;
  /** Head of its column. */
  readonly head: string;
  readonly digits: number;
  readonly percent?: boolean;
}

const METRICS = [
  { id: "usd", head: "USD", digits: 0 },
  { id: "toStaticPeak", head: "÷ static-peak", digits: 2 },
  { id: "toReactive", head: "÷ reactive", digits: 3 },
  { id: "toBound", head: "÷ bound", digits: 3 },
  { id: "waitP50", head: "wait p50 s", digits: 0 },
  { id: "waitP95", head: "wait p95 s", digits: 0 },
  { id: "waitP99", head: "wait p99 s", digits: 0 },
  { id: "waitMax", head: "wait max s", digits: 0 },
  { id: "requeueP95", head: "with re-queues p95 s", digits: 0 },
  { id: "requeueP99", head: "with re-queues p99 s", digits: 0 },
  { id: "within60", head: "started in 60 s", digits: 1, percent: true },
  { id: "within300", head: "started in 300 s", digits: 1, percent: true },
  { id: "stretchP50", head: "stretch p50", digits: 2 },
  { id: "stretchP95", head: "stretch p95", digits: 2 },
  { id: "unmet", head: "unmet GPU-min", digits: 0 },
  { id: "allocated", head: "allocated ÷ provisioned", digits: 1, percent: true },
  { id: "useful", head: "useful ÷ provisioned", digits: 1, percent: true },
  { id: "interruptions", head: "interruptions", digits: 0 },
  { id: "perSpotHour", head: "per spot instance-hour", digits: 3 },
  { id: "clean", head: "of them clean", digits: 0, percent: true },
  { id: "lost", head: "lost GPU-h", digits: 1 },
  { id: "lostShare", head: "lost share", digits: 2, percent: true },
  { id: "spotShare", head: "spot share", digits: 1, percent: true },
  { id: "added", head: "nodes added /h", digits: 2 },
  { id: "removed", head: "nodes removed /h", digits: 2 },
  { id: "gpuHours", head: "GPU-h provisioned", digits: 0 },
  { id: "unfinished", head: "unfinished jobs", digits: 1 },
  { id: "trusted", head: "forecast trusted", digits: 1, percent: true },
  { id: "under", head: "time under-provisioned", digits: 2, percent: true },
  { id: "missed", head: "replica-minutes missed", digits: 2, percent: true },
] as const satisfies readonly Metric[];

export type MetricId = (typeof METRICS)[number]["id"];
export const TABLE_METRICS: readonly (Metric & { readonly id: MetricId })[] = METRICS;

export interface Beside {
  readonly staticPeak: Result | undefined;
  readonly reactive: Result | undefined;
  /** Of the time that figures are counted over. */
  readonly hours: number;
}

export function metricsOf(
  result: Result,
  { staticPeak, reactive, hours }: Beside,
): Readonly<Record<MetricId, number | null>> {
  const { score, boundUsd } = result;
  const { usd, waitS, waitWithRequeuesS, stretch, interruptions, nodeHours, services } = score;
  const nodes = nodeHours.spot + nodeHours["on-demand"] + nodeHours.reserved;
  return {
    usd,
    toStaticPeak: share(usd, staticPeak?.score.usd),
    toReactive: share(usd, reactive?.score.usd),
    toBound: share(usd, boundUsd),
    waitP50: waitS.p50,
    waitP95: waitS.p95,
    waitP99: waitS.p99,
    waitMax: waitS.max,
    requeueP95: waitWithRequeuesS.p95,
    requeueP99: waitWithRequeuesS.p99,
    within60: score.startedWithin60s,
    within300: score.startedWithin300s,
    stretchP50: stretch.p50,
    stretchP95: stretch.p95,
    unmet: score.unmetGpuMinutes,
    allocated: share(score.allocatedGpuHours, score.provisionedGpuHours),
    useful: share(score.usefulGpuHours, score.provisionedGpuHours),
    interruptions: interruptions.count,
    perSpotHour: interruptions.perSpotInstanceHour,
    clean: share(interruptions.clean, interruptions.count),
    lost: score.lostGpuHours,
    lostShare: share(score.lostGpuHours, score.usefulGpuHours + score.lostGpuHours),
    spotShare: share(nodeHours.spot, nodes),
    added: score.nodesAdded / hours,
    removed: score.nodesRemoved / hours,
    gpuHours: score.provisionedGpuHours,
    unfinished: score.jobs.arrived === 0 ? null : score.jobs.unfinished,
    trusted: result.trusted,
    under: services?.underProvisionedShare ?? null,
    missed: services?.missedShare ?? null,
  };
}

/** Null: it is known at no offset. */
export function spreadOf(values: readonly (number | null)[]): Spread | null {
  const known = values.filter((value) => value !== null);
  if (known.length === 0) return null;
  return {
    mean: known.reduce((sum, value) => sum + value, 0) / known.length,
    min: Math.min(...known),
    max: Math.max(...known),
    unknown: values.length - known.length,
  };
}

/** Null where there is nothing to divide, or to divide by. */
export function share(part: number | null | undefined, whole: number | null | undefined): number | null {
  if (part === null || part === undefined || whole === null || whole === undefined || whole === 0)
    return null;
  return part / whole;
}
