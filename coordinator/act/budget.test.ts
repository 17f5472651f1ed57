import { describe, expect, test } from "vitest";

import { policy, pool } from "../../test/build/policy.ts";
import { snapshot } from "../../test/build/snapshot.ts";
import { createBudgets } from "./budget.ts";
import type { Asked } from "./budget.ts";

const only = policy({ pools: [pool("a", { size: 3 }), pool("b", { size: 2 })] });
const world = snapshot({ policies: [only] });

/** Remembers what it was asked, and lets so many go. */
function asking(answer: { readonly allowed?: number; readonly removals?: number } = {}) {
  const asked: { readonly sizes: Record<string, number>; readonly changedNow: number }[] = [];
  let removals = answer.removals ?? 9;
  const note = ({ sizes, changedNow }: Asked): void => {
    asked.push({ sizes: Object.fromEntries(sizes), changedNow });
  };
  const budgets = createBudgets(world, {
    allowedGrowth: (question) => {
      note(question);
      return answer.allowed ?? 9;
    },
    removalRefused: (question) => {
      note(question);
      removals -= 1;
      return removals < 0 ? { code: "frozen" } : null;
    },
  });
  return { asked, budgets };
}

describe("growth of one cycle", () => {
  test("is asked with sizes read now and with what the cycle has added before", () => {
    const { asked, budgets } = asking();
    expect(budgets.growth(only, "a").take(4, 2)).toBe(2);
    expect(budgets.growth(only, "b").take(2, 1)).toBe(1);
    expect(asked).toEqual([
      { sizes: { a: 4, b: 2 }, changedNow: 0 },
      { sizes: { a: 6, b: 2 }, changedNow: 2 },
    ]);
  });

  test("gets no more than is allowed, and gives back what was not used", () => {
    const { asked, budgets } = asking({ allowed: 1 });
    const growth = budgets.growth(only, "a");
    expect(growth.take(3, 5)).toBe(1);
    growth.giveBack(1);
    growth.take(3, 5);
    expect(asked[1]).toEqual({ sizes: { a: 3, b: 2 }, changedNow: 0 });
  });
});

describe("removals of one cycle", () => {
  test("are asked one by one, with those before them", () => {
    const { asked, budgets } = asking({ removals: 1 });
    const removal = budgets.removal(only, "a");
    expect(removal.take(3)).toBe(true);
    expect(budgets.removal(only, "b").take(2)).toBe(false);
    expect(asked).toEqual([
      { sizes: { a: 3, b: 2 }, changedNow: 0 },
      { sizes: { a: 2, b: 2 }, changedNow: 1 },
    ]);
  });

  test("that failed are not counted", () => {
    const { asked, budgets } = asking();
    const removal = budgets.removal(only, "a");
    removal.take(3);
    removal.giveBack();
    removal.take(3);
    expect(asked[1]).toEqual({ sizes: { a: 3, b: 2 }, changedNow: 0 });
  });
});
