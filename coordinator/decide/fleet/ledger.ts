// The launch ledger: each machine of a pool from the decision that asked for it to its first pod, by what the journal
// and the snapshot show. A moment that nobody saw has no time, and a machine that nobody here asked for has no total.
// What follows from a machine that is late is decided in launches.ts.

import { elapsed } from "../../../shared/model/units.ts";
import type { EpochMs, Millis } from "../../../shared/model/units.ts";
import { EMPTY_LEDGER } from "../snapshot-memory.ts";
import type { LaunchedMachine, LaunchLedger, Memory } from "../snapshot-memory.ts";
import type { InstanceInput } from "../snapshot.ts";
import type { PoolState } from "./fleet.ts";
import { askedOf, linked, MAX_ASKED, openGrowths } from "./ledger-growths.ts";
import { stagesBetween, withFinished } from "./ledger-stages.ts";
import type { FinishedStage, Progress } from "./ledger-stages.ts";
import { workloads } from "./standing.ts";
import type { NodeState } from "./standing.ts";

const MAX_MACHINES = 200;
/** Of the last machines of a pool, from the call to a node that works. */
export const KEPT_BOOTS = 20;
/** A pod that comes later to a node that works is not the one that it was bought for. */
const FIRST_POD_MS = 15 * 60_000;

/** What one look adds to the ledger of a pool. */
export interface LedgerStep {
  readonly ledger: LaunchLedger;
  /** Stages that ended since the last look, each of each machine once. */
  readonly finished: readonly FinishedStage[];
  /** From the call to a node that works, of machines that came to work since the last look. */
  readonly bootMs: readonly Millis[];
}

/** The pool's launches as they stand now. `memory`: of the last decision. */
export function followLaunches(pool: PoolState, memory: Memory, at: EpochMs): LedgerStep {
  const before = memory.ledger?.[pool.id] ?? EMPTY_LEDGER;
  const known = new Map(before.machines.map((machine) => [machine.id, machine]));
  const growths = openGrowths(pool, before.asked, at);

  // 1. Machines that are seen for the first time, each with the growth that it is taken to be of.
  const begin = (id: string, began: EpochMs): LaunchedMachine => ({
    id,
    ...linked(growths, pool, began, at),
  });
  const found: Seen[] = [];
  for (const state of pool.nodes) {
    const { instance, name } = state;
    const machine = known.size === 0 ? undefined : (known.get(instance?.id ?? name) ?? known.get(name));
    if (machine === undefined && !hasJustCome(state, memory)) continue;
    if (machine !== undefined) known.delete(machine.id);
    found.push({ machine, state, instance });
  }
  let names: ReadonlySet<string> | null = null;
  const isHere = (node: string | null): boolean => {
    if (node === null) return false;
    names ??= new Set(pool.nodes.map(({ name }) => name));
    return names.has(node);
  };
  for (const instance of pool.input.instances) {
    const { id, node, state, placeholder } = instance;
    if (state !== "booting" || placeholder === true || isHere(node)) continue;
    const machine = known.get(id);
    known.delete(id);
    found.push({ machine, state: null, instance });
  }
  // While the group cannot be read, nobody knows that a machine has gone.
  const unread = pool.input.group.kind === "known" ? [] : [...known.values()];

  // 2. How far each has come.
  const finished: FinishedStage[] = [];
  const bootMs: Millis[] = [];
  const machines: LaunchedMachine[] = [...unread];
  for (const { machine, state, instance } of inOrder(found, at)) {
    if (machine === undefined && machines.length >= MAX_MACHINES) continue;
    const was = machine ?? begin(instance?.id ?? state?.name ?? "", beganAt({ state, instance }, at));
    // Of what is here at the first look after the memory was lost nobody knows when it came, nor which stages were counted.
    const isNew = machine === undefined && memory.at !== null;
    const now = advanced(was, { state, instance, isNew }, at);
    if (machine !== undefined || isNew) finished.push(...stagesBetween(machine, now, at));
    const calledAt = now.acceptedAt ?? now.intendedAt ?? now.launchedAt ?? now.registeredAt;
    if (was.readyAt === undefined && now.readyAt !== undefined && calledAt !== undefined)
      bootMs.push(elapsed(calledAt, now.readyAt));
    if (isUnderWay(now, state, at)) machines.push(withoutPod(now));
  }
  return {
    ledger: {
      asked: growths.map(askedOf).slice(-MAX_ASKED),
      machines,
      stageMs: withFinished(before.stageMs, finished),
    },
    finished,
    bootMs: bootMs.sort((a, b) => a - b),
  };
}

interface Sight {
  /** Null: it is no node yet. */
  readonly state: NodeState | null;
  readonly instance: InstanceInput | null;
}

interface Seen extends Sight {
  /** Undefined: it is seen for the first time. */
  readonly machine: LaunchedMachine | undefined;
}

/** Those that are known keep their order; new ones by their beginning, so that the first belongs to the first growth. */
function inOrder(found: readonly Seen[], at: EpochMs): readonly Seen[] {
  if (found.length < 2) return found;
  const rank = (seen: Seen): number => (seen.machine === undefined ? beganAt(seen, at) : 0);
  return found.toSorted((a, b) => rank(a) - rank(b));
}

function beganAt({ state, instance }: Sight, at: EpochMs): EpochMs {
  return instance?.createdAt ?? state?.node.createdAt ?? at;
}

/** A node that was there before and of which nobody knows how it came is no measure. */
function hasJustCome({ name, node, standing }: NodeState, memory: Memory): boolean {
  const before = memory.nodes[name];
  if (before !== undefined) return before.comingSince !== undefined;
  return memory.at === null ? standing === "booting" : node.createdAt > memory.at;
}

/** `isNew`: it was not there at the last look. */
function advanced(
  was: LaunchedMachine,
  { state, instance, isNew }: Sight & { readonly isNew: boolean },
  at: EpochMs,
): Progress {
  // A member that is a node already when it is first seen was launched at a time that nobody saw.
  const seenAt = isNew && instance !== null && state === null ? at : undefined;
  const launchedAt = was.launchedAt ?? instance?.createdAt ?? seenAt;
  const registeredAt = was.registeredAt ?? state?.node.createdAt;
  const readyAt = was.readyAt ?? (state?.standing === "up" ? at : undefined);
  const isUsed =
    was.forPods === true && readyAt !== undefined && state !== null && workloads(state).length > 0;
  return {
    ...was,
    ...(launchedAt === undefined ? {} : { launchedAt }),
    ...(registeredAt === undefined ? {} : { registeredAt }),
    ...(readyAt === undefined ? {} : { readyAt }),
    ...(isUsed ? { firstPodAt: at } : {}),
  };
}

function isUnderWay(
  { readyAt, firstPodAt, forPods }: Progress,
  state: NodeState | null,
  at: EpochMs,
): boolean {
  if (state?.standing === "leaving" || firstPodAt !== undefined) return false;
  return readyAt === undefined || (forPods === true && elapsed(readyAt, at) < FIRST_POD_MS);
}

function withoutPod(progress: Progress): LaunchedMachine {
  const { firstPodAt: _firstPodAt, ...machine } = progress;
  return machine;
}
