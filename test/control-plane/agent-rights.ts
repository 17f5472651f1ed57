// What an agent is granted in the API, as the table in agent/README.md has it, and an agent's account with exactly that.
// agent-rights.test.ts compares the two.

import type { KubeObject, Pod } from "../../shared/model/kube.ts";
import { API_GROUP, POLICY, SERVICE_ACCOUNT } from "../../shared/model/names.ts";
import { RESOURCE } from "../../shared/runtime/kube/resources.ts";
import { createAccount } from "./rights.ts";
import type { Rule } from "./rights.ts";
import type { ControlPlane } from "./start.ts";

const core = (resource: string, ...verbs: readonly string[]): Rule => ({
  apiGroups: [""],
  resources: [resource],
  verbs,
});

export const AGENT_RULES: readonly Rule[] = [
  core("nodes", "get", "list", "watch", "patch"),
  { apiGroups: [API_GROUP], resources: [POLICY.plural], verbs: ["list"] },
  core("nodes/status", "patch"),
  core("pods", "list", "watch", "delete", "patch"),
  core("pods/eviction", "create"),
  core("pods/status", "patch"),
  core("pods/exec", "get", "create"),
  core("events", "create", "patch"),
  { apiGroups: ["authentication.k8s.io"], resources: ["tokenreviews"], verbs: ["create"] },
  { apiGroups: ["authorization.k8s.io"], resources: ["subjectaccessreviews"], verbs: ["create"] },
  { apiGroups: ["resource.k8s.io"], resources: ["resourceslices"], verbs: ["list"] },
];

export const AGENT = { namespace: SERVICE_ACCOUNT.namespace, name: SERVICE_ACCOUNT.agent };

/** The account in its namespace, with the rights above. */
export async function createAgentAccount(plane: Pick<ControlPlane, "client">): Promise<void> {
  await plane.client.create(RESOURCE.namespaces, { metadata: { name: AGENT.namespace } } as KubeObject);
  await createAccount(plane, AGENT, AGENT_RULES);
}

/** The agent's pod on that node, as its DaemonSet and the scheduler would have left it, and the token of that pod. */
export async function agentOn(
  { client, createToken }: Pick<ControlPlane, "client" | "createToken">,
  node: string,
): Promise<{ readonly pod: string; readonly token: string }> {
  const name = `agent-${node}`;
  const metadata = { namespace: AGENT.namespace, name };
  const spec = {
    nodeName: node,
    serviceAccountName: AGENT.name,
    containers: [{ name: "agent", image: "example.test/agent" }],
  };
  // The types are of what we read; the server completes the rest.
  const made = await client.create(RESOURCE.pods, { metadata, spec } as Pod);
  return { pod: name, token: await createToken(AGENT, { name, uid: made.metadata.uid ?? "" }) };
}
