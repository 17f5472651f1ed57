import { describe, expect, test } from "vitest";

import type { GpuHolder } from "../../shared/model/gpu-allocation.ts";
import type { GpuIdentity, MigInstance } from "../../shared/model/gpu.ts";
import { sliceKey } from "../../shared/model/held-device.ts";
import type { HeldDevice } from "../../shared/model/held-device.ts";
import { bytes, epochMs } from "../../shared/model/units.ts";
import { aGpu, value } from "../../test/build/gpu.ts";
import { allocationOf, containerOf, holdersInFull, holdersOf, isShared } from "./allocation.ts";
import type { AllocationInput } from "./allocation.ts";

const AT = epochMs(1_000);

function plugin(device: string, resource = "nvidia.com/gpu", pod = "p"): HeldDevice {
  return { namespace: "ns", pod, container: "c", device, by: { kind: "plugin", resource } };
}

function claimed(
  device: string,
  by: Partial<HeldDevice["by"] & { readonly kind: "claim" }> = {},
): HeldDevice {
  return {
    namespace: "ns",
    pod: "p",
    container: "c",
    device,
    by: { kind: "claim", claim: "want", driver: "gpu.nvidia.com", pool: "n1", cdi: [], ...by },
  };
}

function instance(uuid: string, gpuInstance: number, computeInstance = 0): MigInstance {
  return {
    uuid,
    gpuInstance,
    computeInstance,
    profile: "1g.18gb",
    memoryTotalBytes: value(bytes(0)),
    computeSlices: value(1),
  };
}

const CUT = aGpu(1, {
  mig: { kind: "on", instances: [instance("MIG-a", 7), instance("MIG-b", 9, 0), instance("MIG-c", 9, 1)] },
});

function holders(
  devices: readonly HeldDevice[],
  options: Partial<Omit<AllocationInput, "held">> = {},
): readonly GpuHolder[] {
  const allocation = allocationOf({
    held: { kind: "known", at: AT, devices },
    gpus: [aGpu(0), CUT],
    ...options,
  });
  if (allocation.kind === "unknown") throw new Error(allocation.why);
  return allocation.holders;
}
/** "GPU instance #replica" of each holder, "-" where there is none. */
const places = (...devices: readonly HeldDevice[]): readonly string[] =>
  holders(devices).map(
    ({ gpu, instance: part, replica }) =>
      `${gpu ?? "-"} ${part ?? "-"}${replica === null ? "" : ` #${replica}`}`,
  );

describe("allocationOf()", () => {
  test.each([
    ["GPU-0", ["GPU-0 -"]],
    ["GPU-0::12", ["GPU-0 - #12"]],
    ["MIG-a", ["GPU-1 MIG-a"]],
    ["MIG-a::0", ["GPU-1 MIG-a #0"]],
    ["MIG-GPU-1/7/0", ["GPU-1 MIG-a"]],
    ["MIG-GPU-1/9/1", ["GPU-1 MIG-c"]],
    ["MIG-GPU-1/9/1::2", ["GPU-1 MIG-c #2"]],
    ["MIG-GPU-1/3/0", ["GPU-1 -"]],
    ["nvidia0", ["GPU-0 -"]],
    ["nvidia0/vgpu3", ["GPU-0 - #3"]],
    ["nvidia1/gi7", ["GPU-1 MIG-a"]],
    ["nvidia1/gi7/vgpu1", ["GPU-1 MIG-a #1"]],
    // A GPU instance of two compute instances: who holds it holds both.
    ["nvidia1/gi9", ["GPU-1 MIG-b", "GPU-1 MIG-c"]],
    ["nvidia1/gi4", ["GPU-1 -"]],
    ["1", ["GPU-1 -"]],
    ["1::4", ["GPU-1 - #4"]],
  ])("knows %s", (device, expected) => {
    expect(places(plugin(device))).toEqual(expected);
  });

  test.each([
    "GPU-9",
    "MIG-z",
    "MIG-GPU-9/7/0",
    "nvidia9",
    "nvidia9/gi7",
    "17",
    "",
    "nvidia",
    "nvidia0/",
    "::",
    "::3",
  ])("keeps the holder of %j, which is no GPU of this node", (device) => {
    expect(holders([plugin(device)])).toMatchObject([
      { namespace: "ns", pod: "p", container: "c", device, gpu: null, instance: null, replica: null },
    ]);
  });

  test("goes by the device file where GKE does, and by the driver's order where a number stands alone", () => {
    const crossed = (index: number, minor: GpuIdentity["details"]["minor"]): GpuIdentity => {
      const gpu = aGpu(index);
      return { ...gpu, details: { ...gpu.details, minor } };
    };
    const gpus = [crossed(0, value(1)), crossed(1, { kind: "failed", code: 999 })];
    const found = holders([plugin("nvidia1"), plugin("nvidia0"), plugin("1")], { gpus });
    expect(found.map(({ device, gpu }) => [device, gpu])).toEqual([
      ["1", "GPU-1"],
      // Nobody is known to be /dev/nvidia0; the first GPU is not.
      ["nvidia0", null],
      ["nvidia1", "GPU-0"],
    ]);
  });

  test("names no GPU where two answer to the same number, or where another maker counts", () => {
    // GPU-0 has left the bus, and the driver counts the two that are left anew.
    const shifted = [aGpu(0), aGpu(1, { index: 0 }), aGpu(2, { index: 1 })];
    const gpusOf = (...devices: readonly HeldDevice[]): readonly unknown[] =>
      holders(devices, { gpus: shifted }).map(({ gpu }) => gpu);
    expect(gpusOf(plugin("0"), plugin("1"), plugin("2"))).toEqual([null, null, null]);
    // Files of devices keep their numbers.
    expect(gpusOf(plugin("nvidia0"), plugin("nvidia1"), plugin("nvidia2"))).toEqual([
      "GPU-0",
      "GPU-1",
      "GPU-2",
    ]);
    const twins = [aGpu(0), { ...aGpu(1), details: aGpu(0).details }];
    expect(holders([plugin("nvidia0"), claimed("gpu-0")], { gpus: twins }).map(({ gpu }) => gpu)).toEqual([
      null,
      null,
    ]);
    expect(holders([plugin("1", "amd.com/gpu")]).map(({ gpu }) => gpu)).toEqual([null]);
  });

  test("counts GPUs under any name of NVIDIA's, and nothing else", () => {
    const resources = holders([
      plugin("GPU-0", "nvidia.com/gpu"),
      plugin("GPU-0::1", "nvidia.com/gpu.shared"),
      plugin("GPU-0", "nvidia.com/H200-for-notebooks"),
      plugin("MIG-a", "nvidia.com/mig-1g.18gb"),
      plugin("0000:3b:00.0", "amd.com/gpu"),
      plugin("0000:18:00.2", "nvidia.com/hostdev"),
      plugin("0", "nvidia.com/rdma_shared_device"),
      plugin("mlx5_0", "rdma/hca"),
      plugin("GPU-0", "example.com/other"),
      claimed("channel-0", { driver: "compute-domain.nvidia.com" }),
      claimed("eth1", { driver: "dra.net" }),
    ]).map(({ resource }) => resource);
    expect(resources).toEqual([
      "amd.com/gpu",
      "nvidia.com/H200-for-notebooks",
      "nvidia.com/gpu",
      "nvidia.com/gpu.shared",
      "nvidia.com/mig-1g.18gb",
    ]);
  });

  test("keeps every pod of a shared GPU, once each, in the same order whatever the kubelet's", () => {
    const devices = [plugin("GPU-0::1", "nvidia.com/gpu", "b"), plugin("GPU-0::0", "nvidia.com/gpu", "a")];
    const found = holders([...devices, ...devices]);
    expect(found.map(({ pod, gpu, replica }) => [pod, gpu, replica])).toEqual([
      ["a", "GPU-0", 0],
      ["b", "GPU-0", 1],
    ]);
    expect(holders(devices.toReversed())).toEqual(found);
  });

  test("leaves out pods that have ended, which older kubelets still list", () => {
    const devices = [plugin("GPU-0", "nvidia.com/gpu", "done"), plugin("GPU-0", "nvidia.com/gpu", "running")];
    const found = holders(devices, {
      hasEnded: ({ namespace, name }) => `${namespace}/${name}` === "ns/done",
    });
    expect(found.map(({ pod }) => pod)).toEqual(["running"]);
  });

  test("passes on why it is not known", () => {
    const unknown = { kind: "unknown", why: "there is no socket" } as const;
    expect(allocationOf({ held: unknown, gpus: [aGpu(0)] })).toEqual(unknown);
  });

  test("has nobody, with the time of the answer, when nobody holds anything", () => {
    const held = { kind: "known", at: AT, devices: [] } as const;
    expect(allocationOf({ held, gpus: [aGpu(0)] })).toEqual({ kind: "known", at: AT, holders: [] });
  });

  describe("of claims", () => {
    const place = (device: HeldDevice, slice?: AllocationInput["slices"]): readonly unknown[] => {
      const [holder] = holders([device], slice === undefined ? {} : { slices: slice });
      return [holder?.resource, holder?.device, holder?.gpu, holder?.instance];
    };
    const slices = new Map([
      [sliceKey("n1", "gpu-0"), { uuid: "GPU-1", parent: null }],
      [sliceKey("n1", "gpu-1-mig-1g18gb-19-0"), { uuid: "MIG-a", parent: "GPU-1" }],
      [sliceKey("n1", "gpu-1-mig-1g18gb-19-2"), { uuid: null, parent: "GPU-1" }],
      [sliceKey("n1", "gpu-1-mig-1g18gb-19-4"), { uuid: "MIG-gone", parent: "GPU-1" }],
    ]);

    test.each([
      ["gpu-0", "GPU-1", null],
      ["gpu-1-mig-1g18gb-19-0", "GPU-1", "MIG-a"],
      ["gpu-1-mig-1g18gb-19-2", "GPU-1", null],
      ["gpu-1-mig-1g18gb-19-4", "GPU-1", null],
    ])("%s is what the slice says", (device, gpu, part) => {
      expect(place(claimed(device), slices)).toEqual(["claim:want", device, gpu, part]);
    });

    test.each([
      ["gpu-1", "GPU-1"],
      ["gpu-1-mig-1g18gb-19-0", "GPU-1"],
      ["gpu-9", null],
      ["gpu-vfio-0", null],
    ])("%s goes by its name as long as no slice is known, and never to an instance", (device, gpu) => {
      expect(place(claimed(device))).toEqual(["claim:want", device, gpu, null]);
    });

    test("the slice of another pool says nothing of it", () => {
      expect(place(claimed("gpu-0", { pool: "n2" }), slices)).toEqual(["claim:want", "gpu-0", "GPU-0", null]);
    });

    test.each([
      [
        ["k8s.gpu.nvidia.com/claim=0f4c2c0e-96b5-gpu-1", "k8s.gpu.nvidia.com/device=gpu-1"],
        "gpu-1",
        "GPU-1",
        null,
      ],
      [["k8s.gpu.nvidia.com/device=gpu-1-mig-9-0-1"], "gpu-1-mig-9-0-1", "GPU-1", null],
      [["nvidia.com/gpu=GPU-0"], "GPU-0", "GPU-0", null],
      [["nvidia.com/gpu=MIG-a"], "MIG-a", "GPU-1", "MIG-a"],
      [["k8s.gpu.nvidia.com/device=something"], "something", null, null],
    ])("%j alone is read as %s", (cdi, device, gpu, part) => {
      expect(place(claimed("", { driver: "", pool: "", cdi }))).toEqual(["claim:want", device, gpu, part]);
    });
  });
});

describe("holdersInFull()", () => {
  const minorless = {
    ...aGpu(3),
    details: { ...aGpu(3).details, minor: { kind: "failed", code: 999 } },
  } as const;
  const nameless = aGpu(4, { uuid: "unidentified-gpu-4", mig: { kind: "failed", code: 15 } });
  const gpus = [aGpu(0), CUT, minorless, nameless];
  /** The GPUs of which it is not known who holds them, when the device beside GPU-0 is this one. */
  const open = (device: HeldDevice): readonly string[] => {
    const held = {
      kind: "known",
      at: AT,
      devices: [plugin("GPU-0", "nvidia.com/gpu", "p0"), device],
    } as const;
    const allocation = allocationOf({ held, gpus });
    return gpus.filter((gpu) => holdersInFull(allocation, gpu) === null).map(({ uuid }) => uuid);
  };

  test.each([
    ["a GPU of the list", plugin("GPU-1"), []],
    ["another whole GPU, which only one without a name can be", plugin("GPU-9"), ["unidentified-gpu-4"]],
    ["a part of another GPU, by an old driver's name", plugin("MIG-GPU-9/1/0"), ["unidentified-gpu-4"]],
    ["an instance that the driver has not shown", plugin("MIG-new"), ["GPU-1", "unidentified-gpu-4"]],
    ["a device file that is not known", plugin("nvidia7"), ["GPU-3"]],
    ["a device file of a claim", claimed("gpu-7"), ["GPU-3"]],
    ["a claim's device with a name of its own", claimed("big"), ["GPU-0", "GPU-1", "GPU-3", nameless.uuid]],
    ["another maker's", plugin("0000:3b:00.0", "amd.com/gpu"), []],
  ])("of %s", (_, device, expected) => {
    expect(open(device)).toEqual(expected);
  });

  test("is everybody where all is known, and nobody's where nothing is", () => {
    const held = { kind: "known", at: AT, devices: [plugin("GPU-0::1"), plugin("MIG-a")] } as const;
    const names = (gpu: GpuIdentity): readonly string[] | undefined =>
      holdersInFull(allocationOf({ held, gpus }), gpu)?.map(({ device }) => device);
    expect(gpus.map(names)).toEqual([["GPU-0::1"], ["MIG-a"], [], []]);
    expect(holdersInFull({ kind: "unknown", why: "no socket" }, CUT)).toBeNull();
  });
});

describe("who holds it", () => {
  const allocation = allocationOf({
    held: {
      kind: "known",
      at: AT,
      devices: [
        plugin("GPU-0::0", "nvidia.com/gpu", "a"),
        plugin("MIG-a", "nvidia.com/mig-1g.18gb", "b"),
        plugin("MIG-b", "nvidia.com/mig-1g.18gb", "c"),
        plugin("GPU-2", "nvidia.com/gpu", "d"),
        plugin("nvidia9", "nvidia.com/gpu", "e"),
      ],
    },
    gpus: [aGpu(0), CUT, aGpu(2), aGpu(3)],
  });
  const who = (uuid: string): readonly string[] | undefined => holdersOf(allocation, uuid)?.map(containerOf);

  test("is told of a GPU with its parts, and of a part alone", () => {
    expect(who("GPU-0")).toEqual(["ns/a/c"]);
    expect(who("GPU-1")).toEqual(["ns/b/c", "ns/c/c"]);
    expect(who("MIG-b")).toEqual(["ns/c/c"]);
    expect(who("GPU-3")).toEqual([]);
  });

  test("is shared when it is given out in replicas, or several containers hold it", () => {
    const shared = ["GPU-0", "GPU-1", "MIG-a", "GPU-2", "GPU-3"].filter((uuid) => isShared(allocation, uuid));
    expect(shared).toEqual(["GPU-0", "GPU-1"]);
  });

  test("is not known, which is not nobody", () => {
    const unknown = { kind: "unknown", why: "no socket" } as const;
    expect(holdersOf(unknown, "GPU-0")).toBeUndefined();
    expect(isShared(unknown, "GPU-0")).toBe(false);
  });
});
