// The chart on a whole cluster: the real scheduler and controllers place, count and make again, kwok plays the kubelets, and
// for each pod of ours the shipped program runs with the token of that pod, confined by the admission policies. Only
// machines are the test's own: a stand-in for Cluster API's controllers makes and takes their nodes.

import { once } from "node:events";
import { rm, writeFile } from "node:fs/promises";
import { createInterface } from "node:readline";

import { afterAll, beforeAll, describe, expect, test } from "vitest";

import type { Node } from "../../shared/model/kube.ts";
import { NODE_ANNOTATION, POLICY, TAINT } from "../../shared/model/names.ts";
import { seconds } from "../../shared/model/units.ts";
import { RESOURCE } from "../../shared/runtime/kube/resources.ts";
import { gpuasctl, startGpuasctl } from "../build/coordinator.ts";
import type { LogLine } from "../build/program.ts";
import { compareRights } from "../control-plane/audit.ts";
import { whyNoCluster } from "../control-plane/available.ts";
import type { Between } from "../control-plane/between.ts";
import type { Cluster } from "../control-plane/cluster.ts";
import { whyNoHelm } from "../control-plane/helm.ts";
import { BASE, startInstalled, TRAINING, VALUES } from "../control-plane/installed.ts";
import type { Provider } from "../control-plane/provider.ts";
import type { Release } from "../control-plane/release.ts";
import { change, createWorkloads, isRunning, NEAR_GPUS, WITH_GPU } from "../control-plane/workloads.ts";
import type { Workloads } from "../control-plane/workloads.ts";

const missing = (await whyNoCluster()) ?? (await whyNoHelm());

describe.skipIf(missing !== null)("the chart on a whole cluster", () => {
  const over = new AsyncDisposableStack();
  let cluster: Cluster;
  let between: Between;
  let release: Release;
  let provider: Provider;
  let workloads: Workloads;

  beforeAll(async () => {
    ({ cluster, between, release, provider } = over.use(await startInstalled()));
    workloads = createWorkloads(cluster.plane);
  });
  afterAll(async () => await over.disposeAsync());

  const nodes = async (): Promise<readonly Node[]> =>
    (await cluster.plane.client.list(RESOURCE.nodes)).items.filter(({ metadata }) => metadata.name !== BASE);
  /** How often the coordinators heard 410. */
  const expired = async (): Promise<number> => {
    let count = 0;
    for (const { component, program } of release.running) {
      if (component !== "coordinator") continue;
      const page = await (await fetch(new URL("/metrics", program.url))).text();
      count += Number(/^gpu_autoscaler_watch_errors_total\{kind="expired"\} (\d+)/m.exec(page)?.[1] ?? 0);
    }
    return count;
  };
  /** `gpuasctl drill` while it runs. */
  const following = async (...words: readonly string[]) => {
    const child = await startGpuasctl(["drill", ...words, "--kubeconfig", cluster.kubeconfig]);
    const lines: string[] = [];
    for (const stream of [child.stdout, child.stderr])
      createInterface({ input: stream }).on("line", (line) => lines.push(line));
    const closed = once(child, "close");
    return { text: () => lines.join("\n"), code: async () => ((await closed) as [number | null])[0] };
  };
  const refusals = (): readonly string[] =>
    release.past
      .flatMap(({ program }) => program.logs)
      .map((line) => JSON.stringify(line))
      .filter((line) => /AdmissionPolicy|forbidden|denied/i.test(line));

  test("gives a Deployment that waits its nodes, and each node its agent", async () => {
    await workloads.deploy("train", 2, WITH_GPU);
    await release.until(async () => (await workloads.running("train")).length === 2);
    const placed = (await workloads.running("train")).map(({ spec }) => spec.nodeName);
    expect(new Set(placed).size).toBe(2);
    expect(provider.made).toBe(2);
    await release.until(async () =>
      (await nodes()).every(({ status }) =>
        status?.conditions?.some((one) => one.type === "GpuHealthy" && one.status === "True"),
      ),
    );
    const kinds = release.running.map(({ component }) => component).toSorted();
    expect(kinds).toEqual(["agent", "agent", "coordinator", "coordinator"]);
    expect(refusals()).toEqual([]);
  });

  test("holds a drill back where a budget does, and moves the pods when it lets go", async () => {
    await workloads.deploy("web", 1, NEAR_GPUS);
    await workloads.budget("web", 1);
    const [web] = await release.until(async () => {
      const pods = await workloads.running("web");
      return pods.length === 1 && pods;
    });
    const node = web?.spec.nodeName ?? "";
    expect(node).toMatch(/^test-\d$/);
    await release.until(async () => (await workloads.budgetOf("web")).disruptionsAllowed === 0);

    const drill = await following(node, "--in", "90s", "--follow");
    await release.until(() => drill.text().includes("budget default/web allows no disruption now"));
    // The other pod of the node did not wait for it, and has a node of its own that was bought for it.
    await release.until(async () => {
      const pods = await workloads.running("train");
      return pods.length === 2 && pods.every(({ spec }) => spec.nodeName !== node);
    });
    expect(provider.made).toBe(3);
    expect((await workloads.running("web")).map(({ metadata }) => metadata.name)).toEqual([
      web?.metadata.name,
    ]);

    await workloads.scale("web", 2);
    expect([await drill.code(), drill.text()]).toEqual([
      0,
      expect.stringContaining(`Report of the drill of node ${node}: drained`),
    ]);
    const left = (await workloads.pods("web")).filter(({ spec }) => spec.nodeName === node);
    expect(left).toEqual([]);
    await release.until(async () => (await workloads.running("web")).length === 2);

    const ended = await gpuasctl(["drill", node, "--cancel", "--kubeconfig", cluster.kubeconfig]);
    expect(ended).toMatchObject({ code: 0, err: "" });
    expect(marksOf(await cluster.plane.client.get(RESOURCE.nodes, { name: node }))).toEqual([]);
    expect(refusals()).toEqual([]);
  });

  test("goes on when every watch is cut in the middle, and buys once", async () => {
    expect(between.cut()).toBeGreaterThan(10);
    // One has the place that the drill left.
    await workloads.scale("train", 4);
    await release.until(async () => (await workloads.running("train")).length === 4);
    expect(provider.made).toBe(4);
  });

  test("goes on when the API server was restarted and nothing from before is known there, and buys once", async () => {
    const { plane } = cluster;
    const expiredBefore = await expired();
    const unavailable = { kind: "Status", status: "Failure", code: 503, reason: "ServiceUnavailable" };
    between.onRequest(() => ({ kind: "answer", status: 503, body: JSON.stringify(unavailable) }));
    between.cut();
    // What the watches have not seen, and can then not catch up with.
    await workloads.scale("train", 5);
    // The scheduler writes its word once: had the server been away by then, nobody would hear it for minutes.
    await release.until(async () =>
      (await workloads.pods("train")).some(({ status }) =>
        status?.conditions?.some(({ reason }) => reason === "Unschedulable"),
      ),
    );
    await plane.restartServer(async () => await plane.compactStore());
    between.onRequest(() => null);

    await release.until(async () => (await workloads.running("train")).length === 5);
    expect(provider.made).toBe(5);
    expect(await expired()).toBeGreaterThan(expiredBefore);
  });

  test("goes on when the tokens with which everybody began are over", async () => {
    const began = release.running.filter(({ component }) => component === "coordinator");
    expect(began).toHaveLength(2);
    for (const { firstToken } of began) {
      const ask = { method: "GET", path: "/api/v1/nodes", token: firstToken } as const;
      await release.until(async () => (await cluster.plane.send(ask)).status === 401);
    }
    between.cut();
    await workloads.scale("train", 6);
    await release.until(async () => (await workloads.running("train")).length === 6);
    expect(provider.made).toBe(6);
    expect(release.running.filter((one) => began.includes(one))).toHaveLength(2);
  });

  test("hands a drill over when a new version of the agents comes in its middle", async () => {
    // It ends when the test says so, which is later than the old agent may stay.
    await workloads.deploy("slow", 1, NEAR_GPUS, { "gpu-autoscaler.test/ends": "by-hand" });
    const endThoseThatGo = async (): Promise<void> => {
      for (const { metadata } of await workloads.pods("slow"))
        if (metadata.deletionTimestamp !== undefined)
          await cluster.plane.client.delete(RESOURCE.pods, metadata, { graceSeconds: seconds(0) });
    };
    const [slow] = await release.until(async () => {
      const pods = await workloads.running("slow");
      return pods.length === 1 && pods;
    });
    const node = slow?.spec.nodeName ?? "";
    const isGoing = async (): Promise<boolean> =>
      (await workloads.pods("slow")).some(
        ({ metadata }) => metadata.name === slow?.metadata.name && metadata.deletionTimestamp !== undefined,
      );
    const old = await release.until(() => release.agentOn(node));
    const drill = await following(node, "--in", "90s", "--follow");
    await release.until(isGoing);
    const { agent } = VALUES;
    const settings = { ...agent.settings, sampleInterval: "400ms" };
    await release.upgrade({ ...VALUES, agent: { ...agent, settings, maxUnavailable: "100%" } });

    const next = await release.until(() => {
      const found = release.agentOn(node);
      return found !== undefined && found.pod !== old.pod && found;
    });
    expect(await old.program.exited).toBe(0);
    expect(await isGoing(), "the drill was over before the next agent came").toBe(true);
    await endThoseThatGo();
    expect([await drill.code(), drill.text()]).toEqual([
      0,
      expect.stringContaining(`Report of the drill of node ${node}: drained`),
    ]);
    expect(next.program.logs.some((line) => line.message === "drain" && line["phase"] === "drained")).toBe(
      true,
    );
    const ended = await gpuasctl(["drill", node, "--cancel", "--kubeconfig", cluster.kubeconfig]);
    expect(ended).toMatchObject({ code: 0, err: "" });
    expect(marksOf(await cluster.plane.client.get(RESOURCE.nodes, { name: node }))).toEqual([]);
    await workloads.remove("slow");
    await release.until(async () => {
      await endThoseThatGo();
      return (await workloads.pods("slow")).length === 0;
    });
    // Each node has the new one.
    await release.until(async () => {
      const there = release.running.filter(({ component }) => component === "agent");
      const started = there.filter(({ program }) => program.logs.some(hasSampleInterval("400ms")));
      return started.length === (await nodes()).length;
    });
    expect(refusals()).toEqual([]);
  });

  test("deletes past a budget what it holds when a machine really goes, which is made again elsewhere", async () => {
    await workloads.deploy("db", 1, NEAR_GPUS, { "gpu-autoscaler.test/exit-after": "2" });
    await workloads.budget("db", 1);
    const [db] = await release.until(async () => {
      const pods = await workloads.running("db");
      return pods.length === 1 && (await workloads.budgetOf("db")).disruptionsAllowed === 0 && pods;
    });
    const node = db?.spec.nodeName ?? "";
    expect(isGpuNode(node)).toBe(true);
    await release.until(() => release.agentOn(node));
    const deadline = new Date(Date.now() + 15_000).toISOString();
    await writeFile(release.noticeFileOf(node), JSON.stringify({ id: "n1", kind: "termination", deadline }));
    let why: string | undefined = undefined;
    await release.until(async () => {
      const pods = await workloads.pods("db");
      const old = pods.find(({ metadata }) => metadata.name === db?.metadata.name);
      why ??= old?.status?.conditions?.find(({ type }) => type === "DisruptionTarget")?.reason;
      return old === undefined && pods.some((pod) => isRunning(pod) && pod.spec.nodeName !== node);
    });
    expect(why).toBe("TerminationByGpuAutoscaler");
    await release.until(async () => {
      const { metadata } = await cluster.plane.client.get(RESOURCE.nodes, { name: node });
      return metadata.annotations?.[NODE_ANNOTATION.drainState]?.includes('"drained"') === true;
    });
    await rm(release.noticeFileOf(node));
    await workloads.remove("db");
    expect(refusals()).toEqual([]);
  });

  test("takes idle nodes, and that with a pod that a budget holds only when it lets go", async () => {
    await workloads.budget("web", 2);
    await release.until(async () => (await workloads.budgetOf("web")).disruptionsAllowed === 0);
    const held = new Set(
      (await workloads.running("web")).map(({ spec }) => spec.nodeName ?? "").filter(isGpuNode),
    );
    expect(held.size).toBeGreaterThan(0);
    await workloads.scale("train", 0);
    for (const { gpus } of release.running) {
      if (gpus !== null) gpus.double.write({ gpus: [{ ...gpus.gpu, utilPercent: 0 }] });
    }
    await change(cluster.plane.send, "PATCH", `/apis/${POLICY.apiVersion}/${POLICY.plural}/${TRAINING}`, {
      spec: { emptySeconds: 2, idleSeconds: 3 },
    });
    await release.until(async () => (await nodes()).every(({ metadata }) => held.has(metadata.name)));
    await release.until(async () => {
      const { status } = await cluster.plane.client.get(RESOURCE.policies, { name: TRAINING });
      return JSON.stringify(status ?? {}).includes("PodDisruptionBudget default/web allows no eviction");
    });
    expect(new Set((await nodes()).map(({ metadata }) => metadata.name))).toEqual(held);

    await workloads.scale("web", 3);
    let fewest = 3;
    await release.until(async () => {
      const { currentHealthy } = await workloads.budgetOf("web");
      fewest = Math.min(fewest, currentHealthy);
      return (await nodes()).length === 0;
    });
    expect(fewest).toBe(2);
    await release.until(async () => (await workloads.running("web")).length === 3);
    expect(provider.running.size).toBe(0);
    expect(refusals()).toEqual([]);
  });

  test("asks for nothing that its roles do not grant, and is granted nothing that nobody asks for", async () => {
    const { used, refused, unused } = await compareRights(cluster);
    expect(unused).toEqual([]);
    expect(refused).toEqual([]);
    expect(used).toEqual(
      expect.arrayContaining([
        "agent create pods/eviction",
        "agent patch nodes",
        "agent patch nodes/status",
        "coordinator patch cluster.x-k8s.io/machinedeployments/scale",
        "coordinator update gpu-autoscaler.io/autoscalingpolicies/status",
      ]),
    );
  });
});

/** The first line of a program: what it was told. */
function hasSampleInterval(wanted: string): (line: LogLine) => boolean {
  return ({ settings }) =>
    typeof settings === "object" &&
    settings !== null &&
    "sampleInterval" in settings &&
    String(settings.sampleInterval).startsWith(wanted);
}

function isGpuNode(name: string): boolean {
  return name !== "" && name !== BASE;
}

/** What a drain leaves on a node until it is undone. */
function marksOf({ metadata, spec }: Node): readonly string[] {
  const ours: readonly string[] = [TAINT.spotInterruption, TAINT.scaleDown];
  const { interruptionWarning, terminationTime, drainState, drainRequest } = NODE_ANNOTATION;
  const names: readonly string[] = [interruptionWarning, terminationTime, drainState, drainRequest];
  return [
    ...Object.keys(metadata.annotations ?? {}).filter((name) => names.includes(name)),
    ...(spec?.taints ?? []).map(({ key }) => key).filter((key) => ours.includes(key)),
    ...(spec?.unschedulable === true ? ["unschedulable"] : []),
  ];
}
