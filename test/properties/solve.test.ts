// The solver against a search that tries everything, and what holds of every solution however large the problem is.
// A failure prints its seed and the smallest problem that shows it.

import fc from "fast-check";
import { describe, expect, test } from "vitest";

import type { Item, Machine, Problem, Solution } from "../../coordinator/decide/pack/solve/problem.ts";
import { solve } from "../../coordinator/decide/pack/solve/solve.ts";

const ALL_UNITS = Number.POSITIVE_INFINITY;

/** A problem as plain data, so that a failing one can be read. Costs are in tenths. */
interface Case {
  readonly items: readonly Item[];
  readonly machines: readonly Machine[];
  /** `<item>|<machine>` where it may not run. */
  readonly barred: ReadonlySet<string>;
  readonly clashes: ReadonlySet<string>;
}

const pair = (a: number, b: number): string => `${Math.min(a, b)}|${Math.max(a, b)}`;

function problemOf({ items, machines, barred, clashes }: Case): Problem {
  return {
    items,
    machines,
    admits: (item, machine) => !barred.has(`${item}|${machine}`),
    clash: clashes.size === 0 ? null : (a, b) => clashes.has(pair(a, b)),
  };
}

interface Size {
  readonly pods: number;
  readonly kinds: number;
  readonly count: number;
  readonly machines: number;
  readonly most: fc.Arbitrary<number>;
}

function cases({ pods, kinds, count, machines, most }: Size): fc.Arbitrary<Case> {
  const itemOf = fc
    .record({
      count: fc.integer({ min: 1, max: count }),
      amounts: fc.tuple(
        fc.integer({ min: 0, max: 6 }),
        fc.integer({ min: 0, max: 6 }),
        fc.constantFrom(0, 0, 1, 2),
      ),
      perNode: fc.constantFrom(99, 99, 1, 2),
    })
    .map((item): Item => ({ ...item, gpus: item.amounts[2] }));
  const machineOf = fc
    .record({
      amounts: fc.tuple(
        fc.integer({ min: 1, max: 14 }),
        fc.integer({ min: 1, max: 14 }),
        fc.constantFrom(0, 0, 1, 2, 4),
      ),
      cost: fc.integer({ min: 0, max: 40 }),
      most,
    })
    .map((machine): Machine => ({ ...machine, cost: machine.cost / 10, gpus: machine.amounts[2] }));
  const rare = fc.array(fc.tuple(fc.nat(kinds), fc.nat(machines)), { maxLength: 4 });
  return fc
    .record({
      items: fc.array(itemOf, { minLength: 1, maxLength: kinds }),
      machines: fc.array(machineOf, { minLength: 2, maxLength: machines }),
      barred: rare,
      clashes: fc.array(fc.tuple(fc.nat(kinds), fc.nat(kinds)), { maxLength: 3 }),
    })
    .map((raw) => ({
      items: upTo(raw.items, pods),
      machines: raw.machines,
      barred: new Set(raw.barred.map(([item, machine]) => `${item}|${machine}`)),
      clashes: new Set(raw.clashes.map(([a, b]) => pair(a, b))),
    }));
}

function upTo(items: readonly Item[], pods: number): readonly Item[] {
  let left = pods;
  return items.flatMap((item) => {
    const count = Math.min(item.count, left);
    left -= count;
    return count === 0 ? [] : [{ ...item, count }];
  });
}

/** Unplaced pods by item, cost in tenths, idle GPUs, nodes: less is better from left to right. */
type Score = readonly number[];

function less(a: Score, b: Score): boolean {
  const at = a.findIndex((value, index) => value !== b[index]);
  return at !== -1 && (a[at] ?? 0) < (b[at] ?? 0);
}

/** Puts the first pod that is left on every node it could be on, or on none, and goes on with the rest. */
function bruteForce(input: Case): Score {
  const { items, machines, barred, clashes } = input;
  const pods = items.flatMap((item, index) => Array.from({ length: item.count }, () => index));
  const full = (1 << pods.length) - 1;
  const isLimited = machines.some(({ most }) => most < pods.length);
  const holds = machines.map((_, machine) =>
    Uint8Array.from({ length: full + 1 }, (_zero, mask) => (holdsAll(mask, machine) ? 1 : 0)),
  );
  const used = Float64Array.from({ length: full + 1 }, (_zero, mask) =>
    pods.reduce((sum, item, pod) => sum + ((mask & (1 << pod)) === 0 ? 0 : (items[item]?.gpus ?? 0)), 0),
  );
  let best: Score = [...items.map(({ count }) => count), 0, 0, 0];
  const left = machines.map(({ most }) => most);
  const unplaced = items.map(() => 0);
  visit(full, 0, 0, 0);
  return best;

  function holdsAll(mask: number, machine: number): boolean {
    const inside = pods.filter((_, pod) => (mask & (1 << pod)) !== 0);
    const has = machines[machine]?.amounts ?? [];
    const kinds = [...new Set(inside)];
    return (
      kinds.every((kind) => !barred.has(`${kind}|${machine}`)) &&
      kinds.every((kind) => {
        const count = inside.filter((other) => other === kind).length;
        return count <= (items[kind]?.perNode ?? 0) && (count < 2 || !clashes.has(pair(kind, kind)));
      }) &&
      kinds.every((a) => kinds.every((b) => a === b || !clashes.has(pair(a, b)))) &&
      has.every(
        (amount, at) => inside.reduce((sum, kind) => sum + (items[kind]?.amounts[at] ?? 0), 0) <= amount,
      )
    );
  }

  function visit(mask: number, cost: number, gpus: number, nodes: number): void {
    if (mask === 0) {
      const score = [...unplaced, cost, gpus, nodes];
      if (less(score, best)) best = score;
      return;
    }
    const first = 31 - Math.clz32(mask & -mask);
    const kind = pods[first] ?? 0;
    // Without limits nothing that fits somewhere stays out, and what is dearer already cannot win.
    const alone = machines.some((_, machine) => holds[machine]?.[1 << first] === 1);
    if (isLimited || !alone) {
      unplaced[kind] = (unplaced[kind] ?? 0) + 1;
      visit(mask & ~(1 << first), cost, gpus, nodes);
      unplaced[kind] = (unplaced[kind] ?? 0) - 1;
    }
    const rest = mask & ~(1 << first);
    for (let more = rest; ; more = (more - 1) & rest) {
      const content = more | (1 << first);
      for (const [machine, { cost: price, gpus: has }] of machines.entries()) {
        if (holds[machine]?.[content] !== 1 || left[machine] === 0) continue;
        const next = cost + Math.round(price * 10);
        if (
          !isLimited &&
          next > (best[items.length] ?? 0) &&
          best.slice(0, items.length).every((n, at) => n <= (unplaced[at] ?? 0))
        )
          continue;
        left[machine] = (left[machine] ?? 0) - 1;
        visit(mask & ~content, next, gpus + has - (used[content] ?? 0), nodes + 1);
        left[machine] = (left[machine] ?? 0) + 1;
      }
      if (more === 0) return;
    }
  }
}

const scoreOf = ({ unplaced, cost, wastedGpus, nodes }: Solution): Score => [
  ...unplaced,
  Math.round(cost * 10),
  wastedGpus,
  nodes,
];

/** Everything that a solution promises, read off its loads. */
function expectValid(input: Case, solution: Solution): void {
  const { items, machines, barred, clashes } = input;
  const placed = items.map(() => 0);
  const nodes = machines.map(() => 0);
  let cost = 0;
  let idle = 0;
  for (const load of solution.loads) {
    const machine = machines[load.machine];
    expect(machine).toBeDefined();
    expect(load.nodes).toBeGreaterThan(0);
    nodes[load.machine] = (nodes[load.machine] ?? 0) + load.nodes;
    cost += load.nodes * (machine?.cost ?? 0);
    idle += load.nodes * (machine?.gpus ?? 0);
    const inside = [...load.counts];
    for (const [item, count] of inside) {
      expect(count).toBeGreaterThan(0);
      expect(count).toBeLessThanOrEqual(items[item]?.perNode ?? 0);
      expect(barred.has(`${item}|${load.machine}`)).toBe(false);
      if (clashes.has(pair(item, item))) expect(count).toBe(1);
      for (const [other] of inside) expect(other !== item && clashes.has(pair(item, other))).toBe(false);
      placed[item] = (placed[item] ?? 0) + count * load.nodes;
      idle -= load.nodes * count * (items[item]?.gpus ?? 0);
    }
    for (const [at, amount] of (machine?.amounts ?? []).entries())
      expect(
        inside.reduce((sum, [item, count]) => sum + count * (items[item]?.amounts[at] ?? 0), 0),
      ).toBeLessThanOrEqual(amount);
  }
  expect(solution.unplaced).toEqual(items.map(({ count }, item) => count - (placed[item] ?? 0)));
  for (const [machine, { most }] of machines.entries()) expect(nodes[machine]).toBeLessThanOrEqual(most);
  expect(solution.cost).toBeCloseTo(cost, 6);
  expect(solution.wastedGpus).toBe(idle);
  expect(solution.nodes).toBe(nodes.reduce((sum, count) => sum + count, 0));
  expect(solution.cost).toBeGreaterThanOrEqual(solution.lowerBound);
}

const ENOUGH = fc.constant(1_000);

describe("the solver", () => {
  test("is as good as trying everything: cost, idle GPUs, nodes", { timeout: 120_000 }, () => {
    const small = cases({ pods: 8, kinds: 8, count: 3, machines: 5, most: ENOUGH });
    fc.assert(
      fc.property(small, (input) => {
        const solution = solve(problemOf(input), ALL_UNITS);
        expect(scoreOf(solution)).toEqual(bruteForce(input));
        expect(solution.optimal).toBe(true);
        expect(solution.lowerBound).toBeCloseTo(solution.cost, 9);
      }),
      { numRuns: 10_000 },
    );
  });

  test("has a lower bound below the optimum also where it has not looked for that", () => {
    const small = cases({ pods: 8, kinds: 5, count: 4, machines: 5, most: ENOUGH });
    fc.assert(
      fc.property(small, (input) => {
        const { lowerBound } = solve(problemOf(input), 0);
        expect(lowerBound).toBeLessThanOrEqual(solve(problemOf(input), ALL_UNITS).cost);
      }),
      { numRuns: 2_000 },
    );
  });

  test("is as good as trying everything where machines are few", { timeout: 120_000 }, () => {
    const few = cases({ pods: 5, kinds: 4, count: 3, machines: 4, most: fc.integer({ min: 0, max: 2 }) });
    fc.assert(
      fc.property(few, (input) => {
        expect(scoreOf(solve(problemOf(input), ALL_UNITS))).toEqual(bruteForce(input));
      }),
      { numRuns: 2_000 },
    );
  });

  const large = cases({
    pods: 10_000,
    kinds: 20,
    count: 60,
    machines: 12,
    most: fc.oneof(ENOUGH, fc.integer({ min: 0, max: 9 })),
  });

  test("keeps every rule and its own figures on large problems", { timeout: 120_000 }, () => {
    fc.assert(
      fc.property(large, fc.constantFrom(0, 20_000, 500_000), (input, units) => {
        expectValid(input, solve(problemOf(input), units));
      }),
      { numRuns: 400 },
    );
  });

  test("is never worse for more units", { timeout: 120_000 }, () => {
    fc.assert(
      fc.property(large, fc.array(fc.nat(400_000), { minLength: 2, maxLength: 4 }), (input, limits) => {
        const scores = limits
          .toSorted((a, b) => a - b)
          .map((units) => scoreOf(solve(problemOf(input), units)));
        for (const [at, score] of scores.entries()) {
          const before = scores[at - 1];
          if (before !== undefined) expect(less(before, score)).toBe(false);
        }
      }),
      { numRuns: 150 },
    );
  });

  test("gives the same answer twice", () => {
    fc.assert(
      fc.property(large, (input) => {
        expect(solve(problemOf(input), 100_000)).toEqual(solve(problemOf(input), 100_000));
      }),
      { numRuns: 40 },
    );
  });
});
