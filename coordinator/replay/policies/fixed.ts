// A fleet that nobody sizes: the nodes that the scenario begins with, until its end. How many those are was worked out from
// a window before (peak, or the 95th percentile), so that it knows no more of what comes than anybody did.

import type { MakeSizer } from "../sizer.ts";

export function fixedSizer(name: string): MakeSizer {
  return () => ({ name, step: () => ({ moves: [], againInMs: null, plan: null }) });
}
