// Reads what the checks look at, everything beside everything else and each by itself: a thing that cannot be read becomes a
// sentence about why, and the rest goes on. It reads and asks; it writes nothing.

import type { Lease } from "../../../shared/model/kube.ts";
import { GANG_KIND, LEASE_NAME, NODE_LEASE_NAMESPACE, SERVICE_ACCOUNT } from "../../../shared/model/names.ts";
import { millis } from "../../../shared/model/units.ts";
import type { EpochMs } from "../../../shared/model/units.ts";
import { AppError, describe, kindOf } from "../../../shared/runtime/errors.ts";
import type { CallOptions, KubeClient } from "../../../shared/runtime/kube/client.ts";
import { groupPath, RESOURCE } from "../../../shared/runtime/kube/resources.ts";
import type { UnreadObject } from "../../../shared/runtime/kube/resources.ts";
import { RIGHTS_PAGE } from "../../report/rights-page.ts";
import type { RightsAnswer } from "../../report/rights-page.ts";
import type { Service } from "../arguments.ts";
import { readLive } from "../live.ts";
import { readCertificates } from "./certificates.ts";
import { agentsByNode } from "./checks/agents.ts";
import type { Facts, Probe } from "./facts.ts";
import { orElse } from "./finding.ts";
import type { Read } from "./finding.ts";
import { DEFINITION_NAME, environmentOf, KIND } from "./kinds.ts";
import type { Workload } from "./kinds.ts";
import { coordinatorPath, ofAnyReplica, readAgentPages } from "./pages.ts";
import { askRights } from "./rights.ts";
import type { Feature } from "./rights.ts";

export type DoctorClient = Pick<KubeClient, "read" | "readText" | "get" | "list" | "create">;

export interface ReadOptions {
  readonly client: DoctorClient;
  readonly service: Service;
  readonly now: () => EpochMs;
  readonly signal: AbortSignal;
}

/** A server that does not answer at all must not cost minutes. */
const PATIENCE = millis(10_000);
/** The coordinator gives clouds 20 s to answer. */
const CLOUD_PATIENCE = millis(25_000);

/** Never rejects but by the signal. */
export async function readFacts({ client, service, now, signal }: ReadOptions): Promise<Facts> {
  const { namespace } = service;
  const limits: CallOptions = { signal, deadlineMs: PATIENCE };
  const reading = createReading(signal);
  const list = async <T>(right: string, call: () => Promise<{ readonly items: readonly T[] }>) =>
    await reading(right, async () => (await call()).items);

  // 1. What depends on nothing.
  const [version, space, definition, policies, nodes, pods, budgets, nodeLeases, slices] = await Promise.all([
    reading("get /version", async () => readVersion(await client.read("/version", limits))),
    reading("get namespaces", async () => await client.get(RESOURCE.namespaces, { name: namespace }, limits)),
    reading(
      "get customresourcedefinitions",
      async () => await client.get(KIND.definitions, { name: DEFINITION_NAME }, limits),
    ),
    list("list autoscalingpolicies", async () => await client.list(RESOURCE.policies, {}, limits)),
    list("list nodes", async () => await client.list(RESOURCE.nodes, {}, limits)),
    list("list pods", async () => await client.list(RESOURCE.pods, {}, limits)),
    list(
      "list poddisruptionbudgets",
      async () => await client.list(RESOURCE.podDisruptionBudgets, {}, limits),
    ),
    list(
      `list leases in ${NODE_LEASE_NAMESPACE}`,
      async () => await client.list(RESOURCE.leases, { namespace: NODE_LEASE_NAMESPACE }, limits),
    ),
    list("list resourceslices", async () => await client.list(KIND.slices, {}, limits)),
  ]);
  const inSpace = `in namespace ${namespace}`;
  const [agents, coordinator, nats, admissionPolicies, admissionBindings] = await Promise.all([
    reading(
      `get daemonsets ${inSpace}`,
      async () => await client.get(KIND.daemonSets, { namespace, name: SERVICE_ACCOUNT.agent }, limits),
    ),
    reading(
      `get deployments ${inSpace}`,
      async () => await client.get(KIND.deployments, { namespace, name: service.name }, limits),
    ),
    reading(
      `get statefulsets ${inSpace}`,
      async () => await client.get(KIND.statefulSets, { namespace, name: NATS_SET }, limits),
    ),
    list(
      "list validatingadmissionpolicies",
      async () => await client.list(KIND.admissionPolicies, {}, limits),
    ),
    list(
      "list validatingadmissionpolicybindings",
      async () => await client.list(KIND.admissionBindings, {}, limits),
    ),
  ]);

  // 2. What is asked for by what was found.
  const deployed = coordinator.kind === "read" ? coordinator.value : null;
  const leaseName = environmentOf(deployed)["GPUAS_LEASE_NAME"] ?? LEASE_NAME;
  const lease: Read<Lease> = await reading(
    `get leases ${inSpace}`,
    async () => await client.get(RESOURCE.leases, { namespace, name: leaseName }, limits),
  );
  const daemonSet = agents.kind === "read" ? agents.value : null;
  const features = await featuresOf(client, orElse(policies, []), daemonSet, deployed, limits);
  const rightsOf = async (account: "agent" | "coordinator") =>
    await reading(
      "create subjectaccessreviews",
      async () => await askRights(client, { account, namespace, features }, limits),
    );
  const ours = [agents, coordinator, nats];
  const workloads = ours.flatMap((each) => (each.kind === "read" ? [each.value] : []));
  const proxy = `get services/proxy and pods/proxy ${inSpace}`;
  // Of a workload that cannot be read nobody knows what it mounts.
  const hidden = ours.find(({ kind }) => kind === "failed");
  const rightsPage = async (): Promise<RightsAnswer> =>
    readRights(
      await ofAnyReplica(
        service,
        lease,
        RIGHTS_PAGE,
        async (path) => await client.read(path, { signal, deadlineMs: CLOUD_PATIENCE }),
      ),
    );
  const metricsPage = async (): Promise<string> =>
    await ofAnyReplica(service, lease, "/metrics", async (path) => await client.readText(path, limits));
  const agentPages = async (set: Workload) =>
    await readAgentPages(
      client,
      { namespace, daemonSet: set, agents: agentsByNode(orElse(pods, []), namespace), reading },
      limits,
    );
  const [
    page,
    probe,
    agentRights,
    coordinatorRights,
    certificates,
    cloudRights,
    coordinatorMetrics,
    agentMetrics,
  ] = await Promise.all([
    reading(proxy, async () => await readLive(client, service, "/explain")),
    reading(proxy, async () => await readProbe(client, service, lease)),
    rightsOf("agent"),
    rightsOf("coordinator"),
    hidden?.kind === "failed"
      ? hidden
      : reading(
          `get secrets ${inSpace}`,
          async () => await readCertificates(client, namespace, workloads, limits),
        ),
    reading(proxy, rightsPage),
    reading(proxy, metricsPage),
    pods.kind === "failed"
      ? pods
      : agents.kind === "read"
        ? reading(proxy, async () => await agentPages(agents.value))
        : agents,
  ]);
  return {
    now: now(),
    namespace,
    version,
    space,
    definition,
    policies,
    nodes,
    pods,
    budgets,
    nodeLeases,
    slices,
    agents,
    coordinator,
    nats,
    lease,
    page,
    probe,
    admissionPolicies,
    admissionBindings,
    agentRights,
    coordinatorRights,
    certificates,
    cloudRights,
    coordinatorMetrics,
    agentMetrics,
  };
}

/** As the chart names it. */
const NATS_SET = "gpu-autoscaler-nats";

/** What a call answers, or why it does not and the right that it needs. Rejects by the signal alone. */
export function createReading(
  signal: AbortSignal,
): <T>(right: string, call: () => Promise<T>) => Promise<Read<T>> {
  return async (right, call) => {
    try {
      return { kind: "read", value: await call() };
    } catch (error) {
      signal.throwIfAborted();
      return unread(error, right);
    }
  };
}

function unread(error: unknown, right: string): Read<never> {
  const [first = ""] = describe(error).split("\n");
  // The whole path of the proxy is a line of its own.
  const why = first.replace(
    /^cannot read \/api\/v1\/namespaces\/\S+\/proxy(\/\S*):/,
    "the coordinator's page $1:",
  );
  const kind = kindOf(error);
  if (kind === "not-found") return { kind: "absent", why };
  const way =
    kind === "denied"
      ? `you need the right to ${right}`
      : kind === "unavailable" || kind === "timeout"
        ? "try again once it answers"
        : "see what answers there";
  return { kind: "failed", why, way };
}

export function readVersion(answer: unknown) {
  const { major, minor, gitVersion } = (answer ?? {}) as Readonly<Record<string, unknown>>;
  if (typeof major !== "string" || typeof minor !== "string" || typeof gitVersion !== "string")
    throw new AppError("malformed", "what answers /version is no Kubernetes API server");
  return { major, minor, gitVersion };
}

/** Of the leader where one is known: each replica says this of itself. */
async function readProbe(client: DoctorClient, service: Service, lease: Read<Lease>): Promise<Probe> {
  const path = coordinatorPath(service, lease, "/readyz");
  const answer = (await client.read(path, { deadlineMs: PATIENCE })) as Partial<Probe> | null;
  const checks: unknown = answer?.checks;
  if (!Array.isArray(checks))
    throw new AppError("malformed", `${path} answers with something else than a probe`);
  // Our own program wrote it.
  return { checks: checks as Probe["checks"] };
}

function readRights(answer: unknown): RightsAnswer {
  const { accounts } = (answer ?? {}) as Partial<RightsAnswer>;
  if (!Array.isArray(accounts))
    throw new AppError("malformed", "what answers has something else than an account of rights");
  // Our own program wrote it.
  return { accounts: accounts as RightsAnswer["accounts"] };
}

/** What is in use here that needs rights of its own. */
async function featuresOf(
  client: DoctorClient,
  policies: readonly UnreadObject[],
  agents: Workload | null,
  coordinator: Workload | null,
  limits: CallOptions,
): Promise<ReadonlySet<Feature>> {
  const features = new Set<Feature>();
  if (environmentOf(agents)["GPUAS_CHECKPOINT_EXEC"] === "true") features.add("exec");
  if (environmentOf(agents)["GPUAS_METRICS_TOKENS"] === "true") features.add("metrics-tokens");
  if (environmentOf(coordinator)["GPUAS_NATS_CALLOUT"] === "true") features.add("callout");
  const specs = JSON.stringify(policies.map(({ spec }) => spec ?? null));
  if (specs.includes(`"apiVersion":"${RESOURCE.machines.group}/`)) features.add("cluster-api");
  if (specs.includes(`"apiVersion":"${RESOURCE.nodePools.group}/`)) features.add("karpenter");
  const kinds = [
    ["pod-groups", GANG_KIND.podGroup],
    ["volcano", GANG_KIND.volcanoPodGroup],
    ["job-sets", GANG_KIND.jobSet],
  ] as const;
  await Promise.all(
    kinds.map(async ([feature, { apiVersion }]) => {
      try {
        await client.read(groupPath(apiVersion), limits);
        features.add(feature);
      } catch {
        // Not installed, or not to be known: then nobody asks for it.
      }
    }),
  );
  return features;
}
