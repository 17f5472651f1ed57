// What goes wrong in a run, as a list of values: a kind, a moment, parameters. The list is all that chance decides, so a
// failure is played again from it and cut down to what still fails. How a fault is brought about is for those who play it.

import type { LaunchFailureKind } from "../../shared/contract/policy/status.ts";

/** Milliseconds since the run began. */
interface Moment {
  readonly at: number;
}
interface Span extends Moment {
  readonly forMs: number;
}
/** `pick`, 0 to 1: which of those that are there at that moment, so that a shorter list of faults still means something. */
interface Picked {
  readonly pick: number;
}

export type Fault =
  /** The provider has no more than `left` machines in the zone. */
  | (Span & { readonly kind: "stock-out"; readonly zone: string; readonly left: number })
  /** Every launch of a pool's group fails so. */
  | (Span & Picked & { readonly kind: "launches-fail"; readonly why: LaunchFailureKind })
  | (Span & { readonly kind: "cloud-throttles"; readonly retryAfterMs: number })
  | (Span & { readonly kind: "cloud-away" })
  /** So many writes are carried out and not answered. */
  | (Moment & { readonly kind: "cloud-answers-lost"; readonly count: number })
  /** So many writes are carried out after their caller has given up. */
  | (Moment & { readonly kind: "cloud-late"; readonly count: number; readonly lateMs: number })
  | (Span & { readonly kind: "api-away" })
  | (Span & { readonly kind: "api-slow"; readonly ms: number })
  /** So many writes are carried out and not answered. */
  | (Moment & { readonly kind: "api-answers-lost"; readonly count: number })
  /** Somebody else writes the policy just before us, so many times. */
  | (Moment & { readonly kind: "api-conflicts"; readonly count: number })
  /** So many requests are refused with this status. */
  | (Moment & { readonly kind: "api-refuses"; readonly code: number; readonly count: number })
  /** All connections break. */
  | (Moment & { readonly kind: "api-cut" })
  /** Watches bring nothing; `silent`: and they do not say so. */
  | (Span & { readonly kind: "watches-stale"; readonly silent: boolean })
  /** What watches missed is not kept: they have to list again. */
  | (Moment & { readonly kind: "watches-expire" })
  /** The leader dies: now, or at one of its writes. */
  | (Moment & {
      readonly kind: "leader-dies";
      readonly point: "now" | "before-status" | "after-status" | "after-node" | "in-call" | "after-call";
      readonly nth: number;
    })
  | (Moment & { readonly kind: "leader-stops" })
  | (Moment & Picked & { readonly kind: "agent-dies"; readonly forMs: number })
  | (Span & { readonly kind: "nats-away" })
  | (Span & Picked & { readonly kind: "metadata-away"; readonly how: "silent" | "refuses" | "broken" })
  /** The machine is gone at once, with all on it and without notice. */
  | (Moment & Picked & { readonly kind: "node-lost" })
  | (Span & Picked & { readonly kind: "node-not-ready" })
  /** The cloud takes a spot machine of the zone, after a notice. */
  | (Moment & Picked & { readonly kind: "reclaim"; readonly zone: string; readonly noticeMs: number })
  | (Span & Picked & { readonly kind: "policy-edit"; readonly edit: PolicyEdit })
  /** A replica's wall clock is set. */
  | (Span & Picked & { readonly kind: "clock-step"; readonly byMs: number });

/** `raise`, `lower`: the maximum. `floor`: a minimum of 1. `advise`: mode Recommend. `broken`: one that cannot be used. */
export type PolicyEdit = "raise" | "lower" | "floor" | "advise" | "broken";
export const POLICY_EDITS = ["raise", "lower", "floor", "advise", "broken"] as const;

export type FaultKind = Fault["kind"];

/** When it is over; those without a length are over as they come. */
export function endOf(fault: Fault): number {
  return fault.at + ("forMs" in fault ? fault.forMs : fault.kind === "reclaim" ? fault.noticeMs : 0);
}

/** One line for a person, and for a replay. */
export function faultText(fault: Fault): string {
  return JSON.stringify(fault);
}
