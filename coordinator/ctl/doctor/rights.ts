// What each of our accounts has to be allowed, as agent/README.md and coordinator/README.md list it, and the question to the
// API server whether it is. Rights for features that are off are not asked for.

import {
  API_GROUP,
  CLUSTER_API,
  CLUSTER_AUTOSCALER,
  GANG_KIND,
  KARPENTER,
  LEASE_NAME,
  POLICY,
  SERVICE_ACCOUNT,
} from "../../../shared/model/names.ts";
import type { CallOptions, KubeClient } from "../../../shared/runtime/kube/client.ts";
import type { RightAnswer } from "./facts.ts";
import { KIND } from "./kinds.ts";

export type Feature =
  | "exec"
  | "metrics-tokens"
  | "callout"
  | "cluster-api"
  | "karpenter"
  | "pod-groups"
  | "volcano"
  | "job-sets";

export interface Right {
  readonly account: "agent" | "coordinator";
  readonly group: string;
  /** With its subresource: "pods/eviction". */
  readonly resource: string;
  readonly verbs: readonly string[];
  readonly purpose: string;
  /** `own`: that of our programs. Absent: in all namespaces. */
  readonly namespace?: "own" | "default" | typeof CLUSTER_AUTOSCALER.namespace;
  /** Of the one object. Absent: of all. */
  readonly name?: string;
  /** Only where this is used. */
  readonly feature?: Feature;
}

const READ = ["get", "list", "watch"];
const WATCH = ["list", "watch"];
const agent = { account: "agent", group: "" } as const;
const coordinator = { account: "coordinator", group: "" } as const;
const clusterApi = { account: "coordinator", group: CLUSTER_API.group, feature: "cluster-api" } as const;
const karpenter = { account: "coordinator", group: KARPENTER.group, feature: "karpenter" } as const;
const GANGS = "how many pods of a gang run together";

export const RIGHTS: readonly Right[] = [
  { ...agent, resource: "nodes", verbs: [...READ, "patch"], purpose: "marks on its node" },
  { ...agent, resource: "nodes/status", verbs: ["patch"], purpose: "the condition of its GPUs" },
  {
    ...agent,
    group: API_GROUP,
    resource: POLICY.plural,
    verbs: ["list"],
    purpose: "whether drills are allowed",
  },
  { ...agent, resource: "pods", verbs: [...WATCH, "delete"], purpose: "pods of its node" },
  { ...agent, resource: "pods/eviction", verbs: ["create"], purpose: "drains" },
  { ...agent, resource: "events", verbs: ["create", "patch"], purpose: "what people see of it" },
  {
    ...agent,
    resource: "pods/exec",
    verbs: ["get", "create"],
    purpose: "checkpoint commands",
    feature: "exec",
  },
  {
    ...agent,
    group: "authentication.k8s.io",
    resource: "tokenreviews",
    verbs: ["create"],
    purpose: "whose token reads its metrics",
    feature: "metrics-tokens",
  },
  {
    ...agent,
    group: "authorization.k8s.io",
    resource: "subjectaccessreviews",
    verbs: ["create"],
    purpose: "whether that one may read them",
    feature: "metrics-tokens",
  },

  { ...coordinator, resource: "nodes", verbs: [...READ, "patch"], purpose: "cordons and requests to agents" },
  { ...coordinator, resource: "pods", verbs: WATCH, purpose: "demand" },
  { ...coordinator, resource: "pods/eviction", verbs: ["create"], purpose: "nodes without an agent" },
  {
    ...coordinator,
    group: "policy",
    resource: "poddisruptionbudgets",
    verbs: WATCH,
    purpose: "what keeps a node",
  },
  { ...coordinator, resource: "persistentvolumeclaims", verbs: WATCH, purpose: "zones of volumes" },
  { ...coordinator, resource: "persistentvolumes", verbs: WATCH, purpose: "zones of volumes" },
  { ...coordinator, resource: "namespaces", verbs: WATCH, purpose: "affinity terms" },
  {
    ...coordinator,
    group: "storage.k8s.io",
    resource: "storageclasses",
    verbs: WATCH,
    purpose: "zones of volumes",
  },
  {
    ...coordinator,
    group: "storage.k8s.io",
    resource: "csinodes",
    verbs: WATCH,
    purpose: "volumes a node takes",
  },
  {
    ...coordinator,
    group: "apps",
    resource: "daemonsets",
    verbs: WATCH,
    purpose: "what DaemonSets take of a node",
  },
  { ...coordinator, group: API_GROUP, resource: POLICY.plural, verbs: READ, purpose: "limits" },
  {
    ...coordinator,
    group: API_GROUP,
    resource: `${POLICY.plural}/status`,
    verbs: ["update"],
    purpose: "journal and report",
  },
  {
    ...coordinator,
    group: "coordination.k8s.io",
    resource: "leases",
    verbs: ["get", "create", "update"],
    purpose: "election",
    namespace: "own",
  },
  {
    ...coordinator,
    group: "coordination.k8s.io",
    resource: "leases",
    verbs: WATCH,
    purpose: "whether a second coordinator acts in the cluster",
    name: LEASE_NAME,
  },
  {
    ...coordinator,
    resource: "configmaps",
    verbs: WATCH,
    purpose: "which groups Cluster Autoscaler sizes",
    namespace: CLUSTER_AUTOSCALER.namespace,
    name: CLUSTER_AUTOSCALER.status,
  },
  {
    ...coordinator,
    resource: "events",
    verbs: ["create", "patch"],
    purpose: "what people see of it",
    namespace: "default",
  },
  {
    ...coordinator,
    group: "authentication.k8s.io",
    resource: "tokenreviews",
    verbs: ["create"],
    purpose: "whose token an agent shows to NATS",
    feature: "callout",
  },
  { ...clusterApi, resource: "machines", verbs: [...READ, "patch"], purpose: "members of groups" },
  { ...clusterApi, resource: "machinedeployments", verbs: READ, purpose: "sizes" },
  { ...clusterApi, resource: "machinepools", verbs: READ, purpose: "sizes" },
  { ...clusterApi, resource: "machinedeployments/scale", verbs: ["patch"], purpose: "sizing" },
  { ...clusterApi, resource: "machinepools/scale", verbs: ["patch"], purpose: "sizing" },
  { ...karpenter, resource: "nodepools", verbs: [...READ, "patch"], purpose: "sizes and limits" },
  { ...karpenter, resource: "nodeclaims", verbs: [...READ, "patch", "delete"], purpose: "members of pools" },
  { ...karpenter, group: "", resource: "events", verbs: WATCH, purpose: "why Karpenter got no machine" },
  { ...gang(GANG_KIND.podGroup), feature: "pod-groups" },
  { ...gang(GANG_KIND.volcanoPodGroup), feature: "volcano" },
  { ...gang(GANG_KIND.jobSet), feature: "job-sets" },
];

function gang({ apiVersion, plural }: { readonly apiVersion: string; readonly plural: string }) {
  const [group = ""] = apiVersion.split("/");
  return { account: "coordinator", group, resource: plural, verbs: WATCH, purpose: GANGS } as const;
}

/** @throws AppError; denied where whoever asks may not. */
export async function askRights(
  client: Pick<KubeClient, "create">,
  {
    account,
    namespace,
    features,
  }: {
    readonly account: Right["account"];
    readonly namespace: string;
    readonly features: ReadonlySet<Feature>;
  },
  limits: CallOptions = {},
): Promise<readonly RightAnswer[]> {
  const wanted = RIGHTS.filter(
    (right) => right.account === account && (right.feature === undefined || features.has(right.feature)),
  );
  const asked = wanted.flatMap((right) => right.verbs.map((verb) => ({ right, verb })));
  const user = `system:serviceaccount:${namespace}:${SERVICE_ACCOUNT[account]}`;
  const groups = ["system:serviceaccounts", `system:serviceaccounts:${namespace}`, "system:authenticated"];
  return await Promise.all(
    asked.map(async ({ right, verb }) => {
      const [resource = "", subresource] = right.resource.split("/");
      const review = await client.create(
        KIND.accessReviews,
        {
          metadata: { name: "" },
          spec: {
            user,
            groups,
            resourceAttributes: {
              group: right.group,
              resource,
              verb,
              ...(subresource === undefined ? {} : { subresource }),
              ...(right.name === undefined ? {} : { name: right.name }),
              ...(right.namespace === undefined
                ? {}
                : { namespace: right.namespace === "own" ? namespace : right.namespace }),
            },
          },
        },
        limits,
      );
      const { resource: asks, purpose } = right;
      return { verb, resource: asks, purpose, allowed: review.status?.allowed === true };
    }),
  );
}
