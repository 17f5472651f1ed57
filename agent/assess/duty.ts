// What this agent should be doing for its node: follow a notice, answer a request, take back marks that have
// lost their cause, or nothing. A notice always wins; a request is answered once.

import type { DrainRequest, DrainState, Mark } from "../../shared/contract/node-marks.ts";
import type { Notice } from "../../shared/model/interruption.ts";
import type { CallOff, Interruption } from "./interruption.ts";

export type Duty =
  | { readonly kind: "rest" }
  /** Withdraw what stands on the node: its cause is gone. `why`: what became of a notice, null of a request. */
  | { readonly kind: "undo"; readonly why: CallOff | null }
  | { readonly kind: "notice"; readonly notice: Notice }
  | { readonly kind: "request"; readonly request: DrainRequest };

export interface DutyInput {
  readonly interruption: Interruption;
  readonly request: Mark<DrainRequest>;
  /** What the agent, this process or the one before, has written on the node. */
  readonly state: Omit<DrainState, "cordonedByUs"> | null;
}

export function dutyOf(input: DutyInput): Duty {
  const { interruption, request, state } = input;
  if (interruption.kind === "notice") return { kind: "notice", notice: interruption.notice };
  if (request.kind === "value") return { kind: "request", request: request.value };
  // Half a request is no request; it does not end the drain that a whole one has begun.
  if (request.kind === "malformed" && state?.cause === "request") return { kind: "rest" };
  if (state === null) return { kind: "rest" };
  return { kind: "undo", why: interruption.kind === "cancelled" ? interruption.why : null };
}
