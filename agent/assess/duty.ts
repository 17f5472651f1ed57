// What this agent should be doing for its node: follow a notice, answer a request, take back marks that have
// lost their cause, or nothing. A notice always wins; a request is answered once.

import type { DrainRequest, DrainState, Mark } from "../../shared/contract/node-marks.ts";
import type { Notice } from "../../shared/model/interruption.ts";
import type { Interruption } from "./interruption.ts";

export type Duty =
  | { readonly kind: "rest" }
  /** Withdraw what stands on the node: its cause is gone. */
  | { readonly kind: "undo" }
  | { readonly kind: "notice"; readonly notice: Notice }
  | { readonly kind: "request"; readonly request: DrainRequest };

export interface DutyInput {
  readonly interruption: Interruption;
  readonly request: Mark<DrainRequest>;
  /** What the agent, this process or the one before, has written on the node. */
  readonly state: Omit<DrainState, "cordonedByUs"> | null;
  readonly bootID: string | undefined;
}

export function dutyOf(input: DutyInput): Duty {
  const { interruption, request, state } = input;
  if (interruption.kind === "notice") return { kind: "notice", notice: interruption.notice };
  if (state !== null && isKept(state, input.bootID)) return { kind: "rest" };
  if (request.kind === "value") return { kind: "request", request: request.value };
  // Half a request is no request; it does not end the drain that a whole one has begun.
  if (request.kind === "malformed" && state?.cause === "request") return { kind: "rest" };
  return state === null ? { kind: "rest" } : { kind: "undo" };
}

/**
 * A real notice does not end because an annotation goes: the machine is taken all the same. When the machine
 * has started again since (another boot), it has survived.
 */
function isKept(state: Omit<DrainState, "cordonedByUs">, bootID: string | undefined): boolean {
  const real = state.cause === "notice" && state.source !== "drill";
  return real && (state.bootID === undefined || bootID === undefined || state.bootID === bootID);
}
