// The coordinator's pages through the Kubernetes API's proxy: whoever may use that needs no other way in. A service
// chooses any replica, and only the leader has decided something, so a replica that refuses is passed over and the
// pod that holds the lease is asked itself.

import { LEASE_NAME } from "../../shared/model/names.ts";
import { millis } from "../../shared/model/units.ts";
import { AppError, describe, kindOf } from "../../shared/runtime/errors.ts";
import type { KubeClient } from "../../shared/runtime/kube/client.ts";
import { RESOURCE } from "../../shared/runtime/kube/resources.ts";
import { NOT_IN_DECISION } from "../report/explain-pages.ts";
import { serviceText } from "./arguments.ts";
import type { Service } from "./arguments.ts";

/** A snapshot of a large cluster has tens of MiB. */
const PATIENCE_MS = millis(60_000);

type Reader = Pick<KubeClient, "read" | "get">;

/** Null: the coordinator's decision has no such thing. @throws AppError that says whether service or leader is missing. */
export async function readLive(client: Reader, service: Service, page: string): Promise<unknown> {
  const readFrom = async (kind: "services" | "pods", name: string): Promise<unknown> => {
    try {
      return await client.read(proxyPath(kind, service, name, page), { deadlineMs: PATIENCE_MS });
    } catch (error) {
      if (error instanceof AppError && error.data["reason"] === NOT_IN_DECISION) return null;
      throw error;
    }
  };
  try {
    return await readFrom("services", service.name);
  } catch (error) {
    if (!isRefusedByReplica(error)) throw explained(error, service);
    const pod = await leaderOf(client, service);
    if (pod === null) throw explained(error, service);
    try {
      return await readFrom("pods", pod);
    } catch (second) {
      // The lease of a pod that is gone says nothing that the service's own answer does not.
      throw explained(kindOf(second) === "not-found" ? error : second, service);
    }
  }
}

/** Path of a page of a service or pod, by the API server's proxy. */
export function proxyPath(
  kind: "services" | "pods",
  { namespace, port, scheme = "http" }: Pick<Service, "namespace" | "port"> & { readonly scheme?: string },
  name: string,
  page: string,
): string {
  const target = `${scheme}:${name}:${port}`;
  return `/api/v1/namespaces/${encodeURIComponent(namespace)}/${kind}/${encodeURIComponent(target)}/proxy${page}`;
}

function isRefusedByReplica(error: unknown): boolean {
  return error instanceof AppError && error.data["status"] === 503;
}

/** The pod's name stands before the first `_` of the holder's identity. */
async function leaderOf(client: Reader, { namespace }: Service): Promise<string | null> {
  try {
    const lease = await client.get(RESOURCE.leases, { namespace, name: LEASE_NAME });
    return lease.spec?.holderIdentity?.split("_")[0] || null;
  } catch {
    // The refusal of the replica says more than that its lease cannot be read.
    return null;
  }
}

function explained(error: unknown, service: Service): unknown {
  if (!(error instanceof AppError)) return error;
  const place = serviceText(service);
  const hint =
    error.kind === "denied"
      ? `you need the verb get on services/proxy and pods/proxy in namespace ${service.namespace}`
      : error.kind === "not-found" || error.kind === "unavailable"
        ? `the coordinator is looked for at ${place}; --service names another place`
        : null;
  return hint === null
    ? error
    : new AppError(error.kind, `${describe(error)}\n${hint}`, { data: error.data });
}
