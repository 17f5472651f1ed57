// A Node as a decision reads it, without what its agent reports. What cannot be read offers nothing or is left out,
// and is never guessed.

import { readDrainRequest, readDrainState, readInterruptionHint } from "../../shared/contract/node-marks.ts";
import { parseInstant } from "../../shared/model/instant.ts";
import type { Node } from "../../shared/model/kube.ts";
import { NODE_ANNOTATION, NODE_CONDITION } from "../../shared/model/names.ts";
import { readiness } from "../../shared/model/node.ts";
import { NO_RESOURCES, parseResources } from "../../shared/model/resources.ts";
import type { Resources } from "../../shared/model/resources.ts";
import type { NodeInput } from "../decide/snapshot.ts";
import { conditionOf, instant, messageOf, optionalInstant } from "./fields.ts";
import type { BareNode, OnProblem } from "./inputs.ts";

/** Allocatable that cannot be read offers nothing: no pod is placed there, and nothing is removed for it. */
export function nodeInput(node: Node, onProblem: OnProblem): BareNode {
  const { name, labels = {}, annotations = {} } = node.metadata;
  let allocatable: Resources = NO_RESOURCES;
  try {
    allocatable = parseResources(node.status?.allocatable);
  } catch (error) {
    onProblem({ kind: "node", name, detail: `status.allocatable: ${messageOf(error)}` });
  }
  const hint = readInterruptionHint(annotations[NODE_ANNOTATION.interruptionHint]);
  if (hint.kind === "malformed")
    onProblem({ kind: "node", name, detail: `${NODE_ANNOTATION.interruptionHint}: ${hint.why}` });
  return {
    name,
    labels,
    annotations,
    taints: node.spec?.taints ?? [],
    unschedulable: node.spec?.unschedulable === true,
    ready: readiness(node),
    createdAt: instant(node.metadata.creationTimestamp),
    allocatable,
    drainState: readDrainState(annotations[NODE_ANNOTATION.drainState]),
    drainRequest: readDrainRequest(annotations[NODE_ANNOTATION.drainRequest]),
    ...capacityOf(node),
    ...optionalInstant("readyChangedAt", conditionOf(node, "Ready")?.lastTransitionTime),
    ...gpuHealthOf(node),
  };
}

/** Shown beside allocatable and never placed on: one that cannot be read is as good as none. */
function capacityOf(node: Node): Pick<NodeInput, "capacity"> {
  if (node.status?.capacity === undefined) return {};
  try {
    return { capacity: parseResources(node.status.capacity) };
  } catch {
    return {};
  }
}

/** Illness counts from its beginning, so one of which nobody says since when is not known to be any. */
function gpuHealthOf(node: Node): Pick<NodeInput, "gpuHealth"> {
  const condition = conditionOf(node, NODE_CONDITION.gpuHealthy);
  if (condition === undefined) return {};
  const { status, reason = "", message = "", lastTransitionTime = "" } = condition;
  const since = parseInstant(lastTransitionTime);
  const verdict = status === "True" ? "healthy" : status === "False" ? "ill" : "unknown";
  return {
    gpuHealth: {
      verdict: since === null ? "unknown" : verdict,
      since: since ?? instant(node.metadata.creationTimestamp),
      detail: [reason, message].filter(Boolean).join(": "),
    },
  };
}
