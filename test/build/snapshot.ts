// Snapshots for tests of decisions, complete and frozen to their depth, so that a decision that changes its input
// fails; and the usual questions to a plan.

import type { Decision, Grow, Move, Replace, Shrink } from "../../coordinator/decide/plan.ts";
import { EMPTY_MEMORY } from "../../coordinator/decide/snapshot-memory.ts";
import type { Memory, NodeMemory } from "../../coordinator/decide/snapshot-memory.ts";
import type { PodInput } from "../../coordinator/decide/snapshot-pod.ts";
import type {
  BudgetInput,
  NodeInput,
  NoticeInput,
  PolicyInput,
  PoolInput,
  Snapshot,
} from "../../coordinator/decide/snapshot.ts";
import { NODE_LABEL } from "../../shared/model/names.ts";
import { epochMs } from "../../shared/model/units.ts";
import { MINUTE, NOW } from "./now.ts";
import { FROM_NODES, policy } from "./policy.ts";

export interface SnapshotOptions {
  readonly at?: number;
  readonly sync?: Snapshot["sync"];
  readonly policies?: readonly PolicyInput[];
  readonly nodes?: readonly NodeInput[];
  readonly pods?: readonly PodInput[];
  readonly budgets?: readonly BudgetInput[];
  readonly notices?: readonly NoticeInput[];
  readonly memory?: Memory;
  readonly prices?: Snapshot["prices"];
  readonly daemons?: Snapshot["daemons"];
}

export function snapshot(options: SnapshotOptions = {}): Snapshot {
  const { at = NOW, nodes = [], policies = [policy()] } = options;
  return freeze({
    v: 1,
    at: epochMs(at),
    sync: options.sync ?? { kind: "synced", since: epochMs(NOW - 60 * MINUTE) },
    policies: policies.map((input) => withGroups(input, nodes)),
    nodes,
    pods: options.pods ?? [],
    budgets: options.budgets ?? [],
    notices: options.notices ?? [],
    memory: options.memory ?? EMPTY_MEMORY,
    ...(options.daemons === undefined ? {} : { daemons: options.daemons }),
    ...(options.prices === undefined ? {} : { prices: options.prices }),
  });
}

function withGroups(input: PolicyInput, nodes: readonly NodeInput[]): PolicyInput {
  if (input.kind === "invalid") return input;
  return { ...input, pools: input.pools.map((pool) => withGroup(pool, nodes)) };
}

function withGroup(pool: PoolInput, nodes: readonly NodeInput[]): PoolInput {
  const own = nodes.filter((node) => node.labels[NODE_LABEL.pool] === pool.name);
  const isUnsaid = pool.group.kind === "known" && pool.group.size === -1 && pool.group.chosenRemoval;
  return {
    ...pool,
    group: isUnsaid ? { kind: "known", size: own.length, chosenRemoval: true } : pool.group,
    instances:
      pool.instances === FROM_NODES
        ? own.map((node) => ({
            id: `i-${node.name}`,
            node: node.name,
            state: node.ready === "ready" ? ("ready" as const) : ("booting" as const),
          }))
        : pool.instances,
  };
}

/** A memory of a moment ago, in which the named nodes have been idle or empty for so long. */
export function memory(
  nodes: Readonly<Record<string, { readonly idleMs?: number; readonly emptyMs?: number }>>,
  at: number = NOW,
): Memory {
  const timers = Object.entries(nodes).map(([name, { idleMs, emptyMs }]): [string, NodeMemory] => [
    name,
    {
      idleSince: idleMs === undefined ? null : epochMs(at - idleMs),
      lastReportAt: epochMs(at - 7_000),
      emptySince: emptyMs === undefined ? null : epochMs(at - emptyMs),
    },
  ]);
  return { ...EMPTY_MEMORY, at: epochMs(at - 10_000), nodes: Object.fromEntries(timers) };
}

export function notice(node: string, options: Partial<NoticeInput> = {}): NoticeInput {
  return {
    id: `notice-${node}`,
    node,
    source: "aws",
    replace: true,
    drained: false,
    seenAt: epochMs(NOW - 1_000),
    deadline: epochMs(NOW + 2 * MINUTE),
    ...options,
  };
}

export function movesOf<K extends Move["kind"]>(
  decision: Decision,
  kind: K,
): readonly Extract<Move, { readonly kind: K }>[] {
  return decision.plan.moves.filter(
    (move): move is Extract<Move, { readonly kind: K }> => move.kind === kind,
  );
}

export const grows = (decision: Decision): readonly Grow[] => movesOf(decision, "grow");
export const shrinks = (decision: Decision): readonly Shrink[] => movesOf(decision, "shrink");
export const replaces = (decision: Decision): readonly Replace[] => movesOf(decision, "replace");

/** Codes of what keeps a pool, in order. */
export function holdCodes(decision: Decision, pool = "spot", name = "demo"): readonly string[] {
  return decision.plan.holds
    .filter((hold) => hold.policy === name && hold.pool === pool)
    .flatMap((hold) => hold.because.map((reason) => reason.code));
}

/** Why a pod has no place, by code. */
export function unplacedCodes(decision: Decision, pod: string): readonly string[] {
  return decision.plan.unplaced
    .filter((entry) => entry.pod === `default/${pod}`)
    .flatMap((entry) => entry.because.map(({ code }) => code));
}

export function freeze<T>(value: T): T {
  if (typeof value !== "object" || value === null || Object.isFrozen(value)) return value;
  Object.freeze(value);
  for (const inner of Object.values(value)) freeze(inner);
  return value;
}
