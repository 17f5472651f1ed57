// What the fleet costs, by the shipped coordinator: counters that move, a price that nobody knows said as unknown, and sums
// that outlive the one who counted.

import { gunzipSync } from "node:zlib";

import { expect, test } from "vitest";

import { SPENDING_KEY } from "../../coordinator/report/spending-kept.ts";
import { KV_BUCKET } from "../../shared/model/names.ts";
import { seededRandom } from "../../shared/model/random.ts";
import { bytes, millis } from "../../shared/model/units.ts";
import { systemClock } from "../../shared/runtime/clock.ts";
import { createLogSink } from "../../shared/runtime/log.ts";
import { openBucket } from "../../shared/runtime/nats-kv.ts";
import { gpuasctl } from "../build/coordinator.ts";
import { natsOf } from "../build/notices.ts";
import { aQuickPool, openScene, policySpec, poolSpec } from "../build/scene.ts";
import type { Scene } from "../build/scene.ts";

const SERVICE = "services/default/scaler:9403";
const PLACE = ["--service", "default/scaler:9403"];
/** In the catalogue with its on-demand price; machines of the other pool are in none. */
const TYPE = "p3.2xlarge";
const ZONE = "us-west-2a";

interface Cost {
  readonly since: string;
  readonly rate: {
    readonly nodes: number;
    readonly unknownNodes: number;
    readonly usdPerHour: number | null;
  };
  readonly months: Readonly<Record<string, { readonly total: { readonly usd: number } }>>;
}

type Kept = Pick<Cost, "months"> & { readonly since: number };

async function costOf(scene: Scene, ...args: readonly string[]): Promise<string> {
  const { code, out, err } = await gpuasctl(["cost", ...args, ...PLACE, "--kubeconfig", scene.kubeconfig]);
  if (code !== 0) throw new Error(`${out}${err}`);
  return out;
}

const answerOf = async (scene: Scene): Promise<Cost> => JSON.parse(await costOf(scene, "--json")) as Cost;
/** Asks NATS for the sums that were kept last; null: none were. */
async function keptIn(scene: Scene): Promise<() => Promise<Kept | null>> {
  const random = seededRandom(1);
  const parts = { clock: systemClock, log: createLogSink().log, random };
  const nats = await natsOf(scene);
  const bucket = openBucket(nats, { name: KV_BUCKET.memory, maxBytes: bytes(64 * 2 ** 20), ...parts });
  return async () => {
    const entry = await bucket.get(SPENDING_KEY);
    if (entry === null) return null;
    const { state } = JSON.parse(gunzipSync(entry.value).toString()) as { readonly state: Kept };
    return usdIn(state) > 0 ? state : null;
  };
}

const usdIn = ({ months }: Pick<Cost, "months">): number =>
  Object.values(months).reduce((sum, { total }) => sum + total.usd, 0);

test("money is counted as time passes, what is unknown is said so, and the next leader goes on", async () => {
  await using scene = await openScene({
    pools: [
      aQuickPool({ replicas: 1, instanceType: TYPE, zones: [ZONE] }),
      aQuickPool({ name: "od-b", capacityType: "on-demand", replicas: 1 }),
    ],
  });
  await scene.until(() => scene.world.list("nodes").length === 2);
  scene.server.change((world) => world.submitJob({ id: "train", gpus: 4, durationMs: millis(600_000) }));
  scene.policy(
    policySpec(
      [
        // So dear that seconds are cents.
        poolSpec("spot-a", { minSize: 1, instanceTypes: [TYPE], price: { usdPerHour: 3_600 } }),
        poolSpec("od-b", { minSize: 1, capacityType: "on-demand" }),
      ],
      { provider: "aws" },
    ),
  );
  const first = await scene.coordinator({ env: { POD_NAME: "first" } });
  scene.server.proxy(SERVICE, first.url);

  // 1. Counters: a dollar a second for the one, time without a price for the other.
  const spent = async (): Promise<number | null> =>
    await first.metric("gpu_autoscaler_spend_usd_total", 'pool="spot-a"');
  const before = await scene.until(spent);
  await scene.until(async () => ((await spent()) ?? 0) > before);
  expect(
    await first.metric("gpu_autoscaler_spend_unknown_node_seconds_total", 'pool="od-b"'),
  ).toBeGreaterThan(0);
  expect(await first.metric("gpu_autoscaler_spend_usd_total", 'pool="od-b"')).toBeNull();
  expect(
    await first.metric("gpu_autoscaler_estimated_monthly_cost_usd", 'capacity_type="on-demand"'),
  ).toBeNull();
  expect(await first.metric("gpu_autoscaler_estimated_monthly_cost_usd", 'capacity_type="spot"')).toBe(
    3_600 * 720,
  );
  // Against the catalogue's on-demand price of the same type this spot node is no saving.
  expect(await first.metric("gpu_autoscaler_spot_savings_percentage")).toBeLessThan(0);

  // 2. What people read.
  const text = await costOf(scene, "--by", "pool");
  expect(text).toMatch(
    /^Now \(.*\): at least 3600\.00 USD an hour for 2 nodes; the price of 1 of them is unknown$/m,
  );
  expect(text).toMatch(/^ {2}gpus\/od-b +1 +unknown +unknown /m);
  expect(text).toMatch(/^ {2}gpus\/spot-a +1 +3600\.00 +\d+\.\d\d /m);
  // The status counts the same machines at the same prices, so it knows no more.
  expect(await scene.until(() => scene.status()?.cost)).toEqual({});
  expect(await first.metric("gpu_autoscaler_fleet_cost_usd_per_hour")).toBeNull();
  expect(await costOf(scene, "-o", "csv", "--by", "pool")).toMatch(/^\d{4}-\d\d,pool,gpus\/od-b,,/m);

  // 3. The one who counted is gone; what was kept is not.
  const kept = await scene.until(await keptIn(scene));
  await first.stop();
  const second = await scene.coordinator({ env: { POD_NAME: "second" } });
  scene.server.proxy(SERVICE, second.url);
  const after = await scene.until(async () => {
    const answer = await answerOf(scene);
    return answer.since === new Date(kept.since).toISOString() && answer;
  });
  expect(usdIn(kept)).toBeGreaterThan(0);
  expect(usdIn(after)).toBeGreaterThanOrEqual(usdIn(kept));
  expect(after.rate).toMatchObject({ nodes: 2, unknownNodes: 1, usdPerHour: null });
});
