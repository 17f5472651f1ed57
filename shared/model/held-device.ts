// A device of a container as the kubelet names it, and what a resource slice says of one: names only. Which of them
// may be GPUs is told by who gives them; which GPU a name stands for is told in the agent (assess/allocation.ts).

import type { GpuUuid } from "./gpu.ts";
import { isGpuResource } from "./resources.ts";
import type { EpochMs } from "./units.ts";

/** NVIDIA's DRA driver, as it calls itself in claims and slices. */
export const GPU_CLAIM_DRIVER = "gpu.nvidia.com";
/** Ahead of the CDI names by which it hands devices to the container runtime. */
const GPU_CLAIM_CDI = `k8s.${GPU_CLAIM_DRIVER}/`;
/** Ahead of the CDI names of NVIDIA's container toolkit. */
const TOOLKIT_CDI = "nvidia.com/gpu=";
/** Ahead of every resource name of NVIDIA's device plugin, names that an administrator chose included. */
const NVIDIA_RESOURCE = "nvidia.com/";

/** One device of one container, as the kubelet tells it. */
export interface HeldDevice {
  readonly namespace: string;
  readonly pod: string;
  readonly container: string;
  /** The device plugin's id, or the name of the device in its pool; "" when an old kubelet gives CDI names alone. */
  readonly device: string;
  readonly by:
    | { readonly kind: "plugin"; readonly resource: string }
    | {
        readonly kind: "claim";
        readonly claim: string;
        /** "" from a kubelet that does not tell it. */
        readonly driver: string;
        readonly pool: string;
        readonly cdi: readonly string[];
      };
}

export type HeldDevices =
  | { readonly kind: "known"; readonly at: EpochMs; readonly devices: readonly HeldDevice[] }
  | { readonly kind: "unknown"; readonly why: string };

/** What a resource slice says of one device of a claim. */
export interface SliceDevice {
  /** GPU-… or MIG-…; null for an instance that is cut only when somebody claims it. */
  readonly uuid: GpuUuid | null;
  /** The GPU that an instance is of. */
  readonly parent: GpuUuid | null;
}

/** A device's name is its own within its pool only. */
export function sliceKey(pool: string, device: string): string {
  return `${pool}/${device}`;
}

/** Whether a device may be a GPU: network cards, DPUs and what other plugins and drivers give are not. */
export function concernsGpus({ device, by }: HeldDevice): boolean {
  if (by.kind === "claim") {
    if (by.driver !== "") return by.driver === GPU_CLAIM_DRIVER;
    return by.cdi.some((name) => name.startsWith(GPU_CLAIM_CDI) || name.startsWith(TOOLKIT_CDI));
  }
  if (isGpuResource(by.resource)) return true;
  // A name of the administrator's choice may be a network card's as well; there the id has to be a GPU's.
  return by.resource.startsWith(NVIDIA_RESOURCE) && /^(GPU-|MIG-|nvidia\d)/.test(device);
}
