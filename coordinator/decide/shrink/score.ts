// Which of the nodes that could go goes first, since budgets seldom let all of them: what is broken, then what costs
// nobody anything, then what moves the fewest and least important pods. Among equals the dearest, then the one whose
// cloud takes it most often, then spot before what is paid for longer.

import { epochMs } from "../../../shared/model/units.ts";
import type { EpochMs } from "../../../shared/model/units.ts";
import { TIER_ORDER } from "../fleet/fleet.ts";
import { isCheckpointed } from "../fleet/tenants.ts";
import type { Market } from "../market/market.ts";
import { compareText, firstDifference } from "../order.ts";
import type { Candidate, Cause } from "../rule.ts";
import type { PodInput } from "../snapshot-pod.ts";

const RANK: Readonly<Record<Cause["kind"], number>> = {
  unhealthy: 0,
  rebalance: 1,
  empty: 2,
  return: 3,
  expired: 4,
  idle: 5,
  "over-cap": 6,
  exchange: 7,
  movable: 8,
};

const WEIGHT: Readonly<Record<PodInput["class"], number>> = { low: 1, medium: 2, high: 4, system: 2 };
const HOUR_MS = 3_600_000;

export interface Scored {
  readonly candidate: Candidate;
  readonly disruption: number;
  /** Of a node-hour; null: not known. */
  readonly usdPerHour: number | null;
  /** How much dearer interruptions make it. */
  readonly risk: number;
}

export function scoreOf(candidate: Candidate, market: Pick<Market, "offerOf">, at: EpochMs): Scored {
  const { price, effectiveUsdPerHour } = market.offerOf(candidate.pool);
  const usdPerHour = price.kind === "known" ? price.usdPerHour : null;
  const risk =
    usdPerHour !== null && usdPerHour > 0 && effectiveUsdPerHour !== null
      ? effectiveUsdPerHour / usdPerHour
      : 1;
  const disruption = candidate.pods.reduce((sum, pod) => sum + disruptionOf(pod, at), 0);
  return { candidate, disruption, usdPerHour, risk };
}

/** By its class; a Job's pod that saves nothing loses each hour that it has run. */
function disruptionOf(pod: PodInput, at: EpochMs): number {
  const isJob = pod.owner?.kind === "Job" && !isCheckpointed(pod);
  const lostHours = isJob ? Math.max(0, at - (pod.startedAt ?? pod.createdAt)) / HOUR_MS : 0;
  return WEIGHT[pod.class] + lostHours;
}

export function firstToGo(a: Scored, b: Scored): number {
  return firstDifference(
    recommends(a) - recommends(b),
    RANK[a.candidate.cause.kind] - RANK[b.candidate.cause.kind],
    a.candidate.empty && b.candidate.empty ? tierOf(a) - tierOf(b) : 0,
    a.disruption - b.disruption,
    (b.usdPerHour ?? -1) - (a.usdPerHour ?? -1),
    b.risk - a.risk,
    tierOf(a) - tierOf(b),
    sinceOf(a.candidate) - sinceOf(b.candidate),
    compareText(a.candidate.state.name, b.candidate.state.name),
  );
}

/** What is only recommended must not take the room of what is done. */
function recommends({ candidate }: Scored): number {
  return Number(candidate.pool.spec.mode === "Recommend");
}

function tierOf({ candidate }: Scored): number {
  return TIER_ORDER[candidate.pool.pool.capacityType];
}

/** The longest first. */
function sinceOf({ empty, timers, state }: Candidate): number {
  return (empty ? timers.emptySince : timers.idleSince) ?? epochMs(state.node.createdAt);
}
