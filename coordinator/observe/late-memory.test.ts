import { expect, test } from "vitest";

import { epochMs } from "../../shared/model/units.ts";
import { MINUTE, NOW } from "../../test/build/now.ts";
import { EMPTY_MEMORY } from "../decide/snapshot-memory.ts";
import type { Memory } from "../decide/snapshot-memory.ts";
import { completed } from "./late-memory.ts";

const risk = (nodeDays: number, interruptions: number) => ({ nodeDays, interruptions, at: NOW });

test("what was counted for weeks is not lost to what was counted while it could not be read", () => {
  const late: Memory = {
    ...EMPTY_MEMORY,
    at: epochMs(NOW - MINUTE),
    nodes: { n1: { idleSince: NOW, lastReportAt: NOW, emptySince: null } },
    risk: { a: risk(40, 3) },
    countedNotices: { old: NOW },
    hintRecord: { "demo/spot": { followed: 1, spared: 20, at: NOW } },
    rebalanced: { "demo/spot": { n1: epochMs(NOW - 9 * MINUTE), n2: NOW }, "demo/od": { n3: NOW } },
  };
  const memory: Memory = {
    ...EMPTY_MEMORY,
    at: NOW,
    risk: { a: risk(1, 0), b: risk(1, 1) },
    countedNotices: { young: NOW },
    rebalanced: { "demo/spot": { n1: NOW, n4: NOW } },
  };
  expect(completed(memory, late)).toEqual({
    ...memory,
    risk: { a: risk(40, 3), b: risk(1, 1) },
    countedNotices: { old: NOW, young: NOW },
    hintRecord: late.hintRecord,
    rebalanced: { "demo/spot": { n1: NOW - 9 * MINUTE, n2: NOW, n4: NOW }, "demo/od": { n3: NOW } },
  });
});

test("timers have begun anew, and nothing is made of what neither has", () => {
  expect(completed(EMPTY_MEMORY, { ...EMPTY_MEMORY, hotSince: { demo: NOW } })).toEqual(EMPTY_MEMORY);
  expect(completed(EMPTY_MEMORY, null)).toBe(EMPTY_MEMORY);
});
