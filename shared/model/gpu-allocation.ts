// Which pods hold which GPUs, as the kubelet tells it. Every pod of a shared GPU is kept. Not knowing (no socket, no
// answer) is a state of its own and never reads as "nobody".

import type { GpuUuid } from "./gpu.ts";
import type { EpochMs } from "./units.ts";

/** One device that one container has got. */
export interface GpuHolder {
  readonly namespace: string;
  readonly pod: string;
  readonly container: string;
  /** nvidia.com/gpu, nvidia.com/mig-1g.18gb, …; `claim:NAME` for a device of a resource claim. */
  readonly resource: string;
  /** As the kubelet gives it: GPU-…, GPU-…::3, MIG-…, nvidia0/gi1, gpu-0. */
  readonly device: string;
  /** Null when the device belongs to no GPU that the driver shows. */
  readonly gpu: GpuUuid | null;
  /** The MIG instance; null for a whole or shared GPU. */
  readonly instance: GpuUuid | null;
  /** Number of the replica of a time-sliced or MPS device. */
  readonly replica: number | null;
}

export type GpuAllocation =
  | { readonly kind: "known"; readonly at: EpochMs; readonly holders: readonly GpuHolder[] }
  | { readonly kind: "unknown"; readonly why: string };
