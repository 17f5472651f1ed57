// What the next decision wants to know of this one: timers of the nodes that are here, shapes of pools that may be
// empty by then, since when a policy has been hot, what was asked for and has not come, how long machines took, what
// failed and how often spot was interrupted. Losing it costs caution, never money.

import type { Reason } from "../../../shared/model/reasons.ts";
import type { EpochMs } from "../../../shared/model/units.ts";
import type { Move } from "../plan.ts";
import { EMPTY_LEDGER } from "../snapshot-memory.ts";
import type {
  LaunchLedger,
  LaunchMemory,
  Memory,
  NodeMemory,
  NodeShape,
  SizeMemory,
} from "../snapshot-memory.ts";
import type { Snapshot } from "../snapshot.ts";
import { outage } from "./boot.ts";
import type { Fleet } from "./fleet.ts";
import { followHints } from "./hint-record.ts";
import { timersOf } from "./idle.ts";
import { countInterruptions } from "./interruptions.ts";
import { withAsked } from "./ledger-growths.ts";
import type { FinishedStage } from "./ledger-stages.ts";
import { followLaunches, KEPT_BOOTS } from "./ledger.ts";
import { heat } from "./load.ts";
import { failedKey } from "./offering.ts";
import { poolId } from "./ownership.ts";

const UNTIMED: NodeMemory = { idleSince: null, lastReportAt: null, emptySince: null };

export function remember(fleet: Fleet, snapshot: Snapshot): Memory {
  return lookAround(fleet, snapshot).memory;
}

export interface Look {
  readonly memory: Memory;
  /** Pool id → stages of launches that ended since the last look. */
  readonly finished: ReadonlyMap<string, readonly FinishedStage[]>;
}

/** What is remembered, and what has just ended. */
export function lookAround(fleet: Fleet, snapshot: Snapshot): Look {
  const { at, memory } = snapshot;
  const nodes: Record<string, NodeMemory> = {};
  const shapes: Record<string, NodeShape> = {};
  const launches: Record<string, LaunchMemory> = {};
  const bootMs: Record<string, readonly number[]> = {};
  const failedSince: Record<string, EpochMs> = {};
  const ledger: Record<string, LaunchLedger> = {};
  const sizes: Record<string, SizeMemory> = {};
  const finished = new Map<string, readonly FinishedStage[]>();
  for (const pool of fleet.pools) {
    // Pods of an incomplete list make a node look empty.
    const timed = pool.spec.enabled && fleet.sync.kind === "synced";
    for (const state of pool.nodes) {
      const out = outage(state, memory, at);
      if (timed) nodes[state.name] = { ...timersOf(state, pool, memory, fleet), ...out };
      else if (state.standing !== "up") nodes[state.name] = { ...UNTIMED, ...out };
    }
    const step = timed ? followLaunches(pool, memory, at) : null;
    const measured = [...(memory.bootMs?.[pool.id] ?? []), ...(step?.bootMs ?? [])].slice(-KEPT_BOOTS);
    if (measured.length > 0) bootMs[pool.id] = measured;
    const launched = step?.ledger ?? memory.ledger?.[pool.id];
    if (launched !== undefined && !isBlank(launched)) ledger[pool.id] = launched;
    if (step !== null && step.finished.length > 0) finished.set(pool.id, step.finished);
    for (const instance of pool.input.instances) {
      if (instance.state !== "failed") continue;
      const key = failedKey(pool, instance);
      failedSince[key] = memory.failedSince?.[key] ?? at;
    }
    const shape = pool.learned ?? memory.shapes[pool.id];
    if (shape !== undefined) shapes[pool.id] = shape;
    if (pool.launch !== null) launches[pool.id] = pool.launch;
    if (pool.sizes !== null) sizes[pool.id] = pool.sizes;
  }
  return {
    memory: {
      v: 1,
      at,
      nodes,
      shapes: { ...shapesOfUnreadable(snapshot), ...shapes },
      hotSince: hotSince(fleet, memory, at),
      launches,
      bootMs,
      failedSince,
      ...(Object.keys(sizes).length === 0 ? {} : { sizes }),
      ...(Object.keys(ledger).length === 0 ? {} : { ledger }),
      ...(memory.lostAt === undefined || fleet.rebuildLeftMs === 0 ? {} : { lostAt: memory.lostAt }),
      ...countInterruptions(fleet, memory),
      ...followHints(fleet, memory),
    },
    finished,
  };
}

function isBlank({ asked, machines, stageMs }: LaunchLedger): boolean {
  return asked.length === 0 && machines.length === 0 && Object.keys(stageMs).length === 0;
}

/** Notes when each growth of this decision was decided. */
export function rememberAsked(
  { ledger }: Memory,
  moves: readonly Move[],
  at: EpochMs,
): Pick<Memory, "ledger"> {
  const asked = moves.filter(({ kind }) => kind === "grow" || kind === "replace");
  if (asked.length === 0) return {};
  const byPool = Map.groupBy(asked, ({ policy, pool }) => poolId(policy, pool));
  const made = [...byPool].map(([id, own]) => {
    const keys = own.map(({ key }) => key);
    return [id, withAsked(ledger?.[id] ?? EMPTY_LEDGER, keys, at)] as const;
  });
  return { ledger: { ...ledger, ...Object.fromEntries(made) } };
}

/** A typing error in a policy must not make us forget what its nodes look like. */
function shapesOfUnreadable({ memory, policies }: Snapshot): Record<string, NodeShape> {
  const unreadable = policies
    .filter((policy) => policy.kind === "invalid")
    .map((policy) => `${policy.name}/`);
  return Object.fromEntries(
    Object.entries(memory.shapes).filter(([id]) => unreadable.some((prefix) => id.startsWith(prefix))),
  );
}

function hotSince(fleet: Fleet, memory: Memory, at: EpochMs): Record<string, EpochMs> {
  const since: Record<string, EpochMs> = {};
  for (const [policy, pools] of Map.groupBy(fleet.pools, (pool) => pool.policy)) {
    const reason: Reason | null = heat(fleet, pools, at);
    if (reason?.code === "utilization-high") since[policy] = memory.hotSince[policy] ?? at;
  }
  return since;
}
