import { describe, expect, test } from "vitest";

import { pod } from "../../../test/build/pod.ts";
import { gpuShare } from "../fit/amounts.ts";
import { packingOrder } from "./order.ts";

describe("packingOrder()", () => {
  const sorted = (...pods: ReturnType<typeof pod>[]) =>
    pods.toSorted(packingOrder).map(({ key }) => key.replace("default/", ""));

  test("is priority, GPUs, memory, cpu, age, name", () => {
    const urgent = pod("urgent", { priority: 10, gpus: 1 });
    const big = pod("big", { gpus: 8 });
    const memory = pod("memory", { requests: { "nvidia.com/gpu": 1, memory: 2 ** 40 } });
    const cpu = pod("cpu", { cpu: 9_000 });
    const old = pod("old", { ageMs: 1e9 });
    const [a, b] = [pod("a"), pod("b")];
    expect(sorted(b, a, old, cpu, memory, big, urgent)).toEqual([
      "urgent",
      "big",
      "memory",
      "cpu",
      "old",
      "a",
      "b",
    ]);
  });

  test("weighs a MIG profile by its slices of a card", () => {
    const whole = pod("whole", { gpus: 1 });
    const slices = pod("slices", { requests: { "nvidia.com/mig-3g.40gb": 2 } });
    expect(gpuShare(slices.requests)).toBeCloseTo(6 / 7, 10);
    expect(sorted(slices, whole)).toEqual(["whole", "slices"]);
  });
});
