// The simulator's checks on itself, on the slices. Those of the published traces are part of every back-test on a folder that
// has them, whose report prints them; nothing outside of the repository is read here.

import { fileURLToPath } from "node:url";

import { describe, expect, test } from "vitest";

import type { ZoneTrace } from "./capacities.ts";
import { freeSlot, readExpected, selfChecks } from "./self-checks.ts";

const here = (path: string): string => fileURLToPath(new URL(path, import.meta.url));

function zone(
  name: string,
  open: readonly (readonly [atMs: number, available: number])[],
  usdPerHour: number | null,
): ZoneTrace {
  return {
    id: name,
    provider: "aws",
    region: "us-east-1",
    zone: name,
    instanceType: "p3.2xlarge",
    gpus: 1,
    most: 1,
    taken: null,
    lengthMs: 1000,
    steps: open.map(([atMs, available]) => ({ atMs, available })),
    prices: [
      { atMs: -500, usdPerHour: 9 },
      { atMs: 0, usdPerHour },
    ],
  };
}

describe("checks on the back-test itself", () => {
  test("a free slot stays while its zone lasts, and pays on demand while no zone has one", () => {
    const cheap = zone(
      "us-east-1a",
      [
        [0, 0],
        [200, 1],
        [600, 0],
      ],
      1,
    );
    const dear = zone(
      "us-east-1b",
      [
        [100, 1],
        [400, 0],
      ],
      2,
    );
    const found = freeSlot([cheap, dear], { onDemandUsd: 4, unknownSpotUsd: 1 });
    // 100 ms on demand, 300 ms in b although a is cheaper from 200 on, 200 ms in a, 400 ms on demand.
    expect(found).toEqual({ spotShare: 0.5, cost: (100 * 4 + 300 * 2 + 200 * 1 + 400 * 4) / 1000 / 4 });
  });

  test("a price that nobody knows counts as the plan says", () => {
    const found = freeSlot([zone("us-east-1a", [[0, 1]], null)], { onDemandUsd: 4, unknownSpotUsd: 3 });
    expect(found).toEqual({ spotShare: 1, cost: 0.75 });
  });

  test("the slices give the numbers that were worked out of them by other means", () => {
    const checks = selfChecks(here("../traces"), readExpected(here("expected-slices.json")));
    expect(checks.filter(({ holds }) => !holds)).toEqual([]);
    expect(checks).toHaveLength(7);
  });
});
