import { expect, test } from "vitest";

import { expectedGpus } from "./expected.ts";

test.each([
  ["a setting", 8, { "nvidia.com/gpu.count": "4" }, 8],
  ["a setting of none", 0, { "nvidia.com/gpu.count": "4" }, 0],
  ["the label", null, { "nvidia.com/gpu.count": "4" }, 4],
  ["a label that is no number", null, { "nvidia.com/gpu.count": "four" }, null],
  ["a label that is too large to be true", null, { "nvidia.com/gpu.count": "40000" }, null],
  [
    "instances counted as cards",
    null,
    { "nvidia.com/gpu.count": "7", "nvidia.com/mig.strategy": "single" },
    null,
  ],
  ["a mixed strategy", null, { "nvidia.com/gpu.count": "8", "nvidia.com/mig.strategy": "mixed" }, 8],
  ["no label", null, {}, null],
  ["no node yet", null, undefined, null],
])("%s", (_, setting, labels, expected) => {
  expect(expectedGpus(setting, labels)).toBe(expected);
});
