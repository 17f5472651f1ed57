// What an agent may do to pods: delete, evict and mark those of its own node, say of them why they end, and run a
// checkpoint command in them. Where a request does not say on which node its pod is, the server looks for the pod.

import { DISRUPTION, POD_ANNOTATION } from "../../shared/model/names.ts";
import { sameBut } from "./cel.ts";
import {
  before,
  BOOKKEEPING,
  NODE_OF_TOKEN,
  now,
  onlyCondition,
  ownPod,
  podOfToken,
  statusVariables,
} from "./confined.ts";
import type { Parts } from "./confined.ts";

export const PODS: Parts = {
  name: "gpu-autoscaler-agent-pods",
  about: `An agent deletes pods of its own node only, and of pods there it changes the annotation ${POD_ANNOTATION.terminationDeadline} only.`,
  operations: ["UPDATE", "DELETE"],
  resources: ["pods"],
  variables: [
    NODE_OF_TOKEN,
    now("metadata"),
    before("metadata"),
    now("metadata.annotations"),
    before("metadata.annotations"),
    now("spec"),
    before("spec"),
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

export const POD_STATUS: Parts = {
  name: "gpu-autoscaler-agent-pod-status",
  about: `Of a pod's status an agent writes the condition ${DISRUPTION.condition} of pods of its own node only.`,
  operations: ["UPDATE"],
  resources: ["pods/status"],
  variables: statusVariables(),
  validations: [ownPod(), ...onlyCondition("a pod", DISRUPTION.condition, "the kubelet")],
};

export const EXEC: Parts = {
  name: "gpu-autoscaler-agent-exec",
  about: "An agent runs commands in pods of its own node only.",
  operations: ["CONNECT"],
  resources: ["pods/exec"],
  forEachPod: true,
  variables: [NODE_OF_TOKEN],
  validations: [podOfToken("an agent runs commands in pods of its own node only")],
};

export const EVICTIONS: Parts = {
  name: "gpu-autoscaler-agent-evictions",
  about:
    "An agent evicts pods of its own node only. Every pod of the namespace is looked at for each eviction by an agent.",
  operations: ["CREATE"],
  resources: ["pods/eviction"],
  forEachPod: true,
  variables: [NODE_OF_TOKEN],
  validations: [podOfToken("an agent evicts pods of its own node only")],
};
