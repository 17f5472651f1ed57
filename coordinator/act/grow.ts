// Raises a group to the size that was decided, and never beyond what limits allow at the moment of the call: the
// group is read again, the target is cut, and the write counts only if nobody changed the group in between. A
// size that stands already is somebody's work, and adding to it would be a second time.

import { describe, kindOf } from "../../shared/runtime/errors.ts";
import type { GroupState, NodeGroup } from "../cloud/group.ts";
import type { Grow, Replace } from "../decide/plan.ts";
import type { ActContext } from "./context.ts";
import { isMaybeDone, launchFailedBy } from "./failure.ts";
import type { Outcome } from "./moves.ts";

/** Takes `wanted` nodes out of what limits leave; what is not used is given back. */
export interface GrowthBudget {
  take(size: number, wanted: number): number;
  giveBack(nodes: number): void;
}

/** Somebody else writes the same group; three times in a row means a fight, which is for people to end. */
const ATTEMPTS = 3;

export async function grow(
  move: Grow | Replace,
  group: NodeGroup,
  budget: GrowthBudget,
  context: ActContext,
): Promise<Outcome> {
  for (let attempt = 1; ; attempt++) {
    // 1. What is there now.
    const seen = await group.read(context.call());
    if (seen.size >= move.to) return { kind: "reached", size: seen.size };
    // What stands against any size says nothing of what the pool could bring.
    if (seen.held !== undefined) return { kind: "failed", detail: seen.held };

    // 2. Never more than was decided, than the group takes, or than is allowed.
    const decided = Math.min(move.to - seen.size, move.to - move.from);
    const wanted = Math.min(decided, roomOf(seen));
    if (wanted < 1)
      return {
        kind: "failed",
        detail: `the group's own maximum is ${String(seen.max)}, and it has ${seen.size} at the time of the call`,
      };
    const granted = budget.take(seen.size, wanted);
    if (granted < 1)
      return {
        kind: "failed",
        detail: `limits leave no room above size ${seen.size} at the time of the call`,
      };
    const to = seen.size + granted;
    const cut = { byGroup: decided - wanted, byLimits: wanted - granted };

    // 3. The call.
    try {
      await group.resize(to, seen, context.call());
      return applied(seen, to, cut);
    } catch (error) {
      const settled = await settle(group, seen, to, error, context);
      if (settled !== null) {
        if (settled.kind === "failed") budget.giveBack(granted);
        return settled;
      }
      budget.giveBack(granted);
      if (attempt >= ATTEMPTS)
        return {
          kind: "failed",
          detail: `the group changed at each of ${attempt} attempts: ${describe(error)}`,
        };
    }
  }
}

/** What a failed write has done. Null: nothing, and it may be tried again. */
async function settle(
  group: NodeGroup,
  seen: GroupState,
  to: number,
  error: unknown,
  context: ActContext,
): Promise<Outcome | null> {
  const kind = kindOf(error);
  if (kind === "bug") throw error;
  if (kind !== "conflict" && !isMaybeDone(kind)) return refusedBy(error, seen, to, context);
  // A connection that broke after the request repeats it, and the second one conflicts with the first: read before concluding.
  const now = await readAgain(group, context);
  if (now?.size === to) return applied(seen, to, UNCUT);
  if (kind === "conflict" && now !== null) return null;
  return { kind: "unsettled", detail: describe(error) };
}

/** An outright no. A size that the group does not take names what it does take. */
function refusedBy(error: unknown, { min, max }: GroupState, to: number, context: ActContext): Outcome {
  const outcome = launchFailedBy(error, context);
  if (kindOf(error) !== "refused" || (min === undefined && max === undefined)) return outcome;
  const bounds = `asked for ${to}, and the group allows ${min ?? 0} to ${max ?? "any size"}`;
  return { ...outcome, detail: `${outcome.detail}; ${bounds}` };
}

function roomOf({ size, max = Infinity }: GroupState): number {
  return Math.max(0, max - size);
}

/** Null when it cannot be read, also because leadership has just ended: then nobody knows. */
async function readAgain(group: NodeGroup, context: ActContext): Promise<GroupState | null> {
  try {
    return await group.read(context.call());
  } catch {
    return null;
  }
}

interface Cut {
  readonly byGroup: number;
  readonly byLimits: number;
}

const UNCUT: Cut = { byGroup: 0, byLimits: 0 };

function applied(seen: GroupState, to: number, { byGroup, byLimits }: Cut): Outcome {
  const words = [
    ...(byGroup > 0 ? [`${byGroup} fewer than decided: the group's own maximum is ${String(seen.max)}`] : []),
    ...(byLimits > 0 ? [`${byLimits} fewer than decided: limits at the time of the call`] : []),
  ];
  return {
    kind: "applied",
    from: seen.size,
    to,
    ...(words.length > 0 ? { detail: words.join("; ") } : {}),
  };
}
