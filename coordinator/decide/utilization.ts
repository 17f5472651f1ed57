// Growth by use: the mean over all GPUs of a policy, idle ones included, above the threshold. The readings are means
// over a minute, so one blip does not tip them. Sized like a horizontal pod autoscaler, with nodes that boot counted
// as here, so that one hot spell launches once. Without readings of nearly all GPUs there is no mean to act on.

import type { Reason } from "../../shared/model/reasons.ts";
import { gpusIn } from "../../shared/model/resources.ts";
import { elapsed, ratio } from "../../shared/model/units.ts";
import type { EpochMs, Ratio } from "../../shared/model/units.ts";
import type { Fleet, PoolState } from "./fleet.ts";
import { freshness } from "./fresh.ts";
import { pauseOf } from "./grow.ts";
import type { Packing } from "./packing.ts";
import { rank } from "./rank.ts";
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
  const reported = telemetry.kind === "reported" ? telemetry.gpus : [];
  const known =
    freshness(telemetry, at).kind === "fresh"
      ? reported.flatMap(({ mean60 }) => (mean60 === null ? [] : [mean60]))
      : [];
  return {
    sum: known.reduce((total, mean) => total + mean, 0),
    fresh: known.length,
    gpus: reported.length > 0 ? reported.length : gpusIn(node.allocatable),
  };
}

export function isEnough(load: Load): boolean {
  return load.fresh >= ENOUGH_FRESH * load.gpus;
}

/** Adds to the ledger; policy → why, where it is hot. `hotSince`: since when, as remembered before. */
export function growForUtilization(
  packing: Packing,
  hotSince: Readonly<Record<string, EpochMs>>,
): ReadonlyMap<string, Reason> {
  const hot = new Map<string, Reason>();
  for (const [policy, pools] of Map.groupBy(packing.fleet.pools, (pool) => pool.policy)) {
    const reason = heat(packing.fleet, pools, hotSince[policy]);
    if (reason?.code === "utilization-high") {
      hot.set(policy, reason);
      addNodes(packing, pools, reason.mean, reason.threshold);
    } else if (reason?.code === "telemetry-unknown") {
      const silent = pools.find((pool) => pool.nodes.some((state) => state.name === reason.node));
      if (silent !== undefined) packing.ledger.note(silent, reason);
    }
  }
  return hot;
}

/** Over the threshold: `utilization-high` where enough GPUs report, else `telemetry-unknown`. Null: not over. */
export function heat(fleet: Fleet, pools: readonly PoolState[], since: EpochMs | undefined): Reason | null {
  const [first] = pools;
  const load = loadOf(
    pools.flatMap((pool) => pool.nodes),
    fleet.at,
  );
  if (first === undefined || load.mean === null || load.mean <= first.spec.scaleUpThreshold) return null;
  if (!isEnough(load) && load.silent !== null) return { code: "telemetry-unknown", node: load.silent };
  return {
    code: "utilization-high",
    mean: load.mean,
    threshold: ratio(first.spec.scaleUpThreshold),
    gpus: load.gpus,
    forMs: elapsed(since ?? fleet.at, fleet.at),
  };
}

function addNodes(packing: Packing, pools: readonly PoolState[], mean: number, threshold: number): void {
  const { fleet, ledger } = packing;
  const here = loadOf(
    pools.flatMap((pool) => pool.nodes),
    fleet.at,
  ).gpus;
  const coming = pools.reduce(
    (sum, pool) => sum + (pool.booting + ledger.added(pool).nodes) * (pool.gpusPerNode ?? 0),
    0,
  );
  // A hair of rounding must not buy a node.
  let missing = (mean * here) / threshold - here - coming - 1e-9;
  const candidates = rank(
    pools.filter((pool) => pool.closed === null && (pool.gpusPerNode ?? 0) > 0),
    null,
  );
  while (missing > 0) {
    const pool = firstWithRoom(packing, candidates);
    if (pool === null) return;
    ledger.take(pool, "utilization");
    missing -= pool.gpusPerNode ?? Infinity;
  }
}

/** A pool that is full is passed over; one that pauses is waited for. */
function firstWithRoom({ fleet, ledger }: Packing, pools: readonly PoolState[]): PoolState | null {
  for (const pool of pools) {
    const refusal = ledger.refusal(pool);
    const pause = pauseOf(pool, fleet);
    if (refusal === null && pause === null) return pool;
    ledger.note(pool, pause ?? refusal ?? { code: "nothing-to-do" });
    if (pause !== null && refusal === null) return null;
  }
  return null;
}
