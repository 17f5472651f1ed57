// How many nodes may still be added: pool and policy maxima, the GPU cap, and the rate of ten minutes. The same
// arithmetic is asked at the decision and again, with numbers read afresh, just before a call. It only counts;
// cooldowns and the choice of a pool are made elsewhere.

import type { PolicySpec } from "../../../shared/contract/policy.ts";
import type { NodePoolSpec } from "../../../shared/contract/policy/pool.ts";
import type { Reason } from "../../../shared/model/reasons.ts";
import { millis } from "../../../shared/model/units.ts";
import type { EpochMs } from "../../../shared/model/units.ts";
import { poolsOf } from "../fleet/fleet.ts";
import type { Fleet, PoolState } from "../fleet/fleet.ts";
import { addingInFlight } from "../fleet/flights.ts";
import { distinct } from "../order.ts";
import type { Journal } from "../snapshot-memory.ts";

export const RATE_WINDOW_MS = 10 * 60_000;

/** What there is, growth that was begun included. */
export interface Standing {
  readonly poolNodes: number;
  readonly policyNodes: number;
  /** Null: some pool's nodes are not known, so nobody can say. */
  readonly policyGpus: number | null;
  readonly gpusPerNode: number | null;
  /** Nodes added to the policy in the last ten minutes. */
  readonly added: number;
}

export interface Allowance {
  readonly nodes: number;
  /** The limit that binds first. */
  readonly because: Reason;
}

export function allowedGrowth(spec: PolicySpec, pool: NodePoolSpec, standing: Standing): Allowance {
  const { poolNodes, policyNodes, added } = standing;
  const rate = allowedRate(spec, policyNodes - added);
  const bounds: Allowance[] = [
    {
      nodes: pool.maxSize - poolNodes,
      because: { code: "at-maximum", scope: "pool", maximum: pool.maxSize },
    },
    {
      nodes: spec.maxNodes - policyNodes,
      because: { code: "at-maximum", scope: "policy", maximum: spec.maxNodes },
    },
    ...gpuBound(spec, standing),
    {
      nodes: rate - added,
      because: { code: "rate-limit", added, allowed: rate, windowMs: millis(RATE_WINDOW_MS) },
    },
  ];
  const tightest = bounds.reduce((least, bound) => (bound.nodes < least.nodes ? bound : least));
  return { nodes: Math.max(0, tightest.nodes), because: tightest.because };
}

/** A share of what there was before the window, rounded up, so that a small fleet can grow too; or the plain number. */
function allowedRate(spec: PolicySpec, before: number): number {
  const { nodes, percent } = spec.maxPercentOrNodesAdded;
  return Math.max(nodes, Math.ceil((percent * Math.max(0, before)) / 100));
}

function gpuBound(spec: PolicySpec, { policyGpus, gpusPerNode }: Standing): Allowance[] {
  if (spec.maxGpus === undefined || gpusPerNode === 0) return [];
  if (policyGpus === null || gpusPerNode === null)
    return [{ nodes: 0, because: { code: "template-unknown" } }];
  return [
    {
      nodes: Math.floor((spec.maxGpus - policyGpus) / gpusPerNode),
      because: { code: "at-maximum", scope: "gpus", maximum: spec.maxGpus },
    },
  ];
}

export function addedInWindow(journal: Journal, at: EpochMs): number {
  let added = 0;
  // An addition in the future is from before the clock was set back: it still counts.
  for (const addition of journal.additions) if (at - addition.at < RATE_WINDOW_MS) added += addition.nodes;
  return added;
}

/** What one decision has added to a pool, by why. */
export interface Added {
  nodes: number;
  minimum: number;
  utilization: number;
}

/** Counts what this decision adds, so that its steps together stay within the limits. */
export interface Ledger {
  /** Why not even one more node may be added to the pool; null when one may. */
  refusal(pool: PoolState): Reason | null;
  take(pool: PoolState, why?: "minimum" | "utilization"): void;
  added(pool: PoolState): Readonly<Added>;
  /** Remembers a limit or a pause that kept the pool from what was wanted of it. */
  note(pool: PoolState, reason: Reason): void;
  noted(pool: PoolState): readonly Reason[];
}

export function createLedger(fleet: Fleet): Ledger {
  const added = new Map<string, Added>(
    fleet.pools.map((pool) => [pool.id, { nodes: 0, minimum: 0, utilization: 0 }]),
  );
  const notes = new Map<string, Reason[]>();
  const policies = new Map<string, PolicyCount>();
  const of = (pool: PoolState): Added => added.get(pool.id) ?? { nodes: 0, minimum: 0, utilization: 0 };
  const countOf = (pool: PoolState): PolicyCount => {
    const known = policies.get(pool.policy);
    if (known !== undefined) return known;
    const count = countPolicy(fleet, pool);
    policies.set(pool.policy, count);
    return count;
  };
  return {
    refusal: (pool) => {
      const count = countOf(pool);
      const allowed = allowedGrowth(pool.spec, pool.pool, {
        poolNodes: pool.planned + of(pool).nodes,
        policyNodes: count.nodes,
        policyGpus: count.gpus,
        gpusPerNode: pool.gpusPerNode,
        added: count.added,
      });
      return allowed.nodes >= 1 ? null : allowed.because;
    },
    take: (pool, why) => {
      const count = countOf(pool);
      const counted = of(pool);
      counted.nodes += 1;
      if (why !== undefined) counted[why] += 1;
      count.nodes += 1;
      count.added += 1;
      if (count.gpus !== null) count.gpus += pool.gpusPerNode ?? 0;
    },
    added: of,
    note: (pool, reason) => {
      notes.set(pool.id, distinct([...(notes.get(pool.id) ?? []), reason]));
    },
    noted: (pool) => notes.get(pool.id) ?? [],
  };
}

interface PolicyCount {
  nodes: number;
  gpus: number | null;
  added: number;
}

function countPolicy(fleet: Fleet, pool: PoolState): PolicyCount {
  const count: PolicyCount = {
    nodes: 0,
    gpus: 0,
    added: addedInWindow(pool.journal, fleet.at) + addingInFlight(pool.journal, fleet.at),
  };
  for (const other of poolsOf(fleet, pool.policy)) {
    count.nodes += other.planned;
    if (other.planned === 0 || count.gpus === null) continue;
    count.gpus = other.gpusPerNode === null ? null : count.gpus + other.planned * other.gpusPerNode;
  }
  return count;
}
