// The one simulated world: a small cluster with its control plane, kubelets, provider and workload, as a state
// machine that only `advance` moves in time. The same options, seed and calls give the same ledger, byte for
// byte. It asks no clock and does no I/O: replay steps it in virtual time, test/world serves it over HTTP. It
// does not check what a server would refuse; that is for the HTTP face.

import type { Pod } from "../../shared/model/kube.ts";
import { POD_ANNOTATION } from "../../shared/model/names.ts";
import { epochMs } from "../../shared/model/units.ts";
import type { EpochMs, Seconds } from "../../shared/model/units.ts";
import { AppError } from "../../shared/runtime/errors.ts";
import { createBudgets } from "./world-budgets.ts";
import type { EvictionVerdict } from "./world-budgets.ts";
import type { Clouds } from "./world-cloud.ts";
import { createClouds, settledClouds } from "./world-clouds.ts";
import { randomStream } from "./world-core.ts";
import type { Core, LedgerEntry, Part } from "./world-core.ts";
import { createNodeIndex } from "./world-index.ts";
import { createWorkloads } from "./world-jobs.ts";
import { createKarpenter } from "./world-karpenter.ts";
import { createKubelet } from "./world-kubelet.ts";
import type { Kubelet } from "./world-kubelet.ts";
import { createMachinePools } from "./world-machine-pools.ts";
import { createMachines } from "./world-machines.ts";
import { createNodes } from "./world-nodes.ts";
import { withDefaults } from "./world-options.ts";
import type {
  DaemonSetSpec,
  JobSpec,
  MachinePoolShape,
  NodePoolShape,
  PoolShape,
  ServiceSpec,
  WorldOptions,
} from "./world-options.ts";
import { isTerminating, podFact, requestsOf, withCondition } from "./world-pods.ts";
import { keyOf } from "./world-resources.ts";
import type { ObjectRef, Objects, ResourceName } from "./world-resources.ts";
import { createScheduler } from "./world-scheduler.ts";
import { createStore, sameJson } from "./world-store.ts";
import type { Change } from "./world-store.ts";
import { createEventQueue, timestamp } from "./world-time.ts";

export interface World {
  readonly now: EpochMs;
  /** Runs everything that happens up to `to`, in order. */
  advance(to: EpochMs): void;
  /** When something happens next by itself; null when nothing will. */
  nextEventAt(): EpochMs | null;
  readonly ledger: readonly LedgerEntry[];

  readonly version: number;
  get<R extends ResourceName>(resource: R, ref: ObjectRef): Objects[R] | null;
  list<R extends ResourceName>(resource: R): readonly Objects[R][];
  /** Changes after a version, oldest first; null when they are no longer kept and the reader must list again. */
  changesSince(version: number): readonly Change[] | null;
  /** Forgets recorded changes, so that every open reader has to list again. */
  compact(): void;

  /**
   * Creates or replaces an object as given, status included; writing what is there already changes nothing.
   * Returns it as written, before the controllers of the cluster answer, as a server's reply does.
   */
  put<R extends ResourceName>(resource: R, object: Objects[R]): Objects[R];
  /** Removes an object. A Pod loses its process at once; a Machine or a NodeClaim is drained first. */
  remove(resource: ResourceName, ref: ObjectRef): boolean;
  deletePod(ref: ObjectRef, grace: Seconds | null): boolean;
  evict(ref: ObjectRef, options?: EvictOptions): EvictionVerdict;
  /** Sets the size of a MachineDeployment. Other kinds with a size are written like any object. */
  scale(ref: ObjectRef, replicas: number): void;

  addPool(shape: PoolShape): void;
  addMachinePool(shape: MachinePoolShape): void;
  addNodePool(shape: NodePoolShape): void;
  submitJob(spec: JobSpec): void;
  cancelJob(id: string): void;
  submitService(spec: ServiceSpec): void;
  setServiceReplicas(name: string, replicas: number): void;
  addDaemonSet(spec: DaemonSetSpec): void;
  /** Jobs that have arrived and are not done. */
  openJobs(): readonly string[];

  /** Groups of machines that are no objects of the cluster. */
  readonly clouds: Clouds;
  /** The provider takes the node's machine at `at`, with everything that still runs on it. */
  interrupt(node: string, at: EpochMs): void;
  /** How many machines the provider has for a pool, and what it says when there are no more; null is without end. */
  setCapacity(pool: string, max: number | null, refusal?: string): void;
  /** The node's kubelet stops or resumes answering. */
  setNodeReady(node: string, ready: boolean): void;
}

export interface EvictOptions {
  readonly graceSeconds?: Seconds | null;
  /** Refused with `conflict` when the pod has another one. */
  readonly uid?: string;
  /** The verdict alone. */
  readonly dryRun?: boolean;
}

/** More rounds than this at one instant mean that two parts undo each other. */
const MAX_ROUNDS = 10_000;

export function createWorld(options: WorldOptions): World {
  const settings = withDefaults(options);
  const queue = createEventQueue();
  const ledger: LedgerEntry[] = [];
  let now = settings.start;
  const store = createStore({ now: () => now, historyLimit: settings.historyLimit });
  const core: Core = {
    get now() {
      return now;
    },
    settings,
    store,
    schedule: (at, run) => queue.add(epochMs(Math.max(at, now)), run),
    note: (fact) => ledger.push({ at: now, ...fact }),
    random: (purpose) => randomStream(settings.seed, purpose),
  };

  const index = createNodeIndex(store);
  // Owners end pods through the kubelet, and the kubelet asks owners what runs in a pod: one of the two has to
  // be named before it exists.
  const workloads = createWorkloads(core, (pod) => kubelet.terminate(pod, null));
  const kubelet: Kubelet = createKubelet(core, index, workloads);
  const machines = createMachines(core, index, kubelet);
  const machinePools = createMachinePools(core, index, kubelet);
  const karpenter = createKarpenter(core, index, kubelet);
  const clouds = createClouds(core, index, kubelet);
  const nodes = createNodes(core, index, kubelet);
  const budgets = createBudgets(core, workloads);
  const parts: readonly Part[] = [
    machines,
    machinePools,
    karpenter,
    clouds,
    nodes,
    createScheduler(core, index),
    kubelet,
    budgets,
  ];

  for (const name of ["default", "kube-system", ...(options.namespaces ?? [])]) {
    store.write("namespaces", { metadata: { name }, status: { phase: "Active" } });
  }
  for (const shape of options.pools ?? []) machines.addPool(shape);
  for (const shape of options.machinePools ?? []) machinePools.addPool(shape);
  for (const shape of options.nodePools ?? []) karpenter.addPool(shape);
  settle();

  /** Everything that is due at this instant, until nothing changes any more. */
  function settle(): void {
    for (let round = 0; round < MAX_ROUNDS; round += 1) {
      let moved = false;
      for (let run = queue.takeDue(now); run !== null; run = queue.takeDue(now)) {
        run();
        moved = true;
      }
      for (const part of parts) moved = part.pass() || moved;
      const next = queue.nextAt();
      if (!moved && (next === null || next > now)) return;
    }
    throw new AppError(
      "bug",
      `the world does not come to rest at ${timestamp(now)}: its parts keep undoing each other`,
    );
  }

  function evictPod(pod: Pod, graceSeconds: Seconds | null): void {
    const grace = graceSeconds ?? pod.spec.terminationGracePeriodSeconds ?? 0;
    // A repeated eviction changes nothing unless it leaves the pod less time.
    if (isTerminating(pod) && grace >= (pod.metadata.deletionGracePeriodSeconds ?? 0)) return;
    const target = {
      type: "DisruptionTarget",
      status: "True",
      reason: "EvictionByEvictionAPI",
      message: "Eviction API: evicting",
      lastTransitionTime: timestamp(now),
    };
    const marked = store.write("pods", {
      ...pod,
      status: { ...pod.status, conditions: withCondition(pod.status?.conditions, target) },
    });
    core.note({
      kind: "pod-evicted",
      ...podFact(pod),
      node: pod.spec.nodeName ?? null,
      evictionPriority: pod.metadata.annotations?.[POD_ANNOTATION.evictionPriority] ?? null,
      graceMs: grace * 1000,
    });
    kubelet.terminate(marked, graceSeconds);
  }

  function removeNow(resource: ResourceName, key: string): void {
    const pod = resource === "pods" ? store.get("pods", key) : undefined;
    if (pod !== undefined) kubelet.terminate(pod, 0 as Seconds);
    else if (resource === "machines") machines.deleteMachine(key);
    else if (resource === "nodeclaims") karpenter.deleteClaim(key);
    else store.remove(resource, key);
  }

  /** A write from outside: done, and everything that follows from it at this instant. */
  function then<T>(result: T): T {
    settle();
    return result;
  }

  return {
    get now() {
      return now;
    },
    get version() {
      return store.version;
    },
    ledger,
    nextEventAt: () => queue.nextAt(),
    advance: (to) => {
      if (to < now)
        throw new RangeError(`the world stands at ${timestamp(now)} and cannot go back to ${timestamp(to)}`);
      settle();
      for (let at = queue.nextAt(); at !== null && at <= to; at = queue.nextAt()) {
        now = at;
        settle();
      }
      now = to;
    },
    get: (resource, ref) => store.get(resource, keyOf(ref)) ?? null,
    list: (resource) => [...store.list(resource)],
    changesSince: (version) => store.changesSince(version),
    compact: () => store.compact(),
    put: (resource, object) => {
      const present = store.get(resource, keyOf(object.metadata));
      if (present !== undefined && sameContent(present, object)) return present;
      if (isPod(resource, object)) requestsOf(object);
      return then(store.write(resource, object));
    },
    remove: (resource, ref) => {
      const key = keyOf(ref);
      if (store.get(resource, key) === undefined) return false;
      removeNow(resource, key);
      return then(true);
    },
    deletePod: (ref, grace) => {
      const pod = store.get("pods", keyOf(ref));
      if (pod === undefined) return false;
      kubelet.terminate(pod, grace);
      return then(true);
    },
    evict: (ref, { graceSeconds = null, uid, dryRun = false } = {}) => {
      const pod = store.get("pods", keyOf(ref));
      if (pod === undefined) return { kind: "not-found" };
      if (uid !== undefined && pod.metadata.uid !== uid)
        return { kind: "conflict", uid: pod.metadata.uid ?? "" };
      const verdict = budgets.verdict(pod);
      if (verdict.kind === "created" && !dryRun) evictPod(pod, graceSeconds);
      return then(verdict);
    },
    scale: (ref, replicas) => {
      const group = store.get("machinedeployments", keyOf(ref));
      if (group === undefined) throw new RangeError(`there is no MachineDeployment "${keyOf(ref)}"`);
      store.write("machinedeployments", { ...group, spec: { ...group.spec, replicas } });
      settle();
    },
    addPool: (shape) => then(machines.addPool(shape)),
    addMachinePool: (shape) => then(machinePools.addPool(shape)),
    addNodePool: (shape) => then(karpenter.addPool(shape)),
    submitJob: (spec) => then(workloads.submitJob(spec)),
    cancelJob: (id) => then(workloads.cancelJob(id)),
    submitService: (spec) => then(workloads.submitService(spec)),
    setServiceReplicas: (name, replicas) => then(workloads.setServiceReplicas(name, replicas)),
    addDaemonSet: (spec) => then(nodes.addDaemonSet(spec)),
    openJobs: () => workloads.openJobs(),
    clouds: settledClouds(clouds, then),
    interrupt: (node, at) => {
      karpenter.noticed(node);
      then(
        core.schedule(at, () => {
          const taken = clouds.takeNode(node) || machinePools.takeNode(node) || karpenter.takeNode(node);
          if (!taken) machines.interrupt(node);
        }),
      );
    },
    setCapacity: (pool, max, refusal) => {
      const known = machinePools.setCapacity(pool, max) || karpenter.setCapacity(pool, max, refusal);
      if (!known) machines.setCapacity(pool, max, refusal);
      settle();
    },
    setNodeReady: (node, ready) => then(nodes.setReady(node, ready)),
  };
}

function isPod(resource: ResourceName, object: Objects[ResourceName]): object is Pod {
  return resource === "pods" && "spec" in object;
}

/** Equal but for what the store sets itself. */
function sameContent(present: Objects[ResourceName], given: Objects[ResourceName]): boolean {
  const { apiVersion: _a, kind: _k, metadata: before, ...rest } = present;
  const { apiVersion: _b, kind: _l, metadata: next, ...givenRest } = given;
  return (
    sameJson(rest, givenRest) &&
    sameJson(before, { ...systemMetadata(before), ...next, resourceVersion: before.resourceVersion })
  );
}

function systemMetadata({ uid, generation, creationTimestamp }: Objects[ResourceName]["metadata"]): object {
  return { uid, generation, creationTimestamp };
}
