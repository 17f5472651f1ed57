// Why a pod, a node or a pool was answered as it was: worked out when it is asked, from what the decision left. A
// pod is asked against an empty new node of each pool, once for all pods of a kind, so that thousands of pods and
// dozens of pools are answered in a moment. It decides nothing, and says nothing that the decision did not know.

import type { Reason, ReasonCode } from "../../../shared/model/reasons.ts";
import type { PoolState } from "../fleet/fleet.ts";
import { backEndOf } from "../fleet/group-identity.ts";
import { rateOfPool } from "../fleet/interruptions.ts";
import { poolId } from "../fleet/ownership.ts";
import { workloads } from "../fleet/standing.ts";
import type { NodeState } from "../fleet/standing.ts";
import { compareText, firstDifference } from "../order.ts";
import type { Hold, Move } from "../plan.ts";
import { contextOf } from "../shrink/context.ts";
import { stayOf } from "../shrink/shrink.ts";
import type { PodInput } from "../snapshot-pod.ts";
import type {
  MoveNote,
  NodeExplanation,
  PodExplanation,
  PoolExplanation,
  Work,
  WorkedDecision,
} from "./explanation.ts";
import { launchNotesOf } from "./launch-notes.ts";
import { createVerdicts } from "./verdicts.ts";
import type { Verdicts } from "./verdicts.ts";

export interface Explainer {
  /** By `namespace/name`; null: the decision did not see such a pod. */
  pod(key: string): PodExplanation | null;
  node(name: string): NodeExplanation | null;
  pool(policy: string, pool: string): PoolExplanation | null;
  /** Every pod without a node, by key. */
  waiting(): readonly PodExplanation[];
}

const NOBODY: Explainer = { pod: () => null, node: () => null, pool: () => null, waiting: () => [] };

export function createExplainer({ plan, memory, work }: WorkedDecision): Explainer {
  if (work === null) return NOBODY;
  const { packing, snapshot, steps, condemned, exchanged } = work;
  const { fleet } = packing;
  const pods = new Map(snapshot.pods.map((pod) => [pod.key, pod]));
  const refusedFor = new Map(plan.unplaced.map(({ pod, because }) => [pod, because]));
  const bought = new Map(
    plan.moves.flatMap((move) => ("pods" in move ? move.pods : []).map((pod) => [pod, move])),
  );
  const verdicts = createVerdicts(work, refusedFor);
  const context = contextOf(packing, snapshot.budgets, steps, { condemned, exchanged });

  const explainNode = (state: NodeState): NodeExplanation => {
    const pool = fleet.poolsById.get(state.poolId ?? "") ?? null;
    const moves = plan.moves.filter((move) => "node" in move && move.node === state.name);
    const goes = moves.some(({ kind }) => kind !== "replace");
    return {
      kind: "node",
      node: state.name,
      pool: pool?.id ?? null,
      standing: state.standing,
      pods: workloads(state).length,
      moves: moves.map(noteOf),
      stays: goes ? null : pool === null ? overlapOf(state) : firstVeto(pool, state),
      ...noticesOf(state.name),
    };
  };
  const noticesOf = (name: string): Pick<NodeExplanation, "notices"> => {
    const notices = snapshot.notices.filter(({ node }) => node === name);
    return notices.length === 0 ? {} : { notices };
  };
  /** Somebody will ask where its pods stood when they lost it. */
  const explainGone = (name: string): NodeExplanation | null => {
    const { notices } = noticesOf(name);
    if (notices === undefined) return null;
    const claim = fleet.ownerOf.get(name);
    const moves = plan.moves.filter((move) => "node" in move && move.node === name).map(noteOf);
    return {
      kind: "node",
      node: name,
      pool: claim === undefined ? null : poolId(claim.policy, claim.pool),
      standing: "gone",
      pods: 0,
      moves,
      stays: null,
      notices,
    };
  };
  const rateOf = (pool: PoolState): Pick<PoolExplanation, "interruptions"> => {
    const interruptions = rateOfPool(pool, memory, fleet.at);
    return interruptions === null ? {} : { interruptions };
  };
  const launchesOf = (pool: PoolState): Pick<PoolExplanation, "launches"> => {
    const launches = launchNotesOf(pool, memory, fleet.at);
    return launches.length === 0 ? {} : { launches };
  };
  const firstVeto = (pool: PoolState, state: NodeState): Reason | null => {
    if (!pool.spec.enabled) return { code: "disabled" };
    const timers = memory.nodes[state.name] ?? { idleSince: null, lastReportAt: null, emptySince: null };
    return stayOf(pool, state, timers, context);
  };
  /** A node that two policies claim is neither's. */
  const overlapOf = ({ name }: NodeState): Reason | null => {
    for (const { disputes } of fleet.pools) {
      const found = disputes.find((reason) => reason.code === "overlap" && reason.node === name);
      if (found?.code === "overlap") return { ...found, code: "node-overlap" };
    }
    return null;
  };

  return {
    pod: (key) => {
      const pod = pods.get(key);
      const because = refusedFor.get(key) ?? [];
      // What cannot be read was refused before anybody looked for a place.
      if (pod === undefined) return because.length === 0 ? null : unread(key, because);
      return explainPod(pod, because, bought.get(key) ?? null, verdicts);
    },
    node: (name) => {
      const state = fleet.nodesByName.get(name);
      return state === undefined ? explainGone(name) : explainNode(state);
    },
    pool: (policy, name) => {
      const pool = fleet.pools.find((candidate) => candidate.policy === policy && candidate.name === name);
      if (pool === undefined) return null;
      const mine = ({ policy: of, pool: at }: Move | Hold): boolean => of === policy && at === name;
      return {
        kind: "pool",
        policy,
        pool: name,
        tier: pool.pool.capacityType,
        minSize: pool.pool.minSize,
        maxSize: pool.pool.maxSize,
        size: pool.size,
        ready: pool.ready,
        booting: pool.booting,
        offers:
          pool.shape === null
            ? null
            : { allocatable: pool.shape.allocatable, source: pool.shape.source ?? "node" },
        price: verdicts.priceOf(pool),
        refusal: verdicts.closed(pool),
        ...backEndOf(pool.pool),
        ...launchesOf(pool),
        ...rateOf(pool),
        moves: plan.moves.filter(mine).map(noteOf),
        holds: plan.holds.filter(mine).flatMap(({ because }) => because),
        nodes: pool.nodes.map(explainNode),
        ...reception(pool, work, verdicts),
      };
    },
    waiting: () => {
      const keys = new Set([...waitingPods(work).map(({ key }) => key), ...refusedFor.keys()]);
      return [...keys].sort(compareText).flatMap((key) => {
        const pod = pods.get(key);
        const because = refusedFor.get(key) ?? [];
        return [
          pod === undefined
            ? unread(key, because)
            : explainPod(pod, because, bought.get(key) ?? null, verdicts),
        ];
      });
    },
  };
}

function explainPod(
  pod: PodInput,
  because: readonly Reason[],
  move: Move | null,
  verdicts: Verdicts,
): PodExplanation {
  const bound = pod.node !== null;
  const bought = move === null ? null : `${move.policy}/${move.pool}`;
  const here = because.some(({ code }) => code === "pod-fits-existing" || code === "booting");
  return {
    kind: "pod",
    pod: pod.key,
    answer: bound ? "bound" : move !== null ? "asked" : here ? "here" : "none",
    node: pod.node ?? because.flatMap((reason) => ("node" in reason ? [reason.node] : []))[0] ?? null,
    move: move === null ? null : noteOf(move),
    because,
    // What its own node has used up of a limit is no reason against that node.
    pools: bound
      ? []
      : verdicts
          .of(pod)
          .map((verdict) => (verdict.pool === bought ? { ...verdict, refusal: null } : verdict)),
  };
}

function unread(pod: string, because: readonly Reason[]): PodExplanation {
  return { kind: "pod", pod, answer: "none", node: null, move: null, because, pools: [] };
}

function noteOf({ kind, policy, pool, from, to, because }: Move): MoveNote {
  return { kind, pool: `${policy}/${pool}`, from, to, because };
}

function waitingPods({ snapshot }: Work): readonly PodInput[] {
  return snapshot.pods.filter(
    ({ node, terminating, daemon, mirror }) => node === null && !terminating && !daemon && !mirror,
  );
}

function reception(
  pool: PoolState,
  work: Work,
  verdicts: Verdicts,
): Pick<PoolExplanation, "takes" | "refuses"> {
  const refuses = new Map<ReasonCode, { pods: number; readonly example: Reason }>();
  let takes = 0;
  for (const pod of waitingPods(work)) {
    const refusal = verdicts.refusal(pod, pool);
    if (refusal === null) {
      takes += 1;
      continue;
    }
    const known = refuses.get(refusal.code);
    if (known === undefined) refuses.set(refusal.code, { pods: 1, example: refusal });
    else known.pods += 1;
  }
  return {
    takes,
    refuses: [...refuses]
      .map(([code, entry]) => ({ code, ...entry }))
      .sort((a, b) => firstDifference(b.pods - a.pods, compareText(a.code, b.code))),
  };
}
