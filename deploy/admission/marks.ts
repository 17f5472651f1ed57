// Who may write the annotations by which nodes are emptied: an agent on its own node, the coordinator, and whoever RBAC
// lets hold drills. It holds for everybody, administrators by what RBAC gives them. A request that changes none of these
// annotations, as those of kubelets and cloud controllers are, is never looked at further.

import { DRILL_ANNOTATIONS } from "../../shared/contract/drill-permit.ts";
import { API_GROUP, DRILLS, NODE_ANNOTATION } from "../../shared/model/names.ts";
import { literal, mapOf, policyWithBinding } from "./cel.ts";
import type { AdmissionObject, Validation } from "./cel.ts";
import { NODE_OF_TOKEN } from "./confined.ts";

/** What an agent alone writes. */
const AGENT_MARKS: readonly string[] = [
  NODE_ANNOTATION.drainState,
  NODE_ANNOTATION.interruptionSource,
  NODE_ANNOTATION.interruptionHint,
];
const COORDINATOR_MARKS: readonly string[] = [NODE_ANNOTATION.drainRequest];
const MARKS = [...AGENT_MARKS, ...COORDINATOR_MARKS, ...DRILL_ANNOTATIONS];

const RESOURCE = `${DRILLS}.${API_GROUP}`;
export const DRILLS_ROLE = "gpu-autoscaler-drills";

export interface Writers {
  /** User names of service accounts. */
  readonly agent: string;
  readonly coordinator: string;
}

export function markPolicy({ agent, coordinator }: Writers): readonly AdmissionObject[] {
  const now = mapOf("object", "metadata.annotations");
  // What is created has no predecessor.
  const before = `(dyn(oldObject) == null ? {} : ${mapOf("oldObject", "metadata.annotations")})`;
  const differs = `${now}[?k] != ${before}[?k]`;
  return policyWithBinding({
    name: "gpu-autoscaler-node-marks",
    about: "Who may write the annotations of nodes that start, ask for and tell of drains.",
    operations: ["CREATE", "UPDATE"],
    // Labels and annotations may be written with a status as well.
    resources: ["nodes", "nodes/status"],
    onlyWhen: [{ name: "a-mark-changes", expression: `${literal(MARKS)}.exists(k, ${differs})` }],
    variables: [
      NODE_OF_TOKEN,
      { name: "name", expression: "dyn(object).metadata.?name.orValue(request.name)" },
      { name: "annotations", expression: now },
      { name: "changed", expression: `${literal(MARKS)}.filter(k, ${differs})` },
      {
        name: "byAgent",
        expression: `request.userInfo.username == ${literal(agent)} && variables.node != "" && variables.node == variables.name`,
      },
      { name: "byCoordinator", expression: `request.userInfo.username == ${literal(coordinator)}` },
      { name: "mayDrill", expression: mayDrills("create") },
      { name: "mayClear", expression: mayDrills("delete") },
    ],
    validations: [
      only(
        AGENT_MARKS,
        "byAgent",
        `is written by the agent of that node alone (${agent}, with a token bound to a pod there); to empty the node hold a drill: gpuasctl drill`,
      ),
      only(
        COORDINATOR_MARKS,
        "byCoordinator",
        `is written by the coordinator alone (${coordinator}); to empty the node hold a drill (gpuasctl drill) or use kubectl drain`,
      ),
      only(
        DRILL_ANNOTATIONS,
        "byAgent || variables.mayDrill",
        `is for those who may create ${RESOURCE}; ask for the ClusterRole ${DRILLS_ROLE}: kubectl create clusterrolebinding NAME --clusterrole=${DRILLS_ROLE} --user=USER`,
      ),
    ],
  });
}

/** The right by which RBAC grants drills. Changing nodes is another one, which its holder needs as well. */
export function drillsRole(): AdmissionObject {
  return {
    apiVersion: "rbac.authorization.k8s.io/v1",
    kind: "ClusterRole",
    metadata: { name: DRILLS_ROLE },
    rules: [{ apiGroups: [API_GROUP], resources: [DRILLS], verbs: ["create"] }],
  };
}

/** Whoever else: only to take one off, where its agent is gone. */
function only(marks: readonly string[], writer: string, sentence: string): Validation {
  const cleared = "(variables.mayClear && !(k in variables.annotations))";
  const way = `${sentence}. Whoever may delete ${RESOURCE} may take it off where that agent is gone`;
  const found = `variables.changed.filter(k, k in ${literal(marks)})`;
  return {
    expression: `${found}.all(k, variables.${writer} || ${cleared})`,
    message: `${marks.join(", ")}: ${way}`,
    messageExpression: `"node " + variables.name + ": " + ${found}.join(", ") + " " + ${literal(way)}`,
  };
}

/** Asked of the cluster's own authorizers, for the user of this request and the node of that name. */
function mayDrills(verb: "create" | "delete"): string {
  return `authorizer.group(${literal(API_GROUP)}).resource(${literal(DRILLS)}).name(variables.name).check(${literal(verb)}).allowed()`;
}
