// Events of the double: who is told what, when and in which order, and how a wait ends without one.

import { describe, expect, test } from "vitest";

import { allocate } from "../../agent/sample/nvml/native.ts";
import { EVENTS_SEEN, healthyGpu, healthyGpus } from "./fixture.ts";
import { handleFrom, openDouble } from "./opened.ts";
import type { Opened } from "./opened.ts";

const XID = 0x8;
const MIG_CHANGED = 0x100;

describe("events", () => {
  interface Seen {
    readonly gpu: number;
    readonly type: number;
    readonly data: number;
  }

  async function watch(
    gpus = 2,
    mask = EVENTS_SEEN,
  ): Promise<Opened & { wait: (ms?: number) => Seen | number }> {
    const opened = await openDouble({ gpus: healthyGpus(gpus) });
    const handles = Array.from({ length: gpus }, (_, index) => opened.gpu(index));
    const set = handleFrom((out) => opened.bind("nvmlEventSetCreate", "out")(out));
    const register = opened.bind("nvmlDeviceRegisterEvents", "device-mask-handle");
    expect(handles.map((gpu) => register(gpu, mask, set))).toEqual(handles.map(() => 0));
    const call = opened.bind("nvmlEventSetWait_v2", "handle-out-timeout");
    const { address, view } = allocate(32);
    const wait = (ms = 0): Seen | number => {
      const code = call(set, address, ms);
      if (code !== 0) return code;
      return {
        gpu: handles.indexOf(view.getBigUint64(0, true)),
        type: Number(view.getBigUint64(8, true)),
        data: Number(view.getBigUint64(16, true)),
      };
    };
    return { ...opened, wait };
  }

  test("come once each, in the order of their time", async () => {
    const { double, wait } = await watch();
    double.write({
      gpus: healthyGpus(2),
      events: [
        { afterMs: 8, gpu: 0, type: XID, data: 48 },
        { afterMs: 2, gpu: 1, type: XID, data: 31 },
      ],
    });
    expect(wait(2_000)).toEqual({ gpu: 1, type: XID, data: 31 });
    expect(wait(2_000)).toEqual({ gpu: 0, type: XID, data: 48 });
    expect(wait()).toBe(10);
  });

  test("that were due before the next scenario are not forgotten", async () => {
    const { bind, double, wait } = await watch();
    double.write({ gpus: healthyGpus(2), events: [{ afterMs: 0, gpu: 0, type: XID, data: 13 }] });
    bind("nvmlDeviceGetCount_v2", "out")(allocate(4).address);
    double.write({ gpus: healthyGpus(2) });
    expect(wait()).toMatchObject({ data: 13 });
    expect(wait()).toBe(10);
  });

  test("are for those who registered for them, before", async () => {
    const { double, wait } = await watch(2, XID);
    double.write({
      gpus: healthyGpus(2),
      events: [
        { afterMs: 0, gpu: 0, type: 2 },
        { afterMs: 0, gpu: 1, type: XID, data: 62 },
      ],
    });
    expect(wait()).toMatchObject({ gpu: 1, data: 62 });
    expect(wait()).toBe(10);
    const late = await openDouble({
      gpus: healthyGpus(1),
      events: [{ afterMs: 0, gpu: 0, type: XID, data: 48 }],
    });
    const set = handleFrom((out) => late.bind("nvmlEventSetCreate", "out")(out));
    late.bind("nvmlDeviceRegisterEvents", "device-mask-handle")(late.gpu(0), XID, set);
    expect(late.bind("nvmlEventSetWait_v2", "handle-out-timeout")(set, allocate(32).address, 0)).toBe(10);
  });

  test("of XIDs that the driver keeps to itself do not come", async () => {
    const { double, wait } = await watch();
    const events = [79, 119, 43].map((data) => ({ afterMs: 0, gpu: 0, type: XID, data }));
    double.write({ gpus: healthyGpus(2), dropsXids: [79, 119], events });
    expect(wait()).toMatchObject({ data: 43 });
    expect(wait()).toBe(10);
  });

  test("let the caller wait as long as he said", async () => {
    const { wait } = await watch();
    const from = process.hrtime.bigint();
    expect(wait(30)).toBe(10);
    expect(process.hrtime.bigint() - from).toBeGreaterThanOrEqual(30_000_000n);
  });

  test("end with 15 when a GPU of the set is lost, after those that wait", async () => {
    const { double, wait } = await watch();
    const gpus = [healthyGpu(0), { ...healthyGpu(1), lost: true }];
    double.write({ gpus, events: [{ afterMs: 0, gpu: 1, type: XID, data: 79 }] });
    expect([wait(), wait(1_000)]).toEqual([{ gpu: 1, type: XID, data: 79 }, 15]);
  });

  test("tell of a change of MIG", async () => {
    const { double, wait } = await watch();
    const instances = [{ uuid: "MIG-a", gi: 1, ci: 0 }];
    double.write({ gpus: [healthyGpu(0), { ...healthyGpu(1), mig: { mode: 1, instances } }] });
    expect(wait()).toEqual({ gpu: 1, type: MIG_CHANGED, data: 0 });
    expect(wait()).toBe(10);
  });

  test("end when the driver goes", async () => {
    const { double, wait } = await watch();
    double.write({ unloaded: true, gpus: [] });
    expect(wait(1_000)).toBe(1);
  });
});
