// How many nodes may still be added: pool and policy maxima, caps of schedules, GPUs, cost, and the rate of ten
// minutes. The same arithmetic is asked at the decision and again, with numbers read afresh, just before a call. It
// only counts; cooldowns, behaviour and the choice of a pool are made elsewhere.

import type { PolicySpec } from "../../../shared/contract/policy.ts";
import type { NodePoolSpec } from "../../../shared/contract/policy/pool.ts";
import type { Reason } from "../../../shared/model/reasons.ts";
import { millis } from "../../../shared/model/units.ts";
import type { EpochMs } from "../../../shared/model/units.ts";
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
  readonly cost: Cost;
  /** Of schedules that are open; null: none. */
  readonly poolCap: CapInForce | null;
  /** The most that the group itself takes; null: it has no bound of its own. */
  readonly groupMax: number | null;
  readonly policyCap: CapInForce | null;
}

export interface Cost {
  /** Of one node of the pool; null: not known. */
  readonly adds: number | null;
  /** Of all nodes of the policy. `unknown`: a pool that has nodes whose price nobody knows. */
  readonly now: { readonly usdPerHour: number } | { readonly unknown: string };
}

export interface CapInForce {
  readonly schedule: string;
  readonly maximum: number;
}

export interface Allowance {
  readonly nodes: number;
  /** The limit that binds first. */
  readonly because: Reason;
}

export function allowedGrowth(spec: PolicySpec, pool: NodePoolSpec, standing: Standing): Allowance {
  const { poolNodes, policyNodes, added } = standing;
  const rate = allowedRate(spec.maxPercentOrNodesAdded, policyNodes - added);
  const bounds: Allowance[] = [
    {
      nodes: pool.maxSize - poolNodes,
      because: { code: "at-maximum", scope: "pool", maximum: pool.maxSize },
    },
    ...groupBound(pool, standing),
    {
      nodes: spec.maxNodes - policyNodes,
      because: { code: "at-maximum", scope: "policy", maximum: spec.maxNodes },
    },
    ...capBound(standing.poolCap, poolNodes),
    ...capBound(standing.policyCap, policyNodes),
    ...gpuBound(spec, standing),
    ...priceBound(pool, standing.cost),
    ...costBound(spec, pool, standing.cost),
    {
      nodes: rate - added,
      because: { code: "rate-limit", added, allowed: rate, windowMs: millis(RATE_WINDOW_MS) },
    },
  ];
  const tightest = bounds.reduce((least, bound) => (bound.nodes < least.nodes ? bound : least));
  return { nodes: Math.max(0, tightest.nodes), because: tightest.because };
}

/** A share of what there was before the window, rounded up, so that a small fleet can change too; or the plain number. */
export function allowedRate(
  { nodes, percent }: { readonly nodes: number; readonly percent: number },
  before: number,
): number {
  return Math.max(nodes, Math.ceil((percent * Math.max(0, before)) / 100));
}

/** Of two that bind together ours comes first: it is the one that somebody meant. */
function groupBound({ maxSize }: NodePoolSpec, { groupMax, poolNodes }: Standing): Allowance[] {
  return groupMax === null
    ? []
    : [
        {
          nodes: groupMax - poolNodes,
          because: { code: "group-maximum", group: groupMax, maximum: maxSize },
        },
      ];
}

function capBound(cap: CapInForce | null, nodes: number): Allowance[] {
  return cap === null
    ? []
    : [
        {
          nodes: cap.maximum - nodes,
          because: { code: "schedule-cap", schedule: cap.schedule, maximum: cap.maximum },
        },
      ];
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

function priceBound({ name, price }: NodePoolSpec, { adds }: Cost): Allowance[] {
  const maximum = price?.maxPricePerHour;
  if (maximum === undefined) return [];
  if (adds === null) return [{ nodes: 0, because: { code: "price-unknown", pool: name } }];
  return adds <= maximum
    ? []
    : [{ nodes: 0, because: { code: "over-price", pool: name, usdPerHour: adds, maximum } }];
}

/** Money is added up in binary fractions: what is over by less than this is not over. */
const USD_TOLERANCE = 1e-9;

function costBound(spec: PolicySpec, { name }: NodePoolSpec, { adds, now }: Cost): Allowance[] {
  const maximum = spec.maxHourlyCostUsd;
  if (maximum === undefined) return [];
  if (adds === null) return [{ nodes: 0, because: { code: "cost-unknown", pool: name, maximum } }];
  if ("unknown" in now) return [{ nodes: 0, because: { code: "cost-unknown", pool: now.unknown, maximum } }];
  const left = maximum - now.usdPerHour + USD_TOLERANCE;
  return [
    {
      nodes: adds === 0 ? (left > 0 ? Infinity : 0) : Math.floor(left / adds),
      because: { code: "cost-limit", usdPerHour: now.usdPerHour, adds, maximum },
    },
  ];
}

export function addedInWindow(journal: Journal, at: EpochMs): number {
  return sumInWindow(journal.additions, at);
}

export function removedInWindow(journal: Journal, at: EpochMs): number {
  return sumInWindow(journal.removals ?? [], at);
}

/** A change in the future is from before the clock was set back: it still counts. */
function sumInWindow(
  changes: readonly { readonly at: EpochMs; readonly nodes: number }[],
  at: EpochMs,
): number {
  let sum = 0;
  for (const change of changes) if (at - change.at < RATE_WINDOW_MS) sum += change.nodes;
  return sum;
}
