// The calls of moves whose intent is on record: one call for each member that goes, and one for all that only change a
// pool's number, by growing it or by giving back places that no machine fills. How each ended is handed back, never
// written here.

import { describe } from "../../shared/runtime/errors.ts";
import type { NodeGroup } from "../cloud/group.ts";
import type { Grow, Release, Replace, Shrink } from "../decide/plan.ts";
import type { PolicyInput } from "../decide/snapshot.ts";
import type { Budgets } from "./budget.ts";
import { cancelPlaces } from "./cancel.ts";
import type { ActContext, ValidPolicy } from "./context.ts";
import { doneOf } from "./done.ts";
import type { Done } from "./done.ts";
import { requestDrain } from "./drain-request.ts";
import { attempt, launchFailedBy } from "./failure.ts";
import type { Failed } from "./failure.ts";
import { growTogether } from "./grow-together.ts";
import type { Intended, Outcome } from "./moves.ts";
import { inParallel, PROVIDER_CALLS } from "./parallel.ts";
import { removeEmpty, takeInstance } from "./shrink.ts";
import { beginWalk } from "./walk-drain.ts";

interface Parts {
  readonly policies: ReadonlyMap<string, PolicyInput>;
  readonly budgets: Budgets;
  readonly context: ActContext;
}

/** In the order of the moves, but for those that share a call, which stand with the first of their pool. */
export async function perform(moves: readonly Intended[], parts: Parts): Promise<readonly Done[]> {
  const calls = [...Map.groupBy(moves.entries(), ([index, move]) => callOf(move, index)).values()];
  const ended = await inParallel(calls, PROVIDER_CALLS, async (call) => {
    const own = call.map(([, move]) => move);
    const begunMs = parts.context.clock.monotonic();
    const outcomes = await outcomesOf(own, parts);
    return own.map((move, index) =>
      doneOf(move.policy, move, outcomes[index] ?? UNKNOWN, begunMs, parts.context),
    );
  });
  return ended.flat();
}

const UNKNOWN: Outcome = { kind: "unsettled", detail: "the call said nothing of it" };
const NOT_VALID: Outcome = { kind: "failed", detail: "the policy is not valid" };

function callOf(move: Intended, index: number): string {
  const { placeholder, policy, pool } = move;
  if (isGrowth(move)) return `growth of ${policy}/${pool}`;
  return placeholder === true ? `places of ${policy}/${pool}` : String(index);
}

function isGrowth(move: Intended): move is Intended & (Grow | Replace) {
  return move.kind === "grow" || move.kind === "replace";
}

/** Of moves of one pool that are one call. */
async function outcomesOf(moves: readonly Intended[], parts: Parts): Promise<readonly Outcome[]> {
  const [first] = moves;
  if (first === undefined) return [];
  const policy = parts.policies.get(first.policy);
  if (policy?.kind !== "valid") return moves.map(() => NOT_VALID);
  const group = parts.context.groupOf(policy, first.pool);
  if (group === null) return moves.map(() => ({ kind: "failed", detail: "the pool has no group" }));
  try {
    if (isGrowth(first)) return await growthOf(moves.filter(isGrowth), group, policy, parts);
    return first.placeholder === true
      ? await placesOf(moves, group, policy, parts)
      : [await one(first, group, policy, parts)];
  } catch (error) {
    // A wait that the end of leadership cut short: whoever leads next reads what has happened.
    if (!(error instanceof Error) || error.name !== "AbortError") throw error;
    return moves.map(() => ({ kind: "unsettled", detail: describe(error) }));
  }
}

async function growthOf(
  moves: readonly (Grow | Replace)[],
  group: NodeGroup,
  policy: ValidPolicy,
  { budgets, context }: Parts,
): Promise<readonly Outcome[]> {
  return await attemptAll(
    moves,
    async () => await growTogether(moves, group, budgets.growth(policy, moves[0]?.pool ?? ""), context),
    (error) => launchFailedBy(error, context),
  );
}

async function placesOf(
  moves: readonly Intended[],
  group: NodeGroup,
  policy: ValidPolicy,
  { budgets, context }: Parts,
): Promise<readonly Outcome[]> {
  const places = moves.map((move) =>
    "disruption" in move && move.disruption !== undefined ? { disruption: move.disruption } : {},
  );
  return await attemptAll(
    moves,
    async () => await cancelPlaces(places, group, budgets.removal(policy, moves[0]?.pool ?? ""), context),
  );
}

/** `attempt` for a call of several moves. */
async function attemptAll(
  moves: readonly unknown[],
  action: () => Promise<readonly Outcome[]>,
  failed?: (error: unknown) => Failed,
): Promise<readonly Outcome[]> {
  let outcomes: readonly Outcome[] = [];
  const outcome = await attempt(async () => {
    outcomes = await action();
    return outcomes[0] ?? UNKNOWN;
  }, failed);
  return outcomes.length > 0 ? outcomes : moves.map(() => outcome);
}

async function one(
  move: Release | Shrink,
  group: NodeGroup,
  policy: ValidPolicy,
  { budgets, context }: Parts,
): Promise<Outcome> {
  switch (move.kind) {
    case "release": {
      // Without a cause of ours it is the cloud that takes it.
      const how = move.disruption === undefined ? "release" : "remove";
      return await attempt(
        async () => await takeInstance(move, group, budgets.removal(policy, move.pool), context, how),
      );
    }
    case "shrink":
      return await attempt(async () => await remove(move, group, policy, { budgets, context }));
    default:
      return move satisfies never;
  }
}

async function remove(
  move: Shrink,
  group: NodeGroup,
  policy: ValidPolicy,
  { budgets, context }: Omit<Parts, "policies">,
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
