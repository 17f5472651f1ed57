// The manifests by which the API server holds agents to their own nodes and says who may start a drain, made from the
// names that the code uses. Pure: `npm run generate` writes the files. Service accounts of other names get other
// manifests, so that names are parameters here.

import { stringify } from "yaml";

import { SERVICE_ACCOUNT } from "../../shared/model/names.ts";
import { agentPolicies, evictionPolicy } from "./agents.ts";
import type { AdmissionObject } from "./cel.ts";
import { drillsRole, markPolicy } from "./marks.ts";

export interface AdmissionNames {
  readonly namespace: string;
  /** Service accounts in it. */
  readonly agent: string;
  readonly coordinator: string;
}

export interface Admission {
  /** What each agent may do to nodes and pods, evictions excepted. */
  readonly agents: readonly AdmissionObject[];
  /** Evictions by agents: a part of its own, since its cost grows with a namespace's pods. */
  readonly evictions: readonly AdmissionObject[];
  /** Who may write the marks of drains, and the role that grants drills. */
  readonly marks: readonly AdmissionObject[];
}

const NOTE = " Written by `npm run generate` from deploy/admission. Changes here are lost.\n";

/** @throws Error when a name is none that Kubernetes would take. */
export function admission(names: AdmissionNames = SERVICE_ACCOUNT): Admission {
  const agent = userOf(names.namespace, names.agent);
  const coordinator = userOf(names.namespace, names.coordinator);
  return {
    agents: agentPolicies(agent),
    evictions: evictionPolicy(agent),
    marks: [...markPolicy({ agent, coordinator }), drillsRole()],
  };
}

/** Path from the repository's root → text. */
export function admissionFiles(): Readonly<Record<string, string>> {
  return Object.fromEntries(
    Object.entries(admission()).map(([part, objects]) => [
      `deploy/admission/${part}.yaml`,
      manifestText(objects as readonly AdmissionObject[]),
    ]),
  );
}

export function manifestText(objects: readonly AdmissionObject[]): string {
  const documents = objects.map((one) => stringify(one, { lineWidth: 0, aliasDuplicateObjects: false }));
  return `#${NOTE}${documents.join("---\n")}`;
}

/** As the API server names a service account. */
function userOf(namespace: string, account: string): string {
  for (const [what, name] of Object.entries({ namespace, account })) {
    if (!/^[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?$/.test(name)) {
      throw new Error(
        `${what} ${JSON.stringify(name)}: a name of Kubernetes has small letters, digits, "-" and ".", and at most 253 of them`,
      );
    }
  }
  return `system:serviceaccount:${namespace}:${account}`;
}
