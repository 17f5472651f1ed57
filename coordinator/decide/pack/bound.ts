// The least that a plan for a small batch can cost: all that is on new nodes, and all that is to come beyond the room
// that is there, at the best price for one unit of each resource. True whatever the pods ask of each other.

import type { Bill } from "./bill.ts";
import type { Parts } from "./parts.ts";
import type { Range } from "./ranges.ts";
import type { Seeker } from "./seekers.ts";

/** Null: ranges of several classes are in play, whose costs do not compare. */
export type Bound = (now: Bill) => number | null;

/** With nothing of the batch on the board. */
export function createBound(seekers: readonly Seeker[], { board, ranges }: Parts): Bound {
  const { width } = board.amounts;
  const all = new Set(seekers.flatMap((seeker) => seeker.ranges.flat()));
  /** What has to be on new nodes in the end, less what they had room for. */
  const needs = new Float64Array(width);
  const add = (name: number, amount: number): void => {
    needs[name] = (needs[name] ?? 0) + amount;
  };
  for (const { ask } of seekers) ask.index.forEach((name, each) => add(name, ask.amount[each] ?? 0));
  for (const { id, usable, pool, shape } of board.bins) {
    const option = id < board.fixed || pool === null ? undefined : ranges.optionOf(pool);
    const range = pool === null ? undefined : ranges.of(pool);
    if (option !== undefined && range !== undefined) all.add(range);
    for (let name = 0; name < width; name++) {
      const left = board.left[id * width + name] ?? 0;
      if (id < board.fixed) add(name, usable ? -Math.max(0, left) : 0);
      else if (option !== undefined) add(name, (option.row[name] ?? 0) - left);
      else if (shape !== null) add(name, -left);
    }
  }
  const comparable = new Set([...all].map((range) => range.class)).size < 2;
  let floor = 0;
  for (let name = 0; name < width; name++) {
    const need = needs[name] ?? 0;
    if (need > 0) floor = Math.max(floor, need * cheapestUnit(all, name));
  }
  return ({ costs, left }) => {
    if (!comparable) return null;
    const [cost = 0] = [...costs.values()];
    return left > 0 ? cost : Math.max(cost, floor);
  };
}

/** 0 where no range has any, since then nothing is known. */
function cheapestUnit(ranges: Iterable<Range>, name: number): number {
  let least = Infinity;
  for (const { rates } of ranges) {
    const rate = rates[name] ?? 0;
    if (rate > 0) least = Math.min(least, rate);
  }
  return least === Infinity ? 0 : least;
}
