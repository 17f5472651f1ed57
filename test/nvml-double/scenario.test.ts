// The double itself, in processes of its own: it reads its environment once, and ends the process on a
// scenario that it does not understand.

import { execFile } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";

import { afterEach, beforeEach, describe, expect, test } from "vitest";

import { buildDouble, LIBRARY, placeDouble } from "./build.ts";
import { readCounters, totalCalls } from "./counters.ts";
import { healthyGpus, tellingGpu } from "./fixture.ts";
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
    ["gpus 1\n\ngpu0.util_percent ramp 1 2 0\n", "3: a ramp needs a length above 0"],
    ["speed 3\n", "1: 'speed' is not a word of a scenario"],
    ["gpu0.util_percent 5x\n", "1: '5x' is not a number"],
    ["gpu0.util_percent 5 6\n", "1: there is something behind the value"],
    ["gpu0.mig8.gi 1\n", "1: mig8 is not from 0 to 7"],
    ["gpu0.gpm 5\n", "1: a number is missing"],
    ["gpu0.process 5 100 render -1 -1 0 0 0 0\n", "1: 'render' is not a kind of process"],
    ["gpu0.field 82 0 1 1 0\n", "1: a value is missing"],
    ["event 0 * 8 79 -1 -1\n", "1: an event is of one GPU"],
    ["throttle_fields middle\n", "1: 'middle' is neither early nor late"],
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
  test("writes what the double reads", () => {
    const text = formatScenario({
      driver: "570.1",
      init: 9,
      recheckMs: 0,
      strict: true,
      throttleFields: "late",
      untouchedFieldsOver: 100,
      dropsXids: [79, 119],
      gpus: [
        {
          name: Uint8Array.from([0xe9]),
          uuid: "GPU-x",
          utilPercent: { ramp: { from: 0, to: 100, seconds: 60 } },
          energyMj: { rate: { from: 5, perSecond: 700 } },
          powerMw: { seq: [1, -1] },
          bar1TotalMib: 9,
          lost: true,
          pcie: { maxWidth: 16, replays: { cycle: [1, 2] } },
          mig: {
            mode: 1,
            instances: [{ uuid: "MIG-x", gi: 3, ci: 0, slot: 2, profileName: "1g.18gb", gpm: { 5: 7 } }],
          },
          fields: {
            82: { type: "double", filled: "u32", value: 40 },
            138: [
              { type: "u64", value: 1, scope: 0 },
              { type: "u64", value: 0, scope: 1, code: 3 },
            ],
          },
          gpm: { 1: 50, 2: { code: 3 } },
          processes: [{ pid: 7, memoryMib: null, kind: "mps", sm: 4 }],
        },
      ],
      rules: [
        { kind: "ret", call: "*", gpu: 2, code: 3, after: 4, times: 5 },
        { kind: "busy", call: "*", us: 50 },
        { kind: "delay", call: "nvmlInit_v2", us: 7 },
        { kind: "hang", call: "nvmlDeviceGetPowerUsage", gpu: 0 },
      ],
      events: [{ afterMs: 20, gpu: 0, type: 8, data: 48, gi: 3 }],
    });
    expect(text.toString("latin1").trimEnd().split("\n")).toEqual([
      "driver 570.1",
      "init 9",
      "recheck_ms 0",
      "strict 1",
      "throttle_fields late",
      "untouched_fields_over 100",
      "drops_xid 79",
      "drops_xid 119",
      "gpus 1",
      "gpu0.name \u00e9",
      "gpu0.uuid GPU-x",
      "gpu0.util_percent ramp 0 100 60",
      "gpu0.energy_mj rate 5 700",
      "gpu0.power_mw seq 1,-1",
      "gpu0.bar1_total_mib 9",
      "gpu0.lost 1",
      "gpu0.pcie_max_width 16",
      "gpu0.pcie_replays cycle 1,2",
      "gpu0.gpm 1 0 50",
      "gpu0.gpm 2 3 0",
      "gpu0.field 82 * 0 1 0 40",
      "gpu0.field 138 0 3 3 0 1",
      "gpu0.field 138 1 3 3 3 0",
      "gpu0.process 7 -1 mps -1 -1 4 0 0 0",
      "gpu0.mig_mode 1",
      "gpu0.mig0.uuid MIG-x",
      "gpu0.mig0.gi 3",
      "gpu0.mig0.ci 0",
      "gpu0.mig0.slot 2",
      "gpu0.mig0.profile_name 1g.18gb",
      "gpu0.mig0.gpm 5 0 7",
      "ret * gpu2 3 after 4 for 5",
      "busy_us * * 50",
      "delay_us nvmlInit_v2 * 7",
      "hang nvmlDeviceGetPowerUsage gpu0",
      "event 20 gpu0 8 48 3 -1",
    ]);
  });

  test("has a word for every key, and the double knows them all", () => {
    const words = readFileSync(new URL("keys.def", import.meta.url), "utf8").matchAll(
      /^KEY\((?<word>\w+)\)$/gmu,
    );
    const known = Array.from(words, (match) => match.groups?.["word"]);
    const text = formatScenario({ gpus: [tellingGpu(0)] }).toString();
    const written = Array.from(text.matchAll(/^gpu0\.(?<word>\w+) /gmu), (match) => match.groups?.["word"]);
    const texts = ["name", "uuid", "bus_id", "serial", "vbios", "part_number", "gpm", "process"];
    expect(
      written.filter((word) => word === undefined || !(known.includes(word) || texts.includes(word))),
    ).toEqual([]);
    // Of the others, each is one of MIG or says how a test wants the double to behave.
    expect(known.filter((word) => !written.includes(word))).toEqual([
      "lost",
      "ecc_pending_mode",
      "process_growth",
      "mig_pending_mode",
      "slot",
      "gi",
      "ci",
      "gpu_slices",
      "compute_slices",
      "multiprocessors",
      "copy_engines",
      "decoders",
      "encoders",
      "jpegs",
      "ofas",
    ]);
  });
});
