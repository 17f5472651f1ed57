import { afterEach, beforeEach, describe, expect, test } from "vitest";

import type { DrainRequest } from "../../shared/contract/node-marks.ts";
import { EVENT, NODE_ANNOTATION, TAINT } from "../../shared/model/names.ts";
import type { ScenarioInstance } from "../nvml-double/scenario.ts";
import { createScene, idleGpu, ourTaints } from "./agent-scene.ts";
import type { Scene } from "./agent-scene.ts";

let scene: Scene;
beforeEach(async () => {
  scene = await createScene();
});
afterEach(async () => {
  await scene[Symbol.asyncDispose]();
});

/** Windows of 10 s fill ten times as fast as they are long when a GPU is read five times a second. */
const QUICK = { GPUAS_SAMPLE_INTERVAL: "200ms", GPUAS_REPORT_INTERVAL: "500ms" };

function request(id: string, more: Partial<DrainRequest> = {}): Record<string, string> {
  const full: DrainRequest = {
    v: 1,
    id,
    deadline: Date.now() + 300_000,
    reason: "idle for 600 s",
    idleBelow: 0.05,
    ...more,
  };
  return { [NODE_ANNOTATION.drainRequest]: JSON.stringify(full) };
}

async function runWeb(): Promise<void> {
  scene.server.change((world) => {
    world.submitService({ name: "web", replicas: 2, cpu: "1" });
  });
  await scene.until("pods run", () => scene.running("web").length === 2);
}

/** The agent's own report says that it has seen the last 10 s. */
async function untilSeen(): Promise<void> {
  const covered = (): boolean =>
    scene.heard.some(
      (one) =>
        one.kind === "report" &&
        one.message.gpus.length === 2 &&
        one.message.gpus.every(({ utilization: { w10 } }) => typeof w10 !== "string" && w10[3] >= 0.95),
    );
  await scene.until("10 s were seen", covered, 30_000);
}

const refusals = () =>
  scene.heard.flatMap((one) =>
    one.kind === "drain" && one.message.phase === "refused" ? [one.message] : [],
  );

describe("a drain request", () => {
  test("is carried out when the GPUs are idle, and taken back when the coordinator withdraws it", async () => {
    await runWeb();
    await scene.agent({ env: QUICK });
    await untilSeen();
    await scene.annotate(request("shrink-1"));
    await scene.until("drained", () => scene.state()?.phase === "drained");
    expect(scene.state()).toMatchObject({
      id: "shrink-1",
      cause: "request",
      source: "coordinator",
      cordonedByUs: true,
    });
    expect(ourTaints(scene.currentNode())).toEqual([`${TAINT.scaleDown}:NoSchedule`]);
    // The mark on the node and the message are two ways.
    await scene.until("the message says drained", () => scene.phases().includes("drained"));
    expect(scene.phases()).toEqual(["started", "wave medium", "drained"]);
    // No notice: nothing is interrupted.
    expect(scene.heard.filter((one) => one.kind === "notice")).toEqual([]);

    await scene.annotate({ [NODE_ANNOTATION.drainRequest]: null });
    await scene.until("taken back", () => scene.state() === null);
    expect(scene.currentNode().spec?.unschedulable).toBeFalsy();
    expect(ourTaints(scene.currentNode())).toEqual([]);
  });

  test("is refused with the reading when a GPU is busy, and nothing is touched", async () => {
    scene.double.write({ gpus: [idleGpu(0), { ...idleGpu(1), utilPercent: 83 }] });
    await runWeb();
    await scene.agent({ env: QUICK });
    await untilSeen();
    await scene.annotate(request("shrink-1"));
    await scene.until("refused", () => refusals().length > 0 && scene.state()?.phase === "refused");
    const [said] = refusals();
    expect(said?.reading).toMatchObject({ gpu: idleGpu(1).uuid, p95: 0.83, threshold: 0.05 });
    expect(scene.state()?.reading).toEqual(said?.reading);
    expect(scene.currentNode().spec?.unschedulable).toBeFalsy();
    expect(ourTaints(scene.currentNode())).toEqual([]);
    expect(scene.evictions()).toEqual([]);
    await scene.until("the event is there", () => scene.events(EVENT.drainRefused).length === 1);
    expect(scene.events(EVENT.drainRefused)[0]?.message).toContain("83 %");

    // The same request stays answered; another one is another question.
    scene.double.write({ gpus: [idleGpu(0), idleGpu(1)] });
    await scene.annotate({ [NODE_ANNOTATION.drainRequest]: null });
    await scene.until("the refusal is cleared", () => scene.state() === null);
  });

  test("is refused when one instance of a card in MIG mode is busy, by the card's own counters", async () => {
    // What the driver tells of such a card's utilisation is nothing; a share in use is metric 1 of each instance.
    const { utilPercent: _, ...card } = idleGpu(1);
    const instance = (gi: number, busyPercent: number): ScenarioInstance => ({
      uuid: `MIG-${gi}`,
      gi,
      ci: 0,
      gpuSlices: 3,
      computeSlices: 3,
      memoryTotalMib: 71_424,
      memoryUsedMib: 100,
      gpm: { 1: busyPercent },
    });
    const mig = { mode: 1, maxDevices: 7, instances: [instance(1, 0), instance(2, 61)] };
    scene.double.write({ gpus: [idleGpu(0), { ...card, gpm: { 1: 30 }, mig }] });
    await runWeb();
    await scene.agent({ env: QUICK });
    await untilSeen();
    await scene.annotate(request("shrink-1"));
    await scene.until("refused", () => refusals().length > 0);
    expect(refusals()[0]?.reading).toMatchObject({ gpu: card.uuid, p95: 0.61, threshold: 0.05 });
    expect(refusals()[0]?.reading?.detail).toContain("p95 61 % of its busiest instance");
    expect(scene.evictions()).toEqual([]);
    const reported = scene.heard.findLast((one) => one.kind === "report")?.message.gpus[1];
    expect(reported).toMatchObject({ utilizationFrom: "gpm", mig: { "3g.71gb": [2, null] } });
  });

  test("is refused while less than 10 s were seen: what is not known is not idle", async () => {
    await runWeb();
    await scene.agent({ env: QUICK });
    await scene.annotate(request("shrink-1"));
    await scene.until("refused", () => refusals().length > 0);
    expect(refusals()[0]?.reading).toMatchObject({ p95: null });
    expect(refusals()[0]?.reading?.detail).toMatch(/of the last 10 s was seen/);
    expect(scene.evictions()).toEqual([]);
  });

  test("gives way to a notice", async () => {
    scene.server.change((world) => {
      world.submitService({ name: "web", replicas: 2, cpu: "1" });
      world.put("poddisruptionbudgets", {
        metadata: { name: "web", namespace: "default" },
        spec: { selector: { matchLabels: { app: "web" } }, minAvailable: 2 },
      });
    });
    await scene.until("pods run", () => scene.running("web").length === 2);
    await scene.agent({ env: QUICK });
    await untilSeen();
    await scene.annotate(request("shrink-1"));
    await scene.until("under way", () => scene.state()?.cause === "request" && scene.evictions().length > 0);
    await scene.drill(60);
    await scene.until("the drill has it", () => scene.state()?.cause === "notice");
    expect(ourTaints(scene.currentNode())).toEqual([`${TAINT.spotInterruption}:NoSchedule`]);
    expect(scene.state()?.cordonedByUs).toBe(true);
    await scene.until(
      "both are said",
      () => scene.phases().filter((phase) => phase === "started").length === 2,
    );
    expect(scene.phases()).toContain("cancelled");
  });

  test("that cannot be read is ignored with an Event", async () => {
    await runWeb();
    await scene.agent({ env: QUICK });
    await scene.annotate({ [NODE_ANNOTATION.drainRequest]: '{"v":1,"id":"x"}' });
    await scene.until("the event is there", () => scene.events(EVENT.drainRefused).length === 1);
    expect(scene.state()).toBeNull();
    expect(scene.evictions()).toEqual([]);
  });
});
