import { describe, expect, test } from "vitest";

import { GPU_RESOURCE, NODE_LABEL } from "../../shared/model/names.ts";
import { epochMs, millis, ratio } from "../../shared/model/units.ts";
import { START, aCloudGroup, aWorld, facts, forward } from "../../test/world/build.ts";
import { GCP_PROJECT } from "./world-cloud.ts";
import type { CloudGroup, CloudGroupShape, CloudInstance } from "./world-cloud.ts";
import type { World } from "./world.ts";

/** A world with one group and nothing else, its first machines up. */
function aCloudWorld(overrides: Partial<CloudGroupShape> = {}, seed = 1): World {
  const world = aWorld({ seed, pools: [] });
  world.clouds.addGroup(aCloudGroup(overrides));
  forward(world, 60_000);
  return world;
}

function group(world: World, name = "spot-a"): CloudGroup {
  const found = world.clouds.group(name);
  if (found === null) throw new Error(`there is no group ${name}`);
  return found;
}

function members(world: World, name?: string): readonly CloudInstance[] {
  return group(world, name).instances;
}

function ids(world: World, name?: string): readonly string[] {
  return members(world, name).map(({ id }) => id);
}

describe("an instance", () => {
  test("boots, registers by its providerID, and becomes ready with its GPUs", () => {
    const world = aWorld({ pools: [] });
    world.clouds.addGroup(aCloudGroup({ cloud: "aws", desired: 1 }));
    forward(world, 19_999);
    expect(members(world)).toMatchObject([{ state: "pending", node: null, createdAt: START }]);
    expect(world.list("nodes")).toEqual([]);
    forward(world, 1);
    const [instance] = members(world);
    const [node] = world.list("nodes");
    expect(instance).toMatchObject({ state: "running", node: node?.metadata.name });
    expect(instance?.id).toMatch(/^i-[0-9a-f]{17}$/);
    expect(node).toMatchObject({
      metadata: {
        labels: {
          [NODE_LABEL.pool]: "spot-a",
          [NODE_LABEL.zone]: "zone-a",
          [NODE_LABEL.instanceType]: "gpu-8x",
          [NODE_LABEL.capacityType]: "spot",
        },
      },
      spec: { providerID: `aws:///zone-a/${instance?.id}` },
    });
    expect(node?.status?.allocatable?.[GPU_RESOURCE]).toBeUndefined();
    forward(world, 10_000);
    expect(world.list("nodes")[0]).toMatchObject({ status: { allocatable: { [GPU_RESOURCE]: "8" } } });
  });

  test("of gcp has the name of its place: one that was given, and the same again when it is taken", () => {
    const world = aWorld({ pools: [] });
    world.clouds.addGroup(aCloudGroup({ cloud: "gcp", zones: ["us-central1-a"] }));
    world.clouds.setDesired("spot-a", 2, ["spot-a-one", "spot-a-two"]);
    forward(world, 30_000);
    expect(ids(world)).toEqual(["spot-a-one", "spot-a-two"]);
    expect(world.list("nodes").map(({ spec }) => spec?.providerID)).toEqual([
      `gce://${GCP_PROJECT}/us-central1-a/spot-a-one`,
      `gce://${GCP_PROJECT}/us-central1-a/spot-a-two`,
    ]);
    world.clouds.setCapacity({}, 1);
    world.clouds.interrupt("spot-a-one", world.now);
    forward(world, 1_000);
    expect([ids(world), group(world).openNames]).toEqual([["spot-a-two"], ["spot-a-one"]]);
    world.clouds.setCapacity({}, null);
    forward(world, 60_000);
    expect(ids(world)).toEqual(["spot-a-two", "spot-a-one"]);
  });

  test("of gcp gives an open place back by its name, and without a name loses open places first", () => {
    const world = aWorld({ pools: [] });
    world.clouds.addGroup(aCloudGroup({ cloud: "gcp" }));
    world.clouds.setCapacity({}, 1);
    world.clouds.setDesired("spot-a", 4, ["a", "b", "c", "d"]);
    forward(world, 1_000);
    expect([ids(world), group(world).openNames]).toEqual([["a"], ["b", "c", "d"]]);
    world.clouds.setDesired("spot-a", 3, ["c"]);
    expect([ids(world), group(world).openNames]).toEqual([["a"], ["b", "d"]]);
    world.clouds.setDesired("spot-a", 2);
    expect([ids(world), group(world).openNames]).toEqual([["a"], ["b"]]);
  });

  test("of the simulated kind is named for its group", () => {
    const world = aCloudWorld({ desired: 1 });
    const [id] = ids(world);
    expect(id).toMatch(/^spot-a-[a-z0-9]{5}$/);
    expect(world.list("nodes")[0]?.spec?.providerID).toBe(`sim://spot-a/${id}`);
  });

  test("may never become a node, and stays a member all the same", () => {
    const world = aCloudWorld({ desired: 3, bootFailureRate: ratio(1) });
    expect(members(world)).toMatchObject([{ state: "running" }, { state: "running" }, { state: "running" }]);
    expect(world.list("nodes")).toEqual([]);
    expect(facts(world, "machine-failed")).toHaveLength(3);
  });

  test("loses its node and its pods when it ends, and is seen to end for a while", () => {
    const world = aCloudWorld({ desired: 1 });
    world.submitService({ name: "web", replicas: 1 });
    forward(world, 10_000);
    world.clouds.terminate(ids(world)[0] ?? "", { decrement: true });
    expect(world.list("nodes")).toEqual([]);
    expect(facts(world, "pod-exited")).toMatchObject([{ why: "node-lost" }]);
    expect(members(world)).toMatchObject([{ state: "terminating", node: null }]);
    forward(world, 20_000);
    expect(members(world)).toEqual([]);
    expect(facts(world, "machine-removed")).toHaveLength(1);
  });
});

describe("a group", () => {
  test("takes its zones in turn, and the next type where the first cannot be had", () => {
    const world = aCloudWorld({ zones: ["a", "b"], instanceTypes: ["best", "second"] });
    world.clouds.setCapacity({ instanceType: "best" }, 1);
    world.clouds.setCapacity({ instanceType: "second", zone: "a" }, 0);
    world.clouds.setDesired("spot-a", 3);
    expect(members(world).map(({ instanceType, zone }) => `${instanceType} ${zone}`)).toEqual([
      "best a",
      "second b",
      "second b",
    ]);
    forward(world, 60_000);
    expect(
      world
        .list("nodes")
        .flatMap(({ metadata }) => metadata.labels?.[NODE_LABEL.instanceType] ?? [])
        .toSorted(),
    ).toEqual(["best", "second", "second"]);
  });

  test("says what it did not get, tries again each 30 seconds, and notes the shortage once", () => {
    const world = aCloudWorld({ desired: 1 });
    world.clouds.setCapacity({}, 2);
    world.clouds.setDesired("spot-a", 4);
    expect(ids(world)).toHaveLength(2);
    const failed = (): number => group(world).activities.filter(({ failure }) => failure !== null).length;
    expect(group(world).activities[0]).toMatchObject({
      what: "launch",
      instance: null,
      failure: { kind: "no-capacity", code: "InsufficientInstanceCapacity" },
    });
    forward(world, 29_999);
    expect(failed()).toBe(1);
    forward(world, 1);
    expect(failed()).toBe(2);
    expect(facts(world, "machine-starved")).toHaveLength(1);
    world.clouds.setCapacity({}, null);
    expect(ids(world)).toHaveLength(2);
    forward(world, 30_000);
    expect(ids(world)).toHaveLength(4);
    forward(world, 60_000);
    expect(group(world).desired).toBe(4);
    expect(failed()).toBe(2);
  });

  test("meets the failure that it is told to meet, and keeps at most a hundred activities", () => {
    const world = aCloudWorld();
    const failure = { kind: "quota", code: "VcpuLimitExceeded", message: "too many vCPUs" } as const;
    world.clouds.failLaunches("spot-a", failure);
    world.clouds.setDesired("spot-a", 1);
    forward(world, 150 * 30_000);
    expect(group(world).activities).toHaveLength(100);
    expect(group(world).activities[0]).toMatchObject({ failure });
    world.clouds.failLaunches("spot-a", null);
    forward(world, 60_000);
    expect(world.list("nodes")).toHaveLength(1);
  });

  test("gives back what is open without the end of an instance, and ends the oldest when the number falls lower", () => {
    const world = aCloudWorld({ desired: 2 });
    const [oldest, other] = ids(world);
    world.clouds.setCapacity({}, 2);
    world.clouds.setDesired("spot-a", 5);
    world.clouds.setDesired("spot-a", 2);
    expect(facts(world, "machine-deleting")).toEqual([]);
    world.clouds.setDesired("spot-a", 1);
    expect(facts(world, "machine-deleting")).toMatchObject([{ machine: oldest, chosen: "random" }]);
    forward(world, 60_000);
    expect(ids(world)).toEqual([other]);
  });

  test("replaces a member that is ended or detached, unless its number falls with it", () => {
    const world = aCloudWorld({ desired: 4 });
    const [ended = "", endedForGood = "", detached = "", detachedForGood = ""] = ids(world);
    world.clouds.terminate(ended, { decrement: false });
    world.clouds.terminate(endedForGood, { decrement: true });
    world.clouds.detach(detached, { decrement: false });
    world.clouds.detach(detachedForGood, { decrement: true });
    forward(world, 60_000);
    expect(group(world).desired).toBe(2);
    expect(ids(world)).toHaveLength(2);
    expect(facts(world, "machine-created")).toHaveLength(6);
    expect(world.list("nodes")).toHaveLength(4);
    expect(world.clouds.instance(detached)).toMatchObject({ group: null, state: "running" });
    expect(world.clouds.instance(ended)).toBeNull();
  });

  test("goes with all its instances, and leaves those that were detached", () => {
    const world = aCloudWorld({ desired: 2 });
    const [detached = ""] = ids(world);
    world.clouds.detach(detached, { decrement: true });
    world.clouds.removeGroup("spot-a");
    forward(world, 60_000);
    expect(world.clouds.groups()).toEqual([]);
    expect(world.list("nodes")).toHaveLength(1);
    expect(world.clouds.instance(detached)).toMatchObject({ state: "running" });
  });

  test("changes its version with its number and its bounds, and with nothing else", () => {
    const world = aCloudWorld({ desired: 2, min: 1, max: 5 });
    const versions = [group(world).version];
    const note = (): void => {
      versions.push(group(world).version);
    };
    forward(world, 60_000);
    note();
    world.clouds.setDesired("spot-a", 2);
    note();
    expect(new Set(versions).size).toBe(1);
    world.clouds.setDesired("spot-a", 3);
    note();
    world.clouds.terminate(ids(world)[0] ?? "", { decrement: true });
    note();
    world.clouds.setBounds("spot-a", { max: 9 });
    note();
    expect(new Set(versions).size).toBe(4);
    world.clouds.setBounds("spot-a", { min: 6 });
    expect(group(world)).toMatchObject({ min: 6, max: 9, desired: 6 });
  });

  test.each<[string, (world: World) => void]>([
    ["over its maximum", ({ clouds }) => clouds.setDesired("spot-a", 6)],
    ["under its minimum", ({ clouds }) => clouds.setDesired("spot-a", 0)],
    ["to no whole number", ({ clouds }) => clouds.setDesired("spot-a", 1.5)],
    ["that is not there", ({ clouds }) => clouds.setDesired("none", 1)],
    ["twice of one name", ({ clouds }) => clouds.addGroup(aCloudGroup())],
    ["by a member that it has not", ({ clouds }) => clouds.terminate("none", { decrement: true })],
    [
      "below its minimum by name",
      (world) => world.clouds.terminate(ids(world)[0] ?? "", { decrement: true }),
    ],
  ])("cannot be changed %s", (_what, change) => {
    const world = aCloudWorld({ min: 1, max: 5 });
    const before = group(world);
    expect(() => {
      change(world);
    }).toThrow(RangeError);
    expect(group(world)).toEqual(before);
  });
});

describe("an instance that the cloud takes", () => {
  function takenAt(world: World, id: string): void {
    world.clouds.interrupt(id, epochMs(world.now + 120_000));
    forward(world, 240_000);
  }

  test("is gone with its node at that instant, and its group buys another", () => {
    const world = aCloudWorld({ desired: 2 });
    const [taken = "", kept] = ids(world);
    const [node] = world.list("nodes");
    world.clouds.interrupt(taken, epochMs(world.now + 120_000));
    forward(world, 119_999);
    expect(world.list("nodes")).toHaveLength(2);
    forward(world, 1);
    expect(facts(world, "node-interrupted")).toMatchObject([{ node: node?.metadata.name }]);
    expect(ids(world)).toEqual([kept, expect.not.stringMatching(taken)]);
    forward(world, 60_000);
    expect(world.list("nodes")).toHaveLength(2);
    expect(facts(world, "machine-created")).toHaveLength(3);
  });

  test("is not bought again when it was detached before", () => {
    const world = aCloudWorld({ desired: 2 });
    const [taken = "", kept] = ids(world);
    world.clouds.detach(taken, { decrement: true });
    takenAt(world, taken);
    expect(ids(world)).toEqual([kept]);
    expect(facts(world, "machine-created")).toHaveLength(2);
    expect(world.list("nodes")).toHaveLength(1);
    expect(world.clouds.instance(taken)).toBeNull();
  });

  test("is not bought again when it was removed before", () => {
    const world = aCloudWorld({ desired: 2 });
    const [taken = ""] = ids(world);
    world.clouds.terminate(taken, { decrement: true });
    takenAt(world, taken);
    expect(facts(world, "machine-created")).toHaveLength(2);
    expect(facts(world, "node-interrupted")).toEqual([]);
    expect(world.list("nodes")).toHaveLength(1);
  });

  test("can be named by its node, as every node of the world can", () => {
    const world = aCloudWorld({ desired: 1 });
    const [id = ""] = ids(world);
    world.interrupt(world.list("nodes")[0]?.metadata.name ?? "", epochMs(world.now + 1_000));
    forward(world, 1_000);
    expect(world.clouds.instance(id)).toBeNull();
    expect(ids(world)).toHaveLength(1);
  });
});

describe("the same seed and calls", () => {
  function aBusyDay(seed: number): World {
    const world = aCloudWorld(
      {
        cloud: "aws",
        desired: 4,
        zones: ["a", "b"],
        bootMs: [millis(5_000), millis(60_000)],
        bootFailureRate: ratio(0.2),
      },
      seed,
    );
    world.submitService({ name: "web", replicas: 6, gpus: 2 });
    world.clouds.setCapacity({ zone: "a" }, 3);
    world.clouds.setDesired("spot-a", 9);
    forward(world, 300_000);
    world.clouds.interrupt(ids(world)[1] ?? "", epochMs(world.now + 5_000));
    world.clouds.detach(ids(world)[2] ?? "", { decrement: false });
    world.clouds.setDesired("spot-a", 3);
    forward(world, 300_000);
    return world;
  }

  test("give the same ledger and the same groups, and another seed another run", () => {
    const [one, other] = [aBusyDay(7), aBusyDay(7)];
    expect(one.ledger.length).toBeGreaterThan(50);
    expect(JSON.stringify(one.ledger)).toBe(JSON.stringify(other.ledger));
    expect(JSON.stringify(one.clouds.groups())).toBe(JSON.stringify(other.clouds.groups()));
    expect(JSON.stringify(aBusyDay(8).ledger)).not.toBe(JSON.stringify(one.ledger));
  });
});

test("a limit of one tier leaves the other tiers alone", () => {
  const world = aWorld({ pools: [] });
  world.clouds.addGroup(aCloudGroup({ name: "spot", capacityType: "spot", zones: ["a"], desired: 0 }));
  world.clouds.addGroup(aCloudGroup({ name: "paid", capacityType: "on-demand", zones: ["a"], desired: 0 }));
  world.clouds.setCapacity({ zone: "a", capacityType: "spot" }, 1);
  world.clouds.setDesired("spot", 3);
  world.clouds.setDesired("paid", 3);
  expect(world.clouds.group("spot")?.instances).toHaveLength(1);
  expect(world.clouds.group("paid")?.instances).toHaveLength(3);
});
