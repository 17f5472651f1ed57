import { describe, expect, test } from "vitest";

import { millis, seconds } from "../../shared/model/units.ts";
import type { Millis } from "../../shared/model/units.ts";
import { aNode, aRunningWorld, aWorld, facts, forward, onlyPod } from "../../test/world/build.ts";
import type { World } from "./world.ts";

/** One node and one job of an hour that has run for ten minutes and needs 20 s to save its work. */
function training(checkpointEveryMs?: Millis): World {
  const world = aRunningWorld(1);
  world.submitJob({
    id: "train",
    gpus: 8,
    durationMs: millis(3_600_000),
    exitAfterMs: millis(20_000),
    graceSeconds: seconds(60),
    ...(checkpointEveryMs === undefined ? {} : { checkpointEveryMs }),
  });
  forward(world, 601_000);
  return world;
}

function theExit(world: World): object {
  const [exit, ...more] = facts(world, "pod-exited");
  expect(more).toEqual([]);
  return exit ?? {};
}

describe("a pod's life", () => {
  test("goes from bound to running to finished, and stays readable for a while", () => {
    const world = aRunningWorld(1, { startDelayMs: millis(2_000), keepFinishedMs: millis(5_000) });
    world.submitJob({ id: "short", gpus: 1, durationMs: millis(10_000) });
    expect(onlyPod(world).status?.phase).toBe("Pending");
    forward(world, 2_000);
    expect(onlyPod(world).status).toMatchObject({ phase: "Running", startTime: "2026-01-05T09:00:02Z" });
    forward(world, 10_000);
    expect(onlyPod(world).status?.phase).toBe("Succeeded");
    expect(facts(world, "job-done")).toHaveLength(1);
    forward(world, 5_000);
    expect(world.list("pods")).toEqual([]);
  });

  test("waits for a node that is not ready", () => {
    const world = aWorld({ startDelayMs: millis(1_000) });
    world.put("nodes", aNode("n1"));
    world.submitJob({ id: "train", gpus: 1, cpu: "1", memory: "1Gi", durationMs: millis(60_000) });
    world.setNodeReady("n1", false);
    forward(world, 10_000);
    expect(onlyPod(world).status?.phase).toBe("Pending");
    world.setNodeReady("n1", true);
    forward(world, 1_000);
    expect(onlyPod(world).status?.phase).toBe("Running");
  });
});

describe("deletion with grace", () => {
  test("lets a process end by itself and keeps all its work", () => {
    const world = training();
    const pod = onlyPod(world);
    world.deletePod(pod.metadata, null);
    expect(onlyPod(world).metadata).toMatchObject({
      deletionTimestamp: "2026-01-05T09:11:01Z",
      deletionGracePeriodSeconds: 60,
    });
    forward(world, 19_999);
    expect(world.get("pods", pod.metadata)).not.toBeNull();
    forward(world, 1);
    expect(world.get("pods", pod.metadata)).toBeNull();
    expect(theExit(world)).toMatchObject({ why: "clean", ranMs: 600_000, keptMs: 600_000, warnedMs: 20_000 });
  });

  test("kills a process whose grace ends first, with its work", () => {
    const world = training();
    const pod = onlyPod(world);
    world.deletePod(pod.metadata, seconds(5));
    forward(world, 5_000);
    expect(world.get("pods", pod.metadata)).toBeNull();
    expect(theExit(world)).toMatchObject({ why: "killed", ranMs: 600_000, keptMs: 0, warnedMs: 5_000 });
  });

  test("keeps what the last checkpoint saved of a killed process", () => {
    const world = training(millis(240_000));
    world.deletePod(onlyPod(world).metadata, seconds(5));
    forward(world, 5_000);
    expect(theExit(world)).toMatchObject({ why: "killed", keptMs: 480_000 });
  });

  test("may be shortened, counted from the first warning, and never lengthened", () => {
    const world = training();
    const pod = onlyPod(world);
    world.deletePod(pod.metadata, seconds(60));
    forward(world, 4_000);
    world.deletePod(pod.metadata, seconds(120));
    expect(onlyPod(world).metadata.deletionGracePeriodSeconds).toBe(60);
    world.deletePod(pod.metadata, seconds(10));
    expect(onlyPod(world).metadata).toMatchObject({
      deletionTimestamp: "2026-01-05T09:10:11Z",
      deletionGracePeriodSeconds: 10,
    });
    forward(world, 6_000);
    expect(theExit(world)).toMatchObject({ why: "killed", warnedMs: 10_000 });
  });

  test("of the same length changes nothing", () => {
    const world = training();
    const pod = onlyPod(world);
    world.deletePod(pod.metadata, seconds(30));
    const { version } = world;
    world.deletePod(pod.metadata, seconds(30));
    expect(world.version).toBe(version);
    expect(facts(world, "pod-stopping")).toHaveLength(1);
  });

  test("ends the work, also when that was nearly done", () => {
    const world = training();
    forward(world, 2_990_000);
    world.deletePod(onlyPod(world).metadata, seconds(60));
    forward(world, 20_200);
    expect(theExit(world)).toMatchObject({ why: "clean", keptMs: 3_590_000 });
    forward(world, 1_000 + 10_000 - 1);
    expect(world.openJobs()).toEqual(["train"]);
    forward(world, 1);
    expect(world.openJobs()).toEqual([]);
  });

  test("of zero removes the pod at once", () => {
    const world = training();
    const pod = onlyPod(world);
    world.deletePod(pod.metadata, seconds(0));
    expect(world.get("pods", pod.metadata)).toBeNull();
    expect(theExit(world)).toMatchObject({ why: "killed", keptMs: 0, warnedMs: null });
  });

  test("is not needed by a pod that runs nowhere", () => {
    const world = aWorld();
    world.submitJob({ id: "train", gpus: 8, durationMs: millis(60_000) });
    const pod = onlyPod(world);
    world.deletePod(pod.metadata, null);
    expect(world.get("pods", pod.metadata)).toBeNull();
    expect(facts(world, "pod-exited")).toEqual([]);
  });
});

describe("an owner", () => {
  test("makes a job's next pod under a new name after the old one is gone, with the work that is left", () => {
    const world = training();
    const old = onlyPod(world);
    world.deletePod(old.metadata, null);
    forward(world, 20_100);
    expect(world.list("pods")).toEqual([]);
    forward(world, 100);
    const next = onlyPod(world);
    expect(next.metadata.name).not.toBe(old.metadata.name);
    expect(next.metadata.ownerReferences).toEqual(old.metadata.ownerReferences);
    expect(next.metadata.ownerReferences?.[0]).toMatchObject({
      kind: "Job",
      name: "train",
      controller: true,
    });
    forward(world, 1_000 + 3_000_000 - 1);
    expect(world.openJobs()).toEqual(["train"]);
    forward(world, 1);
    expect(world.openJobs()).toEqual([]);
  });

  test("replaces a service's pod while the old one still ends", () => {
    const world = aRunningWorld(2);
    world.submitService({ name: "serve", replicas: 1, gpus: 4, exitAfterMs: millis(20_000) });
    forward(world, 5_000);
    world.deletePod(onlyPod(world).metadata, null);
    forward(world, 200);
    expect(world.list("pods")).toHaveLength(2);
    forward(world, 20_000);
    expect(onlyPod(world).metadata.deletionTimestamp).toBeUndefined();
  });

  test("splits a job over 8 GPUs into pods of 8 and a rest, and counts workers when they are named", () => {
    const world = aWorld();
    world.submitJob({ id: "wide", gpus: 20, durationMs: millis(1_000) });
    world.submitJob({ id: "even", gpus: 6, workers: 3, durationMs: millis(1_000) });
    world.submitJob({ id: "cpu", gpus: 0, durationMs: millis(1_000) });
    const shares = (owner: string): readonly number[] =>
      facts(world, "pod-created")
        .filter((fact) => fact.owner === owner)
        .map(({ gpus }) => gpus);
    expect([shares("Job/wide"), shares("Job/even"), shares("Job/cpu")]).toEqual([[8, 8, 4], [2, 2, 2], [0]]);
    expect(() => world.submitJob({ id: "odd", gpus: 7, workers: 2, durationMs: millis(1_000) })).toThrow(
      "shared evenly",
    );
  });

  test("takes away pods that wait first, then the youngest, and makes none again after removal", () => {
    const world = aRunningWorld(1);
    world.submitService({ name: "serve", replicas: 3, gpus: 4 });
    forward(world, 5_000);
    const placed = world.list("pods").filter((pod) => pod.spec.nodeName !== undefined);
    world.setServiceReplicas("serve", 2);
    expect(world.list("pods").map(({ metadata }) => metadata.name)).toEqual(
      placed.map(({ metadata }) => metadata.name),
    );
    world.setServiceReplicas("serve", 0);
    forward(world, 60_000);
    expect(world.list("pods")).toEqual([]);
  });

  test("gives up a cancelled job for good", () => {
    const world = training();
    world.cancelJob("train");
    forward(world, 120_000);
    expect(world.list("pods")).toEqual([]);
    expect(facts(world, "job-done")).toEqual([]);
  });
});
