import { describe, expect, test } from "vitest";

import type { GpuIdentity, GpuSample, Reading } from "../../shared/model/gpu.ts";
import { bytes, celsius, millis, ratio, watts } from "../../shared/model/units.ts";
import { createMetrics } from "../../shared/runtime/metrics.ts";
import { AGENT_METRICS, countErrors, fillGauges } from "./metrics.ts";
import type { Shown } from "./metrics.ts";

function identity(index: number): GpuIdentity {
  return {
    index,
    uuid: `GPU-${index}`,
    name: { kind: "value", value: "NVIDIA H200" },
    busId: { kind: "value", value: "0000:3b:00.0" },
    memoryTotalBytes: { kind: "value", value: bytes(150_000 * 1024 * 1024) },
  };
}

function sample(index: number, more: Partial<GpuSample> = {}): GpuSample {
  return {
    uuid: `GPU-${index}`,
    state: "present",
    utilization: { kind: "value", value: ratio(0.29) },
    memoryUsedBytes: { kind: "value", value: bytes(1000 * 1024 * 1024) },
    temperatureCelsius: { kind: "value", value: celsius(41) },
    powerWatts: { kind: "value", value: watts(77.5) },
    ...more,
  };
}

function shown(samples: readonly GpuSample[], more: Partial<Shown> = {}): Shown {
  const gpus = samples.map((_, i) => identity(i));
  return {
    node: "gpu-1",
    seen: { source: { state: "ready", driver: "580.95.05", gpus }, gpus, lost: [] },
    samples,
    sampleAgeMs: millis(250),
    eventsWaiting: 0,
    ...more,
  };
}

async function page(...steps: readonly Shown[]): Promise<readonly string[]> {
  const metrics = createMetrics(AGENT_METRICS);
  for (const step of steps) fillGauges(metrics, step);
  return (await metrics.text()).split("\n").filter((line) => line !== "" && !line.startsWith("#"));
}

const LABELS = `node="gpu-1",gpu="0",uuid="GPU-0",model="NVIDIA H200"`;

describe("fillGauges()", () => {
  test("shows each reading under its plain and its native name", async () => {
    const lines = await page(shown([sample(0)]));
    expect(lines).toEqual(
      expect.arrayContaining([
        `gpu_utilization_percent{${LABELS}} 29`,
        `gpu_memory_usage_mb{${LABELS}} 1000`,
        `gpu_memory_total_mb{${LABELS}} 150000`,
        `gpu_temperature_celsius{${LABELS}} 41`,
        `gpu_power_watts{${LABELS}} 77.5`,
        `gpu_autoscaler_gpu_utilization_ratio{${LABELS}} 0.29`,
        `gpu_autoscaler_gpu_memory_used_bytes{${LABELS}} ${1000 * 1024 * 1024}`,
        `gpu_autoscaler_agent_sample_age_seconds 0.25`,
        `gpu_autoscaler_agent_gpu_source{state="ready"} 1`,
        `gpu_autoscaler_agent_gpu_source{state="hung"} 0`,
      ]),
    );
    expect(lines.some((line) => line.startsWith("gpu_autoscaler_gpu_reading_state"))).toBe(false);
  });

  test("a reading that is no value has no series, and says what it is", async () => {
    const mig = sample(0, {
      utilization: { kind: "unsupported", code: 3 },
      powerWatts: { kind: "failed", code: 999 },
    });
    const lines = await page(shown([mig]));
    expect(
      lines.some((line) => line.startsWith("gpu_utilization_percent") || line.startsWith("gpu_power_watts")),
    ).toBe(false);
    const where = `node="gpu-1",gpu="0",uuid="GPU-0"`;
    expect(lines).toContain(
      `gpu_autoscaler_gpu_reading_state{${where},field="utilization",state="unsupported"} 1`,
    );
    expect(lines).toContain(`gpu_autoscaler_gpu_reading_state{${where},field="power",state="failed"} 1`);
  });

  test("a lost GPU keeps no value from before", async () => {
    const failed: Reading<never> = { kind: "failed", code: 15 };
    const lost = sample(0, {
      state: "lost",
      utilization: failed,
      memoryUsedBytes: failed,
      temperatureCelsius: failed,
      powerWatts: failed,
    });
    const lines = await page(shown([sample(0)]), shown([lost]));
    expect(lines.filter((line) => line.startsWith("gpu_temperature_celsius"))).toEqual([]);
    expect(lines.filter((line) => line.includes(`state="lost"`))).toHaveLength(4);
  });

  test("the series of a GPU that left go with it", async () => {
    const lines = await page(shown([sample(0), sample(1)]), shown([sample(0)]));
    expect(lines.filter((line) => line.startsWith("gpu_power_watts"))).toEqual([
      `gpu_power_watts{${LABELS}} 77.5`,
    ]);
  });

  test("before the first cycle there is no GPU series and no age", async () => {
    const lines = await page({
      ...shown([]),
      seen: { source: { state: "starting" }, gpus: [], lost: [] },
      sampleAgeMs: null,
    });
    expect(lines.filter((line) => line.includes("gpu_temperature") || line.includes("sample_age"))).toEqual(
      [],
    );
    expect(lines).toContain(`gpu_autoscaler_agent_gpu_source{state="starting"} 1`);
  });
});

describe("countErrors()", () => {
  test("counts failures by code, and neither values nor what is unsupported", async () => {
    const metrics = createMetrics(AGENT_METRICS);
    countErrors(metrics, [
      sample(0, { powerWatts: { kind: "failed", code: 999 }, utilization: { kind: "unsupported", code: 3 } }),
      sample(1, { powerWatts: { kind: "failed", code: 999 } }),
    ]);
    expect(await metrics.text()).toContain(`gpu_autoscaler_nvml_errors_total{code="999"} 2`);
  });
});
