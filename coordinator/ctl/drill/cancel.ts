// Ends a drill: takes the annotations away that asked for it and waits until its agent has taken its marks back. What a
// real notice has put on a node is left alone.

import { DRILL_ANNOTATIONS } from "../../../shared/contract/drill-permit.ts";
import type { Node } from "../../../shared/model/kube.ts";
import { millis } from "../../../shared/model/units.ts";
import type { Clock } from "../../../shared/runtime/clock.ts";
import { AppError, kindOf } from "../../../shared/runtime/errors.ts";
import type { CallOptions, KubeClient } from "../../../shared/runtime/kube/client.ts";
import { RESOURCE } from "../../../shared/runtime/kube/resources.ts";
import { isDrillState, leftOf, standingOf, stateOn } from "./standing.ts";

export interface CancelOptions extends Pick<CallOptions, "signal"> {
  readonly client: Pick<KubeClient, "get" | "mergePatch">;
  readonly node: string;
  readonly clock: Clock;
}

export interface Cancelled {
  readonly node: string;
  /** False: no drill stood here, and nothing was done. */
  readonly stood: boolean;
  /** It was cordoned by somebody else before the drill, and still is. */
  readonly cordoned: boolean;
}

const LOOK = millis(300);
const MARKS_WITHIN_MS = 30_000;

/** @throws AppError refused on a node under a real notice; timeout with what is still there. */
export async function cancelDrill(options: CancelOptions): Promise<Cancelled> {
  const { client, clock, signal } = options;
  const ref = { name: options.node };
  const before = await readNode(options);
  const standing = standingOf(before);
  if (standing.kind === "real")
    throw new AppError(
      "refused",
      `node ${ref.name} is under a notice of ${standing.source}: that is no drill, and it does not end by this`,
    );
  const words = DRILL_ANNOTATIONS.filter((name) => before.metadata.annotations?.[name] !== undefined);
  const state = stateOn(before);
  const cordonIsOurs = state !== null && isDrillState(state) && state.cordonedByUs;
  const isCordoned = (node: Node): boolean => node.spec?.unschedulable === true;
  if (words.length === 0 && leftOf(before, cordonIsOurs).length === 0)
    return { node: ref.name, stood: false, cordoned: isCordoned(before) };

  if (words.length > 0) {
    const annotations = Object.fromEntries(words.map((name) => [name, null]));
    await client.mergePatch(RESOURCE.nodes, ref, { metadata: { annotations } }, { signal });
  }
  const giveUpAt = clock.monotonic() + MARKS_WITHIN_MS;
  for (;;) {
    const node = await readNode(options);
    const left = leftOf(node, cordonIsOurs);
    if (left.length === 0) return { node: ref.name, stood: true, cordoned: isCordoned(node) };
    if (clock.monotonic() >= giveUpAt) throw stillThere(ref.name, left);
    await clock.sleep(LOOK, signal);
  }
}

async function readNode({ client, node, signal }: CancelOptions): Promise<Node> {
  try {
    return await client.get(RESOURCE.nodes, { name: node }, { signal });
  } catch (error) {
    if (kindOf(error) !== "not-found") throw error;
    throw new AppError("not-found", `there is no node ${node}: a drill goes with its node`, { cause: error });
  }
}

function stillThere(node: string, left: readonly string[]): AppError {
  return new AppError(
    "timeout",
    `the drill of node ${node} is not asked for any more, and after ${MARKS_WITHIN_MS / 1000} s there is still ${left.join(", ")}; its agent takes that back as soon as it runs: see its pod on the node`,
  );
}
