// The processes on a GPU and the memory that each holds, as far as the agent's PID namespace shows them.

import type { GpuProcess } from "../../../shared/model/gpu.ts";
import type { Address } from "./native.ts";
import type { Driver } from "./reader.ts";

/** The list, or the driver's code when it did not say. */
export type ProcessList =
  | { readonly kind: "list"; readonly processes: readonly GpuProcess[] }
  | { readonly kind: "refused"; readonly code: number };

export function createProcessReader(_driver: Driver, _gpu: number): (handle: Address) => ProcessList {
  return () => ({ kind: "refused", code: 13 });
}
