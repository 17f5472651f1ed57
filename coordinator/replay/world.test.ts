import { describe, expect, test } from "vitest";

import { epochMs, millis, ratio, seconds } from "../../shared/model/units.ts";
import {
  START,
  aNode,
  aPod,
  aPool,
  aRunningWorld,
  aWorld,
  facts,
  forward,
  onlyPod,
} from "../../test/world/build.ts";
import type { World } from "./world.ts";

function busyHour(seed: number): World {
  const pool = aPool({ replicas: 2, bootMs: [millis(5_000), millis(60_000)], bootFailureRate: ratio(0.3) });
  const world = aWorld({ seed, pools: [pool, aPool({ name: "on-demand-a", capacityType: "on-demand" })] });
  for (let at = 0; at < 20; at += 1) {
    world.submitJob({
      id: `job-${at}`,
      gpus: 1 + (at % 9),
      durationMs: millis(60_000 * (1 + (at % 5))),
      at: epochMs(START + at * 30_000),
    });
  }
  world.scale({ namespace: "default", name: "spot-a" }, 6);
  forward(world, 600_000);
  const node = world.list("nodes")[0];
  if (node !== undefined) world.interrupt(node.metadata.name, epochMs(world.now + 5_000));
  world.scale({ namespace: "default", name: "spot-a" }, 1);
  forward(world, 3_000_000);
  return world;
}

describe("createWorld()", () => {
  test("gives the same ledger and objects for the same seed and calls", () => {
    const [one, other] = [busyHour(7), busyHour(7)];
    expect(one.ledger.length).toBeGreaterThan(100);
    expect(JSON.stringify(one.ledger)).toBe(JSON.stringify(other.ledger));
    expect(JSON.stringify(one.list("pods"))).toBe(JSON.stringify(other.list("pods")));
    expect(one.version).toBe(other.version);
  });

  test("gives another run for another seed", () => {
    expect(JSON.stringify(busyHour(7).ledger)).not.toBe(JSON.stringify(busyHour(8).ledger));
  });

  test("comes to the same state in one step as in many", () => {
    const run = (step: number): World => {
      const world = aRunningWorld(1);
      world.submitJob({ id: "train", gpus: 4, durationMs: millis(90_000), at: epochMs(START + 1_500) });
      for (let at = 0; at < 120_000; at += step) forward(world, step);
      return world;
    };
    expect(run(1_000).ledger).toEqual(run(120_000).ledger);
  });

  test("names the next thing that will happen, and nothing when all is still", () => {
    const world = aRunningWorld(1);
    expect(world.nextEventAt()).toBeNull();
    world.submitJob({ id: "train", gpus: 1, durationMs: millis(1_000), at: epochMs(START + 5_000) });
    expect(world.nextEventAt()).toBe(START + 5_000);
  });

  test("refuses to go back in time", () => {
    const world = aWorld();
    expect(() => world.advance(epochMs(START - 1))).toThrow("cannot go back");
  });
});

describe("changesSince()", () => {
  test("returns each later change once, oldest first", () => {
    const world = aWorld();
    const before = world.version;
    world.put("nodes", aNode("n1"));
    world.remove("nodes", { name: "n1" });
    const changes = world.changesSince(before) ?? [];
    expect(changes.map(({ kind, resource }) => `${kind} ${resource}`)).toEqual([
      "added nodes",
      "deleted nodes",
    ]);
    expect(changes.map(({ version }) => version)).toEqual([before + 1, before + 2]);
    expect(world.changesSince(world.version)).toEqual([]);
  });

  test("says that changes are no longer kept instead of leaving some out", () => {
    const world = aWorld({ historyLimit: 10 });
    const before = world.version;
    for (let at = 0; at < 30; at += 1) world.put("nodes", aNode(`n${at}`));
    expect(world.changesSince(before)).toBeNull();
    expect(world.changesSince(world.version - 10)).toHaveLength(10);
    world.compact();
    expect(world.changesSince(world.version - 1)).toBeNull();
    expect(world.changesSince(world.version)).toEqual([]);
  });
});

describe("put()", () => {
  test("sets identity, version and generation, and bumps generation for the spec alone", () => {
    const world = aWorld({ pools: [] });
    const spec = { minAvailable: 1, selector: { matchLabels: { app: "a" } } };
    const made = world.put("poddisruptionbudgets", { metadata: { name: "b", namespace: "default" }, spec });
    expect(made.metadata).toMatchObject({ generation: 1, resourceVersion: String(world.version - 1) });
    const labelled = world.put("poddisruptionbudgets", {
      metadata: { name: "b", namespace: "default", labels: { x: "y" } },
      spec,
    });
    expect(labelled.metadata).toMatchObject({ generation: 1, uid: made.metadata.uid });
    const changed = world.put("poddisruptionbudgets", {
      metadata: { name: "b", namespace: "default" },
      spec: { ...spec, minAvailable: 2 },
    });
    expect(changed.metadata.generation).toBe(2);
  });

  test("changes nothing when the object is there already", () => {
    const world = aWorld();
    const node = world.put("nodes", aNode("n1"));
    const { version } = world;
    world.put("nodes", node);
    expect(world.version).toBe(version);
  });

  test("refuses a pod whose requests cannot be read, before anything is written", () => {
    const world = aWorld();
    const pod = aPod("p", { containers: [{ name: "main", resources: { requests: { cpu: "two" } } }] });
    expect(() => world.put("pods", pod)).toThrow('"two"');
    expect(world.list("pods")).toEqual([]);
  });
});

describe("a node", () => {
  test("takes its lifecycle taints from its cordon and its readiness, and loses them with those", () => {
    const world = aWorld();
    world.put(
      "nodes",
      aNode("n1", { spec: { unschedulable: true, taints: [{ key: "mine", effect: "NoSchedule" }] } }),
    );
    const keys = (): readonly string[] =>
      world.get("nodes", { name: "n1" })?.spec?.taints?.map(({ key }) => key) ?? [];
    expect(keys()).toEqual(["mine", "node.kubernetes.io/unschedulable"]);
    world.setNodeReady("n1", false);
    expect(keys()).toEqual(["mine", "node.kubernetes.io/unschedulable", "node.kubernetes.io/not-ready"]);
    world.setNodeReady("n1", true);
    const node = world.get("nodes", { name: "n1" });
    world.put("nodes", { ...aNode("n1"), ...node, spec: { ...node?.spec, unschedulable: false } });
    expect(keys()).toEqual(["mine"]);
  });

  test("carries one pod of each DaemonSet that matches, made again when lost, gone with the node", () => {
    const world = aWorld();
    world.addDaemonSet({ name: "agent", cpu: "100m", memory: "100Mi", nodeSelector: { gpu: "yes" } });
    world.addDaemonSet({ name: "static-web", mirror: true, cpu: "10m", memory: "10Mi" });
    world.put("nodes", aNode("n1", { metadata: { name: "n1", labels: { gpu: "yes" } } }));
    world.put("nodes", aNode("n2"));
    forward(world, 2_000);
    const on = (node: string): readonly string[] =>
      world
        .list("pods")
        .filter((pod) => pod.spec.nodeName === node)
        .map((pod) => pod.metadata.ownerReferences?.[0]?.kind ?? "")
        .toSorted();
    expect([on("n1"), on("n2")]).toEqual([["DaemonSet", "Node"], ["Node"]]);
    const agent = world.list("pods").find((pod) => pod.metadata.labels?.["app"] === "agent");
    world.deletePod({ namespace: "kube-system", name: agent?.metadata.name ?? "" }, seconds(0));
    expect(on("n1")).toEqual(["DaemonSet", "Node"]);
    world.remove("nodes", { name: "n1" });
    expect(on("n1")).toEqual([]);
  });

  test("refreshes its heartbeat at the set interval", () => {
    const world = aWorld({ heartbeatMs: millis(10_000) });
    world.put("nodes", aNode("n1"));
    forward(world, 25_000);
    const ready = world
      .get("nodes", { name: "n1" })
      ?.status?.conditions?.find(({ type }) => type === "Ready");
    expect(ready?.lastHeartbeatTime).toBe("2026-01-05T09:00:20Z");
  });
});

describe("a lost pod", () => {
  test("of a node that vanished is garbage, and its owner makes another", () => {
    const world = aRunningWorld(2);
    world.submitService({ name: "serve", replicas: 1, gpus: 8 });
    forward(world, 2_000);
    const first = onlyPod(world);
    world.remove("nodes", { name: first.spec.nodeName ?? "" });
    expect(world.list("pods")).toEqual([]);
    forward(world, 2_000);
    expect(onlyPod(world).metadata.name).not.toBe(first.metadata.name);
    expect(facts(world, "pod-exited").map(({ why }) => why)).toEqual(["node-lost"]);
  });
});
