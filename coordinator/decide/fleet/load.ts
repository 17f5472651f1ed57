// What the GPUs of nodes and policies do, and whether a policy is hot. The readings are means over a minute, so one
// blip does not tip them; a mean says something only where nearly all GPUs report. What is done about heat, and what
// a removal would make of the mean, is asked elsewhere.

import type { Reason } from "../../../shared/model/reasons.ts";
import { gpusIn } from "../../../shared/model/resources.ts";
import { elapsed, ratio } from "../../../shared/model/units.ts";
import type { EpochMs, Ratio } from "../../../shared/model/units.ts";
import type { Fleet, PoolState } from "./fleet.ts";
import { freshness } from "./fresh.ts";
import { isUsable } from "./standing.ts";
import type { NodeState } from "./standing.ts";

/** The share of a policy's GPUs that has to report before their mean says anything about the rest. */
const ENOUGH_FRESH = 0.9;

/** What the GPUs of one policy do. */
export interface Load {
  /** Over the fresh ones; null when there is none. */
  readonly mean: Ratio | null;
  readonly sum: number;
  readonly fresh: number;
  readonly gpus: number;
  /** A node whose GPUs do not report; null when all do. */
  readonly silent: string | null;
}

/** Of all nodes of one policy. The same for a whole decision, and asked by several of its steps. */
export function policyLoad(fleet: Fleet, policy: string): Load {
  const known = loads.get(fleet) ?? new Map<string, Load>();
  loads.set(fleet, known);
  let load = known.get(policy);
  if (load === undefined) {
    const nodes = fleet.pools.flatMap((pool) => (pool.policy === policy ? pool.nodes : []));
    load = loadOf(nodes, fleet.at);
    known.set(policy, load);
  }
  return load;
}

const loads = new WeakMap<Fleet, Map<string, Load>>();

export function loadOf(nodes: readonly NodeState[], at: EpochMs): Load {
  let sum = 0;
  let fresh = 0;
  let gpus = 0;
  let silent: string | null = null;
  for (const state of nodes) {
    if (!isUsable(state)) continue;
    const own = nodeLoad(state, at);
    sum += own.sum;
    fresh += own.fresh;
    gpus += own.gpus;
    if (own.fresh < own.gpus) silent ??= state.name;
  }
  return { mean: fresh === 0 ? null : ratio(Math.min(1, exact(sum / fresh))), sum, fresh, gpus, silent };
}

/** Eight times 0.8, summed and divided, must be 0.8 and not a hair above the threshold. */
export function exact(share: number): number {
  return Math.round(share * 1e9) / 1e9;
}

export function nodeLoad(
  { node }: NodeState,
  at: EpochMs,
): { readonly sum: number; readonly fresh: number; readonly gpus: number } {
  const { telemetry } = node;
  if (telemetry.kind === "unknown" || telemetry.gpus.length === 0)
    return { sum: 0, fresh: 0, gpus: gpusIn(node.allocatable) };
  const isFresh = freshness(telemetry, at).kind === "fresh";
  let sum = 0;
  let fresh = 0;
  for (const { mean60 } of telemetry.gpus) {
    if (!isFresh || mean60 === null) continue;
    sum += mean60;
    fresh += 1;
  }
  return { sum, fresh, gpus: telemetry.gpus.length };
}

function isEnough(load: Load): boolean {
  return load.fresh >= ENOUGH_FRESH * load.gpus;
}

/** `pools`: those of one policy. Over the threshold: `utilization-high` where enough GPUs report, else `telemetry-unknown`. Null: not over. */
export function heat(fleet: Fleet, pools: readonly PoolState[], since: EpochMs | undefined): Reason | null {
  const [first] = pools;
  if (first === undefined) return null;
  const load = policyLoad(fleet, first.policy);
  if (load.mean === null || load.mean <= first.spec.scaleUpThreshold) return null;
  if (!isEnough(load) && load.silent !== null) return { code: "telemetry-unknown", node: load.silent };
  return {
    code: "utilization-high",
    mean: load.mean,
    threshold: ratio(first.spec.scaleUpThreshold),
    gpus: load.gpus,
    forMs: elapsed(since ?? fleet.at, fleet.at),
  };
}
