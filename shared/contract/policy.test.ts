import { readdirSync, readFileSync } from "node:fs";

import { describe, expect, test } from "vitest";
import { parse } from "yaml";

import { fieldsWithoutEffect, parsePolicy, policySpecSchema } from "./policy.ts";

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
      nodePools: [],
    });
  });

  test("says which of the accepted fields change no decision yet", () => {
    const spec = policySpecSchema.parse({
      provider: "aws",
      enablePredictiveScaling: true,
      nodePools: [{ name: "a", capacityType: "spot", gpuType: "nvidia-a100" }],
    });
    expect(fieldsWithoutEffect(spec)).toEqual(["enablePredictiveScaling", "nodePools.gpuType"]);
    expect(fieldsWithoutEffect(policySpecSchema.parse({ provider: "aws" }))).toEqual([]);
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
    ["an unknown provider", { provider: "ibm" }, 'spec.provider: "ibm" is not valid'],
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
