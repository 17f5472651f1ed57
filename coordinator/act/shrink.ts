// Takes one chosen node out of its group. An empty node is closed to new pods first and looked at once more, live;
// if a pod has come, or any step fails, everything is undone. A node with pods is emptied by its own agent, or by
// walk-drain.ts, before it comes here. The minimum is checked against the group as it is at the moment of the call.

import type { Disruption } from "../../shared/contract/policy/removal.ts";
import { podKey } from "../../shared/model/pod.ts";
import { describe, kindOf } from "../../shared/runtime/errors.ts";
import type { GroupState, NodeGroup } from "../cloud/group.ts";
import type { ActContext } from "./context.ts";
import { attempt, failedBy, isMaybeDone } from "./failure.ts";
import type { Outcome } from "./moves.ts";
import { occupantsOf } from "./occupants.ts";
import { restoreNode, retireNode } from "./retire.ts";

/** Whether the pool may have one less than `size`, with what other removals have taken already. */
export interface RemovalBudget {
  /**
   * One member of a group after the other: two that read one size would undo each other's write. `waited`: others of the
   * group went before it in this cycle.
   */
  inTurn<T>(run: (waited: boolean) => Promise<T>): Promise<T>;
  take(size: number, disruption?: Disruption): boolean;
  giveBack(): void;
}

export interface Removal {
  readonly key: string;
  readonly node: string;
  readonly instance: string;
  /** Why it goes. Absent: an older version wrote it down. */
  readonly disruption?: Disruption;
}

/** Somebody else sizes the same group; three times in a row means a fight, which is for people to end. */
const RIVALS = 3;
/** A group's controller writes its object too, once or more for each member that goes: no fight, so asked longer. */
const ATTEMPTS = 12;

/** Closes an empty node, makes sure that it is empty, and takes it. */
export async function removeEmpty(
  move: Removal,
  group: NodeGroup,
  budget: RemovalBudget,
  context: ActContext,
): Promise<Outcome> {
  const outcome = await attempt(async () => {
    await retireNode(context, move.node, move.key);
    const [pod] = await occupantsOf(move.node, context);
    if (pod !== undefined) return { kind: "failed", detail: `pod ${podKey(pod)} is on the node now` };
    return await takeInstance(move, group, budget, context);
  });
  // What cannot be undone now is found by its taint and undone by the next cycle (leftovers.ts).
  if (outcome.kind === "failed" || outcome.kind === "put-off")
    await restoreNode(context, move.node).catch(() => {});
  return outcome;
}

/**
 * Lowers the group by exactly this instance, after those of the same pool that came before. `release`: its cloud is
 * taking it, so the machine is left to the cloud where that can be.
 */
export async function takeInstance(
  move: Removal,
  group: NodeGroup,
  budget: RemovalBudget,
  context: ActContext,
  how: "remove" | "release" = "remove",
): Promise<Outcome> {
  const isRelease = how === "release";
  const take = isRelease ? group.releaseInstance : group.removeInstance;
  return await budget.inTurn(async (waited) => {
    // Many of one group take their time, and whoever is told that he goes has less of it. One of them always goes.
    if (waited && context.hurries?.() === true) return PUT_OFF;
    const first = await look(move, group, context);
    const left =
      isRelease && !first.isThere ? await releaseLeaving(move, group, first.seen, budget, context) : null;
    return left ?? (await lower(move, { group, take }, first, budget, context));
  });
}

const PUT_OFF: Outcome = { kind: "put-off" };

interface Look {
  readonly seen: GroupState;
  readonly isThere: boolean;
}

/** Neither answer rests on the other. */
async function look({ instance }: Removal, group: NodeGroup, context: ActContext): Promise<Look> {
  const [seen, isThere] = await Promise.all([
    group.read(context.call()),
    group.contains(instance, context.call()),
  ]);
  return { seen, isThere };
}

/** Of a member that another hand is ending and that the group would make anew. Null: it is none, or it is too late. */
async function releaseLeaving(
  move: Removal,
  group: NodeGroup,
  seen: GroupState,
  budget: RemovalBudget,
  context: ActContext,
): Promise<Outcome | null> {
  if (group.releaseLeaving === undefined) return null;
  if (!budget.take(seen.size, move.disruption)) return null;
  try {
    if (await group.releaseLeaving(move.instance, seen, context.call()))
      return { kind: "applied", from: seen.size, to: seen.size - 1 };
  } catch (error) {
    if (isMaybeDone(kindOf(error))) return { kind: "unsettled", detail: describe(error) };
    budget.giveBack();
    return failedBy(error);
  }
  budget.giveBack();
  return null;
}

async function lower(
  move: Removal,
  { group, take }: { readonly group: NodeGroup; readonly take: NodeGroup["removeInstance"] },
  first: Look,
  budget: RemovalBudget,
  context: ActContext,
): Promise<Outcome> {
  let rivals = 0;
  let before = first.seen.size;
  for (let number = 1; ; number++) {
    const { seen, isThere } = number === 1 ? first : await look(move, group, context);
    if (before !== seen.size) rivals++;
    before = seen.size;
    if (!isThere) return { kind: "reached", size: seen.size };
    if (!budget.take(seen.size, move.disruption))
      return {
        kind: "failed",
        detail: `a minimum stands against less than ${seen.size} at the time of the call`,
      };
    try {
      await take(move.instance, seen, context.call());
      return { kind: "applied", from: seen.size, to: seen.size - 1 };
    } catch (error) {
      const kind = kindOf(error);
      if (isMaybeDone(kind)) return { kind: "unsettled", detail: describe(error) };
      budget.giveBack();
      // What is gone by now is found gone by the next look.
      const looksAgain = kind === "conflict" || (kind === "not-found" && number === 1);
      if (!looksAgain || number >= ATTEMPTS || rivals >= RIVALS) return failedBy(error);
    }
  }
}
