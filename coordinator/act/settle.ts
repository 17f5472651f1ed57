// Finishes what was begun before this cycle: drains that agents or we work on, and calls whose end nobody saw, because
// a process died or an answer was lost. The truth is read from the group and from the node's marks; the journal
// only says where to look. Nothing here is started anew: what turns out not to have happened is decided again.

import type { MoveState } from "../../shared/contract/policy/status.ts";
import { parseInstant } from "../../shared/model/instant.ts";
import { podKey } from "../../shared/model/pod.ts";
import { elapsed } from "../../shared/model/units.ts";
import { describe, kindOf } from "../../shared/runtime/errors.ts";
import type { NodeGroup } from "../cloud/group.ts";
import type { NodeInput } from "../decide/snapshot.ts";
import type { ActContext } from "./context.ts";
import { drainProgress, isRequestOf, withdrawDrain } from "./drain-request.ts";
import type { DrainProgress } from "./drain-request.ts";
import { attempt } from "./failure.ts";
import type { Outcome } from "./moves.ts";
import { occupantsOf } from "./occupants.ts";
import { restoreNode, retirementOf } from "./retire.ts";
import { takeInstance } from "./shrink.ts";
import type { Removal, RemovalBudget } from "./shrink.ts";
import { isWalkOf, walkOn } from "./walk-drain.ts";

export interface InFlight {
  readonly move: MoveState;
  /** The node's own words; undefined when it has left, or when the move has none. */
  readonly node: NodeInput | undefined;
  readonly underNotice: boolean;
  /** Null when the policy no longer says how to reach it. */
  readonly group: NodeGroup | null;
  /** Whether its call, given up by us or with the process that made it, could still be carried out as this cycle began. */
  readonly mayStillHappen: boolean;
  /** A growth of the pool is open (`isGrowing`). */
  readonly growing: boolean;
  /** Why the policy must not act any more, or why this removal is called off; null when it goes on. */
  readonly stopped: string | null;
}

/** Null: still going, nothing to write. */
export async function settle(
  found: InFlight,
  budget: RemovalBudget,
  context: ActContext,
): Promise<Outcome | null> {
  const { move } = found;
  const adding = move.kind === "grow" || move.kind === "replace";
  if (adding) return await settleGrowth(found, context);
  if (move.placeholder === true) return await settlePlace(found, context);
  if (move.phase === "draining") return await settleDrain(found, budget, context);
  return await settleRemoval(found, context);
}

/** What is still wanted is decided again, and the pool is none the worse for it. */
function undone(size?: number): Outcome {
  const where = size === undefined ? "" : ` at size ${size}`;
  return { kind: "failed", detail: `found undone${where} after an interruption`, undone: true };
}

async function settleGrowth(
  { move, group, mayStillHappen }: InFlight,
  context: ActContext,
): Promise<Outcome | null> {
  if (group === null) return { kind: "failed", detail: "the pool has no group any more" };
  const size = await sizeOf(group, context);
  if (typeof size === "string") return { kind: "failed", detail: size };
  if (size >= move.to)
    return { kind: "applied", from: move.from, to: move.to, detail: "found done after an interruption" };
  if (mayStillHappen) return null;
  // Limits may have cut it at the call. What is there counts for the rate, whoever added it.
  if (size > move.from)
    return { kind: "applied", from: move.from, to: size, detail: "found done in part after an interruption" };
  return undone(size);
}

/**
 * A removal that has happened, with the sizes that it really led to: those of its decision may be others, and what we
 * say to have made is believed over a reading from before (flights.ts).
 */
function foundGone(size: number): Outcome {
  return { kind: "applied", from: size + 1, to: size, detail: "found done after an interruption" };
}

/** In words when there is no such group any more: it will never tell. */
async function sizeOf(group: NodeGroup, context: ActContext): Promise<number | string> {
  try {
    return (await group.read(context.call())).size;
  } catch (error) {
    if (kindOf(error) === "not-found") return describe(error);
    throw error;
  }
}

/** A place has no name that could be looked for: whether it was given back shows in the size alone. */
async function settlePlace(
  { move, group, mayStillHappen }: InFlight,
  context: ActContext,
): Promise<Outcome | null> {
  if (group === null) return { kind: "failed", detail: "the pool has no group any more" };
  const size = await sizeOf(group, context);
  if (typeof size === "string") return { kind: "failed", detail: size };
  if (size <= move.to)
    return { kind: "applied", from: move.from, to: move.to, detail: "found done after an interruption" };
  return mayStillHappen ? null : undone(size);
}

async function settleRemoval(found: InFlight, context: ActContext): Promise<Outcome | null> {
  const { move, node, group } = found;
  // 1. The intent was to ask the agent, and the request stands: it goes on as a drain.
  const request = node?.drainRequest.kind === "value" ? node.drainRequest.value.id : null;
  if (request !== null && isRequestOf(request, move.key))
    return { kind: "draining", detail: "the request stands on the node" };
  if (node !== undefined && found.stopped === null && isWalkOf(node.taints, move.key))
    return { kind: "draining", detail: "the node is closed and its pods are evicted" };

  // 2. The member is going: done, by us or by somebody else.
  if (group !== null && move.instance !== undefined) {
    if (!(await group.contains(move.instance, context.call()))) {
      const size = await sizeOf(group, context);
      return typeof size === "string" ? { kind: "failed", detail: size } : foundGone(size);
    }
    // Opened now, the node could get pods that a removal which arrives late then ends.
    if (found.mayStillHappen) return null;
    await group.keepInstance(move.instance, context.call());
  }

  // 3. It is not: leave no trace.
  if (move.node !== undefined) await restoreNode(context, move.node);
  return found.stopped === null ? undone() : { kind: "failed", detail: found.stopped };
}

async function settleDrain(
  found: InFlight,
  budget: RemovalBudget,
  context: ActContext,
): Promise<Outcome | null> {
  const { move, node, group } = found;
  const removal = removalOf(move);
  if (removal === null)
    return { kind: "failed", detail: "the journal does not name the node and its instance" };
  if (found.stopped !== null || group === null) {
    await callOff(context, removal.node);
    return { kind: "failed", detail: found.stopped ?? "the pool has no group any more" };
  }

  const progress = await progressOf(found, context);
  switch (progress.kind) {
    case "going":
      return progress.detail === move.detail ? null : { kind: "draining", detail: progress.detail };
    case "over":
      if (node === undefined && !(await group.contains(removal.instance, context.call()))) {
        return {
          kind: "applied",
          from: move.from,
          to: move.to,
          detail: "the instance left during the drain",
        };
      }
      await callOff(context, removal.node);
      return { kind: "failed", detail: progress.detail };
    case "drained": {
      if (found.growing) return null;
      const outcome = await attempt(async () => await takeInstance(removal, group, budget, context));
      // What was put off, or whose end nobody saw, is looked at again; the node stays empty and closed meanwhile.
      if (outcome.kind === "unsettled" || outcome.kind === "put-off") return null;
      if (outcome.kind === "failed") await callOff(context, removal.node);
      // Nobody but us had a reason: a call of ours that was given up has been carried out.
      if (outcome.kind === "reached") return foundGone(outcome.size);
      return outcome;
    }
    default:
      return progress satisfies never;
  }
}

/** A mark that was just written may not have come back by the watch. */
const MARK_LAGS_MS = 5_000;

async function progressOf(
  { node, move, underNotice }: InFlight,
  context: ActContext,
): Promise<DrainProgress> {
  const begunAt = parseInstant(move.at);
  const unmarked = node?.drainRequest.kind === "none" && retirementOf(node.taints) === null;
  if (unmarked && !underNotice && begunAt !== null && elapsed(begunAt, context.clock.now()) <= MARK_LAGS_MS)
    return { kind: "going", detail: move.detail ?? "just begun" };
  if (node === undefined || underNotice || !isWalkOf(node.taints, move.key))
    return await lookedAt(drainProgress(node, move, underNotice, context.clock.now()), move, context);
  return await walkOn(node, move, context);
}

/** A pod may have come since the agent said that there is none: the agent goes on, and the machine stays till then. */
async function lookedAt(
  progress: DrainProgress,
  { node, at }: MoveState,
  context: ActContext,
): Promise<DrainProgress> {
  if (progress.kind !== "drained" || node === undefined) return progress;
  const [pod] = await occupantsOf(node, context);
  if (pod === undefined) return progress;
  const detail = `pod ${podKey(pod)} has come since it was drained`;
  const waitedMs = elapsed(parseInstant(at) ?? context.clock.now(), context.clock.now());
  return { kind: waitedMs <= context.drainTimeoutMs ? "going" : "over", detail };
}

/** Takes back the request to the agent, or our own cordon: one of them stands, and nothing else is touched. */
async function callOff(context: ActContext, node: string): Promise<void> {
  await withdrawDrain(context, node);
  await restoreNode(context, node);
}

function removalOf({ key, node, instance, disruption }: MoveState): Removal | null {
  if (node === undefined || instance === undefined) return null;
  return { key, node, instance, ...(disruption === undefined ? {} : { disruption }) };
}

/** What cannot be read now is read again in the next cycle. */
export async function settleOrWait(
  found: InFlight,
  budget: RemovalBudget,
  context: ActContext,
): Promise<Outcome | null> {
  try {
    return await settle(found, budget, context);
  } catch (error) {
    context.log.warn({ move: found.move.key, error }, "cannot find out how a move ended; trying again");
    return { kind: found.move.phase === "draining" ? "draining" : "unsettled", detail: describe(error) };
  }
}
