// The list of hardware checks, in the order in which they run. Each is small and stands by itself; what they share is
// the way to the library.

import type { LibraryOptions } from "../../agent/sample/nvml/library.ts";
import type { GpuCheck } from "./check.ts";
import { agent, asNobody, elsewhere, latencies, letsGo, ratio, reopening } from "./checks-cost.ts";
import {
  activity,
  identity,
  opening,
  pcieUnit,
  power,
  processes,
  readings,
  underLoad,
} from "./checks-readings.ts";

export interface CheckOptions {
  readonly library: LibraryOptions;
  /** The agent's bundle; made from the sources when null. */
  readonly agent: string | null;
  /** The compiled test/bench/ffi-cycle.c; compiled when null. */
  readonly yardstick: string | null;
}

export function checksOf(options: CheckOptions): readonly GpuCheck[] {
  const { library } = options;
  return [
    { name: "a release lets go of the driver", run: () => letsGo(library) },
    { name: "opening the driver", run: () => opening(library) },
    { name: "who the GPU is", run: () => identity(library) },
    { name: "readings at rest", run: () => readings(library, "rest") },
    { name: "readings under load", run: () => underLoad(() => readings(library, "load")) },
    { name: "activity by the GPU's own counters", run: () => underLoad(() => activity(library)) },
    { name: "unit of PCIe rates", run: () => pcieUnit(library) },
    { name: "power three ways", run: () => underLoad(() => power(library)) },
    { name: "processes", run: () => processes(library) },
    { name: "what each call takes", run: () => latencies(library) },
    { name: "connections leave nothing behind", run: () => reopening(library) },
    { name: "as nobody, without a capability", run: () => asNobody() },
    { name: "library under another path", run: () => elsewhere(library) },
    { name: "ratio_gpu of the ffi bench", run: () => ratio(library, options.yardstick) },
    { name: "the shipped agent for a minute", run: () => agent(options) },
  ];
}
