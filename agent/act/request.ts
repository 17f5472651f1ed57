// The coordinator's question "may this node be emptied?", answered by the node itself: with its live reading,
// before anything is touched, unless the node goes whether it is idle or not. A request is answered once; a request that comes again under another id is a
// new question.

import type { LiveReading } from "../../shared/contract/drain-report.ts";
import type { DrainRequest } from "../../shared/contract/node-marks.ts";
import type { EpochMs } from "../../shared/model/units.ts";
import type { Idleness } from "../assess/idle.ts";
import { isDraining } from "./cordon.ts";
import type { Drainer } from "./drain.ts";
import { orderFromRequest, orderFromState } from "./order.ts";

export type RequestAnswer = "answered-before" | "refused" | "accepted";

export function answerRequest(
  request: DrainRequest,
  options: {
    readonly drainer: Pick<Drainer, "state" | "follow" | "refuse">;
    /** Asked only when the answer depends on it. */
    readonly idleness: (threshold: number) => Idleness;
    readonly now: EpochMs;
  },
): RequestAnswer {
  const { drainer, now } = options;
  const { state } = drainer;
  if (state?.cause === "request" && state.id === request.id) {
    // After a restart the drain that was accepted goes on.
    if (isDraining(state)) drainer.follow(orderFromState(state));
    return "answered-before";
  }

  const order = orderFromRequest(request, now);
  if (order.deadline <= now) {
    drainer.refuse(order, tooLate(request, now));
    return "refused";
  }
  const idle = request.evenBusy === true ? null : options.idleness(request.idleBelow);
  if (idle?.kind === "not-idle") {
    drainer.refuse(order, idle.reading);
    return "refused";
  }
  drainer.follow(order);
  return "accepted";
}

function tooLate(request: DrainRequest, now: EpochMs): LiveReading {
  const lateS = Math.round((now - request.deadline) / 1000);
  return {
    gpu: "",
    p95: null,
    threshold: request.idleBelow,
    detail: `the request's deadline passed ${lateS} s before it was seen`,
  };
}
