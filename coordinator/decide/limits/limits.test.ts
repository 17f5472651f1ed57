import { describe, expect, test } from "vitest";

import { epochMs } from "../../../shared/model/units.ts";
import { node } from "../../../test/build/node.ts";
import { MINUTE, NOW } from "../../../test/build/now.ts";
import { pod, pods } from "../../../test/build/pod.ts";
import { move, policy, pool } from "../../../test/build/policy.ts";
import { grows, holdCodes, snapshot, unplacedCodes } from "../../../test/build/snapshot.ts";
import { decide } from "../decide.ts";
import { EMPTY_JOURNAL } from "../snapshot-memory.ts";
import { addedInWindow, allowedGrowth } from "./growth.ts";

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

describe("limits of money", () => {
  const many = pods(30, "p", { gpus: 8 });
  const priced = (usdPerHour: number | null, maxPricePerHour?: number) =>
    pool("spot", {
      fields: {
        price: {
          ...(usdPerHour === null ? {} : { usdPerHour }),
          ...(maxPricePerHour === undefined ? {} : { maxPricePerHour }),
        },
      },
    });

  test("the hourly cost of all nodes stays at or under its cap", () => {
    const decide10 = (maxHourlyCostUsd: number) =>
      decide(snapshot({ policies: [policy({ maxHourlyCostUsd, pools: [priced(2.5)] })], pods: many }));
    expect(added(decide10(7.5))).toBe(3);
    expect(added(decide10(7.49))).toBe(2);
    expect(grows(decide10(7.49))[0]?.because).toContainEqual({
      code: "cost-limit",
      usdPerHour: 5,
      adds: 2.5,
      maximum: 7.49,
    });
    expect(added(decide10(0))).toBe(0);
  });

  test("a tenth of a dollar ten times is a dollar", () => {
    const spec = { maxHourlyCostUsd: 1, pools: [priced(0.1)] };
    expect(added(decide(snapshot({ policies: [policy(spec)], pods: many })))).toBe(10);
  });

  test("what the nodes that are here cost counts, in each pool", () => {
    const pools = [
      priced(1),
      pool("od", { capacityType: "on-demand", size: 3, fields: { price: { usdPerHour: 2 } } }),
    ];
    const spec = { maxHourlyCostUsd: 8, pools };
    expect(added(decide(snapshot({ policies: [policy(spec)], pods: many })))).toBe(2);
  });

  test("under a cap nothing is bought whose price nobody knows, nor beside nodes of unknown price", () => {
    const unknown = decide(
      snapshot({ policies: [policy({ maxHourlyCostUsd: 100, pools: [priced(null)] })], pods: many }),
    );
    expect(added(unknown)).toBe(0);
    expect(unplacedCodes(unknown, "p-0")).toContain("cost-unknown");
    const beside = policy({
      maxHourlyCostUsd: 100,
      pools: [priced(1), pool("od", { capacityType: "on-demand", size: 1, maxSize: 1 })],
    });
    const decision = decide(snapshot({ policies: [beside], pods: many }));
    expect(added(decision)).toBe(0);
    expect(decision.plan.unplaced.flatMap(({ because }) => because)).toContainEqual({
      code: "cost-unknown",
      pool: "od",
      maximum: 100,
    });
  });

  test("a price over the pool's cap, or an unknown one under a cap, buys nothing", () => {
    const codes = (built: ReturnType<typeof priced>) =>
      unplacedCodes(decide(snapshot({ policies: [policy({ pools: [built] })], pods: many })), "p-0");
    expect(codes(priced(null, 3))).toContain("price-unknown");
    const prices = { provider: "custom", region: "r", instanceType: "big", tier: "spot" } as const;
    const read = snapshot({
      policies: [
        policy({
          pools: [
            pool("spot", {
              fields: { region: "r", instanceTypes: ["big"], price: { maxPricePerHour: 3 } },
            }),
          ],
        }),
      ],
      pods: many,
      prices: [{ ...prices, usdPerHour: 3.01, source: "test", at: epochMs(NOW) }],
    });
    expect(unplacedCodes(decide(read), "p-0")).toContain("over-price");
  });
});

describe("caps of schedules", () => {
  const many = pods(30, "p", { gpus: 8 });
  const open = { timeZone: "UTC", start: "* * * * *", durationSeconds: 120 };

  test("hold for pods and for the policy as a whole, while the window is open", () => {
    const capped = (fields: object) =>
      decide(
        snapshot({ policies: [policy({ schedules: [{ name: "cap", ...open, ...fields }] })], pods: many }),
      );
    const decision = capped({ maxNodes: 2, pools: ["spot"] });
    expect(added(decision)).toBe(2);
    expect(grows(decision)[0]?.because).toContainEqual({ code: "schedule-cap", schedule: "cap", maximum: 2 });
    expect(added(capped({ maxNodes: 3 }))).toBe(3);
    expect(added(capped({ maxNodes: 3, suspend: true }))).toBe(10);
  });

  test("and a schedule that cannot be read adds nothing", () => {
    const schedules = [{ name: "s", ...open, timeZone: "Nowhere" }];
    const decision = decide(snapshot({ policies: [policy({ schedules })], pods: many }));
    expect(added(decision)).toBe(0);
    expect(holdCodes(decision)).toContain("malformed");
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
          cost: { adds: null, now: { usdPerHour: 0 } },
          poolCap: null,
          groupMax: null,
          policyCap: null,
        }).nodes;

  // F14: a share of a small fleet that rounds to 0 would never let it grow.
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
