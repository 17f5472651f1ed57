import fc from "fast-check";
import { describe, expect, test } from "vitest";

import type { MoveState } from "../../../shared/contract/policy/status.ts";
import { epochMs } from "../../../shared/model/units.ts";
import { node } from "../../../test/build/node.ts";
import { MINUTE, NOW, SECOND } from "../../../test/build/now.ts";
import { pods } from "../../../test/build/pod.ts";
import { move, policy, pool } from "../../../test/build/policy.ts";
import type { PolicyOptions } from "../../../test/build/policy.ts";
import { grows, holdCodes, memory, snapshot, unplacedCodes } from "../../../test/build/snapshot.ts";
import { decide } from "../decide.ts";
import { assemble } from "../fleet/fleet.ts";
import type { PoolState } from "../fleet/fleet.ts";
import { EMPTY_MEMORY } from "../snapshot-memory.ts";
import type { BehaviorMemory, Memory } from "../snapshot-memory.ts";
import { historyOf, withRecommendation } from "./pace.ts";

type Behavior = NonNullable<PolicyOptions["behavior"]>;

const SLOW: Behavior = { scaleUp: { policies: [{ type: "Nodes", value: 2, periodSeconds: 60 }] } };
const many = pods(12, "p", { gpus: 8 });

function poolOf(spec: PolicyOptions): PoolState {
  const [first] = assemble(snapshot({ policies: [policy(spec)], nodes: [node("n0")] })).pools;
  if (first === undefined) throw new Error("no pool");
  return first;
}

const at = epochMs(NOW);
const ago = (ms: number) => epochMs(NOW - ms);

describe("behavior upwards", () => {
  test("lets pods have as many nodes as its policies allow; the others wait in that pool", () => {
    const pools = [pool("spot"), pool("od", { capacityType: "on-demand" })];
    const decision = decide(
      snapshot({ policies: [policy({ behavior: SLOW, pools, spotInstancePercentage: 1 })], pods: many }),
    );
    expect(grows(decision).map(({ pool: name, to }) => [name, to])).toEqual([["spot", 2]]);
    expect(holdCodes(decision)).toEqual([]);
    expect(grows(decision)[0]?.because).toContainEqual({
      code: "behavior-limit",
      direction: "up",
      allowed: 2,
      leftMs: MINUTE,
    });
    expect(unplacedCodes(decision, "p-9")).toEqual(["behavior-limit"]);
  });

  test("counts what was added in the period, and says when there is more", () => {
    const ups = [{ at: ago(20 * SECOND), nodes: 1 }];
    const remembered: Memory = {
      ...EMPTY_MEMORY,
      at: ago(SECOND),
      behavior: { "demo/spot": { recommendations: [], ups, downs: [] } },
    };
    const decision = decide(
      snapshot({ policies: [policy({ behavior: SLOW })], pods: many, memory: remembered }),
    );
    expect(grows(decision)[0]).toMatchObject({ from: 0, to: 1 });
    expect(grows(decision)[0]?.because).toContainEqual({
      code: "behavior-limit",
      direction: "up",
      allowed: 1,
      leftMs: 40 * SECOND,
    });
  });

  test("does not hold minima, and they use nothing of it", () => {
    const pools = [pool("spot", { minSize: 5 })];
    const decision = decide(snapshot({ policies: [policy({ behavior: SLOW, pools })], pods: many }));
    expect(grows(decision)[0]).toMatchObject({ from: 0, to: 5 });
    const exempt = decision.memory.behavior?.["demo/spot"]?.exempt ?? {};
    expect(Object.entries(exempt)).toEqual([[grows(decision)[0]?.key, 3]]);
  });

  test("waits out its window at the lowest that was wanted", () => {
    const behavior: Behavior = { scaleUp: { stabilizationWindowSeconds: 60 } };
    const wanted = (agoMs: number, nodes: number): Memory => ({
      ...EMPTY_MEMORY,
      at: ago(SECOND),
      behavior: { "demo/spot": { recommendations: [{ at: ago(agoMs), nodes }], ups: [], downs: [] } },
    });
    const grown = (remembered: Memory) =>
      grows(decide(snapshot({ policies: [policy({ behavior })], pods: many, memory: remembered })))[0]?.to;
    expect(grown(wanted(30 * SECOND, 1))).toBe(1);
    expect(grown(wanted(30 * SECOND, 0))).toBeUndefined();
    expect(grown(wanted(60 * SECOND, 0))).toBe(4);
  });

  test("Disabled adds nothing for demand", () => {
    const behavior: Behavior = { scaleUp: { selectPolicy: "Disabled" } };
    const decision = decide(snapshot({ policies: [policy({ behavior })], pods: many }));
    expect(grows(decision)).toEqual([]);
    expect(holdCodes(decision)).toContain("behavior-disabled");
  });

  test("is nothing that a policy without one remembers", () => {
    expect(decide(snapshot({ pods: many })).memory.behavior).toBeUndefined();
  });
});

describe("behavior from decision to decision", () => {
  /** What is decided is done at once, and the machines stay on their way. */
  function sizes(behavior: Behavior, ticks: number, everyMs: number, kept = true): number[] {
    let remembered: Memory = EMPTY_MEMORY;
    let size = 0;
    const moves: MoveState[] = [];
    const seen: number[] = [];
    for (let tick = 0; tick < ticks; tick++) {
      const now = NOW + tick * everyMs;
      const decision = decide(
        snapshot({
          at: now,
          policies: [
            policy({
              behavior,
              scaleUpCooldownSeconds: 0,
              pools: [pool("spot", { size })],
              journal: { moves: [...moves] },
            }),
          ],
          pods: many,
          memory: kept ? remembered : EMPTY_MEMORY,
        }),
      );
      remembered = decision.memory;
      for (const { key, from, to } of grows(decision)) {
        moves.push(move(now + 500, { key, phase: "applied", from, to }));
        size = to;
      }
      seen.push(size);
    }
    return seen;
  }

  test("grows as the pod autoscaler does, by what was really done", () => {
    expect(sizes(SLOW, 7, 30 * SECOND)).toEqual([2, 2, 2, 4, 4, 4, 6]);
    expect(sizes(SLOW, 4, 61 * SECOND)).toEqual([2, 4, 6, 8]);
    expect(sizes({}, 3, 16 * SECOND)).toEqual([4, 8, 12]);
  });

  test("does not grow faster when the memory is lost, since the journal tells", () => {
    expect(sizes(SLOW, 7, 30 * SECOND, false)).toEqual(sizes(SLOW, 7, 30 * SECOND));
  });
});

describe("what is recommended", () => {
  const behavior: Behavior = { scaleUp: { policies: [{ type: "Nodes", value: 1, periodSeconds: 600 }] } };

  test("is what pods want, whatever keeps it from them", () => {
    const decision = decide(snapshot({ policies: [policy({ behavior })], pods: many.slice(0, 6) }));
    expect(decision.memory.behavior?.["demo/spot"]?.recommendations.at(-1)).toEqual({ at, nodes: 6 });
  });

  test("leaves out nodes that nobody needs", () => {
    const nodes = [node("a"), node("b"), node("c")];
    const spare = memory({ a: { emptyMs: 20 * MINUTE }, b: { emptyMs: MINUTE } });
    const decision = decide(snapshot({ policies: [policy({ behavior })], nodes, memory: spare }));
    expect(decision.memory.behavior?.["demo/spot"]?.recommendations.at(-1)).toEqual({ at, nodes: 2 });
  });

  test("is nothing while a list may lack nodes or pods", () => {
    const known: BehaviorMemory = { recommendations: [{ at: ago(MINUTE), nodes: 4 }], ups: [], downs: [] };
    const remembered = { ...EMPTY_MEMORY, at: ago(SECOND), behavior: { "demo/spot": known } };
    const decision = decide(
      snapshot({
        policies: [policy({ behavior })],
        sync: { kind: "unsynced", missing: ["pods"] },
        memory: remembered,
      }),
    );
    expect(decision.memory.behavior?.["demo/spot"]).toEqual(known);
  });

  test("forgets nothing that happened before such a decision", () => {
    const known: BehaviorMemory = { recommendations: [], ups: [], downs: [] };
    const moves = [move(NOW, { phase: "applied", from: 1, to: 3, agoMs: SECOND })];
    const decision = decide(
      snapshot({
        policies: [policy({ behavior, journal: { moves } })],
        sync: { kind: "unsynced", missing: ["pods"] },
        memory: { ...EMPTY_MEMORY, at: ago(2 * SECOND), behavior: { "demo/spot": known } },
      }),
    );
    expect(decision.memory.behavior?.["demo/spot"]?.ups).toEqual([{ at: ago(SECOND), nodes: 2 }]);
  });
});

describe("historyOf()", () => {
  const known = (options: Partial<BehaviorMemory> = {}): Memory => ({
    ...EMPTY_MEMORY,
    at: ago(10 * SECOND),
    behavior: { "demo/spot": { recommendations: [], ups: [], downs: [], ...options } },
  });
  const history = (moves: readonly MoveState[], remembered: Memory = known()) =>
    historyOf(poolOf({ behavior: SLOW, journal: { moves } }), remembered, at);
  const applied = (options: Partial<MoveState> & { readonly agoMs: number }) =>
    move(NOW, { phase: "applied", from: 1, to: 3, ...options });

  test("takes from the journal what has happened since the last decision", () => {
    const moves = [
      applied({ agoMs: 5 * SECOND }),
      applied({ agoMs: 11 * SECOND, key: "seen" }),
      applied({ agoMs: 2 * SECOND, kind: "shrink", from: 3, to: 2 }),
      applied({ agoMs: 3 * SECOND, pool: "other" }),
      applied({ agoMs: 3 * SECOND, phase: "failed" }),
      applied({ agoMs: 3 * SECOND, kind: "replace" }),
      applied({ agoMs: 3 * SECOND, kind: "release", from: 3, to: 2 }),
    ];
    const { ups, downs } = history(moves);
    expect(ups).toEqual([{ at: ago(5 * SECOND), nodes: 2 }]);
    expect(downs).toEqual([{ at: ago(2 * SECOND), nodes: 1 }]);
  });

  test("counts once what was done at the very instant of a decision, after it", () => {
    const moves = [applied({ agoMs: 10 * SECOND }), applied({ agoMs: 0, key: "now" })];
    expect(history(moves).ups).toEqual([{ at: ago(10 * SECOND), nodes: 2 }]);
  });

  test("counts what was granted, not what was asked for, and nothing of what is exempt", () => {
    const grown = applied({ agoMs: SECOND, key: "k", from: 1, to: 6 });
    expect(history([grown], known({ exempt: { k: 3 } })).ups).toEqual([{ at: ago(SECOND), nodes: 2 }]);
    expect(history([grown], known({ exempt: { k: 5 } })).ups).toEqual([]);
  });

  test("without a memory goes as far back as any policy looks, and takes the size for wanted", () => {
    const moves = [applied({ agoMs: 59 * SECOND }), applied({ agoMs: 61 * SECOND, key: "old" })];
    expect(history(moves, EMPTY_MEMORY)).toEqual({
      recommendations: [{ at, nodes: 1 }],
      ups: [{ at: ago(59 * SECOND), nodes: 2 }],
      downs: [],
    });
  });

  test("forgets events that no policy looks at any more", () => {
    const ups = [60, 59].map((seconds) => ({ at: ago(seconds * SECOND), nodes: 1 }));
    expect(history([], known({ ups })).ups).toEqual([{ at: ago(59 * SECOND), nodes: 1 }]);
  });
});

describe("withRecommendation()", () => {
  const asked = poolOf({ behavior: { scaleDown: { stabilizationWindowSeconds: 600 } } });
  const empty: BehaviorMemory = { recommendations: [], ups: [], downs: [] };

  test("keeps hours of one size as one entry", () => {
    let history = empty;
    for (let second = 0; second < 500; second++)
      history = withRecommendation(asked, history, 7, {}, epochMs(NOW + second * SECOND));
    expect(history.recommendations).toEqual([{ at: epochMs(NOW + 499 * SECOND), nodes: 7 }]);
  });

  test("forgets none that is the lowest or the highest of any window", () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 0, max: 9 }), { minLength: 1, maxLength: 60 }), (sizes) => {
        let history = empty;
        const all = sizes.map((nodes, tick) => {
          const when = epochMs(NOW + tick * SECOND);
          history = withRecommendation(asked, history, nodes, {}, when);
          return { at: when, nodes };
        });
        for (const { at: since } of all) {
          const of = (list: typeof all) =>
            list.filter((known) => known.at >= since).map(({ nodes }) => nodes);
          const kept = of([...history.recommendations]);
          expect(Math.min(...kept)).toBe(Math.min(...of(all)));
          expect(Math.max(...kept)).toBe(Math.max(...of(all)));
        }
      }),
    );
  });

  test("keeps what is exempt as long as its move is on its way", () => {
    const moves = [
      move(NOW, { key: "open", phase: "draining" }),
      move(NOW, { key: "ended", phase: "applied" }),
    ];
    const open = poolOf({ behavior: SLOW, journal: { moves } });
    const before = { ...empty, exempt: { open: 1, ended: 2, gone: 3 } };
    expect(withRecommendation(open, before, 1, { planned: 4 }, at).exempt).toEqual({ open: 1, planned: 4 });
  });
});
