// Preferred affinity, preferred node affinity and spread with ScheduleAnyway never forbid a place, so a decision does
// not even read them: a wish that cannot be met must not keep a pod waiting or buy a node. The list names them so that
// nobody looks for them in vain.

import type { Check } from "./check.ts";

export const preferences: Check = {
  name: "preferences",
  reads: "marks",
  refusal: () => null,
};
