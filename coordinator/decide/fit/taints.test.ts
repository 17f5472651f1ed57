import { describe, expect, test } from "vitest";

import type { Taint, Toleration } from "../../../shared/model/kube.ts";
import { contextOf, place, podWith } from "../../../test/build/place.ts";
import { taints } from "./taints.ts";

const GPU: Taint = { key: "nvidia.com/gpu", value: "present", effect: "NoSchedule" };

const CASES: readonly (readonly [string, readonly Taint[], readonly Toleration[], string | null])[] = [
  ["no taint", [], [], null],
  ["a taint that nobody tolerates", [GPU], [], "nvidia.com/gpu=present:NoSchedule"],
  ["the value tolerated", [GPU], [{ key: GPU.key, operator: "Equal", value: "present" }], null],
  [
    "another value tolerated",
    [GPU],
    [{ key: GPU.key, value: "absent" }],
    "nvidia.com/gpu=present:NoSchedule",
  ],
  ["the key tolerated by Exists", [GPU], [{ key: GPU.key, operator: "Exists" }], null],
  ["everything tolerated", [GPU], [{ operator: "Exists" }], null],
  [
    "another effect tolerated",
    [GPU],
    [{ key: GPU.key, operator: "Exists", effect: "NoExecute" }],
    "nvidia.com/gpu=present:NoSchedule",
  ],
  ["a taint that evicts", [{ key: "repair", effect: "NoExecute" }], [], "repair=:NoExecute"],
  ["a taint that only prefers", [{ key: "cheap", effect: "PreferNoSchedule" }], [], null],
  [
    "two taints of which one is tolerated",
    [GPU, { key: "team", value: "ml", effect: "NoSchedule" }],
    [{ key: GPU.key, operator: "Exists" }],
    "team=ml:NoSchedule",
  ],
];

describe("taints", () => {
  test.each(CASES)("%s", (_, there, tolerations, taint) => {
    const pod = podWith("p", { tolerations });
    expect(taints.refusal(pod, place({ taints: there }), contextOf([pod]))).toEqual(
      taint === null ? null : { code: "untolerated-taint", pool: "demo/gpu", taint },
    );
  });

  test("a node that is here is called by its name", () => {
    const pod = podWith("p");
    const there = place({ kind: "node", taints: [GPU] });
    expect(taints.refusal(pod, there, contextOf([pod]))).toMatchObject({ pool: "n1" });
  });
});
