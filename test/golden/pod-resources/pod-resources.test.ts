// Answers of kubelets on record, in bytes that somebody else's encoder wrote: what the agent reads in each, and which
// GPU it makes of it. README.md says what each stands for.

import { readdir, readFile } from "node:fs/promises";

import { describe, expect, test } from "vitest";

import { allocationOf } from "../../../agent/assess/allocation.ts";
import { decodeListResponse } from "../../../agent/sample/pod-resources/decode.ts";
import { devicesIn } from "../../../agent/sample/resource-slices.ts";
import type { GpuIdentity, MigInstance } from "../../../shared/model/gpu.ts";
import { bytes, epochMs } from "../../../shared/model/units.ts";
import { aGpu, value } from "../../build/gpu.ts";

const FOLDER = new URL(".", import.meta.url);

const GPU = [
  "GPU-7a1f03c2-5b1d-4c0e-9f6a-2d3e4f5a6b70",
  "GPU-8b2e14d3-6c2e-5d1f-8a7b-3e4f5a6b7c81",
  "GPU-9c3d25e4-7d3f-6e2a-9b8c-4f5a6b7c8d92",
] as const;
const MIG = [
  "MIG-1a2b3c4d-0001-5e6f-8a9b-000000000001",
  "MIG-1a2b3c4d-0002-5e6f-8a9b-000000000002",
  "MIG-1a2b3c4d-0003-5e6f-8a9b-000000000003",
] as const;

function instance(uuid: string, gpuInstance: number, profile: string): MigInstance {
  return {
    uuid,
    gpuInstance,
    computeInstance: 0,
    profile,
    memoryTotalBytes: value(bytes(18 * 2 ** 30)),
    computeSlices: value(1),
  };
}

/** The driver's order is not that of the device files, as on some machines it is not: GPU[0] is /dev/nvidia1. */
function node(): readonly GpuIdentity[] {
  const minors = [1, 0, 2];
  const gpus = GPU.map((uuid, index) => {
    const gpu = aGpu(index);
    return { ...gpu, uuid, details: { ...gpu.details, minor: value(minors[index] ?? index) } };
  });
  const cut = {
    kind: "on",
    instances: [
      instance(MIG[0], 7, "1g.18gb"),
      instance(MIG[1], 2, "3g.71gb"),
      instance(MIG[2], 8, "1g.18gb"),
    ],
  } as const;
  return gpus.map((gpu, index) => (index === 2 ? { ...gpu, mig: cut } : gpu));
}

/** As the driver serves it: gpu-1 by its device file, and an instance that exists while somebody holds it. */
const SLICES = devicesIn([
  {
    metadata: { name: "gpu-node-1-gpu.nvidia.com-abcde" },
    spec: {
      driver: "gpu.nvidia.com",
      nodeName: "gpu-node-1",
      pool: { name: "gpu-node-1", generation: 3, resourceSliceCount: 1 },
      devices: [
        { name: "gpu-1", attributes: { type: { string: "gpu" }, uuid: { string: GPU[0] } } },
        {
          name: "gpu-2-mig-1g18gb-19-0",
          attributes: { type: { string: "mig" }, uuid: { string: MIG[0] }, parentUUID: { string: GPU[2] } },
        },
      ],
    },
  },
]);

/** "namespace/pod/container resource device → GPU[/instance] [#replica]", with GPUs and instances by their place. */
const EXPECTED: Readonly<Record<string, readonly string[]>> = {
  "whole-gpus": [
    `team-a/train-0/trainer nvidia.com/gpu ${GPU[0]} → gpu 0`,
    `team-a/train-0/trainer nvidia.com/gpu ${GPU[1]} → gpu 1`,
  ],
  mig: [
    `team-a/infer-small/server nvidia.com/mig-1g.18gb ${MIG[0]} → gpu 2 mig 0`,
    `team-b/infer-large/server nvidia.com/mig-3g.71gb ${MIG[1]} → gpu 2 mig 1`,
    `team-b/infer-single/server nvidia.com/gpu ${MIG[2]} → gpu 2 mig 2`,
  ],
  // The GPU of the id is not cut here, so only the GPU is known.
  "mig-before-470": [`team-a/infer-small/server nvidia.com/mig-1g.5gb MIG-${GPU[0]}/7/0 → gpu 0`],
  "time-sliced": [
    `team-a/notebook-1/jupyter nvidia.com/gpu ${GPU[0]}::0 → gpu 0 #0`,
    `team-b/mig-slice/server nvidia.com/mig-1g.18gb.shared ${MIG[0]}::1 → gpu 2 mig 0 #1`,
    `team-b/notebook-2/jupyter nvidia.com/gpu ${GPU[0]}::3 → gpu 0 #3`,
  ],
  mps: [
    `team-a/client-1/cuda nvidia.com/gpu.shared ${GPU[1]}::0 → gpu 1 #0`,
    `team-b/client-2/cuda nvidia.com/gpu.shared ${GPU[1]}::1 → gpu 1 #1`,
  ],
  gke: [
    "default/part/main nvidia.com/gpu nvidia2/gi7 → gpu 2 mig 0",
    "default/shared-1/main nvidia.com/gpu nvidia0/vgpu0 → gpu 1 #0",
    "default/shared-2/main nvidia.com/gpu nvidia0/vgpu1 → gpu 1 #1",
    "default/shared-part/main nvidia.com/gpu nvidia2/gi2/vgpu0 → gpu 2 mig 1 #0",
    "default/whole/main nvidia.com/gpu nvidia1 → gpu 0",
  ],
  index: [
    "default/by-index/main nvidia.com/gpu 0 → gpu 0",
    "default/by-index/main nvidia.com/gpu 1 → gpu 1",
  ],
  claims: [
    "team-a/dra-whole/main claim:dra-whole-gpu-x7k2p gpu-1 → gpu 0",
    "team-b/dra-part/main claim:part gpu-2-mig-1g18gb-19-0 → gpu 2 mig 0",
  ],
  "claims-cdi-only": ["team-a/dra-old/main claim:old gpu-0 → gpu 1"],
};

function line(holder: ReturnType<typeof holdersIn>[number]): string {
  const gpu = (GPU as readonly (string | null)[]).indexOf(holder.gpu);
  const mig = (MIG as readonly (string | null)[]).indexOf(holder.instance);
  const place = `gpu ${gpu}${holder.instance === null ? "" : ` mig ${mig}`}`;
  const replica = holder.replica === null ? "" : ` #${holder.replica}`;
  const who = `${holder.namespace}/${holder.pod}/${holder.container}`;
  return `${who} ${holder.resource} ${holder.device} → ${place}${replica}`;
}

function holdersIn(message: Uint8Array) {
  const held = { kind: "known", at: epochMs(0), devices: decodeListResponse(message) } as const;
  const allocation = allocationOf({ held, gpus: node(), slices: SLICES });
  if (allocation.kind === "unknown") throw new Error(allocation.why);
  return allocation.holders;
}

describe("what kubelets answer", () => {
  test("is on record for each case and no other", async () => {
    const files = (await readdir(FOLDER)).filter((name) => name.endsWith(".bin"));
    expect(files.map((name) => name.replace(/\.bin$/, "")).sort()).toEqual(Object.keys(EXPECTED).sort());
  });

  test.each(Object.entries(EXPECTED))("%s", async (name, expected) => {
    const message = await readFile(new URL(`${name}.bin`, FOLDER));
    expect(holdersIn(message).map(line)).toEqual(expected);
  });

  test("is read in full: devices of others, and a claim of another driver", async () => {
    const whole = decodeListResponse(await readFile(new URL("whole-gpus.bin", FOLDER)));
    expect(whole.map(({ device }) => device)).toEqual([GPU[0], GPU[1], "mlx5_0", "0000:18:00.2"]);
    const claims = decodeListResponse(await readFile(new URL("claims.bin", FOLDER)));
    expect(claims.map(({ by }) => (by.kind === "claim" ? `${by.driver} ${by.pool} ${by.cdi.length}` : ""))).toEqual([
      "gpu.nvidia.com gpu-node-1 1",
      "gpu.nvidia.com gpu-node-1 2",
      "compute-domain.nvidia.com gpu-node-1 1",
    ]);
  });
});
