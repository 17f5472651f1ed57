import { readdirSync, readFileSync } from "node:fs";

import { describe, expect, test } from "vitest";
import { parse } from "yaml";

import { parsePolicy, policySpecSchema } from "./policy.ts";
import { predictiveModeOf } from "./policy/predictive.ts";

const FIXTURES = new URL("../../test/golden/policies/", import.meta.url);

/** A policy with one pool, changed in one place. */
function policyWith(change: Record<string, unknown>): unknown {
  return { provider: "custom", nodePools: [{ name: "spot", capacityType: "spot" }], ...change };
}

describe("parsePolicy()", () => {
  test.each(readdirSync(FIXTURES))("takes the older manifest %s unchanged", (file) => {
    const manifest = parse(readFileSync(new URL(file, FIXTURES), "utf8")) as {
      spec: Record<string, unknown>;
    };
    const parsed = parsePolicy(manifest.spec);
    expect(parsed).toMatchObject({ kind: "valid", spec: manifest.spec });
  });

  test("fills the documented defaults", () => {
    const parsed = policySpecSchema.parse({ provider: "aws" });
    expect(parsed).toMatchObject({
      enabled: true,
      mode: "Act",
      scaleUpThreshold: 0.8,
      scaleDownThreshold: 0.2,
      scaleUpCooldownSeconds: 180,
      scaleDownCooldownSeconds: 600,
      pendingPodTimeoutSeconds: 120,
      emptySeconds: 300,
      idleSeconds: 600,
      scaleDownDelayAfterAddSeconds: 600,
      minNodes: 0,
      maxNodes: 100,
      spotInstancePercentage: 0.6,
      enableSpotInstances: true,
      enableMultiTierScaling: true,
      enablePredictiveScaling: false,
      reclaimIdleHolders: false,
      maxPercentOrNodesAdded: { nodes: 10, percent: 25 },
      maxPercentOrNodesRemoved: { nodes: 10, percent: 25 },
      expander: "cost",
      spot: { diversify: true, onDemandFloorGpus: 0, rebalance: "Report" },
      headroom: [],
      schedules: [],
      provisioning: {
        launchTimeoutSeconds: 300,
        registrationTimeoutSeconds: 900,
        gpuReadyTimeoutSeconds: 900,
      },
      consolidation: { enabled: false, afterSeconds: 600 },
      disruption: {
        budgets: [{ nodes: "10%", timeZone: "UTC" }],
        freeze: false,
        keepLocalStorage: false,
        keepSystemPods: false,
      },
      health: { replace: "Report", maxUnhealthyPercent: 20 },
      nodePools: [],
    });
    // Unset is not a value: what is left out of these means something else than any number.
    for (const field of [
      "maxGpus",
      "maxHourlyCostUsd",
      "behavior",
      "onDemandPercentage",
      "expireAfterSeconds",
    ])
      expect(parsed).not.toHaveProperty(field);
  });

  test("takes a policy of a provider and pools as one simple object (A11)", () => {
    const pools = [{ name: "spot", capacityType: "spot" }];
    expect(parsePolicy({ provider: "gcp", nodePools: pools })).toMatchObject({ kind: "valid" });
  });

  test("takes a cautious start as it is written: earlier growth, less spot, no forecast (B126)", () => {
    const written = { scaleUpThreshold: 0.7, spotInstancePercentage: 0.4, enablePredictiveScaling: false };
    expect(parsePolicy(policyWith(written))).toMatchObject({ kind: "valid", spec: written });
  });

  test("takes the guide's words for prediction by their names, with its values where they are left out (B44 to B48)", () => {
    const guide = {
      timeZone: "UTC",
      lookbackDays: 7,
      horizonMinutes: 30,
      confidenceThreshold: 0.7,
      preWarmThreshold: 0.7,
      calendar: [],
    };
    expect(parsePolicy(policyWith({}))).toMatchObject({ spec: { predictive: guide } });
    const written = { confidenceThreshold: 0.8, lookbackDays: 14 };
    expect(parsePolicy(policyWith({ predictive: written }))).toMatchObject({
      spec: { predictive: { ...guide, ...written } },
    });
  });

  test.each([
    [{ lookbackDays: 57 }, "spec.predictive.lookbackDays: 57"],
    [{ horizonMinutes: 721 }, "spec.predictive.horizonMinutes: 721"],
    [{ confidenceThreshold: 70 }, "spec.predictive.confidenceThreshold: 70"],
    [{ preWarmThreshold: 0 }, "spec.predictive.preWarmThreshold: 0"],
    [{ mode: "Scale" }, 'spec.predictive.mode: "Scale"'],
    [{ calendar: [{ date: "25.12.2026" }] }, 'spec.predictive.calendar.0.date: "25.12.2026"'],
    [{ horizon: 30 }, "spec.predictive.horizon: unknown field"],
  ])("refuses a forecast of %j by field and value", (written, problem) => {
    const parsed = parsePolicy(policyWith({ predictive: written }));
    expect(parsed.kind === "invalid" ? parsed.problems.join() : "valid").toContain(problem);
  });

  test.each([
    [{}, false, "Off"],
    [{}, true, "ForecastAndScale"],
    [{ mode: "ForecastOnly" }, true, "ForecastOnly"],
    [{ mode: "ForecastAndScale" }, false, "ForecastAndScale"],
    [{ mode: "Off" }, true, "Off"],
  ])("mode of %j with the older switch %j is %s", (predictive, enablePredictiveScaling, mode) => {
    const parsed = parsePolicy(policyWith({ predictive, enablePredictiveScaling }));
    expect(parsed.kind === "valid" ? predictiveModeOf(parsed.spec) : null).toBe(mode);
  });

  test("fills what is left out of a part that is written", () => {
    const written = {
      headroom: [{ name: "warm", gpus: 8 }],
      schedules: [{ name: "day", timeZone: "Europe/Vienna", start: "0 8 * * 1-5", durationSeconds: 36_000 }],
      disruption: { budgets: [] },
      behavior: { scaleDown: { policies: [{ type: "Pods", value: 1, periodSeconds: 60 }] } },
    };
    expect(parsePolicy(policyWith(written))).toMatchObject({
      kind: "valid",
      spec: {
        headroom: [{ name: "warm", gpus: 8, resource: "nvidia.com/gpu", gpusPerPod: 1, nodeSelector: {} }],
        schedules: [
          { pools: [], minNodes: 0, readyBy: false, allowDisruption: false, suspend: false, priority: 0 },
        ],
        disruption: { budgets: [], freeze: false },
        behavior: { scaleDown: { selectPolicy: "Max" } },
      },
    });
  });

  test("keeps false and 0 as they were written", () => {
    const written = {
      enabled: false,
      scaleDownThreshold: 0,
      pendingPodTimeoutSeconds: 0,
      emptySeconds: 0,
      enableSpotInstances: false,
    };
    expect(parsePolicy(policyWith(written))).toMatchObject({ kind: "valid", spec: written });
  });

  test.each([
    ["no provider", { provider: undefined }, "spec.provider: is required"],
    ["an unknown provider (B61)", { provider: "ibm" }, 'spec.provider: "ibm" is not valid'],
    ["a threshold in percent", { scaleUpThreshold: 80 }, "spec.scaleUpThreshold: 80 is not valid"],
    [
      "thresholds in the wrong order",
      { scaleUpThreshold: 0.1 },
      "spec.scaleUpThreshold: 0.1 is not above scaleDownThreshold 0.2",
    ],
    ["a negative time", { idleSeconds: -1 }, "spec.idleSeconds: -1 is not valid"],
    ["minimum above maximum", { minNodes: 5, maxNodes: 4 }, "spec.minNodes: 5 is above maxNodes 4"],
    ["a misspelt field", { maxNode: 5 }, "spec.maxNode: unknown field"],
    [
      "a pool without a capacity type",
      { nodePools: [{ name: "a" }] },
      "spec.nodePools.0.capacityType: is required",
    ],
    [
      "limits to be managed of something that has none",
      {
        nodePools: [
          {
            name: "a",
            capacityType: "spot",
            group: {
              scale: {
                apiVersion: "cluster.x-k8s.io/v1beta1",
                kind: "MachineDeployment",
                name: "a",
                manageLimits: true,
              },
            },
          },
        ],
      },
      "spec.nodePools.0.group.scale.manageLimits: true is only for a NodePool of karpenter.sh, and the group is a MachineDeployment of cluster.x-k8s.io/v1beta1; leave it out",
    ],
    [
      "two pools of one name",
      {
        nodePools: [
          { name: "a", capacityType: "spot" },
          { name: "a", capacityType: "spot" },
        ],
      },
      "spec.nodePools.1.name: a is used twice",
    ],
    [
      "a pool's minimum above its maximum",
      { nodePools: [{ name: "a", capacityType: "spot", minSize: 3, maxSize: 2 }] },
      "spec.nodePools.0.minSize: 3 is above maxSize 2",
    ],
    [
      "a spot share on an on-demand pool",
      { nodePools: [{ name: "a", capacityType: "on-demand", spotPercentage: 0.5 }] },
      "spec.nodePools.0.spotPercentage: 0.5 contradicts capacityType on-demand",
    ],
    [
      "shares that are not the whole",
      { onDemandPercentage: 0.3, reservedPercentage: 0.2 },
      "spec.spotInstancePercentage: spot 0.6, on-demand 0.3 and reserved 0.2 add up to 1.1, not 1",
    ],
    [
      "a share beside spot that is too much",
      { onDemandPercentage: 0.5 },
      "spec.onDemandPercentage: 0.5 and spotInstancePercentage 0.6 are more than the whole",
    ],
    [
      "a price over its own cap",
      {
        nodePools: [{ name: "a", capacityType: "spot", price: { usdPerHour: 4, maxPricePerHour: 3 } }],
      },
      "spec.nodePools.0.price.usdPerHour: 4 is above maxPricePerHour 3",
    ],
    [
      "a schedule without an end",
      { schedules: [{ name: "day", timeZone: "UTC", start: "0 8 * * *" }] },
      "spec.schedules.0.end: give either end or durationSeconds",
    ],
    [
      "a schedule with two ends",
      {
        schedules: [
          { name: "day", timeZone: "UTC", start: "0 8 * * *", end: "0 9 * * *", durationSeconds: 60 },
        ],
      },
      "spec.schedules.0.end: give either end or durationSeconds",
    ],
    [
      "a schedule without a time zone",
      { schedules: [{ name: "day", start: "0 8 * * *", durationSeconds: 60 }] },
      "spec.schedules.0.timeZone: is required",
    ],
    [
      "a schedule for a pool that is none",
      {
        schedules: [{ name: "day", timeZone: "UTC", start: "0 8 * * *", durationSeconds: 60, pools: ["od"] }],
      },
      "spec.schedules.0.pools: od is no pool of this policy; its pools are spot",
    ],
    [
      "a schedule's minimum above its maximum",
      {
        schedules: [
          {
            name: "day",
            timeZone: "UTC",
            start: "0 8 * * *",
            durationSeconds: 60,
            minNodes: 3,
            maxNodes: 2,
          },
        ],
      },
      "spec.schedules.0.minNodes: 3 is above maxNodes 2",
    ],
    [
      "two headrooms of one name",
      {
        headroom: [
          { name: "warm", gpus: 1 },
          { name: "warm", gpus: 2 },
        ],
      },
      "spec.headroom.1.name: warm is used twice",
    ],
    [
      "a budget that begins and never ends",
      { disruption: { budgets: [{ nodes: 1, schedule: "0 8 * * *" }] } },
      "spec.disruption.budgets.0.schedule: schedule and durationSeconds belong together",
    ],
    [
      "a budget of more than all",
      { disruption: { budgets: [{ nodes: "110%" }] } },
      'spec.disruption.budgets.0.nodes: "110%" is not valid',
    ],
    ["an expander of another kind", { expander: "random" }, 'spec.expander: "random" is not valid'],
    [
      "a misspelt field at depth",
      { disruption: { budget: [] } },
      "spec.disruption.budget: unknown field; known here are budgets, freeze, keepLocalStorage, keepSystemPods",
    ],
    [
      "more pools than a policy may have, without all of them",
      { nodePools: Array.from({ length: 201 }, (_, index) => ({ name: `p${index}`, capacityType: "spot" })) },
      "spec.nodePools: a list of 201 is not valid (Too big: expected array to have <=200 items)",
    ],
    [
      "an amount that is none",
      { nodePools: [{ name: "a", capacityType: "spot", template: { allocatable: { memory: "lots" } } }] },
      'spec.nodePools.0.template.allocatable.memory: "lots" is not a quantity',
    ],
    [
      "a back end that is not written",
      { nodePools: [{ name: "a", capacityType: "spot", group: { vmware: {} } }] },
      "spec.nodePools.0.group.vmware: unknown field; known here are scale",
    ],
  ])("names field and value for %s", (_, change, problem) => {
    const parsed = parsePolicy(policyWith(change));
    expect(parsed.kind === "invalid" ? parsed.problems.join("\n") : "valid").toContain(problem);
  });

  test.each([undefined, null, 7, "x", []])("refuses %j as a spec", (spec) => {
    expect(parsePolicy(spec).kind).toBe("invalid");
  });
});
