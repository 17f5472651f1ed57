// A managed instance group, its managed instances and its instance template as Google describes them, over a group of the
// simulated cloud. What the simulation does not know of a real one is laid over it by the test.

import { createHash } from "node:crypto";

import { GCP_PROJECT } from "../../../coordinator/replay/world-cloud.ts";
import type { CloudFailure, CloudGroup, CloudInstance } from "../../../coordinator/replay/world-cloud.ts";
import { parseResources } from "../../../shared/model/resources.ts";

export type Fields = Readonly<Record<string, unknown>>;

export interface GcpGroupSettings {
  /** Fields over those of the group. */
  readonly group: Fields;
  /** Instance → fields over those of the managed instance; a field that is undefined is not there. */
  readonly instances: Readonly<Record<string, Fields>>;
  /** Fields over those of the template's properties. */
  readonly template: Fields;
  /** Fields over those of the group's autoscaler; null: it has none. */
  readonly autoscaler: Fields | null;
  /** Fields over those of the GKE node pool that its template's metadata name; null: there is none. */
  readonly nodePool: Fields | null;
}

export const PLAIN_SETTINGS: GcpGroupSettings = {
  group: {},
  instances: {},
  template: {},
  autoscaler: null,
  nodePool: null,
};

const ROOT = "https://www.googleapis.com/compute/v1";
const CODES = {
  "no-capacity": "ZONE_RESOURCE_POOL_EXHAUSTED_WITH_DETAILS",
  quota: "QUOTA_EXCEEDED",
  denied: "PERMISSIONS_ERROR",
  misconfigured: "INVALID_FIELD_VALUE",
  throttled: "RESOURCE_OPERATION_RATE_EXCEEDED",
  unavailable: "INTERNAL_ERROR",
  "timed-out": "TIMEOUT",
} as const;

export function zoneOf({ shape }: CloudGroup): string {
  return shape.zones[0] ?? "";
}

/** Of the machine, not of its name. */
export function numberOf({ id, createdAt }: CloudInstance): string {
  const digest = createHash("sha256").update(`${id} ${createdAt}`).digest();
  return (digest.readBigUInt64BE() | 1n).toString();
}

export function templateNameOf({ name }: CloudGroup): string {
  return `${name}-template`;
}

export function autoscalerNameOf({ name }: CloudGroup): string {
  return `${name}-autoscaler`;
}

export function describeGroup(group: CloudGroup, settings: GcpGroupSettings, createdAt: number): Fields {
  const { name, desired, instances, openNames, version } = group;
  const zone = `${ROOT}/projects/${GCP_PROJECT}/zones/${zoneOf(group)}`;
  const template = `${ROOT}/projects/${GCP_PROJECT}/global/instanceTemplates/${templateNameOf(group)}`;
  const actions = describeInstances(group, settings, new Set()).map((one) => String(one["currentAction"]));
  const count = (...which: readonly string[]): number =>
    actions.filter((action) => which.includes(action)).length;
  return {
    kind: "compute#instanceGroupManager",
    id: String(1_000_000_000 + name.length),
    creationTimestamp: new Date(createdAt).toISOString(),
    name,
    zone,
    selfLink: `${zone}/instanceGroupManagers/${name}`,
    instanceGroup: `${zone}/instanceGroups/${name}`,
    baseInstanceName: name,
    instanceTemplate: template,
    versions: [{ instanceTemplate: template, targetSize: { calculated: desired } }],
    fingerprint: Buffer.from(String(version)).toString("base64"),
    targetSize: desired,
    currentActions: {
      none: count("NONE"),
      creating: count("CREATING"),
      creatingWithoutRetries: count("CREATING_WITHOUT_RETRIES"),
      recreating: count("RECREATING"),
      deleting: count("DELETING"),
      abandoning: count("ABANDONING"),
      restarting: 0,
      refreshing: 0,
      verifying: 0,
      suspending: 0,
      resuming: 0,
      stopping: 0,
      starting: 0,
    },
    status: {
      isStable: openNames.length === 0 && instances.every(({ state }) => state === "running"),
      stateful: { hasStatefulConfig: false, perInstanceConfigs: { allEffective: true } },
      versionTarget: { isReached: true },
      ...(settings.autoscaler === null
        ? {}
        : { autoscaler: `${zone}/autoscalers/${autoscalerNameOf(group)}` }),
    },
    updatePolicy: { type: "OPPORTUNISTIC", minimalAction: "REPLACE" },
    instanceLifecyclePolicy: { defaultActionOnFailure: "REPAIR", forceUpdateOnRepair: "NO" },
    listManagedInstancesResults: "PAGELESS",
    ...settings.group,
  };
}

/** `remade`: names of places that had a machine before. */
export function describeInstances(
  group: CloudGroup,
  settings: GcpGroupSettings,
  remade: ReadonlySet<string>,
): readonly Fields[] {
  const zone = zoneOf(group);
  const of = (name: string): Fields => ({
    name,
    instance: `${ROOT}/projects/${GCP_PROJECT}/zones/${zone}/instances/${name}`,
    version: {
      instanceTemplate: `${ROOT}/projects/${GCP_PROJECT}/global/instanceTemplates/${templateNameOf(group)}`,
    },
  });
  const making = (name: string): string => (remade.has(name) ? "RECREATING" : "CREATING");
  const machines = group.instances.map((instance): Fields => ({
    ...of(instance.id),
    id: numberOf(instance),
    ...(instance.state === "pending"
      ? { currentAction: making(instance.id), instanceStatus: "STAGING", targetStatus: "RUNNING" }
      : instance.state === "running"
        ? { currentAction: "NONE", instanceStatus: "RUNNING", targetStatus: "RUNNING" }
        : { currentAction: "DELETING", instanceStatus: "STOPPING", targetStatus: "DELETED" }),
  }));
  const failure = lastFailure(group);
  const attempt = failure === null ? {} : { lastAttempt: { errors: { errors: [errorOf(failure)] } } };
  const places = group.openNames.map((name): Fields => ({
    ...of(name),
    currentAction: making(name),
    targetStatus: "RUNNING",
    ...attempt,
  }));
  return [...machines, ...places].map((one) => ({ ...one, ...settings.instances[String(one["name"])] }));
}

/** A place that is open has met the newest one, if anything. */
function lastFailure({ activities }: CloudGroup): CloudFailure | null {
  return activities.find(({ what }) => what === "launch")?.failure ?? null;
}

function errorOf({ kind, code, message }: CloudFailure): Fields {
  // The simulated stock speaks AWS's words.
  const known = /^[A-Z][A-Z_]+$/.test(code) ? code : CODES[kind];
  return { code: known, message };
}

export function describeTemplate(group: CloudGroup, settings: GcpGroupSettings, createdAt: number): Fields {
  const { shape } = group;
  const isSpot = shape.capacityType === "spot";
  const name = templateNameOf(group);
  return {
    kind: "compute#instanceTemplate",
    id: String(2_000_000_000 + name.length),
    creationTimestamp: new Date(createdAt).toISOString(),
    name,
    selfLink: `${ROOT}/projects/${GCP_PROJECT}/global/instanceTemplates/${name}`,
    properties: {
      machineType: shape.instanceTypes[0],
      scheduling: isSpot
        ? { provisioningModel: "SPOT", preemptible: true, instanceTerminationAction: "DELETE" }
        : { provisioningModel: "STANDARD", preemptible: false },
      metadata: { items: [] },
      ...settings.template,
    },
  };
}

export function describeAutoscaler(group: CloudGroup, own: Fields): Fields {
  const zone = `${ROOT}/projects/${GCP_PROJECT}/zones/${zoneOf(group)}`;
  const name = autoscalerNameOf(group);
  return {
    kind: "compute#autoscaler",
    id: String(5_000_000_000 + name.length),
    name,
    zone,
    selfLink: `${zone}/autoscalers/${name}`,
    target: `${zone}/instanceGroupManagers/${group.name}`,
    status: "ACTIVE",
    autoscalingPolicy: { mode: "ON", minNumReplicas: 0, maxNumReplicas: 50 },
    ...own,
  };
}

export function describeMachineType(group: CloudGroup, name: string): Fields {
  const { cpu = 0, memory = 0 } = parseResources(group.shape.allocatable);
  return {
    kind: "compute#machineType",
    id: "3000000000",
    name,
    zone: zoneOf(group),
    guestCpus: Math.floor(cpu / 1000),
    memoryMb: Math.floor(memory / 2 ** 20),
  };
}
