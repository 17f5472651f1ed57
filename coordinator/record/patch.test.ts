// For any two JSON values: what is put together from the first and the patch is the second, to the order of its keys.

import fc from "fast-check";
import { describe, expect, test } from "vitest";

import { snapshots } from "../../test/build/random-snapshot.ts";
import { decide } from "../decide/decide.ts";
import { linePieces, readLine } from "./line.ts";
import { patched, patchOf } from "./patch.ts";

const key = fc.constantFrom("a", "b", "c", "constructor", "__proto__", "1", "0", "key", "name");
const json = fc.letrec<{ value: unknown }>((tie) => ({
  value: fc.oneof(
    { depthSize: "small" },
    fc.constantFrom(null, 0, 1, "x", "y", true),
    fc.array(tie("value"), { maxLength: 4 }),
    fc.array(fc.record({ name: fc.constantFrom("n1", "n2", "n3", "n4"), at: fc.nat(3) }), { maxLength: 5 }),
    fc.array(fc.record({ at: fc.nat(3), __proto__: fc.constantFrom(null, "x") }), { maxLength: 4 }),
    fc.dictionary(key, tie("value"), { maxKeys: 5, noNullPrototype: true }),
  ),
})).value;

describe("a patch", () => {
  test("gives the second value from the first, byte for byte", () => {
    fc.assert(
      fc.property(json, json, (before, after) => {
        const patch = patchOf(before, after);
        const sent = patch === null ? null : (JSON.parse(JSON.stringify(patch)) as typeof patch);
        const now = sent === null ? before : patched(before, sent);
        expect(JSON.stringify(now)).toBe(JSON.stringify(after));
      }),
      { numRuns: 2_000 },
    );
  });

  test("says nothing of what is the same, and little of one item among many", () => {
    const before = Array.from({ length: 1_000 }, (_, index) => ({ name: `n${index}`, labels: { a: "b" } }));
    const after = before.map((item, index) => (index === 500 ? { ...item, at: 7 } : item)).toSpliced(900, 1);
    expect(patchOf(before, [...before])).toBeNull();
    expect(patchOf(before, after)).toEqual({ l: [500, { o: { at: 7 } }, 399, -1, 99] });
  });

  test("names the fields of many items once", () => {
    const seen = (at: number) => [
      { uuid: "a", mean: at, coverage: 1 },
      { uuid: "b", mean: at + 1, coverage: 1 },
    ];
    expect(patchOf(seen(1), seen(5))).toEqual({ c: { mean: [5, 6] } });
    const digests = (at: number) => [
      { at, peak: null },
      { at: at + 1, peak: 0.5 },
      { at: at + 2, peak: 1 },
    ];
    expect(patchOf(digests(1).slice(1), digests(5))).toEqual({
      t: [
        ["at", "peak"],
        [5, null],
        [6, 0.5],
        [7, 1],
      ],
    });
  });

  test("that does not belong to its value is refused", () => {
    expect(() => patched([1], { l: [3] })).toThrow("too short");
    expect(() => patched([{ a: 1 }], { c: { a: [1, 2] } })).toThrow("not as many items");
  });
});

describe("a line", () => {
  test("holds a decision so that it is made again byte for byte", () => {
    fc.assert(
      fc.property(fc.array(snapshots, { minLength: 1, maxLength: 3 }), (all) => {
        const decisions = all.map((snapshot) => ({ snapshot, plan: decide(snapshot).plan }));
        let read: ReturnType<typeof readLine> | null = null;
        for (const [index, decided] of decisions.entries()) {
          const text = [...linePieces(decisions[index - 1] ?? null, decided, index)].join("");
          read = readLine(read, text);
          expect(JSON.stringify(read.snapshot)).toBe(JSON.stringify(decided.snapshot));
          expect(JSON.stringify(read.plan)).toBe(JSON.stringify(decided.plan));
          expect(JSON.stringify(decide(read.snapshot).plan)).toBe(JSON.stringify(decided.plan));
        }
      }),
      { numRuns: 60 },
    );
  });
});
