// The shipped reading of the driver in this process, with a stop watch around each call: the marks that the agent's
// watchdog reads are written before and after every native call, so whoever writes them can time it.

import { callNumbered } from "../../agent/sample/nvml/calls.ts";
import { createGenerations } from "../../agent/sample/nvml/generations.ts";
import type { Generations } from "../../agent/sample/nvml/generations.ts";
import type { LibraryOptions } from "../../agent/sample/nvml/library.ts";
import { createMarkBuffer, createMarkWriter } from "../../agent/sample/nvml/marks.ts";
import type { MarkWriter } from "../../agent/sample/nvml/marks.ts";
import type { GpuCycle, GpuIdentity, GpuSample } from "../../shared/model/gpu.ts";
import { millis } from "../../shared/model/units.ts";
import { systemClock } from "../../shared/runtime/clock.ts";
import { AppError } from "../../shared/runtime/errors.ts";

export interface TimedDriver {
  readonly generations: Generations;
  /** Microseconds of each call so far, by name. */
  readonly tookUs: ReadonlyMap<string, readonly number[]>;
  readonly forget: () => void;
}

export function openDriver(library: LibraryOptions, options: { readonly gpm: boolean }): TimedDriver {
  const tookUs = new Map<string, number[]>();
  let running = -1;
  let from = 0n;
  const writer = createMarkWriter(createMarkBuffer());
  const marks: MarkWriter = {
    ...writer,
    enter: (call, gpu) => {
      running = call;
      writer.enter(call, gpu);
      from = process.hrtime.bigint();
    },
    leave: (...code) => {
      const us = Number(process.hrtime.bigint() - from) / 1000;
      const name = callNumbered(running) ?? "unknown";
      const list = tookUs.get(name);
      if (list === undefined) tookUs.set(name, [us]);
      else list.push(us);
      writer.leave(...code);
    },
  };
  const generations = createGenerations({
    library,
    marks,
    clock: systemClock,
    intervalMs: millis(1_000),
    slowIntervalMs: millis(1_000),
    gpm: options.gpm,
  });
  return {
    generations,
    tookUs,
    forget: () => {
      tookUs.clear();
    },
  };
}

export interface FirstGpu {
  readonly identity: GpuIdentity;
  readonly sample: GpuSample;
}

/** @throws AppError unavailable when the cycle shows no GPU. */
export function firstGpu(cycle: GpuCycle): FirstGpu {
  const { source, samples } = cycle;
  const identity = source.state === "ready" ? source.gpus[0] : undefined;
  const sample = samples[0];
  if (identity === undefined || sample === undefined)
    throw new AppError("unavailable", `no GPU can be read: ${JSON.stringify(source).slice(0, 300)}`);
  // The rows are the device's own, and the next cycle writes them anew.
  const { values, codes } = sample.readings;
  return { identity, sample: { ...sample, readings: { values: values.slice(), codes: codes.slice() } } };
}

/** A connection for as long as the work lasts. */
export async function opened<T>(
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
