// The bin that is being filled: levels that held for a while become the mean of a bin. Time in which nobody looked is in
// no mean; a bin of which less than half is known is not known.

import { epochMs } from "../../shared/model/units.ts";
import type { EpochMs } from "../../shared/model/units.ts";
import type { DemandBin } from "./bin.ts";
import { MINUTE_MS } from "./options.ts";

export const FEED_BIN_MS = 5 * MINUTE_MS;
/** Between two looks that lie further apart anything may have happened, unless the snapshot knows better. */
const LOOK_GAP_MS = 2 * MINUTE_MS;

export interface OpenBin {
  /** Start of the bin. */
  readonly start: EpochMs;
  /** The last look. */
  readonly at: EpochMs;
  /** GPUs that were wanted then, and hold until the next look. Null: not known. */
  readonly level: number | null;
  readonly isCut: boolean;
  /** GPUs × milliseconds. */
  readonly area: number;
  readonly knownMs: number;
  readonly cutMs: number;
}

export interface Level {
  readonly gpus: number | null;
  readonly isCut: boolean;
}

export function openBin(at: EpochMs, { gpus, isCut }: Level): OpenBin {
  const start = epochMs(Math.floor(at / FEED_BIN_MS) * FEED_BIN_MS);
  return { start, at, level: gpus, isCut, area: 0, knownMs: 0, cutMs: 0 };
}

/** `gapless`: nothing has happened between the two looks, however far apart they lie. */
export function fill(
  bin: OpenBin,
  now: EpochMs,
  next: Level,
  gapless: boolean,
): { readonly open: OpenBin; readonly closed: readonly DemandBin[] } {
  const isKnown = bin.level !== null && (gapless || now - bin.at <= LOOK_GAP_MS);
  const closed: DemandBin[] = [];
  let { start, area, knownMs, cutMs } = bin;
  let at: number = bin.at;
  const pass = (until: number): void => {
    if (!isKnown) return;
    area += (bin.level ?? 0) * (until - at);
    knownMs += until - at;
    if (bin.isCut) cutMs += until - at;
  };
  while (now >= start + FEED_BIN_MS) {
    pass(start + FEED_BIN_MS);
    if (2 * knownMs >= FEED_BIN_MS)
      closed.push({ at: start, gpus: area / knownMs, ...(2 * cutMs > knownMs ? { censored: true } : {}) });
    area = 0;
    knownMs = 0;
    cutMs = 0;
    at = start + FEED_BIN_MS;
    // Bins of which nothing is known are a gap, and left out.
    start = epochMs(isKnown ? at : Math.max(at, Math.floor(now / FEED_BIN_MS) * FEED_BIN_MS));
    if (!isKnown) at = start;
  }
  pass(now);
  return { open: { start, at: now, level: next.gpus, isCut: next.isCut, area, knownMs, cutMs }, closed };
}
