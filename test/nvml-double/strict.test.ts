// What a caller may not do. In strict mode, which every test of the agent runs in, each breach ends the process and
// says what it was; otherwise the double answers with the code that the real library is known for, where it has one.

import { execFile } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";

import { afterEach, beforeEach, describe, expect, test } from "vitest";

import { LIBRARY, placeDouble } from "./build.ts";
import { healthyGpu } from "./fixture.ts";
import { formatScenario, writeScenario } from "./scenario.ts";
import type { Scenario } from "./scenario.ts";

let directory: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "nvml-strict-"));
});
afterEach(() => {
  rmSync(directory, { recursive: true });
});

function scenario(strict: boolean, uuid = "MIG-a"): Scenario {
  const instance = { uuid, gi: 1, ci: 0, memoryTotalMib: 16_384, memoryUsedMib: 5 };
  return {
    strict,
    recheckMs: 0,
    gpus: [healthyGpu(0), { ...healthyGpu(1), mig: { mode: 1, instances: [instance] } }],
  };
}

const SCRIPT = `
  import { renameSync, writeFileSync } from "node:fs";
  import koffi from "koffi";
  const library = koffi.load(process.argv[1]);
  const call = (name, types, ...values) => library.func(name, "int", types)(...values);
  const out = new BigUint64Array(64);
  const stamped = (stamp) => new Uint32Array([stamp, ...new Uint32Array(63)]);
  const at = (name, types, ...values) => { call(name, types, ...values, out); return out[0]; };
  const init = () => call("nvmlInit_v2", []);
  const shutdown = () => call("nvmlShutdown", []);
  const gpu = (index) => at("nvmlDeviceGetHandleByIndex_v2", ["uint32_t", "void *"], index);
  const mig = () => at("nvmlDeviceGetMigDeviceHandleByIndex", ["uintptr_t", "uint32_t", "void *"], gpu(1), 0);
  const sample = () => at("nvmlGpmSampleAlloc", ["void *"]);
  const set = () => at("nvmlEventSetCreate", ["void *"]);
  const power = (device, into = out) => call("nvmlDeviceGetPowerUsage", ["uintptr_t", "void *"], device, into);
  const memory = (device, buffer) => call("nvmlDeviceGetMemoryInfo_v2", ["uintptr_t", "void *"], device, buffer);
  const cutAnew = () => {
    writeFileSync(process.env.NEXT + ".next", process.env.TEXT);
    renameSync(process.env.NEXT + ".next", process.env.NEXT);
  };
  console.log(await (async () => { PLACE })());`;

async function run(body: string, strict: boolean): Promise<string> {
  await placeDouble(directory);
  const file = join(directory, "scenario");
  writeScenario(file, scenario(strict));
  const text = SCRIPT.replace("PLACE", () => body);
  const args = ["--input-type=module", "--eval", text, join(directory, LIBRARY)];
  const env = { NEXT: file, TEXT: formatScenario(scenario(strict, "MIG-b")).toString() };
  return (await promisify(execFile)(process.execPath, args, { env, cwd: import.meta.dirname })).stdout.trim();
}

const FREE_SAMPLE = `call("nvmlGpmSampleFree", ["uintptr_t"], one)`;
const FREE_SET = `call("nvmlEventSetFree", ["uintptr_t"], one)`;

const BREACHES: readonly (readonly [what: string, body: string, code: number, message: string])[] = [
  [
    "a call before init",
    "return power(5n)",
    1,
    "nvmlDeviceGetPowerUsage: called before init or after the last shutdown",
  ],
  [
    "a call after the last shutdown",
    "init(); const one = gpu(0); shutdown(); return power(one)",
    1,
    "nvmlDeviceGetPowerUsage: called before init or after the last shutdown",
  ],
  [
    "a handle from before a shutdown",
    "init(); const one = gpu(0); shutdown(); init(); return power(one)",
    2,
    "nvmlDeviceGetPowerUsage: the handle is from before a shutdown",
  ],
  [
    "a made-up handle",
    "init(); return power(5n)",
    2,
    "nvmlDeviceGetPowerUsage: the handle was never given out",
  ],
  [
    "a version that never was",
    "init(); return memory(gpu(0), stamped(0x01000028))",
    25,
    "nvmlDeviceGetMemoryInfo_v2: the struct's version is none that exists",
  ],
  [
    "an answer without a place",
    "init(); return power(gpu(0), null)",
    2,
    "nvmlDeviceGetPowerUsage: a pointer is NULL",
  ],
  [
    "a short text buffer",
    `init(); return call("nvmlDeviceGetName", ["uintptr_t", "void *", "uint32_t"], gpu(0), out, 95)`,
    0,
    "nvmlDeviceGetName: the buffer is smaller than the header asks for",
  ],
  [
    "a sample after it was freed",
    `init(); const one = sample(); ${FREE_SAMPLE};
     return call("nvmlGpmSampleGet", ["uintptr_t", "uintptr_t"], gpu(0), one)`,
    2,
    "nvmlGpmSampleGet: the sample was freed before",
  ],
  [
    "a sample that is freed twice",
    `init(); const one = sample(); ${FREE_SAMPLE}; return ${FREE_SAMPLE}`,
    2,
    "nvmlGpmSampleFree: the sample was freed before",
  ],
  [
    "an event set after it was freed",
    `init(); const one = set(); ${FREE_SET};
     return call("nvmlEventSetWait_v2", ["uintptr_t", "void *", "uint32_t"], one, out, 0)`,
    2,
    "nvmlEventSetWait_v2: the event set was freed before",
  ],
  [
    "an event set that is freed twice",
    `init(); const one = set(); ${FREE_SET}; return ${FREE_SET}`,
    2,
    "nvmlEventSetFree: the event set was freed before",
  ],
  [
    "a MIG handle after newer ones were asked for",
    "init(); const one = mig(); cutAnew(); mig(); return memory(one, stamped(0x02000028))",
    2,
    "nvmlDeviceGetMemoryInfo_v2: a MIG handle is used although newer ones were given out",
  ],
];

describe.each(BREACHES)("%s", (_, body, code, message) => {
  test("ends the process in strict mode", async () => {
    await expect(run(body, true)).rejects.toMatchObject({
      signal: "SIGABRT",
      stderr: `nvml double: ${message}\n`,
    });
  });

  test(`answers ${code} otherwise`, async () => {
    expect(await run(body, false)).toBe(String(code));
  });
});

// What looks like a breach and is part of how the library is used.
test.each([
  ["a struct without a version", "init(); return memory(gpu(0), stamped(0))", 25],
  ["one shutdown too many", "init(); shutdown(); return shutdown()", 1],
  [
    "a MIG handle that nobody could know to be old",
    "init(); const one = mig(); cutAnew(); return memory(one, stamped(0x02000028))",
    2,
  ],
])("%s is refused without ado", async (_, body, code) => {
  expect(await run(body, true)).toBe(String(code));
});
