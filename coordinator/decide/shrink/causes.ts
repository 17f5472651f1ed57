// For which causes a node may go at all, and what its removal then says of itself. A node that is ill or has pods on
// it may have several; the rules decide which of them lets it go.

import type { Reason } from "../../../shared/model/reasons.ts";
import { elapsed, millis, ratio } from "../../../shared/model/units.ts";
import type { EpochMs } from "../../../shared/model/units.ts";
import type { PoolState } from "../fleet/fleet.ts";
import type { NodeState } from "../fleet/standing.ts";
import { hasTenants, isExpendable, occupants, tenants } from "../fleet/tenants.ts";
import type { Packing } from "../pack/packing.ts";
import type { Shrink } from "../plan.ts";
import type { Candidate, Cause } from "../rule.ts";
import type { NodeMemory } from "../snapshot-memory.ts";
import { returnToSpot } from "./return.ts";

/** An agent that has said nothing for so long will not answer a request in time. */
const AGENT_ALIVE_MS = 60_000;

/** Of a node that nobody has watched yet. */
export const NO_TIMERS: NodeMemory = { idleSince: null, lastReportAt: null, emptySince: null };

/** In the order in which they are tried; the last one's reason is shown when none lets it go. */
export function causesOf(
  pool: PoolState,
  state: NodeState,
  packing: Packing,
  about: {
    readonly condemned: ReadonlyMap<string, Reason>;
    readonly exchanged: ReadonlyMap<string, Cause>;
    readonly going: ReadonlyMap<string, number>;
  },
): readonly Cause[] {
  const { fleet, ledger } = packing;
  const because = about.condemned.get(state.name);
  if (because !== undefined)
    return [{ kind: because.code === "rebalance" ? "rebalance" : "unhealthy", because }];
  if (!hasTenants(state, fleet.at)) {
    const back = returnToSpot(pool, packing, about.going);
    return back === null ? [{ kind: "empty" }] : [back, { kind: "empty" }];
  }
  const causes: Cause[] = [];
  const ageMs = elapsed(state.node.createdAt, fleet.at);
  const { expireAfterSeconds } = pool.spec;
  if (expireAfterSeconds !== undefined && ageMs >= expireAfterSeconds * 1000)
    causes.push({ kind: "expired", ageMs, limitMs: millis(expireAfterSeconds * 1000) });
  causes.push({ kind: "idle" });
  const cap = ledger.overCap(pool, about.going);
  if (cap?.allowDisruption === true) causes.push({ kind: "over-cap", cap });
  const exchange = about.exchanged.get(state.name);
  if (exchange !== undefined) causes.push(exchange);
  if (pool.spec.consolidation.enabled) causes.push({ kind: "movable" });
  return causes;
}

export function candidateFor(
  pool: PoolState,
  state: NodeState,
  timers: NodeMemory,
  about: { readonly cause: Cause; readonly at: EpochMs },
): Candidate {
  const { cause, at } = about;
  const own = tenants(state, at);
  const dead = cause.kind === "unhealthy" && state.node.ready !== "ready";
  const pods = dead ? [] : own.filter((pod) => !pod.terminating && !isExpendable(pod));
  return { pool, state, timers, cause, empty: own.length === 0, pods };
}

/** `movable`: what moving its pods saves, where that is the cause. */
export function becauseOf(
  { pool, state, timers, cause }: Candidate,
  at: EpochMs,
  movable: { readonly forMs: number; readonly savesUsdPerHour: number } | null,
): Reason {
  const node = state.name;
  switch (cause.kind) {
    case "unhealthy":
    case "rebalance":
      return cause.because;
    case "expired":
      return { code: "expired", node, ageMs: cause.ageMs, limitMs: cause.limitMs };
    case "return":
    case "exchange":
      return { code: "return-to-spot", node, share: cause.share, target: cause.target };
    case "empty":
      return { code: "empty", node, forMs: elapsed(timers.emptySince ?? at, at) };
    case "idle": {
      // Empty is known of the present, idle only up to the last report.
      const until = timers.lastReportAt ?? at;
      return {
        code: "idle",
        node,
        forMs: elapsed(timers.idleSince ?? until, until),
        threshold: ratio(pool.spec.scaleDownThreshold),
      };
    }
    case "over-cap":
      return { code: "schedule-cap", schedule: cause.cap.schedule, maximum: cause.cap.maximum };
    case "movable":
      return {
        code: "movable",
        node,
        forMs: millis(movable?.forMs ?? 0),
        savesUsdPerHour: movable?.savesUsdPerHour ?? 0,
      };
    default:
      return cause satisfies never;
  }
}

/** Who empties it: nobody has to, its agent, or the coordinator where no agent would answer. */
export function howOf({ state }: Candidate, at: EpochMs): Shrink["how"] {
  if (occupants(state, at).length === 0) return "empty";
  const { telemetry, ready } = state.node;
  const alive =
    ready === "ready" && telemetry.kind === "reported" && at - telemetry.receivedAt <= AGENT_ALIVE_MS;
  return alive ? "drain" : "walk";
}
