// One node as a veto sees it, from a snapshot: everything before the veto has been worked out by the real steps.

import { assemble } from "../../coordinator/decide/fleet/fleet.ts";
import { remember } from "../../coordinator/decide/fleet/memory.ts";
import { sane } from "../../coordinator/decide/fleet/sane.ts";
import { hasTenants } from "../../coordinator/decide/fleet/tenants.ts";
import { growForPods } from "../../coordinator/decide/grow/grow.ts";
import { reservePlaces } from "../../coordinator/decide/grow/replace.ts";
import { createSteps } from "../../coordinator/decide/limits/steps.ts";
import { createPacking } from "../../coordinator/decide/pack/packing.ts";
import type { Cause, Rule } from "../../coordinator/decide/rule.ts";
import { candidateFor } from "../../coordinator/decide/shrink/causes.ts";
import { contextOf } from "../../coordinator/decide/shrink/context.ts";
import type { Snapshot } from "../../coordinator/decide/snapshot.ts";
import type { Reason } from "../../shared/model/reasons.ts";

/**
 * What the rule says of the node named, which has to belong to a pool. `cause`: why it would go; left out: because it
 * is empty, or idle.
 */
export function verdict(rule: Rule, input: Snapshot, name = "n1", cause?: Cause): Reason | null {
  const snapshot = sane(input)?.snapshot;
  if (snapshot === undefined) throw new Error("the snapshot of this test has no time");
  const fleet = assemble(snapshot);
  const pool = fleet.pools.find((other) => other.nodes.some((state) => state.name === name));
  const state = pool?.nodes.find((other) => other.name === name);
  if (pool === undefined || state === undefined)
    throw new Error(`node ${name} belongs to no pool in this test`);
  const timers = remember(fleet, snapshot).nodes[name] ?? {
    idleSince: null,
    lastReportAt: null,
    emptySince: null,
  };
  const packing = createPacking(fleet, snapshot.pods);
  reservePlaces(packing);
  growForPods(packing);
  const { at } = fleet;
  const own: Cause = { kind: hasTenants(state, at) ? "idle" : "empty" };
  const candidate = candidateFor(pool, state, timers, { cause: cause ?? own, at });
  return rule.veto(candidate, contextOf(packing, snapshot.budgets, createSteps()));
}
