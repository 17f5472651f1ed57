import { describe, expect, test } from "vitest";

import type { Pod } from "../../shared/model/kube.ts";
import { GPU_RESOURCE } from "../../shared/model/names.ts";
import { millis } from "../../shared/model/units.ts";
import { aNode, aPod, aWorld, facts, forward } from "../../test/world/build.ts";
import type { World } from "./world.ts";

function gpuPod(name: string, gpus: number, spec: Partial<Pod["spec"]> = {}): Pod {
  const limits = { [GPU_RESOURCE]: String(gpus) };
  return aPod(name, {
    containers: [{ name: "main", resources: { requests: { cpu: "1" }, limits } }],
    ...spec,
  });
}

function nodeOf(world: World, name: string): string | undefined {
  return world.get("pods", { namespace: "default", name })?.spec.nodeName;
}

function scheduled(world: World, name: string): Record<string, unknown> {
  const pod = world.get("pods", { namespace: "default", name });
  return { ...pod?.status?.conditions?.find(({ type }) => type === "PodScheduled") };
}

describe("the scheduler", () => {
  test("fills the node with the fewest free GPUs that still takes the pod", () => {
    const world = aWorld();
    world.put("nodes", aNode("empty"));
    world.put("nodes", aNode("half"));
    world.put("pods", gpuPod("there", 4, { nodeName: "half" }));
    world.put("pods", gpuPod("small", 2));
    world.put("pods", gpuPod("large", 8));
    expect([nodeOf(world, "small"), nodeOf(world, "large")]).toEqual(["half", "empty"]);
  });

  test("counts a GPU limit without a request, init containers, overhead and the number of pods", () => {
    const world = aWorld();
    const allocatable = { cpu: "4", memory: "8Gi", pods: "2", [GPU_RESOURCE]: "2" };
    world.put(
      "nodes",
      aNode("n1", { status: { allocatable, conditions: [{ type: "Ready", status: "True" }] } }),
    );
    world.put(
      "pods",
      aPod("init", { initContainers: [{ name: "i", resources: { requests: { cpu: "5" } } }] }),
    );
    world.put("pods", aPod("overhead", { overhead: { cpu: "3500m" } }));
    world.put("pods", gpuPod("three-gpus", 3));
    for (const name of ["init", "overhead", "three-gpus"]) expect(nodeOf(world, name)).toBeUndefined();
    for (const name of ["a", "b", "c"]) world.put("pods", gpuPod(name, 0));
    expect([nodeOf(world, "a"), nodeOf(world, "b"), nodeOf(world, "c")]).toEqual(["n1", "n1", undefined]);
    expect(scheduled(world, "c")["message"]).toContain("1 Too many pods");
  });

  test("respects cordons, taints and the node selector", () => {
    const world = aWorld();
    world.put("nodes", aNode("cordoned", { spec: { unschedulable: true } }));
    world.put(
      "nodes",
      aNode("tainted", { spec: { taints: [{ key: "gpu", value: "h100", effect: "NoSchedule" }] } }),
    );
    world.put("nodes", aNode("plain", { metadata: { name: "plain", labels: { disk: "fast" } } }));
    world.put("pods", aPod("picky", { nodeSelector: { disk: "slow" } }));
    world.put("pods", aPod("fast", { nodeSelector: { disk: "fast" } }));
    const equal = { key: "gpu", operator: "Equal", value: "h100", effect: "NoSchedule" } as const;
    world.put("pods", gpuPod("wrong-value", 8, { tolerations: [{ ...equal, value: "a100" }] }));
    world.put("pods", gpuPod("tolerant", 8, { tolerations: [equal] }));
    world.put("pods", gpuPod("too-late", 8));
    expect(nodeOf(world, "picky")).toBeUndefined();
    expect(nodeOf(world, "fast")).toBe("plain");
    expect(nodeOf(world, "wrong-value")).toBe("plain");
    expect(nodeOf(world, "tolerant")).toBe("tainted");
    expect(nodeOf(world, "too-late")).toBeUndefined();
  });

  test("places pods of higher priority first, then older ones", () => {
    const world = aWorld();
    world.put("pods", gpuPod("old", 8));
    world.put("pods", gpuPod("young", 8));
    world.put("pods", gpuPod("urgent", 8, { priority: 100 }));
    world.put("nodes", aNode("n1"));
    world.put("nodes", aNode("n2"));
    expect([nodeOf(world, "urgent"), nodeOf(world, "old"), nodeOf(world, "young")]).toEqual([
      "n1",
      "n2",
      undefined,
    ]);
  });

  test("marks what it cannot place as Unschedulable once, with the instant at which that began", () => {
    const world = aWorld();
    world.put("pods", gpuPod("waiting", 8));
    const first = scheduled(world, "waiting");
    expect(first).toMatchObject({
      status: "False",
      reason: "Unschedulable",
      lastTransitionTime: "2026-01-05T09:00:00Z",
    });
    forward(world, 60_000);
    world.put("nodes", aNode("small", { status: { allocatable: { cpu: "4", pods: "10" } } }));
    expect(scheduled(world, "waiting")).toEqual(first);
    world.put("nodes", aNode("n1"));
    expect(scheduled(world, "waiting")).toMatchObject({
      status: "True",
      lastTransitionTime: "2026-01-05T09:01:00Z",
    });
    expect(facts(world, "pod-unschedulable")).toHaveLength(1);
  });

  test("leaves pods of other schedulers alone", () => {
    const world = aWorld();
    world.put("nodes", aNode("n1"));
    world.put("pods", aPod("foreign", { schedulerName: "volcano" }));
    expect(nodeOf(world, "foreign")).toBeUndefined();
    expect(scheduled(world, "foreign")).toEqual({});
  });

  test("gives the place of a finished pod to the next one", () => {
    const world = aWorld({ startDelayMs: millis(0) });
    world.put("nodes", aNode("n1"));
    world.submitJob({ id: "first", gpus: 8, cpu: "1", memory: "1Gi", durationMs: millis(60_000) });
    world.put("pods", gpuPod("second", 8));
    forward(world, 59_999);
    expect(nodeOf(world, "second")).toBeUndefined();
    forward(world, 1);
    expect(nodeOf(world, "second")).toBe("n1");
  });
});
