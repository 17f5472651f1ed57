// One figure for several GPUs, and how many they are: a mean without its denominator can be read in two ways. Which
// GPUs are taken together is the caller's business.

import type { Window, Windows, WindowSpan } from "../../shared/model/gpu.ts";
import { millis, ratio } from "../../shared/model/units.ts";

export interface RollUp {
  /** How many GPUs the windows are over. */
  readonly gpus: number;
  readonly utilization: Windows;
}

export function rollUp(each: readonly Windows[]): RollUp {
  const over = (span: WindowSpan): Window => together(each.map((windows) => windows[span]));
  return { gpus: each.length, utilization: { w10: over("w10"), w60: over("w60"), w600: over("w600") } };
}

/**
 * The mean of the means, and of everything else the one that claims least: the highest maximum and p95 (of all
 * samples together the p95 is at most that), the thinnest coverage, the oldest age. One that is not known makes all of
 * it unknown: the mean of the others would be the mean of other GPUs.
 */
function together(windows: readonly Window[]): Window {
  const known = windows.filter((window) => window.kind === "known");
  const unknown = windows.find((window) => window.kind === "unknown");
  if (unknown !== undefined) return unknown;
  if (known.length === 0) return { kind: "unknown", because: "no-samples" };
  const most = (of: (window: (typeof known)[number]) => number): number => Math.max(...known.map(of));
  return {
    kind: "known",
    mean: known.reduce((sum, { mean }) => sum + mean, 0) / known.length,
    max: most(({ max }) => max),
    p95: most(({ p95 }) => p95),
    coverage: ratio(Math.min(...known.map(({ coverage }) => coverage))),
    ageMs: millis(most(({ ageMs }) => ageMs)),
  };
}
