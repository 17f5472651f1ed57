// Pools that had no machine to give are left alone for a while: at first for `firstMs`, doubling with each failure in a row,
// at most `mostMs`. What came back to life in between is found out by asking again, as everybody has to.

import { millis } from "../../../shared/model/units.ts";
import type { EpochMs, Millis } from "../../../shared/model/units.ts";
import type { Seen } from "./seen.ts";

export interface BackOffOptions {
  readonly firstMs: Millis;
  readonly mostMs: Millis;
  /** After so long without a failure the next one counts as the first. */
  readonly forgetMs: Millis;
}

export interface BackOff {
  /** Takes note of the places that no machine fills. */
  look(seen: Seen): void;
  isOpen(pool: string, at: EpochMs): boolean;
  /** When the next pool opens; null: none is closed. */
  opensInMs(at: EpochMs): Millis | null;
}

export function createBackOff({ firstMs, mostMs, forgetMs }: BackOffOptions): BackOff {
  const closed = new Map<string, { readonly until: number; readonly forMs: number; readonly at: number }>();
  return {
    look: ({ at, pools }) => {
      for (const { name, unfilled } of pools) {
        const before = closed.get(name);
        if (unfilled.length === 0 || (before !== undefined && at < before.until)) continue;
        const isFirst = before === undefined || at - before.at > forgetMs;
        const forMs = isFirst ? firstMs : Math.min(mostMs, before.forMs * 2);
        closed.set(name, { until: at + forMs, forMs, at });
      }
    },
    isOpen: (pool, at) => (closed.get(pool)?.until ?? 0) <= at,
    opensInMs: (at) => {
      const left = [...closed.values()].flatMap(({ until }) => (until > at ? [until - at] : []));
      return left.length === 0 ? null : millis(Math.min(...left));
    },
  };
}
