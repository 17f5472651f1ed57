// The frame of time that holds for all pods of one drain: from the moment at which the end of the node was known to the
// moment at which everything has to have stopped, and how the time between them is used. Pure arithmetic.

import { epochMs, millis } from "./units.ts";
import type { EpochMs, Millis } from "./units.ts";

/**
 * `real`: the machine goes, so pods may be forced out and high ones get all the time that is left. `drill`: as if it went,
 * with budgets that hold and pods that stay where they must not be moved. `request`: likewise, and a pod that stays keeps
 * the node from being empty.
 */
export type DrainKind = "real" | "drill" | "request";

export interface DrainWindow {
  /** When the end of the node was known: t0. */
  readonly seenAt: EpochMs;
  readonly deadline: EpochMs;
  /** Containers have stopped and volumes are unmounted by then: E, the deadline less a margin. */
  readonly end: EpochMs;
  /** R: from `seenAt` to `end`. */
  readonly usableMs: Millis;
  /** `parallel`: too little time to stagger, all classes start at once and only the order of the calls is kept. */
  readonly mode: "parallel" | "staggered";
  readonly kind: DrainKind;
}

const MARGIN = { share: 0.05, minMs: 2_000, maxMs: 5_000 } as const;
/** Below this there is no time to stagger. */
const PARALLEL_BELOW_MS = 45_000;
/** Below this there is no time to ask twice before force: the second word is the last. */
const AT_ONCE_BELOW_MS = 6_000;

export function drainWindow(seenAt: EpochMs, deadline: EpochMs, kind: DrainKind): DrainWindow {
  const noticeMs = Math.max(0, deadline - seenAt);
  const marginMs = Math.min(MARGIN.maxMs, Math.max(MARGIN.minMs, MARGIN.share * noticeMs));
  const end = epochMs(Math.max(seenAt, deadline - marginMs));
  const usableMs = millis(end - seenAt);
  const mode = usableMs < PARALLEL_BELOW_MS ? "parallel" : "staggered";
  return { seenAt, deadline, end, usableMs, mode, kind };
}

/** So little time that a pod which is refused once is forced with the next call. */
export function isHasty({ seenAt, deadline }: DrainWindow): boolean {
  return deadline - seenAt < AT_ONCE_BELOW_MS;
}
