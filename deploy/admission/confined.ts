// What the policies on agents have in common: whose token it is, whose node and pods are its own, and that of a status it
// writes one condition. Which resource is held to what stands in agent-nodes.ts and agent-pods.ts.

import { NODE_CLAIM } from "../../shared/model/names.ts";
import { literal, mapOf, sameBut, sameEntriesBut } from "./cel.ts";
import type { PolicyParts, Validation, Variable } from "./cel.ts";

export type Parts = Omit<PolicyParts, "onlyWhen">;

/** The server's own notes on a change. */
export const BOOKKEEPING: readonly string[] = ["managedFields", "resourceVersion", "generation"];

/** Empty where the token is bound to no pod; then nothing is its own. */
export const NODE_OF_TOKEN: Variable = {
  name: "node",
  expression: `request.userInfo.?extra[?${literal(NODE_CLAIM)}].orValue([""])[0]`,
};

export function now(path: string): Variable {
  return { name: nameOf(path), expression: mapOf("object", path) };
}

export function before(path: string): Variable {
  return {
    name: `${nameOf(path)}Before`,
    expression: mapOf("oldObject", path),
  };
}

export function list(variable: string, from: string): Variable {
  return {
    name: variable,
    expression: `${from}.orValue([])`,
  };
}

const OTHER_AGENT =
  "the agent of that node has to do it; where a token is of no node, mount the one that the kubelet makes for the pod (a projected serviceAccountToken)";

export function ownNode(): Validation {
  return {
    expression: `variables.node != "" && request.name == variables.node`,
    message: `an agent changes its own node only; ${OTHER_AGENT}`,
    messageExpression: `"an agent changes its own node only, and this one is of node \\"" + variables.node + "\\", not of " + request.name + "; ${OTHER_AGENT}"`,
  };
}

export function ownPod(): Validation {
  return {
    expression: `variables.node != "" && dyn(oldObject).spec.?nodeName.orValue("") == variables.node`,
    message: `an agent touches pods of its own node only; ${OTHER_AGENT}`,
    messageExpression: `"an agent touches pods of its own node only, and this one is of node \\"" + variables.node + "\\", the pod on \\"" + dyn(oldObject).spec.?nodeName.orValue("") + "\\"; ${OTHER_AGENT}"`,
  };
}

/** Names differ for all pods but one, so that they are compared first. */
export function podOfToken(sentence: string): Validation {
  return {
    expression: `params.metadata.name != request.name || (variables.node != "" && params.spec.?nodeName.orValue("") == variables.node)`,
    message: `${sentence}; ${OTHER_AGENT}`,
  };
}

export function statusVariables(): readonly Variable[] {
  return [
    NODE_OF_TOKEN,
    now("metadata"),
    before("metadata"),
    now("status"),
    before("status"),
    list("conditions", "dyn(variables.status).?conditions"),
    list("conditionsBefore", "dyn(variables.statusBefore).?conditions"),
  ];
}

/** Who may write a status may write labels and annotations with it, so that they are held as well. */
export function onlyCondition(of: string, type: string, owner: string): readonly Validation[] {
  return [
    {
      expression: [
        sameBut("variables.status", "variables.statusBefore", ["conditions"]),
        sameEntriesBut("variables.conditions", "variables.conditionsBefore", `e.type == ${literal(type)}`),
      ].join(" && "),
      message: `of the status of ${of} an agent writes the condition ${type} and nothing else, which is for ${owner}; apply that one condition by server-side apply`,
    },
    {
      expression: sameBut("variables.metadata", "variables.metadataBefore", BOOKKEEPING),
      message: `with the status of ${of} an agent changes no metadata; labels and annotations go to the object itself`,
    },
  ];
}

/** metadata.labels is `labels`. */
function nameOf(path: string): string {
  return path.slice(path.lastIndexOf(".") + 1);
}
