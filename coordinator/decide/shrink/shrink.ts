// Nodes that nobody needs, as many as budgets let go: each node is asked by the rules in their order for each cause that
// it has, then those that could go are asked again, best first, each after those before it. By its own name, never
// by lowering a number. Every node that stays says why.

import type { Reason } from "../../../shared/model/reasons.ts";
import type { EpochMs } from "../../../shared/model/units.ts";
import type { Health } from "../fleet/condemned.ts";
import type { PoolState } from "../fleet/fleet.ts";
import type { NodeState } from "../fleet/standing.ts";
import type { Steps } from "../limits/steps.ts";
import type { Packing } from "../pack/packing.ts";
import type { Recall, Release, Shrink } from "../plan.ts";
import { DISRUPTION_OF, firstVeto } from "../rule.ts";
import type { Candidate, Rule } from "../rule.ts";
import { LAST_RULES, NODE_RULES } from "../rules/index.ts";
import type { Memory, NodeMemory } from "../snapshot-memory.ts";
import type { BudgetInput } from "../snapshot.ts";
import { becauseOf, candidateFor, causesOf, howOf, NO_TIMERS } from "./causes.ts";
import { contextOf } from "./context.ts";
import type { ShrinkContext } from "./context.ts";
import { NO_EXCHANGES } from "./exchange.ts";
import type { Exchanges } from "./exchange.ts";
import { recallsOf } from "./recall.ts";
import { firstToGo, scoreOf } from "./score.ts";
import { releaseUnregistered } from "./unregistered.ts";

const NOBODY_ILL: Health = { condemned: new Map(), instances: new Map(), notes: new Map() };
const NOTHING_GOES: ReadonlyMap<string, number> = new Map();

export interface Shrinking {
  readonly moves: readonly (Shrink | Release)[];
  /** Pool id → why its nodes stay. */
  readonly stays: ReadonlyMap<string, readonly Reason[]>;
  readonly recalls: readonly Recall[];
  /** Node → since when its pods have had a place elsewhere at a lower price; for the memory. */
  readonly movableSince: ReadonlyMap<string, EpochMs>;
}

export interface Rules {
  readonly node: readonly Rule[];
  readonly last: readonly Rule[];
}

const ALL_RULES: Rules = { node: NODE_RULES, last: LAST_RULES };

export interface ShrinkOptions {
  /** Nodes and members that are to be replaced. */
  readonly health?: Health;
  /** Nodes whose pods have a place on spot. */
  readonly exchanged?: Exchanges["nodes"];
  readonly rules?: Rules;
}

export function shrink(
  packing: Packing,
  budgets: readonly BudgetInput[],
  memory: Memory,
  steps: Steps,
  options: ShrinkOptions = {},
): Shrinking {
  const { fleet, market } = packing;
  const { health = NOBODY_ILL, exchanged = NO_EXCHANGES.nodes, rules = ALL_RULES } = options;
  const context = contextOf(packing, budgets, steps, { condemned: health.condemned, exchanged });
  const stays = new Map<string, Reason[]>();
  const able: Candidate[] = [];
  const recalls = recallsOf(context);
  // 1. Each node by itself.
  for (const pool of fleet.pools) {
    if (!pool.spec.enabled) continue;
    const reasons: Reason[] = [...(health.notes.get(pool.id) ?? [])];
    stays.set(pool.id, reasons);
    for (const state of pool.nodes) {
      const verdict = judge(state, { pool, timers: memory.nodes[state.name] ?? NO_TIMERS, rules }, context);
      if (verdict.kind === "able") able.push(verdict.candidate);
      else reasons.push(verdict.because);
    }
  }

  // 2. Those that could go, one after the other.
  const ordered = able
    .map((candidate) => scoreOf(candidate, market, fleet.at))
    .sort(firstToGo)
    .map(({ candidate }) => candidate);
  context.rehouse.prefer(ordered.map(({ state }) => state.name));
  const unregistered = releaseUnregistered(packing, health.instances, steps);
  const moves: Shrink[] = [];
  for (const candidate of ordered) {
    const veto = causeEnded(candidate, context, rules) ?? firstVeto(rules.last, candidate, context);
    if (veto === null) moves.push(remove(candidate, context));
    else stays.get(candidate.pool.id)?.push(veto);
  }
  for (const { pool, because } of unregistered.refused) stays.get(pool)?.push(because);
  return {
    moves: [...unregistered.moves, ...moves],
    stays,
    recalls,
    movableSince: context.movables.since,
  };
}

type Judgement =
  | { readonly kind: "able"; readonly candidate: Candidate }
  | { readonly kind: "stays"; readonly because: Reason };

/** The first cause that no rule about the node itself stands against; else why the last of them does not do. */
function judge(
  state: NodeState,
  { pool, timers, rules }: { readonly pool: PoolState; readonly timers: NodeMemory; readonly rules: Rules },
  context: ShrinkContext,
): Judgement {
  const { packing, condemned, exchanged } = context;
  const { at } = packing.fleet;
  let because: Reason = { code: "nothing-to-do" };
  for (const cause of causesOf(pool, state, packing, { condemned, exchanged, going: NOTHING_GOES })) {
    const candidate = candidateFor(pool, state, timers, { cause, at });
    const veto = firstVeto(rules.node, candidate, context);
    if (veto === null) return { kind: "able", candidate };
    because = veto;
  }
  return { kind: "stays", because };
}

/** Why the node stays as things are, for whoever asks after the decision; null: nothing keeps it. */
export function stayOf(
  pool: PoolState,
  state: NodeState,
  timers: NodeMemory,
  context: ShrinkContext,
): Reason | null {
  const verdict = judge(state, { pool, timers, rules: ALL_RULES }, context);
  return verdict.kind === "stays" ? verdict.because : firstVeto(LAST_RULES, verdict.candidate, context);
}

/** Some causes hold for only so many nodes, and those before this one may have been enough. */
function causeEnded(
  { pool, state, timers, cause }: Candidate,
  context: ShrinkContext,
  rules: Rules,
): Reason | null {
  const { packing, steps, condemned, exchanged } = context;
  if (cause.kind !== "over-cap" && cause.kind !== "return") return null;
  const { at } = packing.fleet;
  const left = causesOf(pool, state, packing, { condemned, exchanged, going: steps.removals });
  if (left.some(({ kind }) => kind === cause.kind)) return null;
  const otherwise = candidateFor(pool, state, timers, {
    cause: { kind: cause.kind === "return" ? "empty" : "idle" },
    at,
  });
  return firstVeto(rules.node, otherwise, context);
}

function remove(candidate: Candidate, context: ShrinkContext): Shrink {
  const { pool, state, cause } = candidate;
  const { packing, steps } = context;
  const { at } = packing.fleet;
  const movability = cause.kind === "movable" ? context.movability(candidate) : null;
  context.take(candidate);
  const disruption = DISRUPTION_OF[cause.kind];
  packing.ledger.takeRemoval(pool, disruption);
  return {
    kind: "shrink",
    key: `${pool.id}/shrink/${state.name}`,
    policy: pool.policy,
    pool: pool.name,
    ...steps.next(pool, -1),
    because: [becauseOf(candidate, at, movability?.kind === "movable" ? movability : null)],
    node: state.name,
    instance: state.instance?.id ?? "",
    how: howOf(candidate, at),
    disruption,
  };
}
