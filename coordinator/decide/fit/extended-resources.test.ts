import { describe, expect, test } from "vitest";

import { contextOf, place, podWith } from "../../../test/build/place.ts";
import type { PlaceOptions } from "../../../test/build/place.ts";
import { extendedResources } from "./extended-resources.ts";

const MIXED = {
  cpu: 96_000,
  "nvidia.com/gpu": 2,
  "nvidia.com/mig-1g.5gb": 7,
  "nvidia.com/gpu.shared": 4,
  "example.com/fpga": 0,
};

const CASES: readonly (readonly [string, Readonly<Record<string, number>>, PlaceOptions, object | null])[] = [
  ["each name for itself", { "nvidia.com/gpu": 2, "nvidia.com/mig-1g.5gb": 7 }, {}, null],
  [
    "another profile",
    { "nvidia.com/mig-2g.10gb": 1 },
    {},
    {
      code: "no-such-resource",
      resource: "nvidia.com/mig-2g.10gb",
      wants: 1,
      has: ["nvidia.com/gpu", "nvidia.com/gpu.shared", "nvidia.com/mig-1g.5gb"],
    },
  ],
  [
    "a shared GPU where there are whole ones only",
    { "nvidia.com/gpu.shared": 1 },
    { allocatable: { "nvidia.com/gpu": 8 } },
    { code: "no-such-resource", has: ["nvidia.com/gpu"] },
  ],
  [
    "a device of which there are none",
    { "example.com/fpga": 1, "nvidia.com/gpu": 1 },
    {},
    { code: "no-such-resource", resource: "example.com/fpga" },
  ],
  [
    "more of a profile than the node reports",
    { "nvidia.com/mig-1g.5gb": 8 },
    {},
    { code: "too-large", resource: "nvidia.com/mig-1g.5gb", wants: 8, nodeHas: 7 },
  ],
  ["more whole GPUs than a node has, which is a later check's to say", { "nvidia.com/gpu": 3 }, {}, null],
  [
    "what other pods have taken",
    { "nvidia.com/gpu": 2 },
    { free: { ...MIXED, "nvidia.com/gpu": 1 } },
    { code: "too-large", resource: "nvidia.com/gpu", nodeHas: 1 },
  ],
  [
    "what DaemonSets hold, which is a later check's to say",
    { "example.com/nic": 1, "nvidia.com/gpu": 1 },
    { overhead: { "example.com/nic": 1 } },
    null,
  ],
  ["a name of Kubernetes", { "nvidia.com/gpu": 1, "attachable-volumes.kubernetes.io/x": 1 }, {}, null],
  [
    "what is free on a node that is here",
    { "nvidia.com/gpu": 2 },
    { kind: "node", free: { "nvidia.com/gpu": 1 } },
    { code: "too-large", nodeHas: 1 },
  ],
  [
    "what a node that is here has not",
    { "amd.com/gpu": 2 },
    { kind: "node", free: MIXED },
    { code: "no-such-resource" },
  ],
];

describe("extended-resources", () => {
  test.each(CASES)("%s", (_, requests, there, reason) => {
    const pod = podWith("p", { requests });
    const refusal = extendedResources.refusal(pod, place({ allocatable: MIXED, ...there }), contextOf([pod]));
    if (reason === null) expect(refusal).toBeNull();
    else expect(refusal).toMatchObject(reason);
  });

  test.each<readonly [string, PlaceOptions, string | null]>([
    ["a new node with GPUs", {}, "pod-not-gpu"],
    [
      "a new node with MIG profiles only",
      { allocatable: { cpu: 1, "nvidia.com/mig-1g.5gb": 7 } },
      "pod-not-gpu",
    ],
    ["a pool that says so", { pool: { allowCpuPods: true } }, null],
    ["a new node without GPUs", { allocatable: { cpu: 96_000 } }, null],
    ["a node that is coming", { kind: "booting" }, null],
    ["a node that is here", { kind: "node" }, null],
  ])("a pod without GPUs and %s", (_, there, code) => {
    const pod = podWith("p", { requests: { cpu: 1 } });
    expect(extendedResources.refusal(pod, place(there), contextOf([pod]))?.code ?? null).toBe(code);
  });

  test("a profile that the cards can never give is left to the check of that name", () => {
    const pod = podWith("p", { requests: { "nvidia.com/mig-1g.5gb": 8 } });
    const there = place({ allocatable: { "nvidia.com/gpu": 1 }, pool: { gpuType: "A100-40GB" } });
    expect(extendedResources.refusal(pod, there, contextOf([pod]))).toBeNull();
  });
});
