// Who holds which GPU: devices as the kubelet names them, matched with the GPUs as the driver shows them. Every form
// of name that the known device plugins and NVIDIA's DRA driver give is understood; one that fits no GPU stays, with
// no GPU. Where the names come from, and what a slice says of a claimed device, others ask.

import type { GpuAllocation, GpuHolder } from "../../shared/model/gpu-allocation.ts";
import type { GpuIdentity, GpuUuid, MigInstance } from "../../shared/model/gpu.ts";
import { concernsGpus, sliceKey } from "../../shared/model/held-device.ts";
import type { HeldDevice, HeldDevices, SliceDevice } from "../../shared/model/held-device.ts";
import { AMD_GPU_RESOURCE } from "../../shared/model/names.ts";

export interface AllocationInput {
  readonly held: HeldDevices;
  /** Empty while the driver shows none; every holder then has no GPU. */
  readonly gpus: readonly GpuIdentity[];
  /** By `sliceKey`. */
  readonly slices?: ReadonlyMap<string, SliceDevice>;
  /** Kubelets before 1.34 list pods that have ended, whose GPUs may be somebody else's by now. */
  readonly hasEnded?: (pod: { readonly namespace: string; readonly name: string }) => boolean;
}

/** In the order of namespace, pod, container and device, whatever order the kubelet gave. */
export function allocationOf({
  held,
  gpus,
  slices = new Map(),
  hasEnded = () => false,
}: AllocationInput): GpuAllocation {
  if (held.kind === "unknown") return held;
  const holders = new Map<string, GpuHolder>();
  for (const device of held.devices) {
    const { namespace, pod, container } = device;
    if (!concernsGpus(device) || hasEnded({ namespace, name: pod })) continue;
    for (const place of placesOf(device, gpus, slices)) {
      const holder: GpuHolder = {
        namespace,
        pod,
        container,
        resource: device.by.kind === "claim" ? `claim:${device.by.claim}` : device.by.resource,
        device: nameOf(device),
        gpu: place.gpu?.uuid ?? null,
        instance: place.instance,
        replica: place.replica,
      };
      // A kubelet may tell one device twice, once for each NUMA node that it is near to.
      holders.set(orderOf(holder), holder);
    }
  }
  const ordered = [...holders].sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0));
  return { kind: "known", at: held.at, holders: ordered.map(([, holder]) => holder) };
}

/** Everybody who holds this GPU or a part of it, or this MIG instance; undefined: not known. */
export function holdersOf(allocation: GpuAllocation, uuid: GpuUuid): readonly GpuHolder[] | undefined {
  if (allocation.kind === "unknown") return undefined;
  return allocation.holders.filter(({ gpu, instance }) => gpu === uuid || instance === uuid);
}

/**
 * Everybody who holds this GPU or a part of it; null: not known, or not in full. A holder whose device nobody can place
 * may hold this GPU as well as another, and then it cannot be said that nobody does.
 */
export function holdersInFull(allocation: GpuAllocation, gpu: GpuIdentity): readonly GpuHolder[] | null {
  if (allocation.kind === "unknown") return null;
  const isOpen = allocation.holders.some((holder) => holder.gpu === null && mayBeOf(holder, gpu));
  return isOpen ? null : allocation.holders.filter((holder) => holder.gpu === gpu.uuid);
}

/**
 * Whether what is measured on it is not one container's alone: several hold it, or it is given out in replicas. False
 * while it is not known who holds it.
 */
export function isShared(allocation: GpuAllocation, uuid: GpuUuid): boolean {
  const holders = holdersOf(allocation, uuid) ?? [];
  return holders.some(({ replica }) => replica !== null) || new Set(holders.map(containerOf)).size > 1;
}

/** `namespace/pod/container`, as reports carry it. */
export function containerOf({ namespace, pod, container }: GpuHolder): string {
  return `${namespace}/${pod}/${container}`;
}

function orderOf(holder: GpuHolder): string {
  const { namespace, pod, container, resource, device, gpu, instance } = holder;
  return [namespace, pod, container, resource, device, gpu ?? "", instance ?? ""].join("\0");
}

/** Whether a device that was found on no GPU may be one of this GPU's all the same, by what its name leaves open. */
function mayBeOf({ device, resource }: GpuHolder, { uuid, details: { minor }, mig }: GpuIdentity): boolean {
  if (resource.startsWith(AMD_GPU_RESOURCE)) return false;
  // Another GPU's name; but one that could not be asked for its own may be any.
  if (/^(MIG-)?GPU-/.test(device)) return !uuid.startsWith("GPU-");
  // An instance that the driver has not shown, of a card that is cut, or of which that is not known.
  if (device.startsWith("MIG-")) return mig.kind === "on" || mig.kind === "failed";
  const file = /^(?:nvidia|gpu-)(\d+)/.exec(device)?.[1];
  return file === undefined || minor.kind !== "value" || minor.value === Number(file);
}

interface Place {
  readonly gpu: GpuIdentity | null;
  readonly instance: GpuUuid | null;
  readonly replica: number | null;
}

const NOWHERE: Place = { gpu: null, instance: null, replica: null };

function placesOf(
  held: HeldDevice,
  gpus: readonly GpuIdentity[],
  slices: ReadonlyMap<string, SliceDevice>,
): readonly Place[] {
  if (held.by.kind === "plugin") {
    // Other makers count their own cards.
    const ours = held.by.resource.startsWith(AMD_GPU_RESOURCE) ? [] : gpus;
    const places = pluginPlaces(held.device, ours);
    return places.length > 0 ? places : [NOWHERE];
  }
  return [
    slicePlace(slices.get(sliceKey(held.by.pool, held.device)), gpus) ??
      claimPlace(nameOf(held), gpus) ??
      NOWHERE,
  ];
}

/** The name in the pool; from an old kubelet, which gives CDI names alone, what these say of it. */
function nameOf({ device, by }: HeldDevice): string {
  if (device !== "" || by.kind === "plugin") return device;
  // `…/device=gpu-0`, `…/claim=UID-gpu-0`, `nvidia.com/gpu=GPU-…`: a claim's own entry stands beside the device's.
  const names = by.cdi.map((name) => name.slice(name.indexOf("=") + 1));
  for (const name of names) {
    const found = /(?:^|-)(gpu-\d+(?:-mig-.+)?)$/.exec(name)?.[1] ?? /^(?:GPU|MIG)-.+$/.exec(name)?.[0];
    if (found !== undefined) return found;
  }
  return names[0] ?? "";
}

/** Replicas (time slicing, MPS) are counted from 0 behind `::`, and behind `/vgpu` in GKE. */
function pluginPlaces(device: string, gpus: readonly GpuIdentity[]): readonly Place[] {
  const [, id = device, replicaText] = /^(.*)::(\d+)$/.exec(device) ?? [];
  const replica = replicaText === undefined ? null : Number(replicaText);
  const byUuid = uuidPlace(id, gpus);
  if (byUuid !== null) return [{ ...byUuid, replica }];

  // GKE counts by device file, /dev/nvidiaN, which need not be the driver's own order.
  const gke = /^nvidia(\d+)(?:\/gi(\d+))?(?:\/vgpu(\d+))?$/.exec(id);
  if (gke !== null) {
    const [, minor, gi, vgpu] = gke;
    const gpu = byMinor(Number(minor), gpus);
    const share = vgpu === undefined ? replica : Number(vgpu);
    return gpu === null ? [] : partsOf(gpu, gi, share);
  }
  const gpu = /^\d+$/.test(id) ? byIndex(Number(id), gpus) : null;
  return gpu === null ? [] : [{ gpu, instance: null, replica }];
}

function partsOf(gpu: GpuIdentity, gi: string | undefined, replica: number | null): readonly Place[] {
  if (gi === undefined) return [{ gpu, instance: null, replica }];
  const within = instancesOf(gpu).filter(({ gpuInstance }) => gpuInstance === Number(gi));
  // Who holds a GPU instance holds all that it is cut into. One that the driver has not shown is of this GPU all the same.
  const places = within.map(({ uuid }) => ({ gpu, instance: uuid, replica }));
  return places.length > 0 ? places : [{ gpu, instance: null, replica }];
}

/** `GPU-…`, `MIG-…`, or of drivers before 470 `MIG-GPU-…/gi/ci`. */
function uuidPlace(id: string, gpus: readonly GpuIdentity[]): Place | null {
  const [, parent, gi, ci] = /^MIG-(GPU-.+)\/(\d+)\/(\d+)$/.exec(id) ?? [];
  for (const gpu of gpus) {
    if (gpu.uuid === id) return { gpu, instance: null, replica: null };
    const instance = instancesOf(gpu).find(({ uuid, gpuInstance, computeInstance }) =>
      gpu.uuid === parent ? gpuInstance === Number(gi) && computeInstance === Number(ci) : uuid === id,
    );
    if (instance !== undefined) return { gpu, instance: instance.uuid, replica: null };
    if (gpu.uuid === parent) return { gpu, instance: null, replica: null };
  }
  return null;
}

function slicePlace(device: SliceDevice | undefined, gpus: readonly GpuIdentity[]): Place | null {
  if (device === undefined) return null;
  const { uuid, parent } = device;
  return (uuid === null ? null : uuidPlace(uuid, gpus)) ?? (parent === null ? null : uuidPlace(parent, gpus));
}

/** NVIDIA's DRA driver names by device file: `gpu-1`, `gpu-1-mig-…`. Which instance that is, only the slice says. */
function claimPlace(name: string, gpus: readonly GpuIdentity[]): Place | null {
  const byUuid = uuidPlace(name, gpus);
  if (byUuid !== null) return byUuid;
  const minor = /^gpu-(\d+)(?:-mig-.+)?$/.exec(name)?.[1];
  const gpu = minor === undefined ? null : byMinor(Number(minor), gpus);
  return gpu === null ? null : { gpu, instance: null, replica: null };
}

/** Null as well when two of them say that they are it: a guess would be wrong half of the time. */
function byMinor(wanted: number, gpus: readonly GpuIdentity[]): GpuIdentity | null {
  const found = gpus.filter(({ details: { minor } }) => minor.kind === "value" && minor.value === wanted);
  return found.length === 1 ? (found[0] ?? null) : null;
}

/**
 * A GPU that has left the bus keeps its place in the list, and the driver counts those after it anew: then two have
 * one number, and no number is still the one that the plugin meant.
 */
function byIndex(wanted: number, gpus: readonly GpuIdentity[]): GpuIdentity | null {
  if (new Set(gpus.map(({ index }) => index)).size < gpus.length) return null;
  return gpus.find(({ index }) => index === wanted) ?? null;
}

function instancesOf({ mig }: GpuIdentity): readonly MigInstance[] {
  return mig.kind === "on" ? mig.instances : [];
}
