// A static NodePool of Karpenter's from no node to some and back: the shipped coordinator against the world's Karpenter,
// which takes a victim of its own whenever a number falls too early.

import { expect, test } from "vitest";

import { KARPENTER } from "../../shared/model/names.ts";
import { millis } from "../../shared/model/units.ts";
import { aQuickPool, openScene, policySpec, poolSpec } from "../build/scene.ts";
import type { Scene } from "../build/scene.ts";

const GROUP = { scale: { apiVersion: `${KARPENTER.group}/v1`, kind: "NodePool", name: "gpu" } };

async function withNodePool(replicas: number): Promise<Scene> {
  const { namespace: _, ...shape } = aQuickPool({ name: "gpu" });
  return await openScene({ pools: [], nodePools: [{ ...shape, replicas, nodeLimit: 4 }] });
}

const sizeOf = (scene: Scene) => scene.world.get("nodepools", { name: "gpu" })?.spec?.replicas;

test("a static NodePool grows for a pod that waits, and the one node that is empty goes", async () => {
  await using scene = await withNodePool(0);
  scene.policy(policySpec([poolSpec("gpu", { group: GROUP })]));
  await scene.coordinator();
  scene.server.change((world) => {
    world.submitJob({ id: "long", gpus: 8, durationMs: millis(600_000) });
    world.submitJob({ id: "short", gpus: 8, durationMs: millis(1_500) });
  });

  await scene.until(() => scene.world.list("nodes").length === 2);
  expect(sizeOf(scene)).toBe(2);
  await scene.until(() =>
    scene.status()?.moves?.some(({ kind, phase }) => kind === "shrink" && phase === "applied"),
  );
  await scene.until(() => scene.world.list("nodes").length === 1);
  expect(sizeOf(scene)).toBe(1);
  expect(scene.world.list("pods").filter(({ status }) => status?.phase === "Running")).toHaveLength(1);
  // Nobody's choice but ours, and nothing bought in its place.
  const ended = scene.world.ledger.flatMap((fact) => (fact.kind === "machine-deleting" ? [fact.chosen] : []));
  expect(ended).not.toContain("random");
  expect(scene.world.ledger.filter(({ kind }) => kind === "machine-joined")).toHaveLength(2);
});

test("a static NodePool is not asked for more than its own limit allows", async () => {
  await using scene = await withNodePool(0);
  scene.policy(policySpec([poolSpec("gpu", { group: GROUP, maxSize: 9 })]));
  await scene.coordinator();
  const job = { id: "train", gpus: 64, maxGpusPerPod: 8, durationMs: millis(600_000) };
  scene.server.change((world) => world.submitJob(job));
  await scene.until(() => scene.world.list("nodes").length === 4);
  expect(sizeOf(scene)).toBe(4);
});

test.each([
  // The next leader finds an open place and lowers the number.
  ["has not been bought yet", 1, 1],
  // It may have pods, so the number stays, and it is decided on like any other node.
  ["is a node by then", null, 2],
])(
  "a removal whose coordinator dies half-way is ended by the next: the replacement %s",
  async (_, stock, removals) => {
    await using scene = await withNodePool(2);
    await scene.until(() => scene.world.list("nodes").length === 2);
    scene.server.change((world) => world.submitJob({ id: "long", gpus: 8, durationMs: millis(600_000) }));
    await scene.until(() => scene.world.list("pods").some(({ status }) => status?.phase === "Running"));
    scene.policy(policySpec([poolSpec("gpu", { group: GROUP })]));
    const first = await scene.coordinator();
    let deleted: string | null = null;
    const hold = scene.server.onRequest(async ({ when, method, path }) => {
      if (deleted !== null || when !== "after" || method !== "DELETE" || !path.includes("/nodeclaims/"))
        return;
      deleted = path.split("/").at(-1) ?? "";
      scene.server.change((world) => world.setCapacity("gpu", stock));
      await first.kill();
    });
    await scene.until(() => deleted !== null);
    hold();
    expect(sizeOf(scene)).toBe(2);

    await scene.coordinator();
    await scene.until(() => sizeOf(scene) === 1);
    await scene.until(() => scene.world.list("nodeclaims").length === 1);
    const moves = await scene.until(() => {
      const shrinks = (scene.status()?.moves ?? []).filter(({ kind }) => kind === "shrink");
      return shrinks.length === removals && shrinks.every(({ phase }) => phase === "applied")
        ? shrinks
        : null;
    });
    expect(moves[0]?.instance).toBe(deleted);
    expect(scene.world.list("pods").filter(({ status }) => status?.phase === "Running")).toHaveLength(1);
    const note = scene.world.get("nodepools", { name: "gpu" })?.metadata.annotations ?? {};
    expect(note).toEqual({});
  },
);
