import { rmSync } from "node:fs";
import { join } from "node:path";

import { describe, expect, onTestFinished, test } from "vitest";

import { readingOf } from "../../../shared/model/gpu-readings.ts";
import type { GpuEvent } from "../../../shared/model/gpu.ts";
import { epochMs, millis } from "../../../shared/model/units.ts";
import { createFakeClock } from "../../../test/build/clock.ts";
import type { FakeClock } from "../../../test/build/clock.ts";
import { placeDouble } from "../../../test/nvml-double/build.ts";
import type { BuildOptions } from "../../../test/nvml-double/build.ts";
import { createDouble, healthyGpu, healthyGpus } from "../../../test/nvml-double/fixture.ts";
import type { Double } from "../../../test/nvml-double/fixture.ts";
import type { Scenario } from "../../../test/nvml-double/scenario.ts";
import { createGenerations } from "./generations.ts";
import type { Generations } from "./generations.ts";
import { createMarkBuffer, createMarkWriter } from "./marks.ts";

interface Setup {
  readonly double: Double;
  readonly clock: FakeClock;
  readonly generations: Generations;
}

async function setUp(scenario: Scenario, options: BuildOptions = {}): Promise<Setup> {
  const double = await createDouble(scenario, options);
  const clock = createFakeClock();
  const marks = createMarkWriter(createMarkBuffer());
  const generations = createGenerations({
    library: double.library,
    marks,
    clock,
    intervalMs: millis(1_000),
    slowIntervalMs: millis(10_000),
    gpm: true,
  });
  onTestFinished(() => {
    generations.close();
    double[Symbol.dispose]();
  });
  return { double, clock, generations };
}

const inits = (double: Double): number => double.counters()["nvmlInit_v2"]?.calls ?? 0;

describe("createGenerations()", () => {
  test("hands over samples with the instant and the source of their cycle", async () => {
    const { clock, generations } = await setUp({ gpus: healthyGpus(2) });
    clock.setWall(1_700_000_000_000);
    const cycle = generations.cycle();
    expect(cycle).toMatchObject({ at: 1_700_000_000_000, source: { state: "ready" } });
    expect(cycle.samples).toHaveLength(2);
    expect(generations.cycle().source).toBe(cycle.source);
  });

  test("tries again after pauses that grow to 30 seconds", async () => {
    const { double, clock, generations } = await setUp({ init: 9, gpus: [] });
    const triedAt: number[] = [];
    for (let second = 0; second <= 100; second++) {
      const before = inits(double);
      expect(generations.cycle()).toMatchObject({ source: { state: "driver-not-loaded" }, samples: [] });
      if (inits(double) > before) triedAt.push(second);
      await clock.advance(1_000);
    }
    expect(triedAt).toEqual([0, 1, 3, 7, 15, 31, 61, 91]);
  });

  test("goes on when the driver comes", async () => {
    const { double, clock, generations } = await setUp({ init: 9, gpus: [] });
    generations.cycle();
    double.write({ gpus: healthyGpus(1) });
    expect(generations.cycle().source.state).toBe("driver-not-loaded");
    await clock.advance(1_000);
    expect(generations.cycle()).toMatchObject({
      source: { state: "ready" },
      samples: [{ state: "present" }],
    });
  });

  test("survives a driver that is unloaded and comes back as another version", async () => {
    const { double, clock, generations } = await setUp({ driver: "580.95.05", gpus: healthyGpus(2) });
    generations.cycle();
    double.write({ unloaded: true, gpus: healthyGpus(2) });
    expect(generations.cycle()).toMatchObject({ source: { state: "failed", code: 1 }, samples: [] });
    await clock.advance(1_000);
    expect(generations.cycle()).toMatchObject({ source: { state: "driver-not-loaded" }, samples: [] });
    double.write({ driver: "590.1", gpus: healthyGpus(2) });
    await clock.advance(2_000);
    expect(generations.cycle()).toMatchObject({
      source: { state: "ready", driver: "590.1" },
      samples: [{ state: "present" }, { state: "present" }],
    });
  });

  test("asks again for what was unsupported when the generation is another", async () => {
    const { double, clock, generations } = await setUp({ gpus: [{ uuid: "GPU-a", utilPercent: 5 }] });
    const power = () => {
      const [sample] = generations.cycle().samples;
      return sample && readingOf(sample.readings, "power");
    };
    expect(power()).toEqual({ kind: "unsupported", code: 3 });
    double.write({ gpus: [], rules: [{ kind: "ret", call: "*", code: 1 }] });
    generations.cycle();
    double.write({ gpus: healthyGpus(1) });
    await clock.advance(1_000);
    expect(power()).toEqual({ kind: "value", value: 77.5 });
  });

  test("opens at once when the GPUs have changed, and keeps naming the one that has gone", async () => {
    const { double, clock, generations } = await setUp({ gpus: healthyGpus(2) });
    generations.cycle();
    double.write({ gpus: healthyGpus(1) });
    await clock.advance(10_000);
    expect(generations.cycle().samples).toMatchObject([
      { uuid: healthyGpu(0).uuid, state: "present" },
      { uuid: healthyGpu(1).uuid, state: "lost" },
    ]);
    double.write({ gpus: healthyGpus(2) });
    await clock.advance(10_000);
    expect(generations.cycle().samples).toMatchObject([{ state: "present" }, { state: "present" }]);
  });

  test("loads the library that was put in place of the one before", async () => {
    const { double, clock, generations } = await setUp(
      { driver: "510.1", gpus: healthyGpus(1) },
      { variant: "r510" },
    );
    generations.cycle();
    const exports = () =>
      generations.survey().calls.find(({ name }) => name === "nvmlDeviceGetTemperatureV")?.exported;
    expect(exports()).toBe(false);
    rmSync(join(double.directory, "libnvidia-ml.so.1"));
    await placeDouble(double.directory, { variant: "r580" });
    double.write({ driver: "580.1", gpus: healthyGpus(1) });
    await clock.advance(10_000);
    expect(generations.cycle().source).toMatchObject({ state: "ready", driver: "580.1" });
    expect(exports()).toBe(true);
  });

  test("does so too after an init that the library before it refused", async () => {
    const { double, clock, generations } = await setUp(
      { init: 9, gpus: healthyGpus(1) },
      { variant: "r510" },
    );
    generations.cycle();
    rmSync(join(double.directory, "libnvidia-ml.so.1"));
    await placeDouble(double.directory, { variant: "r580" });
    double.write({ driver: "580.1", gpus: healthyGpus(1) });
    await clock.advance(1_000);
    expect(generations.cycle().source).toMatchObject({ state: "ready", driver: "580.1" });
    const row = generations.survey().calls.find(({ name }) => name === "nvmlDeviceGetTemperatureV");
    expect(row?.exported).toBe(true);
  });

  test("connects anew for a GPU that stays silent after its reset, ever less often", async () => {
    const { double, clock, generations } = await setUp({ gpus: healthyGpus(2) });
    generations.cycle();
    double.write({ gpus: healthyGpus(2), rules: [{ kind: "ret", call: "*", gpu: 1, code: 16 }] });
    const connectedAt: number[] = [];
    for (let second = 0; second <= 100; second++) {
      const before = inits(double);
      const [first] = generations.cycle().samples;
      expect(first && readingOf(first.readings, "power").kind).toBe("value");
      if (inits(double) > before) connectedAt.push(second);
      await clock.advance(1_000);
    }
    expect(connectedAt).toEqual([10, 30, 70]);
    double.write({ gpus: healthyGpus(2) });
    await clock.advance(10_000);
    const { samples } = generations.cycle();
    expect(samples.map(({ readings }) => readingOf(readings, "power").kind)).toEqual(["value", "value"]);
  });

  test.each(["nvmlDeviceGetName", "nvmlDeviceGetPciInfo_v3"] as const)(
    "connects anew for a GPU that would not answer %s",
    async (call) => {
      const { double, clock, generations } = await setUp({
        gpus: healthyGpus(1),
        rules: [{ kind: "ret", call, code: 999, times: 1 }],
      });
      const known = () => {
        const { source } = generations.cycle();
        return source.state === "ready" ? source.gpus.map(({ name, busId }) => [name.kind, busId.kind]) : [];
      };
      expect(known()).not.toEqual([["value", "value"]]);
      for (let second = 0; second < 10; second++) {
        await clock.advance(1_000);
        generations.cycle();
      }
      expect(known()).toEqual([["value", "value"]]);
      expect(inits(double)).toBe(2);
    },
  );

  test("looks again at once when the driver says that MIG has changed", async () => {
    const { double, generations } = await setUp({ gpus: healthyGpus(1) });
    const before = generations.cycle().source;
    generations.onEvents([eventOf("xid")]);
    expect(inits(double)).toBe(1);
    generations.onEvents([eventOf("mig-changed")]);
    expect(inits(double)).toBe(2);
    expect(generations.cycle().source).not.toBe(before);
    expect(inits(double)).toBe(2);
  });

  test("connects anew once in a second while a card is cut, and once more when that is over", async () => {
    const { double, clock, generations } = await setUp({ gpus: healthyGpus(1) });
    generations.cycle();
    for (let event = 0; event < 20; event++) {
      generations.onEvents([eventOf("mig-changed")]);
      await clock.advance(40);
    }
    expect(inits(double)).toBe(2);
    generations.cycle();
    expect(inits(double)).toBe(3);
    generations.cycle();
    expect(inits(double)).toBe(3);
  });

  test("hands over rows that hold", async () => {
    const { double, generations } = await setUp({ gpus: healthyGpus(1) });
    const [first] = generations.cycle().samples;
    double.write({ gpus: [{ ...healthyGpu(0), powerMw: 1_000 }] });
    const [second] = generations.cycle().samples;
    const power = [first, second].map((sample) => sample && readingOf(sample.readings, "power"));
    expect(power).toEqual([77.5, 1].map((value) => ({ kind: "value", value })));
  });

  test.each(["recovery-action", "unavailable"] as const)(
    "reads the slow group in the next cycle after the event %s",
    async (kind) => {
      const { double, clock, generations } = await setUp({ gpus: [{ ...healthyGpu(0), pstate: 0 }] });
      const pstate = () => {
        const [sample] = generations.cycle().samples;
        return sample && readingOf(sample.readings, "performanceState");
      };
      pstate();
      double.write({ gpus: [{ ...healthyGpu(0), pstate: 8 }] });
      await clock.advance(1_000);
      expect(pstate()).toEqual({ kind: "value", value: 0 });
      generations.onEvents([eventOf(kind)]);
      expect(pstate()).toEqual({ kind: "value", value: 8 });
    },
  );

  test("lets go of the driver until it is told to go on", async () => {
    const { double, clock, generations } = await setUp({ gpus: healthyGpus(1) });
    generations.cycle();
    generations.release();
    expect(double.counters()["nvmlShutdown"]?.calls).toBe(1);
    const calls = () => Object.values(double.counters()).reduce((sum, row) => sum + row.calls, 0);
    const before = calls();
    for (let second = 0; second < 60; second++) {
      expect(generations.cycle()).toMatchObject({
        samples: [],
        source: {
          state: "failed",
          call: "release",
          detail: "released so that the driver can be unloaded",
        },
      });
      await clock.advance(1_000);
    }
    generations.release();
    expect(generations.events()).toBeNull();
    expect(generations.survey().library).toBeNull();
    expect(calls()).toBe(before);
    generations.resume();
    expect(generations.cycle()).toMatchObject({
      source: { state: "ready" },
      samples: [{ state: "present" }],
    });
    // Telling it twice does no harm.
    generations.resume();
    expect(generations.cycle().samples).toHaveLength(1);
    expect(inits(double)).toBe(2);
  });
});

function eventOf(kind: "xid" | "mig-changed" | "recovery-action" | "unavailable"): GpuEvent {
  return {
    at: epochMs(0),
    gpu: healthyGpu(0).uuid ?? null,
    busId: null,
    teller: "driver",
    what: kind === "xid" ? { kind, xid: 31 } : { kind },
    gpuInstance: null,
    text: "",
  };
}
