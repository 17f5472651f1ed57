import fc from "fast-check";
import { describe, expect, test } from "vitest";

import { parseInstant } from "./instant.ts";

describe("parseInstant()", () => {
  test("reads whatever a Date prints", () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: Date.UTC(2400, 0, 1) }), (at) => {
        expect(parseInstant(new Date(at).toISOString())).toBe(at);
      }),
    );
  });

  test.each([
    ["2026-01-15T12:00:00Z", Date.UTC(2026, 0, 15, 12)],
    ["2026-01-15T14:00:00.250+02:00", Date.UTC(2026, 0, 15, 12) + 250],
    ["2024-02-29T23:59:59.123456789Z", Date.UTC(2024, 1, 29, 23, 59, 59, 123)],
  ])("reads %s", (text, at) => {
    expect(parseInstant(text)).toBe(at);
  });

  test.each([
    "",
    "yesterday",
    "2026-01-15",
    "2026-02-29T00:00:00Z",
    "2026-13-01T00:00:00Z",
    "2026-01-15T25:00:00Z",
    "1969-12-31T23:59:59Z",
  ])("says null to %s", (text) => {
    expect(parseInstant(text)).toBeNull();
  });
});
