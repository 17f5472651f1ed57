// What a recording hears is what a replay of it tells, and it ends with its time, its size or the person's patience.

import { describe, expect, test } from "vitest";

import { valueOf } from "../../shared/model/gpu-readings.ts";
import type { GpuCycle, GpuEvent, GpuSource } from "../../shared/model/gpu.ts";
import { epochMs, millis } from "../../shared/model/units.ts";
import { createFakeClock, settle } from "../../test/build/clock.ts";
import { aGpu, aSample, ready } from "../../test/build/gpu.ts";
import { captureFrom } from "../sample/replay/capture.ts";
import { startReplay } from "../sample/replay/sampler.ts";
import type { GpuListener } from "../sample/source.ts";
import { record } from "./record.ts";
import type { RecordOptions } from "./record.ts";

const READY = ready(aGpu(0));
const SURVEY = { library: "x", calls: [{ name: "nvmlInit_v2", exported: true, codes: [0] }], fields: [] };

function setUp(options: Partial<RecordOptions> = {}) {
  const clock = createFakeClock();
  let listener: GpuListener | null = null;
  let source: GpuSource = { state: "starting" };
  const stopped: number[] = [];
  const recording = record({
    clock,
    start: (given) => {
      listener = given;
      return {
        source: () => source,
        survey: async () => await Promise.resolve(SURVEY),
        release: () => {},
        resume: () => {},
        stop: async () => {
          stopped.push(clock.monotonic());
          return await Promise.resolve("stopped");
        },
      };
    },
    intervalMs: millis(1_000),
    forMs: millis(10_000),
    note: "a test",
    signal: new AbortController().signal,
    ...options,
  });
  const tellSource = (next: GpuSource): void => {
    source = next;
    listener?.onSource(next);
  };
  const tellCycle = (utilization: number): void => {
    listener?.onCycle({ at: clock.now(), source, samples: [aSample(0, { utilization })] });
  };
  const tellEvent = (event: GpuEvent): void => listener?.onEvent(event);
  return { clock, recording, tellSource, tellCycle, tellEvent, stopped };
}

describe("record()", () => {
  test("hears what a replay tells", async () => {
    const { clock, recording, tellSource, tellCycle, tellEvent } = setUp();
    await clock.advance(300);
    tellSource(READY);
    tellCycle(0.1);
    await clock.advance(1_000);
    tellCycle(0.2);
    const event: GpuEvent = {
      at: epochMs(5),
      gpu: "GPU-0",
      busId: null,
      teller: "driver",
      what: { kind: "xid", xid: 43 },
      gpuInstance: null,
      text: "",
    };
    tellEvent(event);
    await clock.advance(8_700);
    const recorded = await recording;
    expect(recorded).toMatchObject({ cycles: 2, full: false, ended: "stopped" });
    const capture = captureFrom(JSON.parse(JSON.stringify(recorded.capture)), "c");
    expect(capture).toMatchObject({ note: "a test", survey: SURVEY, madeAt: "2026-01-01T00:00:00.000Z" });

    const cycles: GpuCycle[] = [];
    const events: GpuEvent[] = [];
    const replay = startReplay({
      capture,
      clock,
      onCycle: (cycle) => cycles.push(cycle),
      onSource: () => {},
      onEvent: (one) => events.push(one),
    });
    await settle();
    await clock.advance(1_000);
    expect(cycles.map(({ samples: [one] }) => one && valueOf(one.readings, "utilization"))).toEqual([
      0.1, 0.2,
    ]);
    expect(cycles[0]?.source).toMatchObject({ state: "ready", gpus: [{ ...aGpu(0) }] });
    expect(events).toEqual([{ ...event, at: clock.now() }]);
    await replay.stop(millis(1));
  });

  test("records a driver that is not there, and a hang once", async () => {
    const { clock, recording, tellSource } = setUp();
    const hung = { state: "hung", call: "nvmlDeviceGetName", gpu: 0 } as const;
    tellSource({ state: "driver-not-loaded", code: 9 });
    await clock.advance(5_000);
    for (const forMs of [750, 1_000, 1_250]) tellSource({ ...hung, forMs: millis(forMs) });
    await clock.advance(5_000);
    const { capture, cycles } = await recording;
    expect(cycles).toBe(0);
    expect(capture.survey).toBeNull();
    expect(capture.steps).toMatchObject([
      { atMs: 0, source: { state: "driver-not-loaded", code: 9 } },
      { atMs: 5_000, source: { ...hung, forMs: 750 } },
    ]);
  });

  test("has a capture to give even when nothing was said", async () => {
    const { clock, recording } = setUp();
    await clock.advance(10_000);
    const { capture } = await recording;
    expect(captureFrom(capture, "c").steps).toEqual([
      { kind: "source", atMs: 0, source: { state: "starting" } },
    ]);
  });

  test("ends early when it is asked to, with what it has", async () => {
    const asked = new AbortController();
    const { recording, tellSource, tellCycle, stopped } = setUp({ signal: asked.signal });
    tellSource(READY);
    tellCycle(0.1);
    asked.abort();
    expect((await recording).cycles).toBe(1);
    expect(stopped).toEqual([0]);
  });

  test("ends before it is larger than a replay takes", async () => {
    const { recording, tellSource, tellCycle } = setUp({ maxBytes: 4_000 });
    tellSource(READY);
    for (let i = 0; i < 200; i++) tellCycle(i / 200);
    const { capture, full } = await recording;
    expect(full).toBe(true);
    expect(JSON.stringify(capture.steps).length).toBeLessThan(4_100);
    expect(capture.steps.length).toBeGreaterThan(10);
  });
});
