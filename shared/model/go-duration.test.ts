import { expect, test } from "vitest";

import { parseGoDuration } from "./go-duration.ts";

test.each([
  ["1h30m", 5_400_000],
  ["90s", 90_000],
  ["1.5h", 5_400_000],
  ["250ms", 250],
  ["0s", 0],
])("reads %s", (text, ms) => {
  expect(parseGoDuration(text)).toBe(ms);
});

test.each(["", "true", "1", "-1h", "1d", "h", "1h ", `${"9".repeat(400)}h`])("does not read %j", (text) => {
  expect(parseGoDuration(text)).toBeNull();
});
