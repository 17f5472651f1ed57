// What it means for a pool that something else sizes its group, or exchanges its machines: one row for each kind. Two
// that size one group undo each other's work and pay for it, so that it is never fought: the pool waits, and what it
// would have bought is bought elsewhere. Where each one is seen is the observer's business; what we see ourselves, a
// size that moved without us, is in resizes.ts.

import type { PolicySpec } from "../../../shared/contract/policy.ts";
import type { Reason, RivalStops } from "../../../shared/model/reasons.ts";
import type { RivalKind } from "../../../shared/model/rival.ts";
import type { RivalInput } from "../snapshot.ts";

/**
 * `everything`: neither grown nor shrunk. `removals`: it exchanges machines and leaves the size alone, so that growth
 * goes on. `nothing`: it may end a machine that is busy, which an operator should know, and writes no size.
 */
export const STOPS: Readonly<Record<RivalKind, RivalStops>> = {
  "cluster-autoscaler": "everything",
  karpenter: "everything",
  "aks-autoscaler": "everything",
  "gke-autoscaler": "everything",
  "scaling-policy": "everything",
  "az-rebalance": "nothing",
  "instance-refresh": "removals",
  "mig-autoscaler": "everything",
  "vmss-autoscale": "everything",
  "second-coordinator": "everything",
  "resized-by-hand": "everything",
};

export type RivalReason = Extract<Reason, { readonly code: "rival" }>;

/** What stands beside a policy that touches nothing hinders nothing. */
export function rivalReasons(
  { mode }: Pick<PolicySpec, "mode">,
  rivals: readonly RivalInput[] = [],
): readonly RivalReason[] {
  return rivals.map(({ rival, detail }) => ({
    code: "rival",
    rival,
    detail,
    stops: mode === "Act" ? STOPS[rival] : "nothing",
  }));
}

/** The first of them that keeps the pool from being sized at all; null: none does. */
export function blockedByRival(reasons: readonly RivalReason[]): RivalReason | null {
  return reasons.find(({ stops }) => stops === "everything") ?? null;
}

/** The first of them that keeps its nodes from being removed; null: none does. */
export function keptByRival(reasons: readonly RivalReason[]): RivalReason | null {
  return reasons.find(({ stops }) => stops !== "nothing") ?? null;
}
