import { describe, expect, test } from "vitest";

import type { GpuAllocation, GpuHolder } from "../../../shared/model/gpu-allocation.ts";
import { readingsOf } from "../../../shared/model/gpu-readings.ts";
import type { GpuIdentity, GpuSample, MigInstance } from "../../../shared/model/gpu.ts";
import { bytes, epochMs } from "../../../shared/model/units.ts";
import { aGpu, aHolder, aLostGpu, aSample, ready, value } from "../../../test/build/gpu.ts";
import { planDcgm } from "./dcgm-counters.ts";
import type { DcgmCounter } from "./dcgm-counters.ts";
import { DCGM_FIELDS } from "./dcgm-fields.ts";
import { dcgmBlocks, dcgmBusId } from "./dcgm.ts";
import { shownGpus } from "./shown.ts";
import { xidWords } from "./xid-words.ts";

const MIB = 1024 * 1024;
const EVERYTHING: readonly DcgmCounter[] = [
  ...DCGM_FIELDS.map(({ name, type, help }) => ({ name, type, help })),
  { name: "DCGM_FI_DRIVER_VERSION", type: "label", help: "Driver." },
];

interface World {
  readonly gpu?: GpuIdentity;
  readonly samples?: readonly GpuSample[];
  readonly holders?: readonly GpuHolder[];
  readonly allocation?: GpuAllocation;
  readonly counters?: readonly DcgmCounter[];
  readonly hostnameLabel?: "Hostname" | "hostname";
  readonly nvlinkRate?: number;
  readonly xid?: number;
}

function lines(world: World): readonly string[] {
  const { gpu = aGpu(0), samples = [aSample(0)], holders = [], counters = EVERYTHING } = world;
  const shown = shownGpus({
    seen: { source: ready(gpu), gpus: [gpu], lost: [] },
    samples,
    allocation: world.allocation ?? { kind: "known", at: epochMs(0), holders },
  });
  const xids = new Map(world.xid === undefined ? [] : [[gpu.uuid, world.xid] as const]);
  const nvlinkRates = new Map(world.nvlinkRate === undefined ? [] : [[gpu.uuid, world.nvlinkRate] as const]);
  return dcgmBlocks(
    shown,
    { node: "gpu-1", driver: "580.95.05", xids, nvlinkRates },
    { plan: planDcgm(counters), hostnameLabel: world.hostnameLabel ?? "Hostname" },
  )
    .flatMap((block) => block.lines.split("\n"))
    .filter((line) => line !== "");
}

const named = (all: readonly string[], name: string): readonly string[] =>
  all.filter((line) => line.startsWith(`DCGM_FI_${name}{`));

const CARD = `gpu="0",UUID="GPU-0",pci_bus_id="00000000:3B:00.0",device="nvidia0",modelName="NVIDIA H200"`;
const REST = `Hostname="gpu-1",DCGM_FI_DRIVER_VERSION="580.95.05"`;

const HOLDER = aHolder();

function instance(
  uuid: string,
  gpuInstance: number,
  profile: string | null,
  computeInstance = 0,
): MigInstance {
  const memoryTotalBytes = value(bytes(18_000 * MIB));
  return { uuid, gpuInstance, computeInstance, profile, memoryTotalBytes, computeSlices: value(1) };
}

describe("dcgmBlocks()", () => {
  test("converts every value into the unit of its name", () => {
    const sample = aSample(0, {
      smClock: 1_980_000_000,
      memoryClock: 3_201_000_000,
      temperature: 34,
      memoryTemperature: 41,
      power: 77.501,
      energy: 1234.5678,
      utilization: 0.29,
      memoryInterfaceUtilization: 0.07,
      encoderUtilization: 0,
      decoderUtilization: 1,
      memoryUsed: 1000.9 * MIB,
      memoryFree: 142_000 * MIB,
      memoryReserved: 480 * MIB,
      pcieReplays: 3,
      throttledPower: 3.079350624,
      clockEventReasons: 5,
      eccVolatileCorrected: 2,
      remappedRowsUncorrectable: 1,
      rowRemapFailed: 0,
      gpmGraphicsActive: 0.875,
      gpmPcieTx: 5_000_000,
    });
    const all = lines({ samples: [sample], nvlinkRate: 2_048_000 });
    for (const [name, shown] of Object.entries({
      DEV_SM_CLOCK: "1980",
      DEV_MEM_CLOCK: "3201",
      DEV_GPU_TEMP: "34",
      DEV_MEMORY_TEMP: "41",
      DEV_SLOWDOWN_TEMP: "89",
      DEV_POWER_USAGE: "77.501",
      DEV_TOTAL_ENERGY_CONSUMPTION: "1234568",
      DEV_GPU_UTIL: "29",
      DEV_MEM_COPY_UTIL: "7",
      DEV_ENC_UTIL: "0",
      DEV_DEC_UTIL: "100",
      DEV_FB_TOTAL: "143771",
      DEV_FB_USED: "1000",
      DEV_FB_FREE: "142000",
      DEV_FB_RESERVED: "480",
      DEV_FB_USED_PERCENT: String(1000.9 / (143_771 - 480)),
      DEV_PCIE_REPLAY_COUNTER: "3",
      DEV_POWER_VIOLATION: "3079350624",
      DEV_CLOCKS_EVENT_REASONS: "5",
      DEV_ECC_SBE_VOL_TOTAL: "2",
      DEV_UNCORRECTABLE_REMAPPED_ROWS: "1",
      DEV_ROW_REMAP_FAILURE: "0",
      DEV_NVLINK_BANDWIDTH_TOTAL: "2",
      PROF_GR_ENGINE_ACTIVE: "0.875",
      PROF_PCIE_TX_BYTES: "5000000",
    }))
      expect(named(all, name)).toEqual([`DCGM_FI_${name}{${CARD},${REST}} ${shown}`]);
    expect(named(all, "DEV_XID_ERRORS")).toEqual([
      `DCGM_FI_DEV_XID_ERRORS{${CARD},${REST},err_code="0",err_msg="No Error"} 0`,
    ]);
  });

  test("shows no series where there is no value, and the last XID of a card that is lost", () => {
    expect(lines({ samples: [aSample(0, {})] }).map((line) => line.split("{")[0])).toEqual([
      "DCGM_FI_DEV_SLOWDOWN_TEMP",
      "DCGM_FI_DEV_SHUTDOWN_TEMP",
      "DCGM_FI_DEV_XID_ERRORS",
      "DCGM_FI_DEV_FB_TOTAL",
    ]);
    const lost = lines({ samples: [aLostGpu(0)], xid: 79 });
    expect(named(lost, "DEV_XID_ERRORS")).toEqual([
      `DCGM_FI_DEV_XID_ERRORS{${CARD},${REST},err_code="79",err_msg="GPU has fallen off the bus"} 79`,
    ]);
    expect(named(lost, "DEV_GPU_UTIL")).toEqual([]);
  });

  test("carries the labels of the list, the node's label as it is to be spelt, and the minor number", () => {
    const { details } = aGpu(0);
    const gpu = aGpu(0, { details: { ...details, minor: value(5) } });
    const counters: readonly DcgmCounter[] = [
      { name: "DCGM_FI_DEV_GPU_UTIL", type: "gauge", help: "Utilisation." },
      { name: "DCGM_FI_DEV_SERIAL", type: "label", help: "Serial." },
    ];
    expect(lines({ gpu, counters, hostnameLabel: "hostname" })).toEqual([
      `DCGM_FI_DEV_GPU_UTIL{gpu="0",UUID="GPU-0",pci_bus_id="00000000:3B:00.0",device="nvidia5",modelName="NVIDIA H200",hostname="gpu-1",DCGM_FI_DEV_SERIAL="1654321000000"} 50`,
    ]);
  });

  test("names the pod that holds the GPU, and every pod that shares it", () => {
    const held = (more: Partial<GpuHolder>[]) =>
      named(lines({ holders: more.map((one) => ({ ...HOLDER, ...one })) }), "DEV_GPU_UTIL");
    expect(held([{}])).toEqual([
      `DCGM_FI_DEV_GPU_UTIL{${CARD},${REST},container="main",namespace="team-a",pod="train-0"} 50`,
    ]);
    expect(
      held([
        { pod: "a", replica: 0 },
        { pod: "b", replica: 1 },
      ]),
    ).toEqual(
      ["a", "b"].map(
        (pod, i) =>
          `DCGM_FI_DEV_GPU_UTIL{${CARD},${REST},container="main",namespace="team-a",pod="${pod}",vgpu="${i}"} 50`,
      ),
    );
    // The same container by two devices without a number: one series, since the page could not hold both.
    expect(held([{}, {}])).toHaveLength(1);
    expect(named(lines({ allocation: { kind: "unknown", why: "no socket" } }), "DEV_GPU_UTIL")).toEqual([
      `DCGM_FI_DEV_GPU_UTIL{${CARD},${REST}} 50`,
    ]);
  });

  test("shows a cut GPU by its GPU instances: their own memory, the whole card's power, their pods", () => {
    const gpu = aGpu(0, {
      mig: {
        kind: "on",
        instances: [
          instance("MIG-a", 7, "1g.18gb"),
          instance("MIG-b", 2, "1c.3g.71gb"),
          instance("MIG-c", 2, "1c.3g.71gb", 1),
        ],
      },
    });
    const sample = aSample(
      0,
      { power: 300, memoryUsed: 99_000 * MIB },
      {
        instances: [
          { uuid: "MIG-a", readings: readingsOf({ memoryUsed: 100 * MIB }) },
          { uuid: "MIG-b", readings: readingsOf({ memoryUsed: 200 * MIB, gpmSmActive: 0.5 }) },
          { uuid: "MIG-c", readings: readingsOf({ memoryUsed: 200 * MIB, gpmSmActive: 0.5 }) },
        ],
      },
    );
    const holders = [
      { ...HOLDER, device: "MIG-a", instance: "MIG-a", pod: "a" },
      { ...HOLDER, device: "MIG-b", instance: "MIG-b", pod: "b" },
      { ...HOLDER, device: "MIG-c", instance: "MIG-c", pod: "c" },
    ];
    const all = lines({ gpu, samples: [sample], holders });
    const part = (profile: string, id: number, pod: string): string =>
      `{${CARD},GPU_I_PROFILE="${profile}",GPU_I_ID="${id}",${REST},container="main",namespace="team-a",pod="${pod}"}`;
    const [a, b, c] = [part("1g.18gb", 7, "a"), part("3g.71gb", 2, "b"), part("3g.71gb", 2, "c")];
    expect(named(all, "DEV_FB_USED")).toEqual([
      `DCGM_FI_DEV_FB_USED${a} 100`,
      `DCGM_FI_DEV_FB_USED${b} 200`,
      `DCGM_FI_DEV_FB_USED${c} 200`,
    ]);
    expect(named(all, "PROF_SM_ACTIVE")).toEqual([
      `DCGM_FI_PROF_SM_ACTIVE${b} 0.5`,
      `DCGM_FI_PROF_SM_ACTIVE${c} 0.5`,
    ]);
    expect(named(all, "DEV_POWER_USAGE")).toHaveLength(3);
    expect(named(all, "DEV_FB_TOTAL")[0]).toContain(" 18000");
    expect(new Set(all).size).toBe(all.length);
    // Nobody knows of which instance it is: it stays on the page.
    const stray = [...holders, { ...HOLDER, device: "nvidia0/gi9", pod: "stray" }];
    const whole = named(lines({ gpu, samples: [sample], holders: stray }), "DEV_POWER_USAGE");
    expect(whole.filter((line) => line.includes('pod="stray"'))).toEqual([
      `DCGM_FI_DEV_POWER_USAGE{${CARD},${REST},container="main",namespace="team-a",pod="stray"} 300`,
    ]);
  });

  test("shows a card that can be cut and is not as one", () => {
    const gpu = aGpu(0, { mig: { kind: "on", instances: [] } });
    expect(named(lines({ gpu }), "DEV_GPU_UTIL")).toEqual([`DCGM_FI_DEV_GPU_UTIL{${CARD},${REST}} 50`]);
  });
});

describe("xidWords()", () => {
  test("has a few words for what people meet, and says so where it has none", () => {
    expect([0, 79, 94, 4711].map(xidWords)).toEqual([
      "No Error",
      "GPU has fallen off the bus",
      "Contained memory error",
      "Unknown Error",
    ]);
  });
});

describe("dcgmBusId()", () => {
  test("writes the domain with eight digits, and letters large", () => {
    expect(dcgmBusId("0000:3b:00.0")).toBe("00000000:3B:00.0");
    expect(dcgmBusId("10000:af:00.0")).toBe("00010000:AF:00.0");
  });
});
