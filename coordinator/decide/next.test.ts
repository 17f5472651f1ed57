import { describe, expect, test } from "vitest";

import type { Reason } from "../../shared/model/reasons.ts";
import { epochMs, millis } from "../../shared/model/units.ts";
import { changesAfterMs } from "./next.ts";
import type { Plan } from "./plan.ts";

function planWith(pool: readonly Reason[], pod: readonly Reason[] = []): Plan {
  return {
    at: epochMs(0),
    moves: [],
    holds: [{ policy: "p", pool: "spot", because: pool }],
    unplaced: [{ pod: "team/a", because: pod }],
    figures: [],
  };
}

describe("changesAfterMs()", () => {
  test("is null while only events can change the plan", () => {
    const idle: Reason = { code: "idle-too-short", node: "n", forMs: millis(1000), needMs: millis(5000) };
    expect(changesAfterMs(planWith([{ code: "nothing-to-do" }, idle]))).toBeNull();
  });

  test("is what is left of the wait, window or cooldown that ends first", () => {
    const cooldown: Reason = { code: "cooldown", direction: "down", leftMs: millis(9000) };
    const empty: Reason = { code: "empty-too-short", node: "n", forMs: millis(1000), needMs: millis(5000) };
    const waits: Reason = { code: "pod-waits", ageMs: millis(500), needMs: millis(2000) };
    expect(changesAfterMs(planWith([cooldown]))).toBe(9000);
    expect(changesAfterMs(planWith([cooldown, empty]))).toBe(4000);
    expect(changesAfterMs(planWith([cooldown, empty], [waits]))).toBe(1500);
  });

  test("is not the pause that an operator has set to nothing, which would run the decision without end", () => {
    expect(changesAfterMs(planWith([{ code: "after-add", leftMs: millis(0) }]))).toBeNull();
  });

  test("is 0, not negative, when a reason has outlived its number", () => {
    expect(
      changesAfterMs(
        planWith([{ code: "empty-too-short", node: "n", forMs: millis(11), needMs: millis(10) }]),
      ),
    ).toBe(0);
  });
});
