// What the API server lets an agent's service account do, beyond RBAC, which knows no "its own node": each agent changes
// its own node and the pods on it, and there only what a drain takes. Which node that is says the token that it comes
// with. Reads are not held here: admission does not see them.

import { NODES, NODE_STATUS } from "./agent-nodes.ts";
import { EVICTIONS, EXEC, PODS, POD_STATUS } from "./agent-pods.ts";
import { literal, policyWithBinding } from "./cel.ts";
import type { AdmissionObject } from "./cel.ts";

/** Agents are confined in everything but evictions, which cost more. `agent` is the user name of their account. */
export function agentPolicies(agent: string): readonly AdmissionObject[] {
  const onlyWhen = [isAgent(agent)];
  return [NODES, NODE_STATUS, PODS, POD_STATUS, EXEC].flatMap((parts) =>
    policyWithBinding({ ...parts, onlyWhen }),
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
