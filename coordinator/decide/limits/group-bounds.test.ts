import { describe, expect, test } from "vitest";

import { node } from "../../../test/build/node.ts";
import { HOUR, MINUTE, NOW } from "../../../test/build/now.ts";
import { pod, pods } from "../../../test/build/pod.ts";
import { move, policy, pool } from "../../../test/build/policy.ts";
import type { PolicyOptions, PoolOptions } from "../../../test/build/policy.ts";
import {
  grows,
  holdCodes,
  memory,
  movesOf,
  notice,
  replaces,
  shrinks,
  snapshot,
  unplacedCodes,
} from "../../../test/build/snapshot.ts";
import { decide } from "../decide.ts";
import { allowedNow, removalRefusedNow } from "../recheck.ts";
import type { GroupReading } from "../snapshot.ts";

type Known = Extract<GroupReading, { readonly kind: "known" }>;

const group = (size: number, more: Partial<Known> = {}): GroupReading => ({
  kind: "known",
  size,
  chosenRemoval: true,
  ...more,
});
const whole = (count: number) => pods(count, "train", { gpus: 8 });
const members = (...names: readonly string[]) =>
  names.map((name) => ({ id: `i-${name}`, node: name, state: "ready" as const }));
const OPEN: PolicyOptions = {
  emptySeconds: 60,
  scaleDownDelayAfterAddSeconds: 0,
  disruption: { budgets: [{ nodes: "100%" }], freeze: false },
};

describe("a group with a maximum of its own", () => {
  const growing = (max: number, options: PoolOptions = {}, waiting = 5) =>
    decide(
      snapshot({
        policies: [
          policy({ pools: [pool("spot", { group: group(0, { max }), instances: [], ...options })] }),
        ],
        pods: whole(waiting),
      }),
    );

  test("is grown to it and no further, and says which of the two numbers binds", () => {
    const decision = growing(3);
    expect(grows(decision)).toMatchObject([{ from: 0, to: 3 }]);
    expect(grows(decision)[0]?.because).toContainEqual({ code: "group-maximum", group: 3, maximum: 20 });
    expect(unplacedCodes(decision, "train-4")).toContain("group-maximum");
  });

  test("of two bounds that are the same the policy's is named", () => {
    expect(holdCodes(growing(0, { maxSize: 0 }))).toEqual(["at-maximum"]);
    expect(holdCodes(growing(0))).toEqual(["group-maximum"]);
  });

  test("sends what does not fit to another pool", () => {
    const decision = decide(
      snapshot({
        policies: [
          policy({
            pools: [
              pool("spot", { group: group(0, { max: 1 }), instances: [], priority: 1 }),
              pool("other", { size: 0 }),
            ],
          }),
        ],
        pods: whole(3),
      }),
    );
    expect(grows(decision).map(({ pool: name, to }) => [name, to])).toEqual([
      ["spot", 1],
      ["other", 2],
    ]);
  });

  test("keeps floors and pools that pause within it", () => {
    expect(grows(growing(2, { minSize: 4 }, 0))).toMatchObject([{ to: 2 }]);
    const paused = decide(
      snapshot({
        policies: [
          policy({
            pools: [pool("spot", { group: group(1, { max: 2 }), instances: [] })],
            journal: { lastUpAt: { spot: NOW }, moves: [move(NOW, { phase: "applied", from: 0, to: 1 })] },
          }),
        ],
        pods: whole(5),
      }),
    );
    expect(grows(paused)).toEqual([]);
    expect(holdCodes(paused)).toEqual(expect.arrayContaining(["cooldown", "group-maximum"]));
  });

  test("is asked again just before the call", () => {
    const asked = policy({ pools: [pool("spot", { group: group(0, { max: 3 }), instances: [] })] });
    const recheck = { policy: asked, pool: "spot", changedNow: 0, snapshot: snapshot({ policies: [asked] }) };
    expect(allowedNow({ ...recheck, sizes: new Map([["spot", 1]]) })).toBe(2);
    expect(allowedNow({ ...recheck, sizes: new Map([["spot", 5]]) })).toBe(0);
  });
});

describe("a group with a minimum of its own", () => {
  const empty = (min: number | undefined, options: PolicyOptions = {}) => {
    const nodes = ["n1", "n2", "n3"].map((name) => node(name));
    const own = group(3, min === undefined ? {} : { min });
    return snapshot({
      policies: [
        policy({
          ...OPEN,
          ...options,
          pools: [pool("spot", { group: own, instances: members("n1", "n2", "n3") })],
        }),
      ],
      nodes,
      memory: memory({ n1: { emptyMs: HOUR }, n2: { emptyMs: HOUR }, n3: { emptyMs: HOUR } }),
    });
  };

  test("loses no node below it, and says why the others stay", () => {
    expect(shrinks(decide(empty(undefined)))).toHaveLength(3);
    const decision = decide(empty(2));
    expect(shrinks(decision)).toMatchObject([{ from: 3, to: 2 }]);
    expect(decision.plan.holds[0]?.because).toContainEqual({ code: "group-minimum", group: 2, minimum: 0 });
  });

  test("keeps also what is ill and what its cloud is taking, whose places its provider does not let go", () => {
    const ill = {
      ...empty(3, { health: { replace: "Replace", maxUnhealthyPercent: 100 } }),
      nodes: ["n1", "n2", "n3"].map((name) => ({
        ...node(name),
        gpuHealth: { verdict: "ill" as const, since: NOW, detail: "XID 79" },
      })),
    };
    expect(movesOf(decide(ill), "shrink")).toEqual([]);
    const gone = { ...empty(3), notices: [notice("n1", { drained: true, replace: false })] };
    expect(movesOf(decide(gone), "release")).toEqual([]);
    const free = { ...empty(2), notices: [notice("n1", { drained: true, replace: false })] };
    expect(movesOf(decide(free), "release")).toHaveLength(1);
  });

  test("is asked again just before the call", () => {
    const taken = empty(2);
    const recheck = { policy: { name: "demo" }, pool: "spot", changedNow: 0, snapshot: taken };
    const refused = (size: number) => removalRefusedNow({ ...recheck, sizes: new Map([["spot", size]]) });
    expect([refused(3), refused(2)]).toEqual([null, { code: "group-minimum", group: 2, minimum: 0 }]);
  });
});

describe("a group that grows itself", () => {
  const itself = (size: number, more: PoolOptions = {}) =>
    pool("spot", { group: group(size, { growsItself: true }), instances: [], ...more });

  test("is never asked for a node, and its pods know who buys one", () => {
    const decision = decide(snapshot({ policies: [policy({ pools: [itself(0)] })], pods: whole(2) }));
    expect(decision.plan.moves).toEqual([]);
    expect(holdCodes(decision)).toEqual(["group-grows-itself"]);
    expect(unplacedCodes(decision, "train-0")).toEqual(["group-grows-itself"]);
    expect(decision.plan.figures[0]?.pendingPods).toBe(2);
  });

  test("leaves it to other pools where the policy has some", () => {
    const decision = decide(
      snapshot({
        policies: [policy({ pools: [itself(0, { priority: 9 }), pool("other", { size: 0 })] })],
        pods: whole(2),
      }),
    );
    expect(grows(decision).map(({ pool: name }) => name)).toEqual(["other"]);
  });

  test("is given no floor, no replacement and no growth by use, and act is told the same", () => {
    const floor = decide(
      snapshot({ policies: [policy({ pools: [itself(0, { minSize: 2 })], minNodes: 2 })] }),
    );
    expect(floor.plan.moves).toEqual([]);

    const busy = snapshot({
      policies: [policy({ pools: [itself(1, { instances: members("n1") })] })],
      nodes: [node("n1")],
      pods: [pod("runs", { node: "n1", gpus: 8 })],
      notices: [notice("n1")],
    });
    expect(replaces(decide(busy))).toEqual([]);
    const recheck = { policy: { name: "demo" }, pool: "spot", changedNow: 0, snapshot: busy };
    expect(allowedNow({ ...recheck, sizes: new Map([["spot", 1]]) })).toBe(0);
  });

  test("counts what is on its way as room", () => {
    const coming = [{ id: "claim-1", node: null, state: "booting" as const }];
    const decision = decide(
      snapshot({
        policies: [policy({ pools: [itself(1, { instances: coming }), pool("other", { size: 0 })] })],
        pods: whole(1),
      }),
    );
    expect(decision.plan.moves).toEqual([]);
    expect(unplacedCodes(decision, "train-0")).toEqual(["booting"]);
  });

  test("loses nodes that nobody needs like any other", () => {
    const decision = decide(
      snapshot({
        policies: [policy({ ...OPEN, pools: [itself(1, { instances: members("n1") })] })],
        nodes: [node("n1")],
        memory: memory({ n1: { emptyMs: 30 * MINUTE } }),
      }),
    );
    expect(shrinks(decision)).toMatchObject([{ node: "n1", instance: "i-n1" }]);
  });
});
