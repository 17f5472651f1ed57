// A cloud takes the machine: what the shipped agent does in the seconds that are left, read from the world's books, the
// fake's and the messages. The same on three clouds; then one row of the table of situations after the other.

import { afterEach, beforeEach, describe, expect, test } from "vitest";

import { EVENT, EXCLUDED_BY_US, NODE_ANNOTATION, NODE_LABEL, TAINT } from "../../shared/model/names.ts";
import { after, millis, seconds } from "../../shared/model/units.ts";
import { systemClock } from "../../shared/runtime/clock.ts";
import { CLOUDS, startCloudMetadata } from "../build/metadata.ts";
import type { CloudMetadata } from "../build/metadata.ts";
import { createScene, ourTaints } from "./agent-scene.ts";
import type { Scene } from "./agent-scene.ts";

let scene: Scene;
beforeEach(async () => {
  scene = await createScene();
});
afterEach(async () => {
  await scene[Symbol.asyncDispose]();
});

/** Three services of two pods, one for each class. */
async function runServices(exitAfterMs = 100): Promise<void> {
  scene.server.change((world) => {
    const shape = { replicas: 2, cpu: "1", graceSeconds: seconds(30), exitAfterMs: millis(exitAfterMs) };
    world.submitService({ ...shape, name: "training", evictionPriority: "high" });
    world.submitService({ ...shape, name: "web" });
    world.submitService({ ...shape, name: "batch", evictionPriority: "low" });
    world.addDaemonSet({ name: "cni", cpu: "100m" });
  });
  await scene.until("all pods run", () =>
    ["training", "web", "batch"].every((owner) => scene.running(owner).length === 2),
  );
}

/** A budget that lets no pod of the service go. */
function holdBack(app: string): void {
  scene.server.change((world) => {
    world.put("poddisruptionbudgets", {
      metadata: { name: app, namespace: "default" },
      spec: { selector: { matchLabels: { app } }, minAvailable: 2 },
    });
  });
}

const inSeconds = (s: number) => after(systemClock.now(), millis(s * 1000));
const deletions = () =>
  scene.server.audit.filter(
    ({ method, resource, subresource, userAgent }) =>
      method === "DELETE" &&
      resource === "pods" &&
      (subresource ?? "") === "" &&
      userAgent.startsWith("gpu-autoscaler-agent"),
  );
const accepted = (): readonly string[] =>
  scene.evictions().flatMap(({ status, pod }) => (status === 201 ? [pod] : []));
const noticePhases = (): readonly string[] =>
  scene.heard.flatMap((one) => (one.kind === "notice" ? [one.message.phase] : []));

/** The node as it was, as far as the agent has to do with it. */
function expectUntouched(): void {
  const { metadata, spec } = scene.currentNode();
  expect(spec?.unschedulable ?? false).toBe(false);
  expect(ourTaints(scene.currentNode())).toEqual([]);
  expect(metadata.labels).not.toHaveProperty(NODE_LABEL.excludeFromLoadBalancers);
  for (const name of [
    NODE_ANNOTATION.drainState,
    NODE_ANNOTATION.interruptionSource,
    NODE_ANNOTATION.interruptionWarning,
    NODE_ANNOTATION.terminationTime,
    NODE_ANNOTATION.interruptionHint,
  ])
    expect(metadata.annotations ?? {}).not.toHaveProperty(name);
}

describe.each(CLOUDS)("on %s a notice", (source) => {
  test("empties the node in order, forces out what budgets hold, and says everything twice", async () => {
    await using cloud = await startCloudMetadata(source, systemClock);
    await runServices();
    holdBack("batch");
    await scene.agent({ env: { ...cloud.env, GPUAS_GCP_NOTICE: "8s" } });
    const visibleAt = cloud.terminate(inSeconds(9));
    await scene.until("drained", () => scene.phases().includes("drained"), 25_000);

    // In order, each with the time that is left; low pods are held by their budget and are deleted when it presses.
    expect(accepted().map((pod) => pod.split("-")[0])).toEqual(["web", "web", "training", "training"]);
    expect(deletions().map(({ name }) => name?.split("-")[0])).toEqual(["batch", "batch"]);
    expect(deletions()[0]?.body).toHaveProperty("preconditions.uid");
    await scene.until("EVENT.forced is on record", () => scene.events(EVENT.forced).length === 2);

    const notice = scene.heard.find((one) => one.kind === "notice");
    if (notice?.kind !== "notice") throw new Error("no notice was heard");
    expect(notice.message).toMatchObject({
      source,
      phase: "seen",
      replace: true,
      gpus: 2,
      machine: { cloud: source, lifecycle: "spot" },
    });
    expect(notice.message.seenAt - visibleAt).toBeLessThan(source === "gcp" ? 300 : 1_000);
    expect(scene.phases().slice(0, 1)).toEqual(["started"]);

    const { metadata, spec } = scene.currentNode();
    expect(spec?.unschedulable).toBe(true);
    expect(ourTaints(scene.currentNode())).toEqual([`${TAINT.spotInterruption}:NoSchedule`]);
    expect(metadata.labels?.[NODE_LABEL.excludeFromLoadBalancers]).toBe(EXCLUDED_BY_US);
    expect(metadata.annotations).toMatchObject({
      [NODE_ANNOTATION.interruptionSource]: source,
      [NODE_ANNOTATION.interruptionWarning]: "true",
      [NODE_ANNOTATION.terminationTime]: new Date(notice.message.deadline).toISOString(),
    });
    await scene.until("the summary is on the node", () => scene.state()?.summary !== undefined);
    expect(scene.state()?.summary).toMatchObject({ evicted: 6, forced: 2, left: 0 });
    await scene.until("EVENT.interruption is on record", () => scene.events(EVENT.interruption).length === 1);
    expect(cloud.endpoint.breaches).toEqual([]);
  });
});

describe("a notice", () => {
  const onAws = async (): Promise<CloudMetadata> => await startCloudMetadata("aws", systemClock);

  test("that Azure takes back before it begins is called off, and the node is as it was", async () => {
    await using cloud = await startCloudMetadata("azure", systemClock);
    await runServices(20_000);
    await scene.agent({ env: cloud.env });
    cloud.terminate(inSeconds(100));
    await scene.until("pods leave", () => scene.phases().includes("wave low"));
    cloud.renew();
    await scene.until("taken back", () => scene.phases().includes("cancelled"));
    await scene.until("the marks are gone", () => scene.state() === null);
    expectUntouched();
    expect(noticePhases()).toEqual(["seen", "cancelled"]);
    await scene.until(
      "EVENT.interruptionCancelled is on record",
      () => scene.events(EVENT.interruptionCancelled).length === 1,
    );
    // Those of high priority were never asked.
    expect(scene.evictions().every(({ pod }) => !pod.startsWith("training"))).toBe(true);
  });

  test("overtakes a drill: what was evicted stays so, the budgets give way, and it is ours to uncordon", async () => {
    await using cloud = await onAws();
    await runServices(10_000);
    holdBack("training");
    await scene.agent({ env: cloud.env });
    await scene.drill(300);
    await scene.until("the drill moves pods", () => scene.phases().includes("wave high"));
    const asked = new Set(accepted());
    expect(deletions()).toEqual([]);
    cloud.terminate(inSeconds(10));
    await scene.until("forced", () => deletions().length === 2, 20_000);
    // Nobody else, and those who leave already only to cut a grace that is longer than what is left.
    expect(new Set(accepted())).toEqual(asked);
    const grace = scene.evictions().map(({ graceSeconds }) => Number(graceSeconds));
    expect(Math.max(...grace.slice(-asked.size))).toBeLessThanOrEqual(10);
    expect(scene.state()).toMatchObject({ source: "aws", cordonedByUs: true });
    expect(noticePhases()).toEqual(["seen", "cancelled", "seen"]);
  });

  test("whose agent is killed in the middle is gone on with as real, once the metadata has said it again", async () => {
    await using cloud = await onAws();
    await runServices(300);
    holdBack("training");
    const first = await scene.agent({ env: cloud.env });
    cloud.terminate(inSeconds(20));
    await scene.until("marked", () => scene.state()?.phase === "started");
    await scene.until("the first are out", () => scene.evictions().some(({ status }) => status === 201));
    const before = scene.state();
    await first.kill();
    const restartedAt = systemClock.now();
    await scene.agent({ env: cloud.env });
    await scene.until("forced", () => deletions().length === 2, 25_000);
    await scene.until("drained", () => scene.phases().includes("drained"));
    expect(scene.state()).toMatchObject({ id: before?.id, deadline: before?.deadline, cordonedByUs: true });
    const again = scene.evictions().find(({ atMs }) => atMs > restartedAt);
    expect((again?.atMs ?? Number.NaN) - restartedAt).toBeLessThan(3_000);
  });

  test("that only a forged mark names is a drill at most, and is taken back when the metadata does not say it", async () => {
    await using cloud = await onAws();
    await runServices(100);
    holdBack("web");
    const forged = {
      v: 1,
      id: "aws-forged",
      cause: "notice",
      source: "aws",
      phase: "started",
      seenAt: systemClock.now(),
      deadline: inSeconds(6),
      replace: true,
      cordonedByUs: true,
    };
    // The metadata is away, so nobody can say that it is not so.
    await cloud.endpoint.down();
    await scene.annotate({ [NODE_ANNOTATION.drainState]: JSON.stringify(forged) });
    await scene.agent({ env: cloud.env });
    await scene.until("the end came first", () => scene.phases().includes("final"), 15_000);
    expect(deletions()).toEqual([]);
    expect(scene.running("web")).toHaveLength(2);
    await cloud.endpoint.up();
    await scene.until("taken back", () => scene.state() === null);
    expectUntouched();
  });

  test("of a machine that has started anew is over", async () => {
    await using cloud = await onAws();
    await runServices(100);
    const before = {
      v: 1,
      id: "aws-before",
      cause: "notice",
      source: "aws",
      phase: "final",
      seenAt: systemClock.now() - 100_000,
      deadline: systemClock.now() - 1_000,
      replace: true,
      cordonedByUs: true,
      bootID: "another-boot",
    };
    await scene.kubectl.mergePatch(
      { group: "", version: "v1", plural: "nodes", kind: "Node", namespaced: false },
      { name: scene.node },
      {
        metadata: { annotations: { [NODE_ANNOTATION.drainState]: JSON.stringify(before) } },
        spec: { unschedulable: true },
      },
    );
    await scene.agent({ env: cloud.env });
    await scene.until("taken back", () => scene.state() === null);
    expectUntouched();
    expect(scene.evictions()).toEqual([]);
  });

  test("is carried out with NATS and the coordinator away, and with an API server that fails at first", async () => {
    await scene[Symbol.asyncDispose]();
    scene = await createScene({ nats: "away" });
    await using cloud = await onAws();
    await runServices(100);
    const agent = await scene.agent({ env: cloud.env, waitFor: "listening" });
    await scene.until("the node is read", () => agent.logs.length > 0);
    scene.server.faults.set({ kind: "status", code: 500, times: 6, match: { pathIncludes: "/eviction" } });
    cloud.terminate(inSeconds(15));
    await scene.until("all pods are out", () =>
      ["training", "web", "batch"].every((owner) => scene.running(owner).length === 0),
    );
    await scene.nats.restart();
    await scene.until("told when NATS is back", () => scene.storedPhases().includes("drained"), 25_000);
  });
});

describe("a hint", () => {
  test("empties nobody, stands on the node, and goes when its cloud takes it back", async () => {
    await using cloud = await startCloudMetadata("gcp", systemClock);
    await runServices();
    await scene.agent({ env: cloud.env });
    const gcp = cloud.endpoint as unknown as { maintenanceEvent(value: string): void };
    gcp.maintenanceEvent("MIGRATE_ON_HOST_MAINTENANCE");
    await scene.until("told", () => noticePhases().includes("seen"));
    const told = scene.heard.find((one) => one.kind === "notice");
    expect(told?.message).toMatchObject({ kind: "maintenance", replace: false, source: "gcp" });
    await scene.until(
      "on the node",
      () => scene.currentNode().metadata.annotations?.[NODE_ANNOTATION.interruptionHint] !== undefined,
    );
    expect(scene.currentNode().spec?.unschedulable ?? false).toBe(false);
    gcp.maintenanceEvent("NONE");
    await scene.until("over", () => noticePhases().includes("cancelled"));
    await scene.until(
      "off the node",
      () => scene.currentNode().metadata.annotations?.[NODE_ANNOTATION.interruptionHint] === undefined,
    );
    expect(scene.evictions()).toEqual([]);
  });
});
