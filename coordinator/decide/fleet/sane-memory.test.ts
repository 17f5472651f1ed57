import { expect, test } from "vitest";

import { epochMs } from "../../../shared/model/units.ts";
import { MINUTE, NOW } from "../../../test/build/now.ts";
import { memory } from "../../../test/build/snapshot.ts";
import { EMPTY_MEMORY } from "../snapshot-memory.ts";
import type { Memory } from "../snapshot-memory.ts";
import { saneMemory } from "./sane-memory.ts";

const SHAPE = {
  allocatable: { cpu: 1 },
  labels: { a: "b" },
  taints: [{ key: "k", effect: "NoSchedule" }],
  volumeLimits: { driver: 3 },
  source: "node",
} as const;

const read = (part: Readonly<Record<string, unknown>>) =>
  saneMemory({ ...memory({ n: { emptyMs: MINUTE } }), ...part } as Memory, NOW);

test("what can be read stays the very object that it was", () => {
  const kept = memory({ n: { emptyMs: MINUTE } });
  const made = saneMemory(kept, NOW);
  expect(made).toMatchObject(kept);
  expect(made.nodes).toBe(kept.nodes);
  expect(made.hotSince).toBe(kept.hotSince);
});

test("no memory at all is an empty one", () => {
  for (const odd of [null, undefined, 7, []])
    expect(saneMemory(odd as unknown as Memory, NOW)).toBe(EMPTY_MEMORY);
});

test("of what cannot be read, or has not been yet, nothing is known", () => {
  const later = epochMs(NOW + 1);
  expect(read({ at: later, nodes: null, hotSince: { p: later, q: NOW } })).toMatchObject({
    at: null,
    nodes: {},
    hotSince: { q: NOW },
  });
  expect(
    read({ nodes: { n: null, m: { idleSince: later, lastReportAt: null, emptySince: NOW } } }).nodes,
  ).toEqual({
    m: { idleSince: null, lastReportAt: null, emptySince: NOW },
  });
  expect(
    read({ launches: { a: { missing: 1, since: NOW }, b: { missing: null, since: NOW } } }).launches,
  ).toEqual({
    a: { missing: 1, since: NOW },
  });
  expect(read({ leftOut: [7] })).not.toHaveProperty("leftOut");
});

test.each([
  ["amounts", { allocatable: null }],
  ["labels", { labels: { a: 1 } }],
  ["taints", { taints: [{ key: "k", effect: "Never" }] }],
])("a shape without its %s is none", (_name, part) => {
  expect(read({ shapes: { p: { ...SHAPE, ...part }, q: SHAPE } }).shapes).toEqual({ q: SHAPE });
});

test("a volume limit that is no number is not known", () => {
  const { volumeLimits: _, ...without } = SHAPE;
  expect(read({ shapes: { p: { ...SHAPE, volumeLimits: 7 } } }).shapes).toEqual({ p: without });
});
