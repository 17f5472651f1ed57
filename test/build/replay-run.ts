// Runs of a replay made up for tests of what is made from runs: days and nights, spot that is taken back, reasons of many
// kinds. They look like a month of a small fleet; no sizer decided them and no scenario was played.

import type { Happening, Quantiles, Run, Score, TimelineBin } from "../../coordinator/replay/run.ts";
import type { Reason } from "../../shared/model/reasons.ts";
import { millis, ratio } from "../../shared/model/units.ts";

export interface MadeUp {
  readonly seed?: number;
  readonly days?: number;
  readonly binMinutes?: number;
  readonly sizer?: string;
  readonly pools?: readonly string[];
  /** Share of nodes on spot. */
  readonly spot?: number;
  readonly forecast?: boolean;
}

/** The same options give the same run. */
export function madeUpRun(options: MadeUp = {}): Run {
  const {
    seed = 1,
    days = 3,
    binMinutes = 15,
    sizer = "ours",
    pools = ["spot-a", "steady"],
    spot = 0.7,
  } = options;
  const random = randomOf(seed);
  const binMs = binMinutes * 60_000;
  const timeline: TimelineBin[] = [];
  const happenings: Happening[] = [];
  let before = 0;
  for (let at = 0; at < (days * 86_400_000) / binMs; at += 1) {
    const atMs = at * binMs;
    const hour = (atMs / 3_600_000) % 24;
    const wanted = Math.max(0, 14 + 12 * Math.sin(((hour - 8) / 24) * 2 * Math.PI) + 6 * (random() - 0.5));
    const nodes = Math.ceil(wanted);
    const spots = Math.round(nodes * spot);
    const booting = Math.max(0, Math.min(nodes, nodes - before)) * random();
    const draining = Math.max(0, Math.min(nodes - booting, before - nodes)) * random();
    const usdPerHourByTier = { spot: spots * 1.1, "on-demand": (nodes - spots) * 3.06, reserved: 0 };
    timeline.push({
      atMs,
      nodes: { spot: spots, "on-demand": nodes - spots, reserved: 0 },
      booting,
      draining,
      gpusProvisioned: nodes,
      gpusAllocated: Math.min(nodes, wanted * 0.9),
      gpusQueued: random() < 0.1 ? Math.round(random() * 8) : 0,
      usdPerHour: usdPerHourByTier.spot + usdPerHourByTier["on-demand"],
      usdPerHourByTier,
      ...(options.forecast === true ? { forecastP50: wanted, forecastP90: wanted * 1.25 + 1 } : {}),
    });
    if (nodes !== before) happenings.push(moveOf(atMs, pick(pools, random), before, nodes, random));
    if (random() < 0.03)
      happenings.push(
        ...lossOf(atMs + binMs / 3, pools[0] ?? "", `node-${Math.floor(random() * 99)}`, random),
      );
    before = nodes;
  }
  return {
    scenario: "made up",
    sizer,
    seed,
    score: scoreOf(timeline, binMs, happenings, random),
    timeline,
    happenings,
    happeningsLeftOut: 0,
    decisions: timeline.length * 7,
  };
}

function moveOf(atMs: number, pool: string, from: number, to: number, random: () => number): Happening {
  return {
    atMs,
    pool,
    kind: to > from ? "grow" : "shrink",
    from,
    to,
    because: [reasonOf(to > from, random)],
  };
}

function reasonOf(grows: boolean, random: () => number): Reason {
  if (!grows)
    return {
      code: "idle",
      node: `node-${Math.floor(random() * 99)}`,
      forMs: millis(600_000 + Math.round(random() * 60_000)),
      threshold: ratio(0.1),
    };
  return random() < 0.7
    ? {
        code: "pending-pods",
        pods: 1 + Math.floor(random() * 5),
        gpus: 1 + Math.floor(random() * 8),
        oldestMs: millis(Math.round(random() * 90_000)),
      }
    : {
        code: "utilization-high",
        mean: ratio(0.8 + random() * 0.15),
        threshold: ratio(0.8),
        gpus: 12,
        forMs: millis(120_000),
      };
}

function lossOf(atMs: number, pool: string, node: string, random: () => number): readonly Happening[] {
  if (random() < 0.3) return [{ atMs, pool, kind: "launch-failed", node: null }];
  return [
    { atMs, pool, kind: "notice", node },
    { atMs: atMs + 120_000, pool, kind: "interrupted", node },
  ];
}

function scoreOf(
  timeline: readonly TimelineBin[],
  binMs: number,
  happenings: readonly Happening[],
  random: () => number,
): Score {
  const hours = binMs / 3_600_000;
  const sum = (of: (bin: TimelineBin) => number): number =>
    timeline.reduce((all, bin) => all + of(bin), 0) * hours;
  const usd = sum((bin) => bin.usdPerHour ?? 0);
  const count = happenings.filter(({ kind }) => kind === "interrupted").length;
  const spotHours = sum((bin) => bin.nodes.spot);
  const all = sum((bin) => bin.gpusProvisioned);
  const held = sum((bin) => bin.gpusAllocated);
  return {
    usd,
    usdKnown: usd,
    usdByTier: {
      spot: sum((bin) => bin.usdPerHourByTier?.spot ?? 0),
      "on-demand": sum((bin) => bin.usdPerHourByTier?.["on-demand"] ?? 0),
      reserved: 0,
    },
    usdByState: { allocated: usd * 0.8, idle: usd * 0.12, booting: usd * 0.06, draining: usd * 0.02 },
    usdAtOnDemand: all * 3.06,
    usdBound: held * 1.02,
    unknownNodeHours: 0,
    nodeHours: { spot: spotHours, "on-demand": sum((bin) => bin.nodes["on-demand"]), reserved: 0 },
    provisionedGpuHours: all,
    allocatedGpuHours: held,
    usefulGpuHours: held - count * 0.4,
    lostGpuHours: count * 0.4,
    unmetGpuMinutes: sum((bin) => bin.gpusQueued) * 60,
    waitS: quantiles(900, 12 + random() * 10, random),
    waitWithRequeuesS: quantiles(900 + count, 14 + random() * 10, random),
    startedWithin60s: 0.81 + random() * 0.1,
    startedWithin300s: 0.96 + random() * 0.03,
    stretch: quantiles(900, 1.02, random),
    jobs: { arrived: 900, finished: 897, unfinished: 3 },
    interruptions: {
      count,
      clean: Math.floor(count * 0.9),
      perSpotInstanceHour: spotHours === 0 ? null : count / spotHours,
    },
    nodesAdded: happenings.filter(({ kind }) => kind === "grow").length,
    nodesRemoved: happenings.filter(({ kind }) => kind === "shrink").length,
    launchesFailed: happenings.filter(({ kind }) => kind === "launch-failed").length,
    services: null,
  };
}

function quantiles(count: number, p50: number, random: () => number): Quantiles {
  return { count, p50, p95: p50 * (9 + random()), p99: p50 * (25 + random()), max: p50 * (70 + random()) };
}

function pick(of: readonly string[], random: () => number): string {
  return of[Math.floor(random() * of.length)] ?? "";
}

/** 0 ≤ x < 1, a linear congruence: good enough for the look of a thing. */
function randomOf(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32;
  };
}
