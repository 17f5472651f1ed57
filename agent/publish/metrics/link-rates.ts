// Rates from the NVLink byte counters, for the one compatible name that is a rate: the counters are read with the slow
// group and stand still in the cycles between, which is no silence on the links. The native names show the counters.

import { valueOf } from "../../../shared/model/gpu-readings.ts";
import type { GpuReadings } from "../../../shared/model/gpu-readings.ts";
import type { GpuCycle, GpuUuid } from "../../../shared/model/gpu.ts";
import type { EpochMs, Millis } from "../../../shared/model/units.ts";

export interface LinkRates {
  add(cycle: Pick<GpuCycle, "at" | "samples">): void;
  /** Bytes a second over all links of a GPU, both ways; a GPU whose rate is not known is not in it. */
  rates(): ReadonlyMap<GpuUuid, number>;
}

interface Counted {
  readonly bytes: number;
  readonly at: EpochMs;
  readonly rate: number | undefined;
}

/** `slowIntervalMs`: how often the counters are read. */
export function createLinkRates(slowIntervalMs: Millis): LinkRates {
  let known: ReadonlyMap<GpuUuid, Counted> = new Map();
  let rates: ReadonlyMap<GpuUuid, number> = new Map();
  return {
    add: ({ at, samples }) => {
      const next = new Map<GpuUuid, Counted>();
      const nextRates = new Map<GpuUuid, number>();
      for (const { uuid, readings } of samples) {
        const bytes = sum(valueOf(readings, "nvlinkTx"), valueOf(readings, "nvlinkRx"));
        if (bytes !== undefined) next.set(uuid, after(known.get(uuid), bytes, at, slowIntervalMs));
        const rate = next.get(uuid)?.rate ?? ownRate(readings);
        if (rate !== undefined) nextRates.set(uuid, rate);
      }
      known = next;
      rates = nextRates;
    },
    rates: () => rates,
  };
}

function after(before: Counted | undefined, bytes: number, at: EpochMs, slowIntervalMs: Millis): Counted {
  // A counter that fell began anew, and so does a clock that was set back.
  if (before === undefined || bytes < before.bytes || at < before.at) return { bytes, at, rate: undefined };
  const spanMs = at - before.at;
  if (bytes > before.bytes)
    return spanMs > 0 ? { bytes, at, rate: ((bytes - before.bytes) * 1000) / spanMs } : before;
  // Read at least once more meanwhile, and the same: nothing was sent.
  return spanMs > 2 * slowIntervalMs ? { bytes, at, rate: 0 } : before;
}

/** From the GPU's own counters, where it has them and the driver has no byte counters. */
function ownRate(readings: GpuReadings): number | undefined {
  return sum(valueOf(readings, "gpmNvlinkTx"), valueOf(readings, "gpmNvlinkRx"));
}

function sum(one: number | undefined, other: number | undefined): number | undefined {
  return one === undefined || other === undefined ? undefined : one + other;
}
