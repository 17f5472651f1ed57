import fc from "fast-check";
import { describe, expect, test } from "vitest";

import { parseInstant, toInstantText } from "./instant.ts";
import { epochMs } from "./units.ts";

describe("parseInstant()", () => {
  test.each([
    ["2026-01-31T12:00:00Z", Date.UTC(2026, 0, 31, 12)],
    ["2026-01-31T12:00:00.250Z", Date.UTC(2026, 0, 31, 12, 0, 0, 250)],
    ["2026-01-31T14:30:00+02:30", Date.UTC(2026, 0, 31, 12)],
    ["2026-01-31T07:00:00-05:00", Date.UTC(2026, 0, 31, 12)],
    ["2024-02-29T00:00:00Z", Date.UTC(2024, 1, 29)],
    ["2016-12-31T23:59:60Z", Date.UTC(2017, 0, 1)],
  ])("reads %s", (text, at) => {
    expect(parseInstant(text)).toBe(at);
  });

  test.each([
    "",
    "soon",
    "1",
    "2026-01-31",
    "2026-01-31 12:00:00Z",
    "2026-01-31T12:00:00",
    "2026-13-01T00:00:00Z",
    "2026-02-29T00:00:00Z",
    "2026-01-31T24:00:00Z",
    "2026-01-31T12:60:00Z",
    "2026-01-31T12:00:00+99:00",
    "1969-12-31T23:59:59Z",
    "31 Jan 2026 12:00:00 GMT",
    "１２",
  ])("refuses %j", (text) => {
    expect(parseInstant(text)).toBeNull();
  });

  test("agrees with the platform on every instant that it prints", () => {
    fc.assert(
      fc.property(
        fc.date({ min: new Date(0), max: new Date("2199-12-31T00:00:00Z"), noInvalidDate: true }),
        (date) => {
          expect(parseInstant(date.toISOString())).toBe(date.getTime());
        },
      ),
    );
  });
});

describe("toInstantText()", () => {
  test("writes what the platform writes, and parseInstant() reads it back", () => {
    const last = Date.UTC(9999, 11, 31, 23, 59, 59, 999);
    fc.assert(
      fc.property(fc.integer({ min: 0, max: last }), (at) => {
        const text = toInstantText(epochMs(at));
        expect(text).toBe(new Date(at).toISOString());
        expect(parseInstant(text)).toBe(at);
      }),
    );
  });

  test.each([0, Date.UTC(2024, 1, 29), Date.UTC(2100, 1, 28, 23), Date.UTC(1999, 11, 31), last9999()])(
    "writes the ends of years and months (%s)",
    (at) => {
      expect(toInstantText(epochMs(at))).toBe(new Date(at).toISOString());
    },
  );
});

function last9999(): number {
  return Date.UTC(9999, 11, 31, 23, 59, 59, 999);
}
