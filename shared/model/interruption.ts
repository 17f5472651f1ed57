// What a node may hear of its own end: a notice that the machine goes, a hint that it may go soon, maintenance that its
// host announces. One type for real notices and drills; the source tells them apart, because only a real one may cost
// a pod its budget or buy a replacement unasked.

import type { EpochMs } from "./units.ts";

/** Clouds whose metadata an agent reads by itself; `generic` is a file or an address that the operator names. */
export const CLOUD_SOURCES = ["aws", "gcp", "azure", "generic"] as const;
export type CloudSource = (typeof CLOUD_SOURCES)[number];

/** Who said it. A drill is a person with an annotation. */
export const NOTICE_SOURCES = ["drill", ...CLOUD_SOURCES] as const;
export type NoticeSource = (typeof NOTICE_SOURCES)[number];

/**
 * `termination`: the machine goes at a known time. `rebalance`: it may go soon, nobody knows when. `maintenance`: its
 * host is worked on, which this machine may live through or not.
 */
export const NOTICE_KINDS = ["termination", "rebalance", "maintenance"] as const;
export type NoticeKind = (typeof NOTICE_KINDS)[number];

/** The machine goes; any other kind only says that it may. No kind: it goes. */
export function takesNode({ kind }: { readonly kind?: NoticeKind | undefined }): boolean {
  return kind === undefined || kind === "termination";
}

/** One thing that stands in a cloud's metadata now, as the agent on the machine reads it. */
export interface Sighting {
  /** Made of what the cloud says and never of when it was read, so that another process gives it the same one. */
  readonly id: string;
  readonly source: CloudSource;
  readonly kind: NoticeKind;
  /** The cloud's own word: "terminate", "Preempt", "Freeze", "system-reboot". */
  readonly action: string;
  /** When this process first read it, by the wall clock. */
  readonly seenAt: EpochMs;
  /**
   * Of a termination always a time: where the cloud gives none, or one that cannot be meant, the configured length of its
   * notices after `seenAt`. Of the others null where the cloud gives none.
   */
  readonly deadline: EpochMs | null;
  /** The machine does not live through it. Always true of a termination, never of a rebalance. */
  readonly endsMachine: boolean;
}

/** A notice that empties its node. */
export interface Notice {
  /** Stable for one interruption of one node: the same notice read again has the same id. */
  readonly id: string;
  readonly source: NoticeSource;
  readonly seenAt: EpochMs;
  /** When the machine goes. Adopted earlier, never later. */
  readonly deadline: EpochMs;
  /** Whether a replacement is wanted: always on a real notice, on a drill only when it asks. */
  readonly replace: boolean;
  /**
   * This process has read it in the cloud's metadata itself. Only that lets it force a pod out: a mark on the node may be
   * anybody's, so what an earlier process left counts as a drill until the metadata says it again.
   */
  readonly confirmed: boolean;
}

/** What the metadata says without the machine's certain end: pods with a checkpoint hook are told, nobody is evicted. */
export interface Hint {
  readonly id: string;
  readonly source: CloudSource;
  readonly kind: Exclude<NoticeKind, "termination">;
  readonly seenAt: EpochMs;
  /** When it begins, where the cloud says so. */
  readonly at: EpochMs | null;
  /** The cloud's own word for it: "rebalance", "Freeze", "system-reboot". */
  readonly action: string;
  /** The machine does not live through it. */
  readonly endsMachine: boolean;
}

/** Why a node is being emptied. A voluntary drain is asked for by the coordinator and holds all budgets. */
export type DrainCause = "notice" | "request";

/**
 * Where a drain stands. `refused`: the agent's own reading says the node is not idle, or a drill is not allowed now.
 * `drained`: nothing evictable is left. `final`: the deadline came first. `survived`: the machine still runs a minute after
 * its deadline, and stays cordoned. `cancelled`: the cause was withdrawn.
 */
export const DRAIN_PHASES = [
  "started",
  "wave",
  "drained",
  "final",
  "survived",
  "cancelled",
  "refused",
] as const;
export type DrainPhase = (typeof DRAIN_PHASES)[number];
