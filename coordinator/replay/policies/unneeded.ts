// Since when each node has been one that could go. A node that is needed once begins anew.

import type { EpochMs } from "../../../shared/model/units.ts";

export interface Unneeded {
  /** Nodes that could go now; all others are forgotten. */
  look(names: ReadonlySet<string>, at: EpochMs): void;
  /** Milliseconds; 0 for one that is needed. */
  forMs(name: string, at: EpochMs): number;
}

export function createUnneeded(): Unneeded {
  const since = new Map<string, EpochMs>();
  return {
    look: (names, at) => {
      for (const name of since.keys()) if (!names.has(name)) since.delete(name);
      for (const name of names) if (!since.has(name)) since.set(name, at);
    },
    forMs: (name, at) => {
      const from = since.get(name);
      return from === undefined ? 0 : at - from;
    },
  };
}
