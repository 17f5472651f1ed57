// A decision together with whoever can explain it: for a person who asks why, for a bug report, for a golden test.
// The same snapshot gives the same decision as `decide`, since it is the same one.

import { createExplainer } from "./answer/explain.ts";
import type { Explainer } from "./answer/explain.ts";
import { decideInFull } from "./decide.ts";
import type { Decision } from "./plan.ts";
import type { Snapshot } from "./snapshot.ts";

export interface Explained {
  readonly decision: Decision;
  readonly explain: Explainer;
}

export function decideAndExplain(snapshot: Snapshot): Explained {
  const full = decideInFull(snapshot);
  const { plan, memory } = full;
  return { decision: { plan, memory }, explain: createExplainer(full) };
}
