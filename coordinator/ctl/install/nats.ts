// Servers of NATS that the values name, as far as the Kubernetes API shows them: a service of the cluster and whether a pod
// behind it is ready. Nothing is connected to: from here one sees another network than the pods do.

import { kindOf } from "../../../shared/runtime/errors.ts";
import type { CallOptions, KubeClient } from "../../../shared/runtime/kube/client.ts";
import { environmentOf, KIND } from "../doctor/kinds.ts";
import type { Workload } from "../doctor/kinds.ts";
import type { NatsServer } from "./facts.ts";
import type { Rendered } from "./helm.ts";

/** Of those that the rendered coordinator is told of. @throws AppError when services cannot be read. */
export async function readServers(
  client: Pick<KubeClient, "get" | "list">,
  objects: readonly Rendered[],
  limits: CallOptions,
): Promise<readonly NatsServer[]> {
  // Helm has rendered it by the form that the API server knows.
  const deployments = objects.filter(({ kind }) => kind === "Deployment") as readonly Workload[];
  const urls = deployments
    .flatMap((deployment) => (environmentOf(deployment)["GPUAS_NATS_SERVERS"] ?? "").split(","))
    .map((url) => url.trim())
    .filter((url) => url !== "");
  return await Promise.all(
    [...new Set(urls)].map(async (url) => ({ url, state: await stateOf(client, url, limits) })),
  );
}

async function stateOf(
  client: Pick<KubeClient, "get" | "list">,
  url: string,
  limits: CallOptions,
): Promise<NatsServer["state"]> {
  const service = serviceIn(url);
  if (service === null) return "unseen";
  try {
    await client.get(KIND.services, service, limits);
  } catch (error) {
    if (kindOf(error) === "not-found") return "no-service";
    throw error;
  }
  const { namespace, name } = service;
  const labelSelector = `kubernetes.io/service-name=${name}`;
  const { items } = await client.list(KIND.endpoints, { namespace, labelSelector }, limits);
  // Absent: not known, which is to be taken for ready.
  const isReady = items.some(({ endpoints = [] }) =>
    endpoints.some(({ conditions }) => conditions?.ready !== false),
  );
  return isReady ? "ready" : "no-endpoint";
}

/** `nats://name.namespace.svc…`, also of one pod behind it. Null: not a name inside of a cluster. */
export function serviceIn(url: string): { readonly namespace: string; readonly name: string } | null {
  const host = URL.parse(url.includes("://") ? url : `nats://${url}`)?.hostname ?? "";
  const [, name, namespace] = /(?:^|\.)([a-z0-9-]+)\.([a-z0-9-]+)\.svc(?:\.|$)/.exec(host) ?? [];
  return name === undefined || namespace === undefined ? null : { namespace, name };
}
