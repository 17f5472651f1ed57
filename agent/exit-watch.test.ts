// The watch over time, on a clock that the test moves: a trouble that lasts makes it leave, work in progress keeps it.

import { describe, expect, test } from "vitest";

import type { GpuSource } from "../shared/model/gpu.ts";
import { createFakeClock, settle } from "../test/build/clock.ts";
import { aGpu, ready } from "../test/build/gpu.ts";
import { untilPastHealing } from "./exit-watch.ts";

const MISMATCH: GpuSource = { state: "failed", call: "nvmlInit_v2", code: 18, detail: "" };
const UNKNOWN: GpuSource = { state: "failed", call: "nvmlInit_v2", code: 999, detail: "" };

function setUp() {
  const clock = createFakeClock();
  const world = {
    source: ready(aGpu(0)),
    nodes: async (): Promise<"usable" | "gone"> => await Promise.resolve("usable"),
    busy: { drain: false, notice: false },
  };
  const stop = new AbortController();
  let verdict: unknown;
  const watching = untilPastHealing({
    source: () => world.source,
    nodes: () => world.nodes(),
    busy: () => world.busy,
    clock,
    signal: stop.signal,
  }).then((found) => (verdict = found));
  const pass = async (seconds: number): Promise<void> => {
    await settle();
    for (let i = 0; i < seconds; i++) await clock.advance(1_000);
    await settle();
  };
  return { world, stop, watching, pass, verdict: () => verdict };
}

describe("untilPastHealing()", () => {
  test("leaves a minute after driver and library began to differ", async () => {
    const { world, pass, verdict } = setUp();
    await pass(3_600);
    world.source = MISMATCH;
    await pass(60);
    expect(verdict()).toBeUndefined();
    await pass(6);
    expect(verdict()).toMatchObject({ kind: "leave", code: 70 });
  });

  test("waits for a drain to end", async () => {
    const { world, pass, verdict } = setUp();
    await pass(10);
    world.source = UNKNOWN;
    world.busy = { drain: true, notice: true };
    await pass(600);
    expect(verdict()).toBeUndefined();
    world.busy = { drain: false, notice: false };
    await pass(5);
    expect(verdict()).toMatchObject({ kind: "leave", code: 71 });
  });

  test("is not troubled by device files that cannot be looked at", async () => {
    const { world, pass, verdict, stop, watching } = setUp();
    world.nodes = async () => await Promise.reject(new Error("EMFILE"));
    world.source = { state: "no-device", driver: "580" };
    await pass(600);
    expect(verdict()).toBeUndefined();
    stop.abort();
    expect(await watching).toBeNull();
  });
});
