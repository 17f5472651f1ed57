// The shipped manifests of deploy/admission in a real API server, as `kubectl apply` would put them there, and requests
// of different people with what the server says to them.

import { readFile } from "node:fs/promises";

import { parseAllDocuments } from "yaml";

import type { ControlPlane, RawAnswer, RawRequest } from "./start.ts";

export type Part = "agents" | "evictions" | "marks";

const PLURALS: Readonly<Record<string, string>> = {
  ValidatingAdmissionPolicy: "validatingadmissionpolicies",
  ValidatingAdmissionPolicyBinding: "validatingadmissionpolicybindings",
  ClusterRole: "clusterroles",
};

interface Manifest {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: { readonly name: string };
}

/** Nothing in the files is forgiven. The server takes a moment more until it goes by them. */
export async function installAdmission(
  { send }: Pick<ControlPlane, "send">,
  parts: readonly Part[],
): Promise<void> {
  for (const part of parts) {
    const file = new URL(`../../deploy/admission/${part}.yaml`, import.meta.url);
    for (const document of parseAllDocuments(await readFile(file, "utf8"))) {
      const json = document.toJS() as Manifest;
      const path = `/apis/${json.apiVersion}/${PLURALS[json.kind]}?fieldValidation=Strict`;
      const { status, text } = await send({ method: "POST", path, json });
      if (status !== 201) throw new Error(`${part}: ${json.metadata.name} was refused: ${status} ${text}`);
    }
  }
}

/** What one of several people asks for; nothing is stored, except where a request cannot be tried. */
export type Ask = Omit<RawRequest, "token">;

const path = (resource: string): string => `/api/v1/${resource}?dryRun=All`;

export function patchNode(name: string, json: object): Ask {
  return { method: "PATCH", path: path(`nodes/${name}`), json, contentType: "application/merge-patch+json" };
}

export function patchNodeStatus(name: string, json: object): Ask {
  const contentType = "application/strategic-merge-patch+json";
  return { method: "PATCH", path: path(`nodes/${name}/status`), json, contentType };
}

export function createNode(name: string, annotations: Readonly<Record<string, string>>): Ask {
  const json = { apiVersion: "v1", kind: "Node", metadata: { name, annotations } };
  return { method: "POST", path: path("nodes"), json };
}

export function patchPod(name: string, json: object, subresource = ""): Ask {
  const contentType = "application/strategic-merge-patch+json";
  return { method: "PATCH", path: path(`namespaces/default/pods/${name}${subresource}`), json, contentType };
}

export function deletePod(name: string): Ask {
  return { method: "DELETE", path: path(`namespaces/default/pods/${name}`) };
}

export function evict(name: string, namespace = "default"): Ask {
  const json = { apiVersion: "policy/v1", kind: "Eviction", metadata: { name, namespace } };
  return { method: "POST", path: path(`namespaces/${namespace}/pods/${name}/eviction`), json };
}

/** A command that never begins: without a kubelet the server gets no further than its own checks. */
export function runIn(name: string): Ask {
  return { method: "POST", path: `/api/v1/namespaces/default/pods/${name}/exec?command=true&stdout=true` };
}

/** As the administrator, who may be anybody: a kubelet, as the server knows it by its certificate. */
export function asKubelet(ask: Ask, node: string): Ask {
  return {
    ...ask,
    headers: { "impersonate-user": `system:node:${node}`, "impersonate-group": "system:nodes" },
  };
}

/** The server's sentence without what it puts around it. */
export function saidBy({ text }: RawAnswer): string {
  const { message = text } = JSON.parse(text) as { readonly message?: string };
  return message;
}
