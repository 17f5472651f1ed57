// Growths of one pool in one cycle, made with one call: each of two that ran beside each other would read the size
// before the other's call, ask for the same number, and take the other's node for its own. What the call brought is
// shared out in the order of the moves.

import type { NodeGroup } from "../cloud/group.ts";
import type { Grow, Replace } from "../decide/plan.ts";
import type { ActContext } from "./context.ts";
import { grow } from "./grow.ts";
import type { GrowthBudget } from "./grow.ts";
import type { Outcome } from "./moves.ts";

/** One outcome for each of `moves`, in their order, which is that of their sizes. */
export async function growTogether(
  moves: readonly (Grow | Replace)[],
  group: NodeGroup,
  budget: GrowthBudget,
  context: ActContext,
): Promise<readonly Outcome[]> {
  const last = moves.at(-1);
  if (last === undefined) return [];
  // What was left out of the plan's chain leaves a gap in the sizes, and nobody adds for it.
  const nodes = moves.reduce((sum, { from, to }) => sum + (to - from), 0);
  const from = last.to - nodes;
  const outcome = await grow({ ...last, from }, group, budget, context);
  if (moves.length === 1 || outcome.kind !== "applied") return moves.map(() => outcome);
  return sharedOut(moves, outcome, from);
}

/** What one call for all of them brought, as the outcome of each, in their order. */
export function sharedOut(
  moves: readonly (Grow | Replace)[],
  { from, to, detail }: Extract<Outcome, { kind: "applied" }>,
  decidedFrom: number,
): readonly Outcome[] {
  // What somebody else had added by then is the first moves' target.
  let there = Math.max(0, from - decidedFrom);
  let size = from;
  return moves.map((move): Outcome => {
    const wanted = move.to - move.from;
    const missing = Math.max(0, wanted - there);
    there = Math.max(0, there - wanted);
    if (missing === 0) return { kind: "reached", size: from };
    const got = Math.min(missing, to - size);
    if (got === 0) return { kind: "failed", detail: detail ?? `the group took ${to} and no more` };
    const before = size;
    size += got;
    const cut = got < missing && detail !== undefined ? { detail } : {};
    return { kind: "applied", from: before, to: size, ...cut };
  });
}
