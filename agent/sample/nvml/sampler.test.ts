// The thread itself, with the shipped worker and real time: each test waits for what it expects to be told.

import { describe, expect, onTestFinished, test } from "vitest";

import { readingOf } from "../../../shared/model/gpu-readings.ts";
import type { GpuCycle, GpuEvent, GpuSource } from "../../../shared/model/gpu.ts";
import { millis } from "../../../shared/model/units.ts";
import { systemClock } from "../../../shared/runtime/clock.ts";
import { createFakeClock } from "../../../test/build/clock.ts";
import { createDouble, healthyGpus } from "../../../test/nvml-double/fixture.ts";
import type { Double } from "../../../test/nvml-double/fixture.ts";
import type { Scenario } from "../../../test/nvml-double/scenario.ts";
import type { GpuSampler } from "../source.ts";
import { startSampler } from "./sampler.ts";

const WORKER = new URL("worker.ts", import.meta.url);
const INTERVAL = millis(40);

interface Told {
  /** Resolves with the first source, from now on, that the condition holds for. */
  readonly source: (holds: (source: GpuSource) => boolean) => Promise<GpuSource>;
  readonly cycle: (holds: (cycle: GpuCycle) => boolean) => Promise<GpuCycle>;
  readonly event: (holds: (event: GpuEvent) => boolean) => Promise<GpuEvent>;
}

interface Setup extends Told {
  readonly double: Double;
  readonly sampler: GpuSampler;
}

async function setUp(scenario: Scenario): Promise<Setup> {
  const double = await createDouble(scenario);
  const sources = createWaiters<GpuSource>();
  const cycles = createWaiters<GpuCycle>();
  const events = createWaiters<GpuEvent>();
  const sampler = startSampler({
    workerUrl: WORKER,
    intervalMs: INTERVAL,
    slowIntervalMs: millis(400),
    gpm: true,
    library: double.library,
    clock: systemClock,
    onSource: sources.tell,
    onCycle: cycles.tell,
    onEvent: events.tell,
  });
  onTestFinished(async () => {
    // Releases whatever hangs, so that the thread can end.
    double.write({ gpus: healthyGpus(1) });
    expect(await sampler.stop(millis(10_000))).toBe("stopped");
    double[Symbol.dispose]();
  });
  return { double, sampler, source: sources.wait, cycle: cycles.wait, event: events.wait };
}

function createWaiters<T>(): {
  tell: (value: T) => void;
  wait: (holds: (value: T) => boolean) => Promise<T>;
} {
  const waiting = new Set<(value: T) => void>();
  return {
    tell: (value) => {
      for (const waiter of waiting) waiter(value);
    },
    wait: async (holds) =>
      await new Promise<T>((resolve) => {
        const waiter = (value: T): void => {
          if (!holds(value)) return;
          waiting.delete(waiter);
          resolve(value);
        };
        waiting.add(waiter);
      }),
  };
}

describe("startSampler()", () => {
  test("tells each cycle with the source it came from", async () => {
    const { cycle, sampler } = await setUp({ gpus: healthyGpus(8) });
    const first = await cycle(({ samples }) => samples.length === 8);
    expect(first.source.state).toBe("ready");
    const last = first.samples[7];
    expect(last && readingOf(last.readings, "temperature")).toEqual({ kind: "value", value: 35 });
    const second = await cycle(() => true);
    expect(second.at).toBeGreaterThan(first.at);
    expect(second.source).toBe(first.source);
    expect(sampler.source()).toBe(first.source);
  });

  // How soon is a figure of the bench `hang`.
  test("names a call that hangs and its GPU, again and again, and cannot be stopped gently", async () => {
    const { double, source, cycle, sampler } = await setUp({ gpus: healthyGpus(3) });
    await cycle(({ samples }) => samples.length === 3);
    double.write({
      gpus: healthyGpus(3),
      rules: [{ kind: "hang", call: "nvmlDeviceGetPowerUsage", gpu: 2 }],
    });
    const hung = await source(({ state }) => state === "hung");
    expect(hung).toMatchObject({ call: "nvmlDeviceGetPowerUsage", gpu: 2 });
    const longer = await source(({ state }) => state === "hung");
    if (hung.state === "hung" && longer.state === "hung") expect(longer.forMs).toBeGreaterThan(hung.forMs);
    expect(await sampler.stop(millis(1))).toBe("hung");
    double.write({ gpus: healthyGpus(3) });
  });

  test("goes on with cycles after a hang", async () => {
    const rules = [{ kind: "hang", call: "nvmlDeviceGetTemperatureV", gpu: 0 }] as const;
    const { double, source, cycle } = await setUp({ gpus: healthyGpus(2), rules });
    await source(({ state }) => state === "hung");
    const ready = source(({ state }) => state === "ready");
    double.write({ gpus: healthyGpus(2) });
    expect((await cycle(({ samples }) => samples.length === 2)).source.state).toBe("ready");
    await ready;
  });

  test("says why there are no samples", async () => {
    const { cycle, double } = await setUp({ init: 9, gpus: [] });
    expect(await cycle(() => true)).toMatchObject({
      source: { state: "driver-not-loaded", code: 9 },
      samples: [],
    });
    double.write({ gpus: healthyGpus(1) });
    await cycle(({ samples }) => samples.length === 1);
  });

  test("closes the driver when it is stopped", async () => {
    const { double, cycle, sampler } = await setUp({ gpus: healthyGpus(1) });
    await cycle(({ samples }) => samples.length === 1);
    expect(await sampler.stop(millis(10_000))).toBe("stopped");
    const counters = double.counters();
    expect(counters["nvmlInit_v2"]?.calls).toBe(1);
    expect(counters["nvmlShutdown"]?.calls).toBe(1);
  });

  test("tells an event while it waits for the next cycle", async () => {
    const { event } = await setUp({
      gpus: healthyGpus(2).map((gpu) => ({ ...gpu, eventTypes: 0x8 })),
      events: [{ afterMs: 300, gpu: 1, type: 0x8, data: 48 }],
    });
    expect(await event(() => true)).toMatchObject({
      gpu: "GPU-00000001-aaaa-bbbb-cccc-dddddddddddd",
      teller: "driver",
      what: { kind: "xid", xid: 48 },
    });
  });

  test("surveys what the driver can tell, for all who ask", async () => {
    const { cycle, sampler } = await setUp({ gpus: healthyGpus(2) });
    await cycle(({ samples }) => samples.length === 2);
    const surveys = await Promise.all([sampler.survey(millis(10_000)), sampler.survey(millis(10_000))]);
    for (const survey of surveys) {
      const power = survey?.calls.find(({ name }) => name === "nvmlDeviceGetPowerUsage");
      expect(power).toEqual({ name: "nvmlDeviceGetPowerUsage", exported: true, codes: [0, 0] });
    }
  });

  test("has no survey while the driver hangs", async () => {
    const rules = [{ kind: "hang", call: "nvmlDeviceGetPowerUsage" }] as const;
    const { source, sampler } = await setUp({ gpus: healthyGpus(1), rules });
    await source(({ state }) => state === "hung");
    expect(await sampler.survey(millis(1))).toBeNull();
  });

  test("lets go of the driver and takes it up again", async () => {
    const { double, cycle, sampler } = await setUp({ gpus: healthyGpus(1) });
    await cycle(({ samples }) => samples.length === 1);
    sampler.release();
    await cycle(({ source }) => source.state === "failed" && source.call === "release");
    expect(double.counters()["nvmlShutdown"]?.calls).toBe(1);
    sampler.resume();
    await cycle(({ source }) => source.state === "ready");
    expect(double.counters()["nvmlInit_v2"]?.calls).toBe(2);
  });

  test("starts a crashed worker again after a pause that grows", async () => {
    const clock = createFakeClock();
    const crashes: GpuSource[] = [];
    const crashed = createWaiters<GpuSource>();
    const sampler = startSampler({
      workerUrl: new URL(`data:text/javascript,${encodeURIComponent("throw new Error('no such GPU code')")}`),
      intervalMs: millis(100_000),
      slowIntervalMs: millis(100_000),
      gpm: true,
      library: { path: null, driverRoots: [] },
      clock,
      onCycle: () => undefined,
      onEvent: () => undefined,
      onSource: (source) => {
        crashes.push(source);
        crashed.tell(source);
      },
    });
    await clock.untilSleeping(1_000);
    expect(crashes).toEqual([
      { state: "failed", call: "worker thread", code: 999, detail: "no such GPU code" },
    ]);
    await clock.advance(1_000);
    await clock.untilSleeping(2_000);
    expect(crashes).toHaveLength(2);
    expect(await sampler.stop(millis(5_000))).toBe("stopped");
  });
});
