import { describe, expect, test } from "vitest";

import type { Reason } from "../../shared/model/reasons.ts";
import { epochMs, millis } from "../../shared/model/units.ts";
import { changesAfterMs } from "./next.ts";
import type { Plan, PolicyFigures } from "./plan.ts";

const FIGURES: PolicyFigures = {
  policy: "p",
  pools: [],
  utilization: null,
  pendingPods: 0,
  underutilizedNodes: 0,
  unknownNodes: 0,
  upCooldownMs: {},
  downCooldownMs: {},
};

function planWith(pool: readonly Reason[], pod: readonly Reason[] = [], changesAt?: number): Plan {
  return {
    at: epochMs(0),
    moves: [],
    holds: [{ policy: "p", pool: "spot", because: pool }],
    unplaced: [{ pod: "team/a", because: pod }],
    figures: changesAt === undefined ? [] : [{ ...FIGURES, changesAt: epochMs(changesAt) }],
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

  test("is no later than a pause of a failure or of behavior, or the next window of a schedule", () => {
    const failed: Reason = {
      code: "no-capacity",
      offering: "a|b|spot",
      failures: 1,
      leftMs: millis(7000),
      detail: "",
    };
    const limited: Reason = { code: "behavior-limit", direction: "up", allowed: 1, leftMs: millis(6000) };
    const unknown: Reason = { code: "behavior-limit", direction: "up", allowed: 1 };
    expect(changesAfterMs(planWith([failed]))).toBe(7000);
    expect(changesAfterMs(planWith([failed, limited, unknown]))).toBe(6000);
    expect(changesAfterMs(planWith([limited], [], 5000))).toBe(5000);
    expect(changesAfterMs(planWith([], [], 5000))).toBe(5000);
    expect(changesAfterMs(planWith([unknown]))).toBeNull();
  });

  test("is 0, not negative, when a reason has outlived its number", () => {
    expect(
      changesAfterMs(
        planWith([{ code: "empty-too-short", node: "n", forMs: millis(11), needMs: millis(10) }]),
      ),
    ).toBe(0);
  });
});
