// One fault is told twice where the driver and the kernel's log are both heard. A telling that another teller has
// made of the same thing on the same GPU within 2 s is the second half of a pair; the same teller saying it again is
// a new fault.

import type { GpuEvent } from "../../../shared/model/gpu.ts";

export interface Dedupe {
  /** True when the other teller's half of it was heard already. */
  isSecondTelling(event: GpuEvent): boolean;
}

export const ONE_FAULT_WITHIN_MS = 2_000;
/** Twice what an 8-GPU node tells in a bad second. */
const KEPT_AT_MOST = 256;

interface Heard {
  readonly key: string;
  readonly event: GpuEvent;
}

export function createDedupe(withinMs: number = ONE_FAULT_WITHIN_MS): Dedupe {
  /** Tellings without their other half, oldest first. */
  let alone: Heard[] = [];
  return {
    isSecondTelling: (event) => {
      const key = keyOf(event);
      const half = alone.findIndex(
        (one) =>
          one.key === key &&
          one.event.teller !== event.teller &&
          Math.abs(one.event.at - event.at) <= withinMs,
      );
      if (half >= 0) {
        alone.splice(half, 1);
        return true;
      }
      alone.push({ key, event });
      if (alone.length > KEPT_AT_MOST) alone = alone.slice(-KEPT_AT_MOST);
      return false;
    },
  };
}

/** The part of a MIG GPU stands in the driver's telling alone, so it cannot tell two faults apart. */
function keyOf({ gpu, busId, what }: GpuEvent): string {
  const number = what.kind === "xid" ? what.xid : what.kind === "sxid" ? what.sxid : "";
  return `${gpu ?? busId ?? "node"} ${what.kind} ${number}`;
}
