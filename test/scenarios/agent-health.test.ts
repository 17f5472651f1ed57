// Faults of GPUs as the shipped agent hears and tells them: by the driver's events, by the kernel's log and by readings;
// to NATS, to scrapes, to the node and to its events. What must not follow from a fault, that anything is moved or
// marked, is read from the API server's log.

import { appendFile, mkdtemp, rename, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { afterEach, beforeEach, describe, expect, test } from "vitest";

import { EVENT } from "../../shared/model/names.ts";
import { systemClock } from "../../shared/runtime/clock.ts";
import { healthyGpu } from "../nvml-double/fixture.ts";
import type { ScenarioGpu } from "../nvml-double/scenario.ts";
import {
  conditionOf,
  conditionWrites,
  page,
  QUICK,
  reportsOf,
  seriesOf,
  storedHealth,
  toldEvents,
  toldFindings,
  untilPage,
  untilReported,
  uuidOf,
  writesOf,
} from "./agent-heard.ts";
import type { ToldEvent } from "./agent-heard.ts";
import { createScene } from "./agent-scene.ts";
import type { Scene } from "./agent-scene.ts";

let scene: Scene;
let folder: string;
let kernelLog: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "agent-health-"));
  kernelLog = join(folder, "kern.log");
  await writeFile(kernelLog, kernelLine("usb 1-1: new device"));
});
afterEach(async () => {
  await scene[Symbol.asyncDispose]();
  await rm(folder, { recursive: true });
});

const XID = 0x8;
const GPUS = [healthyGpu(0), healthyGpu(1)] as const;
const SECOND = uuidOf(GPUS[1]);

function settings(): Readonly<Record<string, string>> {
  return {
    ...QUICK,
    GPUAS_KERNEL_LOG: kernelLog,
    GPUAS_STATE_DIR: join(folder, "state"),
    GPUAS_METRIC_NAMES: "native,guide,dcgm",
  };
}

/** As rsyslog writes it. */
function kernelLine(text: string): string {
  return `${new Date(systemClock.now()).toISOString()} gpu-1 kernel: [ 4242.000001] ${text}\n`;
}

function xidLine(
  { busId }: Pick<ScenarioGpu, "busId">,
  xid: number,
  more = "pid=4711, name=python3",
): string {
  return kernelLine(`NVRM: Xid (PCI:${busId?.replace(/\.0$/, "")}): ${xid}, ${more}`);
}

const tells = (gpu: number, xid: number) => ({ afterMs: 0, gpu, type: XID, data: xid });

describe("a GPU with a fault", () => {
  test("is told to everybody within moments, once, and again by nobody after a restart", async () => {
    scene = await createScene({ gpus: GPUS });
    scene.server.change((world) => {
      world.submitService({ name: "training", replicas: 2, cpu: "1" });
    });
    await scene.until("pods run", () => scene.running("training").length === 2);
    const kubeletsOwn = conditionOf(scene, "Ready");
    // What is reported of a fault is reported at once: the next report by the clock is a minute away.
    const env = { ...settings(), GPUAS_REPORT_INTERVAL: "60s" };
    const agent = await scene.agent({ env });
    await scene.until("all is well", () => conditionOf(scene)?.status === "True");
    await untilReported(scene, "healthy", ({ health }) => health === "healthy");

    // 1. A program's own fault is told and changes nothing.
    scene.double.write({ gpus: GPUS, events: [tells(1, 13)] });
    await scene.until("XID 13", () => toldEvents(scene).some(({ number }) => number === 13));
    expect(toldEvents(scene)).toMatchObject([
      { what: "xid", number: 13, gpu: SECOND, teller: "driver", class: "application" },
    ]);

    // 2. The card's memory fails; the driver and the kernel's log both say so.
    const failedAtMs = systemClock.now();
    scene.double.write({ gpus: GPUS, events: [tells(1, 48)] });
    await appendFile(kernelLog, xidLine(GPUS[1], 48, "DBE (double bit error) ECC"));
    await scene.until("the condition", () => conditionOf(scene)?.status === "False");
    await untilReported(scene, "fatal", ({ health }) => health === "fatal");
    // The log was read up to here when this line is told.
    await appendFile(kernelLog, xidLine(GPUS[0], 31));
    await scene.until("XID 31", () => toldEvents(scene).some(({ number }) => number === 31));

    const [told, ...more] = toldEvents(scene).filter(({ number }) => number === 48);
    expect(more).toEqual([]);
    expect(told).toMatchObject({ what: "xid", gpu: SECOND, busId: GPUS[1].busId, class: "fatal" });
    expect((told?.heardAtMs ?? Infinity) - failedAtMs).toBeLessThan(2_000);
    // What follows from it is said with the next message.
    const said = scene.heard.flatMap((one) => (one.kind === "health" ? [one.message.health] : []));
    const at = said.findIndex((one) => one.kind === "event" && one.number === 48);
    expect(said[at + 1]).toMatchObject({ kind: "findings", node: "fatal" });
    const fatal = toldFindings(scene)
      .at(-1)
      ?.findings.filter(({ level }) => level === "fatal");
    expect(fatal).toMatchObject([{ rule: "memory-uncontained", gpu: SECOND, remedy: "reset-gpu" }]);
    const report = reportsOf(scene).at(-1);
    expect(report?.gpus.map(({ health }) => health)).toEqual([undefined, "fatal"]);
    expect(report?.healthyGpus?.gpus).toBe(1);

    const body = await untilPage(scene, agent, "the counter", (text) => text.includes('xid="48"'));
    const where = `node="${scene.node}",gpu="1",uuid="${SECOND}"`;
    for (const series of [
      `gpu_autoscaler_gpu_xid_errors_total{${where},xid="48",class="fatal"} 1`,
      `gpu_autoscaler_gpu_xid_errors_total{${where},xid="13",class="application"} 1`,
      `gpu_autoscaler_gpu_health{${where},level="fatal",rule="memory-uncontained"} 1`,
      `gpu_autoscaler_node_gpu_health{node="${scene.node}",state="fatal"} 1`,
    ])
      expect(body).toContain(series);
    const dcgm = seriesOf(body, "DCGM_FI_DEV_XID_ERRORS");
    expect(dcgm.map((line) => [/gpu="(\d)"/.exec(line)?.[1], line.split(" ").at(-1)])).toEqual([
      ["0", "31"],
      ["1", "48"],
    ]);

    // 3. On the node: a condition of ours beside the kubelet's own, one event, and no other mark.
    await scene.until("the event", () => scene.events(EVENT.gpuFault).length > 0);
    expect(conditionOf(scene)).toMatchObject({ status: "False", reason: "MemoryUncontained" });
    expect(conditionOf(scene)?.message).toContain("Xid 48");
    expect(conditionOf(scene, "Ready")).toEqual(kubeletsOwn);
    expect(scene.events(EVENT.gpuFault)).toMatchObject([
      { type: "Warning", count: 1, involvedObject: { kind: "Node", name: scene.node } },
    ]);
    expect(writesOf(scene)).toEqual(["PATCH nodes status", "POST events"]);
    expect(scene.currentNode().spec?.unschedulable ?? false).toBe(false);
    expect(scene.running("training")).toHaveLength(2);

    // 4. Another agent of the same node knows it, and takes neither its words back nor says them anew.
    expect(await agent.stop()).toBe(0);
    expect(agent.logs.filter(({ message }) => message.startsWith("did not stop"))).toEqual([]);
    const tolds = toldEvents(scene).length;
    const sent = reportsOf(scene).length;
    const next = await scene.agent({ env });
    await untilReported(scene, "still fatal", ({ gpus }) => gpus[1]?.health === "fatal", { from: sent });
    await appendFile(kernelLog, xidLine(GPUS[0], 43));
    await scene.until("XID 43", () => toldEvents(scene).some(({ number }) => number === 43));
    expect(toldEvents(scene)).toHaveLength(tolds + 1);
    expect(new Set(conditionWrites(scene).slice(conditionWrites(scene).indexOf("False")))).toEqual(
      new Set(["False"]),
    );
    expect(scene.events(EVENT.gpuFault)).toMatchObject([{ count: 1 }]);

    // 5. The driver is loaded anew, by which its counters begin anew.
    scene.double.write({ unloaded: true, gpus: GPUS });
    await untilReported(scene, "unloaded", ({ source }) => source.state === "driver-not-loaded", {
      from: sent,
    });
    scene.double.write({ gpus: GPUS.map((gpu) => ({ ...gpu, energyMj: 1_000 })) });
    await scene.until("all is well again", () => conditionOf(scene)?.status === "True");
    await scene.until("said so", () => scene.events(EVENT.gpuRecovered).length > 0);
    await scene.until("healthy", () => toldFindings(scene).at(-1)?.node === "healthy");
    expect((await page(next)).body).toContain(
      `gpu_autoscaler_node_gpu_health{node="${scene.node}",state="fatal"} 0`,
    );
    expect(writesOf(scene).filter((write) => !/^(PATCH|POST) events$/.test(write))).toEqual([
      "PATCH nodes status",
    ]);
    expect(scene.evictions()).toEqual([]);
  });

  test("that was mended while no agent ran is over, and what the log has of that time is told", async () => {
    scene = await createScene({ gpus: GPUS });
    const agent = await scene.agent({ env: settings() });
    await untilReported(scene, "healthy", ({ health }) => health === "healthy");
    scene.double.write({ gpus: GPUS, events: [tells(1, 95)] });
    await scene.until("the condition", () => conditionOf(scene)?.status === "False");
    await agent.stop();
    await rename(kernelLog, `${kernelLog}.1`);
    await writeFile(kernelLog, xidLine(GPUS[0], 43));
    scene.double.write({ driver: "590.44.01", gpus: GPUS.map((gpu) => ({ ...gpu, energyMj: 1_000 })) });
    await scene.agent({ env: settings() });
    await scene.until("XID 43", () => toldEvents(scene).some(({ number }) => number === 43));
    await scene.until("all is well again", () => conditionOf(scene)?.status === "True");
    await scene.until("said so", () => scene.events(EVENT.gpuRecovered).length > 0);
    expect(toldEvents(scene).map(({ number }) => number)).toEqual([95, 43]);
  });

  test("that only readings show has its condition kept by the agent that comes after", async () => {
    const gpus = [healthyGpu(0), { ...healthyGpu(1), ecc: { ...healthyGpu(1).ecc, volatileUncorrected: 3 } }];
    scene = await createScene({ gpus });
    const agent = await scene.agent({ env: settings() });
    await scene.until("the condition", () => conditionOf(scene)?.status === "False");
    expect(conditionOf(scene)?.reason).toBe("MemoryUncorrected");
    await agent.stop();
    const sent = reportsOf(scene).length;
    const writes = conditionWrites(scene).length;
    await scene.agent({ env: settings() });
    await untilReported(scene, "fatal", ({ health }) => health === "fatal", { from: sent });
    await scene.until("written", () => conditionWrites(scene).slice(writes).includes("False"));
    expect(conditionWrites(scene).slice(writes)).toEqual(["False"]);
  });
});

describe("a fault while API server and NATS are away", () => {
  test("is shown to scrapes at once, and reaches the node and the stream when they are back", async () => {
    scene = await createScene({ gpus: GPUS });
    const agent = await scene.agent({ env: settings() });
    await scene.until("all is well", () => conditionOf(scene)?.status === "True");
    scene.server.refuse(true);
    await scene.nats.stop();
    scene.double.write({ gpus: GPUS, events: [tells(1, 95)] });
    await untilPage(scene, agent, "the verdict", (body) => body.includes('rule="memory-uncontained"'), 2_000);
    expect(conditionOf(scene)?.status).toBe("True");

    scene.server.refuse(false);
    await scene.until("the condition", () => conditionOf(scene)?.reason === "MemoryUncontained");
    await scene.nats.restart();
    const stored = await storedHealth(
      scene,
      ({ health }) => health.kind === "findings" && health.node === "fatal",
    );
    expect(stored.map(({ health }) => health).slice(-2)).toMatchObject([
      { kind: "event", what: "xid", number: 95, gpu: SECOND },
      { kind: "findings", findings: [{ rule: "memory-uncontained", gpu: SECOND }] },
    ]);
  });
});

describe("the kernel's log", () => {
  test("is followed through a rotation, tells what the driver keeps to itself, and drowns nobody in a flood", async () => {
    scene = await createScene({ gpus: GPUS });
    const agent = await scene.agent({ env: settings() });
    await untilReported(scene, "healthy", ({ health }) => health === "healthy");
    expect((await page(agent, "/readyz")).body).toContain(`XIDs are read from ${kernelLog} as well`);

    // 1. Rotated, with a last line in the old file; the driver tells of no XID 79, it only loses the GPU.
    await rename(kernelLog, `${kernelLog}.1`);
    await appendFile(`${kernelLog}.1`, xidLine(GPUS[0], 31));
    await writeFile(kernelLog, xidLine(GPUS[1], 79, "GPU has fallen off the bus."));
    scene.double.write({
      gpus: [GPUS[0], { ...GPUS[1], lost: true }],
      dropsXids: [79],
      events: [tells(1, 79)],
    });
    const message = (): string => conditionOf(scene)?.message ?? "";
    await scene.until("the condition", () => message().includes("Xid 79 (kernel log)"));
    expect(conditionOf(scene)?.status).toBe("False");
    const xids = (): readonly ToldEvent[] => toldEvents(scene).filter(({ what }) => what === "xid");
    await scene.until("both XIDs", () => xids().length >= 2);
    expect(xids()).toMatchObject([
      { number: 31, gpu: uuidOf(GPUS[0]), teller: "kernel-log" },
      { number: 79, gpu: SECOND, teller: "kernel-log", busId: GPUS[1].busId },
    ]);
    const lost = await untilReported(scene, "lost and fatal", ({ gpus }) => gpus[1]?.health === "fatal");
    expect(lost.gpus.map(({ state }) => state)).toEqual(["present", "lost"]);

    // 2. 10,000 lines at once, each a fault of a program.
    const sent = reportsOf(scene).length;
    const told = toldEvents(scene).length;
    const flood = Array.from({ length: 10_000 }, (_, pid) =>
      xidLine(GPUS[0], 43, `pid=${pid}, name=python3`),
    );
    await appendFile(kernelLog, flood.join(""));
    const counter = 'xid="43",class="application"} 10000';
    await untilPage(scene, agent, "10,000 counted", (body) => body.includes(counter), 10_000);
    await untilReported(scene, "the next report", () => true, { from: reportsOf(scene).length });
    // Each is counted; what is told of them is for people and programs that read.
    expect(toldEvents(scene).length - told).toBeLessThan(10);
    expect(agent.logs.filter((line) => line["code"] === 43).length).toBeLessThan(10);
    const arrivals = scene.heard.flatMap(({ kind, atMs }) => (kind === "report" ? [atMs] : []));
    const gaps = arrivals.slice(sent).map((atMs, i) => atMs - (arrivals[sent + i - 1] ?? atMs));
    expect(Math.max(...gaps)).toBeLessThan(2_000);
    const numbers = reportsOf(scene).map(({ seq }) => seq);
    expect(numbers).toEqual(numbers.map((_, i) => (numbers[0] ?? 0) + i));
  });

  test("that is not there is named by the probe and costs nothing else", async () => {
    scene = await createScene({ gpus: GPUS });
    const missing = join(folder, "nowhere", "kern.log");
    const agent = await scene.agent({ env: { ...settings(), GPUAS_KERNEL_LOG: missing } });
    await agent.line(({ message }) => message.startsWith("the kernel log is not read"));
    const ready = await page(agent, "/readyz");
    expect(ready.status).toBe(200);
    const { checks } = JSON.parse(ready.body) as { checks: { name: string; ok: boolean; detail: string }[] };
    const check = checks.find(({ name }) => name === "kernelLog");
    expect(check?.ok).toBe(false);
    expect(check?.detail).toMatch(/^XIDs come from the driver alone: .*ENOENT.*nowhere/);
    scene.double.write({ gpus: GPUS, events: [tells(1, 95)] });
    await scene.until("the condition", () => conditionOf(scene)?.reason === "MemoryUncontained");
  });
});
