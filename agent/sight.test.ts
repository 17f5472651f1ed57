import { describe, expect, test } from "vitest";

import type { GpuCycle, GpuIdentity, GpuSample, GpuSource } from "../shared/model/gpu.ts";
import { bytes, celsius, millis, ratio, watts } from "../shared/model/units.ts";
import { createFakeClock } from "../test/build/clock.ts";
import { createSight } from "./sight.ts";

function identity(index: number): GpuIdentity {
  return {
    index,
    uuid: `GPU-${index}`,
    name: { kind: "value", value: "NVIDIA H200" },
    busId: { kind: "value", value: "0000:3b:00.0" },
    memoryTotalBytes: { kind: "value", value: bytes(1024) },
  };
}

function sample(index: number, state: GpuSample["state"] = "present"): GpuSample {
  return {
    uuid: `GPU-${index}`,
    state,
    utilization: state === "lost" ? { kind: "failed", code: 15 } : { kind: "value", value: ratio(0.5) },
    memoryUsedBytes: { kind: "value", value: bytes(1) },
    temperatureCelsius: { kind: "value", value: celsius(40) },
    powerWatts: { kind: "value", value: watts(100) },
  };
}

const two: GpuSource = { state: "ready", driver: "580.95.05", gpus: [identity(0), identity(1)] };

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
      cycle(two, [sample(0), sample(1)]);
    }
    expect(changes()).toBe(1);
    expect(sight.view().gpus.map((gpu) => gpu.utilization.w10.kind)).toEqual(["known", "known"]);
  });

  test("a GPU lost and a GPU back are each told once", async () => {
    const { clock, sight, cycle, changes } = setUp();
    const cycles = [
      [sample(0), sample(1)],
      [sample(0), sample(1, "lost")],
      [sample(0), sample(1, "lost")],
      [sample(0), sample(1)],
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
    cycle(two, [sample(0), sample(1)]);
    sight.onSource({ state: "hung", call: "nvmlDeviceGetPowerUsage", gpu: 1, forMs: millis(3000) });
    await clock.advance(4000);
    const view = sight.view();
    expect(view.source.state).toBe("hung");
    expect(view.gpus).toHaveLength(2);
    expect(view.gpus[0]?.utilization.w10).toMatchObject({ kind: "known", ageMs: 4000 });
    expect(sight.ageMs).toBe(4000);
    // For a scrape the last values are not those of now.
    expect(sight.samples).toEqual([]);
    cycle(two, [sample(0), sample(1)]);
    expect(sight.samples).toHaveLength(2);
  });

  test("a GPU that a new list does not name is gone, with its history", async () => {
    const { clock, sight, cycle } = setUp();
    await clock.advance(1000);
    cycle(two, [sample(0), sample(1)]);
    await clock.advance(1000);
    cycle({ ...two, gpus: [identity(0)] }, [sample(0)]);
    expect(sight.view().gpus.map((gpu) => gpu.identity.uuid)).toEqual(["GPU-0"]);
    await clock.advance(1000);
    cycle(two, [sample(0), sample(1)]);
    const back = sight.view().gpus[1]?.utilization.w10;
    expect(back?.kind === "known" && back.coverage).toBeCloseTo(0.1);
  });

  test("a node on which the driver shows no GPU has none", () => {
    const { sight, cycle } = setUp();
    cycle(two, [sample(0), sample(1)]);
    cycle({ state: "no-device", driver: "580.95.05" }, []);
    expect(sight.view()).toEqual({ source: { state: "no-device", driver: "580.95.05" }, gpus: [] });
  });
});
