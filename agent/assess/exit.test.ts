// Every state of the source against time, busy or not: who leaves, with which code, and who stays for ever.

import { describe, expect, test } from "vitest";

import type { GpuSource } from "../../shared/model/gpu.ts";
import { KNOWN_CODES } from "../../shared/model/nvml-status.ts";
import { millis } from "../../shared/model/units.ts";
import { aGpu, ready } from "../../test/build/gpu.ts";
import { EXIT_AFTER_MS, exitVerdict, followExit, startExitWatch } from "./exit.ts";
import type { DeviceNodesState, ExitVerdict } from "./exit.ts";

const IDLE = { drain: false, notice: false };
const READY = ready(aGpu(0));

interface Look {
  readonly at: number;
  readonly source: GpuSource;
  readonly nodes?: DeviceNodesState | null;
}

function after(looks: readonly Look[], busy = IDLE): ExitVerdict {
  let watch = startExitWatch(millis(0));
  let verdict: ExitVerdict = { kind: "stay" };
  for (const { at, source, nodes = null } of looks) {
    const facts = { source, nodes, now: millis(at) };
    watch = followExit(watch, facts);
    verdict = exitVerdict(watch, facts, busy);
  }
  return verdict;
}

function failed(code: number, call = "nvmlInit_v2"): GpuSource {
  return { state: "failed", call, code, detail: "" };
}

/** From 1 s on, for `lastedMs`. */
function lasting(source: GpuSource, lastedMs: number, nodes: DeviceNodesState | null = null): Look[] {
  return [
    { at: 1_000, source, nodes },
    { at: 1_000 + lastedMs, source, nodes },
  ];
}

describe("exitVerdict()", () => {
  test("leaves with 70 when driver and library have differed for 60 s, whether it ever worked or not", () => {
    expect(after(lasting(failed(18), EXIT_AFTER_MS))).toMatchObject({ kind: "leave", code: 70 });
    const worked = { at: 0, source: READY };
    expect(after([worked, ...lasting(failed(18), EXIT_AFTER_MS)])).toMatchObject({ code: 70 });
    expect(after(lasting(failed(18), EXIT_AFTER_MS - 1))).toEqual({ kind: "stay" });
  });

  test.each([999, 17, 4])("leaves with 71 on code %i for 60 s, once it has worked", (code) => {
    const worked = { at: 0, source: READY };
    const verdict = after([worked, ...lasting(failed(code), EXIT_AFTER_MS, "refused")]);
    expect(verdict).toMatchObject({ kind: "leave", code: 71 });
    if (verdict.kind === "leave")
      expect(verdict.why).toMatch(/\(\d+\) for 60 s, the device files are refused/);
    expect(after([worked, ...lasting(failed(code), EXIT_AFTER_MS - 1)])).toEqual({ kind: "stay" });
    expect(after(lasting(failed(code), 10 * EXIT_AFTER_MS))).toEqual({ kind: "stay" });
  });

  test("counts the codes of lost devices as one trouble, and anything between as a break", () => {
    const worked = { at: 0, source: READY };
    const codes = [999, 17, 4, 999].map((code, i) => ({ at: 1_000 + i * 20_000, source: failed(code) }));
    expect(after([worked, ...codes])).toMatchObject({ code: 71 });
    const broken = [...codes.slice(0, 2), { at: 30_000, source: READY }, ...codes.slice(2)];
    expect(after([worked, ...broken])).toEqual({ kind: "stay" });
  });

  test("leaves with 71 when the device files are gone that were there", () => {
    const looks = lasting({ state: "no-device", driver: "580.1" }, EXIT_AFTER_MS, "gone");
    expect(after([{ at: 0, source: READY, nodes: "usable" }, ...looks])).toMatchObject({ code: 71 });
    // A platform without such files has lost nothing, and a node whose GPU was taken out keeps its files or not.
    expect(after([{ at: 0, source: READY, nodes: "gone" }, ...looks])).toEqual({ kind: "stay" });
    const there = lasting({ state: "no-device", driver: "580.1" }, EXIT_AFTER_MS, "usable");
    expect(after([{ at: 0, source: READY, nodes: "usable" }, ...there])).toEqual({ kind: "stay" });
  });

  const endless: readonly GpuSource[] = [
    { state: "starting" },
    READY,
    { state: "library-missing", detail: "" },
    { state: "driver-not-loaded", code: 9 },
    { state: "hung", call: "nvmlInit_v2", gpu: null, forMs: millis(9) },
    failed(999, "release"),
    failed(999, "worker thread"),
  ];
  test.each(endless)("never leaves on %o", (source) => {
    const looks = lasting(source, 100 * EXIT_AFTER_MS, "gone");
    expect(after([{ at: 0, source: READY, nodes: "usable" }, ...looks])).toEqual({ kind: "stay" });
  });

  test("of all codes, only four make it leave while the device files are usable", () => {
    const leaving = KNOWN_CODES.filter((code) => {
      const looks = lasting(failed(code), EXIT_AFTER_MS, "usable");
      return after([{ at: 0, source: READY, nodes: "usable" }, ...looks]).kind === "leave";
    });
    expect(leaving.toSorted((a, b) => a - b)).toEqual([4, 17, 18, 999]);
  });

  test.each([
    { drain: true, notice: false },
    { drain: false, notice: true },
  ])("never leaves while %o", (busy) => {
    expect(after(lasting(failed(18), 100 * EXIT_AFTER_MS), busy)).toEqual({ kind: "stay" });
  });
});
