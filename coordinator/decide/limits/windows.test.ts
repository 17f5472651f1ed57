import { describe, expect, test } from "vitest";

import { parseInstant } from "../../../shared/model/instant.ts";
import { epochMs, millis } from "../../../shared/model/units.ts";
import type { EpochMs } from "../../../shared/model/units.ts";
import { MINUTE } from "../../../test/build/now.ts";
import { policy, pool } from "../../../test/build/policy.ts";
import type { PolicyOptions } from "../../../test/build/policy.ts";
import { scheduleState } from "./windows.ts";

type Written = NonNullable<PolicyOptions["schedules"]>[number];
type ScheduleInput = Partial<Written> & { readonly name: string };

function spec(
  schedules: readonly ScheduleInput[],
  options: { readonly minSize?: number; readonly minNodes?: number } = {},
) {
  const { minSize = 0, minNodes = 0 } = options;
  return policy({
    minNodes,
    pools: [pool("spot", { minSize }), pool("od", { capacityType: "on-demand" })],
    schedules: schedules.map((entry) => ({
      timeZone: "UTC",
      start: "0 8 * * *",
      ...(entry.durationSeconds === undefined ? { end: "0 20 * * *" } : {}),
      ...entry,
    })),
  }).spec;
}

const at = (text: string): EpochMs => parseInstant(text) ?? epochMs(0);
const NOON = at("2026-05-04T12:00:00Z");
const state = (schedules: readonly ScheduleInput[], now: EpochMs = NOON, lead = 10 * MINUTE) =>
  scheduleState(spec(schedules), now, () => millis(lead));

describe("floors", () => {
  test("are the highest of the open windows, for the pools that they name", () => {
    const open = state([
      { name: "a", minNodes: 2, pools: ["spot"] },
      { name: "b", minNodes: 5, pools: ["spot"] },
      { name: "c", minNodes: 9, pools: ["spot"], start: "0 13 * * *" },
      { name: "all", minNodes: 7 },
    ]);
    expect(open.floorOf("spot")).toEqual({
      schedule: "b",
      minimum: 5,
      until: at("2026-05-04T20:00:00Z"),
    });
    expect(open.floorOf("od")).toBeNull();
    expect(open.floorOf(null)).toMatchObject({ schedule: "all", minimum: 7 });
  });

  test("of a lower priority do not count beside a higher one", () => {
    const both = [
      { name: "usual", minNodes: 5 },
      { name: "holiday", minNodes: 1, priority: 1 },
    ];
    expect(state(both).floorOf(null)).toMatchObject({ schedule: "holiday", minimum: 1 });
  });

  test("are asked for ahead of a window that has to be ready by its start", () => {
    const ready = [{ name: "day", minNodes: 5, readyBy: true }];
    expect(state(ready, at("2026-05-04T07:49:59Z")).floorOf(null)).toBeNull();
    expect(state(ready, at("2026-05-04T07:50:00Z")).floorOf(null)).toMatchObject({ minimum: 5 });
    expect(state(ready, at("2026-05-04T07:56:00Z"), 4 * MINUTE).floorOf(null)).toMatchObject({ minimum: 5 });
    expect(state(ready, at("2026-05-04T07:55:00Z"), 4 * MINUTE).floorOf(null)).toBeNull();
    expect(state([{ name: "day", minNodes: 5 }], at("2026-05-04T07:59:59Z")).floorOf(null)).toBeNull();
  });

  test("of a window that is prepared for stand beside those of one that is still open", () => {
    const changing = [
      { name: "night", minNodes: 8, start: "0 20 * * *", end: "0 8 * * *" },
      { name: "day", minNodes: 3, readyBy: true, priority: 1 },
    ];
    expect(state(changing, at("2026-05-04T07:55:00Z")).floorOf(null)).toMatchObject({ minimum: 8 });
    expect(state(changing, at("2026-05-04T08:00:00Z")).floorOf(null)).toMatchObject({ minimum: 3 });
  });
});

describe("caps", () => {
  test("are the lowest of the open windows", () => {
    const open = state([
      { name: "a", maxNodes: 4, pools: ["spot"] },
      { name: "b", maxNodes: 2, pools: ["spot"], allowDisruption: true },
      { name: "c", maxNodes: 0, pools: ["spot"], start: "0 13 * * *" },
    ]);
    expect(open.capOf("spot")).toEqual({ schedule: "b", maximum: 2, allowDisruption: true });
    expect(open.capOf("od")).toBeNull();
  });

  test("never go below what floors and minima ask for", () => {
    expect(
      state([
        { name: "cap", maxNodes: 0, pools: ["spot"] },
        { name: "floor", minNodes: 3, pools: ["spot"] },
      ]).capOf("spot")?.maximum,
    ).toBe(3);
    const night = [{ name: "night", maxNodes: 0 }];
    const capOf = (options: Parameters<typeof spec>[1]) =>
      scheduleState(spec(night, options), NOON, () => millis(0)).capOf(null)?.maximum;
    expect(capOf({ minSize: 2 })).toBe(2);
    expect(capOf({ minNodes: 4 })).toBe(4);
    expect(capOf({})).toBe(0);
  });

  test("make room for a window that is prepared for", () => {
    const changing = [
      { name: "night", maxNodes: 0, start: "0 20 * * *", end: "0 8 * * *" },
      { name: "day", minNodes: 5, readyBy: true },
    ];
    expect(state(changing, at("2026-05-04T07:40:00Z")).capOf(null)?.maximum).toBe(0);
    expect(state(changing, at("2026-05-04T07:55:00Z")).capOf(null)?.maximum).toBe(5);
  });

  test("of a lower priority do not count beside a higher window without one", () => {
    const both = [
      { name: "cap", maxNodes: 1 },
      { name: "fair", minNodes: 0, priority: 1 },
    ];
    expect(state(both).capOf(null)).toBeNull();
  });
});

describe("the target utilisation", () => {
  test("is the lowest of the open windows, and none that would make nodes come and go", () => {
    expect(
      state([
        { name: "a", targetUtilization: 0.6 },
        { name: "b", targetUtilization: 0.5 },
        { name: "c", targetUtilization: 0.1 },
        { name: "d", targetUtilization: 0.3, start: "0 13 * * *" },
      ]).targetUtilization,
    ).toBe(0.5);
    expect(state([{ name: "a" }]).targetUtilization).toBeNull();
  });
});

describe("what changes next", () => {
  const day = { name: "day", minNodes: 5 };

  test.each([
    ["the start", [day], "2026-05-04T06:00:00Z", "2026-05-04T08:00:00Z"],
    ["the end", [day], "2026-05-04T12:00:00Z", "2026-05-04T20:00:00Z"],
    ["the time to prepare", [{ ...day, readyBy: true }], "2026-05-04T06:00:00Z", "2026-05-04T07:50:00Z"],
    [
      "the first of several",
      [day, { name: "b", minNodes: 1, start: "0 7 * * *" }],
      "2026-05-04T06:00:00Z",
      "2026-05-04T07:00:00Z",
    ],
  ])("is %s", (_case, schedules, now, next) => {
    expect(state(schedules, at(now)).changesAt).toBe(at(next));
  });

  test("is nothing where no window ever opens", () => {
    expect(state([{ ...day, suspend: true }]).changesAt).toBeNull();
    expect(state([]).changesAt).toBeNull();
  });
});

describe("a schedule that cannot be read", () => {
  test("keeps its pools as they are and says why; others go on", () => {
    const bad = state([{ name: "bad", timeZone: "Mars/Olympus", pools: ["spot"], minNodes: 4 }]);
    const problem = bad.problemOf("spot");
    expect(problem?.code === "malformed" ? problem.what : null).toContain("Mars/Olympus");
    expect(bad.problemOf("od")).toBeNull();
    expect(bad.floorOf("spot")).toBeNull();
    expect(state([{ name: "bad", start: "soon" }]).problemOf("od")).not.toBeNull();
  });
});
