// A whole inspection, of a captured H100 and of machines that lack this or that: what it says as data and as text, and
// that nothing which fails takes anything from the rest.

import { fileURLToPath } from "node:url";

import { beforeAll, describe, expect, test } from "vitest";

import { nodeDetailSchema } from "../../shared/contract/node-detail.ts";
import { GPU_READING_NAMES } from "../../shared/model/gpu-readings.ts";
import type { GpuSource } from "../../shared/model/gpu.ts";
import type { HeldDevices } from "../../shared/model/held-device.ts";
import { epochMs, millis } from "../../shared/model/units.ts";
import { createFakeClock, settle } from "../../test/build/clock.ts";
import type { FakeClock } from "../../test/build/clock.ts";
import { aGpu, aSample, ready } from "../../test/build/gpu.ts";
import type { Capture, CaptureStep } from "../sample/replay/capture-schema.ts";
import { readCapture } from "../sample/replay/capture.ts";
import { createPacker } from "../sample/replay/deltas.ts";
import { startReplay } from "../sample/replay/sampler.ts";
import { inspectionText } from "./inspect-table.ts";
import { inspect } from "./inspect.ts";
import type { InspectOptions } from "./inspect.ts";
import type { StartSampler } from "./look.ts";
import type { Machine } from "./machine.ts";

const H100 = fileURLToPath(new URL("../../test/captures/h100-580.json", import.meta.url));
const GPU = "GPU-00000000-0000-0000-0000-000000000001";

const MACHINE: Machine = {
  kernel: "6.8.0",
  architecture: "x64",
  uid: 0,
  gid: 0,
  capabilities: [],
  noNewPrivileges: true,
  seccomp: "filter",
  container: ["cgroup of kubepods"],
  devices: [
    { path: "/dev/nvidia0", refusal: null },
    { path: "/dev/nvidiactl", refusal: null },
  ],
  kernelModule: "580.159.04",
  pciGpus: 1,
  vendor: "Amazon EC2",
  product: "p5.4xlarge",
};
const HELD: HeldDevices = {
  kind: "known",
  at: epochMs(0),
  devices: [
    {
      namespace: "ml",
      pod: "train-0",
      container: "main",
      device: GPU,
      by: { kind: "plugin", resource: "nvidia.com/gpu" },
    },
  ],
};

let capture: Capture;
beforeAll(async () => {
  capture = await readCapture(H100);
});

function setUp(overrides: Partial<InspectOptions> = {}, play: Capture = capture) {
  const clock = createFakeClock();
  const start: StartSampler = (listener) => startReplay({ ...listener, capture: play, clock });
  const running = inspect({
    node: "gpu-1",
    start,
    clock,
    expectedGpus: null,
    machine: async () => await Promise.resolve(MACHINE),
    held: async () => await Promise.resolve(HELD),
    places: () => ["libnvidia-ml.so.1", "/usr/local/nvidia/lib64/libnvidia-ml.so.1"],
    checks: { NATS: async () => await Promise.resolve({ ok: true, detail: "answers" }) },
    ...overrides,
  });
  return { clock, running };
}

async function passing(clock: FakeClock, seconds: number): Promise<void> {
  await settle();
  for (let i = 0; i < seconds; i++) await clock.advance(1_000);
  await settle();
}

/** A sampler that says one thing. */
function saying(source: GpuSource, ended: "stopped" | "hung" = "stopped"): StartSampler {
  return (listener) => {
    listener.onSource(source);
    if (source.state !== "hung" && source.state !== "starting")
      listener.onCycle({ at: epochMs(0), source, samples: [] });
    return {
      source: () => source,
      survey: async () => await Promise.resolve(null),
      release: () => {},
      resume: () => {},
      stop: async () => await Promise.resolve(ended),
    };
  };
}

describe("inspect()", () => {
  test("tells everything of a machine that is well, as NodeDetail and more", async () => {
    const { clock, running } = setUp();
    await passing(clock, 4);
    const { inspection, ended } = await running;
    expect(ended).toBe("stopped");
    expect(inspection.readable).toBe(true);
    const { machine, checks, survey, readable, ...detail } = inspection;
    expect(nodeDetailSchema.parse(JSON.parse(JSON.stringify(detail)))).toEqual(detail);
    expect(detail.gpus[0]?.readings["utilization"]).toBe(0);
    expect(detail.gpus[0]?.readings["nvlinks"]).toBe("unsupported (3)");
    expect(detail.allocation).toMatchObject({ holders: [{ pod: "train-0", gpu: GPU }] });
    expect(checks.map(({ name, ok }) => [name, ok])).toEqual([
      ["NVML library", true],
      ["device files", true],
      ["GPUs on the bus", true],
      ["PodResources", true],
      ["NATS", true],
    ]);
    expect(survey?.fields).toContainEqual({ name: "energy", id: 83, codes: [0] });
    expect(machine).toEqual(MACHINE);
    expect(readable).toBe(true);
  });

  test("says as text where each number comes from and why one is missing", async () => {
    const { clock, running } = setUp();
    await passing(clock, 4);
    const text = inspectionText((await running).inspection);
    const line = (starts: string): string | undefined =>
      text
        .split("\n")
        .map((one) => one.trim().replaceAll(/ {2,}/g, " | "))
        .find((one) => one.startsWith(starts));
    /** Two columns of names with their values, in whichever of them it is. */
    const told = (name: string): string | undefined =>
      new RegExp(`(?:^|\\s)${name} +(\\S+(?: \\S+)*)`, "m").exec(text)?.[1];
    expect(line("node")).toBe("node gpu-1, 2026-01-01T00:00:00.000Z");
    expect(line("GPUs:")).toBe("GPUs: ready, driver 580.159.04 (replay), 1 of 1 present");
    expect(line("health:")).toBe("health: healthy, by what was seen in these seconds");
    expect(line("capabilities")).toBe("capabilities | none");
    expect(line("confinement")).toBe("confinement | seccomp filter, no new privileges yes");
    expect(line("ok | GPUs on the bus")).toContain("1 on the PCI bus, 1 by the driver");
    expect(line("0 | NVIDIA")).toContain(`| present | 0 % | 0.0 of 79.6 GiB | 34 °C | 71 W | ${GPU}`);
    expect(line("ml/train-0/main")).toBe(`ml/train-0/main | nvidia.com/gpu | GPU 0 | ${GPU}`);
    expect([told("smClockMax"), told("power"), told("mig")]).toEqual(["1,980 MHz", "71 W", "off"]);
    expect(text).toMatch(
      /\nREADINGS WITHOUT A VALUE\n(?: .*\n)* {2}unsupported: NOT_SUPPORTED \(3\) .*\bnvlinks,/,
    );
    expect(text).toMatch(/\n {2}pending +fabricState\b/);
    expect(text).toMatch(/\n {2}NOT_SUPPORTED \(3\)\n(?: {4}.*\n)* {4}.*\bnvmlDeviceGetFanSpeed\b/);
    expect(text).toMatch(/\n {2}SUCCESS \(0\)\n(?: {4}.*\n)* {4}.*\bthrottledSwThermal=269\b/);
    // Each reading stands there once, with a value or by its reason.
    for (const name of GPU_READING_NAMES)
      expect(text.split("FIELDS,")[0]?.match(new RegExp(`(?<=\\s)${name}(?=[\\s,])`, "g"))).toHaveLength(1);
    // No line carries spaces at its end, none is wider than it needs to be, and no section is empty.
    expect(text).not.toMatch(/ \n|\n\n\n/);
    expect(Math.max(...text.split("\n").map(({ length }) => length))).toBeLessThanOrEqual(120);
  });

  test("states what the readings show of a GPU that is not well", async () => {
    const packer = createPacker();
    const ill = aSample(0, { recoveryAction: 2, utilization: 0 });
    const cycles = Array.from({ length: 8 }, (_, i): CaptureStep => ({
      kind: "cycle",
      atMs: millis(i * 500),
      gpus: packer.pack([ill]),
    }));
    const play = {
      ...capture,
      steps: [{ kind: "source" as const, atMs: millis(0), source: ready(aGpu(0)) }, ...cycles],
    };
    const { clock, running } = setUp({}, play);
    await passing(clock, 4);
    const { inspection } = await running;
    expect(inspection.health.node).toBe("fatal");
    expect(inspection.health.findings.map(({ gpu: of, level }) => [of, level])).toContainEqual([
      "GPU-0",
      "fatal",
    ]);
    expect(inspectionText(inspection)).toMatch(
      /\nFINDINGS\n {2}fatal {2}GPU 0 {2}recovery-\w+ {2}.*; what helps: /,
    );
  });

  test("names the call that hangs, and says that only SIGKILL is left", async () => {
    const hung: GpuSource = { state: "hung", call: "nvmlDeviceGetPowerUsage", gpu: 3, forMs: millis(4_000) };
    const { clock, running } = setUp({ start: saying(hung, "hung") });
    await passing(clock, 9);
    const { inspection, ended } = await running;
    expect(ended).toBe("hung");
    expect(inspection).toMatchObject({ readable: false, source: { state: "hung" }, survey: null });
    const text = inspectionText(inspection);
    expect(text).toContain("GPUs: hung, nvmlDeviceGetPowerUsage on GPU 3 has not returned for 4 s");
    expect(text).toContain("not known  the driver does not answer");
    expect(text).toContain("580.159.04");
  });

  test("says where the library was looked for", async () => {
    const missing: GpuSource = { state: "library-missing", detail: "libnvidia-ml.so.1: no such file" };
    const { clock, running } = setUp({ start: saying(missing) });
    await passing(clock, 1);
    const { inspection } = await running;
    expect(inspection.readable).toBe(false);
    expect(inspection.checks[0]).toEqual({
      name: "NVML library",
      ok: false,
      detail:
        "libnvidia-ml.so.1: no such file (looked for in: libnvidia-ml.so.1, /usr/local/nvidia/lib64/libnvidia-ml.so.1)",
    });
  });

  test("loses nothing when parts fail or do not answer", async () => {
    const never = async (): Promise<never> => await new Promise<never>(() => {});
    const { clock, running } = setUp({
      machine: never,
      held: async () => await Promise.reject(new Error("no socket")),
      checks: {
        NATS: never,
        "Kubernetes API": async () => await Promise.reject(new Error("forbidden")),
        "kernel log": async () => await Promise.resolve({ ok: true, detail: "/dev/kmsg can be read" }),
      },
    });
    await passing(clock, 7);
    const { inspection } = await running;
    expect(inspection).toMatchObject({
      readable: true,
      machine: { unknown: "no answer within 6000 ms" },
      allocation: { kind: "unknown", why: "no socket" },
    });
    expect(inspection.checks.slice(1)).toEqual([
      { name: "PodResources", ok: null, detail: "who holds which GPU is not known: no socket" },
      { name: "NATS", ok: false, detail: "no answer within 6000 ms" },
      { name: "Kubernetes API", ok: false, detail: "forbidden" },
      { name: "kernel log", ok: true, detail: "/dev/kmsg can be read" },
    ]);
    expect(inspectionText(inspection)).toContain("not known  no answer within 6000 ms");
  });

  test("says why device files cannot be used, and which GPU is missing", async () => {
    const devices = [
      { path: "/dev/nvidia0", refusal: "EPERM" },
      { path: "/dev/nvidiactl", refusal: null },
    ];
    const machine = async (): Promise<Machine> => await Promise.resolve({ ...MACHINE, devices, pciGpus: 8 });
    const { clock, running } = setUp({ machine, start: saying(ready(aGpu(0), aGpu(1))) });
    await passing(clock, 4);
    const { inspection } = await running;
    expect(inspection.checks.slice(1, 3)).toEqual([
      {
        name: "device files",
        ok: false,
        detail: "/dev/nvidia0: EPERM (the device cgroup of this container forbids it)",
      },
      { name: "GPUs on the bus", ok: false, detail: "8 on the PCI bus, 2 by the driver" },
    ]);
    const none = setUp({ machine: async () => await Promise.resolve({ ...MACHINE, devices: [] }) });
    await passing(none.clock, 4);
    expect((await none.running).inspection.checks[1]).toMatchObject({
      ok: false,
      detail: expect.stringContaining("this container was given no GPU") as string,
    });
  });

  test("ends within 15 s, whatever happens", async () => {
    const { clock, running } = setUp({ start: saying({ state: "starting" }) });
    let over = false;
    void running.then(() => (over = true));
    await passing(clock, 15);
    expect(over).toBe(true);
  });
});
