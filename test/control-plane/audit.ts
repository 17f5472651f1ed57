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
  /** Granted, and never asked for. */
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

/** Watches are in the log once they have ended, lists before; who watches lists as well. */
export async function compareRights({ folder }: Pick<Cluster, "folder">, values: Values): Promise<Rights> {
  const used = new Set<string>();
  const refused = new Set<string>();
  for (const line of (await readFile(join(folder, LOG_FILE), "utf8")).split("\n")) {
    if (line === "") continue;
    // The format is the server's.
    const { verb, user, objectRef, responseStatus } = JSON.parse(line) as Entry;
    const account = accountOf(user.username);
    if (account === null || objectRef === undefined) continue;
    const what = `${account} ${verb} ${nameOf(objectRef.apiGroup ?? "", objectRef)}`;
    used.add(what);
    if (responseStatus?.code === 403 || responseStatus?.message?.includes("AdmissionPolicy") === true)
      refused.add(`${what} ${objectRef.name ?? ""}: ${responseStatus.message ?? ""}`);
  }
  const granted = grantedBy(await render([example("minimal")], values));
  return {
    used: [...used].toSorted(),
    refused: [...refused].toSorted(),
    unused: [...granted.difference(used)].toSorted(),
  };
}

function grantedBy(objects: readonly Rendered[]): ReadonlySet<string> {
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
