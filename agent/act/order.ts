// One drain as it is to be carried out: whose it is, why, and until when. A notice and a request become the
// same order, so that there is one way to drain; what differs is said by the cause.

import type { DrainRequest, DrainState } from "../../shared/contract/node-marks.ts";
import type { DrainKind } from "../../shared/model/drain-plan.ts";
import type { DrainCause, DrainPhase, Notice, NoticeSource } from "../../shared/model/interruption.ts";
import { epochMs } from "../../shared/model/units.ts";
import type { EpochMs } from "../../shared/model/units.ts";
import type { Clock } from "../../shared/runtime/clock.ts";

export interface DrainOrder {
  readonly id: string;
  readonly cause: DrainCause;
  readonly source: NoticeSource | "coordinator";
  readonly seenAt: EpochMs;
  readonly deadline: EpochMs;
  readonly replace: boolean;
  /** See Notice.confirmed; false of a request. */
  readonly confirmed: boolean;
}

export function orderFromNotice(notice: Notice): DrainOrder {
  return { ...notice, cause: "notice" };
}

/** Null: a request. */
export function noticeOfOrder({ cause, source, ...order }: DrainOrder): Notice | null {
  return cause === "request" || source === "coordinator" ? null : { ...order, source };
}

export function orderFromRequest(request: DrainRequest, seenAt: EpochMs): DrainOrder {
  return {
    id: request.id,
    cause: "request",
    source: "coordinator",
    seenAt,
    deadline: epochMs(request.deadline),
    replace: false,
    confirmed: false,
  };
}

/**
 * How the pods may be treated. A drill and a request hurt nobody: budgets hold, and no pod gets more than its own grace.
 * So does a real notice that only a mark on the node tells of: it may be anybody's.
 */
export function drainKind(order: Pick<DrainOrder, "cause" | "source" | "confirmed">): DrainKind {
  if (order.cause === "request") return "request";
  return order.source !== "drill" && order.confirmed ? "real" : "drill";
}

/** What stands in the node's drain-state. Whether we cordoned is known where the node is read. */
export type StateToWrite = Omit<DrainState, "cordonedByUs">;

export function stateOf(order: DrainOrder, phase: DrainPhase): StateToWrite {
  const { id, cause, source, seenAt, deadline, replace } = order;
  return { v: 1, id, cause, source, phase, seenAt, deadline, replace };
}

export function orderFromState(state: StateToWrite): DrainOrder {
  const { id, cause, source, seenAt, deadline, replace } = state;
  return {
    id,
    cause,
    source,
    seenAt: epochMs(seenAt),
    deadline: epochMs(deadline),
    replace,
    confirmed: false,
  };
}

/**
 * A time line that starts at the wall clock and then goes by the monotonic one: a countdown must not change
 * because somebody set the clock.
 */
export function steadyLine(clock: Pick<Clock, "now" | "monotonic">): () => EpochMs {
  const wallAtStart = clock.now();
  const monotonicAtStart = clock.monotonic();
  return () => epochMs(wallAtStart + (clock.monotonic() - monotonicAtStart));
}
