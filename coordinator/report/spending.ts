// What the fleet has cost since somebody began to count: each cycle's fleet is paid for until the next one, month by
// month, in the ledger of coordinator/money. It knows no price itself and keeps nothing on disk (spending-kept.ts does).

import { elapsed, epochMs } from "../../shared/model/units.ts";
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

export interface Spending {
  /** The fleet of a cycle, whose lists are complete. What was there at the look before is paid until now; null: no look was. */
  look(fleet: Fleet, prices: readonly PricePoint[] | undefined): Step | null;
  /** What is there now, as the last look saw it; null: nobody has looked. */
  now(): { readonly at: EpochMs; readonly charges: readonly Charge[] } | null;
  /** What was counted before, by this process or another. Once. */
  take(kept: SpendingState): void;
  /** Null: nothing was counted. */
  state(): SpendingState | null;
  /** Leadership has ended: somebody else counts from now on. */
  forget(): void;
}

interface Look {
  readonly at: EpochMs;
  readonly charges: readonly Charge[];
}

/** What a fleet costs at its moment, by the prices that the decision had. */
export type ChargesOf = (fleet: Fleet, prices: readonly PricePoint[] | undefined) => readonly Charge[];

export function createSpending(labels: readonly string[], chargesOf: ChargesOf): Spending {
  const cuts = liveCuts(labels);
  let months = new Map<string, Ledger<Cuts>>();
  let last: Look | null = null;
  /** Of this process since it leads. */
  let begun: EpochMs | null = null;
  let since: EpochMs | null = null;
  let unobservedMs = 0;
  /** Until when somebody else counted; null: nobody, or it is reckoned with. */
  let countedUntil: EpochMs | null = null;

  function ledgerOf(month: string): Ledger<Cuts> {
    const known = months.get(month);
    if (known !== undefined) return known;
    const made = createLedger(cuts);
    months.set(month, made);
    const kept = [...months].toSorted(([a], [b]) => (a < b ? 1 : -1)).slice(0, MAX_MONTHS);
    months = new Map(kept);
    return made;
  }

  /** From the end of what was counted before to our first look nobody looked. */
  function joinUp(): void {
    if (begun === null || countedUntil === null) return;
    unobservedMs += elapsed(countedUntil, begun);
    countedUntil = null;
  }

  return {
    look: (fleet, prices) => {
      if (fleet.sync.kind === "unsynced") return null;
      const { at } = fleet;
      begun ??= at;
      since ??= at;
      joinUp();
      const before = last;
      last = { at, charges: merged(chargesOf(fleet, prices)) };
      if (before === null) return null;
      const allMs = elapsed(before.at, at);
      const ms = Math.min(allMs, MAX_STEP_MS);
      unobservedMs += allMs - ms;
      ledgerOf(monthOf(before.at)).charge(before.charges, ms);
      return { charges: before.charges, ms: ms as Millis, unobservedMs: (allMs - ms) as Millis };
    },
    now: () => last,
    take: (kept) => {
      for (const [month, state] of Object.entries(kept.months)) ledgerOf(month).take(state);
      since = epochMs(Math.min(kept.since, since ?? kept.since));
      unobservedMs += kept.unobservedMs;
      countedUntil = kept.until;
      joinUp();
    },
    state: () =>
      since === null
        ? null
        : {
            since,
            until: last?.at ?? countedUntil ?? since,
            unobservedMs,
            months: Object.fromEntries([...months].map(([month, ledger]) => [month, ledger.state()])),
          },
    forget: () => {
      months = new Map();
      last = null;
      begun = null;
      since = null;
      unobservedMs = 0;
      countedUntil = null;
    },
  };
}

/** A step belongs to the month in which it began; it is seconds long. */
function monthOf(at: EpochMs): string {
  return new Date(at).toISOString().slice(0, "2026-11".length);
}
