// What the machine's own metadata says of its end, as the rest of the agent sees it: the same for three clouds and for a
// file or an address of the operator's. How each of them is asked is in the files beside; which notice counts is decided
// in assess/interruption.ts.

import type { Machine } from "../../../shared/contract/notice.ts";
import type { CloudSource, Sighting } from "../../../shared/model/interruption.ts";
import type { EpochMs } from "../../../shared/model/units.ts";

/** How the metadata service answers. It never ends the agent. */
export type MetadataHealth =
  /** Nothing was asked yet, or the cloud is being found out. */
  | { readonly state: "starting" }
  | { readonly state: "up"; readonly since: EpochMs }
  | { readonly state: "down"; readonly since: EpochMs; readonly why: string }
  /** No cloud and no source of the operator's: drills only. */
  | { readonly state: "none" };

export type { Sighting } from "../../../shared/model/interruption.ts";

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
