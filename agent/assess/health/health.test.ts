import { describe, expect, test } from "vitest";

import type { HealthFinding, HealthLevel } from "../../../shared/model/gpu-health.ts";
import type { GpuEvent } from "../../../shared/model/gpu.ts";
import { seededRandom } from "../../../shared/model/random.ts";
import { epochMs, millis } from "../../../shared/model/units.ts";
import { aGpu, aSample, ready } from "../../../test/build/gpu.ts";
import { recoveryActionIn, xidEntry } from "./catalogue.ts";
import { createDedupe } from "./dedupe.ts";
import { createHealth } from "./health.ts";
import { readHealthMemory } from "./memory.ts";
import { healthSeries } from "./series.ts";
import { changeOf, FINDINGS_AT_MOST, nodeHealth, worstFirst } from "./verdict.ts";

const START = Date.UTC(2026, 10, 26);
const moment = (ms: number) => ({ at: epochMs(START + ms), steady: millis(ms) });
const anEvent = (xid: number, from: Partial<GpuEvent> = {}): GpuEvent => ({
  at: epochMs(START),
  gpu: "GPU-0",
  busId: null,
  teller: "driver",
  what: { kind: "xid", xid },
  gpuInstance: null,
  text: "",
  ...from,
});
const aHealth = () =>
  createHealth({
    intervalMs: millis(1_000),
    slowIntervalMs: millis(10_000),
    boot: "boot-1",
    memory: null,
    startedAt: moment(0),
  });
const aFinding = (
  rule: string,
  level: HealthLevel,
  since = 0,
  gpu: string | null = "GPU-0",
): HealthFinding => ({
  rule,
  gpu,
  level,
  since: epochMs(since),
  evidence: "told",
  remedy: "none",
  clears: "time",
});

describe("xidEntry()", () => {
  test("knows no number twice, and takes an unknown one for odd", () => {
    expect([79, 48, 94, 13, 43, 154, 4_711].map((xid) => xidEntry(xid).class)).toEqual([
      "fatal",
      "fatal",
      "degraded",
      "application",
      "application",
      "informational",
      "suspicion",
    ]);
  });

  test("recoveryActionIn() reads what an XID 154 changes to", () => {
    expect(
      recoveryActionIn("GPU recovery action changed from 0x0 (None) to 0x2 (Node Reboot Required)"),
    ).toBe(2);
    expect(recoveryActionIn("GPU recovery action changed")).toBeNull();
  });
});

describe("createDedupe()", () => {
  const log = (xid: number, ms: number, from: Partial<GpuEvent> = {}): GpuEvent =>
    anEvent(xid, { teller: "kernel-log", at: epochMs(START + ms), ...from });

  test("takes the other teller's word within 2 s for the same fault, in either order", () => {
    for (const [first, second] of [
      [anEvent(79), log(79, 2_000)],
      [log(79, 0), anEvent(79, { at: epochMs(START + 1_999) })],
    ] as const) {
      const dedupe = createDedupe();
      expect(dedupe.isSecondTelling(first)).toBe(false);
      expect(dedupe.isSecondTelling(second)).toBe(true);
    }
  });

  test.each<[string, GpuEvent]>([
    ["later than that", log(79, 2_001)],
    ["another XID", log(48, 0)],
    ["another GPU", log(79, 0, { gpu: "GPU-1" })],
    ["the same teller", anEvent(79)],
  ])("keeps apart: %s", (_, other) => {
    const dedupe = createDedupe();
    dedupe.isSecondTelling(anEvent(79));
    expect(dedupe.isSecondTelling(other)).toBe(false);
  });

  test("pairs each telling once: two faults told twice each are two", () => {
    const dedupe = createDedupe();
    const heard = [anEvent(13), anEvent(13), log(13, 500), log(13, 600)];
    expect(heard.map((event) => dedupe.isSecondTelling(event))).toEqual([false, false, true, true]);
  });
});

describe("createHealth()", () => {
  test("names the GPU of a telling that has an address only, counts a fault once, and takes both as its sources", () => {
    const health = aHealth();
    health.cycle({ at: epochMs(START), source: ready(aGpu(0)), samples: [aSample(0)] }, moment(0));
    const told = { gpu: null, busId: "0000:3b:00.0", teller: "kernel-log" } as const;
    expect(health.event(anEvent(62, told), moment(100))).toMatchObject({
      event: { gpu: "GPU-0" },
      class: "fatal",
    });
    expect(health.findings()).toMatchObject([{ rule: "xid-reset", gpu: "GPU-0", level: "degraded" }]);
    expect(health.event(anEvent(62), moment(200))).toBeNull();
    expect(health.findings()).toMatchObject([{ level: "fatal" }]);
    expect(health.xids()).toEqual([{ gpu: "GPU-0", xid: 62, class: "fatal", count: 1, lastAt: START }]);
  });

  test("keeps what is said of a GPU that is gone, under its UUID", () => {
    const health = aHealth();
    health.cycle({ at: epochMs(START), source: ready(aGpu(0), aGpu(1)), samples: [] }, moment(0));
    health.event(anEvent(79, { gpu: "GPU-1" }), moment(1_000));
    // The one that is left takes the first place.
    health.cycle(
      { at: epochMs(START), source: ready(aGpu(0)), samples: [aSample(0, { recoveryAction: 0 })] },
      moment(3_600_000),
    );
    expect(health.findings()).toMatchObject([{ rule: "fell-off-bus", gpu: "GPU-1" }]);
  });

  test("has no word for a node before the GPUs were asked, and calls it unknown 5 minutes after they answered", () => {
    const health = aHealth();
    expect([health.node(moment(0)), health.settled(moment(299_999))]).toEqual(["unknown", false]);
    expect(health.settled(moment(300_000))).toBe(true);
    health.source(ready(aGpu(0)), moment(10_000));
    expect(health.settled(moment(10_000))).toBe(true);
    health.source({ state: "failed", call: "nvmlInit_v2", code: 999, detail: "" }, moment(11_000));
    expect(health.node(moment(309_999))).toBe("healthy");
    expect(health.node(moment(310_000))).toBe("unknown");
  });

  test("throws at nothing that a driver or a kernel could say (seed 20261126)", () => {
    const random = seededRandom(20_261_126);
    const health = aHealth();
    const pick = <T>(values: readonly T[]): T => values[Math.floor(random() * values.length)] as T;
    for (let step = 0; step < 2_000; step++) {
      const what = pick<GpuEvent["what"]>([
        { kind: "xid", xid: Math.floor(random() * 200) },
        { kind: "sxid", sxid: Math.floor(random() * 40_000), fatal: random() < 0.5 },
        { kind: "lost" },
        { kind: "reset" },
        { kind: "recovery-action" },
        { kind: "mig-changed" },
      ]);
      health.event(
        anEvent(0, { what, gpu: pick(["GPU-0", null, ""]), at: epochMs(START + step * 500) }),
        moment(step),
      );
      const odd = pick([Number.NaN, -1, 0, 1, 99, 1e300]);
      const sample = aSample(0, { recoveryAction: odd, pcieReplays: odd, nvlinksActive: odd, energy: odd });
      health.cycle({ at: epochMs(START), source: ready(aGpu(0)), samples: [sample] }, moment(step));
      expect(health.findings().length).toBeLessThanOrEqual(FINDINGS_AT_MOST);
    }
    expect(readHealthMemory(JSON.parse(JSON.stringify(health.memory())))).toEqual(health.memory());
  });
});

describe("readHealthMemory()", () => {
  test.each([null, 7, [], {}, { v: 2, cases: [], times: [] }, "text"])("has nothing from %j", (value) => {
    expect(readHealthMemory(value)).toBeNull();
  });

  test("leaves out the rows that it cannot read", () => {
    const good = {
      rule: "fell-off-bus",
      gpu: "GPU-0",
      since: 1,
      toldAt: 2,
      busId: null,
      evidence: "Xid 79 (driver)",
      tellers: ["driver"],
      confirmed: true,
      asked: false,
    };
    const cases = [good, { ...good, since: "yesterday" }, { ...good, gpu: 7 }, null, { ...good, toldAt: -1 }];
    const seen = {
      gpu: "GPU-0",
      busId: "0000:3b:00.0",
      energy: 1.5,
      wasLost: true,
      nvlinksUp: 18,
      pcieWidth: null,
    };
    const gpus = [seen, { ...seen, gpu: null }, 7, { ...seen, energy: "much", busId: "x".repeat(33) }];
    expect(readHealthMemory({ v: 1, boot: "b", driver: 7, cases, times: "none", gpus })).toEqual({
      v: 1,
      boot: "b",
      driver: null,
      cases: [good],
      times: [],
      gpus: [seen, { ...seen, energy: null, busId: null }],
    });
  });

  test("of a rule that is no more opens no case", () => {
    const { gpu, since, toldAt } = { gpu: "GPU-0", since: epochMs(1), toldAt: epochMs(2) };
    const lost = {
      rule: "of-old",
      gpu,
      busId: null,
      since,
      toldAt,
      evidence: "",
      tellers: [],
      confirmed: true,
      asked: false,
    };
    const memory = { v: 1, boot: "boot-1", driver: null, cases: [lost], times: [], gpus: [] } as const;
    const options = { intervalMs: millis(1_000), slowIntervalMs: millis(10_000), boot: "boot-1" };
    expect(createHealth({ ...options, memory, startedAt: moment(0) }).findings()).toEqual([]);
  });
});

describe("the verdict", () => {
  test.each<[readonly HealthLevel[], boolean, string]>([
    [[], true, "healthy"],
    [["application", "suspicion"], true, "healthy"],
    [["degraded", "application"], true, "degraded"],
    [["degraded", "fatal"], true, "fatal"],
    [[], false, "unknown"],
    [["degraded"], false, "unknown"],
    [["fatal"], false, "fatal"],
  ])("of %j with the source known: %j is %s", (levels, known, verdict) => {
    expect(
      nodeHealth(
        levels.map((level) => aFinding("a", level)),
        known,
      ),
    ).toBe(verdict);
  });

  test("is told worst first, then oldest first, and no more than a message carries", () => {
    const findings = [aFinding("c", "degraded", 5), aFinding("b", "fatal", 9), aFinding("a", "fatal", 2)];
    expect(worstFirst(findings).map(({ rule }) => rule)).toEqual(["a", "b", "c"]);
    const many = Array.from({ length: 100 }, (_, at) =>
      aFinding("x", at === 99 ? "fatal" : "suspicion", at, `${at}`),
    );
    expect(worstFirst(many)).toHaveLength(FINDINGS_AT_MOST);
    expect(worstFirst(many)[0]?.level).toBe("fatal");
  });

  test("is news when a finding is there, gone, worse or milder, and not when its numbers change", () => {
    const one = aFinding("a", "degraded");
    const worse = aFinding("a", "fatal");
    expect(changeOf([], [one])).toEqual({ raised: [one], over: [], any: true });
    expect(changeOf([one], [])).toEqual({ raised: [], over: [one], any: true });
    expect(changeOf([one], [worse])).toEqual({ raised: [worse], over: [], any: true });
    expect(changeOf([worse], [one])).toEqual({ raised: [], over: [], any: true });
    expect(changeOf([one], [{ ...one, evidence: "other numbers" }])).toEqual({
      raised: [],
      over: [],
      any: false,
    });
  });
});

test("healthSeries() gives XIDs, findings and the node's state", () => {
  const series = healthSeries("n1", [aGpu(3)], {
    findings: [aFinding("fell-off-bus", "fatal", 0, "GPU-3"), aFinding("gpus-missing", "fatal", 0, null)],
    xids: [{ gpu: "GPU-3", xid: 79, class: "fatal", count: 2, lastAt: epochMs(1_500) }],
    node: "fatal",
  });
  const of = { node: "n1", gpu: "3", uuid: "GPU-3" };
  expect(series).toEqual([
    { name: "gpu_autoscaler_gpu_xid_errors_total", labels: { ...of, xid: "79", class: "fatal" }, value: 2 },
    {
      name: "gpu_autoscaler_gpu_xid_last_timestamp_seconds",
      labels: { ...of, xid: "79", class: "fatal" },
      value: 1.5,
    },
    { name: "gpu_autoscaler_gpu_health", labels: { ...of, level: "fatal", rule: "fell-off-bus" }, value: 1 },
    {
      name: "gpu_autoscaler_gpu_health",
      labels: { node: "n1", gpu: "", uuid: "", level: "fatal", rule: "gpus-missing" },
      value: 1,
    },
    ...["healthy", "degraded", "fatal", "unknown"].map((state) => ({
      name: "gpu_autoscaler_node_gpu_health",
      labels: { node: "n1", state },
      value: state === "fatal" ? 1 : 0,
    })),
  ]);
});
