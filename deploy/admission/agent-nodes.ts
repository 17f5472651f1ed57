// What an agent may change of its node: cordon, its taints, the load-balancer label and its annotations, all of which a
// drain sets and takes back, and of the status the condition about the GPUs. What cordon.ts of the agent writes has to
// fit in here; test/e2e/admission.test.ts holds that.

import {
  EXCLUDED_BY_US,
  NODE_ANNOTATION,
  NODE_CONDITION,
  NODE_LABEL,
  TAINT,
} from "../../shared/model/names.ts";
import { literal, sameBut, sameEntriesBut } from "./cel.ts";
import {
  before,
  BOOKKEEPING,
  list,
  NODE_OF_TOKEN,
  now,
  onlyCondition,
  ownNode,
  statusVariables,
} from "./confined.ts";
import type { Parts } from "./confined.ts";

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

const BALANCERS = literal(NODE_LABEL.excludeFromLoadBalancers);
/** As it was, set where there was none, or removed where it was ours. */
const LEAVES_BALANCERS = [
  `variables.labels[?${BALANCERS}] == variables.labelsBefore[?${BALANCERS}]`,
  `!(${BALANCERS} in variables.labelsBefore) && variables.labels[${BALANCERS}] == ${literal(EXCLUDED_BY_US)}`,
  `!(${BALANCERS} in variables.labels) && variables.labelsBefore[${BALANCERS}] == ${literal(EXCLUDED_BY_US)}`,
].join(" || ");

export const NODES: Parts = {
  name: "gpu-autoscaler-agent-nodes",
  about:
    "An agent changes its own node only, and there only what a drain takes: cordon, taints, load-balancer label, annotations.",
  operations: ["UPDATE"],
  resources: ["nodes"],
  variables: [
    NODE_OF_TOKEN,
    now("metadata"),
    before("metadata"),
    now("metadata.labels"),
    before("metadata.labels"),
    now("metadata.annotations"),
    before("metadata.annotations"),
    now("spec"),
    before("spec"),
    list("taints", "dyn(variables.spec).?taints"),
    list("taintsBefore", "dyn(variables.specBefore).?taints"),
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
        `(${LEAVES_BALANCERS})`,
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

export const NODE_STATUS: Parts = {
  name: "gpu-autoscaler-agent-node-status",
  about: `Of a node's status an agent writes the condition ${NODE_CONDITION.gpuHealthy} of its own node only.`,
  operations: ["UPDATE"],
  resources: ["nodes/status"],
  variables: statusVariables(),
  validations: [ownNode(), ...onlyCondition("a node", NODE_CONDITION.gpuHealthy, "the kubelet")],
};

function isOurTaint(taint: string): string {
  // With a value it is the coordinator's note on a node that it retires.
  const scaleDown = `(${taint}.key == ${literal(TAINT.scaleDown)} && ${taint}.?value.orValue("") == "")`;
  return `${taint}.key == ${literal(TAINT.spotInterruption)} || ${scaleDown}`;
}

function equal(key: string): string {
  return `(${key} in variables.annotationsBefore && variables.annotationsBefore[${key}] == variables.annotations[${key}])`;
}
