// A notice says that a node goes away and when. One type for real notices and drills; the source tells them
// apart, because only a real one may cost a pod its budget or buy a replacement unasked.

import type { EpochMs } from "./units.ts";

/** Who said it. A drill is a person with an annotation; the clouds come with their metadata readers. */
export const NOTICE_SOURCES = ["drill", "aws", "gcp", "azure"] as const;
export type NoticeSource = (typeof NOTICE_SOURCES)[number];

export interface Notice {
  /** Stable for one interruption of one node: the same notice read again has the same id. */
  readonly id: string;
  readonly source: NoticeSource;
  readonly seenAt: EpochMs;
  /** When the machine goes. Adopted earlier, never later. */
  readonly deadline: EpochMs;
  /** Whether a replacement is wanted: always on a real notice, on a drill only when it asks. */
  readonly replace: boolean;
}

/** Why a node is being emptied. A voluntary drain is asked for by the coordinator and holds all budgets. */
export type DrainCause = "notice" | "request";

/**
 * Where a drain stands. `refused`: the agent's own reading says the node is not idle. `drained`: nothing
 * evictable is left. `final`: the deadline came first. `cancelled`: the cause was withdrawn.
 */
export const DRAIN_PHASES = ["started", "wave", "drained", "final", "cancelled", "refused"] as const;
export type DrainPhase = (typeof DRAIN_PHASES)[number];
