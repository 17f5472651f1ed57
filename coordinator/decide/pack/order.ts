// The order in which pods are given places: gangs are put together before it is asked (batch.ts). What is hard to place
// comes first, since it has the fewest places; what is left out of one decision comes first in the next (demand.ts).

import { gpuShare } from "../fit/amounts.ts";
import { compareText, firstDifference } from "../order.ts";
import type { PodInput } from "../snapshot-pod.ts";

/** Urgent first, then the hardest to place: share of physical cards, memory, cpu; then the oldest; then the name. */
export function packingOrder(a: PodInput, b: PodInput): number {
  return firstDifference(
    b.priority - a.priority,
    gpuShare(b.requests) - gpuShare(a.requests),
    (b.requests["memory"] ?? 0) - (a.requests["memory"] ?? 0),
    (b.requests["cpu"] ?? 0) - (a.requests["cpu"] ?? 0),
    a.createdAt - b.createdAt,
    compareText(a.key, b.key),
  );
}
