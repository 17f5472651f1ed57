// CPU, memory, storage and the number of pods against the machine itself, and against what other pods leave of it.
// What the system and DaemonSets take from the machine is said by the checks of those names; devices have their own.

import type { Reason } from "../../../shared/model/reasons.ts";
import { grossOf, isNative, shortage } from "./amounts.ts";
import type { Shortage } from "./amounts.ts";
import type { Check, Place } from "./check.ts";
import { calledPool } from "./place.ts";

export const resources: Check = {
  name: "resources",
  reads: "amounts",
  refusal: (pod, place) => {
    const short = shortage(pod.requests, isNative, (name, wants) => available(place, name, wants));
    return short === null ? null : tooLarge(place, short);
  },
};

export function tooLarge(place: Place, { resource, wants, has }: Shortage): Reason {
  return { code: "too-large", pool: calledPool(place), resource, wants, nodeHas: has };
}

/** A pod that an empty node of the shape would take is compared with what is free, a larger one with the machine. */
function available({ shape, free }: Place, name: string, wants: number): number {
  if (shape === null || wants <= (shape.allocatable[name] ?? 0)) return free[name] ?? 0;
  return shape.capacity?.[name] ?? grossOf(shape, name);
}
