// What the machine's own metadata says of its end, as the rest of the agent sees it: the same for three clouds and for a
// file or an address of the operator's. How each of them is asked is in the files beside; which notice counts is decided
// in assess/interruption.ts.

import type { Machine } from "../../../shared/contract/notice.ts";
import type { CloudSource, NoticeKind } from "../../../shared/model/interruption.ts";
import type { EpochMs } from "../../../shared/model/units.ts";

/** One thing that stands in the metadata now. */
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

/** How the metadata service answers. It never ends the agent. */
export type MetadataHealth =
  /** Nothing was asked yet, or the cloud is being found out. */
  | { readonly state: "starting" }
  | { readonly state: "up"; readonly since: EpochMs }
  | { readonly state: "down"; readonly since: EpochMs; readonly why: string }
  /** No cloud and no source of the operator's: drills only. */
  | { readonly state: "none" };

export interface MetadataWatch {
  /** Null while it is being found out; "none" on bare metal and elsewhere. */
  readonly cloud: CloudSource | "none" | null;
  /** Null while nothing of it is known. */
  readonly machine: Machine | null;
  /**
   * All that stands, in the order in which it was first read. What a source cannot read at the moment stands on: a
   * sighting leaves only when the cloud takes it back by its own rules, or when a machine has outlived it.
   */
  readonly sightings: readonly Sighting[];
  /** Every source that may carry a notice has given a whole answer, so that what is absent is known to be absent. */
  readonly answered: boolean;
  readonly health: MetadataHealth;
  /** Azure: lets the platform begin early, where the event is about this machine alone and the operator wants it. */
  acknowledge(id: string): void;
  /** Resolves when the signal has ended all of it. */
  readonly ended: Promise<void>;
}
