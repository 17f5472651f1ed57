// Required anti-affinity, the pod's own and, as the scheduler has it, that of pods that are there already: whoever has
// such a term keeps others out even though they say nothing of it.

import type { PodInput, PodTerm } from "../snapshot-pod.ts";
import type { Check, FitContext } from "./check.ts";
import { calledPool } from "./place.ts";
import { describeTerm } from "./terms.ts";
import type { Conflict } from "./topology.ts";

export const podAntiAffinity: Check = {
  name: "pod-anti-affinity",
  reads: "pods",
  refusal: (pod, place, context) => {
    const conflict = context.topology.conflict(context.kinds.of(pod), place);
    if (conflict === null) return null;
    const other = context.topology.standing(conflict);
    const term = termOf(conflict.whose === "own" ? pod : other, conflict, context);
    return {
      code: "pod-anti-affinity",
      pool: calledPool(place),
      term: term === null ? `by ${conflict.topologyKey}` : describeTerm(term),
      with: other?.key ?? conflict.domain,
    };
  },
};

function termOf(
  owner: PodInput | null,
  { term, topologyKey }: Conflict,
  { kinds }: FitContext,
): PodTerm | null {
  const own = owner?.podAntiAffinity ?? [];
  return own.find((other) => other.topologyKey === topologyKey && kinds.termOf(other) === term) ?? null;
}
