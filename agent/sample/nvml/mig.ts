// How a GPU is cut into MIG instances, and what each of them says.

import type { GpuIdentity, MigSample, MigState } from "../../../shared/model/gpu.ts";
import type { Millis } from "../../../shared/model/units.ts";
import type { Address } from "./native.ts";
import type { Driver } from "./reader.ts";

export interface Mig {
  readonly state: MigState;
  /** The fast readings of each instance. `now` is monotonic. */
  readonly sample: (now: Millis) => readonly MigSample[];
  /** Whether mode or instances are other ones now. Asked with the slow group. */
  readonly changed: () => boolean;
  readonly close: () => void;
}

export function openMig(
  _driver: Driver,
  _gpu: number,
  _handle: Address,
  _options: { readonly memoryTotalBytes: GpuIdentity["memoryTotalBytes"]; readonly gpm: boolean },
): Mig {
  return { state: { kind: "unsupported" }, sample: () => [], changed: () => false, close: () => {} };
}
