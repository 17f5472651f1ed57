import { expect, test } from "vitest";

import { CLUSTER_API } from "../../shared/model/names.ts";
import { after, millis } from "../../shared/model/units.ts";
import { observeGroups } from "../../test/build/scale-groups.ts";
import { aQuickPool } from "../../test/build/scene.ts";
import { aWorldClient } from "../../test/build/world-client.ts";
import type { WorldClient } from "../../test/build/world-client.ts";

const TARGET = { apiVersion: "cluster.x-k8s.io/v1beta1", kind: "MachinePool", name: "spot-a" };

async function withMachinePool(replicas: number): Promise<WorldClient> {
  const made = await aWorldClient(0, { pools: [], machinePools: [aQuickPool({ replicas })] });
  made.server.step(after(made.world.now, millis(60_000)));
  return made;
}

test("a MachinePool shows its size and its nodes, of which none can be chosen", async () => {
  await using made = await withMachinePool(2);
  await using observed = observeGroups(made);
  const nodes = made.world.list("nodes").map(({ metadata }) => metadata.name);
  const reading = await observed.until(TARGET);
  expect(reading).toEqual({
    group: { kind: "known", size: 2, chosenRemoval: false },
    instances: nodes.map((node) => ({ id: node, node, state: "ready" })),
  });
});

test("a MachinePool that is paused has no size, one that is gone is missing", async () => {
  await using made = await withMachinePool(1);
  await using observed = observeGroups(made);
  await observed.until(TARGET);
  made.server.change((world) => {
    const pool = world.get("machinepools", { namespace: "default", name: "spot-a" });
    if (pool === null) throw new Error("no MachinePool");
    const metadata = { ...pool.metadata, annotations: { [CLUSTER_API.paused]: "" } };
    world.put("machinepools", { ...pool, metadata });
  });
  const paused = await observed.until(TARGET, ({ group }) => group.kind === "unknown");
  expect(paused.group).toMatchObject({ detail: expect.stringContaining("is paused") as string });
  made.server.change((world) => world.remove("machinepools", { namespace: "default", name: "spot-a" }));
  const gone = await observed.until(TARGET, ({ group }) => group.kind === "missing");
  expect(gone.group).toMatchObject({
    detail: "there is no MachinePool default/spot-a: create it, or correct nodePools[].group",
  });
});

test("the provider of a MachinePool takes its own victim when the number falls", async () => {
  await using made = await withMachinePool(3);
  const [oldest, ...others] = made.world.list("nodes").map(({ metadata }) => metadata.name);
  made.server.change((world) => {
    const pool = world.get("machinepools", { namespace: "default", name: "spot-a" });
    if (pool === null) throw new Error("no MachinePool");
    world.put("machinepools", { ...pool, spec: { ...pool.spec, replicas: 2 } });
  });
  expect(made.world.list("nodes").map(({ metadata }) => metadata.name)).toEqual(others);
  expect(oldest).toBeDefined();
});
