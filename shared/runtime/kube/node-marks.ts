// Changes what we own on a node (cordon, taints, annotations, labels) in one request. The change is computed
// from the node as it is and written only if the node is still that one: spec.taints is replaced as a whole by
// a merge patch, and without the check somebody else's taint would be lost.

import type { Node, Taint } from "../../model/kube.ts";
import type { Random } from "../../model/random.ts";
import { millis } from "../../model/units.ts";
import type { Clock } from "../clock.ts";
import { retry } from "../retry.ts";
import type { CallOptions, NodePatcher } from "./client.ts";
import { RESOURCE } from "./resources.ts";

export interface NodeChange {
  readonly unschedulable?: boolean;
  /** The whole list as it shall be; see withTaint and withoutTaint. */
  readonly taints?: readonly Taint[];
  /** null removes. */
  readonly annotations?: Readonly<Record<string, string | null>>;
  readonly labels?: Readonly<Record<string, string | null>>;
}

/** A node changes seldom, so a second conflict in a row is rare and a fourth means that somebody fights us. */
const ATTEMPTS = 4;

export interface UpdateNodeOptions extends CallOptions {
  readonly clock: Clock;
  readonly random: Random;
  /** The node as a watch knows it: saves the first read when a notice leaves no time for it. */
  readonly known?: Node | undefined;
}

/**
 * Reads the node, asks `change` what to do, writes that. Somebody else's write in between is a conflict: read
 * again, ask again, three times. `change` returns null to leave the node alone.
 * @returns the node as written, or as read when there was nothing to write.
 * @throws AppError conflict after the last attempt, else what the calls throw.
 */
export async function updateNode(
  client: NodePatcher,
  name: string,
  change: (node: Node) => NodeChange | null,
  options: UpdateNodeOptions,
): Promise<Node> {
  const { clock, random, signal, deadlineMs } = options;
  const limits = { signal, deadlineMs };
  return await retry(
    async (attempt) => {
      // A watch may be late. What it shows is good enough to write on, since a version that has passed is refused;
      // that there is nothing to write is believed only of the node itself.
      const known = attempt === 1 ? options.known : undefined;
      const fromKnown = known === undefined ? null : change(known);
      const node =
        known === undefined || fromKnown === null
          ? await client.get(RESOURCE.nodes, { name }, limits)
          : known;
      const wanted = fromKnown ?? change(node);
      if (wanted === null) return node;
      return await client.mergePatch(RESOURCE.nodes, { name }, nodePatch(node, wanted), limits);
    },
    {
      clock,
      random,
      ...(signal === undefined ? {} : { signal }),
      attempts: ATTEMPTS,
      kinds: ["conflict"],
      baseMs: millis(20),
      capMs: millis(200),
    },
  );
}

/** Writes a change without a look at what the node is now: for what no other hand's write can be lost by. */
export async function patchNode(
  client: NodePatcher,
  name: string,
  change: Omit<NodeChange, "taints">,
  limits: CallOptions,
): Promise<Node> {
  return await client.mergePatch(RESOURCE.nodes, { name }, nodePatch(undefined, change), limits);
}

function nodePatch(node: Node | undefined, change: NodeChange): object {
  const { unschedulable, taints, annotations, labels } = change;
  const resourceVersion = node?.metadata.resourceVersion;
  const spec = {
    // false is the absence of the field, so removing it is what leaves the node as it was before a cordon.
    ...(unschedulable === undefined ? {} : { unschedulable: unschedulable ? true : null }),
    ...(taints === undefined ? {} : { taints: taints.length === 0 ? null : taints }),
  };
  return {
    metadata: {
      ...(resourceVersion === undefined ? {} : { resourceVersion }),
      ...(annotations === undefined ? {} : { annotations }),
      ...(labels === undefined ? {} : { labels }),
    },
    ...(Object.keys(spec).length === 0 ? {} : { spec }),
  };
}

/** The list with this taint in the place of any of the same key and effect. */
export function withTaint(taints: readonly Taint[] | undefined, taint: Taint): readonly Taint[] {
  return [...withoutTaint(taints, taint.key, taint.effect), taint];
}

/** The list without the taints of this key (and effect, if given). */
export function withoutTaint(
  taints: readonly Taint[] | undefined,
  key: string,
  effect?: Taint["effect"],
): readonly Taint[] {
  return (taints ?? []).filter(
    (taint) => taint.key !== key || (effect !== undefined && taint.effect !== effect),
  );
}
