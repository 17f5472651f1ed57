// Pods as inputs, and with each member of a gang how many of its fellows have succeeded: those are no pods to a
// decision any more, and a gang that waited for them would wait for ever. Most gangs have none, so most inputs stay
// the objects that they were.

import type { Pod } from "../../shared/model/kube.ts";
import type { PodInput } from "../decide/snapshot-pod.ts";
import { deepFreeze } from "./freeze.ts";
import type { Inputs } from "./inputs.ts";

export function createPodList(
  inputs: Pick<Inputs, "pod" | "gangId">,
): (pods: readonly Pod[]) => readonly PodInput[] {
  /** Made for a count; with another count it is made again. */
  const counted = new WeakMap<PodInput, PodInput>();

  function withSucceeded(input: PodInput, succeeded: number): PodInput {
    if (input.gang === undefined || succeeded === 0) return input;
    const before = counted.get(input);
    if (before?.gang?.succeeded === succeeded) return before;
    const made = deepFreeze({ ...input, gang: { ...input.gang, succeeded } });
    counted.set(input, made);
    return made;
  }

  return (pods) => {
    const list = pods.flatMap((pod) => inputs.pod(pod) ?? []);
    const succeeded = new Map<string, number>();
    for (const pod of pods) {
      if (pod.status?.phase !== "Succeeded") continue;
      const id = inputs.gangId(pod);
      if (id !== null) succeeded.set(id, (succeeded.get(id) ?? 0) + 1);
    }
    return succeeded.size === 0
      ? list
      : list.map((input) => withSucceeded(input, succeeded.get(input.gang?.id ?? "") ?? 0));
  };
}
