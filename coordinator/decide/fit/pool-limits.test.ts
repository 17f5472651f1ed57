import { expect, test } from "vitest";

import type { Reason } from "../../../shared/model/reasons.ts";
import { contextOf, place, podWith } from "../../../test/build/place.ts";
import type { Place } from "./check.ts";
import { poolLimits } from "./pool-limits.ts";

const FULL: Reason = { code: "at-maximum", scope: "pool", maximum: 3 };

test.each<readonly [Place["kind"], Reason | null]>([
  ["new", FULL],
  ["booting", null],
  ["node", null],
])("pool-limits speak of a %s node: %o", (kind, expected) => {
  const pod = podWith("p");
  const context = contextOf([pod], [], { limitOf: () => FULL });
  expect(poolLimits.refusal(pod, place({ kind }), context)).toEqual(expected);
  expect(poolLimits.refusal(pod, place({ kind }), contextOf([pod]))).toBeNull();
});
