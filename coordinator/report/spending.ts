// What the fleet has cost since somebody began to count: each cycle's fleet is paid for until the next one, month by
// month, in the ledger of coordinator/money. It knows no price itself and keeps nothing on disk (spending-kept.ts does).

import { elapsed } from "../../shared/model/units.ts";
import type { EpochMs, Millis } from "../../shared/model/units.ts";
import type { Fleet } from "../decide/fleet/fleet.ts";
import type { PricePoint } from "../decide/snapshot.ts";
import { merged } from "../money/charge.ts";
import type { Charge } from "../money/charge.ts";
import { liveCuts } from "../money/cuts.ts";
import { createLedger } from "../money/ledger.ts";
import type { Cuts, Ledger, LedgerState } from "../money/ledger.ts";

/** A fleet that was seen at both ends of so long a time was there in between; longer than that nobody knows. */
const MAX_STEP_MS = 5 * 60_000;
/** Months that are kept, this one included. */
const MAX_MONTHS = 4;

/** Plain data: what is kept, and read back by the next leader. */
export interface SpendingState {
  /** From when on it was counted. */
  readonly since: EpochMs;
  /** Until when. */
  readonly until: EpochMs;
  /** Of the time between both, that in which nobody looked: nothing of it is in the sums. */
  readonly unobservedMs: number;
  /** `2026-11`, by UTC → what it cost. */
  readonly months: Readonly<Record<string, LedgerState>>;
}

export interface Step {
  readonly charges: readonly Charge[];
  readonly ms: Millis;
  /** Time before this step in which nobody looked. */
  readonly unobservedMs: Millis;
}

export interface Look {
  readonly at: EpochMs;
  readonly charges: readonly Charge[];
  /** All that there were, those without a machine too. */
  readonly policies: ReadonlySet<string>;
}

export interface Spending {
  /** The fleet of a cycle, whose lists are complete. What was there at the look before is paid until now; null: no look was. */
  look(fleet: Fleet, prices: readonly PricePoint[] | undefined): Step | null;
  /** What is there now, as the last look saw it; null: nobody has looked. */
  now(): Look | null;
  /** What was counted before, by this process or another. Once more: instead of what was given before. */
  take(kept: SpendingState): void;
  /** Null: nothing was counted. */
  state(): SpendingState | null;
  /** Leadership has ended: somebody else counts from now on. */
  forget(): void;
}

/** What a fleet costs at its moment, by the prices that the decision had. */
export type ChargesOf = (fleet: Fleet, prices: readonly PricePoint[] | undefined) => readonly Charge[];

export function createSpending(labels: readonly string[], chargesOf: ChargesOf): Spending {
  const cuts = liveCuts(labels);
  /** What this process has counted since it leads; what was kept stays apart, so that it can be read anew. */
  const months = new Map<string, Ledger<Cuts>>();
  let before: SpendingState | null = null;
  let last: Look | null = null;
  let begun: EpochMs | null = null;
  let unobservedMs = 0;

  function ledgerOf(month: string): Ledger<Cuts> {
    const known = months.get(month);
    if (known !== undefined) return known;
    const made = createLedger(cuts);
    months.set(month, made);
    const kept = newest(months.keys());
    for (const name of months.keys()) if (!kept.includes(name)) months.delete(name);
    return made;
  }

  /** Both together; a ledger for each month. */
  function allMonths(): SpendingState["months"] {
    const names = newest(new Set([...months.keys(), ...Object.keys(before?.months ?? {})]));
    return Object.fromEntries(
      names.map((name) => {
        const ledger = createLedger(cuts);
        for (const part of [before?.months[name], months.get(name)?.state()])
          if (part !== undefined) ledger.take(part);
        return [name, ledger.state()];
      }),
    );
  }

  return {
    look: (fleet, prices) => {
      if (fleet.sync.kind === "unsynced") return null;
      const { at } = fleet;
      begun ??= at;
      const was = last;
      const policies = new Set(fleet.pools.map(({ policy }) => policy));
      last = { at, charges: merged(chargesOf(fleet, prices)), policies };
      if (was === null) return null;
      const allMs = elapsed(was.at, at);
      const ms = Math.min(allMs, MAX_STEP_MS);
      unobservedMs += allMs - ms;
      ledgerOf(monthOf(was.at)).charge(was.charges, ms);
      return { charges: was.charges, ms: ms as Millis, unobservedMs: (allMs - ms) as Millis };
    },
    now: () => last,
    take: (kept) => {
      before = kept;
    },
    state: () => {
      const since = earlier(before?.since ?? null, begun);
      if (since === null) return null;
      // From the end of what was counted before to our first look nobody looked.
      const between = before === null || begun === null ? 0 : elapsed(before.until, begun);
      return {
        since,
        until: last?.at ?? before?.until ?? since,
        unobservedMs: (before?.unobservedMs ?? 0) + between + unobservedMs,
        months: allMonths(),
      };
    },
    forget: () => {
      months.clear();
      before = null;
      last = null;
      begun = null;
      unobservedMs = 0;
    },
  };
}

function newest(months: Iterable<string>): readonly string[] {
  return [...months].toSorted((a, b) => (a < b ? 1 : -1)).slice(0, MAX_MONTHS);
}

function earlier(a: EpochMs | null, b: EpochMs | null): EpochMs | null {
  if (a === null || b === null) return a ?? b;
  return a < b ? a : b;
}

/** A step belongs to the month in which it began; it is seconds long. */
function monthOf(at: EpochMs): string {
  return new Date(at).toISOString().slice(0, "2026-11".length);
}
