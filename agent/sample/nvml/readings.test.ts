import { describe, expect, test } from "vitest";

import { emptyReadings, READING_AT, readingOf } from "../../../shared/model/gpu-readings.ts";
import type { GpuReadingName } from "../../../shared/model/gpu-readings.ts";
import { normalBusId } from "./identity.ts";
import { allocate, textOf } from "./native.ts";
import { put } from "./question.ts";
import { FALLBACK_QUESTIONS, FAST_QUESTIONS, SLOW_QUESTIONS } from "./readings.ts";

const QUESTIONS = [...FAST_QUESTIONS, ...SLOW_QUESTIONS, ...FALLBACK_QUESTIONS];

/** Decodes the words as the answer of the nth way to ask for the reading: its value, or its code in words. */
function decode(name: GpuReadingName, way: number, words: readonly number[]): number | string {
  const asked = QUESTIONS.find(({ readings }) => readings.includes(name))?.ways[way];
  if (asked === undefined) throw new Error(`no way ${way} for ${name}`);
  const block = allocate(asked.size);
  for (const [at, word] of words.entries()) block.view.setUint32(at * 4, word, true);
  const readings = emptyReadings();
  if ("write" in asked) asked.write(block.view, readings);
  else put(readings, READING_AT[name], asked.decode(block.view));
  const reading = readingOf(readings, name);
  return reading.kind === "value" ? reading.value : `${reading.kind} ${reading.code}`;
}

const ONES = 0xffffffff;
const NO_NUMBER = "failed 21";
/** version, padding, total, reserved, free, used */
const memory = (reserved: number, free: number, used: number) => [
  1,
  0,
  100,
  0,
  reserved,
  0,
  free,
  0,
  used,
  0,
];

describe("a decoder", () => {
  test("reads the member that is meant and no neighbour", () => {
    expect(decode("utilization", 0, [42, 7])).toBe(0.42);
    expect(decode("memoryInterfaceUtilization", 0, [42, 7])).toBe(0.07);
    expect(decode("memoryUsed", 0, [1, 0, 0, 9, 4, 0, 3, 0, 5, 1])).toBe(5 + 2 ** 32);
    expect(decode("memoryReserved", 0, memory(4, 3, 5))).toBe(4);
    expect(decode("memoryFree", 0, memory(4, 3, 5))).toBe(3);
    expect(decode("memoryUsed", 1, [9, 0, 2, 0, 3, 0])).toBe(3);
    expect(decode("memoryReserved", 1, [9, 0, 2, 0, 3, 0])).toBe("unsupported 3");
    expect(decode("temperature", 0, [1, 2, 33])).toBe(33);
    expect(decode("temperatureMargin", 0, [1, 33])).toBe(33);
    expect(decode("power", 0, [77_500])).toBe(77.5);
    expect(decode("smClock", 0, [1_980])).toBe(1_980e6);
    expect(decode("clockEventReasons", 0, [0x44, 1])).toBe(2 ** 32 + 0x44);
    expect(decode("encoderUtilization", 0, [3, 167_000])).toBe(0.03);
    expect(decode("rowRemapBanksLow", 0, [1, 2, 3, 4, 5])).toBe(4);
    expect(decode("rowRemapBanksNone", 0, [1, 2, 3, 4, 5])).toBe(5);
    expect(decode("remappedRowsUncorrectable", 0, [1, 2, 0, 1])).toBe(2);
    expect(decode("rowRemapPending", 0, [1, 2, 0, 1])).toBe(0);
    expect(decode("rowRemapFailed", 0, [1, 2, 0, 1])).toBe(1);
    expect(decode("energy", 0, [1_000, 1])).toBe((2 ** 32 + 1_000) / 1_000);
    // Of fabric information: state in byte 28, summary in byte 36, with garbage around.
    const fabric = [1, 0, 0, 0, 0, 0, 0, 0xffff_ff03, 0, 0xaaaa_aa02];
    expect(decode("fabricState", 0, fabric)).toBe(3);
    expect(decode("fabricHealth", 0, fabric)).toBe(2);
    expect(decode("fabricState", 1, fabric.slice(0, 9))).toBe(3);
    expect(decode("fabricHealth", 1, fabric.slice(0, 9))).toBe("unsupported 3");
  });

  test("takes no number from an answer that is not available", () => {
    expect(decode("utilization", 0, [ONES, 7])).toBe(NO_NUMBER);
    expect(decode("memoryUsed", 0, [1, 0, 2, 0, 3, 0, 4, 0, ONES, ONES])).toBe(NO_NUMBER);
    expect(decode("memoryUsed", 1, [1, 0, 2, 0, ONES, ONES])).toBe(NO_NUMBER);
    expect(decode("power", 0, [ONES])).toBe(NO_NUMBER);
    expect(decode("temperature", 1, [0x7fffffff])).toBe(NO_NUMBER);
    expect(decode("clockEventReasons", 0, [ONES, ONES])).toBe(NO_NUMBER);
    expect(decode("smClock", 0, [ONES])).toBe(NO_NUMBER);
    expect(decode("energy", 0, [ONES, ONES])).toBe(NO_NUMBER);
    expect(decode("pcieReplays", 0, [ONES])).toBe(NO_NUMBER);
  });

  test("takes no number that cannot be one", () => {
    expect(decode("memoryUsed", 0, memory(0, 0, 101))).toBe(NO_NUMBER);
    expect(decode("memoryFree", 0, memory(0, 101, 0))).toBe(NO_NUMBER);
    expect(decode("power", 0, [2_000_000_000])).toBe(NO_NUMBER);
    expect(decode("memoryClock", 0, [3_000_000])).toBe(NO_NUMBER);
    expect(decode("temperature", 0, [0, 0, -300])).toBe(NO_NUMBER);
    // The driver's own "unknown".
    expect(decode("performanceState", 0, [32])).toBe(NO_NUMBER);
    expect(decode("pcieGeneration", 0, [0])).toBe(NO_NUMBER);
    expect(decode("pcieWidth", 0, [0])).toBe(NO_NUMBER);
    expect(decode("rowRemapPending", 0, [0, 0, 7, 0])).toBe(NO_NUMBER);
    expect(decode("fabricState", 0, [0, 0, 0, 0, 0, 0, 0, 9, 0, 0])).toBe(NO_NUMBER);
  });

  test("keeps a temperature below zero and cuts utilisation at one", () => {
    expect(decode("temperature", 0, [0, 0, -5])).toBe(-5);
    expect(decode("temperature", 1, [-5])).toBe(-5);
    expect(decode("temperatureMargin", 0, [0, -3])).toBe(-3);
    expect(decode("utilization", 0, [101, 0])).toBe(1);
  });
});

describe("normalBusId()", () => {
  test.each([
    ["00000000:3B:00.0", "0000:3b:00.0"],
    ["0001:AF:00.0", "0001:af:00.0"],
    ["00010000:01:00.0", "10000:01:00.0"],
    ["", undefined],
    ["3B:00.0", undefined],
    ["0000:3b:00.0 ", undefined],
  ])("reads %j as %j", (from, expected) => {
    expect(normalBusId(from)).toBe(expected);
  });
});

describe("textOf()", () => {
  test.each([
    ["stops at the first NUL", [0x41, 0x42, 0, 0x43], "AB"],
    ["takes a full buffer without NUL", [0x41, 0x42], "AB"],
    ["reads UTF-8", [0xc3, 0xa9, 0], "é"],
    ["reads what is no UTF-8 as Latin-1", [0x4d, 0xe9, 0x20, 0x42], "Mé B"],
    ["replaces control characters", [0x41, 0x0a, 0x42, 0], "A?B"],
    ["reads nothing as nothing", [0, 0x41], ""],
  ])("%s", (_, bytes, expected) => {
    expect(textOf(Uint8Array.from(bytes))).toBe(expected);
  });
});
