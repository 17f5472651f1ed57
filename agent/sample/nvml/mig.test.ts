import { describe, expect, onTestFinished, test } from "vitest";

import { GPU_READING_NAMES, readingOf, valueOf } from "../../../shared/model/gpu-readings.ts";
import type { MigSample } from "../../../shared/model/gpu.ts";
import { INVALID_ARGUMENT, NOT_ASKED } from "../../../shared/model/nvml-status.ts";
import { bytes, millis } from "../../../shared/model/units.ts";
import { connect, first } from "../../../test/build/nvml-driver.ts";
import type { Connection } from "../../../test/build/nvml-driver.ts";
import type { Rule, Scenario, ScenarioGpu, ScenarioInstance } from "../../../test/nvml-double/scenario.ts";
import { openMig } from "./mig.ts";
import type { Mig, MigOptions } from "./mig.ts";

const MIB = 1_048_576;
const CARD_MIB = 143_771;
const CARD = { kind: "value", value: bytes(CARD_MIB * MIB) } as const;
const OPTIONS: MigOptions = { memoryTotalBytes: CARD, gpm: true };

const SMALL: ScenarioInstance = {
  uuid: "MIG-small",
  gi: 9,
  ci: 0,
  gpuSlices: 1,
  computeSlices: 1,
  memoryTotalMib: 16_384,
  memoryUsedMib: 1_000,
  memoryReservedMib: 24,
};
const LARGE: ScenarioInstance = {
  uuid: "MIG-large",
  gi: 2,
  ci: 0,
  gpuSlices: 3,
  computeSlices: 3,
  memoryTotalMib: 71_424,
  memoryUsedMib: 2_000,
  memoryReservedMib: 48,
};

function cut(...instances: readonly ScenarioInstance[]): ScenarioGpu {
  return { mig: { mode: 1, maxDevices: 7, instances }, memoryTotalMib: CARD_MIB };
}

interface Opened extends Connection {
  readonly mig: Mig;
  readonly rewrite: (gpu: ScenarioGpu, more?: Partial<Scenario>) => void;
}

async function open(gpu: ScenarioGpu, rules: readonly Rule[] = [], options = OPTIONS): Promise<Opened> {
  const connection = await connect({ gpus: [gpu], rules });
  const mig = openMig(connection.driver, 0, first(connection.handles), options);
  onTestFinished(() => mig.close());
  return { ...connection, mig, rewrite: (next, more) => connection.double.write({ gpus: [next], ...more }) };
}

function memoryOf(samples: readonly MigSample[]): readonly (number | undefined)[] {
  return samples.map(({ readings }) => valueOf(readings, "memoryUsed"));
}

describe("openMig()", () => {
  test("has changed when a look fails that was given other handles, and not when one fails with its own", async () => {
    const { mig, rewrite } = await open(cut(SMALL, LARGE));
    const rules = [{ kind: "ret", call: "nvmlDeviceGetComputeInstanceId", code: 999 }] as const;
    rewrite(cut(SMALL, LARGE), { rules });
    expect(mig.changed()).toBe(false);
    rewrite(cut(LARGE), { rules });
    expect(mig.changed()).toBe(true);
  });

  test("knows a card that cannot be cut, and does not ask it again", async () => {
    const { mig, calls } = await open({});
    expect(mig.state).toEqual({ kind: "unsupported" });
    expect(mig.sample(millis(0))).toEqual([]);
    expect(mig.changed()).toBe(false);
    expect(calls("nvmlDeviceGetMigMode")).toBe(1);
  });

  test("knows a card that is not cut, and one that has yet to be", async () => {
    expect((await open({ mig: { mode: 0, pendingMode: 1 } })).mig.state).toEqual({ kind: "off" });
    expect((await open(cut())).mig.state).toEqual({ kind: "on", instances: [] });
  });

  test("says of each instance who it is and how large, whatever slots are empty", async () => {
    const { mig } = await open(cut({ ...SMALL, slot: 1 }, { ...LARGE, slot: 5 }));
    expect(mig.state).toEqual({
      kind: "on",
      instances: [
        {
          uuid: "MIG-small",
          gpuInstance: 9,
          computeInstance: 0,
          profile: "1g.18gb",
          memoryTotalBytes: { kind: "value", value: 16_384 * MIB },
          computeSlices: { kind: "value", value: 1 },
        },
        {
          uuid: "MIG-large",
          gpuInstance: 2,
          computeInstance: 0,
          profile: "3g.71gb",
          memoryTotalBytes: { kind: "value", value: 71_424 * MIB },
          computeSlices: { kind: "value", value: 3 },
        },
      ],
    });
  });

  test("calls an instance as the driver does, where its name says so", async () => {
    const { mig } = await open(cut({ ...SMALL, name: "NVIDIA H200 MIG 1g.18gb+gfx" }));
    expect(mig.state).toMatchObject({ instances: [{ profile: "1g.18gb+gfx" }] });
  });

  test("gives no profile that it cannot tell", async () => {
    const unnamed = { ...SMALL, name: "NVIDIA H200" };
    const attributes = { kind: "ret", call: "nvmlDeviceGetAttributes_v2", code: 3 } as const;
    const { mig } = await open(cut(unnamed), [attributes]);
    expect(mig.state).toMatchObject({
      instances: [
        {
          profile: null,
          computeSlices: { kind: "unsupported", code: 3 },
          memoryTotalBytes: { kind: "value", value: 16_384 * MIB },
        },
      ],
    });
    const options = { memoryTotalBytes: { kind: "failed", code: 999 }, gpm: true } as const;
    expect((await open(cut(unnamed), [], options)).mig.state).toMatchObject({
      instances: [{ profile: null, computeSlices: { kind: "value", value: 1 } }],
    });
  });

  test("reads the memory of each instance, and nothing that an instance has no part in", async () => {
    const { mig } = await open(cut(SMALL, LARGE));
    const samples = mig.sample(millis(0));
    expect(samples.map(({ uuid }) => uuid)).toEqual(["MIG-small", "MIG-large"]);
    expect(memoryOf(samples)).toEqual([1_000 * MIB, 2_000 * MIB]);
    const { readings } = first(samples);
    expect(valueOf(readings, "memoryReserved")).toBe(24 * MIB);
    expect(valueOf(readings, "memoryFree")).toBe((16_384 - 1_000 - 24) * MIB);
    const asked = GPU_READING_NAMES.filter((name) => !name.startsWith("gpm") && !name.startsWith("memory"));
    for (const name of asked) expect(readingOf(readings, name)).toEqual({ kind: "pending", code: NOT_ASKED });
  });

  test("reads the counters of a GPU instance once for all its compute instances", async () => {
    const instances = [
      { ...LARGE, uuid: "MIG-a", ci: 0, computeSlices: 1, gpm: { 2: 40 } },
      { ...LARGE, uuid: "MIG-b", ci: 1, computeSlices: 1, gpm: { 2: 40 } },
      { ...SMALL, gpm: { 2: 90 } },
    ];
    const rules = [{ kind: "delay", call: "nvmlGpmMigSampleGet", us: 110_000 }] as const;
    const { mig, calls } = await open({ ...cut(...instances), gpm: { 2: 1 } }, rules);
    mig.sample(millis(0));
    const samples = mig.sample(millis(1000));
    expect(samples.map(({ readings }) => valueOf(readings, "gpmSmActive"))).toEqual([0.4, 0.4, 0.9]);
    expect(calls("nvmlGpmMigSampleGet")).toBe(4);
    expect(calls("nvmlGpmQueryDeviceSupport")).toBe(2);
    expect(mig.state).toMatchObject({
      instances: [{ profile: "1c.3g.71gb" }, { profile: "1c.3g.71gb" }, {}],
    });
    mig.close();
    expect(calls("nvmlGpmSampleFree")).toBe(4);
  });

  test("leaves the counters alone when it is told so", async () => {
    const options = { memoryTotalBytes: CARD, gpm: false };
    const { mig, calls } = await open({ ...cut(SMALL), gpm: { 2: 1 } }, [], options);
    expect(readingOf(first(mig.sample(millis(0))).readings, "gpmSmActive").kind).toBe("pending");
    expect(calls("nvmlGpmQueryDeviceSupport")).toBe(0);
  });

  test("is of no instances rather than of some when one of them does not answer", async () => {
    const call = "nvmlDeviceGetUUID";
    const { mig } = await open(cut(SMALL, LARGE), [{ kind: "ret", call, code: 999, after: 1, times: 1 }]);
    expect(mig.state).toEqual({ kind: "failed", code: 999 });
    expect(mig.sample(millis(0))).toEqual([]);
    expect(mig.changed()).toBe(true);
  });

  test("passes over an instance that this container was not given", async () => {
    const call = "nvmlDeviceGetMigDeviceHandleByIndex";
    const { mig } = await open(cut(SMALL, LARGE), [{ kind: "ret", call, code: 4, times: 1 }]);
    expect(mig.state).toMatchObject({ kind: "on", instances: [{ uuid: "MIG-large" }] });
  });

  test.each([15, 999])("says so when the mode answers %i", async (code) => {
    const { mig } = await open(cut(SMALL), [{ kind: "ret", call: "nvmlDeviceGetMigMode", code }]);
    expect(mig.state).toEqual({ kind: "failed", code });
    expect(mig.changed()).toBe(false);
  });

  test("tells of a dead connection", async () => {
    const call = "nvmlDeviceGetMigMode";
    expect((await open(cut(SMALL), [{ kind: "ret", call, code: 1 }])).fatal).toEqual([{ call, code: 1 }]);
  });
});

describe("changed()", () => {
  test("is false while nothing changes, also in a look that fails", async () => {
    const { mig, rewrite } = await open(cut(SMALL, LARGE));
    expect(mig.changed()).toBe(false);
    rewrite(cut(SMALL, LARGE), {
      rules: [{ kind: "ret", call: "nvmlDeviceGetMaxMigDeviceCount", code: 999 }],
    });
    expect(mig.changed()).toBe(false);
  });

  test.each([
    ["an instance less", cut(SMALL)],
    ["an instance more", cut(SMALL, LARGE, { ...SMALL, uuid: "MIG-new", gi: 10 })],
    ["another instance in a slot", cut(SMALL, { ...LARGE, uuid: "MIG-new" })],
    ["another cut of a GPU instance", cut(SMALL, { ...LARGE, ci: 1 })],
    ["none any more", cut()],
    ["mode off", { mig: { mode: 0 }, memoryTotalMib: CARD_MIB }],
  ])("is true for %s", async (_, next) => {
    const { mig, rewrite } = await open(cut(SMALL, LARGE));
    rewrite(next);
    expect(mig.changed()).toBe(true);
  });

  test("is true for mode on", async () => {
    const { mig, rewrite } = await open({ mig: { mode: 0 } });
    expect(mig.changed()).toBe(false);
    rewrite(cut());
    expect(mig.changed()).toBe(true);
  });

  test("is true when a handle stands for another instance now", async () => {
    const { mig, rewrite } = await open(cut(SMALL));
    rewrite(cut({ ...SMALL, uuid: "MIG-next", memoryUsedMib: 7 }), { reuseMigHandles: true });
    expect(memoryOf(mig.sample(millis(0)))).toEqual([7 * MIB]);
    expect(mig.changed()).toBe(true);
  });

  test("is true once an instance is gone, and its readings have failed meanwhile", async () => {
    const { mig, rewrite } = await open(cut(SMALL, LARGE), [], { memoryTotalBytes: CARD, gpm: false });
    rewrite(cut(LARGE));
    const samples = mig.sample(millis(0));
    expect(readingOf(first(samples).readings, "memoryUsed")).toEqual({
      kind: "failed",
      code: INVALID_ARGUMENT,
    });
    expect(mig.changed()).toBe(true);
  });

  test("is true when the same was cut again and only the handle is another one", async () => {
    const { mig, rewrite } = await open(cut({ ...SMALL, slot: 0 }), [], {
      memoryTotalBytes: CARD,
      gpm: false,
    });
    rewrite(cut({ ...LARGE, slot: 1 }, { ...SMALL, slot: 0 }));
    mig.sample(millis(0));
    rewrite(cut({ ...SMALL, slot: 0 }));
    expect(mig.changed()).toBe(true);
  });

  test("is false for a handle that is refused and would be the same one again", async () => {
    const calls = ["nvmlDeviceGetMemoryInfo_v2", "nvmlDeviceGetMemoryInfo"] as const;
    const { mig } = await open(
      cut(SMALL),
      calls.map((call) => ({ kind: "ret", call, code: INVALID_ARGUMENT })),
    );
    expect(readingOf(first(mig.sample(millis(0))).readings, "memoryUsed").kind).toBe("failed");
    expect(mig.changed()).toBe(false);
  });
});
