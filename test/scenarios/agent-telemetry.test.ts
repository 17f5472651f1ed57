import { afterEach, describe, expect, test } from "vitest";

import type { GpuReport } from "../../shared/contract/gpu-report.ts";
import { nodeDetailSchema } from "../../shared/contract/node-detail.ts";
import { subjectFor } from "../../shared/contract/subjects.ts";
import { seededRandom } from "../../shared/model/random.ts";
import { systemClock } from "../../shared/runtime/clock.ts";
import { createLogSink } from "../../shared/runtime/log.ts";
import { connectNats } from "../../shared/runtime/nats.ts";
import { startFakeKubelet } from "../build/kubelet.ts";
import { healthyGpu, healthyGpus } from "../nvml-double/fixture.ts";
import { page, reportsOf, untilReported as awaitReport } from "./agent-heard.ts";
import { createScene, idleGpu } from "./agent-scene.ts";
import type { Scene } from "./agent-scene.ts";

let scene: Scene;
afterEach(async () => {
  await scene[Symbol.asyncDispose]();
});

const QUICK = { GPUAS_SAMPLE_INTERVAL: "200ms", GPUAS_REPORT_INTERVAL: "1s" };

const reports = (): readonly GpuReport[] => reportsOf(scene);
const untilReported = (
  what: string,
  fits: (report: GpuReport) => boolean,
  withinMs?: number,
): Promise<GpuReport> => awaitReport(scene, what, fits, withinMs === undefined ? {} : { withinMs });

/** Hears reports as they come, and can ask. */
async function listen() {
  const nats = connectNats({
    servers: [scene.nats.url],
    name: "ear",
    log: createLogSink().log,
    clock: systemClock,
    random: seededRandom(3),
  });
  const over = new AbortController();
  await nats.whenConnected(over.signal);
  let longest = 0;
  const hearing = (async () => {
    for await (const { data } of nats.subscribe(subjectFor("report", scene.node), { signal: over.signal }))
      longest = Math.max(longest, data.byteLength);
  })();
  return {
    nats,
    longest: () => longest,
    [Symbol.asyncDispose]: async () => {
      over.abort();
      await hearing;
      await nats.close();
    },
  };
}

describe("what the agent says of its GPUs", () => {
  test("reaches a subscriber and a scrape with the values that the driver gave", async () => {
    scene = await createScene({ gpus: [healthyGpu(0), healthyGpu(1)] });
    const agent = await scene.agent({ env: QUICK });
    const report = await untilReported(
      "a report with windows",
      (one) => one.gpus.length === 2 && Array.isArray(one.gpus[0]?.utilization.w10),
    );
    expect(report).toMatchObject({ node: scene.node, source: { state: "ready", driver: "580.95.05" } });
    expect(report.gpus[1]).toMatchObject({
      uuid: healthyGpu(1).uuid,
      name: "NVIDIA H200",
      utilization: { w10: [0.41, 0.41, 0.41, expect.any(Number), expect.any(Number)] },
      temperatureCelsius: [29, 29, 29, expect.any(Number), expect.any(Number)],
      powerWatts: [78, 78, 78, expect.any(Number), expect.any(Number)],
    });
    const metrics = await page(agent, "/metrics");
    const labels = `node="${scene.node}",gpu="1",uuid="${String(healthyGpu(1).uuid)}",model="NVIDIA H200"`;
    for (const series of [
      `gpu_utilization_percent{${labels}} 41`,
      `gpu_memory_usage_mb{${labels}} 1001`,
      `gpu_memory_total_mb{${labels}} 143771`,
      `gpu_temperature_celsius{${labels}} 29`,
      `gpu_power_watts{${labels}} 77.501`,
    ]) {
      expect(metrics.body).toContain(series);
    }
    expect((await page(agent, "/readyz")).status).toBe(200);
  });

  test("says in less than 4 KiB who holds each of 8 GPUs, at once when that changes, and everything when asked", async () => {
    scene = await createScene({ gpus: healthyGpus(8) });
    const holder = (index: number) => ({
      namespace: "machine-learning-team-a",
      name: `llama-finetune-worker-${index}`,
      containers: [{ name: "trainer-main", devices: { "nvidia.com/gpu": [String(healthyGpu(index).uuid)] } }],
    });
    const holders = healthyGpus(8).map((_, index) => holder(index));
    const podOf = (index: number): string =>
      `machine-learning-team-a/llama-finetune-worker-${index}/trainer-main`;
    await using kubelet = await startFakeKubelet(holders.slice(1));
    await using ear = await listen();
    await scene.agent({
      env: { ...QUICK, GPUAS_REPORT_INTERVAL: "60s", GPUAS_POD_RESOURCES_SOCKET: kubelet.socket },
    });
    await untilReported("who holds what", (one) => one.gpus[1]?.pods?.length === 1);
    kubelet.answer({ kind: "pods", pods: holders });
    // A pod that comes to the node is what makes the agent ask anew; the next report is due in a minute.
    scene.server.change((world) => {
      world.submitService({ name: "newcomer", replicas: 1, cpu: "1" });
    });
    const report = await untilReported("the newcomer", (one) => one.gpus[0]?.pods?.length === 1);
    expect(report.gpus.map(({ pods }) => pods)).toEqual(holders.map((_, index) => [podOf(index)]));
    expect(report.healthyGpus).toMatchObject({ gpus: 8 });
    expect(report.allocatedGpus).toMatchObject({ gpus: 8 });
    expect(ear.longest()).toBeGreaterThan(0);
    expect(ear.longest()).toBeLessThan(4 * 1024);

    const answer = await ear.nats.request(subjectFor("ask", scene.node), new Uint8Array());
    const detail = nodeDetailSchema.parse(JSON.parse(new TextDecoder().decode(answer)));
    expect(detail).toMatchObject({ node: scene.node, source: { state: "ready", driver: "580.95.05" } });
    expect(detail.gpus).toHaveLength(8);
    expect(detail.gpus[3]).toMatchObject({
      uuid: healthyGpu(3).uuid,
      readings: { utilization: 0.43, temperature: 31, memoryUsed: 1003 * 1024 * 1024 },
    });
    expect(detail.allocation).toMatchObject({ kind: "known" });
    expect(detail.allocation.kind === "known" && detail.allocation.holders).toHaveLength(8);
  });

  test("a GPU that is lost is reported at once and never as zero", async () => {
    scene = await createScene({ gpus: [healthyGpu(0), healthyGpu(1)] });
    const agent = await scene.agent({ env: { ...QUICK, GPUAS_REPORT_INTERVAL: "60s" } });
    await untilReported("both are there", (one) => one.gpus.length === 2);
    scene.double.write({ gpus: [healthyGpu(0), { ...healthyGpu(1), lost: true }] });
    // Long before the next report by the schedule.
    const report = await untilReported("one is lost", (one) => one.gpus[1]?.state === "lost", 10_000);
    expect(report.gpus[0]?.state).toBe("present");
    const metrics = await page(agent, "/metrics");
    expect(metrics.body).toContain('field="utilization",state="lost"} 1');
    expect(metrics.body).not.toMatch(/gpu_utilization_percent\{[^}]*gpu="1"/);
    expect(metrics.body).toMatch(/gpu_utilization_percent\{[^}]*gpu="0"[^}]*\} 40/);
  });

  test("a driver call that hangs is named; the agent lives, serves and drains on, and recovers", async () => {
    scene = await createScene({ gpus: [idleGpu(0), idleGpu(1)] });
    const agent = await scene.agent({ env: QUICK });
    scene.double.write({
      gpus: [idleGpu(0), idleGpu(1)],
      rules: [{ kind: "hang", call: "nvmlDeviceGetPowerUsage", gpu: 1 }],
    });
    const report = await untilReported("hung", (one) => one.source.state === "hung", 10_000);
    expect(report.source.detail).toContain("nvmlDeviceGetPowerUsage on GPU 1");
    expect((await page(agent, "/healthz")).status).toBe(200);
    const ready = await page(agent, "/readyz");
    expect(ready.status).toBe(503);
    expect(ready.body).toContain("nvmlDeviceGetPowerUsage on GPU 1");

    scene.server.change((world) => {
      world.submitService({ name: "web", replicas: 1, cpu: "1" });
    });
    await scene.until("a pod runs", () => scene.running("web").length === 1);
    await scene.drill(30);
    await scene.until("drained", () => scene.state()?.phase === "drained");
    // What was read before the hang is not what is: no series stands still, and one line says why.
    const metrics = (await page(agent, "/metrics")).body;
    expect(metrics).not.toMatch(/^gpu_utilization_percent\{/m);
    expect(metrics).toContain('gpu_autoscaler_agent_gpu_source{state="hung"} 1');
    const lines = agent.logs.filter((line) => line.message === "GPU source" && line["state"] === "hung");
    expect(lines).toHaveLength(1);

    scene.double.write({ gpus: [idleGpu(0), idleGpu(1)] });
    const before = reports().length;
    await scene.until("ready again", () =>
      reports()
        .slice(before)
        .some((one) => one.source.state === "ready"),
    );
    expect((await page(agent, "/readyz")).status).toBe(200);
  });

  test("an agent whose driver hangs when it is asked to stop still ends", async () => {
    scene = await createScene({ gpus: [idleGpu(0)] });
    const agent = await scene.agent({ env: QUICK });
    scene.double.write({
      gpus: [idleGpu(0)],
      rules: [{ kind: "hang", call: "nvmlDeviceGetPowerUsage", gpu: 0 }],
    });
    await untilReported("hung", (one) => one.source.state === "hung", 10_000);
    expect(await agent.stop()).toBeNull();
    expect(agent.logs.some((line) => line.message.includes("SIGKILL"))).toBe(true);
  });

  test("starts with driver, NATS and API server away, names what is missing, and works when they come", async () => {
    scene = await createScene({ gpus: [idleGpu(0)], nats: "away" });
    scene.double.write({ init: 9, gpus: [idleGpu(0)] });
    scene.server.refuse(true);
    const agent = await scene.agent({ env: QUICK, waitFor: "listening" });
    await agent.line((line) => line.message === "GPU source" && line["state"] === "driver-not-loaded");
    const ready = await page(agent, "/readyz");
    expect(ready.status).toBe(503);
    expect(ready.body).toMatch(/the driver is not loaded/);
    expect(ready.body).toMatch(/the node has not been read yet/);
    expect(ready.body).toMatch(/away: /);
    expect((await page(agent, "/healthz")).status).toBe(200);
    expect((await page(agent, "/metrics")).body).toContain(
      'gpu_autoscaler_agent_gpu_source{state="driver-not-loaded"} 1',
    );

    scene.server.refuse(false);
    scene.double.write({ gpus: [idleGpu(0)] });
    await scene.nats.restart();
    await untilReported("ready", (one) => one.source.state === "ready" && one.gpus.length === 1, 60_000);
    await scene.drill(30);
    await scene.until("drained", () => scene.state()?.phase === "drained", 60_000);
  });

  test("a node without the library says so and reports no GPU", async () => {
    scene = await createScene();
    const agent = await scene.agent({ doubleDir: "/nonexistent", env: QUICK, waitFor: "listening" });
    const report = await untilReported("library-missing", (one) => one.source.state === "library-missing");
    expect(report.gpus).toEqual([]);
    expect(report.source.detail).toContain("libnvidia-ml.so.1");
    expect((await page(agent, "/readyz")).status).toBe(503);
  });

  test("a setting that nobody knows stops the start and names the nearest", async () => {
    scene = await createScene();
    await expect(
      scene.agent({ env: { GPUAS_SAMPLE_INTERVALL: "1s" }, waitFor: "listening" }),
    ).rejects.toThrow(
      /unknown setting GPUAS_SAMPLE_INTERVALL; the nearest known one is GPUAS_SAMPLE_INTERVAL/,
    );
  });
});
