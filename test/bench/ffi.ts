// What the binding costs: the agent's own cycle over 8 GPUs (generation.ts, as shipped) against the same calls
// from C, on the same double, alternating in one process so that both see the same machine. `ratio_50us` uses
// calls that keep the CPU busy for 50 µs, as a driver call does; `per_call_us` uses calls that cost nothing,
// so that what is left is binding and decoding.

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

import koffi from "koffi";

import { openGeneration } from "../../agent/sample/nvml/generation.ts";
import type { Generation } from "../../agent/sample/nvml/generation.ts";
import { createMarkBuffer, createMarkWriter } from "../../agent/sample/nvml/marks.ts";
import { createBlocks } from "../../agent/sample/nvml/reader.ts";
import { emptyReadings, valueOf } from "../../shared/model/gpu-readings.ts";
import { millis } from "../../shared/model/units.ts";
import { AppError } from "../../shared/runtime/errors.ts";
import { compile, LIBRARY, placeDouble } from "../nvml-double/build.ts";
import { writeScenario } from "../nvml-double/scenario.ts";
import type { Rule } from "../nvml-double/scenario.ts";
import { figure, median } from "./figure.ts";
import type { Figure } from "./figure.ts";

const GPUS = 8;
const CALLS_PER_GPU = 4;
const CALLS = GPUS * CALLS_PER_GPU;
const NOW = millis(0);

export async function run(): Promise<readonly Figure[]> {
  const directory = mkdtempSync(join(tmpdir(), "bench-ffi-"));
  try {
    const yardstick = join(directory, "ffi-cycle.so");
    const source = fileURLToPath(new URL("ffi-cycle.c", import.meta.url));
    await compile(["-std=gnu11", "-O2", "-shared", "-fPIC", "-o", yardstick, source, "-ldl"]);
    // First, while the code has met one generation only, as in an agent.
    const free = await openBoth(directory, "free", yardstick, []);
    const perCallUs = medianPerCall(free, 1_000, 250);
    free.close();
    const busy = await openBoth(directory, "busy", yardstick, [{ kind: "busy", call: "*", us: 50 }]);
    const ratio = medianRatio(busy, 400, 1);
    busy.close();
    return [
      figure("ratio_50us", ratio, "node/c", { max: 1.05 }),
      figure("per_call_us", perCallUs, "us", { max: 0.15 }),
    ];
  } finally {
    rmSync(directory, { recursive: true });
  }
}

interface Sides {
  readonly nodeNs: (cycles: number) => number;
  readonly cNs: (cycles: number) => number;
  readonly close: () => void;
}

async function openBoth(
  directory: string,
  name: string,
  yardstick: string,
  rules: readonly Rule[],
): Promise<Sides> {
  const place = await placeDouble(join(directory, name));
  rmSync(join(place, "counters"));
  const gpus = Array.from({ length: GPUS }, (_, index) => ({
    utilPercent: 10 * index,
    memoryTotalMib: 81_559,
    memoryUsedMib: 1_000 * index,
    temperatureC: 40 + index,
    powerMw: 70_000 + index,
  }));
  // Read once: what is measured is the call, not the double looking at its file.
  writeScenario(join(place, "scenario"), { recheckMs: -1, gpus, rules });
  const generation = openNode(place);

  const c = koffi.load(yardstick);
  const open = c.func("ffi_open", "int", ["str"]) as unknown as (path: string) => number;
  const cycles = c.func("ffi_cycles", "double", ["int"]) as unknown as (cycles: number) => number;
  if (open(join(place, LIBRARY)) !== GPUS)
    throw new AppError("bug", "the C side does not see the double's GPUs");
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

function openNode(path: string): Generation {
  const opened = openGeneration({
    library: { path, driverRoots: [] },
    marks: createMarkWriter(createMarkBuffer()),
    blockOf: createBlocks(),
    known: [],
    now: NOW,
  });
  if (opened.kind === "open") return opened.generation;
  throw new AppError("bug", `the double does not open: ${JSON.stringify(opened.source)}`);
}

function nodeCycles(generation: Generation, cycles: number): number {
  const from = process.hrtime.bigint();
  let last = generation.sample(NOW);
  for (let i = 1; i < cycles; i++) last = generation.sample(NOW);
  const ns = Number(process.hrtime.bigint() - from);
  if (
    last.kind !== "samples" ||
    valueOf(last.samples[GPUS - 1]?.readings ?? emptyReadings(), "power") === undefined
  ) {
    throw new AppError("bug", "the Node side read no values");
  }
  return ns;
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

function medianPerCall(sides: Sides, rounds: number, cycles: number): number {
  sides.nodeNs(cycles * 10);
  const perCall = Array.from({ length: rounds }, () => sides.nodeNs(cycles) / cycles / CALLS);
  return median(perCall) / 1000;
}
