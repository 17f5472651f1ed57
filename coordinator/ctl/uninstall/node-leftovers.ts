// What of ours stands on a node, and the change that takes it back. Pure: it is worked out again from the node as it is when
// it is written. What we did not put there stays: somebody else's cordon, a label of a pool, a label with another value.

import { readDrainState } from "../../../shared/contract/node-marks.ts";
import type { Node, Taint } from "../../../shared/model/kube.ts";
import {
  API_GROUP,
  EXCLUDED_BY_US,
  NODE_ANNOTATION,
  NODE_CONDITION,
  NODE_LABEL,
  TAINT,
} from "../../../shared/model/names.ts";
import type { NodeChange } from "../../../shared/runtime/kube/node-marks.ts";
import { retirementOf } from "../../act/retire.ts";

export interface NodeLeftovers {
  /** In words for people; empty: nothing of ours stands here. */
  readonly marks: readonly string[];
  /** Null: nothing of it is in the node's metadata or spec. */
  readonly change: NodeChange | null;
  /** Our condition stands in the node's status, which is written by itself. */
  readonly condition: boolean;
  /** What looks like ours and is not known to be, and so stays. */
  readonly doubts: readonly string[];
}

const PREFIX = `${API_GROUP}/`;
const OUR_TAINTS: readonly string[] = [TAINT.spotInterruption, TAINT.scaleDown];

export function leftoversOf(node: Node): NodeLeftovers {
  const { metadata, spec } = node;
  const annotations = Object.keys(metadata.annotations ?? {}).filter((name) => name.startsWith(PREFIX));
  const taints = (spec?.taints ?? []).filter(isOurs);
  const labelled = metadata.labels?.[NODE_LABEL.excludeFromLoadBalancers] === EXCLUDED_BY_US;
  const cordon = spec?.unschedulable === true ? cordonOwner(node) : "none";
  const condition = (node.status?.conditions ?? []).some(({ type }) => type === NODE_CONDITION.gpuHealthy);
  const marks = [
    ...(cordon === "ours" ? ["the cordon"] : []),
    ...taints.map(({ key, effect }) => `taint ${key}:${effect}`),
    ...(labelled ? [`label ${NODE_LABEL.excludeFromLoadBalancers}=${EXCLUDED_BY_US}`] : []),
    ...annotations.map((name) => `annotation ${name}`),
    ...(condition ? [`condition ${NODE_CONDITION.gpuHealthy}`] : []),
  ];
  const touches = cordon === "ours" || taints.length > 0 || labelled || annotations.length > 0;
  return {
    marks,
    change: touches ? changeOf(node, { annotations, taints, labelled, uncordon: cordon === "ours" }) : null,
    condition,
    doubts: cordon === "unknown" ? [doubtOf(node)] : [],
  };
}

function changeOf(
  { spec }: Node,
  found: {
    readonly annotations: readonly string[];
    readonly taints: readonly Taint[];
    readonly labelled: boolean;
    readonly uncordon: boolean;
  },
): NodeChange {
  return {
    ...(found.uncordon ? { unschedulable: false } : {}),
    ...(found.taints.length > 0 ? { taints: (spec?.taints ?? []).filter((taint) => !isOurs(taint)) } : {}),
    ...(found.labelled ? { labels: { [NODE_LABEL.excludeFromLoadBalancers]: null } } : {}),
    ...(found.annotations.length > 0
      ? { annotations: Object.fromEntries(found.annotations.map((name) => [name, null])) }
      : {}),
  };
}

function isOurs({ key }: Taint): boolean {
  return OUR_TAINTS.includes(key);
}

/** Whose the cordon is: the agent notes it in its state, the coordinator in its taint. */
export function cordonOwner({ metadata, spec }: Node): "ours" | "others" | "unknown" {
  const state = readDrainState(metadata.annotations?.[NODE_ANNOTATION.drainState]);
  const retirement = retirementOf(spec?.taints);
  // Where both have come, the one who came second found the node cordoned by the first.
  if (state.kind === "value" && state.value.cordonedByUs) return "ours";
  if (retirement !== null && !retirement.cordonedBefore) return "ours";
  if (state.kind === "value" || retirement !== null) return "others";
  const marked = state.kind === "malformed" || (spec?.taints ?? []).some(isOurs);
  return marked ? "unknown" : "others";
}

function doubtOf({ metadata }: Node): string {
  return `node ${metadata.name} is cordoned and nothing on it says by whom: kubectl uncordon ${metadata.name} if nobody else wants it so`;
}
