// Real accounts with real roles. Of the coordinator: what it may do with groups that are objects of the cluster, which is
// what the back ends `scale` and their observers use, and no others; a test can take the writing ones away. Other
// accounts get the rules that a test gives them.

import type { KubeObject } from "../../shared/model/kube.ts";
import { CLUSTER_API, KARPENTER } from "../../shared/model/names.ts";
import type { Resource } from "../../shared/runtime/kube/resources.ts";
import { eventually } from "../build/eventually.ts";
import type { ControlPlane } from "./start.ts";

export interface Rule {
  readonly apiGroups: readonly string[];
  readonly resources: readonly string[];
  readonly resourceNames?: readonly string[];
  readonly verbs: readonly string[];
}

interface Role extends KubeObject {
  readonly rules: readonly Rule[];
}

const READ = ["get", "list", "watch"];
const READING: readonly Rule[] = [
  {
    apiGroups: [CLUSTER_API.group],
    resources: ["machines", "machinedeployments", "machinepools"],
    verbs: READ,
  },
  { apiGroups: [KARPENTER.group], resources: ["nodepools", "nodeclaims"], verbs: READ },
  { apiGroups: [""], resources: ["events"], verbs: READ },
];
const WRITING: readonly Rule[] = [
  { apiGroups: [""], resources: ["events"], verbs: ["create", "patch"] },
  { apiGroups: [CLUSTER_API.group], resources: ["machines"], verbs: ["patch"] },
  {
    apiGroups: [CLUSTER_API.group],
    resources: ["machinedeployments/scale", "machinepools/scale"],
    verbs: ["patch"],
  },
  { apiGroups: [KARPENTER.group], resources: ["nodepools"], verbs: ["patch"] },
  { apiGroups: [KARPENTER.group], resources: ["nodeclaims"], verbs: ["delete", "patch"] },
];

/** All of the coordinator's rights with such groups. */
export const GROUP_RULES: readonly Rule[] = [...READING, ...WRITING];

const RBAC = { group: "rbac.authorization.k8s.io", version: "v1", namespaced: false };
const ROLES: Resource<Role> = { ...RBAC, plural: "clusterroles", kind: "ClusterRole" };
const BINDINGS: Resource = { ...RBAC, plural: "clusterrolebindings", kind: "ClusterRoleBinding" };
const ACCOUNTS: Resource = {
  group: "",
  version: "v1",
  plural: "serviceaccounts",
  kind: "ServiceAccount",
  namespaced: true,
};

export interface Account {
  readonly token: string;
  /** Takes the rights to write away; resolves when the server goes by that. */
  onlyRead(): Promise<void>;
}

/**
 * A service account with these rights in the whole cluster. The server learns of them by a watch of its own, so a first
 * request may come too early. @returns the name of its role.
 */
export async function createAccount(
  { client }: Pick<ControlPlane, "client">,
  account: { readonly namespace: string; readonly name: string },
  rules: readonly Rule[],
): Promise<string> {
  const role = `${account.namespace}-${account.name}`;
  await client.create(ACCOUNTS, { metadata: account });
  await client.create(ROLES, { metadata: { name: role }, rules });
  await bindRole({ client }, role, account);
  return role;
}

/** Gives a ClusterRole that is there to a service account, in the whole cluster. */
export async function bindRole(
  { client }: Pick<ControlPlane, "client">,
  role: string,
  account: { readonly namespace: string; readonly name: string },
): Promise<void> {
  await client.create(BINDINGS, {
    metadata: { name: `${role}-to-${account.name}` },
    subjects: [{ kind: "ServiceAccount", ...account }],
    roleRef: { apiGroup: RBAC.group, kind: "ClusterRole", name: role },
  } as KubeObject);
}

/** A service account of that name in the namespace, with the rights above in the whole cluster. */
export async function createCoordinatorAccount(
  plane: ControlPlane,
  account: { readonly namespace: string; readonly name: string },
): Promise<Account> {
  const { client } = plane;
  const role = await createAccount(plane, account, [...READING, ...WRITING]);
  const mayWrite = async (): Promise<boolean> => {
    const attributes = { group: KARPENTER.group, resource: "nodepools", verb: "patch", name: "any" };
    const { text } = await plane.send({
      method: "POST",
      path: "/apis/authorization.k8s.io/v1/subjectaccessreviews",
      json: {
        apiVersion: "authorization.k8s.io/v1",
        kind: "SubjectAccessReview",
        spec: {
          user: `system:serviceaccount:${account.namespace}:${account.name}`,
          resourceAttributes: attributes,
        },
      },
    });
    const { status } = JSON.parse(text) as { readonly status: { readonly allowed: boolean } };
    return status.allowed;
  };
  // The server learns of roles by a watch of its own.
  await eventually(mayWrite);
  return {
    token: await plane.createToken(account),
    onlyRead: async () => {
      await client.mergePatch(ROLES, { name: role }, { rules: READING });
      await eventually(async () => !(await mayWrite()));
    },
  };
}
