// The list of hardware checks, in the order in which they run. Each is small and stands by itself; what they share is
// the way to the library.

import { execFileSync } from "node:child_process";
import { copyFileSync, mkdtempSync, readdirSync, readFileSync, realpathSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";

import type { LibraryOptions } from "../../agent/sample/nvml/library.ts";
import { GPU_READING_NAMES, GPU_READINGS, readingOf, valueOf } from "../../shared/model/gpu-readings.ts";
import type { GpuReadingName } from "../../shared/model/gpu-readings.ts";
import type { GpuSample } from "../../shared/model/gpu.ts";
import { nameOf } from "../../shared/model/nvml-status.ts";
import { millis } from "../../shared/model/units.ts";
import { realRatio } from "../bench/ffi.ts";
import { quantile } from "../bench/figure.ts";
import { runAgent } from "./agent.ts";
import { judged } from "./check.ts";
import type { Figures, GpuCheck, Outcome } from "./check.ts";
import { firstGpu, openDriver } from "./driver.ts";
import type { TimedDriver } from "./driver.ts";
import { missingForLoad, startCopy, startMatmul } from "./load.ts";
import { compareIdentity, compareReadings } from "./readings.ts";
import { askSmi } from "./smi.ts";

export interface CheckOptions {
  readonly library: LibraryOptions;
  readonly agent: string | null;
  readonly yardstick: string | null;
}

const GIB = 1024 ** 3;
const COPY_RATE = 200_000_000;
const NOBODY = "65534";

export function checksOf(options: CheckOptions): readonly GpuCheck[] {
  const { library } = options;
  return [
    { name: "opening the driver", run: () => opening(library) },
    { name: "who the GPU is", run: () => identity(library) },
    { name: "readings at rest", run: () => readings(library, "rest") },
    { name: "readings under load", run: () => underLoad(() => readings(library, "load")) },
    { name: "activity by the GPU's own counters", run: () => underLoad(() => activity(library)) },
    { name: "unit of PCIe rates", run: () => pcieUnit(library) },
    { name: "power three ways", run: () => underLoad(() => power(library)) },
    { name: "processes", run: () => processes(library) },
    { name: "what each call takes", run: () => latencies(library) },
    { name: "events leave nothing behind", run: () => events(library) },
    { name: "as nobody, without a capability", run: () => asNobody() },
    { name: "library under another path", run: () => elsewhere(library) },
    { name: "ratio_gpu of the ffi bench", run: () => ratio(library, options.yardstick) },
    { name: "the shipped agent for a minute", run: () => agent(options) },
  ];
}

async function opened<T>(
  library: LibraryOptions,
  use: (driver: TimedDriver) => Promise<T> | T,
  gpm = true,
): Promise<T> {
  const driver = openDriver(library, { gpm });
  try {
    return await use(driver);
  } finally {
    driver.generations.close();
  }
}

async function opening(library: LibraryOptions): Promise<Outcome> {
  return await opened(library, (driver) => {
    const from = performance.now();
    firstGpu(driver.generations.cycle());
    const firstMs = performance.now() - from;
    const total = (name: string): number =>
      (driver.tookUs.get(name) ?? []).reduce((sum, us) => sum + us, 0) / 1000;
    return judged(
      firstMs < 10_000 ? [] : [`the first cycle took ${firstMs} ms`],
      "the first cycle was there",
      {
        first_cycle_ms: firstMs,
        init_ms: total("nvmlInit_v2"),
        handle_ms: total("nvmlDeviceGetHandleByIndex_v2"),
        calls: [...driver.tookUs.values()].reduce((sum, list) => sum + list.length, 0),
      },
    );
  });
}

async function identity(library: LibraryOptions): Promise<Outcome> {
  return await opened(library, (driver) => {
    const { identity: gpu } = firstGpu(driver.generations.cycle());
    return judged(compareIdentity(gpu, askSmi()), "the same as nvidia-smi says", {
      architecture: gpu.details.architecture.kind === "value" ? gpu.details.architecture.value : null,
      mig: gpu.mig.kind,
    });
  });
}

/** Both in the same second: nvidia-smi takes a good part of it, so ours are taken before and after, and the nearer counts. */
async function readings(library: LibraryOptions, when: "rest" | "load"): Promise<Outcome> {
  return await opened(library, async (driver) => {
    driver.generations.cycle();
    await sleep(1_100);
    const before = firstGpu(driver.generations.cycle()).sample;
    const smi = askSmi();
    await sleep(1_000);
    const after = firstGpu(driver.generations.cycle()).sample;
    const first = compareReadings(before, smi);
    const second = compareReadings(after, smi);
    const complaints = first.flatMap(({ complaint }, i) =>
      complaint !== null && second[i]?.complaint != null ? [complaint] : [],
    );
    const none = GPU_READING_NAMES.filter((name) => readingOf(after.readings, name).kind !== "value");
    return judged(
      complaints,
      `${first.filter(({ theirs }) => theirs !== null).length} compared with nvidia-smi`,
      {
        ...valuesOf(after),
        without: none
          .map((name) => `${name} ${nameOf(after.readings.codes[GPU_READING_NAMES.indexOf(name)] ?? 999)}`)
          .join(", "),
        when,
      },
    );
  });
}

async function underLoad(run: () => Promise<Outcome>): Promise<Outcome> {
  const why = missingForLoad();
  if (why !== null) return { state: "not-applicable", detail: why };
  const load = await startMatmul();
  try {
    await sleep(2_000);
    return await run();
  } finally {
    await load.stop();
  }
}

async function activity(library: LibraryOptions): Promise<Outcome> {
  return await opened(library, async (driver) => {
    const { identity: gpu } = firstGpu(driver.generations.cycle());
    if (gpu.details.gpm.kind !== "value" || !gpu.details.gpm.value)
      return { state: "not-applicable", detail: "this GPU has no GPM" };
    for (let i = 0; i < 3; i++) {
      await sleep(1_000);
      driver.generations.cycle();
    }
    await sleep(1_000);
    const { sample } = firstGpu(driver.generations.cycle());
    const of = (name: GpuReadingName): number => valueOf(sample.readings, name) ?? Number.NaN;
    const complaints = (["gpmGraphicsActive", "gpmSmActive", "gpmTensorActive"] as const).flatMap((name) =>
      of(name) > 0.5 && of(name) <= 1 ? [] : [`${name} is ${of(name)} under matrix products`],
    );
    return judged(complaints, "busy where matrix products are", group(sample, "gpm"));
  });
}

/** Copies a known amount to the GPU and looks which factor brings the counters to it. */
async function pcieUnit(library: LibraryOptions): Promise<Outcome> {
  const why = missingForLoad();
  if (why !== null) return { state: "not-applicable", detail: why };
  const load = await startCopy(COPY_RATE);
  try {
    return await opened(library, async (driver) => {
      await sleep(1_500);
      driver.generations.cycle();
      const start = copied(load.lines);
      await sleep(1_500);
      driver.generations.cycle();
      const rates: number[] = [];
      for (let i = 0; i < 3; i++) {
        await sleep(1_000);
        rates.push(valueOf(firstGpu(driver.generations.cycle()).sample.readings, "gpmPcieRx") ?? Number.NaN);
      }
      const end = copied(load.lines);
      const real = (end.bytes - start.bytes) / (end.at - start.at);
      const ours = rates.reduce((sum, rate) => sum + rate, 0) / rates.length;
      return judged(
        // The link adds a few percent of its own; a wrong factor would be 4.9 % off on top of it, or a thousand.
        ours / real > 0.97 && ours / real < 1.15 ? [] : [`ours ${ours} bytes/s, copied ${real}`],
        "bytes per second as copied, with what the link adds",
        { copied_bytes_per_s: real, ours_bytes_per_s: ours, ratio: ours / real },
      );
    });
  } finally {
    await load.stop();
  }
}

function copied(lines: readonly string[]): { readonly bytes: number; readonly at: number } {
  const [, bytes, at] = (lines.findLast((line) => line.startsWith("copied")) ?? "copied 0 0").split(" ");
  return { bytes: Number(bytes), at: Number(at) };
}

async function power(library: LibraryOptions): Promise<Outcome> {
  return await opened(library, async (driver) => {
    const seen: { readonly average: number; readonly instant: number }[] = [];
    driver.generations.cycle();
    const startAt = performance.now();
    const start = valueOf(firstGpu(driver.generations.cycle()).sample.readings, "energy");
    let end = start;
    let endAt = startAt;
    for (let i = 0; i < 5; i++) {
      await sleep(1_000);
      const { sample } = firstGpu(driver.generations.cycle());
      endAt = performance.now();
      end = valueOf(sample.readings, "energy");
      seen.push({
        average: valueOf(sample.readings, "power") ?? Number.NaN,
        instant: valueOf(sample.readings, "powerInstant") ?? Number.NaN,
      });
    }
    const mean = (pick: (one: (typeof seen)[number]) => number): number =>
      seen.reduce((sum, one) => sum + pick(one), 0) / seen.length;
    const byEnergy = ((end ?? Number.NaN) - (start ?? Number.NaN)) / ((endAt - startAt) / 1000);
    const average = mean((one) => one.average);
    return judged(
      Math.abs(byEnergy / average - 1) < 0.1 ? [] : [`energy says ${byEnergy} W, the average ${average} W`],
      "energy over time is the average power",
      { average_w: average, instant_w: mean((one) => one.instant), by_energy_w: byEnergy },
    );
  });
}

async function processes(library: LibraryOptions): Promise<Outcome> {
  const why = missingForLoad();
  if (why !== null) return { state: "not-applicable", detail: why };
  const load = await startMatmul();
  try {
    return await opened(library, async (driver) => {
      driver.generations.cycle();
      await sleep(1_100);
      const { sample } = firstGpu(driver.generations.cycle());
      const found = sample.processes?.find(({ pid }) => pid === load.pid);
      const memory = found?.memoryBytes ?? 0;
      return judged(
        found === undefined
          ? [`the load is not among ${sample.processes?.length ?? "no"} processes`]
          : memory > 0.2 * GIB && memory < 8 * GIB
            ? []
            : [`the load holds ${memory} bytes`],
        "the load is there with its memory",
        { processes: sample.processes?.length ?? null, memory_bytes: found?.memoryBytes ?? null },
      );
    });
  } finally {
    await load.stop();
  }
}

async function latencies(library: LibraryOptions): Promise<Outcome> {
  return await opened(library, async (driver) => {
    driver.generations.cycle();
    driver.forget();
    const cyclesMs: number[] = [];
    for (let i = 0; i < 60; i++) {
      const from = performance.now();
      driver.generations.cycle();
      cyclesMs.push(performance.now() - from);
      await sleep(100);
    }
    const figures: Record<string, number> = {
      cycle_p50_ms: quantile(cyclesMs, 0.5),
      cycle_p99_ms: quantile(cyclesMs, 0.99),
    };
    for (const [name, us] of driver.tookUs) {
      figures[`${name}_p50_us`] = quantile([...us], 0.5);
      figures[`${name}_p99_us`] = quantile([...us], 0.99);
    }
    return judged(
      figures["cycle_p99_ms"] !== undefined && figures["cycle_p99_ms"] < 50
        ? []
        : ["a cycle took 50 ms or more"],
      "a cycle of one GPU, ten a second",
      figures,
    );
  });
}

async function events(library: LibraryOptions): Promise<Outcome> {
  const count = (): number => readdirSync("/proc/self/fd").length;
  // The first connection leaves the driver's own lasting files behind.
  await opened(library, (driver) => driver.generations.cycle());
  const filesBefore = count();
  const rssBefore = process.memoryUsage.rss();
  for (let i = 0; i < 50; i++)
    await opened(library, (driver) => {
      firstGpu(driver.generations.cycle());
      driver.generations.events()?.wait(millis(1));
    });
  const files = count() - filesBefore;
  const grownMib = (process.memoryUsage.rss() - rssBefore) / 1024 ** 2;
  return judged(
    [
      ...(files > 2 ? [`${files} files were left open`] : []),
      ...(grownMib > 30 ? [`memory grew by ${grownMib} MiB`] : []),
    ],
    "opened, waited and closed 50 times",
    { files_left: files, grown_mib: grownMib },
  );
}

/** The same readings again in a process that is nobody and may do nothing. */
function asNobody(): Outcome {
  if (process.getuid?.() !== 0) return { state: "not-applicable", detail: "only root can become nobody" };
  const self = process.argv[1] ?? "";
  const privileges = [
    `--reuid=${NOBODY}`,
    `--regid=${NOBODY}`,
    "--clear-groups",
    "--inh-caps=-all",
    "--bounding-set=-all",
  ];
  const output = execFileSync("setpriv", [...privileges, process.execPath, self, "--only", "at rest"], {
    encoding: "utf8",
    timeout: 60_000,
    env: { ...process.env, HOME: "/tmp" },
  });
  const line = /^passed .*at rest.*$/m.exec(output)?.[0];
  const tensor = /gpmSmActive (\S+)/.exec(output)?.[1] ?? "no value";
  return judged(line === undefined ? [output.slice(-600)] : [], "everything as root reads it", {
    gpmSmActive: tensor,
  });
}

async function elsewhere(library: LibraryOptions): Promise<Outcome> {
  if (library.path !== null) return { state: "not-applicable", detail: "a library was named" };
  const maps = await opened(library, (driver) => {
    firstGpu(driver.generations.cycle());
    return readFileSync("/proc/self/maps", "utf8");
  });
  const path = /\S*libnvidia-ml\.so\S*/.exec(maps)?.[0];
  if (path === undefined) return { state: "failed", detail: "the library is in no map of this process" };
  const directory = mkdtempSync(join(tmpdir(), "nvml-elsewhere-"));
  try {
    copyFileSync(realpathSync(path), join(directory, "libnvidia-ml.so.1"));
    return await opened({ path: directory, driverRoots: [] }, (driver) => {
      firstGpu(driver.generations.cycle());
      return judged([], "found in a folder that was named");
    });
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

async function ratio(library: LibraryOptions, yardstick: string | null): Promise<Outcome> {
  const path = library.path ?? "libnvidia-ml.so.1";
  const figures = await realRatio(path, yardstick);
  const value = figures.find(({ name }) => name === "ratio_gpu")?.value ?? Number.NaN;
  return judged(
    value <= 1.05 ? [] : [`ratio_gpu is ${value}, above 1.05`],
    "the same calls from C and from Node",
    {
      ratio_gpu: value,
    },
  );
}

async function agent(options: CheckOptions): Promise<Outcome> {
  const entry = options.agent ?? (await bundledAgent());
  const { path } = options.library;
  const { outcome } = await runAgent(entry, path, 60_000);
  return outcome;
}

async function bundledAgent(): Promise<string> {
  // Loaded only here: packed for another machine, these checks have no sources to bundle.
  const { bundle, ENTRIES } = await import("../../deploy/bundle.ts");
  const entries = { "agent.js": ENTRIES["agent.js"], "nvml-worker.js": ENTRIES["nvml-worker.js"] };
  return join(await bundle({ outdir: "dist/gpu", entries }), "agent.js");
}

function valuesOf(sample: GpuSample): Figures {
  return Object.fromEntries(GPU_READING_NAMES.map((name) => [name, valueOf(sample.readings, name) ?? null]));
}

function group(sample: GpuSample, of: "gpm"): Figures {
  return Object.fromEntries(
    GPU_READING_NAMES.filter((name) => GPU_READINGS[name].group === of).map((name) => [
      name,
      valueOf(sample.readings, name) ?? null,
    ]),
  );
}
