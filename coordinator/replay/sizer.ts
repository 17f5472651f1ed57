// Whoever decides in a replay: the shipped `decide`, or a policy that it is compared with. All see the same snapshot and
// answer with the same moves, so that nothing else differs between the rows of a table. A sizer may remember; it is made
// anew for each run and may know only what snapshots have told it.

import type { Millis } from "../../shared/model/units.ts";
import type { Move, Plan } from "../decide/plan.ts";
import type { Memory } from "../decide/snapshot-memory.ts";
import type { Snapshot } from "../decide/snapshot.ts";

export interface Sizer {
  readonly name: string;
  step(snapshot: Snapshot): SizerStep;
}

export interface SizerStep {
  readonly moves: readonly Move[];
  /** When to ask again if nothing has happened; null: only when something has. */
  readonly againInMs: Millis | null;
  /** With reasons, where the sizer gives them. */
  readonly plan: Plan | null;
  /** What the next snapshot shall hold of this one. Absent: nothing, for one that remembers by itself. */
  readonly memory?: Memory;
}

export type MakeSizer = () => Sizer;
