// Whatever a driver, a log or a clock says, and in whatever order: nothing throws, what is told fits its message, what
// is kept can be read again, and neither grows without end.

import fc from "fast-check";
import { describe, expect, test } from "vitest";

import { decode, encode } from "../../../shared/contract/codec.ts";
import { GPU_READING_NAMES, emptyReadings } from "../../../shared/model/gpu-readings.ts";
import type { GpuEvent, GpuSample, GpuSource } from "../../../shared/model/gpu.ts";
import { KNOWN_CODES } from "../../../shared/model/nvml-status.ts";
import { epochMs, millis } from "../../../shared/model/units.ts";
import { aGpu, ready } from "../../../test/build/gpu.ts";
import { conditionOf } from "../../publish/condition.ts";
import { createHealth } from "./health.ts";
import type { Health } from "./health.ts";
import { readHealthMemory } from "./memory.ts";

const START = Date.UTC(2026, 10, 26);
const anXid = fc.oneof(
  fc.constantFrom(13, 31, 48, 62, 63, 74, 79, 94, 95, 119, 149, 154),
  fc.nat({ max: 99_999 }),
);
const what: fc.Arbitrary<GpuEvent["what"]> = fc.oneof(
  anXid.map((xid) => ({ kind: "xid" as const, xid })),
  fc.record({ kind: fc.constant("sxid" as const), sxid: fc.nat(), fatal: fc.boolean() }),
  fc
    .constantFrom("lost", "reset", "mig-changed", "unavailable", "recovery-action")
    .map((kind) => ({ kind }) as GpuEvent["what"]),
);
const anEvent: fc.Arbitrary<GpuEvent> = fc.record({
  at: fc.nat({ max: 4e12 }).map(epochMs),
  gpu: fc.constantFrom("GPU-0", "GPU-1", "GPU-9", "", null),
  busId: fc.constantFrom("0000:3b:00.0", "0000:3c:00.0", "ffff:ff:1f.7", "", null),
  teller: fc.constantFrom("driver", "kernel-log"),
  what,
  gpuInstance: fc.constantFrom(null, 3),
  text: fc.oneof(
    fc.string({ maxLength: 300 }),
    fc.constantFrom("changed from 0x1 to 0x0 (None)", "to 0x9", "Fatal XC0"),
  ),
});
const aValue = fc.oneof(fc.double(), fc.constantFrom(0, 1, 2, 3, 16, 18, -1, Number.NaN, Infinity));
const aCode = fc.constantFrom(0, 0, 0, ...KNOWN_CODES, 4_711);
const aSample: fc.Arbitrary<GpuSample> = fc.record({
  uuid: fc.constantFrom("GPU-0", "GPU-1", "GPU-7"),
  state: fc.constantFrom("present", "lost"),
  readings: fc
    .array(fc.tuple(aValue, aCode), {
      minLength: GPU_READING_NAMES.length,
      maxLength: GPU_READING_NAMES.length,
    })
    .map((cells) => {
      const readings = emptyReadings();
      cells.forEach(([of, code], at) => {
        readings.values[at] = of;
        readings.codes[at] = code;
      });
      return readings;
    }),
  instances: fc.constant([]),
  processes: fc.constant(null),
});
const aSource: fc.Arbitrary<GpuSource> = fc.constantFrom<GpuSource[]>(
  { state: "starting" },
  ready(),
  ready(aGpu(0), aGpu(1)),
  { ...ready(aGpu(1, { index: 0 })), driver: "590.1" } as GpuSource,
  ready(aGpu(0, { mig: { kind: "failed", code: 999 } })),
  { state: "no-device", driver: "" },
  { state: "hung", call: "nvmlInit_v2", gpu: null, forMs: millis(1e9) },
  { state: "hung", call: "?", gpu: 1, forMs: millis(40_000) },
  { state: "failed", call: "nvmlInit_v2", code: 18, detail: "" },
  { state: "driver-not-loaded", code: 9 },
);
const aStep = fc.record({
  passesMs: fc.constantFrom(0, 200, 1_000, 10_000, 600_000, 86_400_000),
  wallMs: fc.nat({ max: 4e12 }),
  does: fc.oneof(
    anEvent.map((event) => ({ event })),
    fc.record({ source: aSource, samples: fc.array(aSample, { maxLength: 3 }) }).map((cycle) => ({ cycle })),
    aSource.map((source) => ({ source })),
    fc.constantFrom(null, 0, 8).map((expected) => ({ expected })),
  ),
});

const aHealth = (memory: unknown = null): Health =>
  createHealth({
    intervalMs: millis(1_000),
    slowIntervalMs: millis(10_000),
    boot: "boot-1",
    memory: readHealthMemory(memory),
    startedAt: { at: epochMs(START), steady: millis(0) },
  });

describe("the health of a node", () => {
  test("takes in anything, and what it tells and keeps can be read", () => {
    fc.assert(
      fc.property(fc.array(aStep, { maxLength: 25 }), (steps) => {
        const health = aHealth();
        let steady = 0;
        for (const { passesMs, wallMs, does } of steps) {
          steady += passesMs;
          const now = { at: epochMs(wallMs), steady: millis(steady) };
          if ("event" in does) health.event(does.event, now);
          else if ("cycle" in does) health.cycle({ at: now.at, ...does.cycle }, now);
          else if ("source" in does) health.source(does.source, now);
          else health.expect(does.expected);
          health.tick(now);
          const findings = health.findings();
          const node = health.node(now);
          const id = "1";
          const data = encode<"health">({
            v: 1,
            node: "n1",
            at: now.at,
            id,
            health: { kind: "findings", node, findings: [...findings] },
          });
          expect(decode("health", "gpuas.v1.health.n1", data).kind).toBe("message");
          expect(conditionOf(node, findings).reason).toMatch(/^[A-Za-z]([A-Za-z0-9_,:]*[A-Za-z0-9_])?$/);
          // Each rule and GPU once: what is told twice is news without end.
          expect(health.changeSince(findings).any).toBe(false);
        }
        const kept: unknown = JSON.parse(JSON.stringify(health.memory()));
        expect(readHealthMemory(kept)).toEqual(kept);
        expect(() => aHealth(kept).findings()).not.toThrow();
      }),
      { numRuns: 150 },
    );
  });

  test("keeps little of weeks of faults at addresses that nobody knows", () => {
    const health = aHealth();
    for (let step = 0; step < 20_000; step++) {
      const at = epochMs(START + step * 120_000);
      const busId = `${step.toString(16).padStart(4, "0")}:3b:00.0`;
      const xid = [79, 48, 62, 13, 94, 63][step % 6] ?? 0;
      const now = { at, steady: millis(step * 120_000) };
      health.event(
        {
          at,
          gpu: null,
          busId,
          teller: "kernel-log",
          what: { kind: "xid", xid },
          gpuInstance: null,
          text: "",
        },
        now,
      );
      if (step % 100 === 0) health.tick(now);
    }
    // A state file of more than 4 MiB is not read.
    expect(JSON.stringify(health.memory()).length).toBeLessThan(1_000_000);
    expect(health.xids().length).toBeLessThanOrEqual(2_000);
  });
});
