// Checks of what the readings say: beside nvidia-smi in the same second, at rest and under a load, and where it shows
// nothing, against what the load is known to do.

import { setTimeout as sleep } from "node:timers/promises";

import type { LibraryOptions } from "../../agent/sample/nvml/library.ts";
import { GPU_READING_NAMES, GPU_READINGS, readingOf, valueOf } from "../../shared/model/gpu-readings.ts";
import type { GpuReadingName } from "../../shared/model/gpu-readings.ts";
import type { GpuSample } from "../../shared/model/gpu.ts";
import { nameOf } from "../../shared/model/nvml-status.ts";
import { judged } from "./check.ts";
import type { Figures, Outcome } from "./check.ts";
import { firstGpu, opened } from "./driver.ts";
import { missingForLoad, startCopy, startMatmul } from "./load.ts";
import { compareIdentity, compareReadings } from "./readings.ts";
import { askSmi } from "./smi.ts";

const GIB = 1024 ** 3;
const COPY_RATE = 200_000_000;

export async function opening(library: LibraryOptions): Promise<Outcome> {
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

export async function identity(library: LibraryOptions): Promise<Outcome> {
  return await opened(library, (driver) => {
    const { identity: gpu } = firstGpu(driver.generations.cycle());
    return judged(compareIdentity(gpu, askSmi()), "the same as nvidia-smi says", {
      architecture: gpu.details.architecture.kind === "value" ? gpu.details.architecture.value : null,
      mig: gpu.mig.kind,
    });
  });
}

/** Both in the same second: nvidia-smi takes a good part of it, so ours are taken before and after, and the nearer counts. */
export async function readings(library: LibraryOptions, when: "rest" | "load"): Promise<Outcome> {
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
      complaint !== null && (second[i]?.complaint ?? null) !== null ? [complaint] : [],
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

export async function underLoad(run: () => Promise<Outcome>): Promise<Outcome> {
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

export async function activity(library: LibraryOptions): Promise<Outcome> {
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
export async function pcieUnit(library: LibraryOptions): Promise<Outcome> {
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

export async function power(library: LibraryOptions): Promise<Outcome> {
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

export async function processes(library: LibraryOptions): Promise<Outcome> {
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
