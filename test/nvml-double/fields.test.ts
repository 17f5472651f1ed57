// The batch call of the double: its numbers agree with the getters, differ by branch as drivers do, and have the traps
// that real drivers were seen to have.

import { describe, expect, test } from "vitest";

import { allocate } from "../../agent/sample/nvml/native.ts";
import { healthyGpu, tellingGpu } from "./fixture.ts";
import { openDouble, wordFrom } from "./opened.ts";
import type { Opened } from "./opened.ts";
import type { ScenarioGpu } from "./scenario.ts";

const ENTRY_BYTES = 40;
const ALL_LINKS = 0xffffffff;
/** What no driver answers. */
const UNTOUCHED = 700_000;

interface Entry {
  readonly code: number;
  readonly type: number;
  /** All 64 bits. */
  readonly value: bigint;
}

/** Asks for all in one call, each entry marked as untouched before. */
function ask(opened: Opened, ids: readonly number[], scope = 0): { code: number; entries: readonly Entry[] } {
  const { address, view } = allocate(ids.length * ENTRY_BYTES);
  for (const [at, id] of ids.entries()) {
    view.setUint32(at * ENTRY_BYTES, id, true);
    view.setUint32(at * ENTRY_BYTES + 4, scope, true);
    view.setInt32(at * ENTRY_BYTES + 28, UNTOUCHED, true);
  }
  const code = opened.bind("nvmlDeviceGetFieldValues", "device-selector-out")(
    opened.gpu(0),
    ids.length,
    address,
  );
  const entries = ids.map((_, at) => ({
    code: view.getInt32(at * ENTRY_BYTES + 28, true),
    type: view.getInt32(at * ENTRY_BYTES + 24, true),
    value: view.getBigUint64(at * ENTRY_BYTES + 32, true),
  }));
  return { code, entries };
}

function valueOf(opened: Opened, id: number, scope = 0): bigint | string {
  const [entry] = ask(opened, [id], scope).entries;
  return entry?.code === 0 ? entry.value : `code ${entry?.code}`;
}

const codesOf = (opened: Opened, ids: readonly number[]): readonly number[] =>
  ask(opened, ids).entries.map(({ code }) => code);

const one = (gpu: ScenarioGpu): { readonly gpus: readonly ScenarioGpu[] } => ({ gpus: [gpu] });

describe("nvmlDeviceGetFieldValues", () => {
  test.each([
    ["nvmlDeviceGetPowerUsage", 185],
    ["nvmlDeviceGetEnforcedPowerLimit", 190],
    ["nvmlDeviceGetPowerManagementDefaultLimit", 189],
    ["nvmlDeviceGetPcieReplayCounter", 94],
    ["nvmlDeviceGetTotalEnergyConsumption", 83],
    ["nvmlDeviceGetRetiredPagesPendingStatus", 31],
  ])("%s and field %i are one number", async (call, id) => {
    const opened = await openDouble(one(tellingGpu(0)));
    const { address, view } = allocate(8);
    expect(opened.bind(call, "device-out")(opened.gpu(0), address)).toBe(0);
    expect(valueOf(opened, id)).toBe(view.getBigUint64(0, true));
  });

  test.each([
    // The numbers mean something else there, and the last three nothing.
    ["r570", undefined, [3, 3, 3, 2, 2, 2]],
    ["r580", "early", [0, 0, 0, 3, 3, 3]],
    ["r580", undefined, [3, 3, 3, 0, 0, 0]],
    ["r590", undefined, [3, 3, 3, 0, 0, 0]],
  ] as const)("%s (%s) has the throttle times in their place", async (variant, throttleFields, codes) => {
    const place = throttleFields === undefined ? {} : { throttleFields };
    const opened = await openDouble({ ...one(healthyGpu(0)), ...place }, variant);
    expect(codesOf(opened, [251, 252, 253, 269, 270, 271])).toEqual(codes);
    const first = codes.findIndex((code) => code === 0);
    if (first >= 0) expect(valueOf(opened, first === 0 ? 252 : 270)).toBe(19_000_000_000n);
  });

  test("an id that the branch does not know is refused, one that the card lacks is unsupported", async () => {
    const opened = await openDouble(one({ powerMw: 1 }), "r525");
    expect(codesOf(opened, [82, 230, 185])).toEqual([3, 2, 2]);
  });

  test("succeeds as a whole when one entry does", async () => {
    const opened = await openDouble(one({ powerMw: 5 }));
    expect(ask(opened, [82, 185]).code).toBe(0);
    expect(ask(opened, [82, 83]).code).toBe(3);
  });

  test("leaves groups of a large batch as the caller left them", async () => {
    const opened = await openDouble({ ...one(healthyGpu(0)), untouchedFieldsOver: 2 });
    expect(codesOf(opened, [190, 269])).toEqual([0, 0]);
    expect(codesOf(opened, [190, 269, 83])).toEqual([UNTOUCHED, UNTOUCHED, 0]);
  });

  test("wraps the PCIe counters at 32 bits", async () => {
    const opened = await openDouble(one({ pcie: { txBytes: 2 ** 32 + 7, rxBytes: 5 } }));
    expect([valueOf(opened, 197), valueOf(opened, 198)]).toEqual([7n, 5n]);
  });

  test("gives NVLink traffic for all links and for each, and by the newer ids on NVLink 5", async () => {
    const nvlink = { links: 4, active: 3, txKib: 4_003, rxKib: 8_000 };
    const older = await openDouble(one({ nvlink: { ...nvlink, version: 4 } }));
    expect(valueOf(older, 138, ALL_LINKS)).toBe(4_003n);
    expect([0, 1, 3, 4].map((link) => valueOf(older, 138, link))).toEqual([1_003n, 1_000n, 1_000n, "code 2"]);
    expect([2, 3].map((link) => valueOf(older, 165, link))).toEqual([1n, 0n]);
    expect(valueOf(older, 204, 0)).toBe("code 3");
    const newer = await openDouble(one({ nvlink: { ...nvlink, version: 5 } }));
    expect([valueOf(newer, 204, 0), valueOf(newer, 138, ALL_LINKS)]).toEqual([2_000n * 1024n, "code 3"]);
  });

  test("lets the scenario say what an entry holds, whatever the keys say", async () => {
    const opened = await openDouble(
      one({
        memoryTemperatureC: 50,
        fields: {
          82: { type: "double", filled: "u32", value: 41 },
          83: { type: "u64", value: -1 },
          138: [
            { type: "u64", value: 9, scope: 1 },
            { type: "u64", value: 0, code: 4, scope: 2 },
          ],
        },
      }),
    );
    expect(ask(opened, [82]).entries).toEqual([{ code: 0, type: 0, value: 41n }]);
    expect(valueOf(opened, 83)).toBe(2n ** 64n - 1n);
    expect([valueOf(opened, 138, 1), valueOf(opened, 138, 2)]).toEqual([9n, "code 4"]);
  });
});

test("values over time: one by one, round and round, and growing", async () => {
  const opened = await openDouble(
    one({
      powerMw: { seq: [1, 2] },
      smClockMhz: { cycle: [3, 4] },
      energyMj: { rate: { from: 1_000, perSecond: 1e6 } },
    }),
  );
  const power = opened.bind("nvmlDeviceGetPowerUsage", "device-out");
  const clock = opened.bind("nvmlDeviceGetClockInfo", "device-selector-out");
  const gpu = opened.gpu(0);
  expect([1, 2, 3].map(() => wordFrom((out) => power(gpu, out)))).toEqual([1, 2, 2]);
  expect([1, 2, 3].map(() => wordFrom((out) => clock(gpu, 1, out)))).toEqual([3, 4, 3]);
  const [first = 0, second = 0] = [1, 2].map(() => Number(valueOf(opened, 83)));
  expect(first).toBeGreaterThanOrEqual(1_000);
  expect(second).toBeGreaterThanOrEqual(first);
});

test("a GPU that says nothing is asked for everything in vain", async () => {
  const opened = await openDouble(one({}));
  for (const call of [
    "nvmlDeviceGetPowerUsage",
    "nvmlDeviceGetTotalEnergyConsumption",
    "nvmlDeviceGetCurrentClocksEventReasons",
    "nvmlDeviceGetSupportedEventTypes",
    "nvmlDeviceGetUtilizationRates",
    "nvmlDeviceGetMemoryInfo",
    "nvmlDeviceGetRowRemapperHistogram",
  ]) {
    const { address } = allocate(64);
    expect([call, opened.bind(call, "device-out")(opened.gpu(0), address)]).toEqual([call, 3]);
  }
});
