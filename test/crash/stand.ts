// What a back end has to offer to be under the crash matrix: groups of a shape, a look at what they have made, and a way
// to be there in the middle of a call. One for each back end, in stands.ts.

import type { Scene } from "../build/scene.ts";
import type { Cell } from "./cells.ts";

/** `write`: a call that changes the size or takes a member, whatever the back end names it. */
export interface CallMoment {
  readonly when: "before" | "after";
  readonly pool: string;
}

export interface Stand {
  readonly name: string;
  /** The value of nodePools[].group for a pool of this name. */
  groupOf(pool: string): Readonly<Record<string, unknown>>;
  addGroup(
    pool: string,
    options: { readonly desired: number; readonly capacityType: "spot" | "on-demand" },
  ): void;
  desired(pool: string): number;
  /** How many machines the group was ever given. */
  made(pool: string): number;
  /** Machines that run and that neither a group nor a coming end accounts for. */
  forgotten(): readonly string[];
  /** Undone by what it returns. */
  onWrite(hook: (moment: CallMoment) => void | Promise<void>): () => void;
  /** The answer of the next write: lost after its effect, or later than a call may take. */
  trouble(kind: "lost" | "late"): void;
  /** Machines that the provider itself may make in between where the coordinator dies there, and take back. */
  spare?(cell: Cell): number;
  /** Settings of the coordinator, by environment name. */
  readonly env: Readonly<Record<string, string>>;
}

export type OpenStand = (scene: Scene) => Promise<Stand>;
