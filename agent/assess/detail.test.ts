import { describe, expect, test } from "vitest";

import { nodeDetailSchema } from "../../shared/contract/node-detail.ts";
import { GPU_READING_NAMES, readingsOf, writeCode } from "../../shared/model/gpu-readings.ts";
import type { GpuSample, MigInstance } from "../../shared/model/gpu.ts";
import { bytes, epochMs, millis } from "../../shared/model/units.ts";
import { aGpu, aLostGpu, aSample, ready, value } from "../../test/build/gpu.ts";
import { nodeDetailOf } from "./detail.ts";
import { NOTHING_KNOWN, viewOf } from "./view.ts";
import type { Known, Seen } from "./view.ts";
import { createHistory } from "./window.ts";

const AT = epochMs(1_793_692_800_000);

function detail(seen: Partial<Seen>, samples: readonly GpuSample[], known: Partial<Known> = {}) {
  const { source = ready(...(seen.gpus ?? [])), gpus = [], lost = [] } = seen;
  const all: Known = { ...NOTHING_KNOWN, ...known };
  const view = viewOf({ source, gpus, lost }, all, createHistory(millis(1000)), millis(0));
  const answer = nodeDetailOf({ node: "gpu-1", at: AT, view, samples });
  // Through JSON, as it travels.
  expect(nodeDetailSchema.parse(JSON.parse(JSON.stringify(answer)))).toEqual(answer);
  return answer;
}

describe("nodeDetailOf()", () => {
  test("has every reading as a number or as the words for what it is instead", () => {
    const readings = readingsOf({ utilization: 0.5, power: 100.25, temperature: Number.NaN });
    writeCode(readings, "energy", 3);
    writeCode(readings, "nvlinks", 999);
    const [gpu] = detail({ gpus: [aGpu(0)] }, [aSample(0, {}, { readings })]).gpus;
    expect(Object.keys(gpu?.readings ?? {})).toEqual(GPU_READING_NAMES);
    expect(gpu?.readings).toMatchObject({
      utilization: 0.5,
      power: 100.25,
      temperature: "failed (21)",
      energy: "unsupported (3)",
      nvlinks: "failed (999)",
      gpmSmActive: "pending",
    });
    expect(gpu?.details).toMatchObject({
      serial: "1654321000000",
      eccEnabled: true,
      powerLimitMax: 700,
      numaNode: "unsupported (3)",
    });
    expect(gpu).toMatchObject({ name: "NVIDIA H200", busId: "0000:3b:00.0", mig: "off", processes: null });
  });

  test("a lost GPU and one without a sample have no number", () => {
    const { gpus } = detail({ gpus: [aGpu(0), aGpu(1)], lost: ["GPU-0"] }, [aLostGpu(0)]);
    expect(gpus[0]?.state).toBe("lost");
    expect(new Set(Object.values(gpus[0]?.readings ?? {}))).toEqual(new Set(["failed (15)"]));
    expect(gpus[1]?.readings).toEqual({});
  });

  test("has the instances of a card that is cut, each with what it was asked for", () => {
    const instance: MigInstance = {
      uuid: "MIG-1",
      gpuInstance: 1,
      computeInstance: 0,
      profile: "3g.71gb",
      memoryTotalBytes: value(bytes(71 * 1024 ** 3)),
      computeSlices: value(3),
    };
    const other = { ...instance, uuid: "MIG-2", gpuInstance: 2, profile: null };
    const readings = readingsOf({ memoryUsed: 5, gpmGraphicsActive: 0.25 });
    writeCode(readings, "gpmSmActive", 3);
    const gpus = [
      aGpu(0, { mig: { kind: "on", instances: [instance, other] } }),
      aGpu(1, { mig: { kind: "failed", code: 999 } }),
      aGpu(2, { mig: { kind: "unsupported" } }),
    ];
    const process = {
      pid: 77,
      kind: "compute",
      memoryBytes: null,
      gpuInstance: 1,
      computeInstance: 0,
    } as const;
    const answer = detail({ gpus }, [
      aSample(0, {}, { instances: [{ uuid: "MIG-1", readings }], processes: [process] }),
    ]);
    expect(answer.gpus.map(({ mig }) => mig).slice(1)).toEqual(["failed (999)", "unsupported"]);
    expect(answer.gpus[0]?.processes).toEqual([process]);
    expect(answer.gpus[0]?.mig).toMatchObject({
      instances: [
        {
          uuid: "MIG-1",
          profile: "3g.71gb",
          memoryTotalBytes: 71 * 1024 ** 3,
          readings: { memoryUsed: 5, gpmGraphicsActive: 0.25, gpmSmActive: "unsupported (3)" },
        },
        { uuid: "MIG-2", profile: null, readings: {} },
      ],
    });
  });

  test("has who holds what and what is wrong, and says when it is not known", () => {
    const holder = {
      namespace: "ml",
      pod: "train-0",
      container: "main",
      resource: "nvidia.com/gpu",
      device: "GPU-9",
      gpu: null,
      instance: null,
      replica: 2,
    };
    const finding = {
      rule: "xid-reset",
      gpu: "GPU-0",
      level: "fatal",
      since: AT,
      evidence: "Xid 79 (kernel log)",
      remedy: "reboot-node",
      clears: "a reboot",
    } as const;
    const answer = detail({ gpus: [aGpu(0)] }, [aSample(0)], {
      allocation: { kind: "known", at: AT, holders: [holder] },
      findings: [finding],
      health: "fatal",
    });
    expect(answer.allocation).toEqual({ kind: "known", holders: [holder] });
    expect(answer.health).toEqual({ node: "fatal", findings: [finding] });
    const dark = detail({ source: { state: "driver-not-loaded", code: 9 } }, []);
    expect(dark).toMatchObject({
      source: { state: "driver-not-loaded", driver: null, detail: "the driver is not loaded (code 9)" },
      gpus: [],
      allocation: { kind: "unknown", why: "nobody has been asked yet" },
      health: { node: "unknown" },
    });
  });
});
