import { describe, expect, onTestFinished, test } from "vitest";

import { createFakeClock } from "../../../test/build/clock.ts";
import type { FakeClock } from "../../../test/build/clock.ts";
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

async function setUp(scenario: Scenario): Promise<Setup> {
  const double = await createDouble(scenario);
  const clock = createFakeClock();
  const marks = createMarkWriter(createMarkBuffer());
  const generations = createGenerations({ library: double.library, marks, clock });
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
    double.write({ init: 9, gpus: [], rules: [{ kind: "ret", call: "*", code: 9 }] });
    expect(generations.cycle()).toMatchObject({ source: { state: "driver-not-loaded" }, samples: [] });
    double.write({ driver: "590.1", gpus: healthyGpus(2) });
    await clock.advance(1_000);
    expect(generations.cycle()).toMatchObject({
      source: { state: "ready", driver: "590.1" },
      samples: [{ state: "present" }, { state: "present" }],
    });
  });

  test("asks again for what was unsupported when the generation is another", async () => {
    const { double, clock, generations } = await setUp({ gpus: [{ ...healthyGpu(0), powerMw: -1 }] });
    double.write({ gpus: [{ uuid: "GPU-a", utilPercent: 5 }] });
    expect(generations.cycle().samples[0]?.powerWatts).toEqual({ kind: "unsupported", code: 3 });
    double.write({ gpus: [], rules: [{ kind: "ret", call: "*", code: 1 }] });
    generations.cycle();
    double.write({ gpus: healthyGpus(1) });
    await clock.advance(1_000);
    expect(generations.cycle().samples[0]?.powerWatts).toEqual({ kind: "value", value: 77.5 });
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
});
