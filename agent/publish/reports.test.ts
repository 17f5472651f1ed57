import { describe, expect, test } from "vitest";

import { decode } from "../../shared/contract/codec.ts";
import { gpuReportSchema } from "../../shared/contract/gpu-report.ts";
import type { GpuReport } from "../../shared/contract/gpu-report.ts";
import { subjectFor } from "../../shared/contract/subjects.ts";
import type { GpuHolder } from "../../shared/model/gpu-allocation.ts";
import { GPU_READING_NAMES } from "../../shared/model/gpu-readings.ts";
import type { GpuSource, MigInstance, Window } from "../../shared/model/gpu.ts";
import { bytes, epochMs, millis, ratio } from "../../shared/model/units.ts";
import { aGpu, value } from "../../test/build/gpu.ts";
import type { GpuView, NodeView } from "../assess/view.ts";
import { encodeShort } from "./report-room.ts";
import { buildReport, createReporter } from "./reports.ts";

const AT = epochMs(1_790_000_000_123);
const describeSource = (source: GpuSource): string => `about ${source.state}`;
const build = (from: NodeView): GpuReport => buildReport("gpu-1", from, { at: AT, seq: 3, describeSource });

function known(mean: number, max: number, p95: number, coverage = 0.987_654): Window {
  return { kind: "known", mean, max, p95, coverage: ratio(coverage), ageMs: millis(512.345) };
}

const unsupported: Window = { kind: "unknown", because: "unsupported" };
const share = known(0.876_543_21, 0.99, 0.98);
const shares = { w10: share, w60: share, w600: share };

/** Readings with as many digits as they come. */
function gpu(index: number, more: Partial<GpuView> = {}): GpuView {
  return {
    identity: aGpu(index, {
      uuid: `GPU-${String(index).padStart(8, "0")}-aaaa-bbbb-cccc-dddddddddddd`,
      name: value("NVIDIA H100 80GB HBM3"),
      memoryTotalBytes: value(bytes(85_520_809_984)),
    }),
    state: "present",
    utilization: shares,
    utilizationFrom: "driver",
    memoryUsed: known(71_234_567_890.123, 78_234_567_890, 77_234_567_890),
    temperature: known(64.512_3, 71, 70),
    power: known(642.123_4, 699.871, 688.321),
    smActive: known(0.765_432_1, 0.987_6, 0.965_4),
    tensorActive: known(0.432_123, 0.712_3, 0.701_2),
    health: null,
    holders: [holder(index)],
    ...more,
  };
}

/** `namespace/pod/container` of 60 characters, and of as many more as asked for. */
function holder(index: number, n = 0, more = 0): GpuHolder {
  return {
    namespace: "machine-learning-team-a",
    pod: `llama-finetune-0${"x".repeat(more)}-worker-${index}`,
    container: `trainer-${n}`.padEnd(10, "-"),
    resource: "nvidia.com/gpu",
    device: `GPU-${index}`,
    gpu: `GPU-${index}`,
    instance: null,
    replica: null,
  };
}

function view(gpus: readonly GpuView[], more: Partial<NodeView> = {}): NodeView {
  const identities = gpus.map((one) => one.identity);
  return {
    source: { state: "ready", driver: "580.159.04", gpus: identities },
    gpus,
    allocation: { kind: "known", at: AT, holders: gpus.flatMap(({ holders }) => holders ?? []) },
    findings: [],
    health: "healthy",
    healthyGpus: { gpus: gpus.length, utilization: shares },
    allocatedGpus: { gpus: gpus.length, utilization: shares },
    // What an H100 in a virtual machine without NVLink cannot tell.
    unsupported: [
      "pcieTx",
      "pcieRx",
      ...GPU_READING_NAMES.filter((name) => /^(retired|nvlink|fabric)/.test(name)),
    ],
    ...more,
  };
}

describe("buildReport()", () => {
  test("is what the contract says", () => {
    const report = build(view([gpu(0)]));
    expect(gpuReportSchema.parse(report)).toEqual(report);
    expect(report).toMatchObject({
      v: 2,
      node: "gpu-1",
      at: AT,
      seq: 3,
      source: { state: "ready", driver: "580.159.04" },
    });
  });

  test("rounds to what the driver can tell, and coverage down", () => {
    const [first] = build(view([gpu(0)])).gpus;
    expect(first?.utilization.w10).toEqual([0.877, 0.99, 0.98, 0.98, 510]);
    expect(first?.temperatureCelsius).toMatchObject([
      65,
      71,
      expect.any(Number),
      expect.any(Number),
      expect.any(Number),
    ]);
    expect(first?.powerWatts).toMatchObject([
      642,
      700,
      expect.any(Number),
      expect.any(Number),
      expect.any(Number),
    ]);
    const nearly = known(0.3, 0.3, 0.3, 0.899_9);
    const thin = gpu(0, { utilization: { w10: nearly, w60: nearly, w600: nearly } });
    expect(build(view([thin])).gpus[0]?.utilization.w10).toEqual([0.3, 0.3, 0.3, 0.89, expect.any(Number)]);
  });

  test("what is not known is said and is no number", () => {
    const failed = { kind: "failed", code: 999 } as const;
    const blind = gpu(0, {
      identity: aGpu(0, { name: failed, memoryTotalBytes: failed }),
      state: "lost",
      utilization: { w10: unsupported, w60: unsupported, w600: unsupported },
      smActive: { kind: "unknown", because: "failed" },
      tensorActive: unsupported,
      holders: null,
    });
    const report = build(view([blind], { allocatedGpus: null, health: "unknown" }));
    expect(report.gpus[0]).toMatchObject({
      name: null,
      memoryTotalBytes: null,
      state: "lost",
      utilization: { w10: "unsupported" },
      smActive: "failed",
    });
    expect(report.gpus[0]).not.toHaveProperty("tensorActive");
    expect(report.gpus[0]).not.toHaveProperty("pods");
    expect(report).not.toHaveProperty("allocatedGpus");
    expect(report.health).toBe("unknown");
  });

  test("a source that is not ready carries its detail", () => {
    const report = build(view([], { source: { state: "driver-not-loaded", code: 9 } }));
    expect(report.source).toEqual({ state: "driver-not-loaded", detail: "about driver-not-loaded" });
  });

  test("says who holds each GPU, once each, and that nobody does", () => {
    const twice = [holder(0, 1), holder(0), { ...holder(0), replica: 3 }];
    const report = build(view([gpu(0, { holders: twice }), gpu(1, { holders: [] })]));
    expect(report.gpus.map(({ pods }) => pods)).toEqual([
      [
        "machine-learning-team-a/llama-finetune-0-worker-0/trainer-0-",
        "machine-learning-team-a/llama-finetune-0-worker-0/trainer-1-",
      ],
      [],
    ]);
  });

  test("says the worst of a GPU's findings, and nothing of a program's own fault", () => {
    const levels = [null, "application", "suspicion", "degraded", "fatal"] as const;
    const report = build(view(levels.map((health, index) => gpu(index, { health }))));
    expect(report.gpus.map(({ health }) => health ?? null)).toEqual([
      null,
      null,
      "suspicion",
      "degraded",
      "fatal",
    ]);
  });

  test("says how a card is cut and how much of it is held", () => {
    const instance = (n: number, profile: string | null): MigInstance => ({
      uuid: `MIG-${n}`,
      gpuInstance: n,
      computeInstance: 0,
      profile,
      memoryTotalBytes: value(bytes(1)),
      computeSlices: value(1),
    });
    const instances = [
      instance(1, "1g.18gb"),
      instance(2, "1g.18gb"),
      instance(3, "3g.71gb"),
      instance(4, null),
    ];
    const cut = (holders: GpuView["holders"]): GpuView =>
      gpu(0, { identity: aGpu(0, { mig: { kind: "on", instances } }), utilizationFrom: "gpm", holders });
    const held = [{ ...holder(0), instance: "MIG-2" }];
    const partly = [...held, { ...holder(0), instance: null }];
    const [some, unknown, off, part] = build(view([cut(held), cut(null), gpu(2), cut(partly)])).gpus;
    expect(some).toMatchObject({
      utilizationFrom: "gpm",
      mig: { "1g.18gb": [2, 1], "3g.71gb": [1, 0], unknown: [1, 0] },
    });
    expect(unknown?.mig).toEqual({ "1g.18gb": [2, null], "3g.71gb": [1, null], unknown: [1, null] });
    // Somebody holds a part that has no name here, so none can be called free.
    expect(part?.mig).toEqual(unknown?.mig);
    expect(off).not.toHaveProperty("mig");
    expect(off).not.toHaveProperty("utilizationFrom");
  });

  test("names a family of readings in short when none of it is supported", () => {
    expect(build(view([gpu(0)])).unsupported).toEqual(["pcieTx", "pcieRx", "retired*", "nvlink*", "fabric*"]);
    const but = GPU_READING_NAMES.filter((name) => name.startsWith("nvlink") && name !== "nvlinkReplays");
    // One of the family is supported; none but the plural's own two is whole.
    expect(build(view([gpu(0)], { unsupported: but })).unsupported).toContain("nvlinkTx");
    expect(build(view([gpu(0)], { unsupported: but })).unsupported).not.toContain("nvlink*");
  });
});

describe("encodeShort()", () => {
  const eight = Array.from({ length: 8 }, (_, index) => index);
  const subject = subjectFor("report", "gpu-1");
  const readBack = (report: GpuReport) => decode("report", subject, encodeShort(report));
  const whole = (report: GpuReport) => ({ kind: "message", node: "gpu-1", message: report });

  test("8 GPUs with long numbers in every window and a pod each are whole in less than 4 KiB", () => {
    const report = build(view(eight.map((index) => gpu(index))));
    expect(report.gpus[0]?.pods?.[0]).toHaveLength(60);
    expect(encodeShort(report).byteLength).toBeLessThan(4 * 1024);
    expect(readBack(report)).toEqual(whole(report));
  });

  test("so are 8 GPUs that three pods with longer names hold together", () => {
    const holders = [0, 1, 2].map((n) => holder(0, n, 40));
    const report = build(view(eight.map((index) => gpu(index, { holders }))));
    expect(encodeShort(report).byteLength).toBeLessThan(4 * 1024);
    expect(readBack(report)).toEqual(whole(report));
  });

  test("where there is no room for all pods it has none, and everything else", () => {
    const crowd = (index: number): GpuView =>
      gpu(index, { holders: Array.from({ length: 7 }, (_, n) => holder(index, n, 50)) });
    const report = build(view(eight.map(crowd)));
    expect(encodeShort(report).byteLength).toBeLessThan(4 * 1024);
    const gpus = report.gpus.map((one) => ({ ...one, pods: undefined }));
    expect(readBack(report)).toEqual(whole({ ...report, gpus }));
  });

  test("a list of pods that is longer than the contract takes is left out, and no part of one is sent", () => {
    const many = gpu(0, { holders: Array.from({ length: 129 }, (_, n) => holder(0, n)) });
    expect(build(view([many])).gpus[0]).not.toHaveProperty("pods");
  });

  test("utilisation and state stay when nothing else fits", () => {
    const seven = Object.fromEntries(eight.map((n) => [`${n}g.${"9".repeat(500)}gb`, [1, null]]));
    const report: GpuReport = build(view([gpu(0, { state: "lost", health: "fatal" })]));
    const [only] = report.gpus;
    if (only === undefined) throw new Error("a GPU");
    const read = readBack({ ...report, gpus: [{ ...only, mig: seven as NonNullable<typeof only.mig> }] });
    expect(read).toMatchObject({
      kind: "message",
      message: { gpus: [{ state: "lost", health: "fatal", utilization: only.utilization }] },
    });
    expect(read.kind === "message" && read.message.unsupported).toBeUndefined();
  });
});

describe("createReporter()", () => {
  function reporting(connected: boolean) {
    const sent: { subject: string; data: Uint8Array }[] = [];
    const publishLatest = (subject: string, data: Uint8Array): boolean => {
      if (connected) sent.push({ subject, data });
      return connected;
    };
    const reporter = createReporter({
      nats: { publishLatest },
      node: "gpu-1.sim.internal",
      subjectRoot: "gpuas.v1",
      describeSource,
    });
    return { reporter, sent };
  }

  test("sends on the node's own subject what the reader decodes, and counts up", () => {
    const { reporter, sent } = reporting(true);
    expect(reporter.send(view([gpu(0)]), AT)).toBe(true);
    reporter.send(view([gpu(0)]), AT);
    const [first, second] = sent.map(({ subject, data }) => decode("report", subject, data));
    expect(sent[0]?.subject).toBe(subjectFor("report", "gpu-1.sim.internal"));
    expect(first).toMatchObject({ kind: "message", node: "gpu-1.sim.internal", message: { seq: 0 } });
    expect(second).toMatchObject({ message: { seq: 1 } });
  });

  test("a report that cannot be sent is dropped, and its number shows the gap", () => {
    const { reporter, sent } = reporting(false);
    expect(reporter.send(view([gpu(0)]), AT)).toBe(false);
    expect(sent).toEqual([]);
  });
});
