import { describe, expect, test } from "vitest";

import { epochMs, ratio } from "../../../shared/model/units.ts";
import { node } from "../../../test/build/node.ts";
import { MINUTE, NOW } from "../../../test/build/now.ts";
import { pods } from "../../../test/build/pod.ts";
import { policy, pool } from "../../../test/build/policy.ts";
import type { PolicyOptions } from "../../../test/build/policy.ts";
import { grows, holdCodes, snapshot } from "../../../test/build/snapshot.ts";
import type { SnapshotOptions } from "../../../test/build/snapshot.ts";
import { decide } from "../decide.ts";

const at = epochMs(NOW + 30 * MINUTE);
const forecast = { gpus: 20, at, confidence: ratio(0.9), earned: true };

function decided(spec: PolicyOptions = {}, options: SnapshotOptions = {}) {
  const policies = [policy({ enablePredictiveScaling: true, forecast, ...spec })];
  return decide(snapshot({ policies, ...options }));
}

describe("a forecast", () => {
  test("is a floor in GPUs, rounded up to nodes", () => {
    const [grow] = grows(decided({}, { nodes: [node("n")] }));
    expect(grow).toMatchObject({ from: 1, to: 3 });
    expect(grow?.because).toEqual([{ code: "forecast", gpus: 8, wanted: 20, at, confidence: 0.9 }]);
  });

  test.each([
    ["the policy does not let it", { enablePredictiveScaling: false }, {}],
    ["its mode is to forecast only", { predictive: { mode: "ForecastOnly" as const } }, {}],
    ["its mode is Off", { predictive: { mode: "Off" as const } }, {}],
    ["it has not earned it", { forecast: { ...forecast, earned: false } }, {}],
    ["it cannot be read", { forecast: { ...forecast, gpus: Number.NaN } }, {}],
    [
      "a part of it cannot be read",
      { forecast: { ...forecast, parts: [{ ...forecast, pools: ["elsewhere"] }] } },
      {},
    ],
    ["what is to be kept cannot be read", { forecast: { ...forecast, keepGpus: -1 } }, {}],
    ["the GPUs are there", {}, { nodes: [node("a"), node("b"), node("c")] }],
    ["they boot", { pools: [pool("spot", { size: 3 })] }, {}],
  ])("adds nothing when %s", (_case, spec, options) => {
    expect(grows(decided(spec, options))).toEqual([]);
  });

  test("acts by its mode, whatever the older switch says", () => {
    const spec = { enablePredictiveScaling: false, predictive: { mode: "ForecastAndScale" } } as const;
    expect(grows(decided(spec))).toHaveLength(1);
  });

  test("of one kind of GPU opens nodes of its pools alone", () => {
    const pools = [pool("a100"), pool("t4", { gpus: 4, priority: 9 })];
    const parts = [
      { ...forecast, gpus: 12, pools: ["a100"] },
      { ...forecast, gpus: 4, earned: false, pools: ["t4"] },
    ];
    expect(grows(decided({ pools, forecast: { ...forecast, parts } }))).toMatchObject([
      { pool: "a100", from: 0, to: 2 },
    ]);
  });

  test("counts no machine that failed", () => {
    const failed = { id: "f-1", node: null, state: "failed" as const };
    const pools = [pool("spot", { size: 1, instances: [failed] }), pool("od", { capacityType: "on-demand" })];
    const [grow] = grows(decided({ pools }));
    expect(grow).toMatchObject({ pool: "od", from: 0, to: 3 });
  });

  test("is met by nodes that pods asked for", () => {
    const [grow] = grows(decided({}, { pods: pods(3, "p", { gpus: 8 }) }));
    expect(grow?.because.map(({ code }) => code)).toEqual(["pending-pods"]);
  });

  // Prediction is one more reason to grow, never a way round what holds for growth (F29).
  test.each([
    ["maxNodes", { maxNodes: 1 }, 1],
    ["maxGpus", { maxGpus: 8 }, 1],
    ["the rate", { maxPercentOrNodesAdded: { nodes: 2, percent: 0 } }, 2],
    ["the pool's maximum", { pools: [pool("spot", { maxSize: 1 })] }, 1],
    ["the cooldown", { journal: { lastUpAt: { spot: epochMs(NOW - MINUTE) } } }, 0],
    [
      "behavior",
      { behavior: { scaleUp: { policies: [{ type: "Nodes" as const, value: 1, periodSeconds: 60 }] } } },
      1,
    ],
  ])("does not pass %s", (_case, spec, nodes) => {
    const decision = decided(spec);
    expect(grows(decision).reduce((sum, { from, to }) => sum + to - from, 0)).toBe(nodes);
    const because = [...grows(decision), ...decision.plan.holds].flatMap((answer) => answer.because);
    const limits = ["at-maximum", "rate-limit", "cooldown", "behavior-limit"];
    expect(because.some(({ code }) => limits.includes(code))).toBe(true);
  });

  test("counts nothing where nobody knows what the nodes have", () => {
    const decision = decided({ pools: [pool("spot", { gpus: null, size: 2 })] });
    expect(grows(decision)).toEqual([]);
    expect(holdCodes(decision)).toContain("template-unknown");
  });
});
