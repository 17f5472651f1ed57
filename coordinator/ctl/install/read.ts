// Reads what the checks before an installation look at, everything beside everything else and each by itself: a thing that
// cannot be read becomes a sentence about why, and the rest goes on. It asks and tries; nothing is kept of it anywhere.

import type { KubeObject } from "../../../shared/model/kube.ts";
import { LEASE_NAME, POLICY } from "../../../shared/model/names.ts";
import { millis } from "../../../shared/model/units.ts";
import type { EpochMs } from "../../../shared/model/units.ts";
import { describe, kindOf } from "../../../shared/runtime/errors.ts";
import type { CallOptions, KubeClient } from "../../../shared/runtime/kube/client.ts";
import { createDiscovery, RESOURCE } from "../../../shared/runtime/kube/resources.ts";
import type { ObjectRef, Resource } from "../../../shared/runtime/kube/resources.ts";
import { readCertificates } from "../doctor/certificates.ts";
import type { Read } from "../doctor/finding.ts";
import { DEFINITION_NAME, KIND } from "../doctor/kinds.ts";
import type { Workload } from "../doctor/kinds.ts";
import { createReading, readVersion } from "../doctor/read.ts";
import type { PreFlight, Trial } from "./facts.ts";
import { objectsIn } from "./helm.ts";
import type { Helm, Rendered } from "./helm.ts";
import { readServers } from "./nats.ts";
import { askOwnRights } from "./rights.ts";
import { secretsLacking } from "./secrets.ts";

export type InstallClient = Pick<KubeClient, "read" | "get" | "list" | "create" | "apply" | "mergePatch">;

export interface PreFlightOptions {
  readonly client: InstallClient;
  readonly helm: Pick<Helm, "version" | "rendered">;
  readonly release: string;
  readonly namespace: string;
  readonly now: () => EpochMs;
  readonly signal: AbortSignal;
}

/** A server that does not answer at all must not cost minutes. */
const PATIENCE = millis(10_000);
/** As whom Helm writes, so that a trial finds the conflicts that it would. */
const HELM_MANAGER = "helm";
const WORKLOADS: readonly string[] = ["DaemonSet", "Deployment", "StatefulSet"];

interface Known {
  readonly object: Rendered;
  /** Null: the API server does not know the kind. */
  readonly resource: Resource | null;
}

/** Never rejects but by the signal. */
export async function readPreFlight(options: PreFlightOptions): Promise<PreFlight> {
  const { client, helm, namespace, release, now, signal } = options;
  const limits: CallOptions = { signal, deadlineMs: PATIENCE };
  const reading = createReading(signal);
  const list = async <T extends KubeObject>(resource: Resource<T>, fieldSelector?: string) =>
    await reading(
      `list ${resource.plural}`,
      async () =>
        (await client.list(resource, fieldSelector === undefined ? {} : { fieldSelector }, limits)).items,
    );

  // 1. What depends on nothing.
  const [version, space, definition, storageClasses, leases, deployments, daemonSets, helmVersion] =
    await Promise.all([
      reading("get /version", async () => readVersion(await client.read("/version", limits))),
      reading(
        "get namespaces",
        async () => await client.get(RESOURCE.namespaces, { name: namespace }, limits),
      ),
      reading(
        "get customresourcedefinitions",
        async () => await client.get(KIND.definitions, { name: DEFINITION_NAME }, limits),
      ),
      list(RESOURCE.storageClasses),
      list(RESOURCE.leases, `metadata.name=${LEASE_NAME}`),
      list(KIND.deployments),
      list(KIND.daemonSets),
      reading("run helm", async () => await helm.version()),
    ]);

  // 2. What the chart makes, and what the API server says of it.
  const rendered = helmVersion.kind === "read" ? await renderedBy(helm, signal) : helmVersion;
  const of = <T>(then: (objects: readonly Rendered[]) => Promise<Read<T>>): Promise<Read<T>> =>
    rendered.kind === "read" ? then(rendered.value) : Promise.resolve(rendered);
  const known = await of(
    async (objects) => await reading("discovery", async () => await knownOf(client, objects, limits)),
  );
  const ofKnown = async <T>(then: (all: readonly Known[]) => Promise<Read<T>>): Promise<Read<T>> =>
    known.kind === "read" ? await then(known.value) : known;
  const [unserved, standing, rights, trial, servers, certificates, secrets] = await Promise.all([
    ofKnown(async (all) => await reading("discovery", async () => await Promise.resolve(unservedIn(all)))),
    ofKnown(
      async (all) =>
        await reading("get roles for the cluster", async () => await standingOf(client, all, limits)),
    ),
    ofKnown(
      async (all) =>
        await reading("create selfsubjectaccessreviews", async () => {
          const resources = all.flatMap(({ resource }) => (resource === null ? [] : [resource]));
          return await askOwnRights(
            client,
            { resources, namespace, makesSpace: space.kind === "absent" },
            limits,
          );
        }),
    ),
    ofKnown(
      async (all) =>
        await reading(
          "apply",
          async () => await tryAll(client, all, { namespace, isThere: space.kind === "read" }, limits),
        ),
    ),
    of(
      async (objects) =>
        await reading("get services", async () => await readServers(client, objects, limits)),
    ),
    of(
      async (objects) =>
        await reading(`get secrets in namespace ${namespace}`, async () => {
          // The API server has checked their form; helm has rendered them by the same.
          const workloads = objects.filter(({ kind }) => WORKLOADS.includes(kind)) as readonly Workload[];
          return await readCertificates(client, namespace, workloads, limits);
        }),
    ),
    of(
      async (objects) =>
        await reading(
          `get secrets in namespace ${namespace}`,
          async () => await secretsLacking(client, namespace, objects, limits),
        ),
    ),
  ]);
  const workloads: Read<readonly Workload[]> =
    deployments.kind !== "read"
      ? deployments
      : daemonSets.kind !== "read"
        ? daemonSets
        : { kind: "read", value: [...deployments.value, ...daemonSets.value] };
  return {
    now: now(),
    namespace,
    release,
    helm: helmVersion,
    rendered,
    version,
    space,
    definition,
    unserved,
    standing,
    rights,
    trial,
    storageClasses,
    servers,
    certificates,
    secrets,
    leases,
    workloads,
  };
}

/** What helm refuses is the values' fault, and its words name the key. */
async function renderedBy(helm: Pick<Helm, "rendered">, signal: AbortSignal): Promise<PreFlight["rendered"]> {
  try {
    return { kind: "read", value: objectsIn(await helm.rendered()) };
  } catch (error) {
    signal.throwIfAborted();
    const way = "correct the value that is named; deploy/chart/VALUES.md has all of them";
    return { kind: "failed", why: describe(error), way };
  }
}

async function knownOf(
  client: InstallClient,
  objects: readonly Rendered[],
  limits: CallOptions,
): Promise<readonly Known[]> {
  const discover = createDiscovery(client);
  return await Promise.all(
    objects.map(async (object): Promise<Known> => {
      // Its definition is made before anything else.
      if (object.kind === POLICY.kind) return { object, resource: RESOURCE.policies };
      try {
        return { object, resource: await discover(object, limits) };
      } catch (error) {
        if (kindOf(error) !== "not-found") throw error;
        return { object, resource: null };
      }
    }),
  );
}

function unservedIn(all: readonly Known[]): readonly string[] {
  return [
    ...new Set(
      all.flatMap(({ object, resource }) =>
        resource === null ? [`${object.kind} in ${object.apiVersion}`] : [],
      ),
    ),
  ];
}

/** For the whole cluster, and there already. */
async function standingOf(
  client: InstallClient,
  all: readonly Known[],
  limits: CallOptions,
): Promise<readonly KubeObject[]> {
  const found = await Promise.all(
    all.map(async ({ object, resource }) => {
      if (resource === null || resource.namespaced || object.kind === POLICY.kind) return [];
      try {
        return [await client.get(resource, { name: object.metadata.name }, limits)];
      } catch (error) {
        if (kindOf(error) !== "not-found") throw error;
        return [];
      }
    }),
  );
  return found.flat();
}

/**
 * Each object as the API server would take it, rights and admission included. Left out is what cannot be tried: policies
 * before their definition, and what is inside of a namespace that is not there yet.
 */
async function tryAll(
  client: InstallClient,
  all: readonly Known[],
  { namespace, isThere }: { readonly namespace: string; readonly isThere: boolean },
  limits: CallOptions,
): Promise<readonly Trial[]> {
  const tried = all.filter(
    ({ object, resource }) =>
      resource !== null && object.kind !== POLICY.kind && (isThere || !resource.namespaced),
  );
  return await Promise.all(
    tried.map(async ({ object, resource }): Promise<Trial> => {
      const { kind, metadata } = object;
      const named = `${kind} ${metadata.name}`;
      if (resource === null) return { object: named, refusal: null };
      const ref = resource.namespaced
        ? { namespace: metadata.namespace ?? namespace, name: metadata.name }
        : { name: metadata.name };
      try {
        const how = { fieldManager: HELM_MANAGER, force: true, dryRun: true };
        await client.apply(resource, ref, object, how, limits);
        return { object: named, refusal: null };
      } catch (error) {
        limits.signal?.throwIfAborted();
        const refusal = describe(error);
        return (await isTakenInPlace(client, resource, ref, object, limits))
          ? { object: named, refusal: null }
          : { object: named, refusal };
      }
    }),
  );
}

/**
 * What Helm 3 wrote is another manager's to the server. Applied, the old of it stays beside the new, such as two ports of one
 * name, and that is refused; Helm itself puts the new in its place.
 */
async function isTakenInPlace(
  client: InstallClient,
  resource: Resource,
  ref: ObjectRef,
  object: Rendered,
  limits: CallOptions,
): Promise<boolean> {
  try {
    await client.mergePatch(resource, ref, object, { ...limits, dryRun: true });
    return true;
  } catch {
    limits.signal?.throwIfAborted();
    return false;
  }
}
