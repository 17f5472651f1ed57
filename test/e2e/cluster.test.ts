// The chart on a whole cluster: the real scheduler and controllers place, count and make again, kwok plays the kubelets, and
// for each pod of ours the shipped program runs with the token of that pod, confined by the admission policies. Only
// machines are the test's own: a stand-in for Cluster API's controllers makes and takes their nodes.

import { once } from "node:events";
import { createInterface } from "node:readline";

import { afterAll, beforeAll, describe, expect, test } from "vitest";

import type { Node, Pod } from "../../shared/model/kube.ts";
import { GPU_RESOURCE, NODE_ANNOTATION, POLICY, TAINT } from "../../shared/model/names.ts";
import { RESOURCE } from "../../shared/runtime/kube/resources.ts";
import { gpuasctl, startGpuasctl } from "../build/coordinator.ts";
import { startNats } from "../build/nats.ts";
import { auditFlags, compareRights } from "../control-plane/audit.ts";
import { startBetween } from "../control-plane/between.ts";
import type { Between } from "../control-plane/between.ts";
import { createClusterApi } from "../control-plane/cluster-api.ts";
import { joinNode, startCluster, whyNoCluster } from "../control-plane/cluster.ts";
import type { Cluster } from "../control-plane/cluster.ts";
import { clusterApiDefinitions, install } from "../control-plane/definitions.ts";
import { whyNoHelm } from "../control-plane/helm.ts";
import { createProvider } from "../control-plane/provider.ts";
import { installRelease } from "../control-plane/release.ts";
import type { Release } from "../control-plane/release.ts";
import { healthyGpu } from "../nvml-double/fixture.ts";

const missing = (await whyNoCluster()) ?? (await whyNoHelm());

const GROUP = "gpus";
const BASE = "base-1";
const NODE = { cpu: "8", memory: "32Gi", pods: "110" };

const VALUES = {
  image: { repository: "registry.example.com/gpu-autoscaler" },
  agent: {
    settings: { cloud: "none", sampleInterval: "500ms", reportInterval: "1s", slowInterval: "1s", shutdownGrace: "20s" },
  },
  coordinator: { settings: { cycleInterval: "500ms" } },
  policies: {
    training: {
      provider: "custom",
      pendingPodTimeoutSeconds: 0,
      scaleUpCooldownSeconds: 0,
      scaleDownCooldownSeconds: 0,
      scaleDownDelayAfterAddSeconds: 0,
      // Nothing goes before the test about that.
      emptySeconds: 600,
      idleSeconds: 600,
      maxNodes: 6,
      nodePools: [
        {
          name: "gpus",
          maxSize: 6,
          capacityType: "on-demand",
          price: { usdPerHour: 1 },
          group: {
            scale: {
              apiVersion: "cluster.x-k8s.io/v1beta2",
              kind: "MachineDeployment",
              namespace: "default",
              name: GROUP,
            },
          },
          template: { allocatable: { ...NODE, [GPU_RESOURCE]: 1 } },
        },
      ],
    },
  },
};

describe.skipIf(missing !== null)("the chart on a whole cluster", () => {
  const over = new AsyncDisposableStack();
  const provider = createProvider("test");
  let cluster: Cluster;
  let between: Between;
  let release: Release;

  beforeAll(async () => {
    cluster = over.use(await startCluster({ serverFlags: auditFlags }));
    const { plane } = cluster;
    between = over.use(await startBetween(plane));
    const nats = over.adopt(await startNats(), async (server) => await server.remove());
    await install(plane, await clusterApiDefinitions());
    const clusterApi = createClusterApi({
      plane,
      namespace: "default",
      version: "v1beta2",
      provider,
      register: async (client, node) =>
        await joinNode(client, {
          ...node,
          labels: { "nvidia.com/gpu.present": "true" },
          capacity: { ...NODE, [GPU_RESOURCE]: "1" },
        }),
    });
    await clusterApi.create("MachineDeployment", { name: GROUP, replicas: 0 });
    await joinNode(plane.client, { name: BASE, providerID: "test:///zone-a/base-1", capacity: NODE });
    release = over.use(
      await installRelease({
        cluster,
        server: between.url,
        nats: nats.url,
        values: VALUES,
        gpu: healthyGpu,
        meanwhile: async () => {
          await clusterApi.reconcile();
          await clusterApi.provide();
        },
      }),
    );
  });
  afterAll(async () => await over.disposeAsync());

  const nodes = async (): Promise<readonly Node[]> =>
    (await cluster.plane.client.list(RESOURCE.nodes)).items.filter(({ metadata }) => metadata.name !== BASE);
  const podsOf = async (app: string): Promise<readonly Pod[]> =>
    (await cluster.plane.client.list(RESOURCE.pods, { namespace: "default", labelSelector: `app=${app}` }))
      .items;
  const isRunning = ({ metadata, status }: Pod): boolean =>
    metadata.deletionTimestamp === undefined && status?.phase === "Running";
  const running = async (app: string): Promise<readonly Pod[]> => (await podsOf(app)).filter(isRunning);
  const send = async (method: "POST" | "PATCH", path: string, json: object): Promise<void> => {
    const contentType = method === "PATCH" ? "application/merge-patch+json" : "application/json";
    const { status, text } = await cluster.plane.send({ method, path, json, contentType });
    if (status >= 300) throw new Error(`${method} ${path}: ${status} ${text}`);
  };
  const DEPLOYMENTS = "/apis/apps/v1/namespaces/default/deployments";
  const deploy = async (app: string, replicas: number, spec: object): Promise<void> =>
    await send("POST", DEPLOYMENTS, {
      metadata: { name: app },
      spec: {
        replicas,
        selector: { matchLabels: { app } },
        template: { metadata: { labels: { app } }, spec },
      },
    });
  const scale = async (app: string, replicas: number): Promise<void> =>
    await send("PATCH", `${DEPLOYMENTS}/${app}`, { spec: { replicas } });
  const BUDGETS = "/apis/policy/v1/namespaces/default/poddisruptionbudgets";
  const budget = async (app: string, minAvailable: number): Promise<void> =>
    await send("POST", BUDGETS, {
      metadata: { name: app },
      spec: { minAvailable, selector: { matchLabels: { app } } },
    });
  /** As the real controller counts. */
  const budgetOf = async (app: string) => {
    const { text } = await cluster.plane.send({ method: "GET", path: `${BUDGETS}/${app}` });
    const { metadata, status } = JSON.parse(text) as {
      readonly metadata: { readonly generation: number };
      readonly status: {
        readonly observedGeneration: number;
        readonly disruptionsAllowed: number;
        readonly currentHealthy: number;
      };
    };
    if (status.observedGeneration !== metadata.generation) throw new Error(`nobody has counted for ${app}`);
    return status;
  };
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
    await deploy("train", 2, {
      containers: [
        { name: "main", image: "example.test/train", resources: { limits: { [GPU_RESOURCE]: "1" } } },
      ],
    });
    await release.until(async () => (await running("train")).length === 2);
    const placed = (await running("train")).map(({ spec }) => spec.nodeName);
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
    await deploy("web", 1, NEAR_GPUS);
    await budget("web", 1);
    const [web] = await release.until(async () => {
      const pods = await running("web");
      return pods.length === 1 && pods;
    });
    const node = web?.spec.nodeName ?? "";
    expect(node).toMatch(/^test-\d$/);
    await release.until(async () => (await budgetOf("web")).disruptionsAllowed === 0);

    const drill = await following(node, "--in", "90s", "--follow");
    await release.until(() => drill.text().includes("budget default/web allows no disruption now"));
    // The other pod of the node did not wait for it, and has a node of its own that was bought for it.
    await release.until(async () => {
      const pods = await running("train");
      return pods.length === 2 && pods.every(({ spec }) => spec.nodeName !== node);
    });
    expect(provider.made).toBe(3);
    expect((await running("web")).map(({ metadata }) => metadata.name)).toEqual([web?.metadata.name]);

    await scale("web", 2);
    expect(await drill.code(), drill.text()).toBe(0);
    expect(drill.text()).toContain(`Report of the drill of node ${node}: drained`);
    const left = (await podsOf("web")).filter(({ spec }) => spec.nodeName === node);
    expect(left).toEqual([]);
    await release.until(async () => (await running("web")).length === 2);

    const ended = await gpuasctl(["drill", node, "--cancel", "--kubeconfig", cluster.kubeconfig]);
    expect(ended).toMatchObject({ code: 0, err: "" });
    expect(marksOf(await cluster.plane.client.get(RESOURCE.nodes, { name: node }))).toEqual([]);
    expect(refusals()).toEqual([]);
  });

  test("goes on when every watch is cut in the middle, and buys once", async () => {
    expect(between.cut()).toBeGreaterThan(10);
    // One has the place that the drill left.
    await scale("train", 4);
    await release.until(async () => (await running("train")).length === 4);
    expect(provider.made).toBe(4);
  });

  test("goes on when the API server was restarted and nothing from before is known there, and buys once", async () => {
    const { plane } = cluster;
    const expiredBefore = await expired();
    const unavailable = { kind: "Status", status: "Failure", code: 503, reason: "ServiceUnavailable" };
    between.onRequest(() => ({ kind: "answer", status: 503, body: JSON.stringify(unavailable) }));
    between.cut();
    // What the watches have not seen, and can then not catch up with.
    await scale("train", 5);
    await plane.restartServer(async () => await plane.compactStore());
    between.onRequest(() => null);

    await release.until(async () => (await running("train")).length === 5);
    expect(provider.made).toBe(5);
    expect(await expired()).toBeGreaterThan(expiredBefore);
  });

  test("takes idle nodes, and that with a pod that a budget holds only when it lets go", async () => {
    await send("PATCH", `${BUDGETS}/web`, { spec: { minAvailable: 2 } });
    await release.until(async () => (await budgetOf("web")).disruptionsAllowed === 0);
    const held = new Set((await running("web")).map(({ spec }) => spec.nodeName ?? "").filter(isGpuNode));
    expect(held.size).toBeGreaterThan(0);
    await scale("train", 0);
    for (const { gpus } of release.running) {
      if (gpus !== null) gpus.double.write({ gpus: [{ ...gpus.gpu, utilPercent: 0 }] });
    }
    await send("PATCH", `/apis/${POLICY.apiVersion}/${POLICY.plural}/training`, {
      spec: { emptySeconds: 2, idleSeconds: 3 },
    });
    await release.until(async () => (await nodes()).every(({ metadata }) => held.has(metadata.name)));
    await release.until(async () => {
      const { status } = await cluster.plane.client.get(RESOURCE.policies, { name: "training" });
      return JSON.stringify(status ?? {}).includes("PodDisruptionBudget default/web allows no eviction");
    });
    expect(new Set((await nodes()).map(({ metadata }) => metadata.name))).toEqual(held);

    await scale("web", 3);
    let fewest = 3;
    await release.until(async () => {
      const { currentHealthy } = await budgetOf("web");
      fewest = Math.min(fewest, currentHealthy);
      return (await nodes()).length === 0;
    });
    expect(fewest).toBe(2);
    await release.until(async () => (await running("web")).length === 3);
    expect(provider.running.size).toBe(0);
    expect(refusals()).toEqual([]);
  });

  test("asks for nothing that its roles do not grant", async () => {
    const { used, refused, unused } = await compareRights(cluster, VALUES);
    console.log(`rights that nothing here made use of:\n  ${unused.join("\n  ")}`);
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

/** A pod that goes where GPUs are if it may, and else where there is room. */
const NEAR_GPUS = {
  containers: [{ name: "main", image: "example.test/web", resources: { requests: { cpu: "1" } } }],
  affinity: {
    nodeAffinity: {
      preferredDuringSchedulingIgnoredDuringExecution: [
        {
          weight: 100,
          preference: { matchExpressions: [{ key: "nvidia.com/gpu.present", operator: "Exists" }] },
        },
      ],
    },
  },
};

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
