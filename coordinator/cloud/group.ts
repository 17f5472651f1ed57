// A node group as the coordinator sees it, whoever runs it: a size that can be read and set, and members that
// can be removed by name. A provider's errors leave this folder as AppError kinds (not-found, conflict, denied,
// throttled, refused, unavailable, timeout, malformed); what to do about each is the caller's business.

import type { Millis } from "../../shared/model/units.ts";

/**
 * One reading. `version` stands for exactly this size: a write that is made conditional on it is refused when
 * anybody changed the group in between.
 */
export interface GroupState {
  readonly size: number;
  readonly version: string;
}

/**
 * The contract of every back end.
 *
 * - `read` asks the provider now, never a cache: limits are checked against it. A size that cannot be read is an
 *   error, not a number.
 * - `resize` asks for exactly `to` members, and only if the group is still as `seen` says (`conflict` if not).
 *   It is for growing: which member goes when a number falls is the provider's choice, so nobody lowers one.
 * - `removeInstance` lowers the group by exactly this member, under the same condition. It either removes that
 *   member or fails and leaves no trace. Only where `chosenRemoval` is true.
 * - `keepInstance` takes back what a `removeInstance` that nobody saw the end of may have left behind.
 * - `contains` tells whether the member still counts: false once it is gone or its deletion has begun.
 *
 * A `timeout` or `unavailable` from a write means "maybe done": read again before concluding anything.
 * Every call ends by `deadlineMs` or with the signal.
 */
export interface NodeGroup {
  readonly chosenRemoval: boolean;
  read(options: CallOptions): Promise<GroupState>;
  resize(to: number, seen: GroupState, options: CallOptions): Promise<void>;
  removeInstance(id: string, seen: GroupState, options: CallOptions): Promise<void>;
  keepInstance(id: string, options: CallOptions): Promise<void>;
  contains(id: string, options: CallOptions): Promise<boolean>;
}

export interface CallOptions {
  readonly signal: AbortSignal;
  readonly deadlineMs: Millis;
}
