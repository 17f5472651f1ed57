// The one decision: what to change about each pool, or why not, from one snapshot. Synchronous and total: the same
// snapshot gives the same plan, here and in replay, and no data makes it throw. Each step is a file of its own and
// leaves to the next what limits and board still allow, in the order of precedence.

import { epochMs } from "../../shared/model/units.ts";
import type { WorkedDecision } from "./answer/explanation.ts";
import { figuresOf } from "./answer/figures.ts";
import { holdsOf, holdsOfUnreadable, holdsWithoutTime, unplacedOf } from "./answer/holds.ts";
import { condemnedOf, healthOf } from "./fleet/condemned.ts";
import { assemble } from "./fleet/fleet.ts";
import { stockRates } from "./fleet/interruptions.ts";
import { lookAround, rememberAsked } from "./fleet/memory.ts";
import { rebalanceOf } from "./fleet/rebalance.ts";
import { markAsOurs } from "./fleet/sane-memory.ts";
import { sane } from "./fleet/sane.ts";
import { holdFloors } from "./grow/floors.ts";
import { growForPods, growMoves } from "./grow/grow.ts";
import { rememberBehavior } from "./grow/recommend.ts";
import { releaseMoves, replaceMoves, reservePlaces } from "./grow/replace.ts";
import { growForUtilization } from "./grow/utilization.ts";
import { capsOf } from "./limits/caps.ts";
import { createSteps } from "./limits/steps.ts";
import type { Steps } from "./limits/steps.ts";
import { withScheduledTargets } from "./limits/targets.ts";
import { priceLookup } from "./market/price.ts";
import { createPacking } from "./pack/packing.ts";
import type { Packing } from "./pack/packing.ts";
import { keepPromises, rememberPromises } from "./pack/promises.ts";
import { rememberLeftOut, reportOf } from "./pack/report.ts";
import type { Decision, Move } from "./plan.ts";
import { contextOf } from "./shrink/context.ts";
import { reserveForMoving } from "./shrink/exchange-places.ts";
import { exchangeForSpot, mayExchange, NO_EXCHANGES } from "./shrink/exchange.ts";
import type { Exchanges } from "./shrink/exchange.ts";
import { withMovable } from "./shrink/movable.ts";
import { shrink } from "./shrink/shrink.ts";
import { EMPTY_MEMORY } from "./snapshot-memory.ts";
import type { Memory } from "./snapshot-memory.ts";
import type { Snapshot } from "./snapshot.ts";

export function decide(input: Snapshot): Decision {
  const { plan, memory } = decideInFull(input);
  return { plan, memory };
}

/** The same, with what it was worked out from, for whoever is asked to explain it. */
export function decideInFull(input: Snapshot): WorkedDecision {
  const turns = decideInTurns(input);
  for (;;) {
    const step = turns.next();
    if (step.done === true) return step.value;
  }
}

/**
 * The same once more, in pieces: over thousands of nodes a decision takes longer than messages should wait for whoever
 * makes it, and between two pieces they need not. What is decided does not depend on what happens in between.
 */
export function* decideInTurns(input: Snapshot): Generator<void, WorkedDecision> {
  const made = sane(input);
  if (made === null) return withoutTime(input);
  yield;
  const { unreadable } = made;
  const snapshot = withScheduledTargets(made.snapshot);

  // 1. Who owns which node, what each pool has and what is coming; what is remembered of it.
  const fleet = assemble(snapshot);
  yield;
  const { memory, finished } = lookAround(fleet, snapshot);
  yield;

  // 2. Which pods count, and the room that is there.
  const usdPerHourOf = priceLookup(snapshot.prices);
  const rebalance = rebalanceOf(fleet, snapshot);
  const ill = healthOf(fleet, snapshot);
  const health = { ...ill, condemned: condemnedOf(ill, rebalance) };
  const packing = createPacking(fleet, snapshot.pods, {
    usdPerHourOf,
    before: snapshot.memory,
    now: memory,
    condemned: health.condemned,
    ...snapshot,
  });
  const steps = createSteps();
  yield;

  // 3. What is added, in the order of precedence.
  const { moves: additions, exchanged } = add(packing, memory, steps, snapshot.budgets);
  yield;

  // 4. Machines that are lost leave their groups; then nodes that nobody needs.
  const releases = releaseMoves(fleet, steps);
  const shrinking = shrink(packing, snapshot.budgets, memory, steps, { health, exchanged });
  yield;

  // 5. Every pool and every pod is answered.
  const moves = [...additions, ...releases, ...shrinking.moves];
  const holds = [
    ...holdsOf(packing, moves, { stays: shrinking.stays, hints: rebalance.notes }),
    ...holdsOfUnreadable(snapshot.policies),
  ];
  yield;
  const unplaced = [...unplacedOf(packing), ...unreadable];
  const stocks = stockRates(memory, snapshot.at);
  const caps = capsOf(fleet, packing.ledger, additions);
  return {
    plan: {
      at: snapshot.at,
      moves,
      holds,
      unplaced,
      figures: figuresOf(packing, snapshot.pods, memory, { finished }),
      ...(shrinking.recalls.length === 0 ? {} : { recalls: shrinking.recalls }),
      ...(caps.length === 0 ? {} : { caps }),
      ...(stocks.length === 0 ? {} : { stocks }),
      ...reportOf(packing),
    },
    memory: markAsOurs({
      ...memory,
      ...rebalance.memory,
      nodes: withMovable(memory.nodes, shrinking.movableSince),
      ...rememberBehavior(packing, moves, snapshot.memory),
      ...rememberLeftOut(packing),
      ...rememberPromises(packing),
      ...rememberAsked(memory, moves, snapshot.at),
    }),
    work: { snapshot, packing, steps, condemned: health.condemned, exchanged },
  };
}

interface Additions {
  readonly moves: readonly Move[];
  /** Nodes whose pods have a place on spot. */
  readonly exchanged: Exchanges["nodes"];
}

/**
 * What was promised is kept; then notices, then pods that wait, then floors, then use, then what goes back to spot; nothing
 * while a list may lack nodes or pods.
 */
function add(packing: Packing, memory: Memory, steps: Steps, budgets: Snapshot["budgets"]): Additions {
  if (packing.fleet.sync.kind === "unsynced") return { moves: [], exchanged: NO_EXCHANGES.nodes };
  keepPromises(packing);
  reservePlaces(packing);
  reserveForMoving(packing);
  growForPods(packing);
  const floors = holdFloors(packing);
  const heat = growForUtilization(packing, memory.hotSince);
  const exchanges = mayExchange(packing)
    ? exchangeForSpot(packing, memory, contextOf(packing, budgets, steps))
    : NO_EXCHANGES;
  const returning = exchanges.pods;
  const moves = [...replaceMoves(packing, steps), ...growMoves(packing, { floors, heat, returning }, steps)];
  return { moves, exchanged: exchanges.nodes };
}

function withoutTime(input: Snapshot): WorkedDecision {
  return {
    plan: { at: epochMs(0), moves: [], holds: holdsWithoutTime(input), unplaced: [], figures: [] },
    memory: EMPTY_MEMORY,
    work: null,
  };
}
