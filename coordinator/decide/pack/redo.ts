// A plan that was tried, kept so that it can be made again after others were tried in its place: which new nodes there
// were at its end, and who was put where in which order.

import type { PodInput } from "../snapshot-pod.ts";
import type { Parts } from "./parts.ts";
import type { Mark } from "./purchases.ts";
import type { Option } from "./ranges.ts";

export interface Trial {
  /** Of each new node, in order; null: it answers a notice and stays as it is. */
  readonly options: readonly (Option | null)[];
  readonly puts: readonly { readonly bin: number; readonly pod: PodInput }[];
}

export function keep({ board, ranges }: Parts, mark: Mark): Trial {
  return {
    options: board.bins
      .slice(board.fixed)
      .map(({ pool, notice }) => (pool === null || notice !== null ? null : (ranges.optionOf(pool) ?? null))),
    puts: board.putsSince(mark.board),
  };
}

export function rollBack({ purchases, seek }: Parts, mark: Mark): void {
  purchases.rollBack(mark);
  seek.forget();
}

/** From where the trial began. What it bought was within the limits then, so it is now. */
export function redo({ board, purchases }: Parts, { options, puts }: Trial): void {
  for (const [index, option] of options.entries()) {
    if (option === null) continue;
    const bin = board.bins[board.fixed + index];
    if (bin === undefined) purchases.open(option, null);
    else if (bin.pool !== option.pool) purchases.restore(bin, option);
  }
  for (const { bin, pod } of puts) {
    const target = board.bins[bin];
    if (target !== undefined) board.put(target, pod);
  }
}
