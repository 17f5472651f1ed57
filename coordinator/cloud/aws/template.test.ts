import { describe, expect, test } from "vitest";

import { awsReading } from "../../../test/build/aws-reading.ts";
import { templateOf } from "./template.ts";

const TAG = "k8s.io/cluster-autoscaler/node-template/";

describe("templateOf()", () => {
  test("takes labels, taints and resources from the tags, and the types from the policy of the group", () => {
    const { template, problems } = templateOf(
      awsReading({
        types: ["p4d.24xlarge"],
        tags: {
          Name: "gpu",
          "eks:nodegroup-name": "trainers",
          [`${TAG}label/team`]: "vision",
          [`${TAG}label/example.com/kind`]: "big",
          [`${TAG}taint/nvidia.com/gpu`]: "present:NoSchedule",
          [`${TAG}taint/dedicated`]: ":NoExecute",
          [`${TAG}resources/cpu`]: "90",
          [`${TAG}resources/memory`]: "1000Gi",
          [`${TAG}resources/nvidia.com/gpu`]: "8",
          [`${TAG}autoscaling-options/scaledownunneededtime`]: "10m",
        },
      }),
    );
    expect(problems).toEqual([]);
    expect(template).toMatchObject({
      instanceTypes: ["p4d.24xlarge"],
      labels: { team: "vision", "example.com/kind": "big", "eks.amazonaws.com/nodegroup": "trainers" },
      taints: [
        { key: "nvidia.com/gpu", value: "present", effect: "NoSchedule" },
        { key: "dedicated", effect: "NoExecute" },
      ],
      allocatable: { cpu: 90_000, memory: 1000 * 2 ** 30, "nvidia.com/gpu": 8 },
    });
  });

  test("takes the types from machines that are there when the group has no policy of types", () => {
    const { template } = templateOf(awsReading({ ids: ["i-0a", "i-0b"], instance: { type: "g5.xlarge" } }));
    expect(template).toEqual({ instanceTypes: ["g5.xlarge"] });
  });

  test("says nothing when the group says nothing", () => {
    expect(templateOf(awsReading({}))).toEqual({ problems: [] });
  });

  test("names each tag that says nothing and keeps the others", () => {
    const { template, problems } = templateOf(
      awsReading({
        tags: {
          [`${TAG}taint/a`]: "NoSchedule",
          [`${TAG}taint/b`]: "x:Sometimes",
          [`${TAG}taint/c`]: "x:NoSchedule",
          [`${TAG}resources/nvidia.com/gpu`]: "eight",
        },
      }),
    );
    expect(template).toEqual({ taints: [{ key: "c", value: "x", effect: "NoSchedule" }] });
    expect(problems).toEqual([
      `tag ${TAG}taint/a is "NoSchedule", which is no taint such as value:NoSchedule`,
      `tag ${TAG}taint/b is "x:Sometimes", which is no taint such as value:NoSchedule`,
      expect.stringContaining(`tag ${TAG}resources/nvidia.com/gpu: resource nvidia.com/gpu: eight`),
    ]);
  });

  test("a tag that names GPUs alone leaves processor and memory to the catalogue, never to zero", () => {
    const tags = { [`${TAG}resources/nvidia.com/gpu`]: "7" };
    const known = templateOf(awsReading({ types: ["p4d.24xlarge"], tags }));
    expect(known.template?.allocatable).toMatchObject({ "nvidia.com/gpu": 7 });
    expect(known.template?.allocatable?.["cpu"]).toBeGreaterThan(80_000);
    expect(known.template?.allocatable?.["memory"]).toBeGreaterThan(1e12);
    const unknown = templateOf(awsReading({ types: ["q9.huge"], tags }));
    expect(unknown.template).toEqual({ instanceTypes: ["q9.huge"] });
    expect(unknown.problems).toEqual([
      expect.stringContaining("catalogue does not know them for q9.huge") as string,
    ]);
  });
});
