// The capture of a real H100 that lies in test/captures: it can be played, and what is played is what was measured.

import { fileURLToPath } from "node:url";

import { expect, onTestFinished, test } from "vitest";

import { GPU_READING_NAMES, readingOf, valueOf } from "../../../shared/model/gpu-readings.ts";
import type { GpuCycle } from "../../../shared/model/gpu.ts";
import { AMBIGUOUS, NOT_SUPPORTED } from "../../../shared/model/nvml-status.ts";
import { millis } from "../../../shared/model/units.ts";
import { createFakeClock, settle } from "../../../test/build/clock.ts";
import { readCapture } from "./capture.ts";
import { startReplay } from "./sampler.ts";

const H100 = fileURLToPath(new URL("../../../test/captures/h100-580.json", import.meta.url));

test("an H100, idle, at work and under a copy", async () => {
  const clock = createFakeClock();
  const cycles: GpuCycle[] = [];
  const capture = await readCapture(H100);
  const sampler = startReplay({
    capture,
    clock,
    onCycle: (cycle) => cycles.push(cycle),
    onSource: () => {},
    onEvent: () => {},
  });
  onTestFinished(async () => void (await sampler.stop(millis(1))));
  await settle();
  await clock.advance(capture.steps.at(-1)?.atMs ?? 0);

  const [idle, busy, copying] = cycles.map(({ samples }) => samples[0]?.readings);
  if (idle === undefined || busy === undefined || copying === undefined) throw new Error("three cycles");
  const source = sampler.source();
  expect(source).toMatchObject({ state: "ready", driver: "580.159.04 (replay)" });
  if (source.state !== "ready") return;
  expect(source.gpus).toHaveLength(1);
  expect(source.gpus[0]?.name).toEqual({ kind: "value", value: "NVIDIA H100 80GB HBM3" });

  expect([idle, busy].map((readings) => valueOf(readings, "utilization"))).toEqual([0, 0.99]);
  expect([idle, busy].map((readings) => valueOf(readings, "power"))).toEqual([70.985, 700.003]);
  expect(valueOf(busy, "gpmTensorActive")).toBeCloseTo(0.93, 3);
  expect(valueOf(busy, "throttledPower")).toBeCloseTo(3.079, 3);
  expect(valueOf(copying, "gpmPcieRx")).toBeGreaterThan(54.4e9);
  // The link is so fast that the 32-bit counters of bytes say nothing at one reading a second.
  expect(readingOf(idle, "pcieTx")).toEqual({ kind: "unsupported", code: AMBIGUOUS });
  // Nobody gave this machine its NVLinks; the reading is no zero.
  expect(readingOf(idle, "nvlinksActive")).toEqual({ kind: "unsupported", code: NOT_SUPPORTED });
  expect(valueOf(busy, "memoryUsed")).toBeUndefined();
  expect(cycles[1]?.samples[0]?.processes).toMatchObject([{ kind: "compute", memoryBytes: 1_050_673_152 }]);

  // Each reading of the model was met, but for the fabric, which was not asked.
  const pending = GPU_READING_NAMES.filter((name) => readingOf(idle, name).kind === "pending");
  expect(pending).toEqual(["fabricState", "fabricHealth"]);
});
