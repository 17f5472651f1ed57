import { expect, test } from "vitest";

import { verdict } from "../../../test/build/candidate.ts";
import { node } from "../../../test/build/node.ts";
import { pod } from "../../../test/build/pod.ts";
import { snapshot } from "../../../test/build/snapshot.ts";
import { budget } from "./budget.ts";

const withBudgets = (...allowed: number[]) =>
  snapshot({
    nodes: [node("n1")],
    pods: [pod("p", { node: "n1" })],
    budgets: allowed.map((disruptionsAllowed, index) => ({
      key: `default/b${index}`,
      disruptionsAllowed,
      pods: ["default/p", "default/other"],
    })),
  });

test("a budget that allows nothing keeps the node, one that allows something does not", () => {
  expect(verdict(budget, withBudgets(0))).toEqual({
    code: "budget",
    node: "n1",
    pod: "default/p",
    budget: "default/b0",
  });
  expect(verdict(budget, withBudgets(1))).toBeNull();
});

test("two budgets on one pod keep the node whatever they allow", () => {
  expect(verdict(budget, withBudgets(5, 5))).toMatchObject({
    code: "several-budgets",
    budgets: ["default/b0", "default/b1"],
  });
});

test("a budget whose number cannot be read allows nothing", () => {
  expect(verdict(budget, withBudgets(Number.NaN))?.code).toBe("budget");
});
