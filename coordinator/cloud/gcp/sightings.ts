// When each machine of a group was last seen by its number. A machine that is made anew has the name of the old one and no
// date, so that its age is known only from when the old one was still there. What was never seen is as old as it may be.

import type { Millis } from "../../../shared/model/units.ts";
import type { Clock } from "../../../shared/runtime/clock.ts";
import { createRecent } from "../aws/recent.ts";
import { memberId } from "./members.ts";
import type { GcpInstance } from "./reading.ts";

export interface Sightings {
  saw(key: string, instances: readonly GcpInstance[]): void;
  /** Whether the machine of this id was there so short a time ago that no other one in its place can have booted. */
  isFresh(key: string, id: string): boolean;
}

/** A machine with GPUs takes longer than this from its beginning to a node of the cluster. */
const TOO_YOUNG_MS = 20_000;

export function createSightings(clock: Pick<Clock, "monotonic">): Sightings {
  const seen = createRecent<ReadonlyMap<string, Millis>>(clock);

  return {
    saw: (key, instances) => {
      seen.sweep();
      const now = clock.monotonic();
      const before = [...(seen.get(key) ?? [])].filter(([, at]) => now - at < TOO_YOUNG_MS);
      const there = instances.filter(({ number }) => number !== null);
      seen.set(key, new Map([...before, ...there.map((one) => [memberId(one), now] as const)]));
    },
    isFresh: (key, id) => {
      const at = seen.get(key)?.get(id);
      return at !== undefined && clock.monotonic() - at < TOO_YOUNG_MS;
    },
  };
}
