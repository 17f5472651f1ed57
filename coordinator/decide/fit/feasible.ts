// Which pools could take a pod at all, on an empty new node and with no other pod in sight: worked out once for what
// pods ask of a node's labels and taints, once for what they request, and put together. What depends on the moment, as
// affinity and limits do, is asked where a node is opened.

import type { Reason } from "../../../shared/model/reasons.ts";
import type { PoolState } from "../fleet/fleet.ts";
import { distinct } from "../order.ts";
import type { PodInput } from "../snapshot-pod.ts";
import type { Check, FitContext, Place } from "./check.ts";
import { CHECKS, firstRefusal } from "./index.ts";
import type { PodKind } from "./kind.ts";
import { newPlace } from "./place.ts";

export interface Feasible {
  readonly pools: readonly PoolState[];
  /** Why each of the others would not take it, each reason once. */
  readonly misfits: readonly Reason[];
}

const OF_MARKS = CHECKS.filter(({ reads }) => reads === "marks");
const OF_AMOUNTS = CHECKS.filter(({ reads }) => reads === "amounts");
const OF_BOTH = CHECKS.filter(({ reads }) => reads === "marks" || reads === "amounts");

export function createFeasibility(
  pools: readonly PoolState[],
  context: FitContext,
): (pod: PodInput) => Feasible {
  /** Null: nobody may ask the pool for a node, or nobody knows what it would be. */
  const places = pools.map((pool, index) => (pool.closed === null ? newPlace(pool, index) : null));
  const byWhere: (readonly boolean[] | undefined)[] = [];
  const byAsk: (readonly boolean[] | undefined)[] = [];
  const byBoth = new Map<string, readonly PoolState[]>();

  const verdicts = (checks: readonly Check[], pod: PodInput): readonly boolean[] =>
    places.map((place) => place !== null && firstRefusal(pod, place, context, checks) === null);
  const poolsFor = ({ where, ask, pod }: PodKind): readonly PoolState[] => {
    const both = `${where} ${ask}`;
    const before = byBoth.get(both);
    if (before !== undefined) return before;
    const marks = byWhere[where] ?? verdicts(OF_MARKS, pod);
    const amounts = byAsk[ask] ?? verdicts(OF_AMOUNTS, pod);
    byWhere[where] = marks;
    byAsk[ask] = amounts;
    const found = pools.filter((_, index) => marks[index] === true && amounts[index] === true);
    byBoth.set(both, found);
    return found;
  };

  return (pod) => {
    const taking = poolsFor(context.kinds.of(pod));
    return {
      pools: taking,
      // Mostly nobody asks, and each pod has names of its own in it.
      get misfits() {
        const takes = new Set(taking);
        return distinct(
          pools.flatMap((pool, index) => (takes.has(pool) ? [] : [misfit(pod, pool, places[index] ?? null)])),
        );
      },
    };
  };

  function misfit(pod: PodInput, pool: PoolState, place: Place | null): Reason {
    const refusal = place === null ? null : firstRefusal(pod, place, context, OF_BOTH);
    return refusal ?? { code: "pool-not-usable", pool: pool.id };
  }
}
