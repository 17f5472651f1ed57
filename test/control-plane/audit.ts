// What our accounts asked a real API server for, from the server's own audit log, against what the chart's roles grant
// them. Who was refused, and which grants nobody made use of. It judges nothing: that is the test's.

import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";

import { SERVICE_ACCOUNT } from "../../shared/model/names.ts";
import type { Cluster } from "./cluster.ts";
import { example, render } from "./helm.ts";
import type { Rendered, Values } from "./helm.ts";
import type { Rule } from "./rights.ts";

const { namespace, agent, coordinator } = SERVICE_ACCOUNT;
const ACCOUNTS = { agent, coordinator } as const;
type Account = keyof typeof ACCOUNTS;

const POLICY_FILE = "audit-policy";
const LOG_FILE = "audit.log";

/** A line of the log, as far as it is read. */
interface Entry {
  readonly verb: string;
  readonly user: { readonly username: string };
  readonly objectRef?: {
    readonly apiGroup?: string;
    readonly resource: string;
    readonly subresource?: string;
    readonly name?: string;
  };
  readonly responseStatus?: { readonly code?: number; readonly message?: string };
}

export interface Rights {
  /** "agent patch nodes", each once and in order. */
  readonly used: readonly string[];
  /** What RBAC or a policy said no to, with its sentence. */
  readonly refused: readonly string[];
  /** Granted by any values, and never asked for, here or elsewhere. */
  readonly unused: readonly string[];
}

/** Of startCluster: the server keeps a log of what our two accounts ask. */
export async function auditFlags(folder: string): Promise<readonly string[]> {
  const users = Object.values(ACCOUNTS).map(usernameOf);
  const policy = {
    apiVersion: "audit.k8s.io/v1",
    kind: "Policy",
    omitStages: ["RequestReceived", "ResponseStarted"],
    rules: [{ level: "Metadata", users }, { level: "None" }],
  };
  await writeFile(join(folder, POLICY_FILE), JSON.stringify(policy));
  return [`--audit-policy-file=${join(folder, POLICY_FILE)}`, `--audit-log-path=${join(folder, LOG_FILE)}`];
}

/** Values of the chart with which it grants all that it ever does. */
export const EVERYTHING_GRANTED: Values = {
  agent: {
    settings: { checkpointExec: true },
    webConfig: { secretName: "web", tls: true, tokens: true },
  },
  coordinator: {
    rights: {
      clusterApi: true,
      karpenter: true,
      scaleTargets: [{ group: "machines.example.com", resource: "racks" }],
    },
  },
  nats: { auth: { method: "callout" } },
};

/**
 * What is granted only where a value says so, or used only where something goes wrong: each by the test that makes it be
 * used, where the audit log has to show it. What the stories of a whole cluster use is not among them.
 */
export const SHOWN_IN = {
  "agent-opt-ins": [
    "agent create authentication.k8s.io/tokenreviews",
    "agent create authorization.k8s.io/subjectaccessreviews",
    "agent get pods/exec",
    "agent list resource.k8s.io/resourceslices",
    "agent patch events",
    "agent patch pods",
  ],
  "coordinator-opt-ins": [
    "coordinator create pods/eviction",
    "coordinator get cluster.x-k8s.io/machinepools",
    "coordinator get gpu-autoscaler.io/autoscalingpolicies",
    "coordinator get machines.example.com/racks/scale",
    "coordinator get nodes",
    "coordinator patch cluster.x-k8s.io/machinepools/scale",
    "coordinator patch events",
    "coordinator patch machines.example.com/racks/scale",
    ...["delete", "get", "list", "patch", "watch"].map(
      (verb) => `coordinator ${verb} karpenter.sh/nodeclaims`,
    ),
    ...["get", "list", "patch", "watch"].map((verb) => `coordinator ${verb} karpenter.sh/nodepools`),
    ...["list", "watch"].flatMap((verb) => [
      `coordinator ${verb} cluster.x-k8s.io/machinepools`,
      `coordinator ${verb} events`,
      `coordinator ${verb} jobset.x-k8s.io/jobsets`,
      `coordinator ${verb} scheduling.volcano.sh/podgroups`,
      `coordinator ${verb} scheduling.x-k8s.io/podgroups`,
    ]),
  ],
  "nats-identity": ["coordinator create authentication.k8s.io/tokenreviews"],
} satisfies Readonly<Record<string, readonly string[]>>;

/** No log shows these: the server checks them beside another one. */
export const CHECKED_BESIDE: readonly string[] = [
  // Of a WebSocket, whose own verb is get: since Kubernetes 1.35.
  "agent create pods/exec",
];

/**
 * What the stories of a whole cluster used, and which of all grants neither they nor the tests of SHOWN_IN make use of.
 * Watches are in the log once they have ended, lists before; who watches lists as well.
 */
export async function compareRights({ folder }: Pick<Cluster, "folder">): Promise<Rights> {
  const { used, refused } = await readAudit(folder);
  const granted = grantedBy(await render([example("minimal")], EVERYTHING_GRANTED));
  const known = new Set([...used, ...Object.values(SHOWN_IN).flat(), ...CHECKED_BESIDE]);
  return { used, refused, unused: [...granted.difference(known)].toSorted() };
}

/** `folder`: the one of auditFlags. */
export async function readAudit(folder: string): Promise<Omit<Rights, "unused">> {
  const used = new Set<string>();
  const refused = new Set<string>();
  const lines = (await readFile(join(folder, LOG_FILE), "utf8")).split("\n");
  // The server may be in the middle of its last one.
  for (const line of lines.slice(0, -1)) {
    // The format is the server's.
    const { verb, user, objectRef, responseStatus } = JSON.parse(line) as Entry;
    const account = accountOf(user.username);
    if (account === null || objectRef === undefined) continue;
    const what = `${account} ${verb} ${nameOf(objectRef.apiGroup ?? "", objectRef)}`;
    used.add(what);
    if (responseStatus?.code === 403 || responseStatus?.message?.includes("AdmissionPolicy") === true)
      refused.add(`${what} ${objectRef.name ?? ""}: ${responseStatus.message ?? ""}`);
  }
  return { used: [...used].toSorted(), refused: [...refused].toSorted() };
}

/** "agent patch nodes", of all that these roles and bindings give our two accounts. */
export function grantedBy(objects: readonly Rendered[]): ReadonlySet<string> {
  const roles = new Map(
    objects
      .filter(({ kind }) => /^(Cluster)?Role$/.test(kind))
      .map((role) => [`${role.kind} ${role.metadata.name}`, role["rules"] as readonly Rule[]]),
  );
  const granted = new Set<string>();
  for (const binding of objects.filter(({ kind }) => /^(Cluster)?RoleBinding$/.test(kind))) {
    const { kind, name } = binding["roleRef"] as { readonly kind: string; readonly name: string };
    for (const subject of binding["subjects"] as readonly { readonly name: string }[]) {
      const account = accountOf(usernameOf(subject.name));
      if (account === null) continue;
      for (const { apiGroups, resources, verbs } of roles.get(`${kind} ${name}`) ?? []) {
        for (const group of apiGroups)
          for (const resource of resources)
            for (const verb of verbs) granted.add(`${account} ${verb} ${nameOf(group, { resource })}`);
      }
    }
  }
  return granted;
}

function nameOf(group: string, ref: { readonly resource: string; readonly subresource?: string }): string {
  return [group, ref.resource, ref.subresource].filter((part) => part !== undefined && part !== "").join("/");
}

function usernameOf(account: string): string {
  return `system:serviceaccount:${namespace}:${account}`;
}

function accountOf(username: string): Account | null {
  if (username === usernameOf(agent)) return "agent";
  return username === usernameOf(coordinator) ? "coordinator" : null;
}
