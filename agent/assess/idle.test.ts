import { describe, expect, test } from "vitest";

import type { GpuAllocation, GpuHolder } from "../../shared/model/gpu-allocation.ts";
import type { GpuSource, Window } from "../../shared/model/gpu.ts";
import { epochMs, millis, ratio } from "../../shared/model/units.ts";
import { aGpu, aHolder } from "../../test/build/gpu.ts";
import { idleness, sourceDetail } from "./idle.ts";
import type { GpuView } from "./view.ts";

const UNKNOWN: Window = { kind: "unknown", because: "no-samples" };

function window(p95: number, coverage = 1): Window {
  return { kind: "known", mean: p95, max: p95, p95, coverage: ratio(coverage), ageMs: millis(300) };
}

function gpu(index: number, w10: Window, more: Partial<GpuView> = {}): GpuView {
  return {
    identity: aGpu(index),
    state: "present",
    utilization: { w10, w60: w10, w600: w10 },
    utilizationFrom: "driver",
    memoryUsed: UNKNOWN,
    temperature: UNKNOWN,
    power: UNKNOWN,
    smActive: UNKNOWN,
    tensorActive: UNKNOWN,
    health: null,
    holders: null,
    ...more,
  };
}

const ready: GpuSource = { state: "ready", driver: "580.95.05", gpus: [] };
const NOBODY: GpuAllocation = { kind: "known", at: epochMs(1), holders: [] };

type Asked = Parameters<typeof idleness>[0];
const node = (gpus: readonly GpuView[], more: Partial<Asked> = {}): Asked => ({
  source: ready,
  gpus,
  allocation: NOBODY,
  ...more,
});

describe("idleness()", () => {
  test("idle when every GPU is below the threshold, with the busiest as the reading", () => {
    const answer = idleness(node([gpu(0, window(0)), gpu(1, window(0.03))]), 0.05);
    expect(answer).toMatchObject({ kind: "idle", reading: { gpu: "GPU-1", p95: 0.03, threshold: 0.05 } });
  });

  test("one busy GPU of eight is enough", () => {
    const gpus = Array.from({ length: 8 }, (_, i) => gpu(i, window(i === 5 ? 0.9 : 0)));
    const answer = idleness(node(gpus), 0.05);
    expect(answer).toMatchObject({ kind: "not-idle", reading: { gpu: "GPU-5", p95: 0.9 } });
    expect(answer.reading.detail).toContain("GPU 5 is the busiest of 8: p95 90 %");
  });

  test("what a pod holds besides is not idle: an agent that is shown one GPU of eight does not speak for the rest", () => {
    const holder = aHolder();
    const asked = (...holders: readonly GpuHolder[]): ReturnType<typeof idleness> =>
      idleness(node([gpu(0, window(0))], { allocation: { ...NOBODY, holders } }), 0.05);
    expect(asked(holder).kind).toBe("idle");
    const { kind, reading } = asked(holder, { ...holder, pod: "train-1", device: "GPU-7", gpu: null });
    expect(kind).toBe("not-idle");
    expect(reading).toMatchObject({ gpu: "GPU-7", p95: null });
    expect(reading.detail).toContain("team-a/train-1 holds GPU-7, which is no GPU that the driver shows");
    const unknown: GpuAllocation = { kind: "unknown", why: "no socket" };
    expect(idleness(node([gpu(0, window(0))], { allocation: unknown }), 0.05).kind).toBe("idle");
  });

  test("one busy sample among many that the p95 passes over is enough", () => {
    const begun: Window = {
      kind: "known",
      mean: 0.02,
      max: 0.9,
      p95: 0,
      coverage: ratio(1),
      ageMs: millis(100),
    };
    const answer = idleness(node([gpu(0, window(0.01)), gpu(1, begun)]), 0.05);
    expect(answer).toMatchObject({ kind: "not-idle", reading: { gpu: "GPU-1", p95: 0 } });
    expect(answer.reading.detail).toContain("p95 0 %, highest 90 %, over the last 10 s");
  });

  test("at the threshold is not below it", () => {
    expect(idleness(node([gpu(0, window(0.05))]), 0.05).kind).toBe("not-idle");
  });

  test("a card in MIG mode is as idle as its busiest instance, and the words say so", () => {
    const cut = (w10: Window): GpuView => gpu(1, w10, { utilizationFrom: "gpm" });
    const busy = idleness(node([gpu(0, window(0)), cut(window(0.4))]), 0.05);
    expect(busy).toMatchObject({ kind: "not-idle", reading: { gpu: "GPU-1", p95: 0.4 } });
    expect(busy.reading.detail).toContain("p95 40 % of its busiest instance");
    expect(idleness(node([gpu(0, window(0)), cut(window(0.01))]), 0.05).kind).toBe("idle");
  });

  test("a GPU with a fatal finding is judged by its load like any other: a drain is what it needs", () => {
    const ill = gpu(1, window(0), { health: "fatal" });
    expect(idleness(node([gpu(0, window(0)), ill]), 0.05).kind).toBe("idle");
  });

  test.each<[string, GpuView, string]>([
    ["no samples", gpu(2, UNKNOWN), "unknown (no-samples)"],
    ["an unsupported reading", gpu(2, { kind: "unknown", because: "unsupported" }), "unknown (unsupported)"],
    ["a lost GPU", gpu(2, window(0), { state: "lost" }), "lost from the bus"],
    ["a thin window", gpu(2, window(0, 0.5)), "only 50 %"],
  ])("%s is not idle and says so", (_, view, detail) => {
    const answer = idleness(node([gpu(0, window(0)), view]), 0.05);
    expect(answer).toMatchObject({ kind: "not-idle", reading: { gpu: "GPU-2", p95: null } });
    expect(answer.reading.detail).toContain(detail);
  });

  test.each<GpuSource>([
    { state: "starting" },
    { state: "library-missing", detail: "libnvidia-ml.so.1: cannot open shared object file" },
    { state: "driver-not-loaded", code: 9 },
    { state: "no-device", driver: "580.95.05" },
    { state: "hung", call: "nvmlDeviceGetTemperature", gpu: 3, forMs: millis(4000) },
    { state: "failed", call: "nvmlInit_v2", code: 999, detail: "unknown error" },
  ])("a source that is $state is not idle, even with quiet windows from before", (source) => {
    const answer = idleness(node([gpu(0, window(0))], { source }), 0.05);
    expect(answer).toMatchObject({ kind: "not-idle", reading: { p95: null, detail: sourceDetail(source) } });
  });

  test("a node without GPUs says so", () => {
    expect(idleness(node([]), 0.05).reading.detail).toContain("no GPU");
  });
});
