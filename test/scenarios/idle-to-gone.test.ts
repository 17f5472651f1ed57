// From a node that nobody needs to a machine that is gone: by the API alone when it is empty, by its agent's word
// when pods are on it, and not at all when nobody knows.

import { describe, expect, test } from "vitest";

import { GPU_RESOURCE, NODE_ANNOTATION } from "../../shared/model/names.ts";
import { millis } from "../../shared/model/units.ts";
import { startAgent } from "../build/agent.ts";
import { feedReports } from "../build/reports.ts";
import { aQuickPool, openScene, policySpec, poolSpec } from "../build/scene.ts";
import type { Scene } from "../build/scene.ts";
import { createDouble, healthyGpu } from "../nvml-double/fixture.ts";

const PLACE_FOR_CPU = aQuickPool({
  name: "cpu",
  capacityType: "on-demand",
  replicas: 0,
  allocatable: { cpu: "16", memory: "64Gi", pods: "110" },
});

function gpuNode(scene: Scene): string {
  const node = scene.world
    .list("nodes")
    .find(({ status }) => status?.allocatable?.[GPU_RESOURCE] !== undefined);
  if (node === undefined) throw new Error("no GPU node");
  return node.metadata.name;
}

function codes(scene: Scene): readonly string[] {
  return scene.status()?.pools[0]?.because?.map(({ code }) => code) ?? [];
}

/** A GPU node with a CPU pod on it, and a place elsewhere to which that pod could go. */
async function sceneWithIdlePod(): Promise<{ readonly scene: Scene; readonly node: string }> {
  const scene = await openScene({ pools: [aQuickPool({ replicas: 1 }), PLACE_FOR_CPU] });
  await scene.until(() => scene.world.list("nodes").length === 1);
  scene.server.change((world) => world.submitService({ name: "web", replicas: 1 }));
  await scene.until(() => scene.world.list("pods").some(({ status }) => status?.phase === "Running"));
  scene.server.change((world) => world.scale({ namespace: "default", name: "cpu" }, 1));
  await scene.until(() => scene.world.list("nodes").length === 2);
  return { scene, node: gpuNode(scene) };
}

async function agentOn(
  scene: Scene,
  node: string,
  utilPercent: number,
  env: Readonly<Record<string, string>> = {},
) {
  const double = await createDouble({ gpus: [{ ...healthyGpu(0), utilPercent }] });
  scene.also(async () => {
    await Promise.resolve();
    double[Symbol.dispose]();
  });
  const agent = await startAgent({
    node,
    kubeconfig: scene.kubeconfig,
    nats: scene.nats.url,
    doubleDir: double.directory,
    scenario: `${double.directory}/scenario`,
    env: { GPUAS_SAMPLE_INTERVAL: "200ms", GPUAS_REPORT_INTERVAL: "1s", ...env },
  });
  scene.also(async () => await agent.kill());
  return agent;
}

describe("an empty node", () => {
  test("goes although its agent never spoke: closed first, then chosen by its Machine", async () => {
    await using scene = await openScene({ pools: [aQuickPool({ replicas: 2 })] });
    await scene.until(() => scene.world.list("nodes").length === 2);
    scene.policy(policySpec([poolSpec("spot-a", { minSize: 1 })]));
    await scene.coordinator();

    await scene.until(() => scene.world.list("nodes").length === 1);
    expect(scene.size("spot-a")).toBe(1);
    const writes = scene
      .writesBy("coordinator")
      .filter(
        ({ resource }) =>
          resource !== "leases" && resource !== "autoscalingpolicies" && resource !== "events",
      );
    expect(
      writes.map(({ resource, subresource }) => [resource, subresource].filter(Boolean).join("/")),
    ).toEqual(["nodes", "machines", "machinedeployments/scale"]);
    // The one that stays is the one that was not marked.
    const [left] = scene.world.list("machines");
    expect(left?.metadata.name).not.toBe(writes[1]?.name);
    const [node] = scene.world.list("nodes");
    expect(node?.spec?.unschedulable).toBeUndefined();
    expect(node?.spec?.taints ?? []).toEqual([]);
  });

  test("is kept when a pod comes while it is being closed", async () => {
    await using scene = await openScene({ pools: [aQuickPool({ replicas: 1 })] });
    await scene.until(() => scene.world.list("nodes").length === 1);
    scene.policy(policySpec([poolSpec("spot-a")]));
    // The pod tolerates the cordon, as one would that was bound a moment before.
    let placed = false;
    const release = scene.server.faults.set({
      kind: "slow",
      ms: millis(700),
      match: { method: "GET", pathIncludes: "/api/v1/pods", watch: false, userAgentIncludes: "coordinator" },
    });
    await scene.coordinator();
    await scene.until(() => scene.world.list("nodes").some(({ spec }) => spec?.unschedulable === true));
    scene.server.change((world) => {
      placed = true;
      world.submitJob({
        id: "late",
        gpus: 8,
        durationMs: millis(600_000),
        tolerations: [{ operator: "Exists" }],
      });
    });
    await scene.until(() => scene.status()?.moves.some(({ phase }) => phase === "failed"));
    release();
    expect(placed).toBe(true);
    await scene.until(() =>
      scene.world
        .list("nodes")
        .every(({ spec }) => spec?.unschedulable !== true && (spec?.taints ?? []).length === 0),
    );
    expect(scene.size("spot-a")).toBe(1);
  });
});

describe("an idle node with a CPU pod", () => {
  test("is emptied by its agent and then goes", async () => {
    const { scene, node } = await sceneWithIdlePod();
    await using _scene = scene;
    await agentOn(scene, node, 0);
    scene.policy(policySpec([poolSpec("spot-a")]));
    await scene.coordinator();

    await scene.until(() => scene.size("spot-a") === 0, { withinMs: 45_000 });
    await scene.until(() => scene.world.get("nodes", { name: node }) === null);
    const evictions = scene.server.audit.filter(({ subresource }) => subresource === "eviction");
    expect(evictions.every(({ userAgent }) => userAgent.includes("agent"))).toBe(true);
    expect(evictions.length).toBeGreaterThan(0);
    await scene.until(() => scene.world.list("pods").some(({ status }) => status?.phase === "Running"));
    const ended = await scene.until(() => scene.status()?.moves.find(({ phase }) => phase === "applied"));
    expect(ended).toMatchObject({ kind: "shrink", node, from: 1, to: 0 });
  });

  test("stays when its agent's live reading says that it is busy", async () => {
    const { scene, node } = await sceneWithIdlePod();
    await using _scene = scene;
    // The agent's own reports go where nobody listens; what the coordinator hears says idle.
    await agentOn(scene, node, 85, { GPUAS_SUBJECT_ROOT: "elsewhere" });
    const feed = feedReports(scene.nats.url, () => [node]);
    scene.also(async () => await feed.stop());
    scene.policy(policySpec([poolSpec("spot-a")]));
    await scene.coordinator();

    const refused = await scene.until(() => scene.status()?.moves.find(({ phase }) => phase === "failed"), {
      withinMs: 45_000,
    });
    expect(refused).toMatchObject({ kind: "shrink", node });
    expect(refused.detail).toContain("the agent refused");
    await scene.until(
      () =>
        scene.world.get("nodes", { name: node })?.metadata.annotations?.[NODE_ANNOTATION.drainRequest] ===
        undefined,
    );
    expect(scene.world.get("nodes", { name: node })?.spec?.unschedulable).toBeUndefined();
    expect(scene.size("spot-a")).toBe(1);
  });

  test("stays once NATS is gone, while a pod that waits still gets a node", async () => {
    const { scene, node } = await sceneWithIdlePod();
    await using _scene = scene;
    const feed = feedReports(scene.nats.url, () => [node]);
    scene.also(async () => await feed.stop());
    scene.policy(policySpec([poolSpec("spot-a")], { idleSeconds: 30 }));
    const coordinator = await scene.coordinator();
    await scene.until(() => codes(scene).includes("idle-too-short"));
    await scene.nats.stop();

    scene.server.change((world) => world.submitJob({ id: "train", gpus: 16, durationMs: millis(600_000) }));
    await scene.until(() => scene.size("spot-a") === 2);
    await scene.until(async () => (await coordinator.metric("gpu_autoscaler_nats_connected")) === 0);
    await scene.until(
      () => scene.world.list("pods").filter(({ status }) => status?.phase === "Running").length === 3,
    );
    expect(
      scene.world.get("nodes", { name: node })?.metadata.annotations?.[NODE_ANNOTATION.drainRequest],
    ).toBeUndefined();
  });

  test("stays when its reports stop, and the status says that they are old", async () => {
    const { scene, node } = await sceneWithIdlePod();
    await using _scene = scene;
    const feed = feedReports(scene.nats.url, () => [node]);
    scene.policy(policySpec([poolSpec("spot-a")], { idleSeconds: 30 }));
    await scene.coordinator();
    await scene.until(() => codes(scene).includes("idle-too-short"));
    await feed.stop();

    await scene.until(() => codes(scene).includes("telemetry-stale"), { withinMs: 40_000 });
    expect(scene.writesBy("coordinator").filter(({ resource }) => resource === "nodes")).toEqual([]);
    expect(scene.size("spot-a")).toBe(1);
  });
});
