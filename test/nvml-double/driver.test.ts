// The double as a driver that has a life of its own: builds of different age, unloading and coming back, GPUs that are
// lost and return.

import { readFileSync } from "node:fs";

import { describe, expect, test } from "vitest";

import { allocate } from "../../agent/sample/nvml/native.ts";
import { BRANCHES } from "./build.ts";
import type { Variant } from "./build.ts";
import { healthyGpu, healthyGpus } from "./fixture.ts";
import { openDouble, wordFrom } from "./opened.ts";
import type { Opened } from "./opened.ts";

describe("a build", () => {
  const rows = Array.from(
    readFileSync(new URL("functions.def", import.meta.url), "utf8").matchAll(
      /^FUNCTION\((?<name>\w+), (?<since>\d+)\)$/gmu,
    ),
    ({ groups }) => ({ name: groups?.["name"] ?? "", since: Number(groups?.["since"]) }),
  );

  test.each(Object.keys(BRANCHES) as Variant[])("%s exports what its branch has", async (variant) => {
    const { exports } = await openDouble({ gpus: [] }, variant);
    const expected = rows.filter(({ since }) => since <= BRANCHES[variant]);
    expect(expected.length).toBeGreaterThan(60);
    expect(rows.filter(({ name }) => exports(name))).toEqual(expected);
    expect(exports("scenario_enter")).toBe(false);
  });

  test("of the early 535 has the call that it is known by and lacks the other", async () => {
    const { exports } = await openDouble({ gpus: [] }, "r535bug");
    expect(exports("nvmlDeviceGetConfComputeMemSizeInfo")).toBe(true);
    expect(exports("nvmlDeviceGetRunningProcessDetailList")).toBe(false);
  });
});

describe("a driver", () => {
  const power = (opened: Opened, gpu: bigint): number | string =>
    wordFrom((out) => opened.bind("nvmlDeviceGetPowerUsage", "device-out")(gpu, out));

  test("that is unloaded answers 1 until it is back and initialized", async () => {
    const opened = await openDouble({ gpus: healthyGpus(1) });
    const init = opened.bind("nvmlInit_v2", "none");
    const gpu = opened.gpu(0);
    opened.double.write({ unloaded: true, gpus: healthyGpus(1) });
    expect([power(opened, gpu), init()]).toEqual(["code 1", 9]);
    opened.double.write({ driver: "590.1", gpus: healthyGpus(1) });
    expect([power(opened, gpu), init(), power(opened, opened.gpu(0))]).toEqual(["code 1", 0, 77_500]);
    const { address, bytes } = allocate(80);
    opened.bind("nvmlSystemGetDriverVersion", "text")(address, 80);
    expect(Buffer.from(bytes).toString("latin1")).toMatch(/^590\.1\0/u);
  });

  test("loses a GPU and gets it back, and finds none by UUID meanwhile", async () => {
    const opened = await openDouble({ gpus: healthyGpus(2) });
    const handles = [opened.gpu(0), opened.gpu(1)];
    const byUuid = (): number => {
      const { address, bytes } = allocate(128);
      bytes.set(Buffer.from(healthyGpu(0).uuid ?? ""));
      return opened.bind("nvmlDeviceGetHandleByUUID", "device-out")(address, address + 96n);
    };
    expect(byUuid()).toBe(0);
    opened.double.write({ gpus: [healthyGpu(0), { ...healthyGpu(1), lost: true }] });
    expect(handles.map((gpu) => power(opened, gpu))).toEqual([77_500, "code 15"]);
    expect(byUuid()).toBe(15);
    opened.double.write({ gpus: healthyGpus(2) });
    expect(handles.map((gpu) => power(opened, gpu))).toEqual([77_500, 77_501]);
  });
});
