// Which pod holds which GPU, from the kubelet's socket to everything that a reader of the shipped agent sees: whole GPUs,
// shared ones and parts of one. The kubelet is a stand-in that says what each test wants; all else is real.

import { execFile } from "node:child_process";
import { join } from "node:path";
import { promisify } from "node:util";

import { afterEach, describe, expect, test } from "vitest";

import { AGENT_NODE_FLAGS } from "../../agent/flags.ts";
import { ensureBundle, ENTRIES } from "../../deploy/bundle.ts";
import { nodeDetailSchema } from "../../shared/contract/node-detail.ts";
import type { NodeDetail } from "../../shared/contract/node-detail.ts";
import { subjectFor } from "../../shared/contract/subjects.ts";
import { seededRandom } from "../../shared/model/random.ts";
import { systemClock } from "../../shared/runtime/clock.ts";
import { createLogSink } from "../../shared/runtime/log.ts";
import { connectNats } from "../../shared/runtime/nats.ts";
import { startFakeKubelet } from "../build/kubelet.ts";
import type { KubeletPod } from "../build/kubelet.ts";
import { healthyGpu } from "../nvml-double/fixture.ts";
import type { ScenarioGpu } from "../nvml-double/scenario.ts";
import { page, QUICK, reportsOf, seriesOf, untilPage, untilReported, uuidOf } from "./agent-heard.ts";
import { createScene } from "./agent-scene.ts";
import type { Scene } from "./agent-scene.ts";

let scene: Scene;
afterEach(async () => {
  await scene[Symbol.asyncDispose]();
});

const INSTANCE = { ci: 0, gpuSlices: 1, computeSlices: 1, memoryTotalMib: 16_384, memoryUsedMib: 512 };
const CUT: ScenarioGpu = {
  ...healthyGpu(2),
  mig: {
    mode: 1,
    maxDevices: 7,
    instances: [
      { ...INSTANCE, uuid: "MIG-held", gi: 9 },
      { ...INSTANCE, uuid: "MIG-free", gi: 10, memoryUsedMib: 12 },
    ],
  },
};
const GPUS = [healthyGpu(0), healthyGpu(1), CUT];
const [WHOLE = "", SHARED = "", PARENT = ""] = GPUS.map(uuidOf);

const SETTINGS = { ...QUICK, GPUAS_REPORT_INTERVAL: "60s", GPUAS_METRIC_NAMES: "native,guide,dcgm" };

function holder(name: string, resource: string, ...devices: readonly string[]): KubeletPod {
  return { namespace: "ml", name, containers: [{ name: "main", devices: { [resource]: devices } }] };
}

const ALL = [
  holder("whole", "nvidia.com/gpu", WHOLE),
  holder("slice-a", "nvidia.com/gpu.shared", `${SHARED}::0`),
  holder("slice-b", "nvidia.com/gpu.shared", `${SHARED}::1`),
  holder("part", "nvidia.com/mig-1g.18gb", "MIG-held"),
];
const HOLDERS = [
  { pod: "part", device: "MIG-held", gpu: PARENT, instance: "MIG-held", replica: null },
  { pod: "slice-a", device: `${SHARED}::0`, gpu: SHARED, instance: null, replica: 0 },
  { pod: "slice-b", device: `${SHARED}::1`, gpu: SHARED, instance: null, replica: 1 },
  { pod: "whole", device: WHOLE, gpu: WHOLE, instance: null, replica: null },
];

/** Each series of a family as `gpu pod replica value`, of the names that dcgm-exporter gives them. */
function dcgmHolders(body: string, family: string): readonly string[] {
  return seriesOf(body, family).map((line) => {
    const label = (name: string): string => new RegExp(`[{,]${name}="([^"]*)"`).exec(line)?.[1] ?? "-";
    return [label("gpu"), label("GPU_I_ID"), label("pod"), label("vgpu"), line.split(" ").at(-1)].join(" ");
  });
}

/** What a pod's change on the node makes the agent do: ask the kubelet anew. */
function somethingHappensToPods(name: string): void {
  scene.server.change((world) => {
    world.submitService({ name, replicas: 1, cpu: "1" });
  });
}

async function askedOf(node: string): Promise<NodeDetail> {
  const clock = systemClock;
  const log = createLogSink().log;
  const nats = connectNats({ servers: [scene.nats.url], name: "asker", log, clock, random: seededRandom(4) });
  try {
    await nats.whenConnected(AbortSignal.timeout(10_000));
    const answer = await nats.request(subjectFor("ask", node), new Uint8Array());
    return nodeDetailSchema.parse(JSON.parse(new TextDecoder().decode(answer)));
  } finally {
    await nats.close();
  }
}

describe("the pods that hold GPUs", () => {
  test("stand in reports, series, answers and inspections, and go within moments when a pod goes", async () => {
    scene = await createScene({ gpus: GPUS });
    await using kubelet = await startFakeKubelet(ALL);
    const env = { ...SETTINGS, GPUAS_POD_RESOURCES_SOCKET: kubelet.socket };
    const agent = await scene.agent({ env });

    const report = await untilReported(scene, "all holders", ({ gpus }) => gpus[2]?.pods?.length === 1);
    expect(report.gpus.map(({ pods }) => pods)).toEqual([
      ["ml/whole/main"],
      ["ml/slice-a/main", "ml/slice-b/main"],
      ["ml/part/main"],
    ]);
    expect(report.gpus[2]?.mig).toEqual({ "1g.18gb": [2, 1] });
    expect(report.allocatedGpus?.gpus).toBe(3);

    const body = await untilPage(scene, agent, "readings", (text) => text.includes("DCGM_FI_DEV_FB_USED{"));
    const of = (gpu: number, uuid: string, mig: string, pod: string, resource: string, replica: string) =>
      `gpu_autoscaler_gpu_holder{node="${scene.node}",gpu="${gpu}",uuid="${uuid}",mig_uuid="${mig}",namespace="ml",pod="${pod}",container="main",resource="${resource}",replica="${replica}"} 1`;
    expect(seriesOf(body, "gpu_autoscaler_gpu_holder").toSorted()).toEqual([
      of(0, WHOLE, "", "whole", "nvidia.com/gpu", ""),
      of(1, SHARED, "", "slice-a", "nvidia.com/gpu.shared", "0"),
      of(1, SHARED, "", "slice-b", "nvidia.com/gpu.shared", "1"),
      of(2, PARENT, "MIG-held", "part", "nvidia.com/mig-1g.18gb", ""),
    ]);
    expect(dcgmHolders(body, "DCGM_FI_DEV_FB_USED")).toEqual([
      "0 - whole - 1000",
      "1 - slice-a 0 1001",
      "1 - slice-b 1 1001",
      "2 9 part - 512",
      "2 10 - - 12",
    ]);

    expect((await askedOf(scene.node)).allocation).toMatchObject({ kind: "known", holders: HOLDERS });
    const bundle = await ensureBundle({
      entries: { "agent.js": ENTRIES["agent.js"], "nvml-worker.js": ENTRIES["nvml-worker.js"] },
    });
    const { stdout } = await promisify(execFile)(
      process.execPath,
      [...AGENT_NODE_FLAGS, join(bundle, "agent.js"), "inspect", "--json"],
      {
        env: {
          NODE_NAME: scene.node,
          GPUAS_NATS_SERVERS: scene.nats.url,
          GPUAS_KERNEL_LOG: "none",
          GPUAS_NVML_LIBRARY: scene.double.directory,
          GPUAS_POD_RESOURCES_SOCKET: kubelet.socket,
        },
        maxBuffer: 16 * 1024 * 1024,
      },
    );
    expect(JSON.parse(stdout)).toMatchObject({ allocation: { kind: "known", holders: HOLDERS } });

    // One of two that share a GPU goes.
    const lists = kubelet.lists;
    kubelet.answer({ kind: "pods", pods: ALL.filter(({ name }) => name !== "slice-b") });
    somethingHappensToPods("next-one");
    await kubelet.listed(lists + 1);
    const after = await untilPage(scene, agent, "it is gone", (text) => !text.includes("slice-b"), 3_000);
    expect(dcgmHolders(after, "DCGM_FI_DEV_FB_USED")[1]).toBe("1 - slice-a 0 1001");
    await untilReported(scene, "one holder", ({ gpus }) => gpus[1]?.pods?.join() === "ml/slice-a/main");
  });

  test("are unknown where the kubelet has no socket, which is said once and fails no probe", async () => {
    scene = await createScene({ gpus: GPUS });
    const env = { ...QUICK, GPUAS_POD_RESOURCES_SOCKET: "/nowhere/kubelet.sock" };
    const agent = await scene.agent({ env });
    await untilReported(scene, "reports", ({ gpus }) => gpus.length === 3);
    somethingHappensToPods("next-one");
    await untilReported(scene, "a reading", ({ gpus }) => Array.isArray(gpus[0]?.utilization.w10));
    const ready = await page(agent, "/readyz");
    expect(ready.status).toBe(200);
    expect(ready.body).toMatch(
      /not known which pods hold which GPU: there is no kubelet socket at \/nowhere/,
    );
    const said = agent.logs.filter(({ message }) => message.startsWith("which pods hold the GPUs"));
    expect(said).toHaveLength(1);
  });

  test("that have ended hold nothing, though an old kubelet still lists them", async () => {
    scene = await createScene({ gpus: GPUS });
    somethingHappensToPods("training");
    await scene.until("a pod runs", () => scene.running("training").length === 1);
    const [pod] = scene.running("training");
    if (pod === undefined) throw new Error("the pod is gone");
    const { namespace = "default", name } = pod.metadata;
    await using kubelet = await startFakeKubelet([
      { namespace, name, containers: [{ name: "main", devices: { "nvidia.com/gpu": [WHOLE] } }] },
    ]);
    await scene.agent({ env: { ...SETTINGS, GPUAS_POD_RESOURCES_SOCKET: kubelet.socket } });
    await untilReported(scene, "held", ({ gpus }) => gpus[0]?.pods?.length === 1);
    const sent = reportsOf(scene).length;
    scene.server.change((world) => {
      world.put("pods", { ...pod, status: { ...pod.status, phase: "Succeeded" } });
    });
    const free = await untilReported(scene, "free", ({ gpus }) => gpus[0]?.pods?.length === 0, {
      from: sent,
    });
    expect(free.allocatedGpus?.gpus).toBe(0);
  });

  test("are not taken from it by a kubelet that has just started and lists nobody yet", async () => {
    scene = await createScene({ gpus: GPUS });
    somethingHappensToPods("training");
    await scene.until("a pod runs", () => scene.running("training").length === 1);
    const [pod] = scene.running("training");
    if (pod === undefined) throw new Error("the pod is gone");
    const { namespace = "default", name } = pod.metadata;
    const listing = (...devices: readonly string[]): KubeletPod => ({
      namespace,
      name,
      containers: [{ name: "main", devices: { "nvidia.com/gpu": devices } }],
    });
    await using kubelet = await startFakeKubelet([listing(WHOLE)]);
    await scene.agent({ env: { ...SETTINGS, GPUAS_POD_RESOURCES_SOCKET: kubelet.socket } });
    await untilReported(scene, "held", ({ gpus }) => gpus[0]?.pods?.length === 1);
    const sent = reportsOf(scene).length;

    kubelet.answer({ kind: "pods", pods: [] });
    const asked = kubelet.lists;
    somethingHappensToPods("next-one");
    await kubelet.listed(asked + 2);
    kubelet.answer({ kind: "pods", pods: [listing(WHOLE, SHARED)] });
    await untilReported(scene, "both", ({ gpus }) => gpus[1]?.pods?.length === 1, { from: sent });
    const freed = reportsOf(scene)
      .slice(sent)
      .filter(({ gpus }) => gpus[0]?.pods?.length !== 1);
    expect(freed).toEqual([]);
  });

  test("are unknown, and not none, when the kubelet can no longer be asked; readings go on", async () => {
    scene = await createScene({ gpus: GPUS });
    await using kubelet = await startFakeKubelet(ALL);
    const env = { ...SETTINGS, GPUAS_POD_RESOURCES_SOCKET: kubelet.socket };
    const agent = await scene.agent({ env });
    await untilReported(scene, "all holders", ({ gpus }) => gpus[2]?.pods?.length === 1);
    const used = /^DCGM_FI_DEV_FB_USED\{.*gpu="0".*\} 1000$/m;
    await untilPage(scene, agent, "readings", (text) => used.test(text));

    const known = reportsOf(scene).length;
    kubelet.answer({ kind: "status", code: 13, message: "the kubelet is not well" });
    somethingHappensToPods("next-one");
    const unknown = await untilReported(
      scene,
      "unknown",
      ({ gpus }) => gpus.every(({ pods }) => pods === undefined),
      { from: known },
    );
    expect(unknown).not.toHaveProperty("allocatedGpus");
    expect(unknown.gpus[2]?.mig).toEqual({ "1g.18gb": [2, null] });
    const { body } = await page(agent);
    expect(body).not.toContain('pod="');
    expect(body).toMatch(used);
    const ready = await page(agent, "/readyz");
    expect(ready.status).toBe(200);
    expect(ready.body).toContain("not known which pods hold which GPU: ");
    expect(ready.body).toContain("the kubelet is not well");
    expect((await askedOf(scene.node)).allocation.kind).toBe("unknown");

    // Started anew, it is asked on a new connection.
    await kubelet.stop();
    await kubelet.start();
    kubelet.answer({ kind: "pods", pods: ALL });
    const sent = reportsOf(scene).length;
    await untilReported(scene, "known again", ({ gpus }) => gpus[2]?.pods?.length === 1, { from: sent });
    expect((await page(agent)).body).toContain('pod="whole"');
    const lines = agent.logs.filter(({ message }) =>
      message.startsWith("which pods hold the GPUs is not known"),
    );
    expect(lines).toHaveLength(1);
  });
});
