import { describe, expect, onTestFinished, test } from "vitest";

import type { GpuEvent } from "../../../shared/model/gpu.ts";
import { epochMs, millis } from "../../../shared/model/units.ts";
import { connect } from "../../../test/build/nvml-driver.ts";
import type { Connection } from "../../../test/build/nvml-driver.ts";
import type { BuildOptions } from "../../../test/nvml-double/build.ts";
import type { Rule, Scenario, ScenarioEvent, ScenarioGpu } from "../../../test/nvml-double/scenario.ts";
import { openEvents } from "./events.ts";
import type { Events } from "./events.ts";

const NOW = epochMs(Date.UTC(2026, 10, 26));
const EVERYTHING = 0xff9f;
const XID = 0x8;
const DOUBLE_BIT = 0x2;

const gpuAt = (index: number): ScenarioGpu => ({ uuid: `GPU-${index}`, eventTypes: EVERYTHING });

interface Opened extends Connection {
  readonly events: Events;
  readonly rewrite: (next: Partial<Scenario>) => void;
  /** Everything that waits, as it waits now. */
  readonly poll: () => readonly GpuEvent[];
  readonly pass: (ms: number) => void;
}

async function open(
  gpus: readonly ScenarioGpu[],
  rules: readonly Rule[] = [],
  build: BuildOptions = {},
): Promise<Opened> {
  const connection = await connect({ gpus, rules }, build);
  const subjects = connection.handles.map((handle, index) => ({
    index,
    handle,
    uuid: `GPU-${index}`,
    busId: `0000:0${index}:00.0`,
  }));
  let monotonic = 0;
  const clock = { now: () => epochMs(NOW + monotonic), monotonic: () => millis(monotonic) };
  const events = openEvents(connection.driver, subjects, clock);
  onTestFinished(() => events.close());
  return {
    ...connection,
    events,
    rewrite: (next) => connection.double.write({ gpus, ...next }),
    poll: () => events.wait(millis(0)),
    pass: (ms) => {
      monotonic += ms;
    },
  };
}

function happens(...events: readonly Omit<ScenarioEvent, "afterMs">[]): {
  readonly events: readonly ScenarioEvent[];
} {
  return { events: events.map((event) => ({ afterMs: 0, ...event })) };
}

const whats = (events: readonly GpuEvent[]): readonly GpuEvent["what"][] => events.map(({ what }) => what);

describe("openEvents()", () => {
  test("tells what happens, to whom and in order", async () => {
    const { events, rewrite, poll } = await open([gpuAt(0), gpuAt(1)]);
    expect(events.supported).toBe(true);
    expect(poll()).toEqual([]);
    rewrite(
      happens(
        { gpu: 1, type: XID, data: 31, gi: 9, ci: 0 },
        { gpu: 0, type: 0x100 },
        { gpu: 0, type: 0x4000 },
        { gpu: 1, type: 0x8000 },
        { gpu: 0, type: XID, data: 999 },
      ),
    );
    const of0 = {
      at: NOW,
      gpu: "GPU-0",
      busId: "0000:00:00.0",
      teller: "driver",
      gpuInstance: null,
      text: "",
    };
    const of1 = { ...of0, gpu: "GPU-1", busId: "0000:01:00.0" };
    expect(poll()).toEqual([
      { ...of1, what: { kind: "xid", xid: 31 }, gpuInstance: 9 },
      { ...of0, what: { kind: "mig-changed" } },
      { ...of0, what: { kind: "unavailable" } },
      { ...of1, what: { kind: "recovery-action" } },
      { ...of0, what: { kind: "xid", xid: 999 } },
    ]);
    expect(poll()).toEqual([]);
    expect(events.failures()).toBe(0);
  });

  test("waits for what has not happened yet", async () => {
    const { events, rewrite } = await open([gpuAt(0)]);
    rewrite({ events: [{ afterMs: 30, gpu: 0, type: XID, data: 63 }] });
    expect(whats(events.wait(millis(150)))).toEqual([{ kind: "xid", xid: 63 }]);
  });

  test("waits no longer than the worker may be deaf", async () => {
    const { events, rewrite } = await open([gpuAt(0)]);
    rewrite({ events: [{ afterMs: 400, gpu: 0, type: XID, data: 63 }] });
    expect(events.wait(millis(10_000))).toEqual([]);
  });

  test("asks a GPU only for events that it has", async () => {
    const { rewrite, poll, events } = await open([{ ...gpuAt(0), eventTypes: XID }]);
    rewrite(happens({ gpu: 0, type: 0x100 }, { gpu: 0, type: XID, data: 13 }));
    expect(whats(poll())).toEqual([{ kind: "xid", xid: 13 }]);
    expect(events.failures()).toBe(0);
  });

  test("takes the two reports of one memory error for one, and later ones for more", async () => {
    const { rewrite, poll, pass } = await open([gpuAt(0), gpuAt(1)]);
    const both = happens(
      { gpu: 0, type: DOUBLE_BIT },
      { gpu: 0, type: XID, data: 48 },
      { gpu: 1, type: DOUBLE_BIT },
    );
    rewrite(both);
    expect(poll().map(({ gpu, what }) => [gpu, what])).toEqual([
      ["GPU-0", { kind: "xid", xid: 48 }],
      ["GPU-1", { kind: "xid", xid: 48 }],
    ]);
    pass(1_000);
    rewrite(happens({ gpu: 0, type: DOUBLE_BIT }, { gpu: 0, type: DOUBLE_BIT }));
    expect(poll()).toHaveLength(2);
  });

  test("hears nothing of an XID that the driver keeps to itself", async () => {
    const { rewrite, poll } = await open([gpuAt(0)]);
    rewrite({
      dropsXids: [79],
      ...happens({ gpu: 0, type: XID, data: 79 }, { gpu: 0, type: XID, data: 48 }),
    });
    expect(whats(poll())).toEqual([{ kind: "xid", xid: 48 }]);
  });

  test("takes no more than a turn of a flood, and the rest in the next", async () => {
    const { rewrite, poll } = await open([gpuAt(0)]);
    rewrite(happens(...Array.from({ length: 70 }, (_, index) => ({ gpu: 0, type: XID, data: 100 + index }))));
    const taken = [poll(), poll(), poll()];
    expect(taken.map(({ length }) => length)).toEqual([64, 6, 0]);
    expect(whats(taken.flat())).toEqual(
      Array.from({ length: 70 }, (_, index) => ({ kind: "xid", xid: 100 + index })),
    );
  });

  test("goes on with the others when a GPU is lost", async () => {
    const { events, rewrite, poll, pass, calls } = await open([gpuAt(0), gpuAt(1)]);
    const gpus = [{ ...gpuAt(0), lost: true }, gpuAt(1)];
    rewrite({ gpus });
    expect(poll()).toEqual([]);
    const told = poll();
    expect(told).toMatchObject([{ gpu: "GPU-0", busId: "0000:00:00.0", what: { kind: "lost" } }]);
    rewrite({ gpus, ...happens({ gpu: 1, type: XID, data: 94 }) });
    expect(poll()).toMatchObject([{ gpu: "GPU-1", what: { kind: "xid", xid: 94 } }]);
    expect(events.supported).toBe(true);
    expect(calls("nvmlEventSetFree")).toBe(1);
    expect(calls("nvmlEventSetCreate")).toBe(2);
    // The next loss is told alone.
    rewrite({ gpus: gpus.map((gpu) => ({ ...gpu, lost: true })) });
    poll();
    pass(10_000);
    expect(poll()).toMatchObject([{ gpu: "GPU-1", what: { kind: "lost" } }]);
  });

  test("has nothing to wait for once all are lost", async () => {
    const { events, rewrite, poll, calls } = await open([gpuAt(0)]);
    rewrite({ gpus: [{ ...gpuAt(0), lost: true }] });
    poll();
    expect(whats(poll())).toEqual([{ kind: "lost" }]);
    expect(events.supported).toBe(false);
    const made = calls("nvmlEventSetCreate");
    expect(poll()).toEqual([]);
    expect(calls("nvmlEventSetCreate")).toBe(made);
    expect(calls("nvmlEventSetFree")).toBe(made);
  });

  test("makes new sets with pauses for a driver that calls each of them useless", async () => {
    const call = "nvmlEventSetWait_v2";
    const { poll, pass, calls } = await open([gpuAt(0)], [{ kind: "ret", call, code: 15 }]);
    for (let turn = 0; turn < 5; turn++) poll();
    expect(calls("nvmlEventSetCreate")).toBe(2);
    pass(9_999);
    poll();
    expect(calls("nvmlEventSetCreate")).toBe(2);
    pass(1);
    poll();
    expect(calls("nvmlEventSetCreate")).toBe(3);
    expect(calls("nvmlEventSetFree")).toBe(3);
  });

  test("leaves a driver alone for a second after a failure", async () => {
    const call = "nvmlEventSetWait_v2";
    const { events, poll, pass, calls } = await open([gpuAt(0)], [{ kind: "ret", call, code: 999 }]);
    for (let turn = 0; turn < 5; turn++) poll();
    expect(calls(call)).toBe(1);
    expect(events.failures()).toBe(1);
    pass(1_000);
    poll();
    expect(calls(call)).toBe(2);
    expect(events.failures()).toBe(2);
    expect(events.supported).toBe(true);
  });

  test("tries again to make a set, and to register", async () => {
    const { events, rewrite, poll, pass } = await open(
      [gpuAt(0)],
      [
        { kind: "ret", call: "nvmlEventSetCreate", code: 17, times: 1 },
        { kind: "ret", call: "nvmlDeviceRegisterEvents", code: 999, times: 1 },
      ],
    );
    expect(events.supported).toBe(true);
    pass(1_000);
    expect(poll()).toEqual([]);
    pass(10_000);
    expect(poll()).toEqual([]);
    rewrite(happens({ gpu: 0, type: XID, data: 13 }));
    expect(poll()).toHaveLength(1);
    expect(events.failures()).toBe(2);
  });

  test.each([
    ["a GPU without events", [{}], [], {}],
    ["events of kinds that we do not want", [{ eventTypes: 0x4 }], [], {}],
    ["no GPU", [], [], {}],
    ["a driver that makes no sets", [gpuAt(0)], [{ kind: "ret", call: "nvmlEventSetCreate", code: 3 }], {}],
  ] as const)("says that it has nothing to wait for: %s", async (_, gpus, rules, build) => {
    const { events, poll, calls } = await open(gpus, rules, build);
    expect(events.supported).toBe(false);
    expect(poll()).toEqual([]);
    expect(calls("nvmlEventSetWait_v2")).toBe(0);
    expect(calls("nvmlEventSetFree")).toBe(rules.length === 0 ? calls("nvmlEventSetCreate") : 0);
  });

  test("tells of a dead connection", async () => {
    const call = "nvmlEventSetWait_v2";
    const { poll, fatal } = await open([gpuAt(0)], [{ kind: "ret", call, code: 1 }]);
    expect(poll()).toEqual([]);
    expect(fatal).toEqual([{ call, code: 1 }]);
  });

  test("frees its set once and does not use it afterwards", async () => {
    const { events, poll, calls } = await open([gpuAt(0)]);
    events.close();
    events.close();
    expect(poll()).toEqual([]);
    expect(calls("nvmlEventSetFree")).toBe(1);
    expect(calls("nvmlEventSetWait_v2")).toBe(0);
  });
});
