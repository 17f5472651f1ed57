// Every label of the pod's nodeSelector has to stand on the node with exactly that value. A label that a device plugin
// adds late is not on a template: it has to be declared in the pool's labels.

import type { Check } from "./check.ts";
import { calledPool } from "./place.ts";

export const nodeSelector: Check = {
  name: "node-selector",
  reads: "marks",
  refusal: (pod, place) => {
    let first: string | null = null;
    for (const label in pod.nodeSelector)
      if (place.labels[label] !== pod.nodeSelector[label] && (first === null || label < first)) first = label;
    if (first === null) return null;
    const wanted = pod.nodeSelector[first] ?? "";
    return { code: "selector-mismatch", pool: calledPool(place), label: first, wanted };
  },
};
