// Removals that were asked for and that nobody has begun: an agent that has not answered yet, a node that we have just
// closed. What is on the node, or around it, may be another than when that was decided, so it is asked again, and
// called off where something stands against it now. Once pods leave, the drain goes on: to stop halfway helps nobody.

import type { Disruption } from "../../../shared/contract/policy/removal.ts";
import type { MoveState } from "../../../shared/contract/policy/status.ts";
import type { EpochMs } from "../../../shared/model/units.ts";
import type { PoolState } from "../fleet/fleet.ts";
import { movesOf } from "../fleet/flights.ts";
import type { NodeState } from "../fleet/standing.ts";
import { workloads } from "../fleet/standing.ts";
import type { Recall } from "../plan.ts";
import type { Candidate, Cause, RuleContext } from "../rule.ts";
import { RECALL_RULES } from "../rules/index.ts";
import { candidateFor, NO_TIMERS } from "./causes.ts";

/** Asked before this decision takes anything away, of the board with what was added. */
export function recallsOf(context: RuleContext): readonly Recall[] {
  const { fleet } = context.packing;
  // A pod or a node that is missing from a list is no reason.
  if (fleet.sync.kind !== "synced") return [];
  return fleet.pools.flatMap((pool) => {
    const asked = movesOf(pool.journal, pool.name).filter(isAsked);
    return asked.flatMap((move) => {
      const state = pool.nodes.find(({ name }) => name === move.node);
      if (state === undefined || isBegun(state)) return [];
      const candidate = againOf(pool, state, move, fleet.at);
      const because = candidate === null ? null : vetoOf(candidate, context);
      return because === null
        ? []
        : [{ policy: pool.policy, pool: pool.name, key: move.key, node: state.name, because }];
    });
  });
}

function isAsked({ kind, phase }: MoveState): boolean {
  return kind === "shrink" && (phase === "draining" || phase === "intended");
}

/** A notice goes first, and an answer that cannot be read is one. */
function isBegun(state: NodeState): boolean {
  const { drainRequest, drainState } = state.node;
  if (state.notice !== null || state.standing === "leaving") return true;
  if (drainState.kind === "malformed" || drainRequest.kind === "malformed") return true;
  if (drainRequest.kind === "value")
    return drainState.kind === "value" && drainState.value.id === drainRequest.value.id;
  return workloads(state).some(({ terminating }) => terminating);
}

/** Null: nothing to ask. What is ill goes whatever comes onto it. */
function againOf(
  pool: PoolState,
  state: NodeState,
  { disruption }: MoveState,
  at: EpochMs,
): Candidate | null {
  if (disruption === "Unhealthy") return null;
  const cause: Cause = { kind: isMoved(disruption) ? "movable" : "idle" };
  return candidateFor(pool, state, NO_TIMERS, { cause, at });
}

/** It went with its pods; any other was to go because nobody needed it. */
function isMoved(disruption: Disruption | undefined): boolean {
  return (
    disruption === "Movable" ||
    disruption === "Expired" ||
    disruption === "Rebalance" ||
    disruption === "Return"
  );
}

function vetoOf(candidate: Candidate, context: RuleContext): Recall["because"] | null {
  for (const rule of RECALL_RULES) {
    const reason = rule.veto(candidate, context);
    // What could not be found out now was found out before.
    if (reason !== null && reason.code !== "work-exhausted") return reason;
  }
  return null;
}
