// The forecast of the shipped coordinator: it reads the past from a file, orders nodes before anybody waits, and says in the
// policy's status and on the terminal what it expects and whether it acts.

import { writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";

import { expect, test } from "vitest";

import { CONDITION } from "../../shared/model/names.ts";
import { gpuasctl } from "../build/coordinator.ts";
import { aQuickPool, openScene, policySpec, poolSpec } from "../build/scene.ts";
import type { Scene } from "../build/scene.ts";

const SERVICE = "services/default/scaler:9403";
const BIN_MS = 300_000;
const DAY_MS = 288 * BIN_MS;
const MINUTE_MS = 60_000;

/** Two weeks in which eight GPUs were wanted for three hours a day, from forty minutes after this time of the day on. */
function pastOf(now: number): string {
  const first = Math.floor(now / BIN_MS) * BIN_MS - 14 * DAY_MS;
  const rows = Array.from({ length: 14 * 288 }, (_, index) => {
    const at = first + index * BIN_MS;
    const since = (at - now - 40 * MINUTE_MS + 15 * DAY_MS) % DAY_MS;
    return `gpus,${new Date(at).toISOString()},${since < 180 * MINUTE_MS ? 8 : 0}`;
  });
  return ["policy,at,gpus", ...rows].join("\n");
}

async function forecastOf(scene: Scene, ...args: readonly string[]): Promise<string> {
  const place = ["--service", "default/scaler:9403", "--kubeconfig", scene.kubeconfig];
  const { code, out, err } = await gpuasctl(["forecast", ...args, ...place]);
  if (code !== 0) throw new Error(`${out}${err}`);
  return out;
}

test("nodes are ordered before anybody waits, and the status says why", async () => {
  await using scene = await openScene({ pools: [aQuickPool()] });
  const history = join(dirname(scene.kubeconfig), "past.csv");
  await writeFile(history, pastOf(Date.now()));
  scene.policy(
    policySpec([poolSpec("spot-a")], {
      predictive: { mode: "ForecastAndScale", lookbackDays: 14, preWarmThreshold: 1 },
    }),
  );
  const coordinator = await scene.coordinator({ env: { GPUAS_FORECAST_HISTORY: history } });
  scene.server.proxy(SERVICE, coordinator.url);

  await scene.until(() => scene.world.list("nodes").length > 0);
  expect(scene.world.list("pods")).toEqual([]);

  const status = await scene.until(() => {
    const now = scene.status();
    return now?.forecast === undefined ? null : now;
  });
  expect(status.conditions.find(({ type }) => type === CONDITION.prediction)).toMatchObject({
    status: "True",
    reason: "Forecasting",
  });
  expect(status.forecast).toMatchObject([{ mode: "ForecastAndScale", acts: true, p50: 8, standsDown: [] }]);

  const said = await forecastOf(scene, "gpus");
  expect(said).toMatch(/expected at .*: p10 .*, p50 8, p90 .* GPUs/);
  expect(said).toContain("acts: floor of 8 GPUs");
  expect(await coordinator.metric("gpu_autoscaler_forecast_gpus", 'quantile="0.5"')).toBe(8);
  expect(await coordinator.metric("gpu_autoscaler_forecast_acting")).toBe(1);
});
