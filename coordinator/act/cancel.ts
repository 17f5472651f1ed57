// Gives back places of a group that no machine fills: those that were decided upon in one cycle with one call, since
// places have no names and only their number counts. It never ends a machine: what has been filled by now stays.

import type { Disruption } from "../../shared/contract/policy/removal.ts";
import { describe, kindOf } from "../../shared/runtime/errors.ts";
import type { GroupState, NodeGroup } from "../cloud/group.ts";
import type { ActContext } from "./context.ts";
import { failedBy, isMaybeDone } from "./failure.ts";
import type { Outcome } from "./moves.ts";
import type { RemovalBudget } from "./shrink.ts";

/** Machines come while we ask, and each makes one place fewer. */
const ATTEMPTS = 5;

/** One outcome for each of `places`, in their order. */
export async function cancelPlaces(
  places: readonly { readonly disruption?: Disruption }[],
  group: NodeGroup,
  budget: RemovalBudget,
  context: ActContext,
): Promise<readonly Outcome[]> {
  return await budget.inTurn(async () => await cancel(places, group, budget, context));
}

async function cancel(
  places: readonly { readonly disruption?: Disruption }[],
  group: NodeGroup,
  budget: RemovalBudget,
  context: ActContext,
): Promise<readonly Outcome[]> {
  for (let number = 1; ; number++) {
    // 1. How many are open now, and how many limits let go.
    const seen = await group.read(context.call());
    const open = places.slice(0, Math.min(places.length, seen.unfilled ?? places.length, seen.size));
    const granted = granting(open, seen, budget);
    if (granted === 0)
      return places.map((_, index) => outcomeOf(index, { seen, granted, open: open.length }));

    // 2. One call for all of them.
    try {
      await group.cancelUnfilled(granted, seen, context.call());
      return places.map((_, index) => outcomeOf(index, { seen, granted, open: open.length }));
    } catch (error) {
      const kind = kindOf(error);
      if (isMaybeDone(kind)) return places.map(() => ({ kind: "unsettled", detail: describe(error) }));
      for (let count = 0; count < granted; count++) budget.giveBack();
      if (kind !== "conflict" || number >= ATTEMPTS) return places.map(() => failedBy(error));
    }
  }
}

function granting(
  open: readonly { readonly disruption?: Disruption }[],
  { size }: GroupState,
  budget: RemovalBudget,
): number {
  const refused = open.findIndex(({ disruption }, index) => !budget.take(size - index, disruption));
  return refused === -1 ? open.length : refused;
}

function outcomeOf(
  index: number,
  {
    seen: { size },
    granted,
    open,
  }: { readonly seen: GroupState; readonly granted: number; readonly open: number },
): Outcome {
  if (index < granted) return { kind: "applied", from: size - index, to: size - index - 1 };
  if (index < open)
    return {
      kind: "failed",
      detail: `a minimum stands against less than ${size - granted} at the time of the call`,
    };
  return { kind: "reached", size: size - granted };
}
