// Adds money up: what is paid for at a moment, times how long it was so, in total and cut by what a caller asks. Each cut
// sums to the total, since every charge falls into one cell of it. When to look, and where prices come from, is for others.

import type { Charge } from "./charge.ts";
import { createSums } from "./tally.ts";
import type { Sums, Tally } from "./tally.ts";

/** Name of a cut → the cell of it that a charge falls into. */
export type Cuts = Readonly<Record<string, (charge: Charge) => string>>;

export interface Ledger<C extends Cuts> {
  /** These, and no others, were paid for `ms` milliseconds. @throws RangeError for a time that is none. */
  charge(charges: Iterable<Charge>, ms: number): void;
  total(): Tally;
  by(cut: keyof C): ReadonlyMap<string, Tally>;
  /** Adds what was counted before, or by another leader. */
  take(kept: LedgerState): void;
  state(): LedgerState;
}

/** Plain data, for JSON. Cuts that are not asked for any more are left out when it is taken back. */
export interface LedgerState {
  readonly total: Tally;
  readonly cuts: Readonly<Record<string, Readonly<Record<string, Tally>>>>;
}

/** Beyond so many cells of one cut the rest is added up under one name: labels come from people. */
const MAX_CELLS = 1_000;
export const OTHERS = "(others)";

export function createLedger<const C extends Cuts>(cuts: C, maxCells = MAX_CELLS): Ledger<C> {
  const total = createSums();
  const cells = new Map<keyof C, Map<string, Sums>>(Object.keys(cuts).map((cut) => [cut, new Map()]));

  function cellOf(cut: keyof C, name: string): Sums {
    const own = cells.get(cut) ?? new Map<string, Sums>();
    const known = own.get(name);
    if (known !== undefined) return known;
    if (own.size >= maxCells && name !== OTHERS) return cellOf(cut, OTHERS);
    const made = createSums();
    own.set(name, made);
    return made;
  }

  const by = (cut: keyof C): ReadonlyMap<string, Tally> =>
    new Map([...(cells.get(cut) ?? [])].map(([name, sums]) => [name, sums.read()]));

  return {
    charge: (charges, ms) => {
      if (!Number.isFinite(ms) || ms < 0) throw new RangeError(`nothing is paid for ${ms} ms`);
      if (ms === 0) return;
      for (const charge of charges) {
        total.add(charge, ms);
        for (const cut in cuts) cellOf(cut, cuts[cut]?.(charge) ?? OTHERS).add(charge, ms);
      }
    },
    total: () => total.read(),
    by,
    take: (kept) => {
      total.take(kept.total);
      for (const cut in cuts)
        for (const [name, tally] of Object.entries(kept.cuts[cut] ?? {})) cellOf(cut, name).take(tally);
    },
    state: () => ({
      total: total.read(),
      cuts: Object.fromEntries(Object.keys(cuts).map((cut) => [cut, Object.fromEntries(by(cut))])),
    }),
  };
}

/** The cuts that replay and the live product share. */
export const NODE_CUTS = {
  pool: ({ pool }) => pool,
  tier: ({ tier }) => tier,
  state: ({ state }) => state,
} as const satisfies Cuts;
