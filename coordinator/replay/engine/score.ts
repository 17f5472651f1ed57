// The figures of a run, from what was added up on the way. What is not known or not defined is null and never zero.

import type { ByTier, Score } from "../run.ts";
import type { JobFigures } from "./jobs.ts";
import { hours } from "./meter.ts";
import type { Meter } from "./meter.ts";

/** From the end of the warm-in to the end. */
export interface Counts {
  interruptions: number;
  clean: number;
  added: number;
  removed: number;
  launchesFailed: number;
}

export interface ScoreParts {
  readonly meter: Pick<Meter, "money" | "sums">;
  readonly jobs: JobFigures;
  readonly counts: Readonly<Counts>;
  readonly bound: number | null;
  readonly hasServices: boolean;
}

export function scoreOf({ meter, jobs, counts, bound, hasServices }: ScoreParts): Score {
  const { money, sums } = meter;
  const total = money.total();
  const byTier = money.by("tier");
  const byState = money.by("state");
  const usdIn = (cells: typeof byTier, name: string): number => cells.get(name)?.usd ?? 0;
  const nodeHours: ByTier = {
    spot: hours(sums.nodes.spot),
    "on-demand": hours(sums.nodes["on-demand"]),
    reserved: hours(sums.nodes.reserved),
  };
  return {
    usd: total.unknownNodeHours > 0 ? null : total.usd,
    usdKnown: total.usd,
    usdByTier: {
      spot: usdIn(byTier, "spot"),
      "on-demand": usdIn(byTier, "on-demand"),
      reserved: usdIn(byTier, "reserved"),
    },
    usdByState: {
      allocated: usdIn(byState, "allocated"),
      idle: usdIn(byState, "idle"),
      booting: usdIn(byState, "booting"),
      draining: usdIn(byState, "draining"),
    },
    usdAtOnDemand: total.onDemandUnknownNodeHours > 0 ? null : total.onDemandUsd,
    usdBound: bound,
    unknownNodeHours: total.unknownNodeHours,
    nodeHours,
    provisionedGpuHours: hours(sums.gpusProvisioned),
    allocatedGpuHours: hours(sums.gpusAllocated),
    usefulGpuHours: hours(jobs.usefulGpuMs),
    lostGpuHours: hours(jobs.lostGpuMs),
    unmetGpuMinutes: sums.gpusUnmet / 60_000,
    waitS: jobs.waitS,
    waitWithRequeuesS: jobs.waitWithRequeuesS,
    startedWithin60s: jobs.startedWithin60s,
    startedWithin300s: jobs.startedWithin300s,
    stretch: jobs.stretch,
    jobs: jobs.jobs,
    interruptions: {
      count: counts.interruptions,
      clean: counts.clean,
      perSpotInstanceHour: nodeHours.spot > 0 ? counts.interruptions / nodeHours.spot : null,
    },
    nodesAdded: counts.added,
    nodesRemoved: counts.removed,
    launchesFailed: counts.launchesFailed,
    services: hasServices
      ? {
          underProvisionedShare: sums.ms > 0 ? sums.servicesUnder / sums.ms : 0,
          missedShare: sums.replicasWanted > 0 ? sums.replicasMissed / sums.replicasWanted : 0,
        }
      : null,
  };
}
