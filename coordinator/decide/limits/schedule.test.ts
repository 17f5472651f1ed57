import { describe, expect, test } from "vitest";

import type { Schedule } from "../../../shared/contract/policy/growth.ts";
import { parseInstant, toInstantText } from "../../../shared/model/instant.ts";
import { epochMs } from "../../../shared/model/units.ts";
import type { EpochMs } from "../../../shared/model/units.ts";
import { readCron } from "./cron.ts";
import { readSchedule, windowsUntil } from "./schedule.ts";
import type { Calendar, Window } from "./schedule.ts";

function at(text: string): EpochMs {
  return parseInstant(text) ?? epochMs(0);
}

function schedule(options: Partial<Schedule>): Schedule {
  return {
    name: "s",
    timeZone: "UTC",
    start: "0 8 * * *",
    pools: [],
    minNodes: 1,
    readyBy: false,
    allowDisruption: false,
    suspend: false,
    priority: 0,
    ...options,
  };
}

function calendar(options: Partial<Schedule>): Calendar {
  const read = readSchedule(schedule(options));
  if (read.kind === "bad") throw new Error(read.problems.map(({ problem }) => problem).join());
  return read.calendar;
}

const show = (window: Window | null) =>
  window === null ? null : [toInstantText(window.opens), toInstantText(window.closes)].map(shortened);
const shortened = (text: string): string => text.replace(":00.000Z", "");

describe("a window", () => {
  const day = calendar({ end: "0 20 * * *" });

  test.each([
    ["before its start", "2026-05-04T07:59:59Z", null],
    ["at its start", "2026-05-04T08:00:00Z", ["2026-05-04T08:00", "2026-05-04T20:00"]],
    ["a millisecond after", "2026-05-04T08:00:00.001Z", ["2026-05-04T08:00", "2026-05-04T20:00"]],
    ["before its end", "2026-05-04T19:59:59.999Z", ["2026-05-04T08:00", "2026-05-04T20:00"]],
    ["at its end", "2026-05-04T20:00:00Z", null],
  ])("%s", (_case, now, open) => {
    expect(show(day.openAt(at(now)))).toEqual(open);
  });

  test("comes next the day after, also while it is open", () => {
    expect(show(day.nextAfter(at("2026-05-04T07:00:00Z")))).toEqual(["2026-05-04T08:00", "2026-05-04T20:00"]);
    expect(show(day.nextAfter(at("2026-05-04T08:00:00Z")))).toEqual(["2026-05-05T08:00", "2026-05-05T20:00"]);
  });

  test("may be given by its length, and may pass midnight", () => {
    const night = calendar({ start: "0 22 * * *", durationSeconds: 8 * 3600 });
    expect(show(night.openAt(at("2026-05-05T05:59:00Z")))).toEqual(["2026-05-04T22:00", "2026-05-05T06:00"]);
    expect(night.openAt(at("2026-05-05T06:00:00Z"))).toBeNull();
  });

  test("opens neither before `from` nor after `until`, and one that is open stays so", () => {
    const limited = calendar({
      end: "0 20 * * *",
      from: "2026-05-05T08:00:00Z",
      until: "2026-05-06T12:00:00Z",
    });
    expect(limited.openAt(at("2026-05-04T12:00:00Z"))).toBeNull();
    expect(show(limited.nextAfter(at("2026-01-01T00:00:00Z")))).toEqual([
      "2026-05-05T08:00",
      "2026-05-05T20:00",
    ]);
    expect(limited.openAt(at("2026-05-06T19:00:00Z"))).not.toBeNull();
    expect(limited.nextAfter(at("2026-05-06T10:00:00Z"))).toBeNull();
    expect(limited.openAt(at("2026-05-07T10:00:00Z"))).toBeNull();
  });

  test("of a schedule that is suspended never opens", () => {
    const off = calendar({ end: "0 20 * * *", suspend: true });
    expect(off.openAt(at("2026-05-04T12:00:00Z"))).toBeNull();
    expect(off.nextAfter(at("2026-05-04T12:00:00Z"))).toBeNull();
  });

  test("follows the clock of its zone", () => {
    const vienna = calendar({ timeZone: "Europe/Vienna", end: "0 20 * * *" });
    expect(show(vienna.openAt(at("2026-07-01T12:00:00Z")))).toEqual(["2026-07-01T06:00", "2026-07-01T18:00"]);
    expect(show(vienna.openAt(at("2026-01-01T12:00:00Z")))).toEqual(["2026-01-01T07:00", "2026-01-01T19:00"]);
  });
});

describe("a change of the clock", () => {
  test.each([
    // zone, line, a moment on that day, when it comes
    ["America/New_York", "30 2 * * *", "2026-03-08T20:00:00Z", "2026-03-08T07:00"],
    ["Europe/Vienna", "30 2 * * *", "2026-03-29T20:00:00Z", "2026-03-29T01:00"],
    ["America/New_York", "30 1 * * *", "2026-11-01T20:00:00Z", "2026-11-01T05:30"],
    ["Europe/Vienna", "30 2 * * *", "2026-10-25T20:00:00Z", "2026-10-25T00:30"],
  ])("in %s: %s comes once, at the first instant that there is", (timeZone, pattern, evening, comes) => {
    const read = readCron(pattern, timeZone);
    if (read.kind === "bad") throw new Error(read.problem);
    const last = read.line.lastAt(at(evening));
    expect(last === null ? null : shortened(toInstantText(last))).toBe(comes);
    // The hour that comes twice brings it once.
    const next = read.line.nextAfter(at(`${comes}:00Z`));
    expect((next ?? 0) - at(`${comes}:00Z`)).toBeGreaterThan(20 * 3600_000);
  });

  test("makes a window an hour shorter or longer", () => {
    const night = calendar({ timeZone: "America/New_York", start: "0 0 * * *", end: "0 6 * * *" });
    const hours = (now: string): number => {
      const open = night.openAt(at(now));
      return open === null ? 0 : (open.closes - open.opens) / 3600_000;
    };
    expect(hours("2026-03-07T06:00:00Z")).toBe(6);
    expect(hours("2026-03-08T06:00:00Z")).toBe(5);
    expect(hours("2026-11-01T06:00:00Z")).toBe(7);
  });

  test("does not shut a window that begins in the hour that is left out", () => {
    const early = calendar({ timeZone: "America/New_York", start: "30 2 * * *", end: "0 6 * * *" });
    expect(show(early.openAt(at("2026-03-08T08:00:00Z")))).toEqual(["2026-03-08T07:00", "2026-03-08T10:00"]);
  });
});

describe("windowsUntil()", () => {
  test("lists the open one and the next, as many as are asked for", () => {
    const day = calendar({ start: "0 8 * * 1-5", end: "0 20 * * *" });
    const saturday = at("2026-05-02T12:00:00Z");
    const windows = windowsUntil(day, saturday, at("2026-05-09T00:00:00Z"), 20).map(show);
    expect(windows.map((window) => window?.[0])).toEqual([
      "2026-05-04T08:00",
      "2026-05-05T08:00",
      "2026-05-06T08:00",
      "2026-05-07T08:00",
      "2026-05-08T08:00",
    ]);
    expect(windowsUntil(day, at("2026-05-04T09:00:00Z"), at("2027-01-01T00:00:00Z"), 2).map(show)).toEqual([
      ["2026-05-04T08:00", "2026-05-04T20:00"],
      ["2026-05-05T08:00", "2026-05-05T20:00"],
    ]);
  });

  test("shows the weekend that two sets of weekdays leave open", () => {
    const daily = calendar({ start: "30 6 * * *", end: "10 22 * * 1-5" });
    const [weekend] = windowsUntil(daily, at("2026-05-02T05:00:00Z"), at("2026-05-05T00:00:00Z"), 1);
    expect(show(weekend ?? null)).toEqual(["2026-05-02T06:30", "2026-05-04T22:10"]);
  });
});

describe("readSchedule()", () => {
  test.each([
    [{ timeZone: "Europe/Wien" }, "timeZone", "Europe/Wien"],
    [{ timeZone: "" }, "timeZone", '""'],
    [{ start: "0 25 * * *" }, "start", "25"],
    [{ start: "0 8 * *" }, "start", "five fields"],
    [{ start: "0 0 8 * * *" }, "start", "five fields"],
    [{ end: "soon" }, "end", "soon"],
    [{ from: "2026-05-01" }, "from", "2026-05-01"],
    [{ until: "tomorrow" }, "until", "tomorrow"],
  ] as const)("names what cannot be read in %j", (options, field, part) => {
    const read = readSchedule(schedule({ end: "0 20 * * *", ...options }));
    expect(read.kind).toBe("bad");
    const problems = read.kind === "bad" ? read.problems : [];
    expect(problems.map((problem) => problem.field)).toEqual([field]);
    expect(problems[0]?.problem).toContain(part);
  });

  test("answers for an instant that no calendar has", () => {
    const day = calendar({ end: "0 20 * * *" });
    const beyond = epochMs(Number.MAX_SAFE_INTEGER - 1);
    expect(day.openAt(beyond)).toBeNull();
    expect(day.nextAfter(beyond)).toBeNull();
  });
});
