// MIG in the double: instances in slots, what they say and what the whole GPU then keeps to itself, and what becomes of
// handles when the instances change.

import { describe, expect, test } from "vitest";

import { allocate } from "../../agent/sample/nvml/native.ts";
import { healthyGpu } from "./fixture.ts";
import { lister, openDouble, wordFrom } from "./opened.ts";
import type { Opened } from "./opened.ts";
import type { Scenario, ScenarioInstance, ScenarioProcess } from "./scenario.ts";

const MIB = 1_048_576n;

describe("MIG", () => {
  const instance = (uuid: string, gi: number, more: Partial<ScenarioInstance> = {}): ScenarioInstance => ({
    uuid,
    gi,
    ci: 0,
    memoryTotalMib: 16_384,
    memoryUsedMib: gi * 10,
    ...more,
  });
  const cut = (...instances: readonly ScenarioInstance[]): Scenario => ({
    gpus: [{ ...healthyGpu(0), mig: { mode: 1, maxDevices: 7, instances } }],
  });
  const used = (opened: Opened, mig: bigint): bigint | string => {
    const { address, view } = allocate(24);
    const code = opened.bind("nvmlDeviceGetMemoryInfo", "device-out")(mig, address);
    return code === 0 ? view.getBigUint64(16, true) / MIB : `code ${code}`;
  };

  test("shows instances in their slots, with holes", async () => {
    const opened = await openDouble(cut(instance("MIG-a", 1), instance("MIG-b", 2, { slot: 5 })));
    const call = opened.bind("nvmlDeviceGetMigDeviceHandleByIndex", "device-selector-out");
    const out = allocate(8);
    const codes = [0, 1, 5, 6, 7].map((slot) => call(opened.gpu(0), slot, out.address));
    expect(codes).toEqual([0, 6, 0, 6, 2]);
    const gi = opened.bind("nvmlDeviceGetGpuInstanceId", "device-out");
    expect(wordFrom((at) => gi(opened.instance(0, 5), at))).toBe(2);
    expect(wordFrom((at) => gi(opened.gpu(0), at))).toBe("code 2");
  });

  test("keeps the utilisation of the whole GPU to itself", async () => {
    const opened = await openDouble(cut(instance("MIG-a", 1)));
    const { address } = allocate(8);
    expect(opened.bind("nvmlDeviceGetUtilizationRates", "device-out")(opened.gpu(0), address)).toBe(3);
    expect(opened.bind("nvmlDeviceGetPowerUsage", "device-out")(opened.gpu(0), address)).toBe(0);
    expect(opened.bind("nvmlDeviceGetPowerUsage", "device-out")(opened.instance(0, 0), address)).toBe(3);
  });

  test("refuses the handle of an instance that is gone", async () => {
    const opened = await openDouble(cut(instance("MIG-a", 1)));
    const old = opened.instance(0, 0);
    expect(used(opened, old)).toBe(10n);
    opened.double.write(cut(instance("MIG-b", 2)));
    expect(used(opened, old)).toBe("code 2");
    expect(used(opened, opened.instance(0, 0))).toBe(20n);
  });

  test("or lets it stand for the new instance, as drivers may", async () => {
    const opened = await openDouble(cut(instance("MIG-a", 1)));
    const old = opened.instance(0, 0);
    opened.double.write({ ...cut(instance("MIG-b", 2)), reuseMigHandles: true });
    expect(used(opened, old)).toBe(20n);
  });

  test("keeps handles while only numbers change", async () => {
    const opened = await openDouble(cut(instance("MIG-a", 1)));
    const mig = opened.instance(0, 0);
    opened.double.write(cut(instance("MIG-a", 1, { memoryUsedMib: 77 })));
    expect(used(opened, mig)).toBe(77n);
  });

  test("lists the processes of its instances on the whole GPU, with their ids", async () => {
    const processes: readonly ScenarioProcess[] = [{ pid: 7, memoryMib: 5, kind: "compute" }];
    const opened = await openDouble({
      gpus: [{ mig: { mode: 1, instances: [instance("MIG-a", 3, { ci: 1, processes })] } }],
    });
    for (const handle of [opened.gpu(0), opened.instance(0, 0)]) {
      const { view, call } = lister(opened, 24);
      expect(call(handle, 1)).toBe(0);
      expect([view.getUint32(0, true), view.getUint32(16, true), view.getUint32(20, true)]).toEqual([
        7, 3, 1,
      ]);
    }
  });
});
