import { describe, expect, test } from "vitest";

import type { GpuAllocation, GpuHolder } from "../shared/model/gpu-allocation.ts";
import type { HealthFinding } from "../shared/model/gpu-health.ts";
import { readingsOf, writeCode } from "../shared/model/gpu-readings.ts";
import type { GpuCycle, GpuSample, GpuSource, MigInstance } from "../shared/model/gpu.ts";
import { NOT_SUPPORTED } from "../shared/model/nvml-status.ts";
import { epochMs, millis } from "../shared/model/units.ts";
import { createFakeClock } from "../test/build/clock.ts";
import { aGpu, aHolder, aLostGpu, aSample, ready } from "../test/build/gpu.ts";
import { createSight } from "./sight.ts";

const two = ready(aGpu(0), aGpu(1));

function anInstance(n: number): MigInstance {
  return {
    uuid: `MIG-${n}`,
    gpuInstance: n,
    computeInstance: 0,
    profile: "3g.71gb",
    memoryTotalBytes: { kind: "unsupported", code: NOT_SUPPORTED },
    computeSlices: { kind: "unsupported", code: NOT_SUPPORTED },
  };
}

function setUp() {
  const clock = createFakeClock();
  let changes = 0;
  const sight = createSight({ intervalMs: millis(1000), clock, onChange: () => changes++ });
  const cycle = (source: GpuSource, samples: readonly GpuSample[]): void => {
    const one: GpuCycle = { at: clock.now(), source, samples };
    sight.onCycle(one);
  };
  return { clock, sight, cycle, changes: () => changes };
}

describe("createSight()", () => {
  test("ordinary cycles are no change that must be told at once", async () => {
    const { clock, sight, cycle, changes } = setUp();
    for (let i = 0; i < 5; i++) {
      await clock.advance(1000);
      cycle(two, [aSample(0), aSample(1)]);
    }
    expect(changes()).toBe(1);
    expect(sight.view().gpus.map((gpu) => gpu.utilization.w10.kind)).toEqual(["known", "known"]);
  });

  test("a GPU lost and a GPU back are each told once", async () => {
    const { clock, sight, cycle, changes } = setUp();
    const cycles = [
      [aSample(0), aSample(1)],
      [aSample(0), aLostGpu(1)],
      [aSample(0), aLostGpu(1)],
      [aSample(0), aSample(1)],
    ];
    for (const samples of cycles) {
      await clock.advance(1000);
      cycle(two, samples);
    }
    expect(changes()).toBe(3);
    expect(sight.revision).toBe(3);
  });

  test("while a call hangs the GPUs stay known and their windows age", async () => {
    const { clock, sight, cycle } = setUp();
    await clock.advance(1000);
    cycle(two, [aSample(0), aSample(1)]);
    sight.onSource({ state: "hung", call: "nvmlDeviceGetPowerUsage", gpu: 1, forMs: millis(3000) });
    await clock.advance(4000);
    const view = sight.view();
    expect(view.source.state).toBe("hung");
    expect(view.gpus).toHaveLength(2);
    expect(view.gpus[0]?.utilization.w10).toMatchObject({ kind: "known", ageMs: 4000 });
    expect(sight.ageMs).toBe(4000);
    // For a scrape the last values are not those of now.
    expect(sight.samples).toEqual([]);
    cycle(two, [aSample(0), aSample(1)]);
    expect(sight.samples).toHaveLength(2);
  });

  test("a GPU that a new list does not name is gone, with its history", async () => {
    const { clock, sight, cycle } = setUp();
    await clock.advance(1000);
    cycle(two, [aSample(0), aSample(1)]);
    await clock.advance(1000);
    cycle(ready(aGpu(0)), [aSample(0)]);
    expect(sight.view().gpus.map((gpu) => gpu.identity.uuid)).toEqual(["GPU-0"]);
    await clock.advance(1000);
    cycle(two, [aSample(0), aSample(1)]);
    const back = sight.view().gpus[1]?.utilization.w10;
    expect(back?.kind === "known" && back.coverage).toBeCloseTo(0.1);
  });

  test("a node on which the driver shows no GPU has none", () => {
    const { sight, cycle } = setUp();
    cycle(two, [aSample(0), aSample(1)]);
    cycle({ state: "no-device", driver: "580.95.05" }, []);
    expect(sight.view()).toMatchObject({ source: { state: "no-device", driver: "580.95.05" }, gpus: [] });
    expect(sight.view().healthyGpus.gpus).toBe(0);
  });

  test("a card that is cut anew is told at once", () => {
    const { cycle, changes } = setUp();
    const told: number[] = [];
    for (const mig of [
      { kind: "off" },
      { kind: "on", instances: [] },
      { kind: "on", instances: [anInstance(1)] },
      { kind: "on", instances: [anInstance(1)] },
      { kind: "on", instances: [anInstance(2)] },
    ] as const) {
      cycle(ready(aGpu(0, { mig })), [aSample(0)]);
      told.push(changes());
    }
    expect(told).toEqual([1, 2, 3, 3, 4]);
  });

  test("a wall clock that jumps changes no window", async () => {
    const { clock, sight, cycle } = setUp();
    for (let i = 0; i < 20; i++) {
      await clock.advance(1000);
      if (i === 15) clock.setWall(Date.UTC(2031, 0, 1));
      if (i === 17) clock.setWall(Date.UTC(2020, 0, 1));
      cycle(two, [aSample(0), aSample(1)]);
    }
    expect(sight.view().gpus[0]?.utilization.w10).toMatchObject({ kind: "known", coverage: 1, ageMs: 0 });
  });
});

describe("createSight() of what others have found out", () => {
  const holder = aHolder;
  const held = (at: number, ...holders: readonly GpuHolder[]): GpuAllocation => ({
    kind: "known",
    at: epochMs(at),
    holders,
  });
  const finding = (more: Partial<HealthFinding> = {}): HealthFinding => ({
    rule: "xid-reset",
    gpu: "GPU-1",
    level: "degraded",
    since: epochMs(1000),
    evidence: "Xid 63",
    remedy: "reset-gpu",
    clears: "a reset of the GPU",
    ...more,
  });

  test("who holds what is told at once when it changes, and not when it was only asked again", () => {
    const { sight, cycle, changes } = setUp();
    cycle(two, [aSample(0), aSample(1)]);
    const told: number[] = [];
    for (const allocation of [
      held(1, holder()),
      held(2, holder()),
      held(3, holder(), holder({ pod: "train-1", device: "GPU-1", gpu: "GPU-1" })),
      held(4, holder({ pod: "train-1", device: "GPU-1", gpu: "GPU-1" }), holder()),
      { kind: "unknown", why: "no socket" },
      { kind: "unknown", why: "no answer for 30 s" },
      held(5),
    ] as const) {
      sight.onAllocation(allocation);
      told.push(changes());
    }
    expect(told).toEqual([2, 2, 3, 3, 4, 4, 5]);
    expect(sight.allocation).toEqual(held(5));
  });

  test("shows each GPU with those who hold it, and counts the held ones apart", () => {
    const { sight, cycle } = setUp();
    cycle(two, [aSample(0, { utilization: 0.9 }), aSample(1, { utilization: 0.1 })]);
    expect(sight.view()).toMatchObject({ allocatedGpus: null, gpus: [{ holders: null }, { holders: null }] });
    expect(sight.view().healthyGpus).toMatchObject({ gpus: 2, utilization: { w10: { mean: 0.5 } } });
    const stranger = holder({ device: "GPU-7", gpu: null });
    sight.onAllocation(held(1, holder(), holder({ container: "side" }), stranger));
    const { gpus, allocatedGpus } = sight.view();
    expect(gpus.map(({ holders }) => holders?.map(({ container }) => container))).toEqual([
      ["main", "side"],
      [],
    ]);
    expect(allocatedGpus).toMatchObject({ gpus: 1, utilization: { w10: { mean: 0.9 } } });
    sight.onAllocation(held(2));
    expect(sight.view().allocatedGpus).toMatchObject({
      gpus: 0,
      utilization: { w10: { kind: "unknown", because: "no-samples" } },
    });
  });

  test("a change of health is told at once, other words for the same are not", () => {
    const { sight, cycle, changes } = setUp();
    cycle(two, [aSample(0), aSample(1)]);
    expect(sight.view().health).toBe("unknown");
    const told: number[] = [];
    for (const [findings, node] of [
      [[], "healthy"],
      [[finding()], "degraded"],
      [[finding({ evidence: "Xid 63, twice" })], "degraded"],
      [[finding(), finding({ rule: "xid-79", level: "fatal" })], "fatal"],
      [[], "healthy"],
    ] as const) {
      sight.onHealth(findings, node);
      told.push(changes());
    }
    expect(told).toEqual([2, 3, 3, 4, 5]);
  });

  test("a GPU with a fatal finding, or lost, is none of the healthy ones", () => {
    const { sight, cycle } = setUp();
    cycle(ready(aGpu(0), aGpu(1), aGpu(2)), [aSample(0), aSample(1, { utilization: 0.9 }), aLostGpu(2)]);
    sight.onHealth([finding({ level: "application" }), finding({ level: "fatal" }), finding()], "fatal");
    const { gpus, healthyGpus, findings } = sight.view();
    expect(gpus.map(({ health }) => health)).toEqual([null, "fatal", null]);
    expect(healthyGpus).toMatchObject({ gpus: 1, utilization: { w10: { mean: 0.5 } } });
    expect(findings).toHaveLength(3);
  });

  test("knows what no GPU can tell, leaves a lost one out of it, and tells a change at once", async () => {
    const { clock, sight, cycle, changes } = setUp();
    const sampleWithout = (index: number, ...names: readonly ("power" | "energy")[]): GpuSample => {
      const readings = readingsOf({ utilization: 0.5, power: 100 });
      for (const name of names) writeCode(readings, name, NOT_SUPPORTED);
      return aSample(index, {}, { readings });
    };
    const cycles: readonly (readonly GpuSample[])[] = [
      [sampleWithout(0, "power", "energy"), sampleWithout(1, "energy")],
      [sampleWithout(0, "power", "energy"), sampleWithout(1, "energy")],
      [sampleWithout(0, "power", "energy"), aLostGpu(1)],
      [aLostGpu(0), aLostGpu(1)],
    ];
    const told: unknown[] = [];
    for (const samples of cycles) {
      await clock.advance(1000);
      cycle(two, samples);
      told.push([changes(), sight.view().unsupported.join()]);
    }
    expect(told).toEqual([
      [1, "energy"],
      [1, "energy"],
      [2, "power,energy"],
      [3, "power,energy"],
    ]);
  });

  test("a card in MIG mode shows its busiest instance", async () => {
    const { clock, sight, cycle } = setUp();
    const source = ready(aGpu(0, { mig: { kind: "on", instances: [anInstance(1), anInstance(2)] } }));
    for (let i = 0; i < 12; i++) {
      await clock.advance(1000);
      const instances = [0.1, 0.7].map((gpmGraphicsActive, n) => ({
        uuid: `MIG-${n + 1}`,
        readings: readingsOf({ gpmGraphicsActive }),
      }));
      cycle(source, [aSample(0, {}, { instances })]);
    }
    expect(sight.view().gpus[0]).toMatchObject({
      utilizationFrom: "gpm",
      utilization: { w10: { kind: "known", max: 0.7, coverage: 1 } },
    });
  });
});
