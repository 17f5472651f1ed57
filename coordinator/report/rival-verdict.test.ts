import { expect, test } from "vitest";

import { createMetrics } from "../../shared/runtime/metrics.ts";
import { node } from "../../test/build/node.ts";
import { NOW } from "../../test/build/now.ts";
import { policy, pool } from "../../test/build/policy.ts";
import { snapshot } from "../../test/build/snapshot.ts";
import { EMPTY_STATUS } from "../act/moves.ts";
import { decide } from "../decide/decide.ts";
import type { RivalInput } from "../decide/snapshot.ts";
import { recordRivals } from "./metrics-pools.ts";
import { COORDINATOR_METRICS } from "./metrics.ts";
import { nextStatus } from "./status.ts";

function told(...rivals: readonly RivalInput[]) {
  const input = snapshot({
    policies: [policy({ pools: [pool("spot", { rivals }), pool("od")] })],
    nodes: [node("n1")],
  });
  const [one] = input.policies;
  if (one === undefined) throw new Error("the snapshot of this test has no policy");
  const { plan } = decide(input);
  const status = nextStatus(EMPTY_STATUS, {
    policy: one,
    generation: 1,
    plan,
    snapshot: input,
    done: [],
    writtenAt: NOW,
  });
  return { plan, condition: status.conditions.find(({ type }) => type === "RivalAutoscaler") };
}

const seen = (rival: RivalInput["rival"]): RivalInput => ({ rival, detail: "seen" });

test("tells that there is none", () => {
  expect(told().condition).toMatchObject({ status: "False", reason: "NoRival" });
});

test.each([
  [["az-rebalance"], "OnlyTold"],
  [["az-rebalance", "instance-refresh"], "MachinesExchanged"],
  [["az-rebalance", "instance-refresh", "karpenter"], "PoolHeld"],
] as const)("%j is %s", (rivals, reason) => {
  const { condition } = told(...rivals.map(seen));
  expect(condition).toMatchObject({ status: "True", reason });
  expect(condition?.message.split("; pool ")).toHaveLength(rivals.length);
});

test("says which pool, who, what was seen, what waits and what ends it", () => {
  expect(told(seen("cluster-autoscaler")).condition?.message).toBe(
    "pool spot: Cluster Autoscaler sizes the group too: seen; the pool neither grows nor shrinks: take the group out of its --nodes or discovery tags, or out of the policy; where it no longer runs, take its taints off the nodes",
  );
});

test("is a gauge of 1 where moves wait, of 0 where it is only told, and none where it is gone", async () => {
  const metrics = createMetrics(COORDINATOR_METRICS);
  recordRivals(metrics, told(seen("az-rebalance"), seen("karpenter"), seen("karpenter")).plan);
  const lines = (text: string): readonly string[] =>
    text
      .split("\n")
      .filter((line) => line.startsWith("gpu_autoscaler_rival{"))
      .toSorted();
  expect(lines(await metrics.text())).toEqual([
    'gpu_autoscaler_rival{policy="demo",pool="spot",rival="az-rebalance"} 0',
    'gpu_autoscaler_rival{policy="demo",pool="spot",rival="karpenter"} 1',
  ]);
  recordRivals(metrics, told().plan);
  expect(lines(await metrics.text())).toEqual([]);
});
