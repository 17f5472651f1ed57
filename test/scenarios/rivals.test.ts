// Who else sizes a group, with the shipped coordinator: a person who does it once and then again, Cluster Autoscaler that
// comes and goes. What time alone ends is in coordinator/decide/fleet/resizes.test.ts.

import { expect, test } from "vitest";

import { CLUSTER_AUTOSCALER } from "../../shared/model/names.ts";
import { millis } from "../../shared/model/units.ts";
import { aQuickPool, openScene, policySpec, poolSpec } from "../build/scene.ts";
import type { Scene } from "../build/scene.ts";

/** Nothing is removed, so that what moves is what the test moves. */
const STILL = { emptySeconds: 3600, idleSeconds: 3600 };

function resize(scene: Scene, replicas: number): void {
  scene.server.change((world) => {
    const ref = { namespace: "default", name: "spot-a" };
    const group = world.get("machinedeployments", ref);
    if (group === null) throw new Error("the world has no MachineDeployment spot-a");
    world.put("machinedeployments", { ...group, spec: { ...group.spec, replicas } });
  });
}

function submit(scene: Scene, id: string): void {
  scene.server.change((world) => world.submitJob({ id, gpus: 8, durationMs: millis(600_000) }));
}

const reasons = (scene: Scene): readonly string[] =>
  (scene.status()?.pools[0]?.because ?? []).map(({ code }) => code);
const rival = (scene: Scene) => scene.status()?.conditions.find(({ type }) => type === "RivalAutoscaler");
const sizesWritten = (scene: Scene): number =>
  scene.writesBy("coordinator").filter(({ subresource }) => subresource === "scale").length;

test("a person's size is taken over once, and a second one holds the pool: what waits gets a node elsewhere", async () => {
  await using scene = await openScene({
    pools: [aQuickPool({ replicas: 1 }), aQuickPool({ name: "other" })],
  });
  await scene.until(() => scene.world.list("nodes").length === 1);
  scene.policy(policySpec([poolSpec("spot-a", { priority: 10 }), poolSpec("other")], STILL));
  await scene.coordinator();
  await scene.until(() => scene.status()?.pools[0]?.size === 1);

  resize(scene, 3);
  await scene.until(() => reasons(scene).includes("resized-by-hand"));
  expect(rival(scene)).toMatchObject({ status: "False" });

  resize(scene, 2);
  await scene.until(() => rival(scene)?.status === "True");
  expect(rival(scene)).toMatchObject({ reason: "PoolHeld" });
  expect(rival(scene)?.message).toContain("from 1 to 3 and from 3 to 2");
  expect(reasons(scene)).toContain("rival");

  // More than fits on the two that are here: nobody touches the group, and the rest is bought elsewhere.
  for (const id of ["a", "b", "c"]) submit(scene, id);
  await scene.until(() => scene.size("other") === 1);
  expect(scene.size("spot-a")).toBe(2);
  expect(sizesWritten(scene)).toBe(1);
});

test("Cluster Autoscaler on the group holds the pool as soon as it writes so, and until it is gone", async () => {
  await using scene = await openScene({ pools: [aQuickPool(), aQuickPool({ name: "other" })] });
  scene.policy(policySpec([poolSpec("spot-a", { priority: 10 }), poolSpec("other")], STILL));
  const status = { namespace: CLUSTER_AUTOSCALER.namespace, name: CLUSTER_AUTOSCALER.status };
  await scene.coordinator();
  await scene.until(() => rival(scene)?.status === "False");
  scene.server.change((world) =>
    world.put("configmaps", {
      metadata: status,
      data: { status: "nodeGroups:\n- name: MachineDeployment/default/spot-a\n" },
    }),
  );
  await scene.until(() => rival(scene)?.status === "True");
  expect(rival(scene)?.message).toContain("Cluster Autoscaler sizes the group too");

  submit(scene, "first");
  await scene.until(() => scene.size("other") === 1);
  expect(scene.size("spot-a")).toBe(0);

  scene.server.change((world) => world.remove("configmaps", status));
  await scene.until(() => rival(scene)?.status === "False");
  submit(scene, "second");
  await scene.until(() => scene.size("spot-a") === 1);
});
