import { describe, expect, test } from "vitest";

import { allocate, textOf } from "./native.ts";
import { MEMORY_USED, normalBusId, POWER, TEMPERATURE, UTILIZATION_GPU } from "./readings.ts";
import type { Question } from "./readings.ts";

/** Decodes the words as the answer of the question's nth call. */
function decode<T>(question: Question<T>, way: number, words: readonly number[]): T | undefined {
  const asked = question[way];
  if (asked === undefined) throw new Error(`no way ${way}`);
  const block = allocate(asked.size);
  for (const [at, word] of words.entries()) block.view.setUint32(at * 4, word, true);
  return asked.decode(block);
}

const ONES = 0xffffffff;

describe("a decoder", () => {
  test("reads the member that is meant and no neighbour", () => {
    expect(decode(UTILIZATION_GPU, 0, [42, 7])).toBe(0.42);
    // version, padding, total, reserved, free, used
    expect(decode(MEMORY_USED, 0, [1, 0, 2, 0, 3, 0, 4, 0, 5, 1])).toBe(5 + 2 ** 32);
    expect(decode(MEMORY_USED, 1, [1, 0, 2, 0, 3, 0])).toBe(3);
    expect(decode(TEMPERATURE, 0, [1, 2, 33])).toBe(33);
    expect(decode(POWER, 0, [77_500])).toBe(77.5);
  });

  test("takes no number from an answer that is not available", () => {
    expect(decode(UTILIZATION_GPU, 0, [ONES, ONES])).toBeUndefined();
    expect(decode(MEMORY_USED, 0, [1, 0, 2, 0, 3, 0, 4, 0, ONES, ONES])).toBeUndefined();
    expect(decode(MEMORY_USED, 1, [1, 0, 2, 0, ONES, ONES])).toBeUndefined();
    expect(decode(POWER, 0, [ONES])).toBeUndefined();
    expect(decode(TEMPERATURE, 1, [0x7fffffff])).toBeUndefined();
  });

  test("keeps a temperature below zero and cuts utilisation at one", () => {
    expect(decode(TEMPERATURE, 0, [0, 0, -5])).toBe(-5);
    expect(decode(TEMPERATURE, 1, [-5])).toBe(-5);
    expect(decode(UTILIZATION_GPU, 0, [101, 0])).toBe(1);
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
  ])("reads %j as %j", (text, expected) => {
    expect(normalBusId(text)).toBe(expected);
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
