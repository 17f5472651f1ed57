import { afterEach, beforeEach, describe, expect, test } from "vitest";

import { EVENT, NODE_ANNOTATION, TAINT } from "../../shared/model/names.ts";
import { millis, seconds } from "../../shared/model/units.ts";
import { createScene, ourTaints } from "./agent-scene.ts";
import type { Scene } from "./agent-scene.ts";

let scene: Scene;
beforeEach(async () => {
  scene = await createScene();
});
afterEach(async () => {
  await scene[Symbol.asyncDispose]();
});

/** Four services, one for each class, whose pods need a moment to end. */
async function runFourClasses(exitAfterMs = 300): Promise<void> {
  const { world, server } = scene;
  server.change(() => {
    const shape = { replicas: 2, cpu: "1", graceSeconds: seconds(30), exitAfterMs: millis(exitAfterMs) };
    world.submitService({ ...shape, name: "training", evictionPriority: "high" });
    world.submitService({ ...shape, name: "web" });
    world.submitService({ ...shape, name: "batch", evictionPriority: "low" });
    world.addDaemonSet({ name: "cni", cpu: "100m" });
    world.addDaemonSet({ name: "static", cpu: "100m", mirror: true });
  });
  const owners = ["training", "web", "batch"];
  await scene.until(
    "all pods run",
    () => owners.every((owner) => scene.running(owner).length === 2) && scene.pods().length === 8,
  );
}

const classOf = (pod: string): string =>
  pod.startsWith("batch") ? "low" : pod.startsWith("web") ? "medium" : "high";

/** Pods of the node by owner, those that a drain leaves alone included. */
const owners = (): readonly string[] =>
  [...new Set(scene.pods().map((pod) => pod.metadata.name.split("-")[0] ?? ""))].toSorted();

const endDrill = (): Promise<void> =>
  scene.annotate({ [NODE_ANNOTATION.interruptionWarning]: null, [NODE_ANNOTATION.terminationTime]: null });

describe("a drill", () => {
  test("empties the node class by class, says each phase, and gives the node back when it ends", async () => {
    await runFourClasses();
    await scene.agent();
    await scene.drill(60);
    await scene.until("drained", () => scene.phases().includes("drained"));

    expect(scene.phases()).toEqual(["started", "wave low", "wave medium", "wave high", "drained"]);
    const asked = scene.evictions();
    expect(asked.map((one) => classOf(one.pod))).toEqual(["low", "low", "medium", "medium", "high", "high"]);
    expect(asked.every((one) => one.status === 201)).toBe(true);
    // 57 s are usable: low gets 30 % of it, the others their own 30 s and no more, since it is a drill.
    expect(asked.map((one) => one.graceSeconds)).toEqual([17, 17, 30, 30, 30, 30]);
    expect(owners()).toEqual(["cni", "static"]);

    const marked = scene.currentNode();
    expect(marked.spec?.unschedulable).toBe(true);
    expect(ourTaints(marked)).toEqual([`${TAINT.spotInterruption}:NoSchedule`]);
    await scene.until("the state says drained", () => scene.state()?.phase === "drained");
    expect(scene.state()).toMatchObject({ cause: "notice", source: "drill", cordonedByUs: true });
    const notice = scene.heard.find((one) => one.kind === "notice");
    expect(notice?.message).toMatchObject({
      phase: "seen",
      source: "drill",
      replace: false,
      pods: { low: 2, medium: 2, high: 2, system: 0 },
    });
    expect(notice?.message.id).toBe(scene.state()?.id);

    await endDrill();
    await scene.until("uncordoned", () => scene.state() === null);
    const after = scene.currentNode();
    expect(after.spec?.unschedulable).toBeFalsy();
    expect(ourTaints(after)).toEqual([]);
    expect(after.metadata.annotations?.[NODE_ANNOTATION.interruptionSource]).toBeUndefined();
    await scene.until("cancelled is said", () => scene.phases().includes("cancelled"));
  });

  test("that is called off midway stops there and uncordons", async () => {
    await runFourClasses(60_000);
    await scene.agent();
    await scene.drill(120);
    await scene.until("the first wave is out", () => scene.evictions().length === 2);
    await endDrill();
    await scene.until("uncordoned", () => scene.state() === null && scene.phases().includes("cancelled"));
    expect(scene.currentNode().spec?.unschedulable).toBeFalsy();
    expect(scene.evictions().map((one) => classOf(one.pod))).toEqual(["low", "low"]);
    expect(scene.heard.flatMap((one) => (one.kind === "notice" ? [one.message.phase] : []))).toEqual([
      "seen",
      "cancelled",
    ]);
    expect(scene.running("web")).toHaveLength(2);
  });

  test("leaves a cordon that somebody else has set", async () => {
    await runFourClasses();
    scene.server.change((world) => {
      const node = scene.currentNode();
      world.put("nodes", { ...node, spec: { ...node.spec, unschedulable: true } });
    });
    await scene.agent();
    await scene.drill(60);
    await scene.until("drained", () => scene.state()?.phase === "drained");
    expect(scene.state()?.cordonedByUs).toBe(false);
    await endDrill();
    await scene.until("marks are gone", () => scene.state() === null);
    expect(scene.currentNode().spec?.unschedulable).toBe(true);
    expect(ourTaints(scene.currentNode())).toEqual([]);
  });

  test("goes on with the same id after its agent was killed", async () => {
    await runFourClasses(3_000);
    const first = await scene.agent();
    await scene.drill(60);
    await scene.until("the first wave is out", () => scene.evictions().length >= 2);
    await scene.until("the state is on the node", () => scene.state() !== null);
    const before = scene.state();
    await first.kill();
    const askedBefore = scene.evictions().length;
    await scene.agent();
    await scene.until("drained", () => scene.phases().includes("drained"));
    await scene.until("the state says drained", () => scene.state()?.phase === "drained");
    expect(scene.state()).toEqual({ ...before, phase: "drained", summary: scene.state()?.summary });
    expect(scene.state()?.summary).toBeDefined();
    expect(scene.evictions().length).toBeGreaterThan(askedBefore);
    const notices = new Set(scene.heard.flatMap((one) => (one.kind === "notice" ? [one.message.id] : [])));
    expect([...notices]).toEqual([before?.id]);
    // Nobody was asked twice: pods that were leaving already are only watched.
    const accepted = scene
      .evictions()
      .filter((one) => one.status === 201)
      .map((one) => one.pod);
    expect(accepted.length).toBe(new Set(accepted).size);
    await endDrill();
    await scene.until("uncordoned by the second process", () => scene.state() === null);
    expect(scene.currentNode().spec?.unschedulable).toBeFalsy();
  });

  test("asks a pod again that a budget blocks, and moves it when the budget allows", async () => {
    await runFourClasses();
    scene.server.change((world) => {
      world.put("poddisruptionbudgets", {
        metadata: { name: "web", namespace: "default" },
        spec: { selector: { matchLabels: { app: "web" } }, minAvailable: 2 },
      });
    });
    await scene.agent();
    await scene.drill(30);
    await scene.until(
      "blocked twice",
      () => scene.evictions().filter((one) => one.status === 429).length >= 4,
    );
    expect(scene.running("web")).toHaveLength(2);
    scene.server.change((world) =>
      world.remove("poddisruptionbudgets", { namespace: "default", name: "web" }),
    );
    await scene.until("drained", () => scene.phases().includes("drained"));
    const tries = scene.evictions().filter((one) => one.pod.startsWith("web"));
    const first = tries[0]?.pod;
    const at = tries.filter((one) => one.pod === first).map((one) => one.atMs);
    const gaps = at.slice(1).map((each, i) => each - (at[i] ?? 0));
    expect(gaps.every((gap) => gap >= 750 && gap <= 1_500)).toBe(true);
    // Never by another way than the eviction API.
    expect(
      scene.server.audit.filter((entry) => entry.resource === "pods" && entry.method === "DELETE"),
    ).toEqual([]);
  });

  test("with a priority that nobody knows moves the pod with medium and says so on the pod", async () => {
    scene.server.change((world) => {
      world.submitService({ name: "typo", replicas: 1, cpu: "1", evictionPriority: "hihg" });
    });
    await scene.until("it runs", () => scene.running("typo").length === 1);
    const pod = scene.running("typo")[0]?.metadata.name;
    await scene.agent();
    await scene.drill(30);
    await scene.until("drained", () => scene.phases().includes("drained"));
    expect(scene.phases()).toContain("wave medium");
    await scene.until("the event is there", () => scene.events(EVENT.unknownPriority).length > 0);
    const [event] = scene.events(EVENT.unknownPriority);
    expect(event).toMatchObject({ type: "Warning", involvedObject: { kind: "Pod", name: pod } });
  });

  test("with a time that cannot be read does nothing but say so", async () => {
    await runFourClasses();
    const agent = await scene.agent();
    await scene.annotate({
      [NODE_ANNOTATION.interruptionWarning]: "true",
      [NODE_ANNOTATION.terminationTime]: "tomorrow",
    });
    await scene.until("the event is there", () => scene.events(EVENT.drillRefused).length > 0);
    const [event] = scene.events(EVENT.drillRefused);
    expect(event?.message).toContain('"tomorrow"');
    const page = await (await fetch(`${agent.url}/metrics`)).text();
    expect(page).toContain('gpu_autoscaler_drills_ignored_total{reason="unparsable-time"} 1');
    expect(scene.state()).toBeNull();
    expect(scene.evictions()).toEqual([]);
    expect(scene.currentNode().spec?.unschedulable).toBeFalsy();
  });

  test("is carried out with NATS away, and told when it is back", async () => {
    await runFourClasses();
    await scene.agent();
    await scene.nats.stop();
    await scene.drill(60);
    await scene.until("drained by the node's state", () => scene.state()?.phase === "drained");
    expect(scene.events(EVENT.interruption).length > 0).toBe(true);
    await scene.nats.restart();
    await scene.until("the stream has it all", () => scene.storedPhases().includes("drained"), 30_000);
    expect(scene.storedPhases()).toEqual(["started", "wave low", "wave medium", "wave high", "drained"]);
  });

  test("survives an API server that fails half of the calls", async () => {
    await runFourClasses();
    await scene.agent();
    for (const method of ["POST", "PATCH"]) {
      scene.server.faults.set({
        kind: "status",
        code: 503,
        times: 3,
        match: { method, userAgentIncludes: "agent" },
      });
    }
    await scene.drill(60);
    await scene.until("drained", () => scene.state()?.phase === "drained", 30_000);
    expect(owners()).toEqual(["cni", "static"]);
  });

  test("is brought to its end by an agent that is asked to stop", async () => {
    await runFourClasses(2_000);
    const agent = await scene.agent();
    await scene.drill(60);
    await scene.until("the first wave is out", () => scene.evictions().length >= 2);
    expect(await agent.stop()).toBe(0);
    await scene.until("the stream has it", () => scene.phases().includes("drained"));
    expect(scene.state()?.phase).toBe("drained");
  });
});
