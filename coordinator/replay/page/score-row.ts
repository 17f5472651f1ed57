// What a row of a score is: a figure with its words, and where it stands in a run.

import type { Score } from "../run.ts";
import type { Unit } from "./numbers.ts";

export interface ScoreRow {
  /** Stable: columns of a CSV are called by it. */
  readonly id: string;
  readonly group: "Money" | "Waiting" | "Spot" | "Use" | "Machines";
  readonly label: string;
  readonly unit: Unit;
  /** One sentence: what it counts. */
  readonly counts: string;
  /** Null: unknown, or a share of nothing. */
  readonly of: (score: Score) => number | null;
  /** Where not, there is nothing to count: no services, no spot, no jobs. Absent: always. */
  readonly applies?: (score: Score) => boolean;
  /** Which way is good; null where it depends. */
  readonly better: "less" | "more" | null;
}

export function share(part: number | null, whole: number | null): number | null {
  return part === null || whole === null || whole === 0 ? null : part / whole;
}
