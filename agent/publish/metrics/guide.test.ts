import { describe, expect, test } from "vitest";

import type { GpuSample } from "../../../shared/model/gpu.ts";
import { aGpu, aLostGpu, aSample, ready } from "../../../test/build/gpu.ts";
import { GUIDE_FAMILIES, guideBlocks } from "./guide.ts";
import { shownGpus } from "./shown.ts";

const MIB = 1024 * 1024;
const LABELS = `node="gpu-1",gpu="0",uuid="GPU-0",model="NVIDIA H200"`;

function lines(...samples: readonly GpuSample[]): readonly string[] {
  const gpus = [aGpu(0)];
  const shown = shownGpus({
    seen: { source: ready(...gpus), gpus, lost: [] },
    samples,
    allocation: { kind: "unknown", why: "no socket" },
  });
  return guideBlocks(shown, "gpu-1")
    .flatMap((block) => block.lines.split("\n"))
    .filter((line) => line !== "");
}

describe("guideBlocks()", () => {
  test("shows each plain name in the unit that it says, and percents without the noise of a share", () => {
    const memoryUsed = (143_771 / 4) * MIB;
    const sample = aSample(0, { utilization: 0.29, memoryUsed, temperature: 41, power: 77.5 });
    expect(lines(sample)).toEqual([
      `gpu_utilization_percent{${LABELS}} 29`,
      `gpu_memory_utilization{${LABELS}} 25`,
      `gpu_memory_usage_mb{${LABELS}} 35942.75`,
      `gpu_memory_total_mb{${LABELS}} 143771`,
      `gpu_temperature_celsius{${LABELS}} 41`,
      `gpu_power_watts{${LABELS}} 77.5`,
    ]);
    expect(GUIDE_FAMILIES).toHaveLength(6);
  });

  test("shows nothing but the size of a GPU that is lost or cannot be asked", () => {
    const total = [`gpu_memory_total_mb{${LABELS}} 143771`];
    expect(lines(aLostGpu(0))).toEqual(total);
    expect(lines()).toEqual(total);
  });
});
