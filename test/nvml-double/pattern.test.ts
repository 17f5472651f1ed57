// Whether the agent's layouts name the members that C means: the double fills each struct with numbers that follow
// from the members' names, and the layouts find each where they say. Sizes and offsets alone cannot show two members
// of one size that are taken for each other.

import { describe, expect, test } from "vitest";

import { STRUCTS } from "../../agent/sample/nvml/layout.ts";
import { allocate } from "../../agent/sample/nvml/native.ts";
import type { Block } from "../../agent/sample/nvml/native.ts";
import { EVENTS_SEEN, healthyGpu } from "./fixture.ts";
import { handleFrom, openDouble } from "./opened.ts";
import type { Opened } from "./opened.ts";
import type { Scenario } from "./scenario.ts";

const XID = 0x8;

const SCENARIO: Scenario = {
  pattern: true,
  gpus: [
    {
      ...healthyGpu(0),
      mig: { mode: 1, maxDevices: 7, instances: [{ uuid: "MIG-0", gi: 1, ci: 0, memoryTotalMib: 16_384 }] },
    },
    healthyGpu(1),
  ],
};

/** One struct as the double fills it, alone in its memory. */
type Round = (opened: Opened, block: Block) => number;

const ROUNDS: Readonly<Record<string, Round>> = {
  nvmlUtilization_t: deviceOut("nvmlDeviceGetUtilizationRates"),
  nvmlMemory_t: deviceOut("nvmlDeviceGetMemoryInfo"),
  nvmlMemory_v2_t: deviceOut("nvmlDeviceGetMemoryInfo_v2"),
  nvmlTemperature_v1_t: deviceOut("nvmlDeviceGetTemperatureV"),
  nvmlMarginTemperature_v1_t: deviceOut("nvmlDeviceGetMarginTemperature"),
  nvmlPciInfo_t: deviceOut("nvmlDeviceGetPciInfo_v3"),
  nvmlFieldValue_t: ({ bind, gpu }, { address, view }) => {
    view.setUint32(0, 83, true);
    return bind("nvmlDeviceGetFieldValues", "device-selector-out")(gpu(1), 1, address);
  },
  nvmlEccSramErrorStatus_v1_t: deviceOut("nvmlDeviceGetSramEccErrorStatus"),
  nvmlRowRemapperHistogramValues_t: deviceOut("nvmlDeviceGetRowRemapperHistogram"),
  nvmlGpuFabricInfo_v2_t: deviceOut("nvmlDeviceGetGpuFabricInfoV"),
  nvmlGpuFabricInfo_v3_t: deviceOut("nvmlDeviceGetGpuFabricInfoV"),
  nvmlProcessInfo_t: processes,
  // By the name of the other one, from the drivers that mixed them up.
  nvmlProcessDetail_v1_t: processes,
  nvmlDeviceAttributes_t: ({ bind, instance }, { address }) =>
    bind("nvmlDeviceGetAttributes_v2", "device-out")(instance(0, 0), address),
  nvmlEventData_t: ({ double, bind, gpu }, { address }) => {
    const set = handleFrom((out) => bind("nvmlEventSetCreate", "out")(out));
    bind("nvmlDeviceRegisterEvents", "device-mask-handle")(gpu(1), EVENTS_SEEN, set);
    double.write({ ...SCENARIO, events: [{ afterMs: 0, gpu: 1, type: XID, data: 79 }] });
    return bind("nvmlEventSetWait_v2", "handle-out-timeout")(set, address, 1_000);
  },
  nvmlGpmSupport_t: deviceOut("nvmlGpmQueryDeviceSupport"),
  nvmlGpmMetric_t: ({ bind, gpu }, { bytes }) => {
    const sample = handleFrom((out) => bind("nvmlGpmSampleAlloc", "out")(out));
    bind("nvmlGpmSampleGet", "device-handle")(gpu(1), sample);
    const request = allocate(24 + bytes.length);
    request.view.setUint32(0, 1, true);
    request.view.setUint32(4, 1, true);
    request.view.setBigUint64(8, sample, true);
    request.view.setBigUint64(16, sample, true);
    request.view.setUint32(24, 1, true);
    const code = bind("nvmlGpmMetricsGet", "out")(request.address);
    bytes.set(request.bytes.subarray(24));
    return code;
  },
};

/** What the caller writes, and text and addresses, which have a meaning of their own. */
const NOT_FILLED = [
  "version",
  "sensorType",
  "fieldId",
  "scopeId",
  "metricId",
  "device",
  "busId",
  "busIdLegacy",
  "clusterUuid",
];

function deviceOut(call: string): Round {
  return ({ bind, gpu }, { address }) => bind(call, "device-out")(gpu(1), address);
}

function processes({ bind, gpu }: Opened, { address }: Block): number {
  const count = allocate(4);
  count.view.setUint32(0, 1, true);
  const call = "nvmlDeviceGetComputeRunningProcesses_v3";
  return bind(call, "device-out-out")(gpu(1), count.address, address);
}

/** FNV-1a with 64 bits, as in pattern.c, and the low bytes of it. */
function patternOf(name: string, size: number): bigint {
  let hash = 0xcbf29ce484222325n;
  for (const byte of Buffer.from(name)) hash = BigInt.asUintN(64, (hash ^ BigInt(byte)) * 0x100000001b3n);
  return BigInt.asUintN(8 * size, hash);
}

const SIZES: Readonly<Record<string, 1 | 4 | 8>> = { u8: 1, u32: 4, i32: 4 };

function read(view: DataView, at: number, size: 1 | 4 | 8): bigint {
  if (size === 8) return view.getBigUint64(at, true);
  return BigInt(size === 4 ? view.getUint32(at, true) : view.getUint8(at));
}

test("each struct of the agent has its round", () => {
  expect(Object.keys(ROUNDS)).toEqual(Object.keys(STRUCTS));
});

describe.each(Object.entries(ROUNDS))("%s", (name, round) => {
  test("has each member where the double put it", async () => {
    const layout = STRUCTS[name];
    if (layout === undefined) throw new Error("no such struct");
    const opened = await openDouble(SCENARIO, name === "nvmlProcessDetail_v1_t" ? "r535bug" : "r580");
    const block = allocate(layout.size);
    if (layout.stamp !== undefined) block.view.setUint32(0, layout.stamp, true);
    expect(round(opened, block)).toBe(0);

    const members = Object.entries(layout.members).filter(([member]) => !NOT_FILLED.includes(member));
    expect(members).not.toEqual([]);
    for (const [member, { at, type }] of members) {
      const size = SIZES[type] ?? 8;
      expect([member, read(block.view, at, size)]).toEqual([member, patternOf(`${name}.${member}`, size)]);
    }
  });
});
