// How large a group that is an object of the cluster is and what it has. MachineDeployments and their Machines come by
// watch, from when the first policy names one; any other scale target is read at most every 10 s. A size that was not
// read lately is unknown, a group that is not there is missing, and both say why.

import type { ScaleGroup } from "../../shared/contract/policy/pool.ts";
import { parseInstant } from "../../shared/model/instant.ts";
import type { Machine } from "../../shared/model/kube.ts";
import { CLUSTER_API } from "../../shared/model/names.ts";
import { millis } from "../../shared/model/units.ts";
import type { Clock } from "../../shared/runtime/clock.ts";
import { describe, kindOf } from "../../shared/runtime/errors.ts";
import type { Discovery, UnreadObject } from "../../shared/runtime/kube/resources.ts";
import { RESOURCE } from "../../shared/runtime/kube/resources.ts";
import type { NodeGroup } from "../cloud/group.ts";
import type { GroupReading, InstanceInput } from "../decide/snapshot.ts";
import type { GroupSource, PoolReading } from "./groups.ts";
import { machineFailure } from "./machine-failure.ts";
import { createPolled } from "./polled.ts";
import type { Polled } from "./polled.ts";
import { createNews, createWatched, incompleteness } from "./watched.ts";
import type { WatchDeps, Watched } from "./watched.ts";

export interface ScaleGroupsOptions {
  readonly watch: WatchDeps;
  readonly clock: Clock;
  readonly discover: Discovery;
  readonly defaultNamespace: string;
  readonly groupOf: (target: ScaleGroup) => NodeGroup;
  /** Whether the target's members are Machine objects. */
  readonly hasMachines: (target: ScaleGroup) => boolean;
  readonly machinesOf: (apiVersion: string) => typeof RESOURCE.machines;
  readonly isNodeReady: (node: string) => boolean;
  readonly onChange: () => void;
  /** Takes over a task that ends with the signal. */
  readonly spawn: (name: string, task: (signal: AbortSignal) => Promise<void>) => void;
}

/** How often to ask for a kind that the server does not serve yet. */
const LOOK_AGAIN_MS = millis(10_000);

export function createScaleGroups(options: ScaleGroupsOptions): GroupSource<ScaleGroup> {
  const { clock } = options;
  const clusterApi = new Map<string, MachineWatch>();
  const polled = new Map<string, Polled>();

  return {
    reading: (target) => {
      if (!options.hasMachines(target)) {
        const entry = getOrMake(polled, JSON.stringify(target), () => startPolling(target, options));
        return { group: entry.reading(clock.now()), instances: [] };
      }
      const entry = getOrMake(clusterApi, target.apiVersion, () => startMachineWatch(target, options));
      return machineReading(entry, target, options);
    },
    touched: (target) => {
      polled.get(JSON.stringify(target))?.poke();
    },
  };
}

/** The Machines and MachineDeployments of one API version; null until the server is known to serve them. */
interface MachineWatch {
  watches: { readonly deployments: Watched<UnreadObject>; readonly machines: Watched<Machine> } | null;
  /** Why there are none. */
  absent: GroupReading;
  /** Members by namespace and MachineDeployment; null when they have changed. */
  members: ReadonlyMap<string, readonly Machine[]> | null;
}

function startMachineWatch(target: ScaleGroup, options: ScaleGroupsOptions): MachineWatch {
  const { clock, discover, onChange } = options;
  const entry: MachineWatch = {
    watches: null,
    absent: { kind: "unknown", detail: `${target.apiVersion} is being looked up` },
    members: null,
  };
  options.spawn(`watch of ${target.apiVersion}`, async (signal) => {
    // 1. A watch on a kind that is not installed would only fail; ask until it is there.
    while (!(await isServed(target, entry, discover, signal))) {
      onChange();
      await clock.sleep(LOOK_AGAIN_MS, signal);
    }
    // 2. Both kinds, for as long as we run.
    const version = target.apiVersion.slice(target.apiVersion.indexOf("/") + 1);
    const isDeploymentNews = createNews<UnreadObject>((deployment) => [
      deploymentReading(deployment),
      deployment.metadata.deletionTimestamp !== undefined,
    ]);
    const isMachineNews = createNews<Machine>((machine) => [
      machine.metadata.labels?.[CLUSTER_API.deploymentName],
      instanceOf(machine, () => true),
    ]);
    const deployments = createWatched({ ...RESOURCE.machineDeployments, version }, options.watch, (event) => {
      // A size that may be believed again is news too.
      if (isDeploymentNews(event) || event.kind === "live") onChange();
    });
    const machines = createWatched(options.machinesOf(target.apiVersion), options.watch, (event) => {
      entry.members = null;
      if (isMachineNews(event) || event.kind === "live") onChange();
    });
    entry.watches = { deployments, machines };
    await Promise.all([deployments.run(signal), machines.run(signal)]);
  });
  return entry;
}

async function isServed(
  target: ScaleGroup,
  entry: MachineWatch,
  discover: Discovery,
  signal: AbortSignal,
): Promise<boolean> {
  try {
    await discover(target, { signal });
    return true;
  } catch (error) {
    signal.throwIfAborted();
    const kind = kindOf(error);
    if (kind === "bug") throw error;
    entry.absent = { kind: kind === "not-found" ? "missing" : "unknown", detail: describe(error) };
    return false;
  }
}

function machineReading(entry: MachineWatch, target: ScaleGroup, options: ScaleGroupsOptions): PoolReading {
  const { watches } = entry;
  if (watches === null) return { group: entry.absent, instances: [] };
  const now = options.clock.now();
  const incomplete = incompleteness(watches.deployments, now) ?? incompleteness(watches.machines, now);
  if (incomplete !== null) return { group: { kind: "unknown", detail: incomplete }, instances: [] };

  const namespace = target.namespace ?? options.defaultNamespace;
  const deployment = watches.deployments.store.get({ namespace, name: target.name });
  if (deployment === undefined || deployment.metadata.deletionTimestamp !== undefined) {
    return {
      group: { kind: "missing", detail: `there is no MachineDeployment ${namespace}/${target.name}` },
      instances: [],
    };
  }
  entry.members ??= Map.groupBy(watches.machines.store.values(), ({ metadata }) =>
    memberKey(metadata.namespace, metadata.labels?.[CLUSTER_API.deploymentName]),
  );
  const members = entry.members.get(memberKey(namespace, target.name)) ?? [];
  return {
    group: deploymentReading(deployment),
    instances: members.map((machine) => instanceOf(machine, options.isNodeReady)),
  };
}

function deploymentReading({ metadata, spec }: UnreadObject): GroupReading {
  const replicas: unknown =
    typeof spec === "object" && spec !== null && "replicas" in spec ? spec.replicas : undefined;
  const paused = metadata.annotations?.[CLUSTER_API.paused] !== undefined;
  if (paused)
    return {
      kind: "unknown",
      detail: `MachineDeployment ${metadata.name} is paused, so a new size would not be carried out`,
    };
  if (typeof replicas !== "number" || !Number.isInteger(replicas) || replicas < 0) {
    return {
      kind: "unknown",
      detail: `MachineDeployment ${metadata.name} has no usable spec.replicas: ${JSON.stringify(replicas)}`,
    };
  }
  return { kind: "known", size: replicas, chosenRemoval: true };
}

function instanceOf(machine: Machine, isNodeReady: (node: string) => boolean): InstanceInput {
  const { metadata, spec, status } = machine;
  const node = status?.nodeRef?.name ?? null;
  const state = stateOf(machine, node !== null && isNodeReady(node));
  const createdAt = parseInstant(metadata.creationTimestamp ?? "");
  const failure = state === "failed" ? machineFailure(machine) : undefined;
  return {
    id: metadata.name,
    node,
    state,
    ...(createdAt === null ? {} : { createdAt }),
    ...(spec?.failureDomain === undefined ? {} : { zone: spec.failureDomain }),
    ...(failure === undefined ? {} : { failure }),
  };
}

function stateOf({ metadata, status }: Machine, ready: boolean): InstanceInput["state"] {
  if (metadata.deletionTimestamp !== undefined) return "leaving";
  if (status?.phase === "Failed" || status?.failureReason !== undefined) return "failed";
  return ready ? "ready" : "booting";
}

function memberKey(namespace: string | undefined, deployment: string | undefined): string {
  return `${namespace ?? ""}/${deployment ?? ""}`;
}

function startPolling(target: ScaleGroup, options: ScaleGroupsOptions): Polled {
  const { clock, onChange } = options;
  const entry = createPolled({ target, group: options.groupOf(target), clock, onChange });
  options.spawn(`polling of ${target.kind} ${target.name}`, async (signal) => await entry.run(signal));
  return entry;
}

function getOrMake<V>(map: Map<string, V>, key: string, make: () => V): V {
  const known = map.get(key);
  if (known !== undefined) return known;
  const made = make();
  map.set(key, made);
  return made;
}
