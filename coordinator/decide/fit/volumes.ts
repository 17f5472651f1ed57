// Volumes say where a pod may run: where they are, or where they can be made. A claim that is missing, lost, or not
// bound without waiting for a pod is helped by no node. And a node attaches only so many volumes of each driver, where
// that number is known.

import type { Reason } from "../../../shared/model/reasons.ts";
import { someTermHolds } from "../node-terms.ts";
import { compareText } from "../order.ts";
import type { NodeTerm, PodInput, VolumeInput } from "../snapshot-pod.ts";
import type { Check, Place } from "./check.ts";
import { claimsOf } from "./kind-text.ts";
import { calledPool, nodeName } from "./place.ts";

export const volumes: Check = {
  name: "volumes",
  reads: "marks",
  refusal: (pod, place) => misplaced(pod, place) ?? overLimit(pod, place),
};

/** As far as it depends on the volumes and the node's labels alone. */
export function misplaced(pod: PodInput, place: Place): Reason | null {
  for (const volume of pod.volumes ?? []) {
    const refusal = misplacedVolume(volume, place);
    if (refusal !== null) return refusal;
  }
  return null;
}

/** Why no node helps, wherever it is; null: one may. */
export function volumeRefusal({ kind, claim }: VolumeInput): Reason | null {
  switch (kind) {
    case "missing":
      return { code: "volume-missing", claim };
    case "unbound":
      return { code: "volume-unbound", claim };
    case "lost":
      return { code: "volume-lost", claim };
    case "bound":
    case "first-consumer":
      return null;
  }
}

function misplacedVolume(volume: VolumeInput, place: Place): Reason | null {
  const { claim } = volume;
  switch (volume.kind) {
    case "missing":
    case "unbound":
    case "lost":
      return volumeRefusal(volume);
    case "bound":
    case "first-consumer": {
      const { nodeTerms } = volume;
      if (nodeTerms === null || someTermHolds(nodeTerms, { name: nodeName(place), labels: place.labels }))
        return null;
      return { code: "volume-zone", pool: calledPool(place), claim, zones: placesOf(nodeTerms) };
    }
    default:
      volume satisfies never;
      return null;
  }
}

/** Mostly zones; a local volume names its host. */
function placesOf(terms: readonly NodeTerm[]): readonly string[] {
  const values = terms.flatMap(({ labels, names }) =>
    [...labels, ...names].flatMap((expression) => (expression.operator === "In" ? expression.values : [])),
  );
  return [...new Set(values)].sort(compareText);
}

/** A claim that is in use on the node takes no second place. */
export function overLimit(pod: PodInput, place: Place): Reason | null {
  const claims = claimsOf(pod);
  if (claims.length === 0) return null;
  for (const [driver, own] of Map.groupBy(claims, ([name]) => name)) {
    const limit = place.volumeLimits[driver];
    if (limit === undefined) continue;
    const inUse = place.volumes.get(driver);
    const more = new Set(own.map(([, claim]) => claim).filter((claim) => inUse?.has(claim) !== true));
    if (more.size > 0 && (inUse?.size ?? 0) + more.size > limit)
      return { code: "volume-limit", pool: calledPool(place), driver, limit };
  }
  return null;
}
