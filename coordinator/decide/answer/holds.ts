// The answer for every pool and pod that gets no move: each pool of each policy has at least a move or a hold, and
// each pod that waits knows what it waits for.

import type { Reason } from "../../../shared/model/reasons.ts";
import { epochMs } from "../../../shared/model/units.ts";
import type { PoolState } from "../fleet/fleet.ts";
import { gpuTypeDiffers } from "../fleet/gpu-type.ts";
import { isRecord } from "../fleet/sane-form.ts";
import { sanePolicies } from "../fleet/sane-policy.ts";
import { selfGrowthOf } from "../limits/group-bounds.ts";
import { distinct } from "../order.ts";
import type { Packing } from "../pack/packing.ts";
import type { Hold, Move, Plan } from "../plan.ts";
import type { PolicyInput, Snapshot } from "../snapshot.ts";

export function holdsOf(
  packing: Packing,
  moves: readonly Move[],
  said: {
    /** Pool id → why its nodes stay. */
    readonly stays: ReadonlyMap<string, readonly Reason[]>;
    /** Pool id → what is said of hints about its nodes. */
    readonly hints: ReadonlyMap<string, readonly Reason[]>;
  },
): Hold[] {
  const holds: Hold[] = [];
  for (const pool of packing.fleet.pools) {
    const own = moves.filter((move) => move.policy === pool.policy && move.pool === pool.name);
    const told = new Set(own.flatMap((move) => move.because.map((reason) => JSON.stringify(reason))));
    const because = distinct([
      ...poolReasons(packing, pool, said.hints.get(pool.id) ?? []),
      ...(said.stays.get(pool.id) ?? []),
    ]).filter((reason) => !told.has(JSON.stringify(reason)));
    if (own.length > 0 && because.length === 0) continue;
    holds.push({
      policy: pool.policy,
      pool: pool.name,
      because: because.length > 0 ? because : [{ code: "nothing-to-do" }],
    });
  }
  return holds;
}

/** What keeps the pool as a whole, before what keeps each of its nodes; a cloud's refusal also while nobody asks. */
function poolReasons(
  { fleet, ledger, board, market }: Packing,
  pool: PoolState,
  hints: readonly Reason[],
): Reason[] {
  if (!pool.spec.enabled) return [{ code: "disabled" }];
  const waitedFor = board.bins.filter(
    (bin) => bin.kind === "booting" && bin.pool === pool && bin.placed.length > 0,
  ).length;
  return [
    ...(fleet.sync.kind === "unsynced" ? [{ code: "not-synced" as const, missing: fleet.sync.missing }] : []),
    ...(pool.closed === null ? [] : [pool.closed]),
    ...pool.disputes,
    ...pool.rivals,
    ...(pool.adopted === null ? [] : [pool.adopted]),
    ...[selfGrowthOf(pool)].filter((reason) => reason !== null),
    ...[gpuTypeDiffers(pool)].filter((reason) => reason !== null),
    ...ledger.noted(pool),
    ...market.notes(pool),
    ...[market.offerOf(pool).refusal].filter((reason) => reason !== null),
    ...hints,
    ...(waitedFor > 0 ? [{ code: "booting" as const, nodes: waitedFor }] : []),
    ...(pool.overdue.nodes > 0 ? [{ code: "launch-overdue" as const, ...pool.overdue }] : []),
  ];
}

export function holdsOfUnreadable(policies: readonly PolicyInput[]): Hold[] {
  return policies.flatMap((policy) =>
    policy.kind === "valid"
      ? []
      : [...new Set(policy.pools)].map((pool) => ({
          policy: policy.name,
          pool,
          because: [{ code: "policy-invalid" as const, problems: policy.problems }],
        })),
  );
}

/** Nothing can be said about a moment that is not known. */
export function holdsWithoutTime(input: Snapshot): Hold[] {
  const because: readonly Reason[] = [{ code: "malformed", what: "the time of the snapshot" }];
  const policies = isRecord(input) ? sanePolicies(input.policies, epochMs(0)) : [];
  return policies.flatMap((policy) => {
    const pools = policy.kind === "valid" ? policy.spec.nodePools.map(({ name }) => name) : policy.pools;
    return [...new Set(pools)].map((pool) => ({ policy: policy.name, pool, because }));
  });
}

export function unplacedOf({ demand, placed, stuck, feasible }: Packing): Plan["unplaced"] {
  const waiting = demand.waiting.flatMap((pod) => {
    const bin = placed.get(pod.key);
    if (bin?.kind === "new" && bin.held === null) return [];
    const because: readonly Reason[] =
      bin === undefined
        ? distinct([...(stuck.get(pod.key) ?? []), ...feasible(pod).misfits])
        : bin.held !== null
          ? [bin.held]
          : bin.node !== null
            ? [{ code: "pod-fits-existing", node: bin.node }]
            : [{ code: "booting", nodes: bin.pool?.booting ?? 1 }];
    return because.length === 0 ? [] : [{ pod: pod.key, because }];
  });
  return [...waiting, ...demand.refused];
}
