// New nodes as they are chosen: asked of the limits and of the market before they are opened, counted by both, and
// given back by both when their gang does not fit or a better plan is found. Which pool is best is decided elsewhere.

import type { Reason } from "../../../shared/model/reasons.ts";
import type { PoolState } from "../fleet/fleet.ts";
import { groupMaximumOf, selfGrowthOf } from "../limits/group-bounds.ts";
import type { Cause, Ledger } from "../limits/limits.ts";
import type { Market } from "../market/market.ts";
import type { NoticeInput } from "../snapshot.ts";
import type { Bin } from "./bin.ts";
import type { Board } from "./board.ts";
import type { Option } from "./ranges.ts";

export interface Purchases {
  /** Why no node of the pool can be chosen now, which is noted; null when one can. */
  refusal(pool: PoolState): Reason | null;
  /** The same question, and nothing is noted: nobody wants a node of it yet. */
  isOpen(pool: PoolState): boolean;
  /** The same for a replacement, for which no pool pauses. */
  refusalAtOnce(pool: PoolState): Reason | null;
  /** Ask `refusal` first. */
  open(option: Pick<Option, "pool" | "shape">, notice: NoticeInput | null): Bin;
  /** A new node changes into one from another pool; false, and nothing is changed, when that one is refused. */
  swap(bin: Bin, option: Option): boolean;
  /** The same unasked, for a plan that was within the limits as a whole: on the way to it a limit may be exceeded. */
  restore(bin: Bin, option: Option): void;
  mark(): Mark;
  rollBack(mark: Mark): void;
}

export interface Mark {
  readonly board: number;
  readonly entries: number;
}

/** What was taken (`by` 1) or given back, and whether the limits that pools share counted it. */
interface Entry {
  readonly pool: PoolState;
  readonly by: 1 | -1;
  readonly held: boolean;
  readonly cause: Cause | undefined;
}

/**
 * `pauseOf`: why the pool waits although it may grow. It is chosen all the same and its node held, so that a pause
 * never sends pods to a dearer pool; replacements wait for nothing.
 */
export function createPurchases(
  board: Board,
  ledger: Ledger,
  market: Market,
  pauseOf: (pool: PoolState) => Reason | null,
): Purchases {
  const entries: Entry[] = [];
  const held = new Map<string, number>();
  const refusals = new Map<string, Reason | null>();

  const count = (entry: Entry): void => {
    const { pool, by, cause } = entry;
    if (entry.held) held.set(pool.id, (held.get(pool.id) ?? 0) + by);
    else if (by === 1) ledger.take(pool, cause);
    else ledger.giveBack(pool, cause);
    if (by === 1) market.opened(pool);
    else market.withdrawn(pool);
    // What is taken may close any pool of the policy; what is given back may open any.
    refusals.clear();
  };
  const record = (entry: Entry): void => {
    entries.push(entry);
    count(entry);
  };
  const judge = (pool: PoolState): Reason | null => {
    const offered = market.offerOf(pool).refusal;
    if (offered !== null) return offered;
    if (pauseOf(pool) === null) return ledger.refusal(pool);
    // Held nodes take nothing from the limits that pools share; in their own pool they must fit.
    const itself = selfGrowthOf(pool);
    if (itself !== null) return itself;
    const nodes = pool.planned + ledger.added(pool).nodes + (held.get(pool.id) ?? 0);
    const maximum = pool.pool.maxSize;
    if (nodes >= maximum) return { code: "at-maximum", scope: "pool", maximum };
    const group = groupMaximumOf(pool);
    return group === null || nodes < group ? null : { code: "group-maximum", group, maximum };
  };
  const refusal = (pool: PoolState): Reason | null => {
    const known = refusals.get(pool.id);
    if (known !== undefined) return known;
    const reason = judge(pool);
    refusals.set(pool.id, reason);
    if (reason !== null) ledger.note(pool, reason);
    return reason;
  };
  const pausedBy = (pool: PoolState, notice: NoticeInput | null): Reason | null =>
    notice === null ? pauseOf(pool) : null;
  const causeOf = (notice: NoticeInput | null): Cause | undefined =>
    notice === null ? undefined : "replacement";

  const become = (bin: Bin, { pool, shape }: Option): void => {
    const because = pausedBy(pool, bin.notice);
    record({ pool, by: 1, held: because !== null, cause: causeOf(bin.notice) });
    board.resize(bin, pool, shape);
    board.hold(bin, because);
  };

  return {
    refusal,
    isOpen: (pool) => judge(pool) === null,
    refusalAtOnce: (pool) => {
      const reason = market.offerOf(pool).refusal ?? ledger.refusal(pool);
      if (reason !== null) ledger.note(pool, reason);
      return reason;
    },
    open: ({ pool, shape }, notice) => {
      const because = pausedBy(pool, notice);
      record({ pool, by: 1, held: because !== null, cause: causeOf(notice) });
      return board.open({ pool, shape, notice, held: because });
    },
    swap: (bin, option) => {
      const { pool, notice } = bin;
      if (pool === null) return false;
      const cause = causeOf(notice);
      const before = entries.length;
      record({ pool, by: -1, held: bin.held !== null, cause });
      if (refusal(option.pool) !== null) {
        undo(before);
        return false;
      }
      become(bin, option);
      return true;
    },
    restore: (bin, option) => {
      const { pool, notice, held: because } = bin;
      if (pool === null) return;
      record({ pool, by: -1, held: because !== null, cause: causeOf(notice) });
      become(bin, option);
    },
    mark: () => ({ board: board.mark(), entries: entries.length }),
    rollBack: (mark) => {
      board.rollBack(mark.board);
      undo(mark.entries);
    },
  };

  function undo(to: number): void {
    while (entries.length > to) {
      const entry = entries.pop();
      if (entry !== undefined) count({ ...entry, by: entry.by === 1 ? -1 : 1 });
    }
  }
}
