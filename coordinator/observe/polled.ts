// The size of a scale target that has no watch: asked for every ten seconds, and at once after our own write. A read
// that fails leaves the last size standing until it is too old to decide on.

import type { ScaleGroup } from "../../shared/contract/policy/pool.ts";
import { elapsed, millis } from "../../shared/model/units.ts";
import type { EpochMs } from "../../shared/model/units.ts";
import type { Clock } from "../../shared/runtime/clock.ts";
import { describe, kindOf } from "../../shared/runtime/errors.ts";
import type { NodeGroup } from "../cloud/group.ts";
import type { GroupReading } from "../decide/snapshot.ts";

export interface Polled {
  reading(now: EpochMs): GroupReading;
  /** Reads again at once. */
  poke(): void;
  /** Ends with the signal. */
  run(signal: AbortSignal): Promise<void>;
}

const POLL_MS = millis(10_000);
/** Three polls that failed. */
const TOO_OLD_MS = 30_000;
const READ_DEADLINE_MS = millis(5_000);

export function createPolled(options: {
  readonly target: ScaleGroup;
  readonly group: NodeGroup;
  readonly clock: Clock;
  readonly onChange: () => void;
}): Polled {
  const { target, group, clock, onChange } = options;
  let last: GroupReading = { kind: "unknown", detail: `${target.kind} ${target.name} has not been read yet` };
  let readAt: EpochMs | null = null;
  let woken = new AbortController();

  async function read(signal: AbortSignal): Promise<void> {
    const before = last;
    try {
      const { size } = await group.read({ signal, deadlineMs: READ_DEADLINE_MS });
      last = { kind: "known", size, chosenRemoval: group.chosenRemoval };
      readAt = clock.now();
    } catch (error) {
      signal.throwIfAborted();
      const kind = kindOf(error);
      if (kind === "bug") throw error;
      if (kind === "not-found") last = { kind: "missing", detail: describe(error) };
      else if (last.kind !== "known") last = { kind: "unknown", detail: describe(error) };
    }
    if (JSON.stringify(before) !== JSON.stringify(last)) onChange();
  }

  return {
    reading: (now) => {
      if (last.kind !== "known" || readAt === null) return last;
      const ageMs = elapsed(readAt, now);
      return ageMs <= TOO_OLD_MS
        ? last
        : { kind: "unknown", detail: `its size was last read ${Math.round(ageMs / 1000)} s ago` };
    },
    poke: () => {
      woken.abort();
    },
    run: async (signal) => {
      while (!signal.aborted) {
        woken = new AbortController();
        await read(signal);
        await clock.sleep(POLL_MS, AbortSignal.any([signal, woken.signal])).catch(() => {});
      }
    },
  };
}
