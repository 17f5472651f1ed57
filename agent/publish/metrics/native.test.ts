import { describe, expect, test } from "vitest";

import type { GpuHolder } from "../../../shared/model/gpu-allocation.ts";
import {
  emptyReadings,
  GPU_READINGS,
  GPU_READING_NAMES,
  readingsOf,
  writeCode,
} from "../../../shared/model/gpu-readings.ts";
import type { GpuIdentity, GpuSample } from "../../../shared/model/gpu.ts";
import { bytes, epochMs } from "../../../shared/model/units.ts";
import { aGpu, aHolder, aLostGpu, aSample, ready, value } from "../../../test/build/gpu.ts";
import { MIG_FAMILIES, MORE_FAMILIES, READING_FAMILIES } from "./native-families.ts";
import { nativeBlocks } from "./native.ts";
import { shownGpus, strayHolders } from "./shown.ts";

function lines(
  gpus: readonly GpuIdentity[],
  samples: readonly GpuSample[],
  holders: readonly GpuHolder[] = [],
): readonly string[] {
  const seen = { source: ready(...gpus), gpus, lost: [] };
  const allocation = { kind: "known", at: epochMs(0), holders } as const;
  const shown = shownGpus({ seen, samples, allocation });
  const strays = strayHolders({ seen, allocation });
  return nativeBlocks(shown, { node: "gpu-1", driver: "580.95.05", strays })
    .flatMap((block) => block.lines.split("\n"))
    .filter((line) => line !== "");
}

const named = (all: readonly string[], name: string): readonly string[] =>
  all.filter((line) => line.startsWith(`${name}{`));

const LABELS = `node="gpu-1",gpu="0",uuid="GPU-0",model="NVIDIA H200"`;
const WHERE = `node="gpu-1",gpu="0",uuid="GPU-0"`;

/** A GPU in two GPU instances, of which the second has two compute instances. */
function cutGpu(): GpuIdentity {
  const instance = (uuid: string, gpuInstance: number, computeInstance: number, profile: string) => ({
    uuid,
    gpuInstance,
    computeInstance,
    profile,
    memoryTotalBytes: value(bytes(18 * 1024 ** 3)),
    computeSlices: value(1),
  });
  return aGpu(0, {
    mig: {
      kind: "on",
      instances: [instance("MIG-a", 7, 0, "1g.18gb"), instance("MIG-b", 2, 0, "1c.3g.71gb")],
    },
  });
}

const HOLDER = aHolder();

const NATIVE_FAMILIES = [...READING_FAMILIES, ...MIG_FAMILIES, ...MORE_FAMILIES];

describe("the native families", () => {
  test("has a family for each reading, named by Prometheus' rules", () => {
    const names = NATIVE_FAMILIES.map(({ name }) => name);
    expect(names).toEqual(
      expect.arrayContaining([
        "gpu_autoscaler_gpu_utilization_ratio",
        "gpu_autoscaler_gpu_memory_used_bytes",
        "gpu_autoscaler_gpu_memory_total_bytes",
        "gpu_autoscaler_gpu_temperature_celsius",
        "gpu_autoscaler_gpu_power_watts",
        "gpu_autoscaler_gpu_sm_clock_hertz",
        "gpu_autoscaler_gpu_energy_joules_total",
        "gpu_autoscaler_gpu_throttled_power_seconds_total",
        "gpu_autoscaler_gpu_pcie_tx_bytes_total",
        "gpu_autoscaler_gpu_gpm_pcie_tx_bytes_per_second",
        "gpu_autoscaler_gpu_ecc_volatile_corrected_total",
        "gpu_autoscaler_gpu_row_remap_pending",
        "gpu_autoscaler_mig_memory_used_bytes",
        "gpu_autoscaler_mig_gpm_sm_active_ratio",
      ]),
    );
    expect(names.filter((name) => name.startsWith("gpu_autoscaler_gpu_"))).toHaveLength(
      GPU_READING_NAMES.length + 5,
    );
    for (const { name, type } of NATIVE_FAMILIES) {
      expect(name).toMatch(/^[a-z][a-z0-9_]*$/);
      expect(name.endsWith("_total")).toBe(type === "counter");
    }
  });

  test("has no name twice, with or without the end of a counter", () => {
    const names = NATIVE_FAMILIES.map(({ name }) => name.replace(/_total$/, ""));
    expect(new Set(names).size).toBe(names.length);
  });
});

describe("nativeBlocks()", () => {
  test("shows every reading that has a value under the name of its row", () => {
    const values = Object.fromEntries(GPU_READING_NAMES.map((name, i) => [name, i + 0.25]));
    const all = lines([aGpu(0)], [aSample(0, values)]);
    for (const [i, name] of GPU_READING_NAMES.entries()) {
      const family = NATIVE_FAMILIES[i];
      expect(family?.help).toBe(GPU_READINGS[name].what);
      expect(all).toContain(`${family?.name}{${LABELS}} ${i + 0.25}`);
    }
    expect(named(all, "gpu_autoscaler_gpu_reading_state")).toEqual([]);
  });

  test("a reading without a value has no series, and says what it is instead", () => {
    const readings = readingsOf({ utilization: 0, memoryUsed: 1 });
    writeCode(readings, "power", 999);
    writeCode(readings, "temperature", 3);
    const all = lines([aGpu(0)], [aSample(0, {}, { readings })]);
    expect(all).toContain(`gpu_autoscaler_gpu_utilization_ratio{${LABELS}} 0`);
    expect(named(all, "gpu_autoscaler_gpu_power_watts")).toEqual([]);
    const states = named(all, "gpu_autoscaler_gpu_reading_state");
    expect(states).toContain(`gpu_autoscaler_gpu_reading_state{${WHERE},field="power",state="failed"} 1`);
    expect(states).toContain(
      `gpu_autoscaler_gpu_reading_state{${WHERE},field="temperature",state="unsupported"} 1`,
    );
    expect(states).toContain(
      `gpu_autoscaler_gpu_reading_state{${WHERE},field="memory_free",state="pending"} 1`,
    );
    expect(states).toHaveLength(GPU_READING_NAMES.length - 2);
  });

  test("a lost GPU keeps no value from before and is lost in every reading", () => {
    const all = lines([aGpu(0)], [aLostGpu(0)]);
    expect(named(all, "gpu_autoscaler_gpu_temperature_celsius")).toEqual([]);
    expect(all.filter((line) => line.includes('state="lost"'))).toHaveLength(GPU_READING_NAMES.length);
  });

  test("while the source does not answer, only what does not change is shown", () => {
    const all = lines([aGpu(0)], []);
    expect(all.map((line) => line.split("{")[0])).toEqual([
      "gpu_autoscaler_gpu_memory_total_bytes",
      "gpu_autoscaler_gpu_info",
    ]);
  });

  test("tells what is known of the card, and leaves empty what is not", () => {
    const { details } = aGpu(0);
    const unknown = { kind: "failed", code: 999 } as const;
    const bare = aGpu(1, {
      name: unknown,
      memoryTotalBytes: unknown,
      details: { ...details, serial: unknown, architecture: value(14) },
    });
    const all = lines([aGpu(0), bare], []);
    expect(named(all, "gpu_autoscaler_gpu_info")).toEqual([
      `gpu_autoscaler_gpu_info{${LABELS},serial="1654321000000",vbios="96.00.A0.00.01",part_number="900-2G520-0040-000",pci_bus_id="0000:3b:00.0",architecture="hopper",driver="580.95.05"} 1`,
      `gpu_autoscaler_gpu_info{node="gpu-1",gpu="1",uuid="GPU-1",model="",serial="",vbios="96.00.A0.00.01",part_number="900-2G520-0040-000",pci_bus_id="0000:3c:00.0",architecture="14",driver="580.95.05"} 1`,
    ]);
    expect(all).toContain(
      `gpu_autoscaler_gpu_reading_state{node="gpu-1",gpu="1",uuid="GPU-1",field="memory_total",state="failed"} 1`,
    );
  });

  test("takes the reasons apart that hold the clocks down, unknown ones and high bits as well", () => {
    const mask = 0x4 + 0x8 + 2 ** 12 + 2 ** 40;
    const all = lines([aGpu(0)], [aSample(0, { clockEventReasons: mask })]);
    const events = named(all, "gpu_autoscaler_gpu_clock_event_active");
    const active = events.filter((line) => line.endsWith(" 1"));
    expect(active.map((line) => /reason="(\w+)"/.exec(line)?.[1])).toEqual([
      "power_cap",
      "hw_slowdown",
      "bit_12",
      "bit_40",
    ]);
    expect(events).toContain(`gpu_autoscaler_gpu_clock_event_active{${LABELS},reason="hw_thermal"} 0`);
  });

  test("shows every pod of a shared GPU, once each, and none that has left", () => {
    const shared = [0, 1].map((replica) => ({ ...HOLDER, pod: `infer-${replica}`, replica }));
    const again = { ...HOLDER, pod: "infer-0", replica: 0 };
    const all = lines([aGpu(0)], [], [...shared, again]);
    expect(named(all, "gpu_autoscaler_gpu_holder")).toEqual(
      [0, 1].map(
        (i) =>
          `gpu_autoscaler_gpu_holder{${WHERE},mig_uuid="",namespace="team-a",pod="infer-${i}",container="main",resource="nvidia.com/gpu",replica="${i}"} 1`,
      ),
    );
    expect(named(lines([aGpu(0)], []), "gpu_autoscaler_gpu_holder")).toEqual([]);
  });

  test("shows a pod as well that holds what the driver does not show", () => {
    const holders = [null, "GPU-9"].map((gpu, i) => ({ ...HOLDER, gpu, pod: `p-${i}` }));
    expect(named(lines([aGpu(0)], [], holders), "gpu_autoscaler_gpu_holder")).toEqual(
      [0, 1].map(
        (i) =>
          `gpu_autoscaler_gpu_holder{node="gpu-1",gpu="",uuid="",mig_uuid="",namespace="team-a",pod="p-${i}",container="main",resource="nvidia.com/gpu",replica=""} 1`,
      ),
    );
  });

  test("shows MIG instances beside their GPU, with what each of them can say", () => {
    const gone = emptyReadings();
    writeCode(gone, "memoryUsed", 999);
    const sample = aSample(
      0,
      { power: 300 },
      {
        instances: [
          { uuid: "MIG-a", readings: readingsOf({ memoryUsed: 1024, gpmSmActive: 0.5 }) },
          { uuid: "MIG-b", readings: gone },
        ],
      },
    );
    const all = lines([cutGpu()], [sample], [{ ...HOLDER, device: "MIG-a", instance: "MIG-a" }]);
    const first = `${LABELS},mig_uuid="MIG-a",gpu_instance="7",compute_instance="0",profile="1g.18gb"`;
    expect(named(all, "gpu_autoscaler_mig_memory_used_bytes")).toEqual([
      `gpu_autoscaler_mig_memory_used_bytes{${first}} 1024`,
    ]);
    expect(all).toContain(`gpu_autoscaler_mig_gpm_sm_active_ratio{${first}} 0.5`);
    expect(named(all, "gpu_autoscaler_mig_memory_total_bytes")).toHaveLength(2);
    expect(all).toContain(
      `gpu_autoscaler_mig_reading_state{${WHERE},mig_uuid="MIG-b",field="memory_used",state="failed"} 1`,
    );
    // Power is the whole GPU's: that an instance has none is no news.
    expect(all.some((line) => line.startsWith("gpu_autoscaler_mig_") && line.includes("power"))).toBe(false);
    expect(named(all, "gpu_autoscaler_gpu_holder")[0]).toContain('mig_uuid="MIG-a"');
  });
});
