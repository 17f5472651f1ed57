import { expect, test } from "vitest";

import { printable } from "./strangers-text.ts";

test.each([
  ["system-reboot", "system-reboot"],
  ["Überlauf 東京", "Überlauf 東京"],
  ["a\u001b[31m\nb", "a [31m b"],
  ["left\u202eright", "left right"],
  ["x".repeat(30), `${"x".repeat(19)}…`],
])("%j is shown as %j", (text, shown) => {
  expect(printable(text, 20)).toBe(shown);
});
