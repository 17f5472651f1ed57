import { expect, test } from "vitest";

import { epochMs } from "../../../shared/model/units.ts";
import { amountMarks, lengthText, momentText, timeMarks } from "./axis.ts";

const HOUR = 3_600_000;

test.each([
  [7, [0, 2, 4, 6, 8]],
  [0.31, [0, 0.1, 0.2, 0.3, 0.4]],
  [1000, [0, 500, 1000]],
  [0, [0, 1]],
  [Number.NaN, [0, 1]],
])("amounts up to %d get the marks %j", (most, marks) => {
  expect(amountMarks(most)).toEqual({ top: marks.at(-1), marks });
});

test("times are marked at round instants of UTC, whenever the start was", () => {
  const start = epochMs(Date.UTC(2026, 2, 15, 10, 47));
  expect(timeMarks(0, 24 * HOUR, start).map(({ label }) => label)).toEqual([
    "12:00",
    "15:00",
    "18:00",
    "21:00",
    "16 Mar",
    "03:00",
    "06:00",
    "09:00",
  ]);
  expect(timeMarks(0, 24 * HOUR, start)[0]?.atMs).toBe(73 * 60_000);
});

test("weeks are marked at Mondays", () => {
  const labels = timeMarks(0, 31 * 24 * HOUR, epochMs(Date.UTC(2026, 8, 1))).map(({ label }) => label);
  expect(labels).toEqual(["7 Sep", "14 Sep", "21 Sep", "28 Sep"]);
});

test("a moment is said with its day", () => {
  expect(momentText(Date.UTC(2026, 10, 3, 9, 5))).toBe("3 Nov 09:05");
});

test.each([
  [29.5 * 24 * HOUR, "29 d 12 h"],
  [HOUR, "1 h"],
  [40 * 60_000, "40 min"],
  [24 * HOUR + 60_000, "1 d"],
  [0, "less than a minute"],
])("%d ms are %s", (ms, text) => {
  expect(lengthText(ms)).toBe(text);
});
