// A capture played on a clock that the test moves: what is told, when, and again and again.

import { describe, expect, onTestFinished, test } from "vitest";

import { valueOf } from "../../../shared/model/gpu-readings.ts";
import type { GpuCycle, GpuEvent, GpuSource } from "../../../shared/model/gpu.ts";
import { millis } from "../../../shared/model/units.ts";
import { createFakeClock, settle } from "../../../test/build/clock.ts";
import { aGpu, aSample, ready } from "../../../test/build/gpu.ts";
import { CAPTURE_FORMAT } from "./capture-schema.ts";
import type { Capture, CaptureStep } from "./capture-schema.ts";
import { createPacker } from "./deltas.ts";
import { startReplay } from "./sampler.ts";

const EVENT = {
  gpu: "GPU-0",
  busId: null,
  teller: "driver",
  what: { kind: "xid", xid: 79 },
  gpuInstance: null,
  text: "",
} as const;

function captureOf(...steps: readonly CaptureStep[]): Capture {
  return {
    format: CAPTURE_FORMAT,
    v: 1,
    madeAt: "2026-01-01T00:00:00.000Z",
    note: "",
    intervalMs: millis(1_000),
    survey: { library: "x", calls: [], fields: [] },
    steps: [...steps],
  };
}

function twoSeconds(): Capture {
  const packer = createPacker();
  return captureOf(
    { kind: "source", atMs: millis(0), source: ready(aGpu(0)) },
    { kind: "cycle", atMs: millis(0), gpus: packer.pack([aSample(0, { utilization: 0.1, power: 70 })]) },
    { kind: "event", atMs: millis(400), event: EVENT },
    { kind: "cycle", atMs: millis(1_000), gpus: packer.pack([aSample(0, { utilization: 0.9, power: 70 })]) },
  );
}

function play(capture: Capture) {
  const clock = createFakeClock();
  const told: { sources: GpuSource[]; cycles: GpuCycle[]; events: GpuEvent[] } = {
    sources: [],
    cycles: [],
    events: [],
  };
  const sampler = startReplay({
    capture,
    clock,
    onSource: (source) => told.sources.push(source),
    onCycle: (cycle) => told.cycles.push(cycle),
    onEvent: (event) => told.events.push(event),
  });
  onTestFinished(async () => {
    expect(await sampler.stop(millis(1))).toBe("stopped");
  });
  const utilizations = (): readonly (number | undefined)[] =>
    told.cycles.map(({ samples: [sample] }) => sample && valueOf(sample.readings, "utilization"));
  return { clock, sampler, told, utilizations };
}

describe("startReplay()", () => {
  test("tells nothing before its caller has it in hand", async () => {
    const { told, sampler } = play(twoSeconds());
    expect(told.sources).toEqual([]);
    expect(sampler.source()).toEqual({ state: "starting" });
    await settle();
    expect(sampler.source()).toMatchObject({ state: "ready", driver: "580.95.05 (replay)" });
  });

  test("keeps the distances, says only once who the GPUs are, and gives the time of the replay", async () => {
    const { clock, told, utilizations, sampler } = play(twoSeconds());
    await settle();
    expect(utilizations()).toEqual([0.1]);
    const startedAt = clock.now();
    await clock.advance(399);
    expect(told.events).toEqual([]);
    await clock.advance(1);
    expect(told.events).toEqual([{ ...EVENT, at: startedAt + 400 }]);
    await clock.advance(600);
    expect(utilizations()).toEqual([0.1, 0.9]);
    expect(told.cycles.map(({ at }) => at - startedAt)).toEqual([0, 1_000]);
    // What did not change from cycle to cycle is there all the same.
    expect(valueOf(told.cycles[1]?.samples[0]?.readings ?? aSample(0).readings, "power")).toBe(70);
    expect(told.sources).toHaveLength(1);
    expect(told.cycles[1]?.source).toBe(sampler.source());
  });

  test("begins anew after one interval, with the readings of the beginning", async () => {
    const { clock, told, utilizations } = play(twoSeconds());
    await settle();
    for (let i = 0; i < 5; i++) await clock.advance(1_000);
    expect(utilizations()).toEqual([0.1, 0.9, 0.1, 0.9, 0.1, 0.9]);
    expect(told.events).toHaveLength(3);
  });

  test("does not make up for a standstill", async () => {
    const { clock, told } = play(twoSeconds());
    await settle();
    // A clock that has jumped before the sleep of 400 ms is over.
    const monotonic = clock.monotonic;
    clock.monotonic = () => millis(monotonic() + 3_600_000);
    await clock.advance(400);
    await settle();
    expect(told.cycles.length).toBeLessThanOrEqual(2);
    await clock.advance(2_000);
    expect(told.cycles.length).toBeLessThanOrEqual(4);
  });

  test("plays a driver that is not there, and a hang", async () => {
    const hung: GpuSource = { state: "hung", call: "nvmlDeviceGetPowerUsage", gpu: 0, forMs: millis(2_000) };
    const { told, clock } = play(
      captureOf(
        { kind: "source", atMs: millis(0), source: { state: "driver-not-loaded", code: 9 } },
        { kind: "cycle", atMs: millis(0), gpus: [] },
        { kind: "source", atMs: millis(500), source: hung },
      ),
    );
    await settle();
    expect(told.cycles).toMatchObject([{ source: { state: "driver-not-loaded" }, samples: [] }]);
    await clock.advance(500);
    expect(told.sources.at(-1)).toEqual(hung);
  });

  test("shows nothing while it is released", async () => {
    const { clock, told, sampler, utilizations } = play(twoSeconds());
    await settle();
    sampler.release();
    expect(sampler.source()).toMatchObject({ state: "failed", call: "release" });
    await clock.advance(1_000);
    expect(told.cycles[1]).toMatchObject({ source: { state: "failed" }, samples: [] });
    expect(told.events).toEqual([]);
    sampler.resume();
    expect(sampler.source()).toMatchObject({ state: "ready" });
    await clock.advance(2_000);
    expect(utilizations()).toEqual([0.1, undefined, 0.1, 0.9]);
  });

  test("answers with the survey of the capture", async () => {
    const { sampler } = play(twoSeconds());
    expect(await sampler.survey(millis(1))).toEqual({ library: "x", calls: [], fields: [] });
  });

  test("refuses a reading that it does not know before it plays anything", () => {
    const unknown = captureOf(
      { kind: "source", atMs: millis(0), source: { state: "starting" } },
      { kind: "cycle", atMs: millis(0), gpus: [{ uuid: "GPU-0", readings: { warpDrive: 1 } }] },
    );
    const silent = { onSource: () => {}, onCycle: () => {}, onEvent: () => {} };
    expect(() => startReplay({ capture: unknown, clock: createFakeClock(), ...silent })).toThrow(/warpDrive/);
  });
});
