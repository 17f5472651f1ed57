// What a row of the table of rules consists of: whose evidence it takes, how sure it has to be, and what ends it. The
// rows themselves stand in rules.ts, what they look at in facts.ts, and the keeping of cases in health.ts.

import type { HealthLevel, HealthRemedy } from "../../../shared/model/gpu-health.ts";
import type { GpuEvent } from "../../../shared/model/gpu.ts";
import type { GpuFacts, NodeFacts } from "./facts.ts";

/** What one look says. `undefined`: nothing was to be seen, which neither raises a case nor ends one. */
export type Telling = { readonly bad: string } | "good" | undefined;

export interface Rule {
  readonly name: string;
  readonly level: HealthLevel;
  readonly remedy: HealthRemedy;
  /**
   * `second`: stands only when a second reading, or a second teller, says the same. Until then an event is stated one
   * level lower, and a reading is not stated at all.
   */
  readonly confirm: "none" | "second";
  /** How long readings must have said so before it stands. */
  readonly holdMs: number;
  /** How long readings must have said that it is well before it is over. */
  readonly clearMs: number;
  /** Events have no opposite: over after this long without another one; null: only by `resettable`. */
  readonly forgetMs: number | null;
  /** Over when the GPU was reset, when the driver has withdrawn what it asked for, and with the next boot. */
  readonly resettable: boolean;
  /** In words, for people. */
  readonly clears: string;
  /** The rhythm of the readings that it looks at: a second look at one reading is not a second reading. */
  readonly group: "fast" | "slow";
  readonly events?: (event: GpuEvent) => Telling;
  readonly gpu?: (facts: GpuFacts) => Telling;
  readonly node?: (facts: NodeFacts) => Telling;
  /** What becomes of it when it happens again: so often within so long. */
  readonly again?: {
    readonly times: number;
    readonly withinMs: number;
    readonly level?: HealthLevel;
    readonly remedy?: HealthRemedy;
  };
}
