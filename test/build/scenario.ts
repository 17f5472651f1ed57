// A small scenario for replays: two spot zones and on-demand, machines of one GPU, and whatever a test adds. Times are
// round numbers so that a test can say what comes out of them.

import type { PricePoint } from "../../coordinator/decide/snapshot.ts";
import type { PoolModel, Scenario } from "../../coordinator/replay/scenario.ts";
import type { CapacityType } from "../../shared/model/node.ts";
import { epochMs, millis } from "../../shared/model/units.ts";

export const HOUR_MS = 3_600_000;
export const MINUTE_MS = 60_000;
export const START = epochMs(Date.UTC(2026, 2, 2));
const TYPE = "p3.2xlarge";

export function aPool(tier: CapacityType, zone: string, overrides: Partial<PoolModel> = {}): PoolModel {
  return {
    name: `${tier}-${zone}`,
    provider: "aws",
    region: zone.slice(0, -1),
    zones: [zone],
    instanceType: TYPE,
    tier,
    allocatable: { "nvidia.com/gpu": "1", cpu: "7", memory: "56Gi", pods: "110" },
    max: 50,
    initial: 0,
    ...overrides,
  };
}

export function aPrice(tier: CapacityType, zone: string, usdPerHour: number, atMs = 0): PricePoint {
  return {
    provider: "aws",
    region: zone.slice(0, -1),
    zone,
    instanceType: TYPE,
    tier,
    usdPerHour,
    source: "test",
    at: epochMs(START + atMs),
  };
}

/** The pools of a scenario as a policy names them. */
export function aSpec(
  pools: readonly PoolModel[],
  overrides: Readonly<Record<string, unknown>> = {},
): Readonly<Record<string, unknown>> {
  return {
    provider: "aws",
    maxNodes: 100,
    pendingPodTimeoutSeconds: 0,
    scaleUpCooldownSeconds: 0,
    scaleDownCooldownSeconds: 0,
    scaleDownDelayAfterAddSeconds: 0,
    emptySeconds: 300,
    scaleUpThreshold: 1,
    nodePools: pools.map(({ name, max, instanceType, tier, zones }) => ({
      name,
      minSize: 0,
      maxSize: max,
      instanceTypes: [instanceType],
      capacityType: tier,
      availabilityZones: zones,
      group: { simulated: { url: "http://replay", name } },
    })),
    ...overrides,
  };
}

const ZONES = ["us-east-1a", "us-east-1b"] as const;

export function aScenario(overrides: Partial<Scenario> = {}): Scenario {
  const pools = overrides.pools ?? [
    ...ZONES.map((zone) => aPool("spot", zone)),
    aPool("on-demand", ZONES[0]),
  ];
  return {
    name: "small",
    seed: 1,
    start: START,
    warmInMs: millis(0),
    lengthMs: millis(6 * HOUR_MS),
    drainMs: millis(6 * HOUR_MS),
    policies: [{ name: "gpu", spec: aSpec(pools, { spotInstancePercentage: 1 }) }],
    pools,
    work: { jobs: [], services: [] },
    stocks: [],
    prices: [
      ...ZONES.map((zone) => aPrice("on-demand", zone, 3)),
      aPrice("spot", ZONES[0], 0.9),
      aPrice("spot", ZONES[1], 1.2),
    ],
    times: {
      nodeReadyMs: millis(240_000),
      jobStartMs: millis(0),
      serviceStartMs: millis(30_000),
      noticeMs: millis(120_000),
      handlesNotices: true,
      checkpointEveryMs: millis(30 * MINUTE_MS),
      checkpointTakesMs: millis(60_000),
      restartMs: millis(180_000),
      launchRetryMs: millis(60_000),
    },
    ...overrides,
  };
}

/** One that holds one GPU. */
export function aJob(id: string, arrivalMs: number, durationMs: number) {
  return { id, arrivalMs, durationMs, gpus: 1 };
}
