// A node group as the coordinator sees it, whoever runs it: a size that can be read and set, members that can be
// removed by name, places that can be given back. A provider's errors leave this folder as AppError kinds; what to
// do about each is the caller's business. test/contract/cloud-group.ts holds every back end to what stands here.

import type { LaunchFailureKind } from "../../shared/contract/policy/status.ts";
import type { Millis } from "../../shared/model/units.ts";
import { AppError, kindOf } from "../../shared/runtime/errors.ts";
import type { ErrorKind } from "../../shared/runtime/errors.ts";

/** Named so in every metric and status. */
export const BACK_ENDS = ["aws", "gcp", "azure", "scale", "simulated"] as const;
export type BackEnd = (typeof BACK_ENDS)[number];

/**
 * One reading. `version` stands for exactly this size: a write that is made conditional on it is refused when anybody
 * changed the group in between. Null: the provider refuses nothing, so what was read a moment ago is all there is.
 */
export interface GroupState {
  readonly size: number;
  readonly version: string | null;
  /** Bounds that the group sets itself. Absent: it has none. */
  readonly min?: number;
  readonly max?: number;
  /** Why a new size would not be carried out, in words: every write is refused. Absent: nothing stands against it. */
  readonly held?: string;
  /** Places of `size` that no machine fills. Absent: the group does not tell. */
  readonly unfilled?: number;
}

/**
 * The contract of every back end. All sizes are numbers of nodes.
 *
 * - `read` asks the provider now, never a cache: limits are checked against it. It may share one call with other groups
 *   that are asked for at the same moment. A size that cannot be read is an error, not a number.
 * - `resize` asks for exactly `to` members, and only if the group is still as `seen` says (`conflict` if not, where the
 *   provider can tell). It is for growing: which member goes when a number falls is the provider's choice, so nobody
 *   lowers one. It answers when the provider has accepted; whether machines come is seen later.
 * - `removeInstance` ends this member and lowers the group by it, under the same condition. It either removes that
 *   member or fails and leaves no trace. Only where `chosenRemoval` is true.
 * - `releaseInstance` lowers the group by a member that its cloud is taking, so that the group buys no replacement
 *   beside ours. The machine is left to the cloud where the provider can do that, else it is removed.
 * - `cancelUnfilled` lowers the group by `count` places that no machine fills (`conflict` when fewer are open by then).
 *   It never ends a machine.
 * - `keepInstance` takes back what a `removeInstance` that nobody saw the end of may have left behind.
 * - `contains` tells whether the member still counts: false once it is gone or its removal has begun.
 * - `releaseLeaving` is for groups that make the next machine at once for a member that another hand is ending: it lowers
 *   the number by the place of such a member, whose end has begun and for which the number has not fallen, so that what
 *   was made for it goes while it is no node yet. False: it is too late, or there is no such member, and nothing was done.
 *   Whoever calls has not removed the member himself: the group does not remember whose hand it was.
 * - `capAt` keeps the group's own limits at what is given, in one conditional write, and only where something else grows
 *   the group and the policy says that its limits are ours. It never sets one above what stood there before us, which is
 *   remembered on the group. It answers what it changed: nothing where all stands already. Giving back is not a matter of
 *   the group, since its policy may be gone (scale/capped.ts).
 *
 * A member that is gone is `not-found`. A size under the group's own minimum or over its maximum is `refused`.
 * A `timeout` or `unavailable` from a write means "maybe done": read again before concluding anything.
 * Every call ends by `deadlineMs` or with the signal, and is sent once: trying again is the caller's decision.
 */
export interface NodeGroup {
  readonly backEnd: BackEnd;
  readonly chosenRemoval: boolean;
  /** Whether writes depend on `version`. Where not, a new leader waits until an old one's last call must have ended. */
  readonly conditional: boolean;
  /** True: so do sizes alone, and a removal takes no condition with it, for which a new leader waits all the same. */
  readonly removesUnconditionally?: boolean;
  read(options: CallOptions): Promise<GroupState>;
  resize(to: number, seen: GroupState, options: CallOptions): Promise<void>;
  removeInstance(id: string, seen: GroupState, options: CallOptions): Promise<void>;
  releaseInstance(id: string, seen: GroupState, options: CallOptions): Promise<void>;
  cancelUnfilled(count: number, seen: GroupState, options: CallOptions): Promise<void>;
  keepInstance(id: string, options: CallOptions): Promise<void>;
  contains(id: string, options: CallOptions): Promise<boolean>;
  releaseLeaving?(id: string, seen: GroupState, options: CallOptions): Promise<boolean>;
  capAt?(cap: GroupCap, options: CallOptions): Promise<readonly CapChange[]>;
}

/** How large a group that something else grows may become. */
export interface GroupCap {
  /** For which policy: noted on the group, so that it is found when the policy is gone. */
  readonly policy: string;
  readonly nodes: number;
  /** The same in GPUs, by resource. Absent: not known. */
  readonly gpus?: Readonly<Record<string, number>>;
}

/** Null: no limit. */
export interface CapChange {
  readonly limit: string;
  readonly from: string | null;
  readonly to: string | null;
}

export interface CallOptions {
  readonly signal: AbortSignal;
  readonly deadlineMs: Millis;
}

/**
 * What no back end sends, whatever its provider would make of it. `words` names the group.
 * @throws AppError `bug` for no whole number or a lower one, `refused` over the maximum that was read or where it is held.
 */
export function checkGrowth(words: string, to: number, seen: GroupState): void {
  if (!Number.isInteger(to) || !Number.isInteger(seen.size) || to < seen.size)
    throw new AppError("bug", `${words}: asked to make ${seen.size} into ${to} without naming a member`);
  checkHeld(seen);
  if (seen.max !== undefined && to > seen.max)
    throw new AppError("refused", `${words} has a maximum of ${seen.max}, so it cannot grow to ${to}`);
}

/** The same for a size that falls by `count`. @throws AppError `bug`, or `refused` under the minimum that was read. */
export function checkFall(words: string, count: number, seen: GroupState): void {
  if (!Number.isInteger(count) || !Number.isInteger(seen.size) || count < 1)
    throw new AppError("bug", `${words}: asked to lower ${seen.size} by ${count}`);
  checkHeld(seen);
  const { min = 0 } = seen;
  if (seen.size - count < min)
    throw new AppError(
      "refused",
      `${words} has a minimum of ${min}, so ${seen.size} cannot fall by ${count}`,
    );
}

function checkHeld({ held }: GroupState): void {
  if (held !== undefined) throw new AppError("refused", held);
}

/** Of a write: one whose answer cannot be read may have been done, which `unavailable` says; any other error stays. */
export function maybeDone(error: unknown): unknown {
  if (!(error instanceof AppError) || error.kind !== "malformed") return error;
  const { message, data } = error;
  return new AppError("unavailable", `${message}; whether it was done is not known`, { cause: error, data });
}

const LAUNCH_FAILURE_OF: Partial<Record<ErrorKind, LaunchFailureKind>> = {
  "no-capacity": "no-capacity",
  quota: "quota",
  denied: "denied",
  misconfigured: "misconfigured",
  throttled: "throttled",
  refused: "misconfigured",
  "not-found": "misconfigured",
};

/** What a failed growth says of the pool or of the cloud's stock; undefined where it says nothing of either. */
export function launchFailureOf(error: unknown): LaunchFailureKind | undefined {
  return LAUNCH_FAILURE_OF[kindOf(error)];
}
