// How many nodes a pool and its policy may have: the ledger's business, asked here so that an explanation has it in
// its order. A node that is here or coming has been counted.

import type { Check } from "./check.ts";

export const poolLimits: Check = {
  name: "pool-limits",
  reads: "fleet",
  refusal: (_pod, { kind, pool }, { limitOf }) =>
    kind === "new" && pool !== null ? (limitOf?.(pool) ?? null) : null,
};
