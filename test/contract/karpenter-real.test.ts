// The contract on Karpenter's objects as Karpenter defines them, in a real API server, with stand-ins for its controllers
// that act after every write before the writer hears of it: that is when a claim which was deleted alone is replaced.

import { afterAll, beforeAll, describe, expect, test } from "vitest";

import { GROUP_ANNOTATION, KARPENTER } from "../../shared/model/names.ts";
import { RESOURCE } from "../../shared/runtime/kube/resources.ts";
import { whyNoControlPlane } from "../control-plane/available.ts";
import type { Between } from "../control-plane/between.ts";
import { nodeOf } from "../control-plane/cluster-api.ts";
import { install, karpenterDefinitions } from "../control-plane/definitions.ts";
import { createKarpenter } from "../control-plane/karpenter.ts";
import type { Karpenter } from "../control-plane/karpenter.ts";
import { dropNode, ifThere, putPod } from "../control-plane/nodes.ts";
import { startControlPlane } from "../control-plane/start.ts";
import type { ControlPlane } from "../control-plane/start.ts";
import { DEFAULT_SETUP } from "./cases/case.ts";
import { cloudGroupContract } from "./cloud-group.ts";
import { calling } from "./harness.ts";
import type { HarnessSetup } from "./harness.ts";
import { openRealBench } from "./real.ts";
import { DYNAMIC, STATIC } from "./scale-cases.ts";
import { scaleHarness } from "./scale-harness.ts";
import type { ScaleStage } from "./scale-harness.ts";

const missing = await whyNoControlPlane();

type Mode = "static" | "dynamic";

interface RealStage extends ScaleStage {
  readonly karpenter: Karpenter;
  readonly between: Between;
  readonly pool: string;
}

/** NodePools with all their nodes up, and controllers that act on every write of the back end. */
async function realStage(plane: ControlPlane, mode: Mode, setup: HarnessSetup): Promise<RealStage> {
  const bench = await openRealBench(plane);
  const { provider, namespace, between } = bench;
  // NodePools have no namespace: the bench's own name keeps them apart.
  const owns = (pool: string): boolean => pool.startsWith(`${namespace}-`);
  const karpenter = createKarpenter({ plane, provider, owns });
  const names = Array.from({ length: setup.groups }, (_, at) => `${namespace}-pool-${at}`);
  const [first = ""] = names;
  const live = async (at: number) =>
    (await karpenter.claims(names[at] ?? "")).filter(
      ({ metadata }) => metadata.deletionTimestamp === undefined,
    );
  const advance = async (): Promise<void> => {
    await karpenter.reconcile();
    await karpenter.launch();
    await karpenter.reconcile();
  };

  for (const name of names) {
    const { size, max: nodeLimit } = setup;
    await karpenter.create({ name, nodeLimit, ...(mode === "static" ? { replicas: size } : {}) });
    for (let made = 0; mode === "dynamic" && made < size; made += 1) await karpenter.claim(name);
  }
  await advance();
  between.afterWrite(karpenter.reconcile);

  return {
    ...bench.hands,
    get deadlineMs() {
      return bench.hands.deadlineMs;
    },
    karpenter,
    between,
    pool: first,
    targets: names.map((name) => ({ apiVersion: `${KARPENTER.group}/v1`, kind: "NodePool", name })),
    instances: async (at = 0) =>
      (await live(at)).flatMap(({ metadata, status }) =>
        status?.providerID === undefined ? [] : [metadata.name],
      ),
    size: async (at = 0) => {
      const pool = await ifThere(plane.client.get(RESOURCE.nodePools, { name: names[at] ?? "" }));
      if (pool === null) return null;
      return mode === "static" ? (pool.spec?.replicas ?? null) : (await live(at)).length;
    },
    advance,
    resizeByOther: async (to) => {
      if (mode === "static") {
        await plane.client.mergePatch(RESOURCE.nodePools, { name: first }, { spec: { replicas: to } });
      } else {
        // Karpenter itself, for pods that wait.
        for (let size = (await live(0)).length; size < to; size += 1) await karpenter.claim(first);
      }
      await karpenter.reconcile();
    },
    deleteGroup: async () => {
      await plane.client.delete(RESOURCE.nodePools, { name: first });
      await karpenter.reconcile();
    },
    interrupt: async (id) => {
      const claim = await ifThere(plane.client.get(RESOURCE.nodeClaims, { name: id }));
      const { providerID } = claim?.status ?? {};
      if (providerID === undefined) return;
      provider.end(providerID);
      await dropNode(plane.client, nodeOf(providerID));
      // Karpenter finds the instance gone, and takes the claim away.
      await ifThere(plane.client.delete(RESOURCE.nodeClaims, { name: id }));
      await karpenter.reconcile();
    },
    [Symbol.asyncDispose]: async () => await bench[Symbol.asyncDispose](),
  };
}

describe.skipIf(missing !== null)("Karpenter", () => {
  let plane: ControlPlane;
  beforeAll(async () => {
    plane = await startControlPlane();
    await install(plane, await karpenterDefinitions());
  });
  afterAll(async () => await plane[Symbol.asyncDispose]());

  cloudGroupContract(
    "static NodePool (real API server)",
    async (setup) => scaleHarness(await realStage(plane, "static", setup)),
    STATIC,
  );
  cloudGroupContract(
    "dynamic NodePool (real API server)",
    async (setup) => scaleHarness(await realStage(plane, "dynamic", setup)),
    DYNAMIC,
  );

  /** Three nodes, of which the first has two pods, the second is empty, and the third, the chosen one, has one pod. */
  async function threeNodes() {
    const stage = await realStage(plane, "static", { ...DEFAULT_SETUP, size: 3 });
    const there = await stage.instances();
    const [busy = "", , chosen = ""] = there;
    const nodeName = async (claim: string): Promise<string> =>
      (await plane.client.get(RESOURCE.nodeClaims, { name: claim })).status?.nodeName ?? "";
    await putPod(plane.client, `${busy}-a`, await nodeName(busy));
    await putPod(plane.client, `${busy}-b`, await nodeName(busy));
    await putPod(plane.client, `${chosen}-a`, await nodeName(chosen));
    return { stage, harness: scaleHarness(stage), there, chosen };
  }

  test("loses the wrong node when its number falls before the claim is deleted, and then makes another", async () => {
    const { stage, harness, there, chosen } = await threeNodes();
    await using _ = harness;
    const made = await harness.made();

    await stage.resizeByOther(2);
    const left = await harness.instances();
    expect(left).toEqual([there[0], chosen]);

    await plane.client.delete(RESOURCE.nodeClaims, { name: chosen });
    await harness.advance();
    expect(await harness.made(), "a claim that is deleted after the number fell is replaced").toBe(made + 1);
    expect(await harness.instances()).not.toContain(chosen);
  });

  test("gets back a claim that is deleted alone", async () => {
    const { harness, there, chosen } = await threeNodes();
    await using _ = harness;
    const made = await harness.made();
    await plane.client.delete(RESOURCE.nodeClaims, { name: chosen });
    await harness.advance();
    expect(await harness.instances()).toHaveLength(there.length);
    expect(await harness.made()).toBe(made + 1);
  });

  test("loses the chosen node and no other when the back end removes it, and makes none", async () => {
    const { stage, harness, there, chosen } = await threeNodes();
    await using _ = harness;
    const made = await harness.made();
    const group = harness.group();
    await group.removeInstance(chosen, await group.read(calling(harness)), calling(harness));
    await harness.advance();
    expect(await harness.instances()).toEqual(there.filter((id) => id !== chosen));
    expect(await harness.made()).toBe(made);
    const { metadata } = await plane.client.get(RESOURCE.nodePools, { name: stage.pool });
    expect(metadata.annotations?.[GROUP_ANNOTATION.lowering]).toBeUndefined();
  });

  test("loses no node but the chosen one when the replacement becomes a node in between: it stays, and the number", async () => {
    const { stage, harness, there, chosen } = await threeNodes();
    const { karpenter, between, pool } = stage;
    await using _ = harness;
    let launched = false;
    between.afterWrite(async () => {
      await karpenter.reconcile();
      const claims = await karpenter.claims(pool);
      const isReplaced = claims.some(({ metadata }) => !there.includes(metadata.name));
      if (launched || !isReplaced) return;
      launched = true;
      await karpenter.launch();
    });
    const group = harness.group();
    await group.removeInstance(chosen, await group.read(calling(harness)), calling(harness));
    await harness.advance();
    expect(launched).toBe(true);
    const now = await harness.instances();
    // A lower number would now take a node of Karpenter's choice; what came for the chosen one is decided on like any.
    expect(now).toHaveLength(3);
    expect(now).toEqual(expect.arrayContaining(there.filter((id) => id !== chosen)));
    expect(now).not.toContain(chosen);
    const { metadata, spec } = await plane.client.get(RESOURCE.nodePools, { name: stage.pool });
    expect(spec?.replicas).toBe(3);
    expect(metadata.annotations?.[GROUP_ANNOTATION.lowering]).toBeUndefined();
  });

  test("takes a body that is no NodePool for no answer, and not for a pool without a size", async () => {
    const stage = await realStage(plane, "static", DEFAULT_SETUP);
    await using harness = scaleHarness(stage);
    const body = JSON.stringify({ kind: "Status", apiVersion: "v1", metadata: {}, status: "Failure" });
    stage.between.onRequest(({ path, isWrite }) =>
      !isWrite && path.endsWith(`/nodepools/${stage.pool}`) ? { kind: "answer", status: 200, body } : null,
    );
    await expect(harness.group().read(calling(harness))).rejects.toMatchObject({ kind: "malformed" });
  });

  test("keeps a claim that nobody may delete until it is drained, and counts it no more", async () => {
    const { stage, harness, chosen } = await threeNodes();
    await using _ = harness;
    stage.between.afterWrite(async () => await Promise.resolve());
    const group = harness.group();
    const seen = await group.read(calling(harness));
    await group.removeInstance(chosen, seen, calling(harness));
    const claim = await plane.client.get(RESOURCE.nodeClaims, { name: chosen });
    expect(claim.metadata.deletionTimestamp).toMatch(/^\d{4}-/);
    // What keeps it is Karpenter's own finalizer, which the real server honours.
    expect(claim.metadata).toMatchObject({ finalizers: [KARPENTER.termination] });
    expect(await group.contains(chosen, calling(harness))).toBe(false);
    expect((await group.read(calling(harness))).size).toBe(2);
  });
});
