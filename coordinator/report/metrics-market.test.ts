import { expect, test } from "vitest";

import { epochMs } from "../../shared/model/units.ts";
import { createMetrics } from "../../shared/runtime/metrics.ts";
import { MINUTE, NOW } from "../../test/build/now.ts";
import type { Plan, PolicyFigures } from "../decide/plan.ts";
import { recordMarket } from "./metrics-market.ts";
import { COORDINATOR_METRICS } from "./metrics.ts";

const FIGURES: PolicyFigures = {
  policy: "gpus",
  pools: [
    {
      pool: "spot",
      size: 3,
      ready: 2,
      booting: 1,
      price: { usdPerHour: 3.06, source: "catalogue", at: epochMs(NOW - MINUTE) },
    },
    { pool: "od", size: 2, ready: 1, booting: 1, price: null },
    { pool: "own", size: 0, ready: 0, booting: 0, price: { usdPerHour: 1, source: "policy", at: null } },
  ],
  offerings: [1, -1].map((ahead) => ({
    offering: `a|${ahead}|spot`,
    kind: "no-capacity",
    failures: 1,
    lastAt: epochMs(NOW - MINUTE),
    until: epochMs(NOW + ahead),
    detail: "",
  })),
  utilization: null,
  pendingPods: 0,
  underutilizedNodes: 0,
  unknownNodes: 0,
  upCooldownMs: {},
  downCooldownMs: {},
};

async function series(plan: Partial<Plan>): Promise<readonly string[]> {
  const metrics = createMetrics(COORDINATOR_METRICS);
  recordMarket(metrics, {
    at: epochMs(NOW),
    moves: [],
    holds: [],
    unplaced: [],
    figures: [FIGURES],
    ...plan,
  });
  const page = await metrics.text();
  return page
    .split("\n")
    .filter((line) => /^gpu_autoscaler_.*(price|cost|inflight|offerings|packing)/.test(line))
    .sort();
}

test("a price that nobody knows has no sample, and its nodes are counted", async () => {
  expect(await series({})).toEqual([
    'gpu_autoscaler_inflight_nodes{policy="gpus",pool="od"} 1',
    'gpu_autoscaler_inflight_nodes{policy="gpus",pool="own"} 0',
    'gpu_autoscaler_inflight_nodes{policy="gpus",pool="spot"} 1',
    'gpu_autoscaler_node_price_usd_per_hour{policy="gpus",pool="own",source="policy"} 1',
    'gpu_autoscaler_node_price_usd_per_hour{policy="gpus",pool="spot",source="catalogue"} 3.06',
    'gpu_autoscaler_offerings_paused{policy="gpus",kind="no-capacity"} 1',
    'gpu_autoscaler_price_age_seconds{policy="gpus",pool="spot"} 60',
    'gpu_autoscaler_price_unknown_nodes{policy="gpus",pool="od"} 2',
    'gpu_autoscaler_price_unknown_nodes{policy="gpus",pool="own"} 0',
    'gpu_autoscaler_price_unknown_nodes{policy="gpus",pool="spot"} 0',
  ]);
});

test("the packing is shown where it is known", async () => {
  const packing = { units: 1_200, leftOut: 3, usdPerHour: null, lowerBoundUsdPerHour: null };
  const lines = await series({ packing });
  expect(lines).toEqual(
    expect.arrayContaining([
      "gpu_autoscaler_packing_work_units 1200",
      "gpu_autoscaler_packing_pods_left_out 3",
    ]),
  );
});
