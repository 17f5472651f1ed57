// The capture that `agent record` made on a real H200: idle, under matrix products, idle again. It plays, and what is
// played is plausible from one second to the next.

import { fileURLToPath } from "node:url";

import { expect, onTestFinished, test } from "vitest";

import { valueOf } from "../../../shared/model/gpu-readings.ts";
import type { GpuReadingName } from "../../../shared/model/gpu-readings.ts";
import type { GpuCycle } from "../../../shared/model/gpu.ts";
import { millis } from "../../../shared/model/units.ts";
import { createFakeClock, settle } from "../../../test/build/clock.ts";
import { readCapture } from "./capture.ts";
import { startReplay } from "./sampler.ts";

const H200 = fileURLToPath(new URL("../../../test/captures/h200-580.json", import.meta.url));

test("an H200 from one second to the next", async () => {
  const clock = createFakeClock();
  const cycles: GpuCycle[] = [];
  const capture = await readCapture(H200);
  const listener = {
    onCycle: (cycle: GpuCycle) => cycles.push(cycle),
    onSource: () => {},
    onEvent: () => {},
  };
  const sampler = startReplay({ capture, clock, ...listener });
  onTestFinished(async () => void (await sampler.stop(millis(1))));
  await settle();
  await clock.advance(capture.steps.at(-1)?.atMs ?? 0);

  const series = (name: GpuReadingName): readonly number[] =>
    cycles.map(({ samples }) => valueOf(samples[0]?.readings ?? noReadings(), name) ?? Number.NaN);
  const busy = series("utilization").map((share) => share > 0.9);
  expect(busy[0]).toBe(false);
  expect(busy.filter(Boolean).length).toBeGreaterThanOrEqual(7);
  const whenBusy = (name: GpuReadingName): readonly number[] => series(name).filter((_, at) => busy[at]);
  expect(Math.max(...whenBusy("power"))).toBeGreaterThan(600);
  expect(Math.max(...whenBusy("gpmTensorActive"))).toBeGreaterThan(0.8);
  // A counter of energy never falls, and each value stands until the slow group is read again.
  const energy = series("energy").filter((joules) => !Number.isNaN(joules));
  expect(energy).toEqual(energy.toSorted((a, b) => a - b));
  expect(new Set(energy).size).toBeGreaterThan(1);
});

function noReadings(): never {
  throw new Error("a cycle without its GPU");
}
