// What a policy may say beyond sizes and limits, at random: windows, headroom, behavior, budgets, consolidation, ill
// nodes, age. Most of it is left out of most policies, as people do.

import fc from "fast-check";

import type { OfferingMemory } from "../../coordinator/decide/snapshot-memory.ts";
import { LAUNCH_FAILURES } from "../../shared/contract/policy/status.ts";
import { epochMs } from "../../shared/model/units.ts";
import { MINUTE, NOW } from "./now.ts";
import type { PolicyOptions } from "./policy.ts";

type Written<Field extends keyof PolicyOptions> = NonNullable<PolicyOptions[Field]>;

/** One value as a rule, and one of the others now and then. */
export function mostly<T>(usual: T, ...others: readonly T[]): fc.Arbitrary<T> {
  return fc.oneof(
    { weight: 9, arbitrary: fc.constant(usual) },
    { weight: 2, arbitrary: fc.constantFrom(...others) },
  );
}

function sometimes<T>(value: fc.Arbitrary<T>): fc.Arbitrary<T | undefined> {
  return fc.oneof({ weight: 5, arbitrary: fc.constant(undefined) }, { weight: 1, arbitrary: value });
}

const schedules: fc.Arbitrary<Written<"schedules">> = fc
  .record({
    start: fc.constantFrom("0 12 * * *", "5 12 * * *", "0 0 * * *"),
    durationSeconds: fc.constantFrom(3600, 86_400),
    minNodes: fc.integer({ min: 0, max: 3 }),
    readyBy: fc.boolean(),
    cap: fc.boolean(),
    pools: fc.constantFrom<string[]>([], ["spot"]),
  })
  .map(({ cap, ...rest }) => [
    {
      name: "day",
      timeZone: "UTC",
      ...rest,
      ...(cap ? { maxNodes: rest.minNodes + 1, allowDisruption: true } : {}),
    },
  ]);

const scalingRules = fc.record({
  stabilizationWindowSeconds: fc.constantFrom(0, 300),
  policies: fc.constantFrom(
    [{ type: "Nodes" as const, value: 2, periodSeconds: 60 }],
    [{ type: "Percent" as const, value: 50, periodSeconds: 600 }],
    [{ type: "GPUs" as const, value: 8, periodSeconds: 60 }],
  ),
});

const budgets = fc.constantFrom<Written<"disruption">>(
  { budgets: [{ nodes: "100%" }] },
  { budgets: [{ nodes: 1 }] },
  { budgets: [{ nodes: 0, reasons: ["Idle", "Movable"] }, { nodes: "50%" }] },
  { budgets: [{ nodes: 0, schedule: "0 12 * * *", durationSeconds: 3600 }] },
  { budgets: [], freeze: true },
  { budgets: [], keepLocalStorage: true, keepSystemPods: true },
);

const spot = fc.constantFrom<Written<"spot">>(
  { diversify: false },
  { onDemandFloorGpus: 16 },
  { rebalance: "Replace" },
  { rebalance: "Ignore", maxInterruptionsPerNodeDay: 0.01 },
  { returnAfterSeconds: 600 },
  { returnAfterSeconds: 60, returnPolicy: "Replace" },
);

export const ruleOptions: fc.Arbitrary<PolicyOptions> = fc
  .record({
    schedules: sometimes(schedules),
    headroom: sometimes(
      fc
        .record({ gpus: fc.constantFrom(4, 8, 12), gpusPerPod: fc.constantFrom(1, 4, 8) })
        .map((entry) => [{ name: "spare", ...entry }]),
    ),
    behavior: sometimes(fc.record({ scaleUp: scalingRules, scaleDown: scalingRules })),
    disruption: sometimes(budgets),
    spot: sometimes(spot),
    expander: sometimes(fc.constantFrom("least-waste" as const, "price" as const, "priority" as const)),
    maxHourlyCostUsd: sometimes(fc.constantFrom(0, 8, 40)),
    consolidation: sometimes(fc.constantFrom({ enabled: true, afterSeconds: 0 }, { enabled: true })),
    health: sometimes(
      fc.constantFrom(
        { replace: "Replace" as const, maxUnhealthyPercent: 100 },
        { replace: "Replace" as const, maxUnhealthyPercent: 20 },
      ),
    ),
    expireAfterSeconds: sometimes(fc.constant(3600)),
    enablePredictiveScaling: mostly(false, true),
  })
  // Left out and undefined are not the same to a schema.
  .map((options) => Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined)));

/** What failed to launch, of the pools by themselves. */
export const offerings: fc.Arbitrary<readonly OfferingMemory[]> = fc.array(
  fc
    .record({
      offering: fc.constantFrom("spot|*|spot", "spot|za|spot", "pool/od", "od|*|on-demand", "nobody|*|spot"),
      kind: fc.constantFrom(...LAUNCH_FAILURES),
      failures: fc.integer({ min: 0, max: 6 }),
      agoMs: fc.integer({ min: 0, max: 90 * MINUTE }),
      pauseMs: fc.constantFrom(MINUTE, 10 * MINUTE, 60 * MINUTE),
    })
    .map(({ agoMs, pauseMs, ...rest }) => ({
      ...rest,
      lastAt: epochMs(NOW - agoMs),
      until: epochMs(NOW - agoMs + pauseMs),
      detail: "none left",
    })),
  { maxLength: 2 },
);
