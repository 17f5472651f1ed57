import { expect, test } from "vitest";

import type { Reason } from "../../../shared/model/reasons.ts";
import { millis } from "../../../shared/model/units.ts";
import { contextOf, place, podWith } from "../../../test/build/place.ts";
import type { Place } from "./check.ts";
import { poolHealth } from "./pool-health.ts";

const FAILING: Reason = { code: "quota", pool: "demo/gpu", leftMs: millis(1), detail: "no more" };
const pod = podWith("p");
const failing = contextOf([pod], [], { healthOf: () => FAILING });

test.each<readonly [Place["kind"], Reason | null]>([
  ["new", FAILING],
  ["booting", null],
  ["node", null],
])("pool-health speaks of a %s node: %o", (kind, expected) => {
  expect(poolHealth.refusal(pod, place({ kind }), failing)).toEqual(expected);
  expect(poolHealth.refusal(pod, place({ kind }), contextOf([pod]))).toBeNull();
});

test("a pool that nobody may size comes before what failed there", () => {
  const there = place();
  if (there.pool === null) throw new Error("the place of this test has no pool");
  const closed: Place = { ...there, pool: { ...there.pool, closed: { code: "disabled" } } };
  expect(poolHealth.refusal(pod, closed, failing)).toEqual({ code: "pool-not-usable", pool: "demo/gpu" });
});
