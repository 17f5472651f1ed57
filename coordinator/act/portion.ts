// How many of the removals that were decided are begun in one cycle: those of a pool are made one after the other, so
// that many of them would keep the next cycle, and the pods that wait for it, waiting; and each stands in the policy's
// status until its group has carried it out. What is left over is decided again.

import type { MoveState } from "../../shared/contract/policy/status.ts";
import type { EpochMs } from "../../shared/model/units.ts";
import type { Move } from "../decide/plan.ts";
import { isUnderWay } from "./moves.ts";

/** Of a policy in one cycle: at some 40 ms of calls each, two seconds. */
export const MAX_BEGUN = 50;
/** Of a policy in its status: at some 300 bytes each, a small part of what an object may hold. */
export const MAX_UNDER_WAY = 300;

/** The moves in their order, without the removals that are too many. `movesOf`: the journal of a policy. */
export function portionOf(
  moves: readonly Move[],
  movesOf: (policy: string) => readonly MoveState[],
  now: EpochMs,
): readonly Move[] {
  const left = new Map<string, number>();
  return moves.filter((move) => {
    if (move.kind !== "shrink") return true;
    const { policy } = move;
    const room = left.get(policy) ?? roomOf(movesOf(policy), now);
    left.set(policy, room - 1);
    return room > 0;
  });
}

function roomOf(moves: readonly MoveState[], now: EpochMs): number {
  const underWay = moves.filter((move) => isUnderWay(move, now)).length;
  return Math.min(MAX_BEGUN, MAX_UNDER_WAY - underWay);
}
