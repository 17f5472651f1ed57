// A generation of the shipped agent on the NVML double, for tests: opened with what every test would write again, and
// closed when the test ends.

import { onTestFinished } from "vitest";

import { kept } from "../../agent/sample/nvml/device.ts";
import { createBlocks } from "../../agent/sample/nvml/driver.ts";
import { openGeneration } from "../../agent/sample/nvml/generation.ts";
import type { Generation, GenerationOptions, OpenResult } from "../../agent/sample/nvml/generation.ts";
import { createMarkBuffer, createMarkWriter } from "../../agent/sample/nvml/marks.ts";
import type { GpuSample } from "../../shared/model/gpu.ts";
import { millis } from "../../shared/model/units.ts";
import type { Millis } from "../../shared/model/units.ts";
import type { BuildOptions } from "../nvml-double/build.ts";
import { createDouble } from "../nvml-double/fixture.ts";
import type { Double } from "../nvml-double/fixture.ts";
import type { Scenario } from "../nvml-double/scenario.ts";
import { createFakeClock } from "./clock.ts";

/** The instant at which the first sample is taken. */
export const START = millis(0);

export async function placeScenario(
  scenario: Scenario,
  variant: BuildOptions["variant"] = "r580",
): Promise<Double> {
  const double = await createDouble(scenario, { variant });
  onTestFinished(() => double[Symbol.dispose]());
  return double;
}

export function tryToOpen(
  library: GenerationOptions["library"],
  overrides: Partial<GenerationOptions> = {},
): OpenResult {
  return openGeneration({
    library,
    marks: createMarkWriter(createMarkBuffer()),
    blockOf: createBlocks(),
    known: [],
    loaded: null,
    intervalMs: millis(1_000),
    slowIntervalMs: millis(10_000),
    gpm: true,
    clock: createFakeClock(),
    ...overrides,
  });
}

export function openOn(double: Double, overrides: Partial<GenerationOptions> = {}): Generation {
  const result = tryToOpen(double.library, overrides);
  if (result.kind === "not-open") throw new Error(JSON.stringify(result.source));
  onTestFinished(result.generation.close);
  return result.generation;
}

/** @throws Error when there are none. */
export function samplesOf(generation: Generation, now: Millis = START): readonly GpuSample[] {
  const result = generation.sample(now);
  if (result.kind !== "samples") throw new Error(JSON.stringify(result));
  return result.samples.map(kept);
}
