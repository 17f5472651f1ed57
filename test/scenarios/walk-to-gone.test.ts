// A node with pods on which no agent answers: the coordinator empties it itself, by evictions alone, and then takes
// its machine.

import { expect, test } from "vitest";

import { aQuickPool, openScene, policySpec, poolSpec } from "../build/scene.ts";

const PLACE_FOR_CPU = aQuickPool({
  name: "cpu",
  capacityType: "on-demand",
  replicas: 0,
  allocatable: { cpu: "16", memory: "64Gi", pods: "110" },
});

test("a dear node whose pod has a place elsewhere goes without an agent", async () => {
  await using scene = await openScene({ pools: [aQuickPool({ replicas: 1 }), PLACE_FOR_CPU] });
  await scene.until(() => scene.world.list("nodes").length === 1);
  const [first] = scene.world.list("nodes");
  const node = first?.metadata.name ?? "";
  scene.server.change((world) => world.submitService({ name: "web", replicas: 1 }));
  await scene.until(() => scene.world.list("pods").some(({ status }) => status?.phase === "Running"));
  scene.server.change((world) => world.scale({ namespace: "default", name: "cpu" }, 1));
  await scene.until(() => scene.world.list("nodes").length === 2);
  scene.policy(
    policySpec([poolSpec("spot-a", { price: { usdPerHour: 30 } })], {
      consolidation: { enabled: true, afterSeconds: 0 },
    }),
  );
  await scene.coordinator();

  await scene.until(() => scene.world.list("nodes").every(({ metadata }) => metadata.name !== node));
  expect(scene.size("spot-a")).toBe(0);
  const touched = scene
    .writesBy("coordinator")
    .filter(({ resource }) => resource === "pods")
    .map(({ method, subresource }) => [method, subresource]);
  expect(touched).toEqual([["POST", "eviction"]]);
  await scene.until(() => scene.world.list("pods").some(({ status }) => status?.phase === "Running"));
  // The node may be gone before the outcome is written down.
  await scene.until(() =>
    (scene.status()?.moves ?? []).some(
      (move) => move.kind === "shrink" && move.node === node && move.phase === "applied",
    ),
  );
});
