// A double of a test's own: its library, scenario and counters in a directory that goes when the test ends.

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import type { LibraryOptions } from "../../agent/sample/nvml/library.ts";
import { placeDouble } from "./build.ts";
import type { BuildOptions } from "./build.ts";
import { readCounters } from "./counters.ts";
import type { Counters } from "./counters.ts";
import { writeScenario } from "./scenario.ts";
import type { Scenario, ScenarioGpu } from "./scenario.ts";

export interface Double extends Disposable {
  readonly directory: string;
  /** Where the agent's binding finds this double. */
  readonly library: LibraryOptions;
  /** In force from the next call on. */
  readonly write: (scenario: Scenario) => void;
  readonly counters: () => Counters;
}

/** A GPU with a value for each reading, which differ so that a swap would show. */
export function healthyGpu(index: number): ScenarioGpu {
  return {
    uuid: `GPU-${String(index).padStart(8, "0")}-aaaa-bbbb-cccc-dddddddddddd`,
    name: "NVIDIA H200",
    busId: `0000:${(0x3b + index).toString(16)}:00.0`,
    memoryTotalMib: 143_771,
    memoryReservedMib: 614,
    memoryUsedMib: 1_000 + index,
    utilPercent: 40 + index,
    temperatureC: 28 + index,
    powerMw: 77_500 + index,
  };
}

export function healthyGpus(count: number): readonly ScenarioGpu[] {
  return Array.from({ length: count }, (_, index) => healthyGpu(index));
}

export async function createDouble(scenario: Scenario, options: BuildOptions = {}): Promise<Double> {
  const directory = mkdtempSync(join(tmpdir(), "nvml-double-"));
  const write = (next: Scenario): void =>
    writeScenario(join(directory, "scenario"), { recheckMs: 0, ...next });
  write(scenario);
  await placeDouble(directory, options);
  return {
    directory,
    library: { path: directory, driverRoots: [] },
    write,
    counters: () => readCounters(join(directory, "counters")),
    [Symbol.dispose]: () => rmSync(directory, { recursive: true }),
  };
}
