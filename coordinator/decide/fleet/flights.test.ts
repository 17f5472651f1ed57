import { describe, expect, test } from "vitest";

import { epochMs } from "../../../shared/model/units.ts";
import { MINUTE, NOW, SECOND } from "../../../test/build/now.ts";
import { move } from "../../../test/build/policy.ts";
import { EMPTY_JOURNAL } from "../snapshot-memory.ts";
import {
  addingInFlight,
  growthInFlight,
  lastTarget,
  plannedSize,
  removalsInFlight,
  replacingPools,
  settledSize,
  wasRemoved,
} from "./flights.ts";

const journal = (...moves: Parameters<typeof move>[1][]) => ({
  ...EMPTY_JOURNAL,
  moves: moves.map((options) => move(NOW, options)),
});

describe("plannedSize()", () => {
  test.each([
    ["an intent counts as called", { phase: "intended", from: 2, to: 5 }, 5],
    ["an intent of 16 minutes is over", { phase: "intended", from: 2, to: 5, agoMs: 16 * MINUTE }, 2],
    ["a failure is none", { phase: "failed", from: 2, to: 5 }, 2],
    ["another pool is another", { phase: "intended", from: 2, to: 5, pool: "other" }, 2],
    ["a removal adds nothing", { kind: "shrink", phase: "intended", from: 2, to: 5 }, 2],
    ["a target that is no number is none", { phase: "intended", from: 2, to: Number.NaN }, 2],
    ["nor is one that no group can have", { phase: "intended", from: 2, to: 2 ** 31 }, 2],
    [
      "an intent whose time cannot be read is under way",
      { phase: "intended", from: 2, to: 5, at: "soon" },
      5,
    ],
  ] as const)("%s", (_case, options, planned) => {
    expect(plannedSize(journal(options), "spot", 2, NOW)).toBe(planned);
  });
});

describe("settledSize()", () => {
  test.each([
    ["a growth of a moment ago may not show yet", { from: 2, to: 5, agoMs: 10 * SECOND }, 5],
    ["nor may a removal", { kind: "shrink", from: 2, to: 1, agoMs: 10 * SECOND }, 1],
    ["nor may a release", { kind: "release", from: 2, to: 1, agoMs: 10 * SECOND }, 1],
    ["what was done a minute ago shows", { from: 2, to: 5, agoMs: MINUTE }, 2],
    ["what a clock far ahead has dated shows", { from: 2, to: 5, agoMs: -MINUTE }, 2],
    ["a size that has changed since shows", { from: 1, to: 5, agoMs: SECOND }, 2],
    ["what was not done changes nothing", { from: 2, to: 5, phase: "failed", agoMs: SECOND }, 2],
    ["another pool is another", { from: 2, to: 5, pool: "other", agoMs: SECOND }, 2],
  ] as const)("%s", (_case, options, size) => {
    expect(settledSize(journal({ phase: "applied", ...options }), "spot", 2, NOW)).toBe(size);
  });

  test("follows the steps of one decision, of which a reading shows all, some or none", () => {
    const steps = journal(
      { phase: "applied", key: "a", from: 2, to: 5, agoMs: 3 * SECOND },
      { phase: "applied", key: "b", kind: "replace", from: 5, to: 6, agoMs: 2 * SECOND },
      { phase: "applied", key: "c", kind: "shrink", from: 6, to: 4, agoMs: SECOND },
    );
    expect([2, 5, 6, 4, 3].map((size) => settledSize(steps, "spot", size, NOW))).toEqual([4, 4, 4, 4, 3]);
  });

  test("follows nodes that went beside each other, in whatever order the journal has them", () => {
    const removal = (key: string, from: number) =>
      ({ phase: "applied", kind: "shrink", key, from, to: from - 1, agoMs: SECOND }) as const;
    const steps = journal(
      { phase: "applied", key: "grown", from: 0, to: 3, agoMs: 9 * SECOND },
      removal("c", 1),
      removal("a", 3),
      removal("b", 2),
    );
    // A pool that is empty again has nothing on its way.
    expect([0, 1, 2, 3].map((size) => settledSize(steps, "spot", size, NOW))).toEqual([0, 0, 0, 0]);
  });

  test("takes no step that was done before the one that it follows", () => {
    const steps = journal(
      { phase: "applied", key: "a", kind: "shrink", from: 5, to: 2, agoMs: 9 * SECOND },
      { phase: "applied", key: "b", from: 2, to: 5, agoMs: SECOND },
    );
    expect([5, 2].map((size) => settledSize(steps, "spot", size, NOW))).toEqual([5, 5]);
  });
});

test("addingInFlight() counts what intents add, in every pool", () => {
  const intents = journal(
    { from: 2, to: 5 },
    { kind: "replace", pool: "od", from: 0, to: 1 },
    { phase: "applied", from: 0, to: 9 },
  );
  expect(addingInFlight(intents, NOW)).toBe(4);
});

test("lastTarget() is what the pool was last set to, 0 when it never was", () => {
  expect(lastTarget(journal({ phase: "applied", to: 3 }, { phase: "failed", to: 7 }), "spot")).toBe(3);
  expect(lastTarget(EMPTY_JOURNAL, "spot")).toBe(0);
});

test("growthInFlight() and removalsInFlight() tell the two directions apart", () => {
  const both = journal(
    { key: "g", agoMs: MINUTE },
    { kind: "shrink", phase: "draining", agoMs: 60 * MINUTE },
    { kind: "release", phase: "intended" },
  );
  expect(growthInFlight(both, "spot", NOW)).toEqual({ key: "g", forMs: MINUTE });
  expect(removalsInFlight(both, "spot", NOW)).toBe(2);
});

test.each<[string, Parameters<typeof move>[1] & { readonly nodeAgeMs?: number }, boolean]>([
  ["a removal of a moment ago", { agoMs: MINUTE }, true],
  ["one that the group has not carried out in five minutes", { agoMs: 5 * MINUTE + SECOND }, false],
  ["one from before the node was there", { agoMs: 3 * MINUTE, nodeAgeMs: MINUTE }, false],
  ["a removal that failed", { phase: "failed", agoMs: MINUTE }, false],
  ["a removal of another node", { node: "n2", agoMs: MINUTE }, false],
  ["a removal whose time cannot be read", { at: "soon" }, true],
])("wasRemoved() by %s", (_case, { nodeAgeMs = 60 * MINUTE, ...options }, removed) => {
  const moves = journal({ kind: "shrink", phase: "applied", node: "n1", ...options });
  expect(wasRemoved(moves, "n1", epochMs(NOW - nodeAgeMs), NOW)).toBe(removed);
});

test("replacingPools() is by the notice's id, whole", () => {
  const done = journal({ kind: "replace", key: "demo/od/replace/n-12", pool: "od", phase: "applied" });
  const pools = (moves: typeof done, notice: string) => [...replacingPools(moves, notice)];
  expect(pools(done, "n-12")).toEqual(["od"]);
  expect(pools(done, "2")).toEqual([]);
  const failed = journal({ kind: "replace", key: "demo/od/replace/n-12", pool: "od", phase: "failed" });
  expect(pools(failed, "n-12")).toEqual([]);
});
