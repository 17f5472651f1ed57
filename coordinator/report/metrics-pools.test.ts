import { expect, test } from "vitest";

import { epochMs } from "../../shared/model/units.ts";
import { createMetrics } from "../../shared/runtime/metrics.ts";
import { NOW } from "../../test/build/now.ts";
import type { PolicyFigures } from "../decide/plan.ts";
import { recordConditions, recordPools } from "./metrics-pools.ts";
import { COORDINATOR_METRICS } from "./metrics.ts";
import type { CoordinatorMetrics } from "./metrics.ts";

const FIGURES: PolicyFigures = {
  policy: "gpus",
  pools: [
    {
      pool: "spot",
      size: 3,
      ready: 2,
      booting: 1,
      standing: { ready: 1, draining: 1, booting: 1, sick: 0, leaving: 0 },
    },
    { pool: "lost", size: null, ready: 0, booting: 0 },
  ],
  utilization: null,
  pendingPods: 0,
  underutilizedNodes: 0,
  unknownNodes: 0,
  upCooldownMs: {},
  downCooldownMs: {},
};

async function seriesOf(make: (metrics: CoordinatorMetrics) => void): Promise<readonly string[]> {
  const metrics = createMetrics(COORDINATOR_METRICS);
  make(metrics);
  return (await metrics.text())
    .split("\n")
    .filter((line) => /^gpu_autoscaler_(pool_(nodes|desired)|policy_condition)/.test(line));
}

test("each pool shows its nodes by state and the size that is asked for, and nothing that is not known", async () => {
  const labels = 'policy="gpus",pool="spot"';
  expect(await seriesOf((metrics) => recordPools(metrics, { figures: [FIGURES] }))).toEqual([
    `gpu_autoscaler_pool_nodes{${labels},state="booting"} 1`,
    `gpu_autoscaler_pool_nodes{${labels},state="draining"} 1`,
    `gpu_autoscaler_pool_nodes{${labels},state="leaving"} 0`,
    `gpu_autoscaler_pool_nodes{${labels},state="ready"} 1`,
    `gpu_autoscaler_pool_nodes{${labels},state="sick"} 0`,
    `gpu_autoscaler_pool_desired_nodes{${labels}} 3`,
  ]);
});

test("each condition has one status that holds, a policy that is gone has none, and others' are left to them", async () => {
  const condition = (type: string, status: "True" | "False" | "Unknown") => ({
    type,
    status,
    reason: "Because",
    message: "",
    lastTransitionTime: new Date(epochMs(NOW)).toISOString(),
  });
  const series = await seriesOf((metrics) => {
    recordConditions(metrics, new Map([["gone", [condition("Valid", "True")]]]));
    recordConditions(
      metrics,
      new Map([["gpus", [condition("Valid", "False"), condition("SomebodyElses", "True")]]]),
    );
  });
  expect(series).toEqual(
    [
      ["False", 1],
      ["True", 0],
      ["Unknown", 0],
    ].map(
      ([status, value]) =>
        `gpu_autoscaler_policy_condition{policy="gpus",type="Valid",status="${status}"} ${value}`,
    ),
  );
});
