// What was remembered is gone, and with it why a node should stay: nothing goes until enough has been seen again.

import type { Rule } from "../rule.ts";

export const memoryLost: Rule = {
  name: "memory-lost",
  veto: (_candidate, { packing }) => {
    const { rebuildLeftMs: leftMs } = packing.fleet;
    return leftMs > 0 ? { code: "memory-lost", leftMs } : null;
  },
};
