import { expect, test } from "vitest";

import { epochMs, millis } from "../../shared/model/units.ts";
import { createMetrics } from "../../shared/runtime/metrics.ts";
import { NOW } from "../../test/build/now.ts";
import { policy, pool } from "../../test/build/policy.ts";
import { snapshot } from "../../test/build/snapshot.ts";
import type { PolicyFigures } from "../decide/plan.ts";
import { recordLaunches } from "./metrics-launches.ts";
import { COORDINATOR_METRICS } from "./metrics.ts";

const FIGURES: PolicyFigures = {
  policy: "demo",
  pools: [
    {
      pool: "spot",
      size: 1,
      ready: 1,
      booting: 0,
      backEnd: "simulated",
      finished: [
        { stage: "launched", ms: millis(12_000) },
        { stage: "launched", ms: millis(40_000) },
        { stage: "total", ms: millis(95_000) },
      ],
    },
    { pool: "none", size: null, ready: 0, booting: 0 },
  ],
  utilization: null,
  pendingPods: 0,
  underutilizedNodes: 0,
  unknownNodes: 0,
  upCooldownMs: {},
  downCooldownMs: {},
};

test("each stage that ended is observed once, by pool and back end, and each pool says what sizes it", async () => {
  const metrics = createMetrics(COORDINATOR_METRICS);
  const taken = snapshot({
    policies: [policy({ pools: [pool("spot"), pool("none", { capacityType: "on-demand" })] })],
  });
  const plan = { at: epochMs(NOW), moves: [], holds: [], unplaced: [], figures: [FIGURES] };
  recordLaunches(metrics, taken, plan);
  const still = FIGURES.pools.map((figure) => ({ ...figure, finished: [] }));
  recordLaunches(metrics, taken, { ...plan, figures: [{ ...FIGURES, pools: still }] });

  const page = await metrics.text();
  const name = "gpu_autoscaler_launch_stage_duration_seconds";
  const labels = (stage: string) => `policy="demo",pool="spot",back_end="simulated",stage="${stage}"`;
  expect(page).toContain(`${name}_count{${labels("launched")}} 2`);
  expect(page).toContain(`${name}_sum{${labels("launched")}} 52`);
  expect(page).toContain(`${name}_count{${labels("total")}} 1`);
  expect(page).toContain(
    'gpu_autoscaler_pool_info{policy="demo",pool="spot",back_end="simulated",capacity_type="spot"} 1',
  );
  expect(page).toContain(
    'gpu_autoscaler_pool_info{policy="demo",pool="none",back_end="none",capacity_type="on-demand"} 1',
  );
  expect(page).not.toContain(`${name}_count{policy="demo",pool="none"`);
});
