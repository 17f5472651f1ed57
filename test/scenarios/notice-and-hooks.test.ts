// What happens to a notice on its way: pods save their state first, the metadata wobbles, the API server is away, the time
// moves, a person meddles. The shipped agent on AWS's fake, read from outside.

import { createServer } from "node:http";
import type { AddressInfo } from "node:net";

import { afterEach, beforeEach, describe, expect, test } from "vitest";

import { checkpointCallSchema } from "../../shared/contract/checkpoint.ts";
import type { CheckpointCall } from "../../shared/contract/checkpoint.ts";
import { EVENT, NODE_ANNOTATION, POD_ANNOTATION } from "../../shared/model/names.ts";
import { after, millis, seconds } from "../../shared/model/units.ts";
import { systemClock } from "../../shared/runtime/clock.ts";
import { startCloudMetadata } from "../build/metadata.ts";
import type { CloudMetadata } from "../build/metadata.ts";
import { createScene } from "./agent-scene.ts";
import type { Scene } from "./agent-scene.ts";

let scene: Scene;
let cloud: CloudMetadata;
beforeEach(async () => {
  scene = await createScene();
  cloud = await startCloudMetadata("aws", systemClock);
});
afterEach(async () => {
  await scene[Symbol.asyncDispose]();
  await cloud[Symbol.asyncDispose]();
});

const inSeconds = (s: number) => after(systemClock.now(), millis(s * 1000));
const notices = () => scene.heard.flatMap((one) => (one.kind === "notice" ? [one.message] : []));

async function runTraining(more: { readonly exitAfterMs?: number } = {}): Promise<void> {
  const shape = { replicas: 2, cpu: "1", graceSeconds: seconds(30), exitAfterMs: millis(100), ...more };
  scene.server.change((world) => {
    world.submitService({
      ...shape,
      exitAfterMs: millis(more.exitAfterMs ?? 100),
      name: "training",
      evictionPriority: "high",
    });
  });
  await scene.until("all pods run", () => scene.running("training").length === 2);
}

/** A trainer that answers the call to save when it is told to, at an address of its pods. */
async function aTrainer() {
  const calls: CheckpointCall[] = [];
  const saved = Promise.withResolvers<void>();
  const server = createServer((request, response) => {
    let body = "";
    request.on("data", (chunk: Buffer) => {
      body += chunk.toString();
    });
    request.on("end", () => {
      calls.push(checkpointCallSchema.parse(JSON.parse(body)));
      void saved.promise.then(() => response.end(JSON.stringify({ step: 1200, uri: "s3://b/step-1200" })));
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  // The kubelet's part: the pods get an address; and the owner's: they say how they want to be told.
  scene.server.change((world) => {
    for (const pod of scene.running("training"))
      world.put("pods", {
        ...pod,
        metadata: {
          ...pod.metadata,
          annotations: {
            ...pod.metadata.annotations,
            [POD_ANNOTATION.checkpointUrl]: `http://:${port}/checkpoint`,
          },
        },
        status: { ...pod.status, podIPs: [{ ip: "127.0.0.1" }] },
      });
  });
  return {
    calls,
    save: saved.resolve,
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

describe("pods with a checkpoint hook", () => {
  test("are told at once and asked to leave when they have saved; what they say travels on", async () => {
    await runTraining();
    await using trainer = await aTrainer();
    await scene.agent({ env: { ...cloud.env, GPUAS_CHECKPOINT_LOOPBACK: "true" } });
    const deadline = inSeconds(60);
    cloud.terminate(deadline);
    await scene.until("both are told", () => trainer.calls.length === 2);
    expect(trainer.calls[0]).toMatchObject({
      kind: "termination",
      priority: "high",
      drill: false,
      peerInterrupted: false,
      namespace: "default",
    });
    await scene.until("marked", () => scene.state() !== null);
    expect(scene.evictions()).toEqual([]);
    trainer.save();
    await scene.until("drained", () => scene.phases().includes("drained"));
    const drained = scene.heard.findLast(
      (one) => one.kind === "drain" && one.message.phase === "drained",
    )?.message;
    expect(drained).toMatchObject({
      checkpoints: [
        { result: "saved", step: 1200, uri: "s3://b/step-1200" },
        { result: "saved", step: 1200, uri: "s3://b/step-1200" },
      ],
      summary: { hooks: { asked: 2, saved: 2, failed: 0 } },
    });
    await scene.until("EVENT.checkpoint is on record", () => scene.events(EVENT.checkpoint).length === 2);
    expect(scene.evictions().every(({ graceSeconds }) => Number(graceSeconds) > 45)).toBe(true);
  });

  test("that hang are asked to leave in time all the same, and know the deadline by their annotation", async () => {
    await runTraining();
    await using trainer = await aTrainer();
    await scene.agent({ env: { ...cloud.env, GPUAS_CHECKPOINT_LOOPBACK: "true" } });
    cloud.terminate(inSeconds(9));
    await scene.until("asked to leave", () => scene.evictions().length === 2, 15_000);
    await scene.until("drained", () => scene.phases().includes("drained"));
    expect(trainer.calls.length).toBe(2);
    const marks = scene.server.audit.filter(
      ({ method, resource, body }) =>
        method === "PATCH" &&
        resource === "pods" &&
        JSON.stringify(body).includes(POD_ANNOTATION.terminationDeadline),
    );
    expect(marks.length).toBeGreaterThan(0);
    await scene.until("said on the pods", () => scene.events(EVENT.checkpointFailed).length === 2);
  });

  test("whose node hears of a rebalance save early, and stay", async () => {
    await runTraining();
    await using trainer = await aTrainer();
    trainer.save();
    await scene.agent({ env: { ...cloud.env, GPUAS_CHECKPOINT_LOOPBACK: "true" } });
    (cloud.endpoint as unknown as { rebalance(at: number): void }).rebalance(systemClock.now());
    await scene.until("told", () => trainer.calls.length === 2);
    expect(trainer.calls[0]).toMatchObject({ kind: "rebalance", deadline: null, remainingSeconds: null });
    await scene.until("saved", () => scene.events(EVENT.checkpoint).length === 2);
    expect(scene.evictions()).toEqual([]);
    expect(scene.currentNode().spec?.unschedulable ?? false).toBe(false);
  });
});

describe("a notice", () => {
  test("whose time moves is taken over when it is sooner and not when it is later", async () => {
    await runTraining({ exitAfterMs: 60_000 });
    await scene.agent({ env: { ...cloud.env, GPUAS_CHECKPOINT_LOOPBACK: "true" } });
    cloud.terminate(inSeconds(100));
    await scene.until("seen", () => notices().length === 1);
    const sooner = inSeconds(40);
    cloud.terminate(sooner);
    await scene.until("superseded", () => notices().length === 2);
    const [first, second] = notices();
    expect(second).toMatchObject({ phase: "superseded", id: first?.id });
    expect(Math.abs((second?.deadline ?? 0) - sooner)).toBeLessThan(1_000);
    const polls = cloud.endpoint.requests.length;
    cloud.terminate(inSeconds(600));
    await cloud.endpoint.answered(cloud.noticePath, polls + 2);
    expect(notices()).toHaveLength(2);
    expect(scene.state()?.deadline).toBe(second?.deadline);
  });

  test("does not end because a person takes the annotations off", async () => {
    await runTraining({ exitAfterMs: 60_000 });
    await scene.agent({ env: { ...cloud.env, GPUAS_CHECKPOINT_LOOPBACK: "true" } });
    cloud.terminate(inSeconds(60));
    await scene.until("asked", () => scene.evictions().length === 2);
    await scene.annotate({
      [NODE_ANNOTATION.interruptionWarning]: null,
      [NODE_ANNOTATION.interruptionSource]: null,
    });
    const polls = cloud.endpoint.requests.length;
    await cloud.endpoint.answered(cloud.noticePath, polls + 2);
    expect(scene.phases()).not.toContain("cancelled");
    expect(scene.currentNode().spec?.unschedulable).toBe(true);
  });

  test("that comes while the metadata service is away is seen within two seconds of its return", async () => {
    await runTraining();
    const agent = await scene.agent({ env: { ...cloud.env, GPUAS_CHECKPOINT_LOOPBACK: "true" } });
    await cloud.endpoint.down();
    await scene.until("told as down", () =>
      agent.logs.some((line) => JSON.stringify(line).toLowerCase().includes("metadata")),
    );
    cloud.terminate(inSeconds(30));
    const upAt = systemClock.now();
    await cloud.endpoint.up();
    await scene.until("seen", () => notices().length === 1);
    expect((notices()[0]?.seenAt ?? Number.NaN) - upAt).toBeLessThan(2_000);
    await scene.until("drained", () => scene.phases().includes("drained"));
  });

  test("is told while the API server is away, and carried out when it is back", async () => {
    await runTraining();
    await scene.agent({ env: { ...cloud.env, GPUAS_CHECKPOINT_LOOPBACK: "true" } });
    const back = scene.server.faults.set({ kind: "cut", match: { userAgentIncludes: "agent" } });
    cloud.terminate(inSeconds(30));
    await scene.until("told", () => notices().length === 1);
    expect(scene.evictions()).toEqual([]);
    back();
    await scene.until("drained", () => scene.phases().includes("drained"));
    await scene.until("marked", () => scene.state()?.phase === "drained");
  });

  test("waits three conflicts out and cordons without the taint meanwhile", async () => {
    await runTraining({ exitAfterMs: 60_000 });
    await scene.agent({ env: { ...cloud.env, GPUAS_CHECKPOINT_LOOPBACK: "true" } });
    scene.server.faults.set({
      kind: "status",
      code: 409,
      times: 4,
      match: { method: "PATCH", pathIncludes: "/nodes/", userAgentIncludes: "agent" },
    });
    cloud.terminate(inSeconds(60));
    await scene.until("marked whole", () => (scene.currentNode().spec?.taints ?? []).length > 0);
    expect(scene.state()?.cordonedByUs).toBe(true);
    const patches = scene.server.audit.filter(
      ({ method, resource, status }) => method === "PATCH" && resource === "nodes" && status === 200,
    );
    const [alone] = patches;
    expect(alone?.body).toMatchObject({ spec: { unschedulable: true } });
    expect(alone?.body).not.toHaveProperty("spec.taints");
  });
});

describe("a drill", () => {
  test("that asked for it gives its node back when its time has come", async () => {
    await runTraining();
    await scene.agent();
    await scene.annotate({ [NODE_ANNOTATION.drillAutoUncordon]: "true" });
    await scene.drill(4);
    await scene.until("drained", () => scene.phases().includes("drained"));
    await scene.until("given back", () => scene.state() === null, 10_000);
    const { metadata, spec } = scene.currentNode();
    expect(spec?.unschedulable ?? false).toBe(false);
    expect(metadata.annotations ?? {}).not.toHaveProperty(NODE_ANNOTATION.interruptionWarning);
  });
});
