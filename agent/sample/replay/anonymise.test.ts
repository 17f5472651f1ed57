// For any machine: nothing that names it is left in the file, and what belonged together still does.

import fc from "fast-check";
import { describe, expect, test } from "vitest";

import type { GpuEvent, GpuSample } from "../../../shared/model/gpu.ts";
import { epochMs, millis } from "../../../shared/model/units.ts";
import { aGpu, aSample, ready, value } from "../../../test/build/gpu.ts";
import { anonymise } from "./anonymise.ts";
import { CAPTURE_FORMAT } from "./capture-schema.ts";
import type { Capture, CaptureStep } from "./capture-schema.ts";
import { captureFrom } from "./capture.ts";
import { createPacker } from "./deltas.ts";

const HEX = Array.from({ length: 16 }, (_, digit) => digit.toString(16));
const hex = (length: number): fc.Arbitrary<string> =>
  fc.string({ unit: fc.constantFrom(...HEX), minLength: length, maxLength: length });
// A first digit above 0 keeps it apart from every placeholder and from every number of a reading.
const anUuid = fc
  .tuple(hex(7), hex(4), hex(4), hex(4), hex(12))
  .map(([a, ...rest]) => [`d${a}`, ...rest].join("-"));
const aMachine = fc.record({
  uuids: fc.uniqueArray(anUuid, { minLength: 2, maxLength: 2 }),
  serials: fc.uniqueArray(fc.stringMatching(/^1[0-9]{12}$/), { minLength: 2, maxLength: 2 }),
  buses: fc.uniqueArray(hex(2), { minLength: 2, maxLength: 2 }),
  pid: fc.integer({ min: 100_000, max: 4_000_000 }),
});

type Machine = typeof aMachine extends fc.Arbitrary<infer T> ? T : never;

function captureOf({ uuids, serials, buses, pid }: Machine): Capture {
  const gpus = uuids.map((uuid, index) => {
    const gpu = aGpu(index);
    return {
      ...gpu,
      uuid: `GPU-${uuid}`,
      busId: value(`0000:${buses[index]}:00.0`),
      details: { ...gpu.details, serial: value(serials[index] ?? "") },
    };
  });
  const [uuid = ""] = uuids;
  const cut = {
    ...aGpu(2),
    uuid: `GPU-${uuid.replace("d", "e")}`,
    busId: value("0000:d9:00.0"),
    mig: {
      kind: "on" as const,
      instances: [
        {
          uuid: `MIG-GPU-${uuid}/1/0`,
          gpuInstance: 1,
          computeInstance: 0,
          profile: "1g.18gb",
          memoryTotalBytes: gpus[0]?.memoryTotalBytes ?? aGpu(0).memoryTotalBytes,
          computeSlices: value(1),
        },
      ],
    },
  };
  const samples: GpuSample[] = gpus.map((gpu, index) => ({
    ...aSample(index),
    uuid: gpu.uuid,
    instances: [{ uuid: `MIG-${uuid}`, readings: aSample(0).readings }],
    processes: [{ pid, kind: "compute", memoryBytes: null, gpuInstance: null, computeInstance: null }],
  }));
  const event: Omit<GpuEvent, "at"> = {
    gpu: `GPU-${uuid}`,
    busId: `0000:${buses[0]}:00.0`,
    teller: "kernel-log",
    what: { kind: "xid", xid: 79 },
    gpuInstance: null,
    text: `NVRM: Xid (PCI:0000:${buses[0]}:00): 79, pid=${pid}, name=secret-trainer, GPU has fallen off the bus.`,
  };
  const steps: CaptureStep[] = [
    { kind: "source", atMs: millis(0), source: ready(...gpus, cut) },
    { kind: "cycle", atMs: millis(0), gpus: createPacker().pack(samples) },
    { kind: "event", atMs: millis(1), event },
    {
      kind: "source",
      atMs: millis(2),
      source: {
        state: "failed",
        call: "nvmlInit_v2",
        code: 15,
        detail: `GPU-${uuid.toUpperCase()} at 00000000:${(buses[0] ?? "").toUpperCase()}:00.0 is lost`,
      },
    },
  ];
  return {
    format: CAPTURE_FORMAT,
    v: 1,
    madeAt: new Date(epochMs(0)).toISOString(),
    note: "",
    intervalMs: millis(1_000),
    survey: { library: `/opt/MIG-${uuid}/libnvidia-ml.so.1`, calls: [], fields: [] },
    steps,
  };
}

describe("anonymise()", () => {
  test("leaves nothing that names the machine", () => {
    fc.assert(
      fc.property(aMachine, (machine) => {
        const text = JSON.stringify(anonymise(captureOf(machine))).toLowerCase();
        const names = [
          ...machine.uuids,
          ...machine.serials,
          ...machine.buses.map((bus) => `0000:${bus}:00`),
          `"pid":${machine.pid}`,
          "secret-trainer",
        ];
        for (const name of names) expect(text).not.toContain(name);
      }),
    );
  });

  test("leaves a capture that can be played, in which one GPU is one GPU throughout", () => {
    fc.assert(
      fc.property(aMachine, (machine) => {
        const { steps } = captureFrom(JSON.parse(JSON.stringify(anonymise(captureOf(machine)))), "c");
        const [source, cycle, event, failure] = steps;
        if (source?.kind !== "source" || source.source.state !== "ready") throw new Error("no source");
        const [first, second, cut] = source.source.gpus;
        expect(new Set([first?.uuid, second?.uuid, cut?.uuid]).size).toBe(3);
        expect(first?.busId).not.toEqual(second?.busId);
        if (cycle?.kind !== "cycle" || event?.kind !== "event") throw new Error("no cycle, no event");
        expect(cycle.gpus.map(({ uuid }) => uuid)).toEqual([first?.uuid, second?.uuid]);
        expect(event.event).toMatchObject({ gpu: first?.uuid, text: "" });
        if (failure?.kind !== "source" || failure.source.state !== "failed") throw new Error("no failure");
        // However the driver spells it.
        const bus = first?.busId.kind === "value" ? first.busId.value : "";
        expect(failure.source.detail).toBe(`${first?.uuid} at ${bus} is lost`);
        expect({ kind: "value", value: event.event.busId }).toEqual(first?.busId);
      }),
    );
  });

  test("keeps what a capture is for", () => {
    const [machine] = fc.sample(aMachine, { numRuns: 1, seed: 1 });
    if (machine === undefined) throw new Error("no machine");
    const before = captureOf(machine);
    const after = anonymise(before);
    const [was, is] = [before, after].map(({ steps }) => steps[0]);
    if (was?.kind !== "source" || was.source.state !== "ready") throw new Error("no source");
    if (is?.kind !== "source" || is.source.state !== "ready") throw new Error("no source");
    expect(is.source.driver).toBe(was.source.driver);
    const kept = ["index", "name", "memoryTotalBytes"] as const;
    for (const [i, gpu] of is.source.gpus.entries())
      for (const name of kept) expect(gpu[name]).toEqual(was.source.gpus[i]?.[name]);
    expect(is.source.gpus[0]?.details.vbios).toEqual(was.source.gpus[0]?.details.vbios);
  });
});
