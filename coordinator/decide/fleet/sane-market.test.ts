import { expect, test } from "vitest";

import { epochMs } from "../../../shared/model/units.ts";
import type { EpochMs } from "../../../shared/model/units.ts";
import { node } from "../../../test/build/node.ts";
import { NOW } from "../../../test/build/now.ts";
import { EMPTY_MEMORY } from "../snapshot-memory.ts";
import type { OfferingMemory } from "../snapshot-memory.ts";
import { saneInstance, saneMarketMemory, saneNodeTimes, saneOfferings } from "./sane-market.ts";

const NEVER = Number.NaN as EpochMs;
const LATER = epochMs(NOW + 86_400_001);
const HOUR = 3600_000;
const entry: OfferingMemory = {
  offering: "p3|z1|spot",
  kind: "no-capacity",
  failures: 3,
  lastAt: NOW,
  until: epochMs(NOW + HOUR),
  detail: "",
};

test("what is well stays as it is", () => {
  expect(saneOfferings([entry], NOW)).toEqual([entry]);
});

test.each<[string, Partial<OfferingMemory>, Partial<OfferingMemory>]>([
  ["a count that is none is one", { failures: Number.NaN }, { failures: 1 }],
  ["a time to come is now", { lastAt: LATER }, { lastAt: NOW }],
  ["a pause ends at last", { until: LATER }, { until: epochMs(NOW + 2 * HOUR) }],
  ["a pause without an end is over", { until: NEVER }, { until: NOW }],
])("of a failure %s", (_name, broken, expected) => {
  expect(saneOfferings([{ ...entry, ...broken }], NOW)).toEqual([{ ...entry, ...expected }]);
});

test("a failure of a kind that nobody knows is left out", () => {
  expect(saneOfferings([{ ...entry, kind: "sunspots" as "quota" }], NOW)).toEqual([]);
});

test("of the memory, what cannot be true is left out entry by entry, and what a clock wrote that ran ahead is of now", () => {
  const memory = {
    ...EMPTY_MEMORY,
    bootMs: { a: [1, Number.NaN, -1, 2] },
    risk: {
      good: { nodeDays: 1, interruptions: 0, at: NOW },
      bad: { nodeDays: Number.NaN, interruptions: 0, at: NOW },
      later: { nodeDays: 1, interruptions: 0, at: LATER },
    },
    countedNotices: { a: NOW, b: LATER },
    failedSince: { a: NOW, b: NEVER },
    rebalanced: { a: { n1: NOW, n2: LATER }, b: null as never },
    openHints: {
      good: { node: "n1", pool: "demo/spot", since: NOW, settled: true },
      later: { node: "n1", pool: "demo/spot", since: LATER },
      nobody: { node: 7 as never, pool: "demo/spot", since: NOW },
    },
    hintRecord: {
      good: { followed: 1, spared: 2, at: NOW },
      bad: { followed: -1, spared: 2, at: NOW },
      later: { followed: 3, spared: 2, at: LATER },
    },
    lessSpot: { a: epochMs(NOW + HOUR), b: LATER },
  };
  expect(saneMarketMemory(memory, NOW)).toEqual({
    bootMs: { a: [1, 2] },
    risk: {
      good: { nodeDays: 1, interruptions: 0, at: NOW },
      later: { nodeDays: 1, interruptions: 0, at: NOW },
    },
    countedNotices: { a: NOW, b: NOW },
    failedSince: { a: NOW },
    rebalanced: { a: { n1: NOW, n2: NOW } },
    openHints: {
      good: { node: "n1", pool: "demo/spot", since: NOW, settled: true },
      later: { node: "n1", pool: "demo/spot", since: NOW },
    },
    hintRecord: {
      good: { followed: 1, spared: 2, at: NOW },
      later: { followed: 3, spared: 2, at: NOW },
    },
    lessSpot: { a: NOW + HOUR, b: NOW + 24 * HOUR },
  });
  expect(saneMarketMemory(EMPTY_MEMORY, NOW)).toEqual({});
});

test("times of members and nodes that cannot be are not told", () => {
  const member = { id: "i-1", node: null, state: "booting" } as const;
  expect(saneInstance({ ...member, createdAt: LATER }, NOW)).toEqual(member);
  expect(saneInstance({ ...member, createdAt: NOW }, NOW)).toEqual({ ...member, createdAt: NOW });
  const ill = { verdict: "ill", since: LATER, detail: "XID 79" } as const;
  expect(saneNodeTimes({ ...node("n1"), readyChangedAt: NEVER, gpuHealth: ill }, NOW)).toEqual({
    gpuHealth: { ...ill, since: NOW },
  });
});
