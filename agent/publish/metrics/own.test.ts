import { describe, expect, test } from "vitest";

import { readingsOf, writeCode } from "../../../shared/model/gpu-readings.ts";
import type { GpuReadings } from "../../../shared/model/gpu-readings.ts";
import { epochMs } from "../../../shared/model/units.ts";
import { createMetrics } from "../../../shared/runtime/metrics.ts";
import { aSample, ready } from "../../../test/build/gpu.ts";
import { AGENT_METRICS, countCycle } from "./own.ts";

function failing(code: number): GpuReadings {
  const readings = readingsOf({ temperature: 40 });
  writeCode(readings, "power", code);
  return readings;
}

describe("countCycle()", () => {
  test("counts failures by code on GPUs and instances, and neither values nor what is unsupported or pending", async () => {
    const metrics = createMetrics(AGENT_METRICS);
    const samples = [
      aSample(0, {}, { readings: failing(999), instances: [{ uuid: "MIG-a", readings: failing(999) }] }),
      aSample(1, {}, { readings: failing(15) }),
      aSample(2, {}, { readings: failing(3) }),
    ];
    countCycle(metrics, { at: epochMs(1000), source: ready(), samples }, epochMs(1004));
    const page = await metrics.text();
    expect(page.match(/^gpu_autoscaler_nvml_errors_total.*$/gm)).toEqual([
      'gpu_autoscaler_nvml_errors_total{code="15"} 1',
      'gpu_autoscaler_nvml_errors_total{code="999"} 2',
    ]);
  });

  test("counts how late the cycle came, and not as negative when the clock was set back", async () => {
    const metrics = createMetrics(AGENT_METRICS);
    for (const now of [1004, 900])
      countCycle(metrics, { at: epochMs(1000), source: ready(), samples: [] }, epochMs(now));
    const page = await metrics.text();
    expect(page).toContain('gpu_autoscaler_agent_cycle_delay_seconds_bucket{le="0.001"} 1\n');
    expect(page).toContain('gpu_autoscaler_agent_cycle_delay_seconds_bucket{le="0.005"} 2\n');
    expect(page).toContain("gpu_autoscaler_agent_cycle_delay_seconds_sum 0.004\n");
  });
});
