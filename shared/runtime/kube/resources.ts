// Which objects we talk about and where the API server keeps them. The table holds the kinds that our code
// names; the kind of a scale target is named by the user, so its path is asked of the server (discovery).

import type {
  CsiNode,
  DaemonSet,
  KubeObject,
  Lease,
  Machine,
  MachinePool,
  Node,
  NodeClaim,
  NodePool,
  PersistentVolume,
  PersistentVolumeClaim,
  Pod,
  PodDisruptionBudget,
  StorageClass,
} from "../../model/kube.ts";
import { API_GROUP, API_VERSION, CLUSTER_API, KARPENTER, POLICY } from "../../model/names.ts";
import type { Millis } from "../../model/units.ts";
import { AppError } from "../errors.ts";

declare const shape: unique symbol;

/** `T` is what an object of this kind looks like; it exists for the compiler only. */
export interface Resource<T extends KubeObject = KubeObject> {
  /** "" for the core group. */
  readonly group: string;
  readonly version: string;
  readonly plural: string;
  readonly kind: string;
  readonly namespaced: boolean;
  /** What lists and watches make of each object as it comes; absent: it is kept whole. */
  readonly keep?: (served: KubeObject) => T;
  readonly [shape]?: T;
}

/** The same objects, of which lists and watches keep only what `keep` makes of them: memory is counted. */
export function reduced<T extends KubeObject, K extends KubeObject>(
  { group, version, plural, kind, namespaced }: Resource<T>,
  keep: (object: T) => K,
): Resource<K> {
  // The cast is the trust that the client's file states: what is served is of the kind that was asked for.
  return { group, version, plural, kind, namespaced, keep: (served) => keep(served as T) };
}

/** An object whose spec and status nobody has validated yet. */
export interface UnreadObject extends KubeObject {
  readonly spec?: unknown;
  readonly status?: unknown;
}

/** A core/v1 Event. */
export interface EventObject extends KubeObject {
  readonly involvedObject: {
    readonly apiVersion?: string;
    readonly kind: string;
    readonly namespace?: string;
    readonly name: string;
    readonly uid?: string;
  };
  readonly type: "Normal" | "Warning";
  readonly reason: string;
  readonly message: string;
  readonly count?: number;
  readonly firstTimestamp?: string;
  readonly lastTimestamp?: string;
  readonly source?: { readonly component?: string };
  readonly reportingComponent?: string;
  readonly reportingInstance?: string;
}

function resource<T extends KubeObject>(fields: Omit<Resource<T>, typeof shape>): Resource<T> {
  return fields;
}

export const RESOURCE = {
  nodes: resource<Node>({ group: "", version: "v1", plural: "nodes", kind: "Node", namespaced: false }),
  pods: resource<Pod>({ group: "", version: "v1", plural: "pods", kind: "Pod", namespaced: true }),
  namespaces: resource<KubeObject>({
    group: "",
    version: "v1",
    plural: "namespaces",
    kind: "Namespace",
    namespaced: false,
  }),
  persistentVolumeClaims: resource<PersistentVolumeClaim>({
    group: "",
    version: "v1",
    plural: "persistentvolumeclaims",
    kind: "PersistentVolumeClaim",
    namespaced: true,
  }),
  persistentVolumes: resource<PersistentVolume>({
    group: "",
    version: "v1",
    plural: "persistentvolumes",
    kind: "PersistentVolume",
    namespaced: false,
  }),
  storageClasses: resource<StorageClass>({
    group: "storage.k8s.io",
    version: "v1",
    plural: "storageclasses",
    kind: "StorageClass",
    namespaced: false,
  }),
  csiNodes: resource<CsiNode>({
    group: "storage.k8s.io",
    version: "v1",
    plural: "csinodes",
    kind: "CSINode",
    namespaced: false,
  }),
  daemonSets: resource<DaemonSet>({
    group: "apps",
    version: "v1",
    plural: "daemonsets",
    kind: "DaemonSet",
    namespaced: true,
  }),
  // Devices that drivers offer to claims. Clusters before 1.34 serve it in older versions only.
  resourceSlices: resource<UnreadObject>({
    group: "resource.k8s.io",
    version: "v1",
    plural: "resourceslices",
    kind: "ResourceSlice",
    namespaced: false,
  }),
  events: resource<EventObject>({
    group: "",
    version: "v1",
    plural: "events",
    kind: "Event",
    namespaced: true,
  }),
  leases: resource<Lease>({
    group: "coordination.k8s.io",
    version: "v1",
    plural: "leases",
    kind: "Lease",
    namespaced: true,
  }),
  podDisruptionBudgets: resource<PodDisruptionBudget>({
    group: "policy",
    version: "v1",
    plural: "poddisruptionbudgets",
    kind: "PodDisruptionBudget",
    namespaced: true,
  }),
  policies: resource<UnreadObject>({
    group: API_GROUP,
    version: API_VERSION,
    plural: POLICY.plural,
    kind: POLICY.kind,
    namespaced: false,
  }),
  // The version that every Cluster API release in support serves. Where a policy names a scale target, the
  // version that stands there is used instead, by discovery.
  machines: resource<Machine>({
    group: CLUSTER_API.group,
    version: "v1beta1",
    plural: "machines",
    kind: "Machine",
    namespaced: true,
  }),
  machineDeployments: resource<UnreadObject>({
    group: CLUSTER_API.group,
    version: "v1beta1",
    plural: "machinedeployments",
    kind: "MachineDeployment",
    namespaced: true,
  }),
  machinePools: resource<MachinePool>({
    group: CLUSTER_API.group,
    version: "v1beta1",
    plural: "machinepools",
    kind: "MachinePool",
    namespaced: true,
  }),
  nodePools: resource<NodePool>({
    group: KARPENTER.group,
    version: "v1",
    plural: "nodepools",
    kind: "NodePool",
    namespaced: false,
  }),
  nodeClaims: resource<NodeClaim>({
    group: KARPENTER.group,
    version: "v1",
    plural: "nodeclaims",
    kind: "NodeClaim",
    namespaced: false,
  }),
} as const;

export interface ObjectRef {
  readonly namespace?: string | undefined;
  readonly name: string;
}

export interface Selector {
  /** Without it, every namespace. */
  readonly namespace?: string | undefined;
  readonly fieldSelector?: string | undefined;
  readonly labelSelector?: string | undefined;
}

export function apiVersionOf(resource: Resource): string {
  return resource.group === "" ? resource.version : `${resource.group}/${resource.version}`;
}

/** The path of a group and version: /api/v1, /apis/policy/v1. */
export function groupPath(apiVersion: string): string {
  const parts = apiVersion.split("/").map(segment);
  return parts.length === 1 ? `/api/${parts[0]}` : `/apis/${parts.join("/")}`;
}

/** The path of all objects of a kind, in one namespace or in all. */
export function listPath(resource: Resource, namespace?: string): string {
  const root = groupPath(apiVersionOf(resource));
  const within = resource.namespaced && namespace !== undefined ? `/namespaces/${segment(namespace)}` : "";
  return `${root}${within}/${resource.plural}`;
}

/** The path of one object, or of one of its subresources. */
export function objectPath(resource: Resource, ref: ObjectRef, subresource?: string): string {
  if (resource.namespaced && ref.namespace === undefined) {
    throw new AppError(
      "bug",
      `cannot address ${resource.plural} ${ref.name}: it lives in a namespace and none is given`,
    );
  }
  const path = `${listPath(resource, ref.namespace)}/${segment(ref.name)}`;
  return subresource === undefined ? path : `${path}/${subresource}`;
}

export function queryOf(fields: Readonly<Record<string, string | number | boolean | undefined>>): string {
  const query = new URLSearchParams();
  for (const [name, value] of Object.entries(fields)) if (value !== undefined) query.set(name, String(value));
  return query.size === 0 ? "" : `?${query.toString()}`;
}

/** Words for messages: "pods team-a/train-0". */
export function nameOf(resource: Resource, ref: ObjectRef): string {
  return `${resource.plural} ${ref.namespace === undefined ? "" : `${ref.namespace}/`}${ref.name}`;
}

/** One path segment. Names come from users too (policies), and a name must not lead to another path. */
function segment(text: string): string {
  if (text === "" || text === "." || text === "..") {
    throw new AppError("bad-input", `cannot address an object in the Kubernetes API by the name "${text}"`);
  }
  return encodeURIComponent(text);
}

export interface DiscoveredResource extends Resource<UnreadObject> {
  /** Whether the kind has a /scale subresource. */
  readonly scalable: boolean;
}

export type Discovery = (
  kind: { readonly apiVersion: string; readonly kind: string },
  options?: DiscoveryLimits,
) => Promise<DiscoveredResource>;

export interface DiscoveryLimits {
  readonly signal?: AbortSignal | undefined;
  readonly deadlineMs?: Millis | undefined;
}

/**
 * Finds where the server keeps a kind. Answers are remembered for the life of the function; a kind that is not
 * there is asked for again each time, because its definition may be installed later.
 * @throws AppError not-found when the server does not know the kind, else what the call throws.
 */
export function createDiscovery(client: {
  read(path: string, options?: DiscoveryLimits): Promise<unknown>;
}): Discovery {
  const known = new Map<string, DiscoveredResource>();
  return async ({ apiVersion, kind }, options = {}) => {
    const key = `${apiVersion}/${kind}`;
    const remembered = known.get(key);
    if (remembered !== undefined) return remembered;
    const entries = readEntries(await client.read(groupPath(apiVersion), options), apiVersion);
    const main = entries.find((entry) => entry.kind === kind && !entry.name.includes("/"));
    if (main === undefined) {
      throw new AppError(
        "not-found",
        `cannot find kind "${kind}" in ${apiVersion}: the API server does not serve it`,
      );
    }
    const [group, version] = apiVersion.includes("/") ? apiVersion.split("/") : ["", apiVersion];
    const found: DiscoveredResource = {
      group: group ?? "",
      version: version ?? "",
      plural: main.name,
      kind,
      namespaced: main.namespaced,
      scalable: entries.some((entry) => entry.name === `${main.name}/scale`),
    };
    known.set(key, found);
    return found;
  };
}

interface ResourceEntry {
  readonly name: string;
  readonly kind: string;
  readonly namespaced: boolean;
}

function readEntries(answer: unknown, apiVersion: string): readonly ResourceEntry[] {
  const list: unknown =
    typeof answer === "object" && answer !== null && "resources" in answer ? answer.resources : null;
  if (!Array.isArray(list)) {
    throw new AppError(
      "malformed",
      `cannot read the resources of ${apiVersion}: the answer holds no list of them`,
    );
  }
  return list.filter(isEntry);
}

function isEntry(value: unknown): value is ResourceEntry {
  if (typeof value !== "object" || value === null) return false;
  const { name, kind, namespaced } = value as Partial<ResourceEntry>;
  return typeof name === "string" && typeof kind === "string" && typeof namespaced === "boolean";
}
