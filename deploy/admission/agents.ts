// What the API server lets an agent's service account do, beyond RBAC, which knows no "its own node": each agent changes
// its own node and the pods on it, and there only what a drain takes. Which node that is says the token that it comes
// with. Reads are not held here: admission does not see them.

import {
  DISRUPTION,
  EXCLUDED_BY_US,
  NODE_ANNOTATION,
  NODE_CLAIM,
  NODE_CONDITION,
  NODE_LABEL,
  POD_ANNOTATION,
  TAINT,
} from "../../shared/model/names.ts";
import { literal, mapOf, policyWithBinding, sameBut, sameEntriesBut } from "./cel.ts";
import type { AdmissionObject, PolicyParts, Validation, Variable } from "./cel.ts";

/** What an agent writes on its node and takes off again. */
const OWN_ANNOTATIONS: readonly string[] = [
  NODE_ANNOTATION.drainState,
  NODE_ANNOTATION.interruptionSource,
  NODE_ANNOTATION.interruptionHint,
  NODE_ANNOTATION.interruptionWarning,
  NODE_ANNOTATION.terminationTime,
];
/** What people add to a drill, and an agent only takes off when the drill ends by itself. */
const DRILL_OPTIONS: readonly string[] = [
  NODE_ANNOTATION.drillReplace,
  NODE_ANNOTATION.drillUnmanaged,
  NODE_ANNOTATION.drillAutoUncordon,
];
/** The server's own notes on a change. */
const BOOKKEEPING: readonly string[] = ["managedFields", "resourceVersion", "generation"];

/** Empty where the token is bound to no pod; then nothing is its own. */
export const NODE_OF_TOKEN: Variable = {
  name: "node",
  expression: `request.userInfo.?extra[?${literal(NODE_CLAIM)}].orValue([""])[0]`,
};

const NOW = (path: string): Variable => ({ name: nameOf(path), expression: mapOf("object", path) });
const BEFORE = (path: string): Variable => ({
  name: `${nameOf(path)}Before`,
  expression: mapOf("oldObject", path),
});
const LIST = (variable: string, from: string): Variable => ({
  name: variable,
  expression: `${from}.orValue([])`,
});

/** Agents are confined in everything but evictions, which cost more: see evictionPolicy. */
export function agentPolicies(agent: string): readonly AdmissionObject[] {
  const common = { onlyWhen: [isAgent(agent)] };
  return [NODES, NODE_STATUS, PODS, POD_STATUS, EXEC].flatMap((parts) =>
    policyWithBinding({ ...common, ...parts }),
  );
}

/**
 * Evictions of pods of other nodes. An eviction does not say where its pod is, so that the server looks at each pod of
 * the namespace in turn: the larger the namespace, the longer each eviction takes.
 */
export function evictionPolicy(agent: string): readonly AdmissionObject[] {
  return policyWithBinding({ ...EVICTIONS, onlyWhen: [isAgent(agent)] });
}

function isAgent(agent: string): { readonly name: string; readonly expression: string } {
  return { name: "is-an-agent", expression: `request.userInfo.username == ${literal(agent)}` };
}

type Parts = Omit<PolicyParts, "onlyWhen">;

const NODES: Parts = {
  name: "gpu-autoscaler-agent-nodes",
  about:
    "An agent changes its own node only, and there only what a drain takes: cordon, taints, load-balancer label, annotations.",
  operations: ["UPDATE"],
  resources: ["nodes"],
  variables: [
    NODE_OF_TOKEN,
    NOW("metadata"),
    BEFORE("metadata"),
    NOW("metadata.labels"),
    BEFORE("metadata.labels"),
    NOW("metadata.annotations"),
    BEFORE("metadata.annotations"),
    NOW("spec"),
    BEFORE("spec"),
    LIST("taints", "dyn(variables.spec).?taints"),
    LIST("taintsBefore", "dyn(variables.specBefore).?taints"),
  ],
  validations: [
    ownNode(),
    {
      expression: sameBut("variables.spec", "variables.specBefore", ["unschedulable", "taints"]),
      message:
        "of a node's spec an agent changes unschedulable and its own taints and nothing else; other fields are for the cloud's controllers and for people",
    },
    {
      expression: sameEntriesBut("variables.taints", "variables.taintsBefore", isOurTaint("e")),
      message: `an agent sets and removes the taints ${TAINT.spotInterruption}, and ${TAINT.scaleDown} without a value; every other taint has to stay in the list as it is, so read the node again and send its list with it`,
    },
    {
      expression: `variables.taints.all(e, e.effect == "NoSchedule" || e in variables.taintsBefore)`,
      message:
        "an agent's taints have the effect NoSchedule: NoExecute would delete every pod of the node at once, past all budgets; evict the pods instead",
    },
    {
      expression: [
        sameBut("variables.labels", "variables.labelsBefore", [NODE_LABEL.excludeFromLoadBalancers]),
        `(${labelIs("variables.labels")} == ${labelIs("variables.labelsBefore")}` +
          ` || [${labelIs("variables.labels")}, ${labelIs("variables.labelsBefore")}].all(v, v in ["", ${literal(EXCLUDED_BY_US)}])` +
          ` && size(variables.labels) != size(variables.labelsBefore))`,
      ].join(" && "),
      message: `of a node's labels an agent sets ${NODE_LABEL.excludeFromLoadBalancers}=${EXCLUDED_BY_US} where there is none, and removes it where it has that value; other labels are for the kubelet, the cloud's controllers and people`,
    },
    {
      expression: [
        sameBut("variables.annotations", "variables.annotationsBefore", [
          ...OWN_ANNOTATIONS,
          ...DRILL_OPTIONS,
        ]),
        `${literal(DRILL_OPTIONS)}.all(k, !(k in variables.annotations) || ${equal("k")})`,
      ].join(" && "),
      message: `of a node's annotations an agent writes ${OWN_ANNOTATIONS.join(", ")}, and removes ${DRILL_OPTIONS.join(", ")}; what a drill does beside is for whoever asks for it (gpuasctl drill)`,
    },
    {
      expression: sameBut("variables.metadata", "variables.metadataBefore", [
        "labels",
        "annotations",
        ...BOOKKEEPING,
      ]),
      message:
        "an agent changes no owner and no finalizer of a node, nor anything else of its metadata but labels and annotations; leave them out of the request",
    },
  ],
};

const NODE_STATUS: Parts = {
  name: "gpu-autoscaler-agent-node-status",
  about: `Of a node's status an agent writes the condition ${NODE_CONDITION.gpuHealthy} of its own node only.`,
  operations: ["UPDATE"],
  resources: ["nodes/status"],
  variables: statusVariables(),
  validations: [ownNode(), ...onlyCondition("a node", NODE_CONDITION.gpuHealthy, "the kubelet")],
};

const PODS: Parts = {
  name: "gpu-autoscaler-agent-pods",
  about: `An agent deletes pods of its own node only, and of pods there it changes the annotation ${POD_ANNOTATION.terminationDeadline} only.`,
  operations: ["UPDATE", "DELETE"],
  resources: ["pods"],
  variables: [
    NODE_OF_TOKEN,
    NOW("metadata"),
    BEFORE("metadata"),
    NOW("metadata.annotations"),
    BEFORE("metadata.annotations"),
    NOW("spec"),
    BEFORE("spec"),
  ],
  validations: [
    ownPod(),
    {
      expression: [
        `request.operation == "DELETE" || (${sameBut("variables.spec", "variables.specBefore", [])}`,
        sameBut("variables.metadata", "variables.metadataBefore", ["annotations", ...BOOKKEEPING]),
        `${sameBut("variables.annotations", "variables.annotationsBefore", [POD_ANNOTATION.terminationDeadline])})`,
      ].join(" && "),
      message: `of a pod an agent changes the annotation ${POD_ANNOTATION.terminationDeadline} and nothing else; leave the rest out of the request`,
    },
  ],
};

const POD_STATUS: Parts = {
  name: "gpu-autoscaler-agent-pod-status",
  about: `Of a pod's status an agent writes the condition ${DISRUPTION.condition} of pods of its own node only.`,
  operations: ["UPDATE"],
  resources: ["pods/status"],
  variables: statusVariables(),
  validations: [ownPod(), ...onlyCondition("a pod", DISRUPTION.condition, "the kubelet")],
};

const EXEC: Parts = {
  name: "gpu-autoscaler-agent-exec",
  about: "An agent runs commands in pods of its own node only.",
  operations: ["CONNECT"],
  resources: ["pods/exec"],
  forEachPod: true,
  variables: [NODE_OF_TOKEN],
  validations: [podOfToken("an agent runs commands in pods of its own node only")],
};

const EVICTIONS: Parts = {
  name: "gpu-autoscaler-agent-evictions",
  about:
    "An agent evicts pods of its own node only. Every pod of the namespace is looked at for each eviction by an agent.",
  operations: ["CREATE"],
  resources: ["pods/eviction"],
  forEachPod: true,
  variables: [NODE_OF_TOKEN],
  validations: [podOfToken("an agent evicts pods of its own node only")],
};

const OTHER_AGENT =
  "the agent of that node has to do it; where a token is of no node, mount the one that the kubelet makes for the pod (a projected serviceAccountToken)";

function ownNode(): Validation {
  return {
    expression: `variables.node != "" && request.name == variables.node`,
    message: `an agent changes its own node only; ${OTHER_AGENT}`,
    messageExpression: `"an agent changes its own node only, and this one is of node \\"" + variables.node + "\\", not of " + request.name + "; ${OTHER_AGENT}"`,
  };
}

function ownPod(): Validation {
  return {
    expression: `variables.node != "" && dyn(oldObject).spec.?nodeName.orValue("") == variables.node`,
    message: `an agent touches pods of its own node only; ${OTHER_AGENT}`,
    messageExpression: `"an agent touches pods of its own node only, and this one is of node \\"" + variables.node + "\\", the pod on \\"" + dyn(oldObject).spec.?nodeName.orValue("") + "\\"; ${OTHER_AGENT}"`,
  };
}

/** Names differ for all pods but one, so that they are compared first. */
function podOfToken(sentence: string): Validation {
  return {
    expression: `params.metadata.name != request.name || (variables.node != "" && params.spec.?nodeName.orValue("") == variables.node)`,
    message: `${sentence}; ${OTHER_AGENT}`,
  };
}

function isOurTaint(taint: string): string {
  // With a value it is the coordinator's note on a node that it retires.
  const scaleDown = `(${taint}.key == ${literal(TAINT.scaleDown)} && ${taint}.?value.orValue("") == "")`;
  return `${taint}.key == ${literal(TAINT.spotInterruption)} || ${scaleDown}`;
}

function labelIs(labels: string): string {
  return `${labels}[?${literal(NODE_LABEL.excludeFromLoadBalancers)}].orValue("")`;
}

function equal(key: string): string {
  return `(${key} in variables.annotationsBefore && variables.annotationsBefore[${key}] == variables.annotations[${key}])`;
}

function statusVariables(): readonly Variable[] {
  return [
    NODE_OF_TOKEN,
    NOW("metadata"),
    BEFORE("metadata"),
    NOW("status"),
    BEFORE("status"),
    LIST("conditions", "dyn(variables.status).?conditions"),
    LIST("conditionsBefore", "dyn(variables.statusBefore).?conditions"),
  ];
}

/** Who may write a status may write labels and annotations with it, so that they are held as well. */
function onlyCondition(of: string, type: string, owner: string): readonly Validation[] {
  return [
    {
      expression: [
        sameBut("variables.status", "variables.statusBefore", ["conditions"]),
        sameEntriesBut(
          "variables.conditions",
          "variables.conditionsBefore",
          `e.type == ${literal(type)}`,
        ),
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
