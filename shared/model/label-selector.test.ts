import { describe, expect, test } from "vitest";

import type { LabelSelector } from "./kube.ts";
import { selects } from "./label-selector.ts";

const LABELS = { app: "web", tier: "front" };

const CASES: readonly (readonly [string, LabelSelector | undefined, boolean])[] = [
  ["an absent selector", undefined, false],
  ["an empty selector", {}, true],
  ["equal labels", { matchLabels: { app: "web" } }, true],
  ["a label with another value", { matchLabels: { app: "db" } }, false],
  ["a label that is not there", { matchLabels: { zone: "a" } }, false],
  ["In with the value", { matchExpressions: [{ key: "app", operator: "In", values: ["db", "web"] }] }, true],
  ["In without the value", { matchExpressions: [{ key: "app", operator: "In", values: ["db"] }] }, false],
  [
    "NotIn without the value",
    { matchExpressions: [{ key: "app", operator: "NotIn", values: ["db"] }] },
    true,
  ],
  [
    "NotIn on a label that is not there",
    { matchExpressions: [{ key: "zone", operator: "NotIn", values: ["a"] }] },
    true,
  ],
  ["NotIn with the value", { matchExpressions: [{ key: "app", operator: "NotIn", values: ["web"] }] }, false],
  ["Exists", { matchExpressions: [{ key: "tier", operator: "Exists" }] }, true],
  ["Exists on a label that is not there", { matchExpressions: [{ key: "zone", operator: "Exists" }] }, false],
  ["DoesNotExist", { matchExpressions: [{ key: "zone", operator: "DoesNotExist" }] }, true],
  [
    "DoesNotExist on a label that is there",
    { matchExpressions: [{ key: "app", operator: "DoesNotExist" }] },
    false,
  ],
  [
    "labels and expressions of which one fails",
    { matchLabels: { app: "web" }, matchExpressions: [{ key: "zone", operator: "Exists" }] },
    false,
  ],
];

describe("selects()", () => {
  test.each(CASES)("answers %s", (_, selector, expected) => {
    expect(selects(selector, LABELS)).toBe(expected);
  });
});
