import { describe, expect, test } from "vitest";

import { awsReading } from "../../../test/build/aws-reading.ts";
import type { AwsReadingParts } from "../../../test/build/aws-reading.ts";
import { holdReason, sentencesOf } from "./fitness.ts";

describe("holdReason()", () => {
  const reason = (parts: AwsReadingParts): string | null => holdReason(awsReading(parts), "us-west-2");

  test.each<[string, AwsReadingParts]>([
    ["a plain group", {}],
    ["types with the same number of GPUs", { types: ["p4d.24xlarge", "p5.48xlarge"] }],
    ["a type that the catalogue does not have", { types: ["p4d.24xlarge", "q9.huge"] }],
    ["types chosen by one number of GPUs", { gpuRanges: [{ min: 8, max: 8 }] }],
    ["types chosen without GPUs", { gpuRanges: [{ min: null, max: null }] }],
    ["types chosen with at most none", { gpuRanges: [{ min: null, max: 0 }] }],
    ["processes that size nothing suspended", { suspended: ["AZRebalance", "HealthCheck"] }],
  ])("%s is sized", (_name, parts) => {
    expect(reason(parts)).toBeNull();
  });

  test.each<[string, AwsReadingParts, string]>([
    ["of another region", { region: "eu-west-1" }, "belongs to region eu-west-1, not to us-west-2"],
    ["that counts processors", { sizeUnit: "vcpu" }, "counts its size in vcpu, not in machines"],
    ["with weights", { weights: ["p5.48xlarge counts 8"] }, "by weight (p5.48xlarge counts 8)"],
    ["without launches", { suspended: ["Launch"] }, "has Launch suspended"],
    ["that stands still", { suspended: ["Launch", "Terminate"] }, "has Launch and Terminate suspended"],
    [
      "of mixed GPU counts",
      { types: ["g5.xlarge", "g5.12xlarge", "g5.2xlarge"] },
      "different numbers of GPUs (1 in g5.xlarge, g5.2xlarge; 4 in g5.12xlarge)",
    ],
    ["of any number of GPUs", { gpuRanges: [{ min: 1, max: null }] }, "with 1 to any number of GPUs"],
    ["of a range of GPUs", { gpuRanges: [{ min: 1, max: 8 }] }, "with 1 to 8 GPUs"],
  ])("a group %s is held, with the reason", (_name, parts, words) => {
    expect(reason(parts)).toContain(words);
    expect(reason(parts)).toContain("Auto Scaling group gpu");
  });
});

describe("sentencesOf()", () => {
  test("says nothing of a group without anything to say", () => {
    expect(sentencesOf(awsReading({ ids: ["i-0a"] }), [])).toEqual([]);
  });

  test.each<[AwsReadingParts, readonly string[], string]>([
    [{ rebalancesCapacity: true }, [], "capacity rebalancing is on"],
    [
      { suspended: ["HealthCheck"] },
      [],
      "HealthCheck is suspended: a machine that AWS has lost stays listed",
    ],
    [{ suspended: ["ReplaceUnhealthy", "HealthCheck"] }, [], "resume them"],
    [{ hasWarmPool: true }, [], "it has a warm pool, whose machines are not counted"],
    [{ hasWarmPool: true, states: { "i-0a": "Warmed:Stopped" } }, [], "not counted (i-0a)"],
    [{ states: { "i-0a": "Warmed:Stopped" } }, [], "machines of a warm pool are not counted: i-0a"],
    [{ states: { "i-0a": "Standby" } }, [], "set aside by somebody (Standby) and not counted: i-0a"],
    [
      { ids: ["i-0a"], instance: { isProtected: true } },
      [],
      "protected from scale-in by somebody, so never removed: i-0a; take the protection away",
    ],
    [{ states: { "i-0a": "Pending:Wait" } }, ["i-0a"], "waiting for long in a lifecycle hook"],
    [
      { states: { "i-0a": "Levitating" } },
      [],
      "states that are not known here count as machines: Levitating",
    ],
    [
      { ids: ["i-1", "i-2", "i-3", "i-4", "i-5", "i-6", "i-7"], instance: { isProtected: true } },
      [],
      "i-1, i-2, i-3, i-4, i-5 and 2 more",
    ],
  ])("%j", (parts, stuck, words) => {
    const said = sentencesOf(awsReading(parts), stuck);
    expect(said).toHaveLength(1);
    expect(said[0]).toContain(words);
  });

  test("protection that every machine of the group has is no word about one", () => {
    const parts = { ids: ["i-0a"], instance: { isProtected: true }, protectsNew: true };
    expect(sentencesOf(awsReading(parts), [])).toEqual([]);
  });

  test("a group that Cluster Autoscaler would find is told of, its other tags are not", () => {
    const enabled = "k8s.io/cluster-autoscaler/enabled";
    const tags = { [enabled]: "true", "k8s.io/cluster-autoscaler/ml": "owned" };
    expect(sentencesOf(awsReading({ tags }), [])).toEqual([
      `it carries the tag ${enabled}, by which Cluster Autoscaler finds the groups that it sizes: where that runs too, take the tag away`,
    ]);
    expect(sentencesOf(awsReading({ tags: { "k8s.io/cluster-autoscaler/ml": "owned" } }), [])).toEqual([]);
  });

  test("rebalancing between zones is fine once it is suspended", () => {
    expect(sentencesOf(awsReading({ zones: ["a", "b"], suspended: ["AZRebalance"] }), [])).toEqual([]);
  });
});
