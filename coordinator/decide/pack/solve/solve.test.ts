import { describe, expect, test } from "vitest";

import type { Item, Machine, Problem } from "./problem.ts";
import { solve } from "./solve.ts";

const MANY = 100_000;
const ALL_UNITS = Number.POSITIVE_INFINITY;

/** cpu, memory in GiB, GPUs. */
const CPU16: Machine = { amounts: [16, 64, 0], cost: 0.8, gpus: 0, most: MANY };
const CPU64: Machine = { amounts: [64, 256, 0], cost: 3.2, gpus: 0, most: MANY };
const GPU1: Machine = { amounts: [16, 64, 1], cost: 2, gpus: 1, most: MANY };
const GPU8: Machine = { amounts: [96, 768, 8], cost: 15, gpus: 8, most: MANY };
const FOUR = [CPU16, CPU64, GPU1, GPU8];

const item = (
  count: number,
  amounts: readonly [number, number, number],
  options: Partial<Item> = {},
): Item => ({
  count,
  amounts,
  gpus: amounts[2],
  perNode: MANY,
  ...options,
});

/** Pods without GPUs stay off machines that have some, as pools have it. */
const problem = (
  items: readonly Item[],
  machines: readonly Machine[] = FOUR,
  options: Partial<Problem> = {},
): Problem => ({
  items,
  machines,
  admits: (kind, machine) => (items[kind]?.gpus ?? 0) > 0 || (machines[machine]?.gpus ?? 0) === 0,
  clash: null,
  ...options,
});

/** Nodes by machine. */
function bought(solution: ReturnType<typeof solve>, machines = FOUR.length): readonly number[] {
  const nodes = Array.from({ length: machines }, () => 0);
  for (const load of solution.loads) nodes[load.machine] = (nodes[load.machine] ?? 0) + load.nodes;
  return nodes;
}

describe("on four machines", () => {
  test.each([
    ["50 pods with a GPU each", [item(50, [4, 16, 1])], 94, [0, 0, 2, 6]],
    ["500 small pods", [item(500, [1, 2, 0])], 25.6, [0, 8, 0, 0]],
    ["50,000 small pods", [item(50_000, [1, 2, 0])], 2_500, [1, 781, 0, 0]],
    ["one small pod", [item(1, [1, 2, 0])], 0.8, [1, 0, 0, 0]],
    [
      "pods that fill memory and pods that fill cpu",
      [item(4, [4, 56, 0]), item(4, [12, 8, 0])],
      3.2,
      [0, 1, 0, 0],
    ],
    ["eight GPUs that have to be together", [item(1, [8, 64, 8])], 15, [0, 0, 0, 1]],
  ] as const)("%s", (_case, items, cost, nodes) => {
    const solution = solve(problem(items), ALL_UNITS);
    expect(solution.cost).toBeCloseTo(cost, 9);
    expect(bought(solution)).toEqual(nodes);
    expect(solution).toMatchObject({ wastedGpus: 0, optimal: true });
    expect(solution.lowerBound).toBeCloseTo(cost, 9);
  });

  test("two kinds that share no machine are proven each on its own", () => {
    const solution = solve(problem([item(50, [4, 16, 1]), item(500, [1, 2, 0])]), ALL_UNITS);
    expect(solution.cost).toBeCloseTo(94 + 25.6, 9);
    expect(solution.optimal).toBe(true);
  });

  test("room beside GPU pods is used where the pool lets cpu pods in", () => {
    const items = [item(50, [4, 16, 1]), item(500, [1, 2, 0])];
    const solution = solve(problem(items, FOUR, { admits: () => true }), ALL_UNITS);
    // Three of gpu8 and 26 of gpu1 have room for 504 small pods beside the 50.
    expect(solution.cost).toBeCloseTo(97, 9);
    expect(solution.unplaced).toEqual([0, 0]);
  });

  test("a mix too large for a proof ends at its lower bound all the same", () => {
    const items = [item(500, [1, 2, 0]), item(20, [8, 40, 0])];
    const solution = solve(problem(items), ALL_UNITS);
    expect(solution.cost).toBeCloseTo(33.6, 9);
    expect(solution.lowerBound).toBeCloseTo(33.6, 9);
  });
});

describe("of equally dear solutions", () => {
  test("the one with fewer idle GPUs is taken", () => {
    const machines = [
      { ...GPU8, cost: 8 },
      { ...GPU1, cost: 4 },
    ];
    const solution = solve(problem([item(2, [4, 16, 1])], machines), ALL_UNITS);
    expect(bought(solution, 2)).toEqual([0, 2]);
  });

  test("then the one with fewer nodes", () => {
    const machines = [
      { ...CPU16, cost: 1 },
      { ...CPU64, cost: 4 },
    ];
    expect(solve(problem([item(64, [1, 1, 0])], machines), ALL_UNITS).nodes).toBe(1);
  });

  test("then the machine that the caller put first", () => {
    const twins = [CPU16, CPU16];
    expect(bought(solve(problem([item(3, [16, 1, 0])], twins), ALL_UNITS), 2)).toEqual([3, 0]);
  });

  test("costs that floating point adds up differently are equal", () => {
    const machines = [
      { amounts: [3, 3, 0], cost: 0.1 + 0.2, gpus: 0, most: MANY },
      { amounts: [1, 1, 0], cost: 0.1, gpus: 0, most: MANY },
    ];
    expect(solve(problem([item(3, [1, 1, 0])], machines), ALL_UNITS).nodes).toBe(1);
  });
});

describe("a rule is kept", () => {
  test("a machine that a kind may not use stays empty of it", () => {
    const items = [item(4, [4, 16, 0])];
    const solution = solve(problem(items, FOUR, { admits: (_, machine) => machine === 1 }), ALL_UNITS);
    expect(bought(solution)).toEqual([0, 1, 0, 0]);
  });

  test("one of a kind on a node means a node each", () => {
    expect(solve(problem([item(5, [1, 1, 0], { perNode: 1 })]), ALL_UNITS).nodes).toBe(5);
  });

  test("kinds that clash never meet", () => {
    const items = [item(2, [1, 1, 0]), item(2, [1, 1, 0])];
    const solution = solve(problem(items, FOUR, { clash: (a, b) => a !== b }), ALL_UNITS);
    expect(solution.nodes).toBe(2);
    expect(solution.loads.every(({ counts }) => counts.size === 1)).toBe(true);
  });

  test("a kind that clashes with itself has a node for each pod", () => {
    const items = [item(3, [1, 1, 0])];
    expect(solve(problem(items, FOUR, { clash: () => true }), ALL_UNITS).nodes).toBe(3);
  });

  test("of too few nodes the more important kind gets them", () => {
    const machines = [{ ...GPU8, most: 1 }];
    const [large, small] = [item(1, [8, 64, 8]), item(8, [1, 8, 1])];
    expect(solve(problem([large, small], machines), ALL_UNITS).unplaced).toEqual([0, 8]);
    expect(solve(problem([small, large], machines), ALL_UNITS).unplaced).toEqual([0, 1]);
  });

  test("when the cheap machine is used up the next one is bought", () => {
    const machines = [{ ...CPU16, most: 2 }, { ...CPU16, cost: 1, most: 1 }, CPU64];
    const solution = solve(problem([item(40, [1, 1, 0])], machines), ALL_UNITS);
    expect(bought(solution, 3)).toEqual([2, 1, 0]);
  });
});

describe("data that makes no sense", () => {
  test.each([
    ["no pods", problem([])],
    ["no machines", problem([item(3, [1, 1, 0])], [])],
    ["a count that is none", problem([item(Number.NaN, [1, 1, 0]), item(-3, [1, 1, 0])])],
    ["a cost that is none", problem([item(3, [1, 1, 0])], [{ ...CPU16, cost: Number.NaN }])],
    ["a cost below nothing", problem([item(3, [1, 1, 0])], [{ ...CPU16, cost: -1 }])],
    ["a want that is none", problem([item(3, [Number.NaN, 1, 0])])],
    ["a machine without numbers", problem([item(3, [1, 1, 0])], [{ ...CPU16, amounts: [] }])],
  ])("%s buys nothing", (_case, input) => {
    expect(solve(input, ALL_UNITS)).toMatchObject({ loads: [], cost: 0, nodes: 0, lowerBound: 0 });
  });

  test("pods that ask for nothing and machines that cost nothing are placed", () => {
    const solution = solve(problem([item(3, [0, 0, 0])], [{ ...CPU16, cost: 0 }]), ALL_UNITS);
    expect(solution).toMatchObject({ cost: 0, nodes: 1, unplaced: [0] });
  });

  test.each([0, -1, Number.NaN])("%d units place everything all the same", (units) => {
    const items = [item(50, [4, 16, 1]), item(500, [1, 2, 0])];
    const solution = solve(problem(items), units);
    expect(solution.unplaced).toEqual([0, 0]);
    expect(solution.units).toBeGreaterThan(0);
  });
});

test("units used grow with the problem", () => {
  const small = solve(problem([item(5, [1, 1, 0])]), ALL_UNITS).units;
  const large = solve(
    problem([item(50, [1, 2, 0]), item(50, [2, 1, 0]), item(50, [3, 7, 0])]),
    ALL_UNITS,
  ).units;
  expect(large).toBeGreaterThan(small);
});
