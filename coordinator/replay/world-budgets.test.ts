import { describe, expect, test } from "vitest";

import type { PodDisruptionBudget } from "../../shared/model/kube.ts";
import { millis, seconds } from "../../shared/model/units.ts";
import { aRunningWorld, aWorld, facts, forward } from "../../test/world/build.ts";
import type { World } from "./world.ts";

function budget(name: string, spec: NonNullable<PodDisruptionBudget["spec"]>): PodDisruptionBudget {
  return {
    metadata: { name, namespace: "default" },
    spec: { selector: { matchLabels: { app: "serve" } }, ...spec },
  };
}

/** Four pods of one service, all running. */
function serving(): World {
  const world = aRunningWorld(1);
  world.submitService({
    name: "serve",
    replicas: 4,
    gpus: 1,
    evictionPriority: "high",
    exitAfterMs: millis(5_000),
  });
  forward(world, 2_000);
  return world;
}

function statusOf(world: World, name: string): object {
  return world.get("poddisruptionbudgets", { namespace: "default", name })?.status ?? {};
}

describe("a budget's status", () => {
  test.each([
    [{ minAvailable: 3 }, { disruptionsAllowed: 1, desiredHealthy: 3 }],
    [{ minAvailable: "60%" }, { disruptionsAllowed: 1, desiredHealthy: 3 }],
    [{ maxUnavailable: 1 }, { disruptionsAllowed: 1, desiredHealthy: 3 }],
    [{ maxUnavailable: "30%" }, { disruptionsAllowed: 2, desiredHealthy: 2 }],
    [{ minAvailable: 9 }, { disruptionsAllowed: 0, desiredHealthy: 9 }],
  ])("of %j allows what a real controller allows", (spec, status) => {
    const world = serving();
    world.put("poddisruptionbudgets", budget("b", spec));
    expect(statusOf(world, "b")).toMatchObject({
      ...status,
      currentHealthy: 4,
      expectedPods: 4,
      observedGeneration: 1,
    });
  });

  test("counts the replicas that are wanted, not those that are there, for maxUnavailable", () => {
    const world = aWorld();
    world.submitService({ name: "serve", replicas: 4, gpus: 1 });
    world.put("poddisruptionbudgets", budget("b", { maxUnavailable: 1 }));
    expect(statusOf(world, "b")).toMatchObject({
      disruptionsAllowed: 0,
      currentHealthy: 0,
      expectedPods: 4,
      desiredHealthy: 3,
    });
  });

  test("follows its pods as they leave and come back", () => {
    const world = serving();
    world.put("poddisruptionbudgets", budget("b", { minAvailable: 3 }));
    world.evict(world.list("pods")[0]?.metadata ?? { name: "" });
    expect(statusOf(world, "b")).toMatchObject({ disruptionsAllowed: 0, currentHealthy: 3 });
    forward(world, 2_000);
    expect(statusOf(world, "b")).toMatchObject({ disruptionsAllowed: 1, currentHealthy: 4 });
  });
});

describe("evict()", () => {
  test("gives the pod the grace that it is told and marks it as disrupted", () => {
    const world = serving();
    const pod = world.list("pods")[0]?.metadata ?? { name: "" };
    expect(world.evict(pod, { graceSeconds: seconds(7) })).toEqual({ kind: "created" });
    const evicted = world.get("pods", pod);
    expect(evicted?.metadata).toMatchObject({
      deletionGracePeriodSeconds: 7,
      deletionTimestamp: "2026-01-05T09:00:09Z",
    });
    expect(evicted?.status?.conditions).toContainEqual(
      expect.objectContaining({ type: "DisruptionTarget", reason: "EvictionByEvictionAPI" }),
    );
    expect(facts(world, "pod-evicted")).toEqual([
      expect.objectContaining({ pod: pod.name, evictionPriority: "high", graceMs: 7_000 }),
    ]);
  });

  test("refuses what a budget forbids, with what it needs, and changes nothing", () => {
    const world = serving();
    world.put("poddisruptionbudgets", budget("b", { minAvailable: 4 }));
    const { version } = world;
    expect(world.evict(world.list("pods")[0]?.metadata ?? { name: "" })).toEqual({
      kind: "too-many-requests",
      budget: "b",
      needed: 4,
      healthy: 4,
      retryAfterSeconds: 0,
    });
    expect(world.version).toBe(version);
  });

  test("allows no more disruptions at one instant than the budget has", () => {
    const world = serving();
    world.put("poddisruptionbudgets", budget("b", { minAvailable: 2 }));
    const kinds = world.list("pods").map(({ metadata }) => world.evict(metadata).kind);
    expect(kinds).toEqual(["created", "created", "too-many-requests", "too-many-requests"]);
  });

  test("cannot answer for a pod under two budgets", () => {
    const world = serving();
    for (const name of ["b1", "b2"]) world.put("poddisruptionbudgets", budget(name, { minAvailable: 1 }));
    expect(world.evict(world.list("pods")[0]?.metadata ?? { name: "" })).toEqual({
      kind: "several-budgets",
      budgets: ["b1", "b2"],
    });
  });

  test("knows a pod by its uid", () => {
    const world = serving();
    const pod = world.list("pods")[0]?.metadata ?? { name: "" };
    expect(world.evict(pod, { uid: "another" })).toEqual({ kind: "conflict", uid: pod.uid });
    expect(world.evict({ namespace: "default", name: "nobody" })).toEqual({ kind: "not-found" });
    expect(facts(world, "pod-evicted")).toEqual([]);
  });

  test("in a dry run answers and does nothing", () => {
    const world = serving();
    world.put("poddisruptionbudgets", budget("b", { minAvailable: 3 }));
    const { version } = world;
    for (const { metadata } of world.list("pods"))
      expect(world.evict(metadata, { dryRun: true }).kind).toBe("created");
    expect(world.version).toBe(version);
  });

  test("does not ask budgets about pods that are pending or already leaving", () => {
    const world = aWorld();
    world.submitService({ name: "serve", replicas: 1, gpus: 1 });
    world.put("poddisruptionbudgets", budget("b", { minAvailable: 1 }));
    expect(world.evict(world.list("pods")[0]?.metadata ?? { name: "" })).toEqual({ kind: "created" });
    expect(world.list("pods")).toEqual([]);
  });

  test("may be repeated for a pod that leaves already: no budget is asked, and nothing new happens", () => {
    const world = serving();
    world.put("poddisruptionbudgets", budget("b", { minAvailable: 3 }));
    const pod = world.list("pods")[0]?.metadata ?? { name: "" };
    expect(world.evict(pod, { graceSeconds: seconds(20) }).kind).toBe("created");
    expect(world.evict(pod, { graceSeconds: seconds(20) }).kind).toBe("created");
    expect(facts(world, "pod-evicted")).toHaveLength(1);
    expect(world.evict(pod, { graceSeconds: seconds(3) }).kind).toBe("created");
    expect(facts(world, "pod-evicted").map(({ graceMs }) => graceMs)).toEqual([20_000, 3_000]);
    expect(world.get("pods", pod)?.metadata.deletionGracePeriodSeconds).toBe(3);
  });

  test("lets a pod go that is not ready when enough others are", () => {
    const world = serving();
    world.put("poddisruptionbudgets", budget("b", { minAvailable: 4 }));
    world.setServiceReplicas("serve", 5);
    const unready = world.list("pods").find((pod) => pod.status?.phase === "Pending");
    forward(world, 1_000);
    const running = world.get("pods", unready?.metadata ?? { name: "" });
    const conditions = [{ type: "Ready", status: "False" }];
    if (running !== null) world.put("pods", { ...running, status: { ...running.status, conditions } });
    const healthy = world.list("pods").find(({ metadata }) => metadata.name !== unready?.metadata.name);
    expect(world.evict(healthy?.metadata ?? { name: "" }).kind).toBe("too-many-requests");
    expect(world.evict(unready?.metadata ?? { name: "" }).kind).toBe("created");
  });
});
