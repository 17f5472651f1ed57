// A static NodePool of Karpenter's from no node to some and back: the shipped coordinator against the world's Karpenter,
// which takes a victim of its own whenever a number falls too early.

import { expect, test } from "vitest";

import { GPU_RESOURCE, KARPENTER } from "../../shared/model/names.ts";
import { after, millis } from "../../shared/model/units.ts";
import { aNotice, natsOf, publishNotice } from "../build/notices.ts";
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
  // Its size moves by several writes of ours, and none of them is taken for another's.
  expect(JSON.stringify(scene.status()?.pools)).not.toMatch(/resized-by-hand|"rival"/);
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

test("a NodePool that follows pods is held at what its policy allows, and gets its limit back from whoever leads", async () => {
  const { namespace: _, ...shape } = aQuickPool({ name: "gpu" });
  await using scene = await openScene({ pools: [], nodePools: [{ ...shape, claims: 2, nodeLimit: 10 }] });
  const nodePool = () => scene.world.get("nodepools", { name: "gpu" });
  const managed = { scale: { ...GROUP.scale, manageLimits: true } };
  const held = (maxSize: number) =>
    policySpec([poolSpec("gpu", { group: managed, maxSize, instanceTypes: ["gpu-8x"] })]);
  scene.policy(held(3));
  const first = await scene.coordinator();
  await scene.until(() => nodePool()?.spec?.limits?.["nodes"] === "3");
  expect(nodePool()?.spec?.limits).toEqual({ nodes: "3", [GPU_RESOURCE]: "24" });
  scene.policy(held(5));
  await scene.until(() => nodePool()?.spec?.limits?.["nodes"] === "5");

  await first.kill();
  scene.server.change((world) => void world.remove("autoscalingpolicies", { name: "gpus" }));
  await scene.coordinator();
  await scene.until(() => nodePool()?.spec?.limits?.["nodes"] === "10");
  expect(nodePool()?.spec?.limits).toEqual({ nodes: "10" });
  expect(nodePool()?.metadata.annotations ?? {}).toEqual({});
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

/** As the agent on the node says it. */
async function announce(scene: Scene, node: string): Promise<void> {
  await publishNotice(scene, await natsOf(scene), aNotice(node));
}

test.each([
  ["before we have bought the next one", "before"],
  ["once we have bought the next one", "after"],
] as const)("a notice is one new node, also where Karpenter deletes the claim %s", async (_, when) => {
  const { namespace: __, ...shape } = aQuickPool({ name: "gpu", bootMs: millis(1_500) });
  await using scene = await openScene({
    pools: [],
    nodePools: [{ ...shape, replicas: 1, nodeLimit: 4, deletesAtNotice: true }],
  });
  await scene.until(() => scene.world.list("nodes").length === 1);
  const node = scene.world.list("nodes")[0]?.metadata.name ?? "";
  const job = { id: "long", gpus: 8, durationMs: millis(600_000), exitAfterMs: millis(4_000) };
  scene.server.change((world) => world.submitJob(job));
  await scene.until(() => scene.world.list("pods").some(({ status }) => status?.phase === "Running"));
  const windows = { emptySeconds: 300, idleSeconds: 600 };
  scene.policy(policySpec([poolSpec("gpu", { group: GROUP, maxSize: 4 })], windows));
  await scene.coordinator();
  await scene.until(() => scene.status()?.pools.some(({ ready }) => ready === 1));
  const interrupt = (): void =>
    scene.server.change((world) => world.interrupt(node, after(world.now, millis(120_000))));

  if (when === "before") interrupt();
  await announce(scene, node);
  if (when === "after") {
    await scene.until(() => sizeOf(scene) === 2);
    interrupt();
  }
  await scene.until(
    () =>
      scene.world.list("nodes").every(({ metadata }) => metadata.name !== node) &&
      scene.world.list("pods").some(({ status }) => status?.phase === "Running"),
  );
  await scene.until(() => scene.world.list("nodeclaims").length === 1 && sizeOf(scene) === 1);
  expect(scene.world.ledger.filter(({ kind }) => kind === "machine-joined")).toHaveLength(2);
});
