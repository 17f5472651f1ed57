// The double itself, in processes of its own: it reads its environment once, and ends the process on a
// scenario that it does not understand.

import { execFile } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";

import { afterEach, beforeEach, describe, expect, test } from "vitest";

import { buildDouble, LIBRARY, placeDouble } from "./build.ts";
import { readCounters, totalCalls } from "./counters.ts";
import { healthyGpus } from "./fixture.ts";
import { formatScenario, writeScenario } from "./scenario.ts";

let directory: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "nvml-scenario-"));
});
afterEach(() => {
  rmSync(directory, { recursive: true });
});

const SCRIPT = `
  import koffi from "koffi";
  const library = koffi.load(process.argv[1]);
  const out = new Uint32Array(1);
  const codes = [library.func("nvmlInit_v2", "int", [])(), library.func("nvmlDeviceGetCount_v2", "int", ["void *"])(out)];
  console.log(...codes, out[0]);`;

async function count(library: string, env: Record<string, string> = {}): Promise<string> {
  const args = ["--input-type=module", "--eval", SCRIPT, library];
  return (await promisify(execFile)(process.execPath, args, { env, cwd: import.meta.dirname })).stdout.trim();
}

describe("the double", () => {
  test("takes scenario and counters from where the environment says", async () => {
    const scenario = join(directory, "here");
    const counters = join(directory, "calls");
    writeScenario(scenario, { gpus: healthyGpus(5) });
    const library = join(await buildDouble(), LIBRARY);
    const env = { NVML_DOUBLE_SCENARIO: scenario, NVML_DOUBLE_COUNTERS: counters };
    expect(await count(library, env)).toBe("0 0 5");
    const calls = readCounters(counters);
    expect(calls["nvmlDeviceGetCount_v2"]).toEqual({ calls: 1, byGpu: Array.from({ length: 16 }, () => 0) });
    expect(totalCalls(calls)).toBe(2);
  });

  test.each([
    ["gpus 1\ngpu0.utl 5\n", "2: 'utl' is not a key of a GPU"],
    ["gpus 17\n", "1: gpus is from 0 to 16"],
    ["ret nvmlDeviceGetPower * 3\n", "1: 'nvmlDeviceGetPower' is not a function of the double"],
    ["ret nvmlDeviceGetPowerUsage gpu0 3 before 5\n", "1: 'before' is neither after nor for"],
    ["gpus 1\n\ngpu0.util ramp 1 2 0\n", "3: a ramp needs a length above 0"],
    ["speed 3\n", "1: 'speed' is not a word of a scenario"],
    ["gpu0.util 5x\n", "1: '5x' is not a number"],
  ])("ends the process on %j and says where", async (text, message) => {
    await placeDouble(directory);
    writeFileSync(join(directory, "scenario"), text);
    await expect(count(join(directory, LIBRARY))).rejects.toMatchObject({
      signal: "SIGABRT",
      stderr: `nvml double: ${join(directory, "scenario")}:${message}\n`,
    });
  });
});

describe("formatScenario()", () => {
  test("writes what scenario.c reads", () => {
    const text = formatScenario({
      driver: "570.1",
      init: 9,
      recheckMs: 0,
      gpus: [
        {
          name: Uint8Array.from([0xe9]),
          uuid: "GPU-x",
          utilPercent: { ramp: { from: 0, to: 100, seconds: 60 } },
          lost: true,
        },
      ],
      rules: [
        { kind: "ret", call: "*", gpu: 2, code: 3, after: 4, times: 5 },
        { kind: "busy", call: "*", us: 50 },
        { kind: "delay", call: "nvmlInit_v2", us: 7 },
        { kind: "hang", call: "nvmlDeviceGetPowerUsage", gpu: 0 },
      ],
    });
    expect(text.toString("latin1").trimEnd().split("\n")).toEqual([
      "driver 570.1",
      "init 9",
      "recheck_ms 0",
      "gpus 1",
      "gpu0.name \u00e9",
      "gpu0.uuid GPU-x",
      "gpu0.util ramp 0 100 60",
      "gpu0.lost 1",
      "ret * gpu2 3 after 4 for 5",
      "busy_us * * 50",
      "delay_us nvmlInit_v2 * 7",
      "hang nvmlDeviceGetPowerUsage gpu0",
    ]);
  });
});
