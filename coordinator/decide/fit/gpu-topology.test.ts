import { describe, expect, test } from "vitest";

import { NODE_LABEL } from "../../../shared/model/names.ts";
import { contextOf, place, podWith } from "../../../test/build/place.ts";
import type { PlaceOptions } from "../../../test/build/place.ts";
import { gpuTopology } from "./gpu-topology.ts";

describe("gpu-topology", () => {
  test.each([
    [8, null],
    // Two nodes of four are no node of eight.
    [9, { code: "gpus-per-node", pool: "demo/gpu", wants: 9, nodeHas: 8 }],
  ])("%i GPUs of one node", (gpus, reason) => {
    const pod = podWith("p", { requests: { "nvidia.com/gpu": gpus } });
    expect(gpuTopology.refusal(pod, place(), contextOf([pod]))).toEqual(reason);
  });

  const H100: PlaceOptions = { pool: { gpuType: "H100" } };
  test.each<readonly [string, string, PlaceOptions, string | null]>([
    ["the pool's own", "H100", H100, null],
    ["another name of it", "nvidia-h100-80gb", H100, null],
    ["one of its memory sizes", "H100-80GB", H100, null],
    ["another one", "A100", H100, "H100"],
    ["another memory size", "H100-94GB", { pool: { gpuType: "H100-80GB" } }, "H100-80GB"],
    ["what a label shows", "A100", { labels: { [NODE_LABEL.gpuProduct]: "NVIDIA-A100-SXM4-80GB" } }, null],
    [
      "what a label shows otherwise than the policy",
      "H100",
      { ...H100, labels: { [NODE_LABEL.gpuProduct]: "Tesla-T4" } },
      "T4",
    ],
    ["any, of a pool of which nobody knows", "H100", {}, "no known model"],
    ["one that no table has", "X9000", H100, "H100"],
    ["one that no table has and the pool names", "X9000", { pool: { gpuType: "X9000" } }, null],
    ["one of a pool whose model no table has", "H100", { pool: { gpuType: "X9000" } }, "X9000"],
    ["any, on a node that is here, where the scheduler decides", "H100", { kind: "node" }, null],
  ])("a pod that asks for %s (%s)", (_, gpuModel, there, has) => {
    const pod = podWith("p", { gpuModel });
    expect(gpuTopology.refusal(pod, place(there), contextOf([pod]))).toEqual(
      has === null ? null : { code: "gpu-model-differs", pool: "demo/gpu", wants: gpuModel, has },
    );
  });

  test("a model means nothing to a pod without GPUs", () => {
    const pod = podWith("p", { gpuModel: "H100", requests: { cpu: 1 } });
    expect(gpuTopology.refusal(pod, place({ allocatable: { cpu: 1 } }), contextOf([pod]))).toBeNull();
  });
});
