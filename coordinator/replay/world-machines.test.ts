import { describe, expect, test } from "vitest";

import type { Machine } from "../../shared/model/kube.ts";
import { CLUSTER_API, GPU_RESOURCE, NODE_ANNOTATION, NODE_LABEL } from "../../shared/model/names.ts";
import { epochMs, millis, ratio, seconds } from "../../shared/model/units.ts";
import { START, aPool, aRunningWorld, aWorld, facts, forward } from "../../test/world/build.ts";
import type { World } from "./world.ts";

const GROUP = { namespace: "default", name: "spot-a" };

function annotate(world: World, machine: Machine, annotations: Record<string, string>): void {
  world.put("machines", { ...machine, metadata: { ...machine.metadata, annotations } });
}

function machineBehind(world: World, node: string): Machine | undefined {
  return world.list("machines").find((machine) => machine.status?.nodeRef?.name === node);
}

describe("a machine", () => {
  test("boots, registers without GPUs, and becomes ready with them", () => {
    const world = aWorld({ nodeDomain: "sim.internal" });
    world.scale(GROUP, 1);
    expect(world.list("machines")).toMatchObject([
      { metadata: { labels: { [CLUSTER_API.deploymentName]: "spot-a" } }, status: { phase: "Provisioning" } },
    ]);
    forward(world, 19_999);
    expect(world.list("nodes")).toEqual([]);
    forward(world, 1);
    const [machine] = world.list("machines");
    const [node] = world.list("nodes");
    expect(node?.metadata.name).toBe(`${machine?.metadata.name}.sim.internal`);
    expect(machine).toMatchObject({
      spec: { providerID: `sim://spot-a/${machine?.metadata.name}`, failureDomain: "zone-a" },
      status: { phase: "Running", nodeRef: { name: node?.metadata.name } },
    });
    expect(node).toMatchObject({
      metadata: {
        annotations: { [NODE_ANNOTATION.machine]: machine?.metadata.name },
        labels: {
          [NODE_LABEL.pool]: "spot-a",
          [NODE_LABEL.capacityType]: "spot",
          [NODE_LABEL.zone]: "zone-a",
          [NODE_LABEL.instanceType]: "gpu-8x",
        },
      },
      spec: { providerID: machine?.spec?.providerID, taints: [{ key: "node.kubernetes.io/not-ready" }] },
    });
    expect(node?.status?.allocatable?.[GPU_RESOURCE]).toBeUndefined();
    expect(world.get("machinedeployments", GROUP)?.status).toMatchObject({ replicas: 1, readyReplicas: 0 });
    forward(world, 10_000);
    expect(world.list("nodes")[0]).toMatchObject({ status: { allocatable: { [GPU_RESOURCE]: "8" } } });
    expect(world.list("nodes")[0]?.spec?.taints).toBeUndefined();
    expect(world.get("machinedeployments", GROUP)?.status).toMatchObject({ replicas: 1, readyReplicas: 1 });
  });

  test("draws its boot time from the range, by the seed, and takes zones in turn", () => {
    const pool = aPool({ replicas: 20, bootMs: [millis(10_000), millis(20_000)], zones: ["a", "b"] });
    const world = aWorld({ pools: [pool] });
    forward(world, 60_000);
    const delays = facts(world, "machine-joined").map(({ at }) => at - START);
    expect(Math.min(...delays)).toBeGreaterThanOrEqual(10_000);
    expect(Math.max(...delays)).toBeLessThanOrEqual(20_000);
    expect(new Set(delays).size).toBeGreaterThan(10);
    const zones = world.list("machines").map(({ spec }) => spec?.failureDomain);
    expect(zones.filter((zone) => zone === "a")).toHaveLength(10);
  });

  test("may fail to come up, keeps its place in the size, and is the first to go", () => {
    const world = aWorld({ pools: [aPool({ replicas: 20, bootFailureRate: ratio(0.5) })] });
    forward(world, 60_000);
    const failed = facts(world, "machine-failed").map(({ machine }) => machine);
    expect(failed.length).toBeGreaterThan(3);
    expect(failed.length).toBeLessThan(17);
    expect(world.list("machines")).toHaveLength(20);
    world.scale(GROUP, 20 - failed.length);
    expect(
      facts(world, "machine-removed")
        .map(({ machine }) => machine)
        .toSorted(),
    ).toEqual(failed.toSorted());
    expect(world.list("nodes")).toHaveLength(20 - failed.length);
  });

  test("waits for capacity that the provider does not have, and says so", () => {
    const world = aWorld({ pools: [aPool({ maxMachines: 1 })] });
    world.scale(GROUP, 3);
    forward(world, 60_000);
    expect(world.list("nodes")).toHaveLength(1);
    const starved = world
      .list("machines")
      .filter(({ status }) => status?.failureReason === "InsufficientResources");
    expect(starved).toHaveLength(2);
    expect(starved[0]?.status).toMatchObject({
      phase: "Provisioning",
      conditions: [{ reason: "InsufficientResources" }],
    });
    expect(facts(world, "machine-starved")).toHaveLength(2);
    world.setCapacity("spot-a", 2);
    forward(world, 30_000);
    expect(world.list("nodes")).toHaveLength(2);
    expect(world.list("machines")[1]?.status?.failureReason).toBeUndefined();
    world.setCapacity("spot-a", null);
    forward(world, 30_000);
    expect(world.list("nodes")).toHaveLength(3);
  });
});

describe("capacity", () => {
  test("that a removed machine gave back can be had again", () => {
    const world = aWorld({ pools: [aPool({ maxMachines: 1 })] });
    for (const replicas of [1, 0, 1]) {
      world.scale(GROUP, replicas);
      forward(world, 60_000);
    }
    expect(world.list("nodes")).toHaveLength(1);
    expect(facts(world, "machine-starved")).toEqual([]);
  });
});

describe("a smaller size", () => {
  test("takes the machine that is marked for deletion", () => {
    const world = aRunningWorld(6);
    const marked = world.list("machines")[3];
    if (marked !== undefined) annotate(world, marked, { [CLUSTER_API.deleteMachine]: "true" });
    world.scale(GROUP, 5);
    expect(facts(world, "machine-deleting")).toMatchObject([
      { machine: marked?.metadata.name, chosen: "annotated" },
    ]);
    expect(world.get("nodes", { name: marked?.status?.nodeRef?.name ?? "" })).toBeNull();
  });

  test("takes any machine when none is marked, and not always the same place", () => {
    const taken = [1, 2, 3, 4, 5, 6].map((seed) => {
      const world = aRunningWorld(6, { seed });
      const before = world.list("machines").map(({ metadata }) => metadata.name);
      world.scale(GROUP, 5);
      const [fact] = facts(world, "machine-deleting");
      expect(fact?.chosen).toBe("random");
      return before.indexOf(fact?.machine ?? "");
    });
    expect(new Set(taken).size).toBeGreaterThan(1);
  });

  test("drains the node first: cordons it and waits for the pods' own grace", () => {
    const world = aRunningWorld(1);
    world.addDaemonSet({ name: "agent", cpu: "100m", memory: "100Mi" });
    world.submitService({
      name: "serve",
      replicas: 1,
      gpus: 8,
      graceSeconds: seconds(60),
      exitAfterMs: millis(15_000),
    });
    forward(world, 2_000);
    world.scale(GROUP, 0);
    const [node] = world.list("nodes");
    expect(node?.spec?.unschedulable).toBe(true);
    expect(world.list("machines")[0]?.status?.phase).toBe("Deleting");
    expect(world.get("machinedeployments", GROUP)?.status?.replicas).toBe(0);
    forward(world, 14_999);
    expect(world.list("nodes")).toHaveLength(1);
    forward(world, 1);
    expect(world.list("nodes")).toEqual([]);
    expect(world.list("machines")).toEqual([]);
    expect(facts(world, "pod-exited").map(({ why }) => why)).toEqual(["clean", "node-lost"]);
  });

  test("takes the machine anyway when the drain lasts too long", () => {
    const world = aRunningWorld(1, { drainMs: millis(10_000) });
    world.submitJob({
      id: "train",
      gpus: 8,
      durationMs: millis(3_600_000),
      graceSeconds: seconds(600),
      exitAfterMs: millis(300_000),
    });
    forward(world, 5_000);
    world.scale(GROUP, 0);
    forward(world, 10_000);
    expect(world.list("nodes")).toEqual([]);
    expect(facts(world, "pod-exited")).toMatchObject([{ why: "node-lost", keptMs: 0, warnedMs: 10_000 }]);
  });

  test("is in the ledger with both sizes, whoever wrote it", () => {
    const world = aWorld();
    world.scale(GROUP, 2);
    const group = world.get("machinedeployments", GROUP);
    if (group !== null) world.put("machinedeployments", { ...group, spec: { ...group.spec, replicas: 1 } });
    expect(facts(world, "size-changed").map(({ from, to }) => [from, to])).toEqual([
      [0, 2],
      [2, 1],
    ]);
  });

  test("does nothing while the group is paused", () => {
    const world = aRunningWorld(2);
    const group = world.get("machinedeployments", GROUP);
    if (group === null) throw new Error("the group is missing");
    const annotations = { [CLUSTER_API.paused]: "true" };
    const paused = world.put("machinedeployments", {
      ...group,
      metadata: { ...group.metadata, annotations },
    });
    world.scale(GROUP, 0);
    expect(world.list("machines")).toHaveLength(2);
    world.put("machinedeployments", {
      ...paused,
      spec: { ...paused.spec, replicas: 0 },
      metadata: group.metadata,
    });
    expect(world.list("machines")).toEqual([]);
  });
});

describe("interrupt()", () => {
  test("takes node and pods at its instant and leaves a failed machine that nobody replaces", () => {
    const world = aRunningWorld(1);
    world.submitService({ name: "serve", replicas: 1, gpus: 8 });
    forward(world, 5_000);
    const node = world.list("nodes")[0]?.metadata.name ?? "";
    world.interrupt(node, epochMs(world.now + 30_000));
    forward(world, 29_999);
    expect(world.list("nodes")).toHaveLength(1);
    forward(world, 1);
    expect([world.list("nodes"), world.list("pods")]).toEqual([[], []]);
    expect(facts(world, "pod-exited")).toMatchObject([{ why: "node-lost", warnedMs: null }]);
    forward(world, 60_000);
    expect(world.list("machines")).toMatchObject([
      { status: { phase: "Failed", failureReason: "InstanceTerminated" } },
    ]);
    expect(world.list("nodes")).toEqual([]);
  });

  test("has the group buy again where the pool replaces what it lost", () => {
    const pool = aPool({ replicas: 1, bootMs: millis(0), readyMs: millis(0), onInterrupt: "replaced" });
    const world = aWorld({ pools: [pool] });
    const node = world.list("nodes")[0]?.metadata.name ?? "";
    world.interrupt(node, world.now);
    expect(world.list("nodes").map(({ metadata }) => metadata.name)).not.toContain(node);
    expect(world.list("machines")).toHaveLength(1);
    expect(machineBehind(world, world.list("nodes")[0]?.metadata.name ?? "")).toBeDefined();
  });

  test("gives its place back to the provider's capacity", () => {
    const world = aRunningWorld(0, {
      pools: [aPool({ replicas: 2, maxMachines: 1, bootMs: millis(0), readyMs: millis(0) })],
    });
    const node = world.list("nodes")[0]?.metadata.name ?? "";
    world.interrupt(node, world.now);
    expect(world.list("nodes")).toHaveLength(1);
    expect(world.list("nodes")[0]?.metadata.name).not.toBe(node);
  });
});

describe("removing a Machine", () => {
  test("drains its node, and the group makes another", () => {
    const world = aRunningWorld(2);
    const [machine] = world.list("machines");
    world.remove("machines", machine?.metadata ?? { name: "" });
    const names = world.list("machines").map(({ metadata }) => metadata.name);
    expect(names).toHaveLength(2);
    expect(names).not.toContain(machine?.metadata.name);
  });

  test("follows from removing its group", () => {
    const world = aRunningWorld(2);
    world.remove("machinedeployments", GROUP);
    expect([world.list("machines"), world.list("nodes")]).toEqual([[], []]);
  });
});
