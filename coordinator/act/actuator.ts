// Turns a plan into calls, each made once: what became of calls that were begun before is found out first, the intent is
// in the policy's status before the call and the outcome after it. Replacements go first, because their nodes have a
// deadline, then growth, then drains that were begun before, releases and removals. Policies that only recommend, and those that we have not claimed, are left alone.

import type { MoveState } from "../../shared/contract/policy/status.ts";
import { parseInstant } from "../../shared/model/instant.ts";
import { takesNode } from "../../shared/model/interruption.ts";
import { elapsed } from "../../shared/model/units.ts";
import type { Millis } from "../../shared/model/units.ts";
import type { NodeGroup } from "../cloud/group.ts";
import type { Move, Plan } from "../decide/plan.ts";
import type { PolicyInput, Snapshot } from "../decide/snapshot.ts";
import { createBudgets } from "./budget.ts";
import type { Budgets, Limits } from "./budget.ts";
import { createCaps } from "./caps.ts";
import type { ActContext } from "./context.ts";
import { doneOf, logDone } from "./done.ts";
import type { Done } from "./done.ts";
import type { PolicyJournal } from "./journal.ts";
import { createLateCalls } from "./late.ts";
import { clearLeftovers } from "./leftovers.ts";
import { inFlight, isGrowing, withIntents, withOutcomes } from "./moves.ts";
import type { Intended, Settled } from "./moves.ts";
import { inParallel, PROVIDER_CALLS, STATUS_WRITES } from "./parallel.ts";
import { createPauses } from "./pauses.ts";
import { perform } from "./perform.ts";
import { portionOf } from "./portion.ts";
import { settleOrWait } from "./settle.ts";
import type { RemovalBudget } from "./shrink.ts";
import { frozenBecause, recalledBecause, stoppedBecause } from "./stopped.ts";

export type { Done } from "./done.ts";

export interface Actuator {
  act(plan: Plan, snapshot: Snapshot, context: ActContext): Promise<readonly Done[]>;
  /** How soon a move of ours that waits for its call to be certain can be concluded; null: none waits. */
  waitsMs(context: Omit<ActContext, "call">): Millis | null;
}

interface Open {
  readonly policy: PolicyInput;
  readonly move: MoveState;
}

const ORDER = ["replace", "grow", "release", "shrink"] as const satisfies readonly Move["kind"][];
/** Places are known by their numbers, and a number may be open again: so long one that was given back is not again. */
const PLACE_LAGS_MS = 60_000;

export function createActuator(options: {
  readonly journal: PolicyJournal;
  readonly limits: Limits;
}): Actuator {
  const { journal, limits } = options;
  const pauses = createPauses();
  const late = createLateCalls();
  const caps = createCaps();
  let hasWaited = false;

  return {
    act: async (plan, snapshot, context) => {
      const budgets = createBudgets(snapshot, limits);
      // 1. Find out how calls have ended, and take back what nobody accounts for.
      const begunBefore = openIn(snapshot);
      const done = [...(await finish(begunBefore.calls, plan, snapshot, budgets, context))];
      // The plan was made before we knew how these had ended: what it says of their pools is decided again.
      const learned = new Set(done.filter(({ outcome }) => outcome.kind !== "unsettled").map(poolOf));
      await clearLeftovers(snapshot, (policy) => journal.status(policy).moves, context);

      // 2. Of the plan, what may be done and is not being done already.
      const policies = new Map(snapshot.policies.map((policy) => [policy.name, policy]));
      const due = portionOf(
        plan.moves
          .map((move) => intended(move, policies.get(move.policy)))
          .filter((move) => !learned.has(poolOf({ policy: move.policy, move })))
          .filter((move) => isDue(move, policies.get(move.policy), context)),
        (policy) => journal.status(policy).moves,
        context.clock.now(),
      );

      // 3. Intents, then calls, then outcomes; kind by kind. Drains that were begun before have waited for minutes, and go
      // on when what somebody waits for has been asked for.
      for (const kind of ORDER) {
        if (kind === "release") {
          if (mayWait(context)) break;
          done.push(...(await finish(begunBefore.drains, plan, snapshot, budgets, context)));
        }
        const moves = due.filter(
          (move) => move.kind === kind && !isGrowing(journal.status(move.policy).moves, move.pool),
        );
        const begun = await intend(moves, context);
        const ended = await perform(begun, { policies, budgets, context });
        for (const { move, outcome } of ended)
          if (outcome.kind === "unsettled") late.givenUp(move.key, context);
        done.push(...(await record(ended, context)));
      }

      // 4. What others grow is kept within what is allowed.
      await caps.keep(plan, snapshot, (policy) => journal.leads(policy), context);
      pauses.forgetOld(context.clock);
      late.forgetOld(context);
      return done;
    },
    waitsMs: (context) => late.soonestMs(context),
  };

  /** A notice that has come meanwhile goes before what takes machines, but not twice in a row: notices come in storms. */
  function mayWait({ hurries }: ActContext): boolean {
    hasWaited = !hasWaited && hurries?.() === true;
    return hasWaited;
  }

  /** Moves in flight: calls whose end nobody saw, and drains. */
  function openIn(snapshot: Snapshot): { readonly calls: readonly Open[]; readonly drains: readonly Open[] } {
    const open = snapshot.policies
      .filter(({ name }) => journal.leads(name))
      .flatMap((policy) =>
        journal
          .status(policy.name)
          .moves.filter(inFlight)
          .map((move) => ({ policy, move })),
      );
    return {
      calls: open.filter(({ move }) => move.phase === "intended"),
      drains: open.filter(({ move }) => move.phase !== "intended"),
    };
  }

  async function finish(
    open: readonly Open[],
    plan: Plan,
    snapshot: Snapshot,
    budgets: Budgets,
    context: ActContext,
  ): Promise<readonly Done[]> {
    const recalls = new Map((plan.recalls ?? []).map((recall) => [recall.key, recall]));
    const nodes = new Map(snapshot.nodes.map((node) => [node.name, node]));
    const noticed = new Set(snapshot.notices.filter(takesNode).map(({ node }) => node));
    const due = open
      .map(({ policy, move }) => ({ policy, move, group: groupOf(policy, move.pool, context) }))
      .filter(({ policy, group }) => !isQuiet(policy.name, group, context));
    const ended = await inParallel(due, PROVIDER_CALLS, async ({ policy, move, group }) => {
      const begunMs = context.clock.monotonic();
      const outcome = await settleOrWait(
        {
          move,
          node: move.node === undefined ? undefined : nodes.get(move.node),
          underNotice: move.node !== undefined && noticed.has(move.node),
          group,
          growing: isGrowing(journal.status(policy.name).moves, move.pool),
          // Asked before the group is read: what takes effect after the reading must not count as undone.
          mayStillHappen: late.leftMs(move, journal.claimOf(policy.name), context) > 0,
          stopped: stoppedBecause(policy) ?? frozenBecause(policy) ?? recalledBecause(recalls.get(move.key)),
        },
        policy.kind === "valid" ? budgets.removal(policy, move.pool) : NO_REMOVAL,
        context,
      );
      return outcome === null ? [] : [doneOf(policy.name, move, outcome, begunMs, context)];
    });
    return await record(ended.flat(), context);
  }

  function isDue(move: Intended, policy: PolicyInput | undefined, context: ActContext): boolean {
    if (policy === undefined || stoppedBecause(policy) !== null || !journal.leads(policy.name)) return false;
    if (isQuiet(policy.name, groupOf(policy, move.pool, context), context)) return false;
    const known = journal.status(move.policy).moves.find(({ key }) => key === move.key);
    if (known !== undefined && inFlight(known)) return false;
    // One notice is answered once, however often the plan asks.
    if (known?.phase === "applied" && (move.kind === "replace" || move.kind === "release")) {
      const at = parseInstant(known.at) ?? context.clock.now();
      if (move.placeholder !== true || elapsed(at, context.clock.now()) <= PLACE_LAGS_MS) return false;
    }
    return pauses.isOver(move.key, context.clock);
  }

  /** The moves whose intent is on record. Without that nothing is called. */
  async function intend(moves: readonly Intended[], context: ActContext): Promise<readonly Intended[]> {
    const perPolicy = await inParallel(
      [...Map.groupBy(moves, ({ policy }) => policy)],
      STATUS_WRITES,
      async ([policy, group]) => {
        try {
          await journal.change(
            policy,
            (status) => withIntents(status, group, context.clock.now()),
            context.call,
          );
          return group;
        } catch (error) {
          context.log.warn(
            { policy, count: group.length, error },
            "cannot write down what is to be done, so nothing is done",
          );
          return [];
        }
      },
    );
    return perPolicy.flat();
  }

  async function record(ended: readonly Done[], context: ActContext): Promise<readonly Done[]> {
    for (const done of ended) {
      pauses.note(done.move.key, done.outcome, context);
      if (done.outcome.kind !== "unsettled") late.ended(done.move.key);
      logDone(context.log, done);
    }
    await inParallel(
      [...Map.groupBy(ended, ({ policy }) => policy)],
      STATUS_WRITES,
      async ([policy, group]) => {
        const settled: readonly Settled[] = group.map(({ move, outcome }) => ({ key: move.key, outcome }));
        try {
          await journal.change(
            policy,
            (status) => withOutcomes(status, settled, context.clock.now()),
            context.call,
          );
        } catch (error) {
          // The intent stands, so the next cycle reads the group and finds out.
          context.log.warn({ policy, error }, "cannot write down how moves ended; the next cycle finds out");
        }
      },
    );
    return ended;
  }
}

function poolOf({
  policy,
  move: { pool },
}: {
  readonly policy: string;
  readonly move: { readonly pool: string };
}): string {
  return `${policy}/${pool}`;
}

function groupOf(policy: PolicyInput, pool: string, context: ActContext): NodeGroup | null {
  return policy.kind === "valid" ? context.groupOf(policy, pool) : null;
}

/** Whether a call of the leader before may still reach a group that would not refuse it. */
function isQuiet(policy: string, group: NodeGroup | null, context: ActContext): boolean {
  if (group === null) return false;
  const refuses = group.conditional && group.removesUnconditionally !== true;
  return !refuses && context.quietMs(policy) > 0;
}

function intended(move: Move, policy: PolicyInput | undefined): Intended {
  if (move.kind !== "release" || policy?.kind !== "valid") return move;
  const members = policy.pools.find(({ name }) => name === move.pool)?.instances;
  const isPlace = members?.find(({ id }) => id === move.instance)?.placeholder === true;
  return isPlace ? { ...move, placeholder: true } : move;
}

const NO_REMOVAL: RemovalBudget = {
  inTurn: async (run) => await run(false),
  take: () => false,
  giveBack: () => {},
};
