// A timeline made as narrow as a page can carry, without hiding what it narrows: each column has the mean over its bins
// and beside it the least and the most. It draws nothing, and money is added up from the bins, never from columns.

import { CAPACITY_TYPES } from "../../../shared/model/node.ts";
import type { Run, TimelineBin } from "../run.ts";

/** What is drawn over time. `null` in a column: known at no moment of it. */
export type SeriesId =
  | "spot"
  | "on-demand"
  | "reserved"
  | "nodes"
  | "booting"
  | "draining"
  | "provisioned"
  | "allocated"
  | "queued"
  | "usd"
  | "usd-spot"
  | "usd-on-demand"
  | "usd-reserved"
  | "p50"
  | "p90";

export interface Column {
  readonly mean: number | null;
  readonly min: number | null;
  readonly max: number | null;
}

export interface Columns {
  /** Start of each column, milliseconds from the scenario's start. All are `widthMs` wide, the last one perhaps less. */
  readonly startMs: number;
  readonly widthMs: number;
  readonly count: number;
  /** One: columns are the run's own bins. */
  readonly binsPerColumn: number;
  readonly series: ReadonlyMap<SeriesId, readonly Column[]>;
  /** Money spent up to the end of each column, from the end of the warm-in, of what has a known price. */
  readonly spentUsd: readonly number[];
  /** Bins within the counted time for which no price is known. */
  readonly unpricedBins: number;
}

type Read = (bin: TimelineBin) => number | null;

const READS: Readonly<Record<SeriesId, Read>> = {
  spot: (bin) => bin.nodes.spot,
  "on-demand": (bin) => bin.nodes["on-demand"],
  reserved: (bin) => bin.nodes.reserved,
  nodes: (bin) => CAPACITY_TYPES.reduce((sum, tier) => sum + bin.nodes[tier], 0),
  booting: (bin) => bin.booting,
  draining: (bin) => bin.draining,
  provisioned: (bin) => bin.gpusProvisioned,
  allocated: (bin) => bin.gpusAllocated,
  queued: (bin) => bin.gpusQueued,
  usd: (bin) => bin.usdPerHour,
  "usd-spot": (bin) => bin.usdPerHourByTier?.spot ?? null,
  "usd-on-demand": (bin) => bin.usdPerHourByTier?.["on-demand"] ?? null,
  "usd-reserved": (bin) => bin.usdPerHourByTier?.reserved ?? null,
  p50: (bin) => bin.forecastP50 ?? null,
  p90: (bin) => bin.forecastP90 ?? null,
};
const SERIES = Object.entries(READS) as readonly (readonly [SeriesId, Read])[];

/**
 * At most `most` columns. Series that the run does not have at all are left out. `counted`: the time in which money counts,
 * milliseconds from the scenario's start.
 */
export function columnsOf(
  { timeline }: Run,
  most: number,
  counted: { readonly fromMs: number; readonly toMs: number },
): Columns {
  const first = timeline[0]?.atMs ?? 0;
  const binMs = binWidth(timeline, counted.toMs);
  const binsPerColumn = Math.max(1, Math.ceil(timeline.length / most));
  const count = Math.ceil(timeline.length / binsPerColumn);
  const stretches = Array.from({ length: count }, (_, at) =>
    timeline.slice(at * binsPerColumn, (at + 1) * binsPerColumn),
  );
  const series = new Map<SeriesId, readonly Column[]>();
  for (const [id, read] of SERIES) {
    const columns = stretches.map((bins) => column(bins, read));
    if (columns.some(({ mean }) => mean !== null)) series.set(id, columns);
  }
  let spent = 0;
  let unpricedBins = 0;
  const spentUsd = stretches.map((bins) => {
    for (const bin of bins) {
      const shareCounted = overlap(bin.atMs, bin.atMs + binMs, counted.fromMs, counted.toMs) / binMs;
      if (shareCounted > 0 && bin.usdPerHour === null) unpricedBins += 1;
      spent += (knownUsdPerHour(bin) * shareCounted * binMs) / 3_600_000;
    }
    return spent;
  });
  return {
    startMs: first,
    widthMs: binMs * binsPerColumn,
    count,
    binsPerColumn,
    series,
    spentUsd,
    unpricedBins,
  };
}

function knownUsdPerHour({ usdPerHour, usdPerHourByTier: by }: TimelineBin): number {
  return usdPerHour ?? (by === undefined ? 0 : CAPACITY_TYPES.reduce((sum, tier) => sum + by[tier], 0));
}

function column(bins: readonly TimelineBin[], read: Read): Column {
  let [sum, known, min, max] = [0, 0, Infinity, -Infinity];
  for (const bin of bins) {
    const value = read(bin);
    if (value === null) continue;
    sum += value;
    known += 1;
    min = Math.min(min, value);
    max = Math.max(max, value);
  }
  return known === 0 ? { mean: null, min: null, max: null } : { mean: sum / known, min, max };
}

/** Bins of a run are equally wide; one alone reaches to the end. */
function binWidth(timeline: readonly TimelineBin[], endMs: number): number {
  const [first, second] = timeline;
  if (first === undefined) return 1;
  return Math.max(1, (second?.atMs ?? endMs) - first.atMs);
}

function overlap(from: number, to: number, least: number, most: number): number {
  return Math.max(0, Math.min(to, most) - Math.max(from, least));
}
