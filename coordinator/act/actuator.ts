// Turns a plan into calls, each made once: what was begun before is finished first, the intent is in the policy's
// status before the call and the outcome after it. Replacements go first, because their nodes have a deadline,
// then growth, releases and removals. Policies that only recommend are left alone altogether.

import type { MoveState } from "../../shared/contract/policy/status.ts";
import { millis } from "../../shared/model/units.ts";
import type { Millis } from "../../shared/model/units.ts";
import { describe } from "../../shared/runtime/errors.ts";
import { backoffMs } from "../../shared/runtime/retry.ts";
import type { NodeGroup } from "../cloud/group.ts";
import type { Move, Plan, Recall, Shrink } from "../decide/plan.ts";
import type { PolicyInput, Snapshot } from "../decide/snapshot.ts";
import { createBudgets } from "./budget.ts";
import type { Budgets, Limits } from "./budget.ts";
import type { ActContext, ValidPolicy } from "./context.ts";
import { requestDrain } from "./drain-request.ts";
import { grow } from "./grow.ts";
import type { PolicyJournal } from "./journal.ts";
import { clearLeftovers } from "./leftovers.ts";
import { inFlight, withIntents, withOutcomes } from "./moves.ts";
import type { Outcome, Settled } from "./moves.ts";
import { portionOf } from "./portion.ts";
import { settleOrWait } from "./settle.ts";
import { attempt, removeEmpty, takeInstance } from "./shrink.ts";
import type { RemovalBudget } from "./shrink.ts";
import { beginWalk } from "./walk-drain.ts";

/** What report needs to know of one move: the journal's entry, how it ended, and how long the calls took. */
export interface Done {
  readonly policy: string;
  readonly move: Pick<MoveState, "key" | "kind" | "pool" | "node" | "from" | "to">;
  readonly outcome: Outcome;
  readonly ms: Millis;
}

export interface Actuator {
  act(plan: Plan, snapshot: Snapshot, context: ActContext): Promise<readonly Done[]>;
}

const ORDER = ["replace", "grow", "release", "shrink"] as const satisfies readonly Move["kind"][];
/** Calls that run beside each other. */
const CONCURRENCY = 16;
/** A move that failed is not tried again at once: from half a second, doubling, to a minute. */
const PAUSE = { baseMs: millis(1_000), capMs: millis(60_000) };

export function createActuator(options: {
  readonly journal: PolicyJournal;
  readonly limits: Limits;
}): Actuator {
  const { journal, limits } = options;
  const failures = new Map<
    string,
    { readonly count: number; readonly atMs: number; readonly pauseMs: Millis }
  >();

  return {
    act: async (plan, snapshot, context) => {
      const budgets = createBudgets(snapshot, limits);
      // 1. Finish what was begun, and take back what nobody accounts for.
      const done = [...(await finish(plan, snapshot, budgets, context))];
      await clearLeftovers(snapshot, (policy) => journal.status(policy).moves, context);

      // 2. Of the plan, what may be done and is not being done already.
      const policies = new Map(snapshot.policies.map((policy) => [policy.name, policy]));
      const due = portionOf(
        plan.moves.filter((move) => isDue(move, policies.get(move.policy), context)),
        (policy) => journal.status(policy).moves,
        context.clock.now(),
      );

      // 3. Intents, then calls, then outcomes; kind by kind.
      for (const kind of ORDER) {
        const moves = due.filter((move) => move.kind === kind);
        const intended = await intend(moves, context);
        done.push(...(await perform(intended, policies, budgets, context)));
      }
      forgetOldFailures(context);
      return done;
    },
  };

  async function finish(
    plan: Plan,
    snapshot: Snapshot,
    budgets: Budgets,
    context: ActContext,
  ): Promise<readonly Done[]> {
    const recalls = new Map((plan.recalls ?? []).map((recall) => [recall.key, recall]));
    const nodes = new Map(snapshot.nodes.map((node) => [node.name, node]));
    const noticed = new Set(snapshot.notices.map(({ node }) => node));
    const open = snapshot.policies.flatMap((policy) =>
      journal
        .status(policy.name)
        .moves.filter(inFlight)
        .map((move) => ({ policy, move })),
    );
    const ended = await inParallel(open, async ({ policy, move }) => {
      const begunMs = context.clock.monotonic();
      const outcome = await settleOrWait(
        {
          move,
          node: move.node === undefined ? undefined : nodes.get(move.node),
          underNotice: move.node !== undefined && noticed.has(move.node),
          group: policy.kind === "valid" ? context.groupOf(policy, move.pool) : null,
          stopped: stoppedBecause(policy) ?? frozenBecause(policy) ?? recalledBecause(recalls.get(move.key)),
        },
        policy.kind === "valid" ? budgets.removal(policy, move.pool) : NO_REMOVAL,
        context,
      );
      return outcome === null ? [] : [doneOf(policy.name, move, outcome, begunMs, context)];
    });
    return await record(ended.flat(), context);
  }

  function isDue(move: Move, policy: PolicyInput | undefined, context: ActContext): boolean {
    if (policy === undefined || stoppedBecause(policy) !== null) return false;
    const known = journal.status(move.policy).moves.find(({ key }) => key === move.key);
    if (known !== undefined && inFlight(known)) return false;
    // One notice is answered once, however often the plan asks.
    if (known?.phase === "applied" && (move.kind === "replace" || move.kind === "release")) return false;
    const failed = failures.get(move.key);
    return failed === undefined || context.clock.monotonic() - failed.atMs >= failed.pauseMs;
  }

  /** The moves whose intent is on record. Without that nothing is called. */
  async function intend(moves: readonly Move[], context: ActContext): Promise<readonly Move[]> {
    const perPolicy = await inParallel(
      [...Map.groupBy(moves, ({ policy }) => policy)],
      async ([policy, group]) => {
        try {
          await journal.change(
            policy,
            (status) => withIntents(status, group, context.clock.now()),
            context.call(),
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

  async function perform(
    moves: readonly Move[],
    policies: ReadonlyMap<string, PolicyInput>,
    budgets: Budgets,
    context: ActContext,
  ): Promise<readonly Done[]> {
    const ended = await inParallel(moves, async (move) => {
      const begunMs = context.clock.monotonic();
      const policy = policies.get(move.policy);
      const outcome = policy?.kind === "valid" ? await performOne(move, policy, budgets, context) : NOT_VALID;
      return doneOf(move.policy, move, outcome, begunMs, context);
    });
    return await record(ended, context);
  }

  async function record(ended: readonly Done[], context: ActContext): Promise<readonly Done[]> {
    for (const { policy, move, outcome, ms } of ended) {
      noteFailure(move.key, outcome, context);
      const fields = {
        policy,
        pool: move.pool,
        move: move.key,
        state: outcome.kind,
        from: move.from,
        to: move.to,
        ms,
      };
      if (outcome.kind === "failed") context.log.warn({ ...fields, reason: outcome.detail }, "move failed");
      else context.log.info("detail" in outcome ? { ...fields, reason: outcome.detail } : fields, "move");
    }
    await inParallel([...Map.groupBy(ended, ({ policy }) => policy)], async ([policy, group]) => {
      const settled: readonly Settled[] = group.map(({ move, outcome }) => ({ key: move.key, outcome }));
      try {
        await journal.change(
          policy,
          (status) => withOutcomes(status, settled, context.clock.now()),
          context.call(),
        );
      } catch (error) {
        // The intent stands, so the next cycle reads the group and finds out.
        context.log.warn({ policy, error }, "cannot write down how moves ended; the next cycle finds out");
      }
    });
    return ended;
  }

  function noteFailure(key: string, outcome: Outcome, context: ActContext): void {
    if (outcome.kind !== "failed") {
      failures.delete(key);
      return;
    }
    const count = (failures.get(key)?.count ?? 0) + 1;
    const pauseMs = millis(PAUSE.baseMs / 2 + backoffMs(count, PAUSE, context.random));
    failures.set(key, { count, atMs: context.clock.monotonic(), pauseMs });
  }

  function forgetOldFailures({ clock }: ActContext): void {
    for (const [key, { atMs }] of failures)
      if (clock.monotonic() - atMs > 10 * PAUSE.capMs) failures.delete(key);
  }
}

async function performOne(
  move: Move,
  policy: ValidPolicy,
  budgets: Budgets,
  context: ActContext,
): Promise<Outcome> {
  const group = context.groupOf(policy, move.pool);
  if (group === null) return { kind: "failed", detail: "the pool has no group" };
  try {
    return await attempt(async () => {
      switch (move.kind) {
        case "grow":
        case "replace":
          return await grow(move, group, budgets.growth(policy, move.pool), context);
        case "release":
          return await takeInstance(move, group, budgets.removal(policy, move.pool), context);
        case "shrink":
          return await remove(move, { policy, group, budgets }, context);
        default:
          return move satisfies never;
      }
    });
  } catch (error) {
    // A wait that the end of leadership cut short: whoever leads next reads what has happened.
    if (!(error instanceof Error) || error.name !== "AbortError") throw error;
    return { kind: "unsettled", detail: describe(error) };
  }
}

async function remove(
  move: Shrink,
  {
    policy,
    group,
    budgets,
  }: { readonly policy: ValidPolicy; readonly group: NodeGroup; readonly budgets: Budgets },
  context: ActContext,
): Promise<Outcome> {
  switch (move.how) {
    case "empty":
      return await removeEmpty(move, group, budgets.removal(policy, move.pool), context);
    case "drain":
      await requestDrain(context, move, {
        idleBelow: policy.spec.scaleDownThreshold,
        evenBusy: move.disruption !== undefined && move.disruption !== "Idle",
      });
      return { kind: "draining", detail: "waiting for the agent" };
    case "walk":
      await beginWalk(context, move);
      return { kind: "draining", detail: "no agent answers there, so the coordinator evicts its pods" };
    default:
      return move.how satisfies never;
  }
}

/** Why a policy may not act; null when it may. */
export function stoppedBecause(policy: PolicyInput): string | null {
  if (policy.kind === "invalid") return "the policy is not valid";
  if (!policy.spec.enabled) return "the policy is disabled";
  return policy.spec.mode === "Recommend" ? "the policy only recommends" : null;
}

/** Why removals that are under way are called off; null when they go on. */
function frozenBecause(policy: PolicyInput): string | null {
  return policy.kind === "valid" && policy.spec.disruption.freeze ? "disruption.freeze is set" : null;
}

/** Why this one removal is called off; null when it goes on. */
function recalledBecause(recall: Recall | undefined): string | null {
  if (recall === undefined) return null;
  const { because } = recall;
  const about = "pod" in because ? ` (${because.pod})` : "";
  return `something stands against it now: ${because.code}${about}`;
}

const NOT_VALID: Outcome = { kind: "failed", detail: "the policy is not valid" };
const NO_REMOVAL: RemovalBudget = {
  inTurn: async (run) => await run(),
  take: () => false,
  giveBack: () => {},
};

function doneOf(
  policy: string,
  move: Done["move"],
  outcome: Outcome,
  begunMs: Millis,
  { clock }: ActContext,
): Done {
  const sizes =
    outcome.kind === "applied" ? { from: outcome.from, to: outcome.to } : { from: move.from, to: move.to };
  const { key, kind, pool } = move;
  const node = "node" in move && move.node !== undefined ? { node: move.node } : {};
  return {
    policy,
    move: { key, kind, pool, ...node, ...sizes },
    outcome,
    ms: millis(Math.max(0, clock.monotonic() - begunMs)),
  };
}

/** In the order of the input, at most CONCURRENCY beside each other. */
async function inParallel<In, Out>(
  inputs: readonly In[],
  run: (input: In) => Promise<Out>,
): Promise<readonly Out[]> {
  const results: Out[] = [];
  let next = 0;
  const worker = async (): Promise<void> => {
    while (next < inputs.length) {
      const index = next++;
      const input = inputs[index];
      if (input !== undefined) results[index] = await run(input);
    }
  };
  await Promise.all(Array.from({ length: Math.min(CONCURRENCY, inputs.length) }, worker));
  return results;
}
