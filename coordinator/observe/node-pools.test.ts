import { describe, expect, test } from "vitest";

import type { NodePool } from "../../shared/model/kube.ts";
import { GROUP_ANNOTATION } from "../../shared/model/names.ts";
import { after, millis } from "../../shared/model/units.ts";
import { observeGroups } from "../../test/build/scale-groups.ts";
import { aQuickPool } from "../../test/build/scene.ts";
import { aWorldClient } from "../../test/build/world-client.ts";
import type { WorldClient } from "../../test/build/world-client.ts";
import type { NodePoolShape } from "../replay/world-options.ts";

const TARGET = { apiVersion: "karpenter.sh/v1", kind: "NodePool", name: "gpu" };

async function withNodePool(overrides: Partial<NodePoolShape> = {}): Promise<WorldClient> {
  const { namespace: _, ...shape } = aQuickPool({ name: "gpu" });
  const made = await aWorldClient(0, { pools: [], nodePools: [{ ...shape, ...overrides }] });
  pass(made, 60_000);
  return made;
}

function pass({ server, world }: WorldClient, ms: number): void {
  server.step(after(world.now, millis(ms)));
}

function edit({ server }: WorldClient, change: (pool: NodePool) => NodePool): void {
  server.change((world) => {
    const pool = world.get("nodepools", { name: "gpu" });
    if (pool === null) throw new Error("no NodePool");
    world.put("nodepools", change(pool));
  });
}

describe("a static NodePool", () => {
  test("shows its size, its limit, its template and each claim with its node", async () => {
    await using made = await withNodePool({ replicas: 2, nodeLimit: 5 });
    await using observed = observeGroups(made);
    const [one] = made.world.list("nodeclaims");
    const reading = await observed.until(TARGET);
    expect(reading.group).toEqual({
      kind: "known",
      size: 2,
      chosenRemoval: true,
      replacesLeaving: true,
      max: 5,
    });
    expect(reading.instances).toHaveLength(2);
    expect(reading.instances).toContainEqual({
      id: one?.metadata.name,
      node: one?.status?.nodeName,
      state: "ready",
      createdAt: Date.parse(one?.metadata.creationTimestamp ?? ""),
      zone: "zone-a",
      instanceType: "gpu-8x",
    });
    expect(reading.template).toEqual({
      instanceTypes: ["gpu-8x"],
      labels: {
        "node.kubernetes.io/instance-type": "gpu-8x",
        "topology.kubernetes.io/zone": "zone-a",
        "gpu-autoscaler.io/pool": "gpu",
      },
    });
    expect(reading.mismatches).toBeUndefined();
  });

  test("counts a claim no more whose removal has begun, although the number has still to fall", async () => {
    await using made = await withNodePool({ replicas: 3 });
    await using observed = observeGroups(made);
    const { name = "", uid = "" } = made.world.list("nodeclaims")[0]?.metadata ?? {};
    const at = new Date(observed.clock.now()).toISOString();
    edit(made, (pool) => {
      const annotations = { [GROUP_ANNOTATION.lowering]: JSON.stringify([{ name, uid, at }]) };
      return { ...pool, metadata: { ...pool.metadata, annotations } };
    });
    expect((await observed.until(TARGET)).group).toMatchObject({ size: 3 });
    made.server.change((world) => world.remove("nodeclaims", { name }));
    await observed.until(TARGET, ({ group }) => group.kind === "known" && group.size === 2);
    await observed.clock.advance(601_000);
    expect(observed.groups.reading(TARGET).group).not.toMatchObject({ size: 2 });
  });

  test("shows what was refused as a failed place, with Karpenter's reason", async () => {
    await using made = await withNodePool({ replicas: 1 });
    await using observed = observeGroups(made);
    await observed.until(TARGET);
    made.server.change((world) => world.setCapacity("gpu", 1, "VcpuLimitExceeded: no more than 96 vCPU"));
    edit(made, (pool) => ({ ...pool, spec: { ...pool.spec, replicas: 2 } }));
    const booting = await observed.until(TARGET, ({ instances }) => instances.length === 2);
    expect(booting.instances.filter(({ node }) => node === null)).toMatchObject([{ state: "booting" }]);
    pass(made, 2_000);
    const failed = await observed.until(TARGET, ({ instances }) =>
      instances.some(({ state }) => state === "failed"),
    );
    expect(failed.instances.filter(({ node }) => node === null)).toEqual([
      {
        id: "gpu/placeholder-1",
        node: null,
        state: "failed",
        placeholder: true,
        failure: { kind: "quota", detail: expect.stringContaining("VcpuLimitExceeded") as string },
      },
    ]);
    // The next attempt at the same place is the same place.
    pass(made, 9_100);
    const again = await observed.until(TARGET, ({ instances }) =>
      instances.every(({ placeholder }) => placeholder !== true),
    );
    expect(again.instances.filter(({ node }) => node === null)).toMatchObject([{ state: "failed" }]);
  });

  test("says that its limit, its readiness or a gate of Karpenter's stands against its number", async () => {
    await using made = await withNodePool({ replicas: 0, nodeLimit: 4 });
    await using observed = observeGroups(made);
    edit(made, (pool) => ({
      ...pool,
      spec: { ...pool.spec, replicas: 6, limits: { nodes: "4" } },
      status: {
        ...pool.status,
        conditions: [{ type: "Ready", status: "False", reason: "NodeClassNotReady" }],
      },
    }));
    const told = await observed.until(TARGET, ({ mismatches = [] }) => mismatches.length > 0);
    expect(told.mismatches).toContain(
      "NodePool gpu asks for 6 nodes (spec.replicas), and its limits.nodes allows 4: raise the limit, or lower maxSize of the pool",
    );
  });

  test("that Karpenter ignores is told apart from one that it has only just seen", async () => {
    // A NodePool that the world's Karpenter does not know: as where StaticCapacity is off.
    await using made = await withNodePool({ replicas: 1 });
    await using observed = observeGroups(made);
    const ignored = { ...TARGET, name: "ignored" };
    const ready = { type: "Ready", status: "True" };
    made.server.change((world) =>
      world.put("nodepools", {
        metadata: { name: "ignored" },
        spec: { replicas: 2 },
        status: { conditions: [ready] },
      }),
    );
    const first = await observed.until(ignored);
    expect(first.mismatches).toBeUndefined();
    expect(first.instances).toMatchObject([{ placeholder: true, state: "booting" }, { placeholder: true }]);
    await observed.clock.advance(60_000);
    expect(observed.groups.reading(ignored).mismatches).toBeUndefined();
    await observed.clock.advance(61_000);
    expect(observed.groups.reading(ignored).mismatches).toEqual([
      "NodePool ignored asks for 2 nodes and is ready, but Karpenter makes no NodeClaim: is its feature gate StaticCapacity on?",
    ]);
  });

  test.each([[-1], [1.5], ["2"]])("has no size where it says %s", async (replicas) => {
    await using made = await withNodePool({ replicas: 1 });
    await using observed = observeGroups(made);
    edit(made, (pool) => ({ ...pool, spec: { ...pool.spec, replicas: replicas as number } }));
    const { group } = await observed.until(
      TARGET,
      (reading) => reading.group.kind === "unknown" && reading.group.detail.includes("replicas"),
    );
    expect(group).toMatchObject({ kind: "unknown" });
  });

  test("that is gone is missing", async () => {
    await using made = await withNodePool({ replicas: 1 });
    await using observed = observeGroups(made);
    await observed.until(TARGET);
    made.server.change((world) => world.remove("nodepools", { name: "gpu" }));
    const { group } = await observed.until(TARGET, (reading) => reading.group.kind === "missing");
    expect(group).toEqual({
      kind: "missing",
      detail: "there is no NodePool gpu: create it, or correct nodePools[].group",
    });
  });
});

describe("a dynamic NodePool", () => {
  test("is as large as it has claims, and grows itself", async () => {
    await using made = await withNodePool({ claims: 2 });
    await using observed = observeGroups(made);
    const reading = await observed.until(TARGET);
    expect(reading.group).toEqual({ kind: "known", size: 2, chosenRemoval: true, growsItself: true });
    const [claim] = made.world.list("nodeclaims");
    made.server.change((world) => world.remove("nodeclaims", { name: claim?.metadata.name ?? "" }));
    const less = await observed.until(TARGET, ({ group }) => group.kind === "known" && group.size === 1);
    expect(less.instances.every(({ placeholder }) => placeholder !== true)).toBe(true);
  });
});
