import { describe, expect, test } from "vitest";

import { millis } from "../../shared/model/units.ts";
import { createMetrics } from "../../shared/runtime/metrics.ts";
import { HOUR, NOW } from "../../test/build/now.ts";
import { pricedFleet, spendingBy } from "../../test/build/priced-fleet.ts";
import type { PricedFleetOptions } from "../../test/build/priced-fleet.ts";
import type { Charge } from "../money/charge.ts";
import { createMoneyRecorder } from "./metrics-money.ts";
import { COORDINATOR_METRICS } from "./metrics.ts";

const START = Date.UTC(2026, 0, 15, 12);

/** Samples of money after these looks, five minutes apart; names without their common beginning. */
async function samples(looks: readonly PricedFleetOptions[]): Promise<readonly string[]> {
  const metrics = createMetrics(COORDINATOR_METRICS);
  const spending = spendingBy();
  const recorder = createMoneyRecorder(metrics, []);
  for (const [at, look] of looks.entries())
    recorder.record(
      spending.look(pricedFleet({ at: START + at * 300_000, ...look }), undefined),
      spending.now(),
    );
  return await moneyOn(metrics);
}

async function moneyOn(metrics: ReturnType<typeof createMetrics<typeof COORDINATOR_METRICS>>) {
  return (await metrics.text())
    .split("\n")
    .filter((line) => /^gpu_autoscaler_(spend|cost_|fleet_cost|estimated|spot_savings)/.test(line))
    .map((line) => line.replace("gpu_autoscaler_", "").replace('policy="demo",pool="spot",', ""));
}

describe("money as metrics", () => {
  test("a first look has rates and no spending; spending comes with the next", async () => {
    expect(await samples([{ held: 2, usdPerHour: 1.2 }])).toEqual([
      // A counter without labels is there from the start.
      "spend_unobserved_seconds_total 0",
      'fleet_cost_usd_per_hour{policy="demo"} 1.2',
      'fleet_cost_estimate_usd_per_hour{policy="demo"} 1.2',
      'cost_rate_usd_per_hour{capacity_type="spot",state="allocated"} 0.3',
      'cost_rate_usd_per_hour{capacity_type="spot",state="idle"} 0.8999999999999999',
      'cost_unknown_nodes{capacity_type="spot"} 0',
      'estimated_monthly_cost_usd{capacity_type="on-demand"} 0',
      'estimated_monthly_cost_usd{capacity_type="reserved"} 0',
      'estimated_monthly_cost_usd{capacity_type="spot"} 864',
      // p3.2xlarge on demand is in the catalogue: 3.06.
      expect.stringMatching(/^estimated_monthly_savings_usd 1339\.2/),
      expect.stringMatching(/^spot_savings_percentage 60\.7/),
    ]);
    const after = await samples([{ held: 2 }, { held: 2 }]);
    const valueOf = (name: string): number =>
      Number(after.find((line) => line.startsWith(`${name} `))?.split(" ")[1]);
    // Five minutes of 1.20 an hour are ten cents, a quarter of them held.
    expect(valueOf('spend_usd_total{capacity_type="spot",state="allocated"}')).toBeCloseTo(0.025, 12);
    expect(valueOf('spend_usd_total{capacity_type="spot",state="idle"}')).toBeCloseTo(0.075, 12);
    expect(valueOf('spend_namespace_usd_total{namespace="default"}')).toBeCloseTo(0.025, 12);
    expect(valueOf('spend_namespace_usd_total{namespace="(nobody)"}')).toBeCloseTo(0.075, 12);
    expect(valueOf('spend_node_seconds_total{capacity_type="spot",state="allocated"}')).toBeCloseTo(75, 9);
    expect(valueOf('spend_compared_usd_total{capacity_type="spot"}')).toBeCloseTo(0.1, 12);
    expect(valueOf('spend_compared_on_demand_usd_total{capacity_type="spot"}')).toBeCloseTo(0.255, 12);
  });

  test("an unknown price is seconds of unknown price, and no USD, rate, month or saving", async () => {
    const seen = await samples([{ usdPerHour: null }, { usdPerHour: null }]);
    expect(seen).toEqual([
      'spend_node_seconds_total{capacity_type="spot",state="idle"} 300',
      'spend_unknown_node_seconds_total{capacity_type="spot",state="idle"} 300',
      "spend_unobserved_seconds_total 0",
      'cost_unknown_nodes{capacity_type="spot"} 1',
      'estimated_monthly_cost_usd{capacity_type="on-demand"} 0',
      'estimated_monthly_cost_usd{capacity_type="reserved"} 0',
    ]);
  });

  test("an estimate is no cost of the fleet and stands apart from it; a policy without a machine costs nothing", async () => {
    const metrics = createMetrics(COORDINATOR_METRICS);
    const one: Charge = {
      pool: "gpus/spot",
      tier: "spot",
      state: "idle",
      nodes: 2,
      usdPerHour: 1.5,
      onDemandUsdPerHour: null,
    };
    const guess: Charge = { ...one, nodes: 1, usdPerHour: null, estimatedUsdPerHour: 0.9 };
    const unknown: Charge = { ...one, pool: "odd/spot", usdPerHour: null };
    const policies = new Set(["gpus", "odd", "none"]);
    createMoneyRecorder(metrics, []).record(null, { at: NOW, charges: [one, guess, unknown], policies });
    expect((await moneyOn(metrics)).filter((line) => line.startsWith("fleet_cost"))).toEqual([
      'fleet_cost_usd_per_hour{policy="none"} 0',
      'fleet_cost_estimate_usd_per_hour{policy="gpus"} 3.9',
      'fleet_cost_estimate_usd_per_hour{policy="none"} 0',
    ]);
  });

  test("labels of pods, and names beyond two hundred under one", async () => {
    const metrics = createMetrics(COORDINATOR_METRICS);
    const recorder = createMoneyRecorder(metrics, ["team"]);
    const charges = Array.from({ length: 203 }, (_, index): Charge => ({
      pool: "gpus/a/b",
      tier: "spot",
      state: "allocated",
      nodes: 1,
      usdPerHour: 1,
      onDemandUsdPerHour: null,
      holder: { namespace: `ns-${index}`, labels: index === 0 ? {} : { team: `t-${index % 2}` } },
    }));
    recorder.record(
      { charges, ms: millis(HOUR), unobservedMs: millis(0) },
      { at: NOW, charges, policies: new Set() },
    );
    const seen = await moneyOn(metrics);
    expect(seen).toContain('spend_namespace_usd_total{namespace="(others)"} 3');
    expect(seen.filter((line) => line.startsWith("spend_namespace"))).toHaveLength(201);
    expect(seen.filter((line) => line.startsWith("spend_label"))).toEqual([
      'spend_label_usd_total{label="team",value="(none)"} 1',
      'spend_label_usd_total{label="team",value="t-0"} 101',
      'spend_label_usd_total{label="team",value="t-1"} 101',
    ]);
    expect(seen).toContain(
      'spend_usd_total{policy="gpus",pool="a/b",capacity_type="spot",state="allocated"} 203',
    );
    // Nobody knows what these hours cost on demand, so they were compared with nothing.
    expect(seen.filter((line) => line.startsWith("spend_compared"))).toEqual([]);
  });
});
