import { describe, expect, test } from "vitest";

import { millis } from "../../../shared/model/units.ts";
import { CALL_NAMES, numberOf } from "./calls.ts";
import { createMarkBuffer, createMarkWriter, readMark } from "./marks.ts";
import { createWatchdog } from "./watchdog.ts";

const POWER = numberOf("nvmlDeviceGetPowerUsage");

test("the table of calls fits into a mark", () => {
  expect(CALL_NAMES.length).toBeLessThan(128);
});

describe("createMarkWriter()", () => {
  test("names the call and the GPU until the call returns", () => {
    const buffer = createMarkBuffer();
    const marks = createMarkWriter(buffer);
    expect(readMark(buffer).inCall).toBeNull();
    marks.enter(POWER, 5);
    expect(readMark(buffer).inCall).toEqual({ call: "nvmlDeviceGetPowerUsage", gpu: 5 });
    marks.leave(0);
    expect(readMark(buffer).inCall).toBeNull();
    marks.enter(numberOf("nvmlInit_v2"), -1);
    expect(readMark(buffer).inCall).toEqual({ call: "nvmlInit_v2", gpu: null });
  });

  test("remembers what each call answered last, for each GPU", () => {
    const marks = createMarkWriter(createMarkBuffer());
    for (const [gpu, code] of [
      [0, 0],
      [31, 999],
      // Past the last column.
      [32, 15],
      [-1, 9],
    ] as const) {
      marks.enter(POWER, gpu);
      marks.leave(code);
    }
    const last = [0, 1, 31, null].map((gpu) => marks.lastCode("nvmlDeviceGetPowerUsage", gpu));
    expect(last).toEqual([0, -1, 999, 9]);
    expect(marks.lastCode("nvmlDeviceGetClockInfo", 0)).toBe(-1);
    marks.forget();
    expect(marks.lastCode("nvmlDeviceGetPowerUsage", 0)).toBe(-1);
  });

  test("a worker that takes over from a crashed one starts outside of a call", () => {
    const buffer = createMarkBuffer();
    createMarkWriter(buffer).enter(POWER, 0);
    const { sequence } = readMark(buffer);
    const next = createMarkWriter(buffer);
    expect(readMark(buffer).inCall).toBeNull();
    next.enter(POWER, 0);
    expect(readMark(buffer).sequence).not.toBe(sequence);
  });
});

describe("createWatchdog()", () => {
  /** Looks at each half interval after a call began `offsetMs` before a look, until it says "hung". */
  function saidAfter(intervalMs: number, offsetMs: number, call = POWER): number {
    const buffer = createMarkBuffer();
    const watchdog = createWatchdog(millis(intervalMs));
    createMarkWriter(buffer).enter(call, 3);
    for (let now = offsetMs; now < 300_000; now += watchdog.lookEveryMs) {
      if (watchdog.look(readMark(buffer), millis(now)) !== null) return now;
    }
    return Infinity;
  }

  test.each([200, 1_000, 60_000])("names a call that hangs within 3 intervals of %d ms", (intervalMs) => {
    for (const share of [0, 0.2, 0.499])
      expect(saidAfter(intervalMs, intervalMs * share)).toBeLessThan(intervalMs * 3);
  });

  test("gives a call that opens a GPU 30 seconds", () => {
    const said = saidAfter(1_000, 0, numberOf("nvmlDeviceGetHandleByIndex_v2"));
    expect(said).toBe(30_000);
  });

  test.each([200, 1_000])("does not take a wait for events for a hang, at %d ms", (intervalMs) => {
    const buffer = createMarkBuffer();
    const watchdog = createWatchdog(millis(intervalMs));
    createMarkWriter(buffer).enter(numberOf("nvmlEventSetWait_v2"), -1);
    for (let now = 0; now <= 150 + watchdog.lookEveryMs; now += watchdog.lookEveryMs)
      expect(watchdog.look(readMark(buffer), millis(now))).toBeNull();
    // One that never ends is a hang like any other.
    expect(watchdog.look(readMark(buffer), millis(intervalMs * 3))).toMatchObject({
      call: "nvmlEventSetWait_v2",
    });
  });

  test("says what hangs and for how long at least", () => {
    const buffer = createMarkBuffer();
    const watchdog = createWatchdog(millis(1_000));
    createMarkWriter(buffer).enter(POWER, 3);
    watchdog.look(readMark(buffer), millis(100));
    expect(watchdog.look(readMark(buffer), millis(2_100))).toEqual({
      call: "nvmlDeviceGetPowerUsage",
      gpu: 3,
      forMs: 2_000,
    });
  });

  test("holds no slow worker for a hung one while it moves", () => {
    const buffer = createMarkBuffer();
    const marks = createMarkWriter(buffer);
    const watchdog = createWatchdog(millis(1_000));
    for (let now = 0; now < 60_000; now += 1_400) {
      marks.enter(POWER, 0);
      expect(watchdog.look(readMark(buffer), millis(now))).toBeNull();
      marks.leave(0);
    }
  });

  test("is quiet again as soon as the call has returned", () => {
    const buffer = createMarkBuffer();
    const marks = createMarkWriter(buffer);
    const watchdog = createWatchdog(millis(1_000));
    marks.enter(POWER, 0);
    watchdog.look(readMark(buffer), millis(0));
    expect(watchdog.look(readMark(buffer), millis(9_000))).not.toBeNull();
    marks.leave(0);
    expect(watchdog.look(readMark(buffer), millis(9_500))).toBeNull();
    marks.enter(POWER, 0);
    expect(watchdog.look(readMark(buffer), millis(10_000))).toBeNull();
  });
});
