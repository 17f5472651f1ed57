// Pages of our programs, read by the API server's proxy with the rights of whoever types: metrics of the coordinator and of a
// few agents. Prometheus itself is not asked: where it is and how it lets people in, nobody here knows.

import type { Lease, Pod } from "../../../shared/model/kube.ts";
import { kindOf } from "../../../shared/runtime/errors.ts";
import type { CallOptions, KubeClient } from "../../../shared/runtime/kube/client.ts";
import type { Service } from "../arguments.ts";
import { proxyPath } from "../live.ts";
import type { AgentPage } from "./facts.ts";
import type { Read } from "./finding.ts";
import { environmentOf } from "./kinds.ts";
import type { Workload } from "./kinds.ts";

/** Of a large fleet a few are like all, and each page costs the node some work. */
const AGENTS_ASKED = 3;
const AGENT_PORT = "9402";

export type Reading = <T>(right: string, call: () => Promise<T>) => Promise<Read<T>>;

/** Path of a page of the leader's pod, else of any replica. */
export function coordinatorPath(service: Service, lease: Read<Lease>, page: string): string {
  const [holder = ""] = lease.kind === "read" ? (lease.value.spec?.holderIdentity ?? "").split("_") : [];
  return holder === ""
    ? proxyPath("services", service, service.name, page)
    : proxyPath("pods", service, holder, page);
}

/** What any replica can say: by the leader's pod, and where that is gone or does not answer by the service. */
export async function ofAnyReplica<T>(
  service: Service,
  lease: Read<Lease>,
  page: string,
  readPath: (path: string) => Promise<T>,
): Promise<T> {
  const byService = proxyPath("services", service, service.name, page);
  const byLeader = coordinatorPath(service, lease, page);
  if (byLeader === byService) return await readPath(byService);
  try {
    return await readPath(byLeader);
  } catch (error) {
    const kind = kindOf(error);
    if (kind !== "not-found" && kind !== "unavailable" && kind !== "timeout") throw error;
    return await readPath(byService);
  }
}

export async function readAgentPages(
  client: Pick<KubeClient, "readText">,
  {
    namespace,
    daemonSet,
    agents,
    reading,
  }: {
    readonly namespace: string;
    readonly daemonSet: Workload;
    readonly agents: ReadonlyMap<string, Pod>;
    readonly reading: Reading;
  },
  limits: CallOptions,
): Promise<readonly AgentPage[]> {
  const [container] = daemonSet.spec?.template?.spec?.containers ?? [];
  const scheme = container?.livenessProbe?.httpGet?.scheme?.toLowerCase() ?? "http";
  const port = environmentOf(daemonSet)["GPUAS_METRICS_PORT"] ?? AGENT_PORT;
  const asked = [...agents]
    .filter(([, { status }]) => status?.phase === "Running")
    .toSorted(([a], [b]) => (a < b ? -1 : 1))
    .slice(0, AGENTS_ASKED);
  return await Promise.all(
    asked.map(async ([node, { metadata }]) => {
      const path = proxyPath("pods", { namespace, port, scheme }, metadata.name, "/metrics");
      const text = await reading(
        `get pods/proxy in namespace ${namespace}`,
        async () => await client.readText(path, limits),
      );
      return { node, text };
    }),
  );
}
