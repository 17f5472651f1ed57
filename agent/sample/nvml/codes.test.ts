// Every call of the table answers every code that a header knows, and one that none does. Whatever comes, nothing is
// thrown, a cycle has an answer, and no reading of what was refused is a number.

import { afterAll, beforeAll, expect, test } from "vitest";

import { GPU_READING_NAMES, valueOf } from "../../../shared/model/gpu-readings.ts";
import type { GpuReadingName, GpuReadings } from "../../../shared/model/gpu-readings.ts";
import { KNOWN_CODES, meaningOf, SUCCESS } from "../../../shared/model/nvml-status.ts";
import { millis } from "../../../shared/model/units.ts";
import { START, tryToOpen } from "../../../test/build/generation.ts";
import { createDouble, healthyGpu, healthyGpus } from "../../../test/nvml-double/fixture.ts";
import type { Double } from "../../../test/nvml-double/fixture.ts";
import type { Rule } from "../../../test/nvml-double/scenario.ts";
import { CALL_NAMES, CALLS } from "./calls.ts";
import type { CallName } from "./calls.ts";
import { createBlocks } from "./driver.ts";
import { FIELD_TABLE } from "./field-table.ts";
import type { OpenResult } from "./generation.ts";
import type { Library } from "./library.ts";
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
/** Rules for these name no GPU, as the calls do not. */
const isSystem = (call: CallName): boolean => CALLS[call].mig === "system";

/**
 * Codes that are tried at the same time, each on a GPU of its own: what one GPU answers is no other's matter. Alone
 * stands a code that ends the generation, and any code of a call that concerns no GPU.
 */
function rounds(call: CallName, codes: readonly number[], most: number): readonly (readonly number[])[] {
  const alone = codes.filter((code) => isSystem(call) || meaningOf(code) === "fatal");
  const together = codes.filter((code) => !alone.includes(code));
  const chunks = Array.from({ length: Math.ceil(together.length / most) }, (_, at) =>
    together.slice(at * most, (at + 1) * most),
  );
  return [...alone.map((code) => [code]), ...chunks];
}

/** The codes in the order of the GPUs, from this one on. */
function rulesFor(call: CallName, codes: readonly number[], firstGpu: number): readonly Rule[] {
  return codes.map((code, at) =>
    isSystem(call) ? { kind: "ret", call, code } : { kind: "ret", call, gpu: firstGpu + at, code },
  );
}

/** One double, one library and its buffers for all: what is tested is what is asked of them. */
let double: Double;
let loaded: Library | null = null;
const blockOf = createBlocks();
beforeAll(async () => {
  double = await createDouble({ gpus: healthyGpus(1) });
});
afterAll(() => {
  loaded?.unload();
  double[Symbol.dispose]();
});

function open(): OpenResult {
  const opened = tryToOpen(double.library, { loaded, blockOf });
  loaded = opened.kind === "not-open" ? opened.loaded : null;
  return opened;
}

test.each(TESTED)("%s may answer anything while a generation is opened", (call) => {
  for (const codes of rounds(call, isAskedOnce(call) ? CODES : ONE_OF_EACH, 16)) {
    double.write({ gpus: healthyGpus(codes.length), rules: rulesFor(call, codes, 0) });
    const opened = open();
    if (opened.kind === "not-open") continue;
    const { generation } = opened;
    const result = generation.sample(START);
    for (const { live } of result.kind === "samples" ? result.samples : []) {
      expectNumbersOnlyWhereTold(live);
      for (const name of ONLY_BY.get(call) ?? []) expect(valueOf(live, name)).toBeUndefined();
    }
    generation.events.wait(millis(0));
    expect(generation.survey().library).toContain(double.directory);
    loaded = generation.leave();
  }
});

const LATER = TESTED.filter((name) => !isAskedOnce(name) || isSystem(name));

test.each(LATER)("%s may begin to answer anything", (call) => {
  for (const codes of rounds(call, CODES, 15)) {
    const gpus = healthyGpus(codes.length + 1);
    double.write({ gpus });
    const opened = open();
    if (opened.kind === "not-open") throw new Error(JSON.stringify(opened.source));
    const { generation } = opened;
    generation.sample(START);
    double.write({ gpus, rules: rulesFor(call, codes, 1) });
    const before = callsOf(call);
    // When everything is due: the slow group, and the look at which GPUs there are.
    const result = generation.sample(millis(10_000));
    if (result.kind === "samples") {
      const [first, ...others] = result.samples;
      if (first === undefined || others.length < codes.length) throw new Error("GPUs have gone");
      expect(first).toMatchObject({ uuid: healthyGpu(0).uuid, state: "present" });
      for (const name of ONLY_BY.get(call) ?? []) expect(valueOf(first.live, name)).toBeDefined();
      for (const { live, state } of others) {
        expectNumbersOnlyWhereTold(live);
        for (const name of ONLY_BY.get(call) ?? []) expect(valueOf(live, name)).toBeUndefined();
        expect(state === "lost").toBe(live.codes.every((seen) => seen === 15));
      }
    }
    const isEnd = callsOf(call) > before && codes.some((code) => meaningOf(code) === "fatal");
    expect(result.kind).toBe(isEnd ? "over" : "samples");
    generation.events.wait(millis(0));
    loaded = generation.leave();
  }
});

function callsOf(call: CallName): number {
  return double.counters()[call]?.calls ?? 0;
}

function expectNumbersOnlyWhereTold({ values, codes }: GpuReadings): void {
  const wrong = GPU_READING_NAMES.filter((_, at) => Number.isFinite(values[at]) !== (codes[at] === SUCCESS));
  expect(wrong).toEqual([]);
}

test.each(CODES)("init may answer %i", (init) => {
  double.write({ init, gpus: healthyGpus(1) });
  const opened = open();
  // Only "no GPU" is asked again with the flag that makes it no error.
  expect(opened.kind === "open").toBe(init === 28);
  if (opened.kind === "open") loaded = opened.generation.leave();
});
