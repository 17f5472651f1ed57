// Hints of interruptions, and what surrounds a notice: with spot.rebalance: Replace the next node is there before the
// hinted one is emptied, by its agent or by us; agents of the same gang are told; what pods saved is kept where people
// look. The coordinator is the shipped one.

import { describe, expect, test } from "vitest";

import type { Fact } from "../../coordinator/replay/world-core.ts";
import { decode } from "../../shared/contract/codec.ts";
import { readDrainRequest } from "../../shared/contract/node-marks.ts";
import type { PeerMessage } from "../../shared/contract/peer.ts";
import { subjectsOf } from "../../shared/contract/subjects.ts";
import { EVENT, NODE_ANNOTATION, POD_ANNOTATION } from "../../shared/model/names.ts";
import { millis } from "../../shared/model/units.ts";
import { systemClock } from "../../shared/runtime/clock.ts";
import { startAgent } from "../build/agent.ts";
import { aHint, aNotice, natsOf, publishDrain, publishNotice } from "../build/notices.ts";
import { feedReports } from "../build/reports.ts";
import { aQuickPool, openScene, policySpec, poolSpec } from "../build/scene.ts";
import type { Scene } from "../build/scene.ts";
import { createDouble, healthyGpu } from "../nvml-double/fixture.ts";

const REPLACE = policySpec([poolSpec("spot-a")], {
  emptySeconds: 300,
  idleSeconds: 600,
  spot: { rebalance: "Replace" },
});

/** A spot node that is full with one pod of a service. */
async function sceneWithService(): Promise<{ readonly scene: Scene; readonly node: string }> {
  const scene = await openScene({ pools: [aQuickPool({ replicas: 1 })] });
  await scene.until(() => scene.world.list("nodes").length === 1);
  scene.server.change((world) => world.submitService({ name: "serve", replicas: 1, gpus: 8 }));
  await scene.until(() => scene.world.list("pods").some(({ status }) => status?.phase === "Running"));
  return { scene, node: scene.world.list("nodes")[0]?.metadata.name ?? "" };
}

/** The shipped agent, whose GPUs are at work. */
async function busyAgentOn(scene: Scene, node: string): Promise<void> {
  const double = await createDouble({ gpus: [{ ...healthyGpu(0), utilPercent: 60 }] });
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
    env: { GPUAS_SAMPLE_INTERVAL: "200ms", GPUAS_REPORT_INTERVAL: "1s" },
  });
  scene.also(async () => await agent.kill());
}

function annotate(scene: Scene, node: string, annotations: Readonly<Record<string, string>>): void {
  scene.server.change((world) => {
    const found = world.get("nodes", { name: node });
    if (found === null) throw new Error("the node is gone");
    const metadata = { ...found.metadata, annotations: { ...found.metadata.annotations, ...annotations } };
    world.put("nodes", { ...found, metadata });
  });
}

async function untilReplaced(scene: Scene, node: string): Promise<void> {
  await scene.until(() => scene.world.get("nodes", { name: node }) === null, { withinMs: 45_000 });
  await scene.until(() => scene.world.list("pods").some(({ status }) => status?.phase === "Running"));
  await scene.until(() =>
    scene.status()?.moves.some((move) => move.node === node && move.phase === "applied"),
  );
}

/** Positions in the ledger of what has to come in this order. */
function orderOf(scene: Scene, node: string): readonly number[] {
  const { ledger } = scene.world;
  const at = (holds: (fact: Fact) => boolean): number => ledger.findIndex(holds);
  return [
    at((fact) => fact.kind === "size-changed" && fact.to === 2),
    at((fact) => fact.kind === "node-ready" && fact.node !== node),
    at((fact) => fact.kind === "pod-evicted" && fact.node === node),
    at((fact) => fact.kind === "size-changed" && fact.from === 2 && fact.to === 1),
    at((fact) => fact.kind === "node-removed" && fact.node === node),
  ];
}

function expectInOrder(positions: readonly number[]): void {
  expect(positions).not.toContain(-1);
  expect(positions).toEqual(positions.toSorted((a, b) => a - b));
}

describe("spot.rebalance: Replace", () => {
  test("launches, waits until that is Ready, empties the hinted node and takes it", async () => {
    const { scene, node } = await sceneWithService();
    await using _scene = scene;
    scene.policy(REPLACE);
    await scene.coordinator();
    const nats = await natsOf(scene);
    await publishNotice(scene, nats, aHint(node));

    await untilReplaced(scene, node);
    expectInOrder(orderOf(scene, node));
    const ended = scene.status()?.moves.find((move) => move.node === node);
    expect(ended).toMatchObject({
      kind: "shrink",
      disruption: "Rebalance",
      why: "rebalance",
      from: 2,
      to: 1,
    });
    expect(scene.status()?.spotInterruptions).toBe(0);
  });

  test("asks an agent that answers, and lets a notice in the meantime go first", async () => {
    const { scene, node } = await sceneWithService();
    await using _scene = scene;
    const feed = feedReports(scene.nats.url, () => [node]);
    scene.also(async () => await feed.stop());
    scene.policy(REPLACE);
    await scene.coordinator();
    const nats = await natsOf(scene);
    // A node whose agent is silent would be emptied by us.
    await scene.until(() => scene.status()?.averageGPUUtilization !== undefined);
    await publishNotice(scene, nats, aHint(node));

    const marked = (): string | undefined =>
      scene.world.get("nodes", { name: node })?.metadata.annotations?.[NODE_ANNOTATION.drainRequest];
    const request = readDrainRequest(await scene.until(marked));
    expect(request).toMatchObject({ kind: "value", value: { evenBusy: true } });
    expect(request.kind === "value" ? request.value.reason : request).toContain("Rebalance");
    expect(scene.size("spot-a")).toBe(2);

    await publishNotice(scene, nats, aNotice(node));
    await scene.until(() => marked() === undefined);
    await scene.until(() => scene.status()?.spotInterruptions === 1);
    await scene.until(() =>
      scene.status()?.pools[0]?.because?.some(({ code }) => code === "node-under-notice"),
    );
    // The node that was bought for the hint is the replacement.
    expect(scene.size("spot-a")).toBe(2);
  });

  test("has the node's own agent empty it, busy as it is", async () => {
    const { scene, node } = await sceneWithService();
    await using _scene = scene;
    await busyAgentOn(scene, node);
    scene.policy(REPLACE);
    await scene.coordinator();
    const nats = await natsOf(scene);
    // A node whose agent is silent would be emptied by us.
    await scene.until(() => (scene.status()?.averageGPUUtilization ?? 0) > 0.5);
    await publishNotice(scene, nats, aHint(node));

    await untilReplaced(scene, node);
    expectInOrder(orderOf(scene, node));
    const evictions = scene.server.audit.filter(({ subresource }) => subresource === "eviction");
    expect(evictions.length).toBeGreaterThan(0);
    expect(evictions.every(({ userAgent }) => userAgent.includes("agent"))).toBe(true);
  });

  test("works by the node's own mark when NATS is gone", async () => {
    const { scene, node } = await sceneWithService();
    await using _scene = scene;
    await scene.nats.stop();
    scene.policy(REPLACE);
    await scene.coordinator();
    const seenAt = systemClock.now();
    const hint = { v: 1, id: "h", source: "aws", kind: "rebalance", action: "rebalance", seenAt, at: null };
    annotate(scene, node, { [NODE_ANNOTATION.interruptionHint]: JSON.stringify(hint) });

    await untilReplaced(scene, node);
    expectInOrder(orderOf(scene, node));
  });

  test("is told and nothing else where the policy says Report", async () => {
    const { scene, node } = await sceneWithService();
    await using _scene = scene;
    scene.policy({ ...REPLACE, spot: { rebalance: "Report" } });
    const coordinator = await scene.coordinator();
    const nats = await natsOf(scene);
    await publishNotice(scene, nats, aHint(node));
    await scene.until(() => scene.status()?.pools[0]?.because?.some(({ code }) => code === "rebalance-hint"));
    await scene.until(
      async () => (await coordinator.metric("gpu_autoscaler_interruption_hints", 'kind="rebalance"')) === 1,
    );
    expect(await coordinator.metric("gpu_autoscaler_spot_termination_warnings")).toBe(0);
    expect(scene.size("spot-a")).toBe(1);
  });
});

describe("a gang of which one node is under notice", () => {
  test("has the agents of the others told once, and what it saved stands in status and events", async () => {
    await using scene = await openScene({ pools: [aQuickPool({ replicas: 3 })] });
    await scene.until(() => scene.world.list("nodes").length === 3);
    scene.server.change((world) =>
      world.submitJob({
        id: "train",
        gpus: 24,
        workers: 3,
        durationMs: millis(600_000),
        annotations: {
          [POD_ANNOTATION.gang]: "train",
          [POD_ANNOTATION.gangSize]: "3",
          [POD_ANNOTATION.checkpointUrl]: "http://:9000/save",
        },
      }),
    );
    await scene.until(
      () => scene.world.list("pods").filter(({ status }) => status?.phase === "Running").length === 3,
    );
    const nats = await natsOf(scene);
    const told: PeerMessage[] = [];
    const listening = new AbortController();
    scene.also(async () => {
      listening.abort();
      await heard.catch(() => {});
    });
    const listen = async (): Promise<void> => {
      for await (const { subject, data } of nats.subscribe(subjectsOf("tell"), {
        signal: listening.signal,
      })) {
        const decoded = decode("tell", subject, data);
        if (decoded.kind === "message") told.push(decoded.message);
      }
    };
    const heard = listen();
    scene.policy(policySpec([poolSpec("spot-a")], { emptySeconds: 300, idleSeconds: 600 }));
    const coordinator = await scene.coordinator();
    const [lost, ...staying] = scene.world.list("pods");
    const node = lost?.spec.nodeName ?? "";
    await publishNotice(scene, nats, aNotice(node));

    await scene.until(() => told.length === 2);
    const addresses = told.map(
      ({ node: to, interrupted, id, drill }) => `${to} ${interrupted} ${id} ${drill}`,
    );
    expect(addresses.toSorted()).toEqual(
      staying.map(({ spec }) => `${spec.nodeName} ${node} aws-${node} false`).toSorted(),
    );
    expect(told.flatMap(({ pods }) => pods).toSorted()).toEqual(
      staying.map(({ metadata }) => `${metadata.namespace ?? ""}/${metadata.name}`).toSorted(),
    );

    const pod = `${lost?.metadata.namespace ?? ""}/${lost?.metadata.name ?? ""}`;
    const at = systemClock.now();
    await publishDrain(scene, nats, {
      v: 1,
      node,
      id: `aws-${node}`,
      cause: "notice",
      source: "aws",
      phase: "started",
      at,
      deadline: at + 120_000,
      counts: { evicted: 0, gone: 0, blocked: 0, waiting: 1 },
      checkpoints: [{ pod, result: "saved", tookMs: 400, step: 81_200, uri: "s3://runs/81200" }],
    });
    const saved = { pod, step: 81_200, uri: "s3://runs/81200" };
    await scene.until(() => scene.status()?.interruptions.some((one) => one.saved !== undefined));
    expect(scene.status()?.interruptions).toMatchObject([{ node, saved: [saved] }]);
    await scene.until(() =>
      scene.world.list("events").some((event) => "reason" in event && event.reason === EVENT.checkpoint),
    );
    // Many cycles later still once for each node.
    expect(await coordinator.metric("gpu_autoscaler_peers_told_total")).toBe(2);
    expect(told).toHaveLength(2);
  });
});
