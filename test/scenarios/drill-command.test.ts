// `gpuasctl drill` as people run it: the built program, with a kubeconfig alone, and the shipped agent on the node.

import { once } from "node:events";
import { createInterface } from "node:readline";

import { afterEach, beforeEach, describe, expect, test } from "vitest";

import { GPU_RESOURCE, NODE_ANNOTATION, NODE_CONDITION } from "../../shared/model/names.ts";
import { millis, seconds } from "../../shared/model/units.ts";
import { gpuasctl, startGpuasctl } from "../build/coordinator.ts";
import type { CtlResult } from "../build/coordinator.ts";
import { eventually } from "../build/eventually.ts";
import { createScene } from "./agent-scene.ts";
import type { Scene } from "./agent-scene.ts";

let scene: Scene;
beforeEach(async () => {
  scene = await createScene();
});
afterEach(async () => {
  await scene[Symbol.asyncDispose]();
});

const ctl = async (...words: readonly string[]): Promise<CtlResult> =>
  await gpuasctl(["drill", ...words, "--kubeconfig", scene.kubeconfig]);

/** The program while it runs, line by line. */
async function following(...words: readonly string[]) {
  const child = await startGpuasctl(["drill", ...words, "--kubeconfig", scene.kubeconfig]);
  const lines: string[] = [];
  createInterface({ input: child.stdout }).on("line", (line) => lines.push(line));
  createInterface({ input: child.stderr }).on("line", (line) => lines.push(`! ${line}`));
  const closed = once(child, "close");
  return {
    lines,
    line: (part: string) =>
      eventually(() => lines.find((line) => line.includes(part)), { describe: () => lines.join("\n") }),
    interrupt: () => child.kill("SIGINT"),
    code: async () => ((await closed) as [number | null])[0],
  };
}

/** Two low pods, two services in the middle, and one pod that nobody makes again. */
async function runPods(exitAfterMs = 300): Promise<void> {
  const { world, server, node } = scene;
  server.change(() => {
    const shape = { replicas: 2, cpu: "1", graceSeconds: seconds(30), exitAfterMs: millis(exitAfterMs) };
    world.submitService({ ...shape, name: "batch", evictionPriority: "low" });
    world.submitService({ ...shape, name: "web" });
    world.put("pods", {
      metadata: { name: "alone", namespace: "default", uid: "uid-alone" },
      spec: { nodeName: node, containers: [{ name: "c" }] },
      status: { phase: "Running" },
    });
  });
  await scene.until(
    "all pods run",
    () => scene.running("batch").length === 2 && scene.running("web").length === 2,
  );
}

/** The agent, once everybody can see that there is one. */
async function startAgent(): Promise<void> {
  await scene.agent({ env: { GPUAS_SLOW_INTERVAL: "1s" } });
  await scene.until(
    "the condition is there",
    () =>
      scene.currentNode().status?.conditions?.some(({ type }) => type === NODE_CONDITION.gpuHealthy) === true,
  );
}

/** A budget that lets no pod of the service go. */
function hold(app: string): void {
  scene.server.change((world) => {
    world.put("poddisruptionbudgets", {
      metadata: { name: app, namespace: "default" },
      spec: { selector: { matchLabels: { app } }, minAvailable: 2 },
    });
  });
}

describe("gpuasctl drill", () => {
  test("followed to its end tells the waves and the pods as they go, and reports what the agent measured", async () => {
    await runPods();
    await startAgent();
    const drill = await following(scene.node, "--in", "30s", "--follow");
    expect(await drill.code()).toBe(0);

    const text = drill.lines.join("\n");
    expect(drill.lines[0]).toMatch(/^Drill of node \S+: as if it went at \S+Z, in 30 s$/);
    expect(text).toMatch(/the agent holds it: the node is cordoned and marked\n/);
    expect(text).toMatch(
      /4 pods to move: 2 low, 2 medium, all classes at once\n.*default\/alone stays: it has no controller/,
    );
    const asked = scene.evictions();
    for (const { pod, graceSeconds } of asked)
      expect(text).toMatch(
        new RegExp(`default/${pod} is asked to leave, with ${String(graceSeconds)} s of grace`),
      );
    expect(drill.lines.filter((line) => line.includes(" is gone"))).toHaveLength(4);
    expect(text.indexOf("wave low")).toBeLessThan(text.indexOf("wave medium"));
    expect(text).toMatch(/Report of the drill of node \S+: drained\n/);
    expect(text).toMatch(/ {2}evicted +4, of which 0 forced past budgets\n/);
    expect(text).toMatch(/ {2}low +2 +\d\.\d\d(?: to \d\.\d\d)? s +\d+ s\n {2}medium +2 /);
    expect(text).toMatch(/ {2}first pod asked +after \d\.\d\d s\n/);
    expect(drill.lines.at(-1)).toContain(`gpuasctl drill ${scene.node} --cancel`);

    // The report is there for whoever looks later, and the node is given back by one command.
    const again = await ctl(scene.node, "--follow");
    expect(again.out).toContain("stands already");
    expect(again.out).toContain(`Report of the drill of node ${scene.node}: drained`);
    const ended = await ctl(scene.node, "--cancel");
    expect(ended).toMatchObject({ code: 0, err: "" });
    expect(ended.out).toContain("its marks are gone: it takes pods again");
    expect(scene.state()).toBeNull();
    expect(scene.currentNode().spec?.unschedulable).toBeFalsy();
  });

  test("names the budget in the way, goes on without whoever looked on, and is cancelled in the middle", async () => {
    await runPods(60_000);
    hold("web");
    await startAgent();
    const drill = await following(scene.node, "--in", "60s", "--follow");
    await drill.line(
      "(medium) waits: budget default/web allows no disruption now: it needs 2 healthy pods and has 2",
    );
    drill.interrupt();
    expect(await drill.code()).toBe(130);
    expect(drill.lines.at(-1)).toContain(`gpuasctl drill ${scene.node} --cancel ends it`);
    expect(scene.state()?.phase).toBe("started");

    const ended = await ctl(scene.node, "--cancel", "-o", "json");
    expect(JSON.parse(ended.out)).toEqual({ node: scene.node, stood: true, cordoned: false });
    expect(scene.state()).toBeNull();
    expect(scene.running("web")).toHaveLength(2);
    await scene.until("cancelled is said", () => scene.phases().includes("cancelled"));
  });

  test("ends with what was left when budgets held until the deadline", async () => {
    await runPods();
    hold("web");
    await startAgent();
    const drill = await ctl(scene.node, "--in", "8s", "--follow", "-o", "json");
    expect(drill.code).toBe(1);
    const events = drill.out
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line) as { readonly kind: string });
    expect(events.map(({ kind }) => kind)).toContain("blocked");
    expect(events.at(-1)).toMatchObject({
      kind: "report",
      report: { phase: "final", summary: { evicted: 2, forced: 0, left: 2, kept: 1 } },
    });
    expect(scene.running("web")).toHaveLength(2);
    expect(
      scene.server.audit.filter(({ resource, method }) => resource === "pods" && method === "DELETE"),
    ).toEqual([]);
  });

  test("is refused while another one stands, by the command and by the agent itself", async () => {
    scene.server.change((world) => {
      world.addPool({
        name: "spot-b",
        replicas: 1,
        capacityType: "spot",
        instanceType: "gpu-8x",
        zones: ["zone-a"],
        allocatable: { cpu: "96", memory: "1000Gi", pods: "110", [GPU_RESOURCE]: "8" },
        bootMs: millis(0),
        readyMs: millis(0),
      });
    });
    const other = await eventually(() =>
      scene.world.list("nodes").find(({ metadata }) => metadata.name !== scene.node),
    );
    await startAgent();
    scene.server.change((world) => {
      const annotations = { ...other.metadata.annotations, [NODE_ANNOTATION.interruptionWarning]: "true" };
      world.put("nodes", { ...other, metadata: { ...other.metadata, annotations } });
    });
    const refused = await ctl(scene.node);
    expect(refused).toMatchObject({ code: 1, out: "" });
    expect(refused.err).toContain(
      `no drill of node ${scene.node} now: a drill of node ${other.metadata.name} stands`,
    );
    expect(scene.currentNode().metadata.annotations?.[NODE_ANNOTATION.interruptionWarning]).toBeUndefined();

    // Whoever writes the annotation by hand is refused by the agent.
    await scene.drill(60);
    await scene.until("the agent refuses it", () => scene.state()?.phase === "refused");
    expect(scene.state()?.why).toContain(`a drill of node ${other.metadata.name} stands`);
    expect(scene.evictions()).toEqual([]);
    expect(scene.currentNode().spec?.unschedulable).toBeFalsy();
  });

  test("looks ahead by a dry run that names the budget and evicts nobody", async () => {
    await runPods();
    hold("web");
    await startAgent();
    const run = await ctl(scene.node, "--dry-run");
    expect(run).toMatchObject({ code: 0, err: "" });
    expect(run.out).toContain("nothing is changed\n  a drill may be asked for here now\n");
    expect(run.out).toMatch(/low +default\/batch-\S+ +0\.0 s +30 s +allowed\n/);
    expect(run.out).toContain("Blocked now: 2 pods by default/web");
    expect(run.out).toContain("default/alone stays: it has no controller");
    expect(scene.running("batch")).toHaveLength(2);
    expect(scene.state()).toBeNull();
    expect(
      scene.server.audit
        .filter(({ method, userAgent }) => method !== "GET" && userAgent === "gpuasctl")
        .map(({ subresource }) => subresource),
    ).toEqual(["eviction", "eviction", "eviction", "eviction"]);
  });
});
