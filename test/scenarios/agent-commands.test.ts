// The commands of the agent as they ship, each a process of its own against the double of the driver: what they print,
// how they end, and that a driver which hangs takes neither the answer nor the terminal with it.

import { execFile } from "node:child_process";
import { readFile } from "node:fs/promises";
import { join } from "node:path";

import { beforeAll, describe, expect, onTestFinished, test } from "vitest";
import * as z from "zod";

import { AGENT_NODE_FLAGS } from "../../agent/flags.ts";
import { captureFrom } from "../../agent/sample/replay/capture.ts";
import { createUnpacker } from "../../agent/sample/replay/deltas.ts";
import { ensureBundle, ENTRIES } from "../../deploy/bundle.ts";
import { nodeDetailSchema } from "../../shared/contract/node-detail.ts";
import { GPU_READING_NAMES, valueOf } from "../../shared/model/gpu-readings.ts";
import { createDouble, healthyGpus } from "../nvml-double/fixture.ts";
import type { Double } from "../nvml-double/fixture.ts";
import type { Scenario } from "../nvml-double/scenario.ts";

interface Ended {
  readonly code: number | null;
  readonly signal: string | null;
  readonly stdout: string;
  readonly stderr: string;
  readonly seconds: number;
}

let agent = "";
beforeAll(async () => {
  const entries = { "agent.js": ENTRIES["agent.js"], "nvml-worker.js": ENTRIES["nvml-worker.js"] };
  agent = join(await ensureBundle({ entries }), "agent.js");
});

/** Nothing of our own environment goes along, and no service of this machine is asked. */
async function run(double: Double | null, ...argv: readonly string[]): Promise<Ended> {
  const env = {
    NODE_NAME: "gpu-1",
    GPUAS_NATS_SERVERS: "nats://127.0.0.1:1",
    GPUAS_POD_RESOURCES_SOCKET: "/nowhere/kubelet.sock",
    GPUAS_KERNEL_LOG: "none",
    GPUAS_NVML_LIBRARY: double?.directory ?? "/nowhere/libnvidia-ml.so.1",
  };
  const startedAt = performance.now();
  return await new Promise<Ended>((resolve) => {
    const child = execFile(
      process.execPath,
      [...AGENT_NODE_FLAGS, agent, ...argv],
      { env, encoding: "utf8", maxBuffer: 16 * 1024 * 1024 },
      (_, stdout, stderr) => {
        const seconds = (performance.now() - startedAt) / 1000;
        resolve({ code: child.exitCode, signal: child.signalCode, stdout, stderr, seconds });
      },
    );
  });
}

async function aDouble(scenario: Scenario): Promise<Double> {
  const double = await createDouble(scenario);
  onTestFinished(() => {
    double[Symbol.dispose]();
  });
  return double;
}

const inspectionSchema = nodeDetailSchema.extend({
  readable: z.boolean(),
  machine: z.object({ uid: z.number(), devices: z.array(z.unknown()) }),
  checks: z.array(z.object({ name: z.string(), ok: z.boolean().nullable(), detail: z.string() })),
  survey: z
    .object({
      library: z.string(),
      calls: z.array(z.object({ name: z.string(), exported: z.boolean(), codes: z.array(z.number()) })),
      fields: z.array(z.object({ name: z.string(), id: z.number().nullable(), codes: z.array(z.number()) })),
    })
    .nullable(),
});

function inspectionIn(text: string): z.infer<typeof inspectionSchema> {
  return inspectionSchema.parse(JSON.parse(text));
}

describe("agent inspect", () => {
  test("prints what can be read, as data and as text, and ends with 0", async () => {
    const double = await aDouble({ gpus: healthyGpus(2) });
    const asData = await run(double, "inspect", "--json");
    expect(asData).toMatchObject({ code: 0, stderr: "" });
    const { gpus, source, survey, checks, readable, node } = inspectionIn(asData.stdout);
    expect({ node, readable, state: source.state }).toEqual({
      node: "gpu-1",
      readable: true,
      state: "ready",
    });
    expect(gpus.map(({ readings }) => readings["utilization"])).toEqual([0.4, 0.41]);
    expect(survey?.library).toBe(join(double.directory, "libnvidia-ml.so.1"));
    expect(survey?.calls.find(({ name }) => name === "nvmlInit_v2")).toMatchObject({ exported: true });
    expect(checks.find(({ name }) => name === "NATS")).toMatchObject({ ok: false });
    expect(double.counters()["nvmlShutdown"]?.calls).toBe(1);

    const asText = await run(double, "inspect");
    expect(asText.code).toBe(0);
    expect(asText.stdout).toMatch(/^node gpu-1, /);
    expect(asText.stdout).toMatch(/\n {2}1 {4}NVIDIA H200 .* present +41 % /);
  });

  test("names the call that hangs and its GPU, and ends by itself", async () => {
    const rules = [{ kind: "hang", call: "nvmlDeviceGetPowerUsage", gpu: 1 }] as const;
    const double = await aDouble({ gpus: healthyGpus(2), rules });
    const { stdout, signal, seconds } = await run(double, "inspect", "--json");
    const { source, readable, survey } = inspectionIn(stdout);
    expect(source.state).toBe("hung");
    expect(source.detail).toMatch(/^nvmlDeviceGetPowerUsage on GPU 1 has not returned for \d+ s$/);
    expect({ readable, survey }).toEqual({ readable: false, survey: null });
    expect(signal).toBe("SIGKILL");
    expect(seconds).toBeLessThan(15);
  });

  test("says where the library was looked for when there is none, and ends with 1", async () => {
    const { code, stdout } = await run(null, "inspect");
    expect(code).toBe(1);
    expect(stdout).toContain("GPUs: library-missing");
    expect(stdout).toMatch(/NOT OK {2}NVML library .*\/nowhere\/libnvidia-ml\.so\.1/);
  });

  test("shows GPUs that cannot be asked as such", async () => {
    const double = await aDouble({ init: 18, gpus: [] });
    const { code, stdout } = await run(double, "inspect");
    expect(code).toBe(1);
    expect(stdout).toContain("nvmlInit_v2 answered LIB_RM_VERSION_MISMATCH (18)");
  });
});

describe("agent record", () => {
  test("makes a capture without names, that says what the driver said", async () => {
    const double = await aDouble({ gpus: healthyGpus(2) });
    const file = join(double.directory, "capture.json");
    const recorded = await run(
      double,
      "record",
      "--seconds=3",
      `--output=${file}`,
      "--sample-interval=500ms",
    );
    expect(recorded).toMatchObject({ code: 0 });
    expect(recorded.stdout).toMatch(/^\d+ cycles and \d+ steps in .*capture\.json\n.* are replaced\n$/);
    const text = await readFile(file, "utf8");
    for (const { uuid, serial, busId } of healthyGpus(2))
      for (const name of [uuid, serial, busId]) if (name !== undefined) expect(text).not.toContain(name);

    const read = inspectionIn((await run(double, "inspect", "--json")).stdout);
    const { steps } = captureFrom(JSON.parse(text), file);
    const unpacker = createUnpacker();
    const cycles = steps.flatMap((step) => (step.kind === "cycle" ? [unpacker.unpack(step.gpus)] : []));
    expect(cycles.length).toBeGreaterThan(3);
    for (const [i, gpu] of read.gpus.entries()) {
      const sample = cycles.at(-1)?.[i];
      if (sample === undefined) throw new Error(`GPU ${i} is not in the capture`);
      // The double says the same each time, so that two looks at it have to agree on every reading.
      for (const name of GPU_READING_NAMES) {
        const told = gpu.readings[name];
        expect([name, valueOf(sample.readings, name)]).toEqual([
          name,
          typeof told === "number" ? told : undefined,
        ]);
      }
    }

    const replayed = await run(null, "inspect", "--json", `--replay=${file}`);
    expect(replayed.code).toBe(0);
    const again = inspectionIn(replayed.stdout);
    expect(again.source.driver).toBe(`${read.source.driver} (replay)`);
    expect(again.gpus.map(({ readings }) => readings["utilization"])).toEqual([0.4, 0.41]);

    const refused = await run(double, "record", "--seconds=1", `--output=${file}`);
    expect(refused).toMatchObject({ code: 1 });
    expect(refused.stderr).toContain("is there already; name another file, or say --force");
    expect(await readFile(file, "utf8")).toBe(text);
  });
});

describe("agent", () => {
  test("shows the GPUs once where there is no terminal", async () => {
    const { code, stdout } = await run(await aDouble({ gpus: healthyGpus(1) }), "top");
    expect(code).toBe(0);
    expect(stdout).toMatch(/^gpu-1 {2}\S+ {2}ready, driver .*\n.*\n {2}0 .* 40 % .*\n$/);
  });

  test("says what it knows to whoever asks for help or mistypes", async () => {
    const [help, mistyped, setting] = await Promise.all([
      run(null, "--help"),
      run(null, "inspekt"),
      run(null, "inspect", "--nvml-libary=/x"),
    ]);
    expect(help).toMatchObject({ code: 0, stderr: "" });
    expect(help.stdout).toMatch(/^usage:\n/);
    expect(mistyped).toMatchObject({ code: 64, stdout: "" });
    expect(mistyped.stderr).toContain("unknown word inspekt");
    expect(setting).toMatchObject({ code: 64, stdout: "" });
    expect(setting.stderr).toContain(
      "unknown argument --nvml-libary=/x; the nearest known one is --nvml-library",
    );
  });
});
