import { describe, expect, test } from "vitest";

import { encode } from "../../shared/contract/codec.ts";
import { written } from "../../shared/contract/gpu-report.ts";
import type { GpuReport, ReportedGpu } from "../../shared/contract/gpu-report.ts";
import { subjectFor } from "../../shared/contract/subjects.ts";
import { SUBJECT_ROOT } from "../../shared/model/names.ts";
import { epochMs } from "../../shared/model/units.ts";
import { aReport } from "../../test/build/reports.ts";
import { freshness } from "../decide/fleet/fresh.ts";
import { createFleet, digestOf, MAX_DIGESTS } from "./fleet.ts";

const START = Date.UTC(2026, 5, 1);

function aFleet() {
  const state = { now: START, refused: [] as string[], turns: [] as string[], ages: [] as number[] };
  const fleet = createFleet({
    now: () => epochMs(state.now),
    subjectRoot: SUBJECT_ROOT,
    onRefused: (code) => state.refused.push(code),
    onTurn: (node) => state.turns.push(node),
    onAge: (ms) => state.ages.push(ms),
  });
  const send = (report: GpuReport, subject = subjectFor("report", report.node)): void =>
    fleet.accept(subject, encode<"report">(report));
  return { fleet, state, send };
}

describe("createFleet()", () => {
  test("says that a node never reported", () => {
    expect(aFleet().fleet.telemetry("n1")).toMatchObject({ kind: "unknown", because: "never-reported" });
  });

  test("dates a report by its receipt on our own clock, whatever the agent's clock says", () => {
    const { fleet, send } = aFleet();
    send(aReport("n1", { at: START - 3_600_000, utilization: 0.25 }));
    expect(fleet.telemetry("n1")).toMatchObject({
      kind: "reported",
      receivedAt: START,
      gpus: [{ mean60: 0.25 }],
      since: [{ at: START, busiest: 0.25, peak: 0.25, coverage: 1 }],
    });
  });

  test("tells how old each report was, by two clocks and so never less than nothing", () => {
    const { state, send } = aFleet();
    for (const ageMs of [40, 0, -3_000]) send(aReport("n1", { at: START - ageMs }));
    expect(state.ages).toEqual([40, 0, 0]);
  });

  test("reads a report that leaves out what can be filled in", () => {
    const { fleet, state } = aFleet();
    const report = aReport("n1", { utilization: 0.25 });
    const [gpu] = report.gpus;
    if (gpu === undefined) throw new Error("a report has a GPU");
    const two: GpuReport = { ...report, gpus: [gpu, { ...gpu, index: 1, uuid: "GPU-b" }] };
    const data = new TextEncoder().encode(JSON.stringify(written(two)));
    expect(data.byteLength).toBeLessThan(encode<"report">(two).byteLength);
    fleet.accept(subjectFor("report", "n1"), data);
    expect(state.refused).toEqual([]);
    expect(fleet.telemetry("n1")).toMatchObject({
      gpus: [
        { uuid: "GPU-b", mean60: 0.25 },
        { uuid: "GPU-of-n1", mean60: 0.25 },
      ],
      since: [{ busiest: 0.25, coverage: 1 }],
    });
  });

  test("keeps every report since the last decision, and only those", () => {
    const { fleet, state, send } = aFleet();
    for (const utilization of [0, 0.9, 0]) {
      send(aReport("n1", { utilization }));
      state.now += 5_000;
    }
    const telemetry = fleet.telemetry("n1");
    expect(telemetry.kind === "reported" && telemetry.since.map(({ busiest }) => busiest)).toEqual([
      0, 0.9, 0,
    ]);
    fleet.decided(epochMs(START + 5_000));
    const after = fleet.telemetry("n1");
    expect(after.kind === "reported" && after.since.map(({ at }) => at)).toEqual([START + 10_000]);
  });

  test("keeps the last report after a decision: one that was thin is thin until the next comes", () => {
    const { fleet, state, send } = aFleet();
    const [gpu] = aReport("n1").gpus;
    if (gpu === undefined) throw new Error("a report has a GPU");
    const thin: ReportedGpu = { ...gpu, utilization: { ...gpu.utilization, w10: [0, 0, 0, 0.3, 0] } };
    send(aReport("n1", { gpus: [thin] }));
    const freshAt = (): unknown => freshness(fleet.telemetry("n1"), epochMs(state.now));
    expect(freshAt()).toEqual({ kind: "thin", coverage: 0.3 });
    for (let decision = 0; decision < 3; decision++) {
      fleet.decided(epochMs(state.now));
      state.now += 1_000;
      expect(freshAt()).toEqual({ kind: "thin", coverage: 0.3 });
    }
    send(aReport("n1"));
    expect(freshAt()).toEqual({ kind: "fresh" });
    fleet.decided(epochMs(state.now));
    const telemetry = fleet.telemetry("n1");
    expect(telemetry.kind === "reported" && telemetry.since.map(({ coverage }) => coverage)).toEqual([1]);
  });

  test("keeps a report that came in the millisecond of a decision that did not see it", () => {
    const { fleet, send } = aFleet();
    send(aReport("n1"));
    fleet.telemetry("n1");
    send(aReport("n1", { utilization: 0.9 }));
    fleet.decided(epochMs(START));
    const telemetry = fleet.telemetry("n1");
    expect(telemetry.kind === "reported" && telemetry.since.map(({ busiest }) => busiest)).toEqual([0.9]);
  });

  test("stays bounded while nobody decides, and loses no blip by it", () => {
    const { fleet, state, send } = aFleet();
    send(aReport("n1", { utilization: 0.95 }));
    for (let i = 0; i < 3 * MAX_DIGESTS; i++) {
      state.now += 5_000;
      send(aReport("n1"));
    }
    const telemetry = fleet.telemetry("n1");
    const since = telemetry.kind === "reported" ? telemetry.since : [];
    expect(since).toHaveLength(MAX_DIGESTS);
    expect(since[0]).toMatchObject({ busiest: 0.95, peak: 0.95 });
  });

  test("says why a node's GPUs cannot be read, and restarts idleness by a digest without a number", () => {
    const { fleet, send, state } = aFleet();
    send(aReport("n1"));
    send(aReport("n1", { source: { state: "hung", detail: "nvmlDeviceGetUtilizationRates on GPU 2" } }));
    expect(fleet.telemetry("n1")).toEqual({
      kind: "unknown",
      because: "source-not-ready",
      detail: "hung: nvmlDeviceGetUtilizationRates on GPU 2",
    });
    expect(state.turns).toEqual(["n1", "n1"]);
    send(aReport("n1"));
    const telemetry = fleet.telemetry("n1");
    expect(telemetry.kind === "reported" && telemetry.since.map(({ busiest }) => busiest)).toEqual([
      0,
      null,
      0,
    ]);
  });

  test("counts what it refuses and keeps what it knew", () => {
    const { fleet, state, send } = aFleet();
    send(aReport("n1", { utilization: 0.5 }));
    send(aReport("n2"), subjectFor("report", "n1"));
    fleet.accept(subjectFor("report", "n1"), new Uint8Array([1, 2, 3]));
    expect(state.refused).toEqual(["wrong-sender", "not-json"]);
    expect(fleet.telemetry("n1")).toMatchObject({ gpus: [{ mean60: 0.5 }] });
  });

  test("forgets a node that the cluster does not have, but not at once", () => {
    const { fleet, state, send } = aFleet();
    send(aReport("early"));
    fleet.keepOnly(new Set());
    expect(fleet.telemetry("early").kind).toBe("reported");
    state.now += 60_001;
    fleet.keepOnly(new Set());
    expect(fleet.telemetry("early").kind).toBe("unknown");
  });
});

describe("digestOf()", () => {
  const [gpu] = aReport("n1").gpus;
  if (gpu === undefined) throw new Error("a report has a GPU");
  const at = epochMs(START);

  test("knows nothing when one GPU of several cannot tell", () => {
    const blind: ReportedGpu = {
      ...gpu,
      uuid: "b",
      utilization: { ...gpu.utilization, w10: "unsupported" },
    };
    expect(digestOf(aReport("n1", { gpus: [gpu, blind] }), at)).toEqual({
      at,
      busiest: null,
      peak: null,
      coverage: 0,
    });
  });

  test("takes a lost GPU for unknown, not for idle", () => {
    expect(digestOf(aReport("n1", { gpus: [{ ...gpu, state: "lost" }] }), at).busiest).toBeNull();
  });

  test.each([
    [-0.5, 0.9, 0.9],
    [0, -1, 0],
    [0, 0, -1],
  ])("takes a share below 0 for unknown, not for idle: %d, %d, %d", (mean, max, p95) => {
    const odd: ReportedGpu = { ...gpu, utilization: { ...gpu.utilization, w10: [mean, max, p95, 1, 0] } };
    expect(digestOf(aReport("n1", { gpus: [odd] }), at)).toMatchObject({
      busiest: null,
      peak: null,
      coverage: 0,
    });
  });

  test("takes a node without GPUs for unknown, not for idle", () => {
    expect(digestOf(aReport("n1", { gpus: [] }), at)).toEqual({ at, busiest: null, peak: null, coverage: 0 });
  });

  test("takes a card in MIG mode by its busiest instance: one that works keeps the node", () => {
    const cut: ReportedGpu = {
      ...gpu,
      uuid: "b",
      utilizationFrom: "gpm",
      utilization: { ...gpu.utilization, w10: [0.3, 0.7, 0.6, 1, 0] },
      mig: { "1g.18gb": [7, 1] },
    };
    expect(digestOf(aReport("n1", { gpus: [gpu, cut] }), at)).toEqual({
      at,
      busiest: 0.6,
      peak: 0.7,
      coverage: 1,
    });
  });

  test.each(["failed", "unsupported", "no-samples"] as const)(
    "knows nothing of a card in MIG mode of which an instance is %s, held or not",
    (w10) => {
      const cut: ReportedGpu = {
        ...gpu,
        uuid: "b",
        utilizationFrom: "gpm",
        utilization: { ...gpu.utilization, w10 },
        pods: [],
        mig: { "1g.18gb": [7, 0] },
      };
      expect(digestOf(aReport("n1", { gpus: [gpu, cut] }), at)).toEqual({
        at,
        busiest: null,
        peak: null,
        coverage: 0,
      });
    },
  );

  test("judges by what the GPUs do, and not by a mean or a verdict that the agent adds", () => {
    const busy: ReportedGpu = { ...gpu, utilization: { ...gpu.utilization, w10: [0.9, 0.9, 0.9, 1, 0] } };
    const idle = { gpus: 1, utilization: gpu.utilization };
    const report = aReport("n1", { gpus: [busy], healthyGpus: idle, allocatedGpus: idle, health: "healthy" });
    expect(digestOf(report, at)).toMatchObject({ busiest: 0.9, peak: 0.9 });
  });

  test("takes the busiest GPU and the thinnest window", () => {
    const busy: ReportedGpu = {
      ...gpu,
      uuid: "b",
      utilization: { ...gpu.utilization, w10: [0.1, 0.9, 0.4, 0.5, 0] },
    };
    expect(digestOf(aReport("n1", { gpus: [gpu, busy] }), at)).toEqual({
      at,
      busiest: 0.4,
      peak: 0.9,
      coverage: 0.5,
    });
  });
});
