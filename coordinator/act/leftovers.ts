// Marks of ours on nodes that no move accounts for: a cordon whose undo failed, a request of a policy that was
// deleted, a removal that the group never carried out. They are found by the marks themselves, so a restart or
// a lost status loses none, and taken back. Marks of others, and the agent's own, are not touched.

import type { MoveState } from "../../shared/contract/policy/status.ts";
import type { NodeInput, Snapshot } from "../decide/snapshot.ts";
import type { ActContext } from "./context.ts";
import { hashOfRequest, withdrawDrain } from "./drain-request.ts";
import { isUnderWay, moveHash } from "./moves.ts";
import { restoreNode, retirementOf } from "./retire.ts";

export interface Leftover {
  readonly node: string;
  readonly kind: "retirement" | "drain-request";
}

/** The journal of a policy, valid or not. */
export type MovesOf = (policy: string) => readonly MoveState[];

/** Pure: which marks stand without a reason. */
export function findLeftovers(snapshot: Snapshot, movesOf: MovesOf): readonly Leftover[] {
  const accounted = new Set<string>();
  const leaving = new Set<string>();
  for (const policy of snapshot.policies) {
    for (const move of movesOf(policy.name))
      if (move.kind === "shrink" && isUnderWay(move, snapshot.at)) accounted.add(moveHash(move.key));
    for (const { instances } of policy.kind === "valid" ? policy.pools : []) {
      for (const { node, state } of instances) if (node !== null && state === "leaving") leaving.add(node);
    }
  }
  return snapshot.nodes.flatMap((node) => leftoversOf(node, accounted).filter(() => !leaving.has(node.name)));
}

export async function clearLeftovers(
  snapshot: Snapshot,
  movesOf: MovesOf,
  context: ActContext,
): Promise<void> {
  // Without a complete picture a move may be missing rather than over.
  if (snapshot.sync.kind === "unsynced") return;
  for (const { node, kind } of findLeftovers(snapshot, movesOf)) {
    try {
      if (kind === "retirement") await restoreNode(context, node);
      else await withdrawDrain(context, node);
      context.log.info({ node, state: kind }, "took back a mark that no move accounts for");
    } catch (error) {
      context.log.warn({ node, state: kind, error }, "cannot take back a mark; trying again");
    }
  }
}

function leftoversOf(node: NodeInput, accounted: ReadonlySet<string>): readonly Leftover[] {
  const found: Leftover[] = [];
  const retirement = retirementOf(node.taints);
  if (retirement !== null && !accounted.has(retirement.hash))
    found.push({ node: node.name, kind: "retirement" });
  const request = node.drainRequest.kind === "value" ? hashOfRequest(node.drainRequest.value.id) : null;
  if (request !== null && !accounted.has(request)) found.push({ node: node.name, kind: "drain-request" });
  return found;
}
