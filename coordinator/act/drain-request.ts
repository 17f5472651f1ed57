// Asks a node's own agent to empty it, and reads how far it has got. The agent has the last word: it refuses
// when its live reading says that a node that is to go for idleness is not idle, and it alone cordons and evicts. Taking the request back
// is how a drain is called off; the agent then undoes its cordon.

import { readDrainRequest } from "../../shared/contract/node-marks.ts";
import type { DrainRequest } from "../../shared/contract/node-marks.ts";
import type { Disruption } from "../../shared/contract/policy/removal.ts";
import type { MoveState } from "../../shared/contract/policy/status.ts";
import { NODE_ANNOTATION } from "../../shared/model/names.ts";
import { elapsed, epochMs } from "../../shared/model/units.ts";
import type { EpochMs } from "../../shared/model/units.ts";
import { kindOf } from "../../shared/runtime/errors.ts";
import { updateNode } from "../../shared/runtime/kube/node-marks.ts";
import type { NodeInput } from "../decide/snapshot.ts";
import type { ActContext } from "./context.ts";
import { moveHash } from "./moves.ts";

/** Whether a request, by its id, belongs to the move with this key. Each try has an id of its own. */
export function isRequestOf(id: string, key: string): boolean {
  return id.startsWith(`${moveHash(key)}-`);
}

/** Of the move's key; null for a request that people wrote by hand, which has another form and is theirs. */
export function hashOfRequest(id: string): string | null {
  return /^([0-9a-f]{12})-/.exec(id)?.[1] ?? null;
}

export async function requestDrain(
  context: ActContext,
  move: {
    readonly key: string;
    readonly node: string;
    readonly policy: string;
    readonly pool: string;
    readonly disruption?: Disruption;
  },
  { idleBelow, evenBusy }: { readonly idleBelow: number; readonly evenBusy: boolean },
): Promise<void> {
  const now = context.clock.now();
  const request: DrainRequest = {
    v: 1,
    id: `${moveHash(move.key)}-${now.toString(36)}`,
    deadline: epochMs(now + context.drainTimeoutMs),
    reason: `policy ${move.policy} takes the node out of pool ${move.pool}${move.disruption === undefined ? "" : `: ${move.disruption}`}`,
    idleBelow,
    ...(evenBusy ? { evenBusy } : {}),
  };
  await updateNode(
    context.client,
    move.node,
    (node) => {
      const before = readDrainRequest(node.metadata.annotations?.[NODE_ANNOTATION.drainRequest]);
      if (before.kind === "value" && isRequestOf(before.value.id, move.key)) return null;
      return { annotations: { [NODE_ANNOTATION.drainRequest]: JSON.stringify(request) } };
    },
    { ...context.call(), clock: context.clock, random: context.random },
  );
}

/** Takes back the request of ours that stands on the node. A node that is gone needs nothing. */
export async function withdrawDrain(context: ActContext, node: string): Promise<void> {
  try {
    await updateNode(
      context.client,
      node,
      ({ metadata }) => {
        const stands = readDrainRequest(metadata.annotations?.[NODE_ANNOTATION.drainRequest]);
        const ours = stands.kind === "value" && hashOfRequest(stands.value.id) !== null;
        return ours ? { annotations: { [NODE_ANNOTATION.drainRequest]: null } } : null;
      },
      { ...context.call(), clock: context.clock, random: context.random },
    );
  } catch (error) {
    if (kindOf(error) !== "not-found") throw error;
  }
}

export type DrainProgress =
  | { readonly kind: "going"; readonly detail: string }
  | { readonly kind: "drained" }
  /** It will not be emptied: take the request back. */
  | { readonly kind: "over"; readonly detail: string };

/** How much longer than its deadline a drain may take to say so. */
const SLACK_MS = 5_000;

/** Where the drain of a move stands, by the node's marks alone. */
export function drainProgress(
  node: NodeInput | undefined,
  move: Pick<MoveState, "key">,
  underNotice: boolean,
  now: EpochMs,
): DrainProgress {
  if (node === undefined) return { kind: "over", detail: "the node has left the cluster" };
  if (underNotice)
    return { kind: "over", detail: "the node is under an interruption notice, which goes first" };
  const { drainRequest, drainState } = node;
  if (drainRequest.kind !== "value" || !isRequestOf(drainRequest.value.id, move.key)) {
    return { kind: "over", detail: "the request no longer stands on the node" };
  }
  const request = drainRequest.value;
  const state = drainState.kind === "value" && drainState.value.id === request.id ? drainState.value : null;
  if (state?.phase === "drained") return { kind: "drained" };
  if (state?.phase === "refused")
    return { kind: "over", detail: `the agent refused: ${state.reading?.detail ?? "no reading given"}` };
  if (state?.phase === "cancelled" || state?.phase === "final")
    return { kind: "over", detail: `the agent ended the drain: ${state.phase}` };
  if (elapsed(epochMs(request.deadline), now) > SLACK_MS) {
    return {
      kind: "over",
      detail: state === null ? "no agent answered by the deadline" : "not drained by the deadline",
    };
  }
  return {
    kind: "going",
    detail: state === null ? "waiting for the agent" : `the agent drains: ${state.phase}`,
  };
}
