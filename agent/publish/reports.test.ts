import { describe, expect, test } from "vitest";

import { decode } from "../../shared/contract/codec.ts";
import { gpuReportSchema } from "../../shared/contract/gpu-report.ts";
import { subjectFor } from "../../shared/contract/subjects.ts";
import type { GpuSource, Reading, Window } from "../../shared/model/gpu.ts";
import { bytes, epochMs, millis, ratio } from "../../shared/model/units.ts";
import type { GpuView, NodeView } from "../assess/view.ts";
import { buildReport, createReporter } from "./reports.ts";

const AT = epochMs(1_790_000_000_123);
const describeSource = (source: GpuSource): string => `about ${source.state}`;

function known(mean: number, max: number, p95: number, coverage = 0.987_654): Window {
  return { kind: "known", mean, max, p95, coverage: ratio(coverage), ageMs: millis(512.345) };
}

/** Readings with as many digits as they come. */
function gpu(index: number, more: Partial<GpuView> = {}): GpuView {
  const share = known(0.876_543_21, 0.99, 0.98);
  return {
    identity: {
      index,
      uuid: `GPU-${String(index).padStart(8, "0")}-aaaa-bbbb-cccc-dddddddddddd`,
      name: { kind: "value", value: "NVIDIA H100 80GB HBM3" },
      busId: { kind: "value", value: "0000:3b:00.0" },
      memoryTotalBytes: { kind: "value", value: bytes(85_520_809_984) },
    },
    state: "present",
    utilization: { w10: share, w60: share, w600: share },
    memoryUsedBytes: known(71_234_567_890.123, 78_234_567_890, 77_234_567_890),
    temperatureCelsius: known(64.512_3, 71, 70),
    powerWatts: known(642.123_4, 699.871, 688.321),
    ...more,
  };
}

function view(gpus: readonly GpuView[]): NodeView {
  const identities = gpus.map((one) => one.identity);
  return { source: { state: "ready", driver: "580.95.05", gpus: identities }, gpus };
}

describe("buildReport()", () => {
  test("is what the contract says", () => {
    const report = buildReport("gpu-1", view([gpu(0)]), { at: AT, seq: 3, describeSource });
    expect(gpuReportSchema.parse(report)).toEqual(report);
    expect(report).toMatchObject({
      v: 1,
      node: "gpu-1",
      at: AT,
      seq: 3,
      source: { state: "ready", driver: "580.95.05" },
    });
  });

  test("rounds to what the driver can tell, and coverage down", () => {
    const [first] = buildReport("gpu-1", view([gpu(0)]), { at: AT, seq: 0, describeSource }).gpus;
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
    expect(
      buildReport("gpu-1", view([thin]), { at: AT, seq: 0, describeSource }).gpus[0]?.utilization.w10,
    ).toEqual([0.3, 0.3, 0.3, 0.89, expect.any(Number)]);
  });

  test("what is not known is said and is no number", () => {
    const unsupported: Window = { kind: "unknown", because: "unsupported" };
    const failed: Reading<never> = { kind: "failed", code: 999 };
    const mig = gpu(0, {
      utilization: { w10: unsupported, w60: unsupported, w600: unsupported },
      state: "lost",
    });
    const nameless = { ...mig, identity: { ...mig.identity, name: failed, memoryTotalBytes: failed } };
    const [first] = buildReport("gpu-1", view([nameless]), { at: AT, seq: 0, describeSource }).gpus;
    expect(first).toMatchObject({
      name: null,
      memoryTotalBytes: null,
      state: "lost",
      utilization: { w10: "unsupported" },
    });
  });

  test("a source that is not ready carries its detail", () => {
    const report = buildReport(
      "gpu-1",
      { source: { state: "driver-not-loaded", code: 9 }, gpus: [] },
      { at: AT, seq: 0, describeSource },
    );
    expect(report.source).toEqual({ state: "driver-not-loaded", detail: "about driver-not-loaded" });
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

  test("8 GPUs with long numbers in every window take less than 4 KiB", () => {
    const { reporter, sent } = reporting(true);
    reporter.send(view(Array.from({ length: 8 }, (_, index) => gpu(index))), AT);
    expect(sent[0]?.data.byteLength).toBeLessThan(4 * 1024);
  });
});
