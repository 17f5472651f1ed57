// A replay over time, in bins of one width, for plots: means over each bin, not samples, so that what lasted for a minute
// weighs a minute. The last bin may be shorter. It counts from the first instant, the warm-in included.

import type { TimelineBin } from "../run.ts";
import type { Level } from "./meter.ts";

export interface Timeline {
  /** Where the bin ends that is open, in milliseconds from the scenario's start. */
  readonly endMs: number;
  /** The level held for `ms`, which does not lead past the bin's end. */
  pass(level: Level, ms: number, forecast: Forecasted | null): void;
  bins(): readonly TimelineBin[];
}

export interface Forecasted {
  readonly p50: number;
  readonly p90: number;
}

/** One of these widths is taken, in minutes. */
const WIDTHS_MINUTES = [1, 5, 15, 60];
const MOST_BINS = 3_000;
const MINUTE_MS = 60_000;

export function binWidth(lengthMs: number): number {
  const minutes = WIDTHS_MINUTES.find((width) => lengthMs / (width * MINUTE_MS) <= MOST_BINS);
  return (minutes ?? Math.ceil(lengthMs / MOST_BINS / MINUTE_MS)) * MINUTE_MS;
}

export function createTimeline(widthMs: number): Timeline {
  const bins: TimelineBin[] = [];
  let startMs = 0;
  let sum = empty();

  function close(): void {
    if (sum.ms === 0) return;
    const mean = (value: number): number => value / sum.ms;
    bins.push({
      atMs: startMs,
      nodes: { spot: mean(sum.spot), "on-demand": mean(sum.onDemand), reserved: mean(sum.reserved) },
      booting: mean(sum.booting),
      draining: mean(sum.draining),
      gpusProvisioned: mean(sum.provisioned),
      gpusAllocated: mean(sum.allocated),
      gpusQueued: mean(sum.queued),
      usdPerHour: sum.isPriced ? mean(sum.usd) : null,
      usdPerHourByTier: {
        spot: mean(sum.usdSpot),
        "on-demand": mean(sum.usdOnDemand),
        reserved: mean(sum.usdReserved),
      },
      ...(sum.forecast === null ? {} : { forecastP50: sum.forecast.p50, forecastP90: sum.forecast.p90 }),
    });
    startMs += widthMs;
    sum = empty();
  }

  return {
    get endMs() {
      return startMs + widthMs;
    },
    pass: (level, ms, forecast) => {
      sum.ms += ms;
      sum.spot += level.nodes.spot * ms;
      sum.onDemand += level.nodes["on-demand"] * ms;
      sum.reserved += level.nodes.reserved * ms;
      sum.booting += level.booting * ms;
      sum.draining += level.draining * ms;
      sum.provisioned += level.gpusProvisioned * ms;
      sum.allocated += level.gpusAllocated * ms;
      sum.queued += level.gpusQueued * ms;
      if (level.usdPerHour === null) sum.isPriced = false;
      else sum.usd += level.usdPerHour * ms;
      sum.usdSpot += level.usdPerHourByTier.spot * ms;
      sum.usdOnDemand += level.usdPerHourByTier["on-demand"] * ms;
      sum.usdReserved += level.usdPerHourByTier.reserved * ms;
      // The newest word of the bin: it is no quantity that a mean would mean something of.
      sum.forecast = forecast ?? sum.forecast;
      if (sum.ms >= widthMs) close();
    },
    bins: () => {
      close();
      return bins;
    },
  };
}

function empty() {
  return {
    ms: 0,
    spot: 0,
    onDemand: 0,
    reserved: 0,
    booting: 0,
    draining: 0,
    provisioned: 0,
    allocated: 0,
    queued: 0,
    usd: 0,
    usdSpot: 0,
    usdOnDemand: 0,
    usdReserved: 0,
    isPriced: true,
    forecast: null as Forecasted | null,
  };
}
