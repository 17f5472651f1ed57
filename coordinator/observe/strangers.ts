// Nodes that wear a pool's label and whose machine is not in the pool's group, as sentences for an operator. It waits
// before it speaks: a new machine is listed a moment after its node has come, and one that was released at a notice
// runs on until its cloud takes it. One that nobody takes is told of for as long as it is there.

import type { Millis } from "../../shared/model/units.ts";
import type { Clock } from "../../shared/runtime/clock.ts";
import { providerIdKey } from "../cloud/provider-id.ts";
import type { SeenLook } from "./cloud-reading.ts";
import type { LabelledNode } from "./node-machines.ts";

export interface Strangers {
  /** `group`: names the pool's group among all that are read, for what is remembered. */
  of(group: string, look: SeenLook, nodes: readonly LabelledNode[]): readonly string[];
}

/** Longer than an account is left unasked. */
const STAYS_MS = 60_000;
/** Longer than any notice leaves, and a drain that was begun with it. */
const GOES_MS = 10 * 60_000;
/** Who was not seen for so long begins anew. */
const FORGET_MS = 180_000;

export function createStrangers(clock: Pick<Clock, "monotonic">): Strangers {
  const known = new Map<string, { readonly sinceMs: Millis; readonly seenMs: Millis }>();

  function ageOf(key: string): number {
    const nowMs = clock.monotonic();
    const sinceMs = known.get(key)?.sinceMs ?? nowMs;
    known.set(key, { sinceMs, seenMs: nowMs });
    return nowMs - sinceMs;
  }

  return {
    of: (group, { members, aside = [] }, nodes) => {
      const oldestMs = clock.monotonic() - FORGET_MS;
      for (const [key, { seenMs }] of known) if (seenMs < oldestMs) known.delete(key);
      const ours = new Set(
        [...aside, ...members.flatMap(({ providerID }) => providerID ?? [])].map(providerIdKey),
      );
      return nodes.flatMap(({ name, providerID, going }) => {
        // Its cloud's controller sets it a moment after the node has come.
        if (providerID === undefined) return [];
        const machine = providerIdKey(providerID);
        if (machine !== null && ours.has(machine)) return [];
        const words = `node ${name}: its providerID ${JSON.stringify(providerID)} cannot be read, so it counts as no member`;
        if (machine === null) return going ? [] : [words];
        const ageMs = ageOf(JSON.stringify([group, name, machine]));
        if (ageMs < (going ? GOES_MS : STAYS_MS)) return [];
        return [
          going
            ? `node ${name} was to go, and its machine ${providerID} left the pool's group over ${Math.floor(ageMs / 60_000)} minutes ago and is still there: end the machine, or attach it to the group again and uncordon the node`
            : `node ${name} wears the pool's label, but its machine ${providerID} is not in the pool's group: attach it to the group, end it, or take the label away`,
        ];
      });
    },
  };
}
