// The price that AWS itself tells of spot machines, through the shipped coordinator: it reaches the decision, its metrics and
// the sums. How the call is written and read is tested beside its code.

import { expect, test } from "vitest";

import { systemClock } from "../../shared/runtime/clock.ts";
import { aQuickPool, openScene, policySpec, poolSpec } from "../build/scene.ts";
import { startAwsCloud } from "../world/cloud/aws.ts";

/** In the catalogue with its on-demand price. */
const TYPE = "p3.2xlarge";
const ZONE = "us-west-2a";

test("AWS's own spot price is what a spot node costs, and the catalogue's on-demand price is what it saves from", async () => {
  const { instanceType, ...shape } = aQuickPool({ name: "gpu", instanceType: TYPE, zones: [ZONE] });
  await using scene = await openScene({ pools: [] });
  const { change } = scene.server;
  const cloud = await startAwsCloud({ change, clock: systemClock });
  scene.also(async () => await cloud.close());
  change((world) =>
    world.clouds.addGroup({ ...shape, cloud: "aws", instanceTypes: [instanceType], desired: 1, max: 5 }),
  );
  cloud.setSpotPrices([{ instanceType: TYPE, zone: ZONE, usdPerHour: 1.2 }]);
  const group = { aws: { region: cloud.region, autoScalingGroup: "gpu" } };
  scene.policy(
    policySpec([poolSpec("gpu", { minSize: 1, group, instanceTypes: [TYPE] })], { provider: "aws" }),
  );
  const coordinator = await scene.coordinator({
    env: { AWS_ENDPOINT_URL: cloud.url, AWS_ACCESS_KEY_ID: "test", AWS_SECRET_ACCESS_KEY: "test" },
  });
  const price = async (source: string): Promise<number | null> =>
    await coordinator.metric("gpu_autoscaler_node_price_usd_per_hour", `source="${source}"`);
  expect(await scene.until(async () => await price("aws spot price history"))).toBe(1.2);
  expect(await price("catalogue")).toBeNull();
  const month = async (): Promise<number | null> =>
    await coordinator.metric("gpu_autoscaler_estimated_monthly_cost_usd", 'capacity_type="spot"');
  expect(await scene.until(async () => (await month()) || null)).toBeCloseTo(864, 9);
  expect(await coordinator.metric("gpu_autoscaler_estimated_monthly_savings_usd")).toBeCloseTo(1_339.2, 6);
});
