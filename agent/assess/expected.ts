// How many GPUs the node must have: what somebody set, else what GPU feature discovery found when the node was well.
// The node's capacity is no answer: a GPU that is shared or cut counts there as several, and one that was lost as
// none.

import { NODE_LABEL } from "../../shared/model/names.ts";

/** Null when nobody says. */
export function expectedGpus(
  setting: number | null,
  labels: Readonly<Record<string, string>> | undefined,
): number | null {
  if (setting !== null) return setting;
  // With this strategy feature discovery counts MIG instances under the same label.
  if (labels?.[NODE_LABEL.migStrategy] === "single") return null;
  const text = labels?.[NODE_LABEL.gpuCount] ?? "";
  return /^\d{1,3}$/.test(text) ? Number(text) : null;
}
