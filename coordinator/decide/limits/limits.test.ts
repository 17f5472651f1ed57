import { describe, expect, test } from "vitest";

import { epochMs } from "../../../shared/model/units.ts";
import { node } from "../../../test/build/node.ts";
import { MINUTE, NOW } from "../../../test/build/now.ts";
import { pod, pods } from "../../../test/build/pod.ts";
import { move, policy, pool } from "../../../test/build/policy.ts";
import { grows, holdCodes, snapshot, unplacedCodes } from "../../../test/build/snapshot.ts";
import { decide } from "../decide.ts";
import { EMPTY_JOURNAL } from "../snapshot-memory.ts";
import { addedInWindow, allowedGrowth } from "./limits.ts";

const added = (decision: ReturnType<typeof decide>) =>
  grows(decision).reduce((sum, { from, to }) => sum + to - from, 0);

describe("limits at the decision", () => {
  const many = pods(30, "p", { gpus: 8 });

  test.each([
    [
      "the pool's maximum",
      { pools: [pool("spot", { maxSize: 4 })] },
      4,
      { code: "at-maximum", scope: "pool", maximum: 4 },
    ],
    ["the policy's maximum", { maxNodes: 3 }, 3, { code: "at-maximum", scope: "policy", maximum: 3 }],
    ["the GPU cap", { maxGpus: 20 }, 2, { code: "at-maximum", scope: "gpus", maximum: 20 }],
    [
      "the rate of ten minutes",
      {},
      10,
      { code: "rate-limit", added: 10, allowed: 10, windowMs: 10 * MINUTE },
    ],
    [
      "a smaller rate",
      { maxPercentOrNodesAdded: { nodes: 2, percent: 0 } },
      2,
      { code: "rate-limit", added: 2, allowed: 2, windowMs: 10 * MINUTE },
    ],
  ])("%s cuts a growth and is a reason on it", (_case, spec, nodes, reason) => {
    const decision = decide(snapshot({ policies: [policy(spec)], pods: many }));
    expect(added(decision)).toBe(nodes);
    expect(grows(decision)[0]?.because).toContainEqual(reason);
    expect(unplacedCodes(decision, "p-9").length + unplacedCodes(decision, "p-29").length).toBeGreaterThan(0);
  });

  test("a pool at its maximum holds and says so", () => {
    const decision = decide(
      snapshot({ policies: [policy({ pools: [pool("spot", { maxSize: 0 })] })], pods: [pod("p")] }),
    );
    expect(holdCodes(decision)).toEqual(["at-maximum"]);
    expect(unplacedCodes(decision, "p")).toEqual(["at-maximum"]);
  });

  test("booting nodes count against each of them", () => {
    const decision = decide(
      snapshot({ policies: [policy({ maxNodes: 4, pools: [pool("spot", { size: 3 })] })], pods: many }),
    );
    expect(grows(decision).map(({ from, to }) => [from, to])).toEqual([[3, 4]]);
  });

  test("the pools of a policy share its maximum and its rate", () => {
    const pools = [pool("spot", { maxSize: 6 }), pool("od", { capacityType: "on-demand" })];
    expect(added(decide(snapshot({ policies: [policy({ maxNodes: 8, pools })], pods: many })))).toBe(8);
    expect(added(decide(snapshot({ policies: [policy({ pools })], pods: many })))).toBe(10);
  });

  test("a pool whose size cannot be read counts with the nodes that it is known to have", () => {
    const pools = [
      pool("od", { capacityType: "on-demand", group: { kind: "unknown", detail: "timeout" } }),
      pool("spot"),
    ];
    const nodes = [node("a", { pool: "od" }), node("b", { pool: "od" })];
    const full = [pod("x", { node: "a", gpus: 8 }), pod("y", { node: "b", gpus: 8 })];
    expect(
      added(
        decide(snapshot({ policies: [policy({ maxNodes: 3, pools })], nodes, pods: [...full, ...many] })),
      ),
    ).toBe(1);
    // With what was last set when no node of it is here.
    const moves = [
      move(NOW, { pool: "od", kind: "grow", phase: "applied", from: 0, to: 3, agoMs: 5 * MINUTE }),
    ];
    expect(
      added(decide(snapshot({ policies: [policy({ maxNodes: 3, pools, journal: { moves } })], pods: many }))),
    ).toBe(0);
  });

  test("additions of the last ten minutes count, older ones do not", () => {
    const addition = (agoMs: number) =>
      policy({ journal: { additions: [{ at: epochMs(NOW - agoMs), nodes: 7 }] } });
    expect(added(decide(snapshot({ policies: [addition(9 * MINUTE)], pods: many })))).toBe(3);
    expect(added(decide(snapshot({ policies: [addition(10 * MINUTE)], pods: many })))).toBe(10);
  });
});

describe("allowedGrowth()", () => {
  const { spec } = policy({
    maxNodes: 1000,
    maxPercentOrNodesAdded: { nodes: 1, percent: 20 },
    pools: [pool("spot", { maxSize: 1000 })],
  });
  const [only] = spec.nodePools;
  const allowed = (policyNodes: number, addedNow: number) =>
    only === undefined
      ? null
      : allowedGrowth(spec, only, {
          poolNodes: policyNodes,
          policyNodes,
          policyGpus: null,
          gpusPerNode: null,
          added: addedNow,
        }).nodes;

  test("a percentage is never rounded to nothing", () => {
    expect(allowed(0, 0)).toBe(1);
    expect(allowed(2, 0)).toBe(1);
    expect(allowed(6, 0)).toBe(2);
  });

  test("a percentage is of what there was before the window, so that additions do not feed it", () => {
    expect(allowed(100, 0)).toBe(20);
    expect(allowed(110, 10)).toBe(10);
    expect(allowed(120, 20)).toBe(0);
  });

  test("a fleet above its maximum may not grow, and the answer is not negative", () => {
    expect(allowed(2000, 0)).toBe(0);
  });
});

describe("addedInWindow()", () => {
  test("counts an addition from before the clock was set back", () => {
    expect(
      addedInWindow({ ...EMPTY_JOURNAL, additions: [{ at: epochMs(NOW + MINUTE), nodes: 4 }] }, NOW),
    ).toBe(4);
  });
});
