// Keeps pods away from a node that is about to go, empty or emptied by us, and undoes exactly that. Whose cordon it is stands in
// our taint's value beside the move that it belongs to, so a restarted coordinator can tell what to take back; a
// cordon that somebody else had set before stays.

import type { Node, Taint } from "../../shared/model/kube.ts";
import { TAINT } from "../../shared/model/names.ts";
import { kindOf } from "../../shared/runtime/errors.ts";
import { updateNode, withoutTaint, withTaint } from "../../shared/runtime/kube/node-marks.ts";
import type { NodeChange } from "../../shared/runtime/kube/node-marks.ts";
import type { ActContext } from "./context.ts";
import { moveHash } from "./moves.ts";

export interface Retirement {
  /** `walk`: the coordinator evicts its pods. */
  readonly kind: "empty" | "walk";
  /** Of the move's key. */
  readonly hash: string;
  readonly cordonedBefore: boolean;
}

/** `empty-<hash>` or `walk-<hash>`, with `kept-` when the node was cordoned before us. The agent's own values look different. */
const VALUE = /^(empty|walk)-(kept-)?([0-9a-f]{12})$/;

export function retirementOf(taints: readonly Taint[] | undefined): Retirement | null {
  const taint = taints?.find(({ key }) => key === TAINT.scaleDown);
  const [, kind, kept, hash] = VALUE.exec(taint?.value ?? "") ?? [];
  if (hash === undefined) return null;
  return { kind: kind === "walk" ? "walk" : "empty", hash, cordonedBefore: kept !== undefined };
}

/** Cordons and taints in one request. Twice is once. */
export async function retireNode(
  context: ActContext,
  name: string,
  key: string,
  kind: Retirement["kind"] = "empty",
): Promise<void> {
  await updateNode(context.client, name, (node) => retired(node, moveHash(key), kind), {
    ...context.call(),
    clock: context.clock,
    random: context.random,
  });
}

/** Takes our taint off, and the cordon if it is ours. A node that is gone needs nothing. */
export async function restoreNode(context: ActContext, name: string): Promise<void> {
  try {
    await updateNode(context.client, name, restored, {
      ...context.call(),
      clock: context.clock,
      random: context.random,
    });
  } catch (error) {
    if (kindOf(error) !== "not-found") throw error;
  }
}

function retired(node: Node, hash: string, kind: Retirement["kind"]): NodeChange | null {
  const before = retirementOf(node.spec?.taints);
  const cordoned = node.spec?.unschedulable === true;
  if (before?.hash === hash && before.kind === kind && cordoned) return null;
  const foreign = before === null ? cordoned : before.cordonedBefore;
  const value = `${kind}-${foreign ? "kept-" : ""}${hash}`;
  return {
    unschedulable: true,
    taints: withTaint(node.spec?.taints, { key: TAINT.scaleDown, value, effect: "NoSchedule" }),
  };
}

function restored(node: Node): NodeChange | null {
  const ours = retirementOf(node.spec?.taints);
  if (ours === null) return null;
  const taints = withoutTaint(node.spec?.taints, TAINT.scaleDown, "NoSchedule");
  return ours.cordonedBefore ? { taints } : { unschedulable: false, taints };
}
