// Counts what one decision adds and takes away, so that its steps together stay within the limits: sizes, GPUs, cost,
// rates, caps of schedules, disruption budgets, behaviour. Each step asks before it takes. The arithmetic stands in
// the files beside this one; cooldowns and the choice of a pool are made elsewhere.

import type { Disruption } from "../../../shared/contract/policy/removal.ts";
import type { Reason } from "../../../shared/model/reasons.ts";
import { poolsOf } from "../fleet/fleet.ts";
import type { Fleet, PoolState } from "../fleet/fleet.ts";
import { removalsInFlight } from "../fleet/flights.ts";
import { distinct } from "../order.ts";
import { EMPTY_MEMORY } from "../snapshot-memory.ts";
import type { BehaviorMemory, Memory } from "../snapshot-memory.ts";
import { countPolicy, priceOfPolicy } from "./counts.ts";
import type { PolicyCount, PriceLookup } from "./counts.ts";
import { groupMaximumOf, selfGrowthOf } from "./group-bounds.ts";
import { allowedGrowth, allowedRate } from "./growth.ts";
import { leadsOf } from "./lead.ts";
import { memoised } from "./memoised.ts";
import { floorBroken, overCap } from "./minima.ts";
import type { BrokenFloor, Going, OverCap } from "./minima.ts";
import { historyOf, paceOf, removableNodes, waitsForBehavior } from "./pace.ts";
import type { Pace } from "./pace.ts";
import { refuseRemoval } from "./removal.ts";
import { scheduleState } from "./windows.ts";
import type { ScheduleState } from "./windows.ts";

/** What one decision has added to a pool, by why. Nodes for pods that wait are in `nodes` alone. */
export interface Added {
  /** All of them. */
  nodes: number;
  /** For floors of any kind, without a pod that asked: minima, schedules, headroom, forecast. */
  minimum: number;
  utilization: number;
  /** For pods that lose their node. */
  replacement: number;
  /** Those that wait for `behavior`: for pods, use and forecasts. */
  demand: number;
}

/** Left out: pods that wait. `forecast` is a floor that waits for `behavior`, as demand does. */
export type Cause = "minimum" | "forecast" | "utilization" | "replacement";

export interface Ledger {
  /** Why not even one more node may be added to the pool; null when one may. */
  refusal(pool: PoolState): Reason | null;
  /** How many nodes the policy may add in ten minutes, and how many it has added, with this decision's. */
  rateOf(pool: PoolState): { readonly allowed: number; readonly added: number };
  /** Why `behavior` lets demand add no node now; null when it does. Floors and replacements do not ask. */
  pause(pool: PoolState): Reason | null;
  take(pool: PoolState, why?: Cause): void;
  /** Takes back one `take` of the same cause: what it was for did not fit. */
  giveBack(pool: PoolState, why?: Cause): void;
  added(pool: PoolState): Readonly<Added>;
  /** Counts nodes that demand without a pod wanted of the pool and that a pause kept from it. */
  keepBack(pool: PoolState, nodes: number): void;
  keptBack(pool: PoolState): number;
  /**
   * Why not even one more node of the pool may go for this reason; null when one may. Asked last, when nothing
   * else stands against the node, and again for each node. `besides`: nodes of the pool that are to go as well.
   */
  removalRefusal(pool: PoolState, disruption: Disruption, besides?: number): Reason | null;
  takeRemoval(pool: PoolState, disruption: Disruption): void;
  /** The floor of a schedule or of a forecast that one node less would break. `going`: as `Steps.removals`. */
  floorBroken(pool: PoolState, going: Going): BrokenFloor | null;
  /** The cap of a schedule that the pool or its policy is above; null when it is not. */
  overCap(pool: PoolState, going: Going): OverCap | null;
  schedulesOf(pool: PoolState): ScheduleState;
  /** What `behavior` looks back on; null: the policy has none. */
  historyOf(pool: PoolState): BehaviorMemory | null;
  /** Nodes that the pool could do without by their timers. */
  removable(pool: PoolState): number;
  /** Remembers a limit or a pause that kept the pool from what was wanted of it. */
  note(pool: PoolState, reason: Reason): void;
  noted(pool: PoolState): readonly Reason[];
}

export interface LedgerInputs {
  /** Of one node; left out: what the policy says. */
  readonly usdPerHourOf?: PriceLookup;
  /** Of the last decision. */
  readonly before?: Memory;
  /** Of this one: how long its nodes have been empty or idle. */
  readonly now?: Memory;
}

interface PoolCount {
  readonly added: Added;
  keptBack: number;
  going: number;
  /** Removals of this decision and in flight that wait for `behavior`. */
  falling: number;
  notes: readonly Reason[];
}

export function createLedger(fleet: Fleet, inputs: LedgerInputs = {}): Ledger {
  const { before = EMPTY_MEMORY, now = EMPTY_MEMORY } = inputs;
  const { at } = fleet;
  const usdPerHourOf = memoised((pool) => pool.id, inputs.usdPerHourOf ?? priceOfPolicy);
  const countOf = memoised((pool) => pool.id, newPoolCount);
  const policyOf = memoised(
    (pool) => pool.policy,
    (pool) => countPolicy(fleet, pool, usdPerHourOf),
  );
  const schedulesOf = memoised(
    (pool) => pool.policy,
    (pool) => scheduleState(pool.spec, at, leadsOf(fleet, pool.policy, before)),
  );
  const removable = memoised(
    (pool) => pool.id,
    (pool) => removableNodes(pool, now.nodes, at),
  );
  const historyOfPool = memoised(
    (pool) => pool.id,
    (pool) => historyOf(pool, before, at),
  );
  const pace = memoised(
    (pool) => pool.id,
    (pool): Pace | null => paceOf(pool, historyOfPool(pool), removable(pool), at),
  );

  const change = (pool: PoolState, why: Cause | undefined, by: 1 | -1): void => {
    const policy = policyOf(pool);
    const count = countOf(pool);
    count.added.nodes += by;
    if (why === "minimum" || why === "forecast") count.added.minimum += by;
    else if (why !== undefined) count.added[why] += by;
    if (why !== "minimum" && why !== "replacement") count.added.demand += by;
    policy.nodes += by;
    policy.added += by;
    if (policy.gpus !== null) policy.gpus += by * (pool.gpusPerNode ?? 0);
    if ("usdPerHour" in policy.cost)
      policy.cost = withOne(policy.cost.usdPerHour, pool, by, usdPerHourOf(pool));
  };

  function newPoolCount(pool: PoolState): PoolCount {
    return {
      added: { nodes: 0, minimum: 0, utilization: 0, replacement: 0, demand: 0 },
      keptBack: 0,
      going: 0,
      falling: removalsInFlight(pool.journal, pool.name, at),
      notes: [],
    };
  }

  return {
    refusal: (pool) => {
      const schedules = schedulesOf(pool);
      const problem = selfGrowthOf(pool) ?? schedules.problemOf(pool.name);
      if (problem !== null) return problem;
      const policy = policyOf(pool);
      const allowed = allowedGrowth(pool.spec, pool.pool, {
        poolNodes: pool.planned + countOf(pool).added.nodes,
        policyNodes: policy.nodes,
        policyGpus: policy.gpus,
        gpusPerNode: pool.gpusPerNode,
        added: policy.added,
        cost: { adds: usdPerHourOf(pool), now: policy.cost },
        poolCap: schedules.capOf(pool.name),
        groupMax: groupMaximumOf(pool),
        policyCap: schedules.capOf(null),
      });
      return allowed.nodes >= 1 ? null : allowed.because;
    },
    rateOf: (pool) => {
      const { nodes, added } = policyOf(pool);
      return { allowed: allowedRate(pool.spec.maxPercentOrNodesAdded, nodes - added), added };
    },
    pause: (pool) => {
      const allowed = pace(pool);
      if (allowed === null || countOf(pool).added.demand < allowed.up) return null;
      return allowed.upBecause ?? { code: "behavior-limit", direction: "up", allowed: allowed.up };
    },
    take: (pool, why) => {
      change(pool, why, 1);
    },
    giveBack: (pool, why) => {
      change(pool, why, -1);
    },
    added: (pool) => countOf(pool).added,
    keepBack: (pool, nodes) => {
      countOf(pool).keptBack += nodes;
    },
    keptBack: (pool) => countOf(pool).keptBack,
    removalRefusal: (pool, disruption, besides = 0) => {
      const problem = schedulesOf(pool).problemOf(pool.name);
      if (problem !== null) return problem;
      const policy = policyOf(pool);
      const count = countOf(pool);
      const removals = {
        pool: count.going + besides,
        removed: policy.removed + besides,
        before: policy.before,
      };
      const refused = refuseRemoval(pool, disruption, removals, at);
      if (refused !== null) return refused;
      const allowed = waitsForBehavior(disruption) ? pace(pool) : null;
      if (allowed === null || count.falling < allowed.down || isOverCap(pool)) return null;
      return allowed.downBecause ?? { code: "behavior-limit", direction: "down", allowed: allowed.down };
    },
    takeRemoval: (pool, disruption) => {
      const count = countOf(pool);
      count.going += 1;
      if (waitsForBehavior(disruption)) count.falling += 1;
      policyOf(pool).removed += 1;
    },
    floorBroken: (pool, going) => floorBroken(fleet, pool, going, schedulesOf(pool)),
    overCap: (pool, going) => overCap(fleet, pool, going, schedulesOf(pool)),
    schedulesOf,
    historyOf: (pool) => (pool.spec.behavior === undefined ? null : historyOfPool(pool)),
    removable,
    note: (pool, reason) => {
      const count = countOf(pool);
      count.notes = distinct([...count.notes, reason]);
    },
    noted: (pool) => countOf(pool).notes,
  };

  /** A schedule lowers the pool, and schedules do not wait for `behavior`. */
  function isOverCap(pool: PoolState): boolean {
    const going = new Map(
      poolsOf(fleet, pool.policy).map((other) => [other.id, countOf(other).going] as const),
    );
    return overCap(fleet, pool, going, schedulesOf(pool)) !== null;
  }
}

function withOne(usdPerHour: number, pool: PoolState, by: number, price: number | null): PolicyCount["cost"] {
  return price === null ? { unknown: pool.name } : { usdPerHour: usdPerHour + by * price };
}
