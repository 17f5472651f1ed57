import fc from "fast-check";
import { describe, expect, test } from "vitest";

import { epochMs } from "../../../shared/model/units.ts";
import type { EpochMs } from "../../../shared/model/units.ts";
import { NOW, SECOND } from "../../../test/build/now.ts";
import type { BehaviorMemory } from "../snapshot-memory.ts";
import { horizonsOf, toleranceOf } from "./behavior-rules.ts";
import type { Behavior } from "./behavior-rules.ts";
import { nextSize } from "./behavior.ts";

type Rules = NonNullable<Behavior["scaleUp"]>;
type Rule = NonNullable<Rules["policies"]>[number];

const nodes = (value: number, periodSeconds: number): Rule => ({ type: "Nodes", value, periodSeconds });
const percent = (value: number, periodSeconds: number): Rule => ({ type: "Percent", value, periodSeconds });
const rules = (given: Partial<Rules>): Rules => ({ selectPolicy: "Max", ...given });

interface Run {
  readonly behavior?: Behavior;
  readonly start: number;
  readonly everySeconds: number;
  readonly min?: number;
  readonly max?: number;
  readonly gpusPerNode?: number | null;
}

/** What an autoscaler does with the answers: a change that is made is remembered, and each wish is, stabilised or not. */
function sizes(run: Run, desired: readonly number[]): number[] {
  const { behavior = {}, min = 1, max = 1000, everySeconds, gpusPerNode = 8 } = run;
  let current = run.start;
  let memory: BehaviorMemory = {
    recommendations: [{ at: epochMs(NOW), nodes: current }],
    ups: [],
    downs: [],
  };
  return desired.map((wish, tick) => {
    const at = epochMs(NOW + tick * everySeconds * SECOND);
    const { size } = nextSize(behavior, { current, desired: wish, min, max, gpusPerNode, at }, memory);
    memory = remembered(memory, { at, wish, change: size - current });
    current = size;
    return size;
  });
}

function remembered(
  memory: BehaviorMemory,
  { at, wish, change }: { readonly at: EpochMs; readonly wish: number; readonly change: number },
): BehaviorMemory {
  const event = { at, nodes: Math.abs(change) };
  return {
    recommendations: [...memory.recommendations, { at, nodes: wish }],
    ups: change > 0 ? [...memory.ups, event] : memory.ups,
    downs: change < 0 ? [...memory.downs, event] : memory.downs,
  };
}

const times = (count: number, value: number): number[] => Array.from({ length: count }, () => value);

/** By hand and by the documentation of the pod autoscaler; its own example is T5. */
const VECTORS: readonly (readonly [
  name: string,
  run: Run,
  desired: readonly number[],
  sizes: readonly number[],
])[] = [
  ["T1", { start: 1, everySeconds: 15, max: 50 }, times(6, 50), [5, 10, 20, 40, 50, 50]],
  ["T2", { start: 20, everySeconds: 15, max: 100 }, times(3, 100), [40, 80, 100]],
  ["T3", { start: 10, everySeconds: 60 }, times(7, 2), [10, 10, 10, 10, 10, 2, 2]],
  ["T4", { start: 10, everySeconds: 60 }, [2, 9, 2, 2, 2, 2, 2, 2], [10, 10, 10, 10, 10, 9, 2, 2]],
  [
    "T5",
    {
      behavior: {
        scaleDown: rules({ stabilizationWindowSeconds: 0, policies: [nodes(4, 60), percent(10, 60)] }),
      },
      start: 80,
      everySeconds: 60,
    },
    times(10, 10),
    [72, 64, 57, 51, 45, 40, 36, 32, 28, 24],
  ],
  [
    "T6",
    {
      behavior: {
        scaleDown: rules({ stabilizationWindowSeconds: 0, policies: [nodes(4, 60), percent(10, 60)] }),
      },
      start: 80,
      everySeconds: 15,
    },
    times(9, 10),
    [72, 72, 72, 72, 64, 64, 64, 64, 57],
  ],
  [
    "T7",
    {
      behavior: {
        scaleDown: rules({
          stabilizationWindowSeconds: 0,
          selectPolicy: "Min",
          policies: [nodes(5, 60), percent(10, 60)],
        }),
      },
      start: 80,
      everySeconds: 60,
    },
    times(6, 10),
    [75, 70, 65, 60, 55, 50],
  ],
  [
    "T8",
    {
      behavior: { scaleDown: rules({ stabilizationWindowSeconds: 0, policies: [percent(10, 60)] }) },
      start: 5,
      everySeconds: 60,
    },
    times(5, 1),
    [4, 3, 2, 1, 1],
  ],
  [
    "T9",
    { behavior: { scaleUp: rules({ policies: [percent(10, 60)] }) }, start: 5, everySeconds: 60 },
    times(4, 50),
    [6, 7, 8, 9],
  ],
  [
    "T10",
    { behavior: { scaleUp: rules({ policies: [percent(100, 60)] }) }, start: 0, everySeconds: 60, min: 0 },
    times(3, 5),
    [0, 0, 0],
  ],
  [
    "T11",
    { behavior: { scaleUp: rules({ policies: [nodes(2, 60)] }) }, start: 0, everySeconds: 60, min: 0 },
    times(3, 5),
    [2, 4, 5],
  ],
  [
    "T12",
    { behavior: { scaleDown: rules({ selectPolicy: "Disabled" }) }, start: 10, everySeconds: 60 },
    times(2, 1),
    [10, 10],
  ],
  [
    "T13",
    { behavior: { scaleUp: rules({ stabilizationWindowSeconds: 180 }) }, start: 2, everySeconds: 60 },
    [6, 6, 6, 6, 6, 3],
    [2, 2, 2, 6, 6, 6],
  ],
  [
    "T14",
    {
      behavior: { scaleDown: rules({ policies: [nodes(1, 60)] }) },
      start: 20,
      everySeconds: 60,
      max: 5,
    },
    [20],
    [5],
  ],
  [
    "T15",
    {
      behavior: {
        scaleUp: rules({ policies: [nodes(4, 60)] }),
        scaleDown: rules({ stabilizationWindowSeconds: 0, policies: [nodes(4, 60)] }),
      },
      start: 10,
      everySeconds: 15,
    },
    [14, 10, 18, 18],
    [14, 10, 14, 14],
  ],
];

describe("nextSize()", () => {
  test.each(VECTORS)("%s as the pod autoscaler does", (_name, run, desired, expected) => {
    expect(sizes(run, desired)).toEqual(expected);
  });

  test("reads Pods as Nodes", () => {
    const run = (type: "Pods" | "Nodes"): number[] =>
      sizes(
        {
          behavior: { scaleUp: rules({ policies: [{ type, value: 3, periodSeconds: 60 }] }) },
          start: 1,
          everySeconds: 60,
        },
        times(3, 9),
      );
    expect(run("Pods")).toEqual(run("Nodes"));
  });

  test("counts GPUs in nodes, up to the next upwards and down to the last downwards", () => {
    const policies: Rule[] = [{ type: "GPUs", value: 12, periodSeconds: 60 }];
    const behavior = {
      scaleUp: rules({ policies }),
      scaleDown: rules({ stabilizationWindowSeconds: 0, policies }),
    };
    expect(sizes({ behavior, start: 10, everySeconds: 60 }, [20, 20])).toEqual([12, 14]);
    expect(sizes({ behavior, start: 10, everySeconds: 60 }, [1, 1])).toEqual([9, 8]);
    expect(sizes({ behavior, start: 10, everySeconds: 60, gpusPerNode: null }, [20, 1])).toEqual([10, 10]);
    expect(sizes({ behavior, start: 10, everySeconds: 60, gpusPerNode: 0 }, [20, 1])).toEqual([20, 1]);
  });

  test("a pool that somebody set to nothing stays there while it has a minimum", () => {
    expect(sizes({ start: 0, everySeconds: 60, min: 2 }, [5])).toEqual([0]);
  });

  test("a minimum is met at once, whatever the policies allow", () => {
    const behavior = { scaleUp: rules({ policies: [nodes(1, 60)] }) };
    expect(sizes({ behavior, start: 1, everySeconds: 60, min: 4 }, [4])).toEqual([4]);
  });

  const at = epochMs(NOW);
  const question = { min: 0, max: 100, gpusPerNode: 8, at };

  test("says what keeps it back, and for how long", () => {
    const calm: BehaviorMemory = {
      recommendations: [{ at: epochMs(NOW - 100 * SECOND), nodes: 10 }],
      ups: [],
      downs: [],
    };
    expect(nextSize({}, { ...question, current: 10, desired: 2 }, calm)).toEqual({
      size: 10,
      because: { code: "stabilizing", direction: "down", leftMs: 200 * SECOND },
    });
    const busy: BehaviorMemory = { ...calm, ups: [{ at: epochMs(NOW - 10 * SECOND), nodes: 2 }] };
    const slow = { scaleUp: rules({ policies: [nodes(3, 60)] }) };
    expect(nextSize(slow, { ...question, current: 10, desired: 30 }, busy)).toEqual({
      size: 11,
      because: { code: "behavior-limit", direction: "up", allowed: 1, leftMs: 50 * SECOND },
    });
    const off = { scaleUp: rules({ selectPolicy: "Disabled" }) };
    expect(nextSize(off, { ...question, current: 10, desired: 30 }, calm)).toEqual({
      size: 10,
      because: { code: "behavior-disabled", direction: "up" },
    });
    expect(nextSize({}, { ...question, current: 10, desired: 11 }, calm)).toEqual({
      size: 11,
      because: null,
    });
  });
});

describe("properties of nextSize()", () => {
  const behaviors: fc.Arbitrary<Behavior> = fc.record({
    scaleUp: ruleSets(),
    scaleDown: ruleSets(),
  });
  const at = epochMs(NOW);
  const memories: fc.Arbitrary<BehaviorMemory> = fc.record({
    recommendations: events(),
    ups: events(),
    downs: events(),
  });
  const asked = fc.record({
    current: count(),
    desired: count(),
    min: fc.constantFrom(0, 1, 5),
    max: fc.integer({ min: 5, max: 60 }),
  });

  test("never outside minimum and maximum, but for a pool at nothing", () => {
    fc.assert(
      fc.property(behaviors, memories, asked, (behavior, memory, { current, ...rest }) => {
        const { size } = nextSize(behavior, { ...rest, current, gpusPerNode: 8, at }, memory);
        if (current === 0 && rest.min > 0) expect(size).toBe(0);
        else {
          expect(size).toBeGreaterThanOrEqual(Math.min(rest.min, current));
          expect(size).toBeLessThanOrEqual(rest.max);
        }
      }),
    );
  });

  test("in one period ups less downs stay within the policy", () => {
    const period = 60;
    fc.assert(
      fc.property(fc.array(count(), { maxLength: 40 }), fc.integer({ min: 1, max: 6 }), (desired, value) => {
        const only = (given: Partial<Rules>) =>
          rules({ stabilizationWindowSeconds: 0, policies: [nodes(value, period)], ...given });
        const behavior = { scaleUp: only({}), scaleDown: only({}) };
        const got = [10, ...sizes({ behavior, start: 10, everySeconds: 15, min: 0 }, desired)];
        // Four ticks make a period. Whenever the size changes, the net change of that period is within the policy.
        for (let tick = 1; tick < got.length; tick++) {
          const [size = 0, before = 0] = [got[tick], got[tick - 1]];
          const began = got[Math.max(0, tick - 4)] ?? 0;
          const net = size > before ? size - began : size < before ? began - size : 0;
          expect(net).toBeLessThanOrEqual(value);
        }
      }),
    );
  });

  test("Max is never slower than Min", () => {
    fc.assert(
      fc.property(behaviors, memories, asked, (behavior, memory, rest) => {
        const question = { ...rest, gpusPerNode: 8, at };
        const change = (selectPolicy: "Max" | "Min"): number => {
          const select = (given: Behavior["scaleUp"]) => ({ ...rules({}), ...given, selectPolicy });
          const picked = { scaleUp: select(behavior.scaleUp), scaleDown: select(behavior.scaleDown) };
          return Math.abs(nextSize(picked, question, memory).size - question.current);
        };
        expect(change("Max")).toBeGreaterThanOrEqual(change("Min"));
      }),
    );
  });

  test("one more recommendation that is higher than the wish never lowers the size", () => {
    fc.assert(
      fc.property(
        behaviors,
        memories,
        asked,
        fc.integer({ min: 0, max: 30 }),
        (behavior, memory, rest, more) => {
          const question = { ...rest, gpusPerNode: 8, at };
          const higher = Math.max(rest.desired, rest.current) + more;
          const added = [...memory.recommendations, { at: epochMs(NOW - SECOND), nodes: higher }];
          const before = nextSize(behavior, question, memory).size;
          const after = nextSize(behavior, question, { ...memory, recommendations: added }).size;
          expect(after).toBeGreaterThanOrEqual(before);
        },
      ),
    );
  });

  function count(): fc.Arbitrary<number> {
    return fc.integer({ min: 0, max: 60 });
  }

  function events(): fc.Arbitrary<BehaviorMemory["ups"]> {
    return fc.array(
      fc.record({
        at: fc.integer({ min: 0, max: 900 }).map((ago) => epochMs(NOW - ago * SECOND)),
        nodes: fc.integer({ min: 0, max: 20 }),
      }),
      { maxLength: 5 },
    );
  }

  function ruleSets(): fc.Arbitrary<Rules> {
    return fc.record({
      stabilizationWindowSeconds: fc.constantFrom(0, 60, 300),
      selectPolicy: fc.constantFrom("Max" as const, "Min" as const, "Disabled" as const),
      policies: fc.array(
        fc.record({
          type: fc.constantFrom("Nodes" as const, "GPUs" as const, "Percent" as const),
          value: fc.integer({ min: 1, max: 200 }),
          periodSeconds: fc.constantFrom(15, 60, 600),
        }),
        { minLength: 1, maxLength: 3 },
      ),
    });
  }
});

describe("what is left out of a behavior", () => {
  test("has the defaults of the pod autoscaler", () => {
    expect(toleranceOf({}, "up")).toBe(0.1);
    expect(toleranceOf({ scaleUp: rules({ tolerance: 0 }) }, "up")).toBe(0);
    expect(horizonsOf({})).toEqual({ events: 15 * SECOND, recommendations: 300 * SECOND });
    expect(
      horizonsOf({ scaleUp: rules({ stabilizationWindowSeconds: 600, policies: [nodes(1, 90)] }) }),
    ).toEqual({ events: 90 * SECOND, recommendations: 600 * SECOND });
  });
});
