// Every call of the table answers every code that a header knows, and one that none does. Whatever comes, nothing is
// thrown, a cycle has an answer, and no reading of what was refused is a number.

import { expect, test } from "vitest";

import { GPU_READING_NAMES, valueOf } from "../../../shared/model/gpu-readings.ts";
import type { GpuReadingName, GpuReadings } from "../../../shared/model/gpu-readings.ts";
import { KNOWN_CODES, meaningOf, SUCCESS } from "../../../shared/model/nvml-status.ts";
import { millis } from "../../../shared/model/units.ts";
import { createFakeClock } from "../../../test/build/clock.ts";
import { placeScenario, samplesOf, tryToOpen } from "../../../test/build/generation.ts";
import { healthyGpu, healthyGpus } from "../../../test/nvml-double/fixture.ts";
import type { Double } from "../../../test/nvml-double/fixture.ts";
import { CALL_NAMES, CALLS } from "./calls.ts";
import type { CallName } from "./calls.ts";
import { FIELD_TABLE } from "./field-table.ts";
import type { Generation } from "./generation.ts";
import { createGenerations } from "./generations.ts";
import type { Library } from "./library.ts";
import { createMarkBuffer, createMarkWriter } from "./marks.ts";
import { FAST_QUESTIONS, SLOW_QUESTIONS } from "./readings.ts";

/** 4321 stands for a code of a header to come. */
const CODES = [...KNOWN_CODES.filter((code) => code > 0), 4_321];
/** The fixed answers of the connection's own calls: `*` leaves these out, and so do rules. */
const FIXED: readonly string[] = ["nvmlInit_v2", "nvmlInitWithFlags", "nvmlShutdown"];

/** The readings for which one call alone is asked, once it has answered. */
const ONLY_BY: ReadonlyMap<CallName, readonly GpuReadingName[]> = new Map([
  ...[...FAST_QUESTIONS, ...SLOW_QUESTIONS]
    .filter(({ ways }) => ways.length === 1)
    .map(({ readings, ways }) => [ways[0]?.call ?? "nvmlShutdown", readings] as const),
  [
    "nvmlDeviceGetFieldValues",
    FIELD_TABLE.filter(({ group, reading }) => group === "fast" && reading !== "wrapping").map(
      ({ name }) => name,
    ),
  ],
]);

/** Of each meaning one, for calls that have a test of their own with all of them. */
const ONE_OF_EACH = [999, 3, 15, 1];
const isAskedOnce = (call: CallName): boolean => ["open", "static", "event"].includes(CALLS[call].group);

const TESTED = CALL_NAMES.filter((name) => !FIXED.includes(name));

test.each(TESTED)("%s may answer anything while a generation is opened", async (call) => {
  const double = await placeScenario({ gpus: healthyGpus(1) });
  const generations = createGenerations({
    library: double.library,
    marks: createMarkWriter(createMarkBuffer()),
    intervalMs: millis(1_000),
    slowIntervalMs: millis(10_000),
    gpm: true,
    clock: createFakeClock(),
  });
  for (const code of isAskedOnce(call) ? CODES : ONE_OF_EACH) {
    generations.release();
    double.write({ gpus: healthyGpus(1), rules: [{ kind: "ret", call, code }] });
    generations.resume();
    const { source, samples } = generations.cycle();
    expect(source.state === "ready" || samples.length === 0).toBe(true);
    for (const { readings } of samples) {
      expectNumbersOnlyWhereTold(readings);
      for (const name of ONLY_BY.get(call) ?? []) expect(valueOf(readings, name)).toBeUndefined();
    }
    generations.events()?.wait(millis(1));
    generations.survey();
  }
  generations.close();
});

test.each(TESTED.filter((name) => !isAskedOnce(name)))("%s may begin to answer anything", async (call) => {
  const double = await placeScenario({ gpus: healthyGpus(2) });
  let generation: Generation | null = null;
  let loaded: Library | null = null;
  let now = 0;
  for (const code of CODES) {
    double.write({ gpus: healthyGpus(2) });
    generation ??= open(double, loaded);
    now += 1_000;
    samplesOf(generation, millis(now));
    double.write({ gpus: healthyGpus(2), rules: [{ kind: "ret", call, gpu: 1, code }] });
    generation.hasten();
    now += 1_000;
    const result = generation.sample(millis(now));
    if (result.kind === "samples") {
      const [first, second] = result.samples;
      if (first === undefined || second === undefined) throw new Error("two GPUs were there");
      expectNumbersOnlyWhereTold(second.readings);
      for (const name of ONLY_BY.get(call) ?? []) {
        expect(valueOf(first.readings, name)).toBeDefined();
        expect(valueOf(second.readings, name)).toBeUndefined();
      }
      expect(first).toMatchObject({ uuid: healthyGpu(0).uuid, state: "present" });
      expect(second.state === "lost").toBe(second.readings.codes.every((seen) => seen === 15));
    } else expect(meaningOf(code)).toBe("fatal");
    // What failed once is asked again; all else is remembered, so it takes another generation.
    if (meaningOf(code) === "failed") continue;
    loaded = generation.leave();
    generation = null;
  }
  generation?.close();
});

function open(double: Double, loaded: Library | null): Generation {
  const opened = tryToOpen(double.library, { loaded });
  if (opened.kind === "not-open") throw new Error(JSON.stringify(opened.source));
  return opened.generation;
}

function expectNumbersOnlyWhereTold({ values, codes }: GpuReadings): void {
  const wrong = GPU_READING_NAMES.filter((_, at) => Number.isFinite(values[at]) !== (codes[at] === SUCCESS));
  expect(wrong).toEqual([]);
}

test.each(CODES)("init may answer %i", async (init) => {
  const double = await placeScenario({ init, gpus: healthyGpus(1) });
  const result = tryToOpen(double.library);
  // Only "no GPU" is asked again with the flag that makes it no error.
  expect(result.kind === "open").toBe(init === 28);
});
