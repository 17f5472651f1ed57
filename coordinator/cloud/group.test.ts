import { describe, expect, test } from "vitest";

import { AppError, ERROR_KINDS } from "../../shared/runtime/errors.ts";
import type { ErrorKind } from "../../shared/runtime/errors.ts";
import { checkFall, checkGrowth, launchFailureOf } from "./group.ts";
import type { GroupState } from "./group.ts";

const SEEN: GroupState = { size: 3, version: null, min: 2, max: 5 };
const UNBOUND: GroupState = { size: 3, version: null };
const UNKNOWN: GroupState = { size: Number.NaN, version: null };

function kindOfThrown(check: () => void): string | null {
  try {
    check();
  } catch (error) {
    return error instanceof AppError ? error.kind : "another";
  }
  return null;
}

describe("checkGrowth()", () => {
  test.each<[to: number, seen: GroupState, kind: string | null]>([
    [3, SEEN, null],
    [5, SEEN, null],
    [6, SEEN, "refused"],
    [600, UNBOUND, null],
    [2, SEEN, "bug"],
    [3.5, SEEN, "bug"],
    [Number.NaN, SEEN, "bug"],
    [Number.POSITIVE_INFINITY, UNBOUND, "bug"],
    [4, UNKNOWN, "bug"],
  ])("to %d of %j is %s", (to, seen, kind) => {
    expect(kindOfThrown(() => checkGrowth("group a", to, seen))).toBe(kind);
  });
});

describe("checkFall()", () => {
  test.each<[count: number, seen: GroupState, kind: string | null]>([
    [1, SEEN, null],
    [2, SEEN, "refused"],
    [3, UNBOUND, null],
    [4, UNBOUND, "refused"],
    [0, SEEN, "bug"],
    [0.5, SEEN, "bug"],
    [Number.NaN, SEEN, "bug"],
    [1, UNKNOWN, "bug"],
  ])("by %d of %j is %s", (count, seen, kind) => {
    expect(kindOfThrown(() => checkFall("group a", count, seen))).toBe(kind);
  });
});

describe("launchFailureOf()", () => {
  test("tells what an error says of the pool or the stock, and nothing of all others", () => {
    const kinds = Object.keys(ERROR_KINDS) as ErrorKind[];
    const said = kinds.flatMap((kind) => {
      const failure = launchFailureOf(new AppError(kind, "no"));
      return failure === undefined ? [] : [`${kind} ${failure}`];
    });
    expect(said.toSorted()).toEqual([
      "denied denied",
      "misconfigured misconfigured",
      "no-capacity no-capacity",
      "not-found misconfigured",
      "quota quota",
      "refused misconfigured",
      "throttled throttled",
    ]);
    expect(launchFailureOf(new Error("what"))).toBeUndefined();
  });
});
