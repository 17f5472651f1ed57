// What became of a move in this cycle, for the journal, the log and the report.

import type { MoveState } from "../../shared/contract/policy/status.ts";
import { millis } from "../../shared/model/units.ts";
import type { Millis } from "../../shared/model/units.ts";
import type { Log } from "../../shared/runtime/log.ts";
import type { ActContext } from "./context.ts";
import type { Outcome } from "./moves.ts";

/** What report needs to know of one move: the journal's entry, how it ended, and how long the calls took. */
export interface Done {
  readonly policy: string;
  readonly move: Pick<MoveState, "key" | "kind" | "pool" | "node" | "from" | "to">;
  readonly outcome: Outcome;
  readonly ms: Millis;
}

/** `begunMs`: on the monotonic clock, when the calls of the move began. */
export function doneOf(
  policy: string,
  move: Done["move"],
  outcome: Outcome,
  begunMs: Millis,
  { clock }: Pick<ActContext, "clock">,
): Done {
  const sizes =
    outcome.kind === "applied" ? { from: outcome.from, to: outcome.to } : { from: move.from, to: move.to };
  const { key, kind, pool } = move;
  const node = "node" in move && move.node !== undefined ? { node: move.node } : {};
  return {
    policy,
    move: { key, kind, pool, ...node, ...sizes },
    outcome,
    ms: millis(Math.max(0, clock.monotonic() - begunMs)),
  };
}

export function logDone(log: Log, { policy, move, outcome, ms }: Done): void {
  const { key, pool, from, to } = move;
  const fields = { policy, pool, move: key, state: outcome.kind, from, to, ms };
  if (outcome.kind === "failed") log.warn({ ...fields, reason: outcome.detail }, "move failed");
  else log.info("detail" in outcome ? { ...fields, reason: outcome.detail } : fields, "move");
}
