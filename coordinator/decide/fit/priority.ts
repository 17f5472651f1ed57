// Room is given by rank: what a pod would fit into may have gone to others before it, or is kept for them. The packer
// knows who got it and says so here.

import type { Check } from "./check.ts";

export const priority: Check = {
  name: "priority",
  reads: "fleet",
  refusal: (pod, _place, { rankOf }) => rankOf?.(pod) ?? null,
};
