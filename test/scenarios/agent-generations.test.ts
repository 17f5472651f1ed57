// GPUs and drivers that come, go and change under the shipped agent: what its reports and its page say each time, and that
// what did not change goes on being read meanwhile.

import { describe, expect, test } from "vitest";

import type { GpuReport } from "../../shared/contract/gpu-report.ts";
import { RESOURCE } from "../../shared/runtime/kube/resources.ts";
import { healthyGpu } from "../nvml-double/fixture.ts";
import type { ScenarioGpu } from "../nvml-double/scenario.ts";
import {
  conditionOf,
  page,
  QUICK,
  reportsOf,
  seriesOf,
  toldEvents,
  toldFindings,
  untilPage,
  untilReported,
  uuidOf,
} from "./agent-heard.ts";
import type { ToldFindings } from "./agent-heard.ts";
import { createScene } from "./agent-scene.ts";

const INSTANCE = { ci: 0, gpuSlices: 1, computeSlices: 1, memoryTotalMib: 16_384, memoryUsedMib: 512 };

function cut(index: number, ...uuids: readonly string[]): ScenarioGpu {
  const instances = uuids.map((uuid, at) => ({ ...INSTANCE, uuid, gi: 9 + at }));
  return { ...healthyGpu(index), mig: { mode: 1, maxDevices: 7, instances } };
}

const states = ({ gpus }: GpuReport): string => gpus.map(({ state }) => state).join(" ");
const gpusOf = (lines: readonly string[]): readonly (string | undefined)[] =>
  lines.map((line) => /gpu="(\d+)"/.exec(line)?.[1]);

/** The newest utilisation of a GPU, as a report carries it: how old what was read last is. */
function ageOf(report: GpuReport, index: number): number {
  const window = report.gpus[index]?.utilization.w10;
  return Array.isArray(window) ? window[4] : Number.POSITIVE_INFINITY;
}

describe("a node's GPUs", () => {
  test.concurrent("are named by a driver of another version when it has been loaded", async () => {
    await using scene = await createScene({ gpus: [healthyGpu(0), healthyGpu(1)] });
    const agent = await scene.agent({ env: QUICK });
    await untilReported(scene, "ready", ({ source }) => source.driver === "580.95.05");

    const before = reportsOf(scene).length;
    scene.double.write({ unloaded: true, gpus: [] });
    const away = await untilReported(scene, "away", ({ source }) => source.state === "driver-not-loaded", {
      from: before,
    });
    // GPUs that cannot be asked have not gone, and their last readings are none of now.
    expect(away.gpus.map(({ uuid }) => uuid)).toEqual([0, 1].map((index) => uuidOf(healthyGpu(index))));
    expect(away.source).toMatchObject({ detail: "the driver is not loaded (code 9)" });
    const silent = (await page(agent)).body;
    expect(seriesOf(silent, "gpu_utilization_percent")).toEqual([]);
    expect(silent).toContain('gpu_autoscaler_agent_gpu_source{state="driver-not-loaded"} 1');
    expect((await page(agent, "/readyz")).status).toBe(503);
    expect((await page(agent, "/healthz")).status).toBe(200);

    scene.double.write({ driver: "590.44.01", gpus: [healthyGpu(0), healthyGpu(1)] });
    await untilReported(scene, "another driver", ({ source }) => source.driver === "590.44.01", {
      from: before,
    });
    const body = await untilPage(scene, agent, "readings", (text) =>
      text.includes("gpu_utilization_percent{"),
    );
    expect(
      seriesOf(body, "gpu_autoscaler_gpu_info").map((line) => /driver="([^"]*)"/.exec(line)?.[1]),
    ).toEqual(["590.44.01", "590.44.01"]);
    expect((await page(agent, "/readyz")).status).toBe(200);
  });

  test.concurrent("are let go of while the operator exchanges the driver, and read again afterwards", async () => {
    await using scene = await createScene({ gpus: [healthyGpu(0)] });
    const agent = await scene.agent({ env: QUICK });
    await untilReported(scene, "ready", ({ source }) => source.state === "ready");
    const labelled = async (value: string): Promise<void> => {
      const labels = { "nvidia.com/gpu.deploy.dcgm-exporter": value };
      await scene.kubectl.mergePatch(RESOURCE.nodes, { name: scene.node }, { metadata: { labels } });
    };

    const before = reportsOf(scene).length;
    await labelled("paused-for-driver-upgrade");
    const released = await untilReported(scene, "released", ({ source }) => source.state === "failed", {
      from: before,
    });
    expect(released.source.detail).toContain("released so that the driver can be unloaded");
    const shutDown = (): number => scene.double.counters()["nvmlShutdown"]?.calls ?? 0;
    await scene.until("closed", () => shutDown() > 0);
    const asked = scene.double.counters()["nvmlDeviceGetPowerUsage"]?.calls;
    await untilReported(scene, "still released", ({ source }) => source.state === "failed", {
      from: reportsOf(scene).length + 1,
    });
    expect(scene.double.counters()["nvmlDeviceGetPowerUsage"]?.calls).toBe(asked);
    expect((await page(agent, "/readyz")).status).toBe(503);

    const held = reportsOf(scene).length;
    await labelled("true");
    await untilReported(scene, "ready again", ({ source }) => source.state === "ready", { from: held });
  });

  test.concurrent("that are lost come back, with a new one, and their neighbours are read all the while", async () => {
    const gpus = [0, 1, 2].map(healthyGpu);
    await using scene = await createScene({ gpus: gpus.slice(0, 2) });
    const agent = await scene.agent({ env: QUICK });
    await untilReported(scene, "both", (report) => states(report) === "present present");
    const before = reportsOf(scene).length;
    scene.double.write({ gpus: [healthyGpu(0), { ...healthyGpu(1), lost: true }] });
    await untilReported(scene, "one is lost", (report) => states(report) === "present lost", {
      from: before,
    });
    expect(gpusOf(seriesOf((await page(agent)).body, "gpu_utilization_percent"))).toEqual(["0"]);
    await scene.until("the condition", () => conditionOf(scene)?.status === "False");
    const findings = (): ToldFindings["findings"] => toldFindings(scene).at(-1)?.findings ?? [];
    await scene.until("findings", () => findings().some(({ level }) => level === "fatal"));
    expect(findings()).toMatchObject([{ rule: "gpu-lost", gpu: uuidOf(healthyGpu(1)), level: "fatal" }]);

    const lost = reportsOf(scene).length;
    scene.double.write({ gpus });
    const wanted = "present present present";
    const back = await untilReported(scene, "back", (report) => states(report) === wanted, { from: lost });
    expect(back.gpus.map(({ uuid }) => uuid)).toEqual(gpus.map(uuidOf));
    const read = (body: string): string => gpusOf(seriesOf(body, "gpu_utilization_percent")).join();
    await untilPage(scene, agent, "all are read", (body) => read(body) === "0,1,2");
    // What was read of the neighbour was never older than it takes to open a connection anew.
    const ages = reportsOf(scene)
      .slice(before)
      .map((report) => ageOf(report, 0));
    expect(Math.max(...ages)).toBeLessThan(3_000);
  });

  test.concurrent("that are cut anew show their new parts within moments, and none of the old", async () => {
    await using scene = await createScene({ gpus: [healthyGpu(0), cut(1, "MIG-a", "MIG-b")] });
    const agent = await scene.agent({ env: QUICK });
    await untilReported(scene, "two parts", ({ gpus }) => gpus[1]?.mig?.["1g.18gb"]?.[0] === 2);
    const before = reportsOf(scene).length;
    scene.double.write({ gpus: [healthyGpu(0), cut(1, "MIG-c", "MIG-d", "MIG-e")] });
    const report = await untilReported(scene, "three", ({ gpus }) => gpus[1]?.mig?.["1g.18gb"]?.[0] === 3, {
      from: before,
      withinMs: 5_000,
    });
    expect(report.gpus.map(({ uuid }) => uuid)).toEqual([0, 1].map((index) => uuidOf(healthyGpu(index))));
    const family = "gpu_autoscaler_mig_memory_used_bytes";
    const body = await untilPage(scene, agent, "the parts", (text) => seriesOf(text, family).length === 3);
    expect(seriesOf(body, family).map((line) => /mig_uuid="([^"]*)"/.exec(line)?.[1])).toEqual([
      "MIG-c",
      "MIG-d",
      "MIG-e",
    ]);
    expect(body).not.toMatch(/MIG-[ab]/);
    await scene.until("the event", () => toldEvents(scene).length > 0);
    expect(toldEvents(scene)).toMatchObject([{ what: "mig-changed", gpu: uuidOf(healthyGpu(1)) }]);
    expect(
      reportsOf(scene)
        .slice(before)
        .map(({ source }) => source.state),
    ).not.toContain("failed");
  });

  test.concurrent("of which one is no longer listed keep its place, as lost", async () => {
    const gpus = [0, 1, 2].map(healthyGpu);
    await using scene = await createScene({ gpus });
    const agent = await scene.agent({ env: QUICK });
    await untilReported(scene, "three", (report) => states(report) === "present present present");
    const before = reportsOf(scene).length;
    // The last two change places in the driver's list as well.
    scene.double.write({ gpus: [healthyGpu(0), healthyGpu(2)] });
    const less = await untilReported(scene, "less", (report) => states(report).includes("lost"), {
      from: before,
    });
    const stateOf = Object.fromEntries(less.gpus.map(({ uuid, state }) => [uuid, state]));
    expect(stateOf).toEqual({
      [uuidOf(healthyGpu(0))]: "present",
      [uuidOf(healthyGpu(1))]: "lost",
      [uuidOf(healthyGpu(2))]: "present",
    });
    await scene.until("the condition", () => conditionOf(scene)?.status === "False");
    expect(conditionOf(scene)?.message).toContain(uuidOf(healthyGpu(1)));
    const body = await untilPage(scene, agent, "two are read", (text) => {
      return seriesOf(text, "gpu_utilization_percent").length === 2;
    });
    // Values go with the card, whatever its number is now.
    const used = seriesOf(body, "gpu_memory_usage_mb").map((line) => [
      /uuid="([^"]*)"/.exec(line)?.[1],
      line.split(" ").at(-1),
    ]);
    expect(used).toEqual([
      [uuidOf(healthyGpu(0)), "1000"],
      [uuidOf(healthyGpu(2)), "1002"],
    ]);
  });
});
