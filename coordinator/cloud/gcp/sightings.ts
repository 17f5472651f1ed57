// What was seen of a group's machines a moment ago. A machine that is made anew has the name of the old one and no date, so
// that its age is known only from when the old one was still there: what was never seen is as old as it may be. And who has
// just asked whether a machine is there need not ask again to take it.

import type { Millis } from "../../../shared/model/units.ts";
import type { Clock } from "../../../shared/runtime/clock.ts";
import { createRecent } from "../recent.ts";
import { memberId } from "./members.ts";
import type { GcpInstance } from "./reading.ts";

export interface Sightings {
  saw(key: string, instances: readonly GcpInstance[]): void;
  /** Whether the machine of this id was there so short a time ago that no other one in its place can have booted. */
  isFresh(key: string, id: string): boolean;
  /** As listed within the last second, and no write of ours since; null: ask. */
  latest(key: string): readonly GcpInstance[] | null;
  written(key: string): void;
}

/** A machine with GPUs takes longer than this from its beginning to a node of the cluster. */
const TOO_YOUNG_MS = 20_000;
/** In which no machine ends and another one comes up under its name. */
const LATEST_MS = 1_000;

export function createSightings(clock: Pick<Clock, "monotonic">): Sightings {
  const seen = createRecent<ReadonlyMap<string, Millis>>(clock);
  const listed = createRecent<{ readonly instances: readonly GcpInstance[]; readonly at: Millis }>(clock);

  return {
    saw: (key, instances) => {
      seen.sweep();
      listed.sweep();
      const now = clock.monotonic();
      listed.set(key, { instances, at: now });
      const before = [...(seen.get(key) ?? [])].filter(([, at]) => now - at < TOO_YOUNG_MS);
      const there = instances.filter(({ number }) => number !== null);
      seen.set(key, new Map([...before, ...there.map((one) => [memberId(one), now] as const)]));
    },
    isFresh: (key, id) => {
      const at = seen.get(key)?.get(id);
      return at !== undefined && clock.monotonic() - at < TOO_YOUNG_MS;
    },
    latest: (key) => {
      const last = listed.get(key);
      return last !== undefined && clock.monotonic() - last.at < LATEST_MS ? last.instances : null;
    },
    written: (key) => listed.delete(key),
  };
}
