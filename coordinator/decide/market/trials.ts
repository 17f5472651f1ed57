// What failures mean for each pool now: whether it may be asked, waits, or gets one node to find out. What is on its
// way and which other pools there are decides it together with the failures themselves.

import { millis } from "../../../shared/model/units.ts";
import type { EpochMs, Millis } from "../../../shared/model/units.ts";
import type { Fleet, PoolState } from "../fleet/fleet.ts";
import { drawsOn } from "../fleet/offering.ts";
import { ceilingOf, selfGrowthOf } from "../limits/group-bounds.ts";
import type { Memory, OfferingMemory } from "../snapshot-memory.ts";
import { failuresOf, isProbeOut, standingOf } from "./failures.ts";
import type { Failures } from "./failures.ts";

/**
 * Pods that have just lost a machine are given to pools that are known to work, where there are any: else a pod could
 * go from one trial to the next. Decisions follow failures within seconds, so this is long enough for one.
 */
const NO_TRIAL_MS = 30_000;

export type Access =
  | { readonly kind: "open" }
  /** 0 ms left: what is waited for is the node that is tried. */
  | { readonly kind: "closed"; readonly failure: OfferingMemory; readonly leftMs: Millis }
  /** One node for all of `among` together. */
  | { readonly kind: "trial"; readonly failure: OfferingMemory; readonly among: readonly PoolState[] };

export interface Trials {
  accessTo(pool: PoolState): Access;
  failures(policy: string): readonly OfferingMemory[];
  failedAt(policy: string): EpochMs | null;
}

interface PolicyFailures {
  readonly pools: readonly PoolState[];
  readonly failures: Failures;
  readonly list: readonly OfferingMemory[];
  readonly failedAt: EpochMs | null;
  /** Some pool of the policy can be asked without a trial. */
  readonly canDoWithout: boolean;
}

export function createTrials(fleet: Fleet, memory: Memory): Trials {
  const { at } = fleet;
  const policies = new Map<string, PolicyFailures>();
  for (const [policy, pools] of Map.groupBy(fleet.pools, (pool) => pool.policy))
    policies.set(policy, failuresIn(pools, memory, at));
  const known = new Map<string, Access>();
  return {
    accessTo: (pool) => {
      const before = known.get(pool.id);
      if (before !== undefined) return before;
      const policy = policies.get(pool.policy);
      const access: Access = policy === undefined ? { kind: "open" } : accessTo(pool, policy, at);
      known.set(pool.id, access);
      return access;
    },
    failures: (policy) => policies.get(policy)?.list ?? [],
    failedAt: (policy) => policies.get(policy)?.failedAt ?? null,
  };
}

function failuresIn(pools: readonly PoolState[], memory: Memory, at: EpochMs): PolicyFailures {
  const failures = failuresOf(pools, memory, at);
  const list = [...failures.values()];
  return {
    pools,
    failures,
    list,
    failedAt: list.reduce<EpochMs | null>(
      (last, { lastAt }) => (last === null || lastAt > last ? lastAt : last),
      null,
    ),
    canDoWithout: list.length > 0 && pools.some((pool) => works(pool, failures, at)),
  };
}

function works(pool: PoolState, failures: Failures, at: EpochMs): boolean {
  return (
    pool.closed === null &&
    pool.overdue.nodes === 0 &&
    selfGrowthOf(pool) === null &&
    pool.planned < ceilingOf(pool) &&
    standingOf(pool, failures, at).kind === "open"
  );
}

function accessTo(pool: PoolState, policy: PolicyFailures, at: EpochMs): Access {
  const standing = standingOf(pool, policy.failures, at);
  if (standing.kind === "open") return standing;
  const { kind, failure } = standing;
  if (kind === "paused") return { kind: "closed", failure, leftMs: left(failure.until, at) };
  const quietMs = policy.canDoWithout ? left((policy.failedAt ?? 0) + NO_TRIAL_MS, at) : millis(0);
  if (quietMs > 0) return { kind: "closed", failure, leftMs: quietMs };
  const among = policy.pools.filter((other) => drawsOn(other, failure.offering));
  return among.some((other) => isProbeOut(other, failure, at))
    ? { kind: "closed", failure, leftMs: millis(0) }
    : { kind: "trial", failure, among };
}

function left(until: number, at: EpochMs): Millis {
  return millis(Math.max(0, until - at));
}
