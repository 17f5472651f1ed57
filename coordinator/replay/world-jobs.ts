// Who owns the pods: jobs with an end, services without one. An owner has slots; each slot has at most one
// pod that counts, and makes the next one a moment after it lost the last, under a new name. Pods of a job run
// independently of each other, also when the job is large, unless it is a gang.
//
// The rule of kept work: a process that ended by itself inside its grace has saved everything up to its
// SIGTERM. One that was killed keeps what its last checkpoint saved, counted from its own start, or nothing
// when the job takes no checkpoints. A job waits until its old pod is gone, because two processes on one
// checkpoint spoil it; a service replaces a pod as soon as that is told to end, as a ReplicaSet does.
//
// The rule of gangs: workers of one share their work. When one of them is told to end, or is lost, all the others are
// told to end, and when all have come back they go on from where the one is that kept the least.

import type { OwnerReference, Pod } from "../../shared/model/kube.ts";
import { GPU_RESOURCE, POD_ANNOTATION } from "../../shared/model/names.ts";
import { after, millis } from "../../shared/model/units.ts";
import type { EpochMs, Millis } from "../../shared/model/units.ts";
import { nameSuffix } from "./world-core.ts";
import type { Core } from "./world-core.ts";
import type { Program, ProgramSource } from "./world-kubelet.ts";
import { draw } from "./world-options.ts";
import type { JobSpec, PodShape, ServiceSpec } from "./world-options.ts";
import { gpusOf, isFinished, isTerminating, podFact } from "./world-pods.ts";
import { keyOf } from "./world-resources.ts";

interface Slot {
  readonly owner: Owner;
  readonly gpus: number;
  pod: { readonly uid: string; readonly key: string } | null;
  /** Work that is left; null for ever. */
  leftMs: Millis | null;
  done: boolean;
  /** Whether one of its pods has run. */
  hasRun: boolean;
  /** What its pod does before it goes on with the work. */
  restartMs: Millis;
}

interface Owner {
  readonly kind: "Job" | "ReplicaSet";
  readonly name: string;
  readonly uid: string;
  readonly namespace: string;
  readonly shape: PodShape;
  readonly checkpointEveryMs: Millis | null;
  readonly restartMs: Millis;
  readonly gang: boolean;
  readonly arrivedAt: EpochMs;
  readonly slots: Set<Slot>;
}

export interface Workloads extends ProgramSource {
  submitJob(spec: JobSpec): void;
  cancelJob(id: string): void;
  submitService(spec: ServiceSpec): void;
  /** 0 removes the service with its pods. */
  setServiceReplicas(name: string, replicas: number): void;
  /** How many pods the controller wants; null when it is none of ours. */
  desiredPods(owner: OwnerReference): number | null;
  /** Jobs that have arrived and are not done. */
  openJobs(): readonly string[];
}

/** How a pod is told to end: with its own grace. */
export type EndPod = (pod: Pod) => void;

const MAX_GPUS_PER_POD = 8;

export function createWorkloads(core: Core, endPod: EndPod): Workloads {
  const random = core.random("pod names");
  const starts = core.random("pod starts");
  const owners = new Map<string, Owner>();
  const slotOf = new Map<string, Slot>();

  core.store.onChange((change) => {
    if (change.resource !== "pods" || change.kind === "added") return;
    const { uid = "" } = change.object.metadata;
    const slot = slotOf.get(uid);
    if (slot === undefined) return;
    if (change.kind === "deleted") slotOf.delete(uid);
    else if (slot.owner.gang && slot.pod?.uid === uid && isTerminating(change.object)) breakUp(slot.owner);
    const over =
      change.kind === "deleted" || (slot.owner.kind === "ReplicaSet" && !countsForService(change.object));
    if (over && slot.pod?.uid === uid) vacate(slot);
  });

  function vacate(slot: Slot): void {
    slot.pod = null;
    if (slot.done) return;
    if (slot.owner.gang) breakUp(slot.owner);
    core.schedule(after(core.now, core.settings.recreateDelayMs), () => fill(slot));
  }

  /** Those of its pods that have a node are told to end; those that wait for one belong to the next attempt. */
  function breakUp({ slots }: Owner): void {
    core.schedule(core.now, () => {
      for (const slot of slots) {
        const pod = podOf(slot);
        if (pod?.spec.nodeName !== undefined && !isTerminating(pod) && !isFinished(pod)) endPod(pod);
      }
    });
  }

  /** All workers of a gang go on from where the one is that kept the least. */
  function setBack({ name, slots }: Owner): void {
    const open = [...slots].filter(({ done }) => !done);
    const most = Math.max(...open.map(({ leftMs }) => leftMs ?? 0));
    for (const slot of open) {
      const ms = most - (slot.leftMs ?? 0);
      if (ms === 0) continue;
      slot.leftMs = millis(most);
      core.note({ kind: "job-set-back", job: name, gpus: slot.gpus, ms });
    }
  }

  function fill(slot: Slot): void {
    if (!slot.owner.slots.has(slot) || slot.pod !== null || slot.done) return;
    const written = core.store.write("pods", podFor(slot, freeName(slot.owner)));
    const { uid = "" } = written.metadata;
    slot.pod = { uid, key: keyOf(written.metadata) };
    slotOf.set(uid, slot);
    core.note({
      kind: "pod-created",
      ...podFact(written),
      owner: `${slot.owner.kind}/${slot.owner.name}`,
      gpus: gpusOf(written),
      evictionPriority: written.metadata.annotations?.[POD_ANNOTATION.evictionPriority] ?? null,
    });
  }

  function freeName(owner: Owner): string {
    for (;;) {
      const name = `${owner.name}-${nameSuffix(random)}`;
      if (core.store.get("pods", keyOf({ namespace: owner.namespace, name })) === undefined) return name;
    }
  }

  function adopt(
    kind: Owner["kind"],
    name: string,
    shape: PodShape,
    {
      checkpointEveryMs,
      restartMs,
      gang,
    }: Partial<Pick<JobSpec, "checkpointEveryMs" | "restartMs" | "gang">>,
  ): Owner {
    const owner: Owner = {
      kind,
      name,
      uid: `${kind.toLowerCase()}-${name}`,
      namespace: shape.namespace ?? "default",
      shape,
      checkpointEveryMs: checkpointEveryMs ?? null,
      restartMs: restartMs ?? millis(0),
      gang: gang ?? false,
      arrivedAt: core.now,
      slots: new Set(),
    };
    if (owners.has(owner.uid)) throw new RangeError(`${kind} "${name}" exists already`);
    owners.set(owner.uid, owner);
    return owner;
  }

  function arrive(spec: JobSpec): void {
    const owner = adopt("Job", spec.id, spec, spec);
    const shares = gpuShares(spec);
    core.note({
      kind: "job-submitted",
      job: spec.id,
      gpus: spec.gpus,
      workers: shares.length,
      durationMs: spec.durationMs,
    });
    for (const gpus of shares) owner.slots.add(emptySlot(owner, gpus, spec.durationMs));
    for (const slot of owner.slots) fill(slot);
  }

  function drop(owner: Owner, slot: Slot): void {
    owner.slots.delete(slot);
    const pod = podOf(slot);
    if (pod !== undefined) endPod(pod);
  }

  function podOf(slot: Slot): Pod | undefined {
    return slot.pod === null ? undefined : core.store.get("pods", slot.pod.key);
  }

  function dismiss(owner: Owner): void {
    owners.delete(owner.uid);
    for (const slot of Array.from(owner.slots)) drop(owner, slot);
  }

  return {
    submitJob: (spec) => {
      gpuShares(spec);
      if (spec.at === undefined || spec.at <= core.now) arrive(spec);
      else core.schedule(spec.at, () => arrive(spec));
    },
    cancelJob: (id) => {
      const owner = owners.get(`job-${id}`);
      if (owner === undefined) return;
      core.note({ kind: "job-cancelled", job: id });
      dismiss(owner);
    },
    submitService: (spec) => {
      const owner = adopt("ReplicaSet", spec.name, spec, {});
      resize(owner, spec.replicas);
    },
    setServiceReplicas: (name, replicas) => {
      const owner = owners.get(`replicaset-${name}`);
      if (owner === undefined) throw new RangeError(`there is no service "${name}"`);
      if (replicas === 0) dismiss(owner);
      else resize(owner, replicas);
    },
    desiredPods: (reference) => owners.get(reference.uid)?.slots.size ?? null,
    openJobs: () => [...owners.values()].filter((owner) => owner.kind === "Job").map((owner) => owner.name),
    programOf: (pod) => {
      const slot = slotOf.get(pod.metadata.uid ?? "");
      return slot === undefined ? null : programFor(slot);
    },
    ended: ({ uid, why, ranMs }) => {
      const slot = slotOf.get(uid);
      if (slot === undefined || slot.leftMs === null) return millis(0);
      slot.hasRun = true;
      const workedMs = millis(Math.max(0, ranMs - slot.restartMs));
      const keptMs =
        why === "killed" || why === "node-lost"
          ? checkpointed(workedMs, slot.owner.checkpointEveryMs)
          : workedMs;
      slot.leftMs = millis(Math.max(0, slot.leftMs - keptMs));
      if (why === "finished") settleJob(slot);
      return keptMs;
    },
  };

  function settleJob(slot: Slot): void {
    slot.done = true;
    const { owner } = slot;
    if (![...owner.slots].every((each) => each.done)) return;
    owners.delete(owner.uid);
    core.note({ kind: "job-done", job: owner.name, arrivedAt: owner.arrivedAt });
  }

  /** Slots without a running pod go first, then the youngest. */
  function resize(owner: Owner, replicas: number): void {
    if (!Number.isInteger(replicas) || replicas < 0)
      throw new RangeError(`replicas must be a whole number of at least 0, got ${replicas}`);
    while (owner.slots.size < replicas) {
      const slot = emptySlot(owner, owner.shape.gpus ?? 0, null);
      owner.slots.add(slot);
      fill(slot);
    }
    const surplus = [...owner.slots]
      .toReversed()
      .toSorted((one, other) => Number(isPlaced(one)) - Number(isPlaced(other)))
      .slice(0, owner.slots.size - replicas);
    for (const slot of surplus) drop(owner, slot);
  }

  function isPlaced(slot: Slot): boolean {
    return podOf(slot)?.spec.nodeName !== undefined;
  }

  function programFor(slot: Slot): Program {
    if (slot.owner.gang) setBack(slot.owner);
    slot.restartMs = slot.hasRun ? slot.owner.restartMs : millis(0);
    const { startDelayMs } = slot.owner.shape;
    return {
      startDelayMs: startDelayMs === undefined ? core.settings.startDelayMs : draw(startDelayMs, starts()),
      remainingMs: slot.leftMs === null ? null : millis(slot.leftMs + slot.restartMs),
      exitAfterMs: slot.owner.shape.exitAfterMs ?? core.settings.exitAfterMs,
    };
  }
}

function emptySlot(owner: Owner, gpus: number, leftMs: Millis | null): Slot {
  return { owner, gpus, pod: null, leftMs, done: false, hasRun: false, restartMs: millis(0) };
}

/**
 * GPUs of each pod: equal shares for named workers, else as few pods as the largest pod allows.
 * @throws RangeError when the job cannot be split so.
 */
function gpuShares(spec: JobSpec): readonly number[] {
  if (!Number.isInteger(spec.gpus) || spec.gpus < 0) {
    throw new RangeError(`job "${spec.id}": gpus must be a whole number of at least 0, got ${spec.gpus}`);
  }
  if (spec.workers !== undefined) {
    const share = spec.gpus / spec.workers;
    if (!Number.isInteger(spec.workers) || spec.workers < 1 || !Number.isInteger(share)) {
      throw new RangeError(
        `job "${spec.id}": ${spec.gpus} GPUs cannot be shared evenly by ${spec.workers} workers`,
      );
    }
    return Array.from({ length: spec.workers }, () => share);
  }
  const most = spec.maxGpusPerPod ?? MAX_GPUS_PER_POD;
  const full = Array.from({ length: Math.floor(spec.gpus / most) }, () => most);
  const rest = spec.gpus % most;
  return rest > 0 || full.length === 0 ? [...full, rest] : full;
}

function checkpointed(ranMs: Millis, everyMs: Millis | null): Millis {
  return millis(everyMs === null || everyMs === 0 ? 0 : Math.floor(ranMs / everyMs) * everyMs);
}

function countsForService(pod: Pod): boolean {
  return !isTerminating(pod) && !isFinished(pod);
}

function podFor(slot: Slot, name: string): Pod {
  const { owner } = slot;
  const apiVersion = owner.kind === "Job" ? "batch/v1" : "apps/v1";
  const ownLabel =
    owner.kind === "Job" ? { "batch.kubernetes.io/job-name": owner.name } : { app: owner.name };
  return podFromShape(owner.shape, slot.gpus, {
    name,
    namespace: owner.namespace,
    labels: { ...ownLabel, ...owner.shape.labels },
    ...(owner.gang ? { annotations: gangMarks(owner) } : {}),
    ownerReferences: [{ apiVersion, kind: owner.kind, name: owner.name, uid: owner.uid, controller: true }],
  });
}

/** What says to schedulers and autoscalers that its pods run together or not at all. */
function gangMarks({ name, slots }: Owner): Readonly<Record<string, string>> {
  const size = [...slots].filter(({ done }) => !done).length;
  return { [POD_ANNOTATION.gang]: name, [POD_ANNOTATION.gangSize]: String(size) };
}

/** What a pod with so many GPUs asks for beside them, where its shape does not say it. */
export function requestsOf(
  shape: { readonly cpu?: string; readonly memory?: string },
  gpus: number,
): { readonly cpu: string; readonly memory: string } {
  return {
    cpu: shape.cpu ?? String(Math.max(1, 2 * gpus)),
    memory: shape.memory ?? `${Math.max(1, 8 * gpus)}Gi`,
  };
}

/** The pod that a shape describes. */
export function podFromShape(shape: PodShape, gpus: number, metadata: Pod["metadata"]): Pod {
  const annotations = {
    ...shape.annotations,
    ...metadata.annotations,
    ...(shape.evictionPriority === undefined
      ? {}
      : { [POD_ANNOTATION.evictionPriority]: shape.evictionPriority }),
  };
  const { cpu, memory } = requestsOf(shape, gpus);
  const gpuAmount = gpus > 0 ? { [GPU_RESOURCE]: String(gpus) } : {};
  return {
    metadata: { ...metadata, ...(Object.keys(annotations).length > 0 ? { annotations } : {}) },
    spec: {
      containers: [
        { name: "main", resources: { requests: { cpu, memory, ...gpuAmount }, limits: gpuAmount } },
      ],
      schedulerName: "default-scheduler",
      priority: shape.priority ?? 0,
      terminationGracePeriodSeconds: shape.graceSeconds ?? 30,
      ...(shape.nodeSelector === undefined ? {} : { nodeSelector: shape.nodeSelector }),
      ...(shape.affinity === undefined ? {} : { affinity: shape.affinity }),
      ...(shape.tolerations === undefined ? {} : { tolerations: shape.tolerations }),
    },
    status: { phase: "Pending" },
  };
}
