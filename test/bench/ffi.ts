// What the binding costs: the agent's own cycle over 8 GPUs (generation.ts, as shipped) against the same calls
// from C, on the same double, alternating in one process so that both see the same machine. `ratio_50us` uses
// calls that keep the CPU busy for 50 µs, as a driver call does; `per_call_us` uses calls that cost nothing,
// so that what is left is binding and decoding. With GPUAS_BENCH_NVML=PATH of a real driver library there is also
// `ratio_gpu`, the same against that driver and its GPUs.

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

import koffi from "koffi";

import { createBlocks } from "../../agent/sample/nvml/driver.ts";
import { FIELD_TABLE } from "../../agent/sample/nvml/field-table.ts";
import { openGeneration } from "../../agent/sample/nvml/generation.ts";
import type { Generation } from "../../agent/sample/nvml/generation.ts";
import { createMarkBuffer, createMarkWriter } from "../../agent/sample/nvml/marks.ts";
import { valueOf } from "../../shared/model/gpu-readings.ts";
import { SUCCESS } from "../../shared/model/nvml-status.ts";
import { millis } from "../../shared/model/units.ts";
import { systemClock } from "../../shared/runtime/clock.ts";
import { AppError } from "../../shared/runtime/errors.ts";
import { readEnvironment } from "../../shared/runtime/settings.ts";
import { compile, LIBRARY, placeDouble } from "../nvml-double/build.ts";
import { writeScenario } from "../nvml-double/scenario.ts";
import type { Rule } from "../nvml-double/scenario.ts";
import { figure, median } from "./figure.ts";
import type { Figure } from "./figure.ts";

const GPUS = 8;
/** The fast group: nine getters and one batch of fields. */
const CALLS_PER_GPU = 10;
const CALLS = GPUS * CALLS_PER_GPU;
/** Stands still, so that the slow group is read once, at the start. */
const WARM_UP_CYCLES = 1_000;

export async function run(): Promise<readonly Figure[]> {
  const directory = mkdtempSync(join(tmpdir(), "bench-ffi-"));
  try {
    const yardstick = await compileYardstick(directory);
    // First, while the code has met one generation only, as in an agent.
    const free = openBoth(await placeGpus(directory, "free", []), yardstick);
    const perCallUs = medianPerCall(free, 1_000, 250);
    free.close();
    const busy = openBoth(
      await placeGpus(directory, "busy", [{ kind: "busy", call: "*", us: 50 }]),
      yardstick,
    );
    const ratio = medianRatio(busy, 200, 1);
    busy.close();
    const real = readEnvironment()["GPUAS_BENCH_NVML"];
    return [
      figure("ratio_50us", ratio, "node/c", { max: 1.05 }),
      figure("per_call_us", perCallUs, "us", { max: 0.15 }),
      ...(real === undefined ? [] : await realRatio(real, yardstick)),
    ];
  } finally {
    rmSync(directory, { recursive: true });
  }
}

/** `ratio_gpu`. `library` is a driver's; `yardstick` is the compiled ffi-cycle.c, which is compiled here when null. */
export async function realRatio(library: string, yardstick: string | null): Promise<readonly Figure[]> {
  const directory = mkdtempSync(join(tmpdir(), "bench-ffi-"));
  try {
    const driver = openBoth(library, yardstick ?? (await compileYardstick(directory)), "all");
    const { nodeUs, cUs } = pacedMedians(driver);
    driver.close();
    return [
      figure("ratio_gpu", nodeUs / cUs, "node/c", { max: 1.05 }),
      figure("node_cycle_us", nodeUs, "us", {}),
      figure("c_cycle_us", cUs, "us", {}),
    ];
  } finally {
    rmSync(directory, { recursive: true });
  }
}

async function compileYardstick(directory: string): Promise<string> {
  const yardstick = join(directory, "ffi-cycle.so");
  const source = fileURLToPath(new URL("ffi-cycle.c", import.meta.url));
  await compile(["-std=gnu11", "-O2", "-shared", "-fPIC", "-o", yardstick, source, "-ldl"]);
  return yardstick;
}

interface Sides {
  readonly nodeNs: (cycles: number) => number;
  readonly cNs: (cycles: number) => number;
  readonly close: () => void;
}

/** A double with 8 GPUs that answer every call of the fast group; the path of its library. */
async function placeGpus(directory: string, name: string, rules: readonly Rule[]): Promise<string> {
  const place = await placeDouble(join(directory, name));
  rmSync(join(place, "counters"));
  const gpus = Array.from({ length: GPUS }, (_, index) => ({
    utilPercent: 10 * index,
    memoryUtilPercent: 9 * index,
    memoryTotalMib: 81_559,
    memoryUsedMib: 1_000 * index,
    memoryReservedMib: 600,
    temperatureC: 40 + index,
    memoryTemperatureC: 50 + index,
    powerMw: 70_000 + index,
    powerInstantMw: 71_000 + index,
    smClockMhz: 1_900,
    memoryClockMhz: 2_600,
    clockReasons: 1,
    encoderPercent: 1,
    decoderPercent: 2,
    recoveryAction: 0,
    // As fast as an H200 has it: its counters wrap too often to be read.
    pcie: { maxGeneration: 5, maxWidth: 16, txBytes: 1_000, rxBytes: 2_000 },
  }));
  // Read once: what is measured is the call, not the double looking at its file.
  writeScenario(join(place, "scenario"), { recheckMs: -1, strict: false, gpus, rules });
  return join(place, LIBRARY);
}

/** `all`: the slow group is part of every cycle, so that every call of the agent is in it. */
function openBoth(library: string, yardstick: string, group: "fast" | "all" = "fast"): Sides {
  const generation = openNode(library, group);
  const ids = fieldsOf(generation, "fast");
  const gpus = generation.source.gpus.length;

  const c = koffi.load(yardstick);
  const open = c.func("ffi_open", "int", ["str", "int", "int", "uint32_t *"]) as unknown as (
    path: string,
    most: number,
    count: number,
    ids: Uint32Array,
  ) => number;
  const learn = c.func("ffi_learn", "int", []) as unknown as () => number;
  const cycles = c.func("ffi_cycles", "double", ["int"]) as unknown as (cycles: number) => number;
  if (open(library, gpus, ids.length, Uint32Array.from(ids)) !== gpus)
    throw new AppError("bug", "the C side does not see the GPUs that the Node side sees");
  if (group === "all") {
    const openSlow = c.func("ffi_open_slow", "int", ["str", "int", "uint32_t *"]) as unknown as (
      path: string,
      count: number,
      ids: Uint32Array,
    ) => number;
    const slow = Uint32Array.from(fieldsOf(generation, "slow"));
    if (openSlow(library, slow.length, slow) < 1)
      throw new AppError("bug", "the C side does not find the slow group");
  }
  const calls = learn();
  if (calls === 0) throw new AppError("bug", "no call of the fast group is answered");
  return {
    nodeNs: (count) => nodeCycles(generation, count),
    cNs: (count) => {
      const ns = cycles(count);
      if (ns < 0) throw new AppError("bug", "a call of the C side failed");
      return ns;
    },
    close: () => generation.close(),
  };
}

/** The ids that the agent puts into one batch of this group. */
function fieldsOf(generation: Generation, group: "fast" | "slow"): readonly number[] {
  const names = new Set<string>(FIELD_TABLE.filter((row) => row.group === group).map(({ name }) => name));
  readOnce(generation);
  return generation
    .survey()
    .fields.filter(({ name, codes }) => names.has(name) && codes[0] === SUCCESS)
    .map(({ id }) => id)
    .filter((id) => id !== null);
}

function openNode(path: string, group: "fast" | "all"): Generation {
  const opened = openGeneration({
    library: { path, driverRoots: [] },
    marks: createMarkWriter(createMarkBuffer()),
    blockOf: createBlocks(),
    known: [],
    loaded: null,
    intervalMs: millis(1_000),
    slowIntervalMs: millis(group === "all" ? 1 : 1e9),
    gpm: false,
    clock: systemClock,
  });
  if (opened.kind === "open") return opened.generation;
  throw new AppError("bug", `the library does not open: ${JSON.stringify(opened.source)}`);
}

/** Goes on by a millisecond with each cycle, which is what makes the slow group due where it is wanted. */
let now = 0;

function readOnce(generation: Generation): void {
  const last = generation.sample(millis(++now));
  if (last.kind !== "samples" || last.samples.some(({ live }) => valueOf(live, "power") === undefined)) {
    throw new AppError("bug", "the Node side read no values");
  }
}

function nodeCycles(generation: Generation, cycles: number): number {
  const from = process.hrtime.bigint();
  for (let i = 1; i < cycles; i++) generation.sample(millis(++now));
  readOnce(generation);
  return Number(process.hrtime.bigint() - from);
}

/** Pairs next to each other in time, in turns first and second, so that a change of clock speed meets both. */
function medianRatio(sides: Sides, pairs: number, cycles: number): number {
  sides.nodeNs(cycles);
  sides.cNs(cycles);
  const node: number[] = [];
  const c: number[] = [];
  for (let pair = 0; pair < pairs; pair++) {
    if (pair % 2 === 0) node.push(sides.nodeNs(cycles));
    c.push(sides.cNs(cycles));
    if (pair % 2 === 1) node.push(sides.nodeNs(cycles));
  }
  return median(node) / median(c);
}

/** A driver answers from a cache what it is asked again within milliseconds, and no agent asks that fast. */
const PACE_MS = 100;
const PACED_PAIRS = 80;

/**
 * One cycle at a time, at a pace at which the driver has to look. Compiled code first, as in an agent that has run for
 * some minutes; and busy waits between, since after a sleep both sides measure how a processor wakes up.
 */
function pacedMedians(sides: Sides): { readonly nodeUs: number; readonly cUs: number } {
  sides.nodeNs(WARM_UP_CYCLES);
  sides.cNs(WARM_UP_CYCLES);
  const node: number[] = [];
  const c: number[] = [];
  for (let turn = 0; turn < 2 * PACED_PAIRS; turn++) {
    for (const until = performance.now() + PACE_MS; performance.now() < until;);
    // N C C N: neither side always follows the same one.
    if (turn % 4 === 0 || turn % 4 === 3) node.push(sides.nodeNs(1));
    else c.push(sides.cNs(1));
  }
  return { nodeUs: median(node) / 1000, cUs: median(c) / 1000 };
}

function medianPerCall(sides: Sides, rounds: number, cycles: number): number {
  sides.nodeNs(cycles * 10);
  const perCall = Array.from({ length: rounds }, () => sides.nodeNs(cycles) / cycles / CALLS);
  return median(perCall) / 1000;
}
