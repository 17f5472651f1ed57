// Spot reclaims as they come in practice: not one by one, but a zone that loses many machines of a type within minutes and
// then none for hours. Published records say that machines that are lost together are so within three minutes nine times
// in ten, and that a held machine is lost some 0.06 to 0.74 times an hour. Pure: random numbers come in.

import type { Random } from "../../shared/model/random.ts";

export interface Reclaim {
  readonly at: number;
  readonly zone: string;
  readonly pick: number;
  readonly noticeMs: number;
}

export interface BurstOptions {
  readonly random: Random;
  readonly lengthMs: number;
  readonly zones: readonly string[];
  /** Between two bursts, on average. */
  readonly gapMs: number;
  /** In which most of a burst falls. */
  readonly withinMs: number;
  /** Reclaims of one burst. */
  readonly most: number;
  /** How long a notice is, one of these for all of a burst: they are one cloud's. */
  readonly noticesMs: readonly number[];
}

/** The share of a burst that falls into `withinMs`; the rest comes later, as stragglers do. */
const TOGETHER = 0.92;

/** In the order of their moments. */
export function burstsOf(options: BurstOptions): readonly Reclaim[] {
  const { random, lengthMs, zones, gapMs, withinMs, most, noticesMs } = options;
  const reclaims: Reclaim[] = [];
  for (let begin = exponential(random, gapMs); begin < lengthMs; begin += exponential(random, gapMs)) {
    const zone = pickOf(zones, random());
    const noticeMs = pickOf(noticesMs, random());
    // Small bursts are frequent and large ones rare.
    const count = 1 + Math.floor(most * random() ** 3);
    for (let i = 0; i < count; i++) {
      const spread = random() < TOGETHER ? random() * withinMs : withinMs * (1 + 3 * random());
      const at = Math.floor(begin + spread);
      if (at < lengthMs) reclaims.push({ at, zone, pick: random(), noticeMs });
    }
  }
  return reclaims.toSorted((a, b) => a.at - b.at);
}

/** With this mean. */
export function exponential(random: Random, mean: number): number {
  return -Math.log(1 - random()) * mean;
}

/** @throws RangeError when there is nothing to pick from. */
export function pickOf<T>(values: readonly T[], pick: number): T {
  const value = values[Math.min(values.length - 1, Math.floor(pick * values.length))];
  if (value === undefined) throw new RangeError("nothing to pick from");
  return value;
}
