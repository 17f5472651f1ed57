// Few pods, all ways to place them: branch and bound over the real checks, so that affinity, spread, ports and room on
// nodes that are here are weighed together and a small batch is placed as well as it can be. It starts from a plan that
// was found quickly and stops when its share of the work is used up; whatever is best by then is kept.

import type { PodInput } from "../snapshot-pod.ts";
import { holds } from "./amounts.ts";
import { billOf, isBetter, SAME_COST } from "./bill.ts";
import type { Bill } from "./bill.ts";
import type { Bin } from "./bin.ts";
import { createBound } from "./bound.ts";
import type { Parts } from "./parts.ts";
import type { Mark } from "./purchases.ts";
import { keep, redo, rollBack } from "./redo.ts";
import type { Trial } from "./redo.ts";
import { seekersOf } from "./seekers.ts";
import type { Seeker } from "./seekers.ts";

/** More pods than that are left to the other methods. */
export const FEW = 8;
const UNITS = 200_000;
/** Nodes that are here and would take the pod, of which so many are tried. */
const ROOMS = 6;

interface Found {
  readonly bill: Bill;
  readonly trial: Trial;
  readonly left: readonly PodInput[];
}

/** `stuck`: pods that the plan on the board, made since `mark`, could not place. Returns those that are left now. */
export function improve(
  pods: readonly PodInput[],
  stuck: readonly PodInput[],
  mark: Mark,
  parts: Parts,
): readonly PodInput[] {
  const { board, purchases, work, placer, admission, openings } = parts;
  const { width } = board.amounts;
  const seekers = seekersOf(pods, parts);
  let best: Found = { bill: billOf(parts, stuck.length), trial: keep(parts, mark), left: stuck };
  rollBack(parts, mark);
  const bound = createBound(seekers, parts);
  const limit = work.used + Math.min(UNITS, work.left);

  const mayBeat = (now: Bill, { bill }: Found): boolean => {
    if (now.left !== bill.left) return now.left < bill.left;
    const least = bound(now);
    const [cost = 0] = [...bill.costs.values()];
    if (least === null || Math.abs(least - cost) > SAME_COST * Math.max(least, cost))
      return least === null || least < cost;
    return now.gpus < bill.gpus || now.nodes < bill.nodes;
  };
  /** `from`: pods of one kind are interchangeable, so the second goes no further to the front than the first. */
  const visit = (queue: readonly Seeker[], left: readonly PodInput[], from: number, later: number): void => {
    const now = billOf(parts, left.length);
    if (work.used >= limit || !mayBeat(now, best)) return;
    const [seeker, ...rest] = queue;
    if (seeker === undefined) {
      if (isBetter(now, best.bill)) best = { bill: now, trial: keep(parts, mark), left };
      return;
    }
    const { pod, kind, ask, orderless } = seeker;
    let found = false;
    const attempt = (act: () => Bin | null): void => {
      const before = purchases.mark();
      work.use(1);
      const bin = act();
      if (bin !== null) {
        found = true;
        visit(rest, left, orderless && rest[0]?.kind === kind ? bin.id : 0, 0);
      }
      rollBack(parts, before);
    };
    const count = board.bins.length;
    let rooms = 0;
    for (let at = from; at < count && rooms < ROOMS + Math.max(0, at - board.fixed); at++) {
      const bin = board.bins[at];
      if (bin === undefined || !holds(board.left, at * width, ask)) continue;
      attempt(() => {
        if (admission.verdict(kind, bin, pod) !== "fits") return null;
        rooms += 1;
        board.put(bin, pod);
        return bin;
      });
    }
    for (let at = Math.max(from, board.fixed); at < count; at++) {
      const bin = board.bins[at];
      if (bin !== undefined && !holds(board.left, at * width, ask)) attempt(() => placer.squeeze(bin, pod));
    }
    for (const peers of seeker.ranges) attempt(() => openings.take(peers, pod));
    // One that comes later may open the way: to a place at all, or in the emptier domain to one in this.
    const waits = !kind.plain && later < rest.length && (!found || (kind.spread.length > 0 && isTied(rest)));
    if (waits) visit([...rest, seeker], left, 0, later + 1);
    if (!waits && left.length < best.bill.left) visit(rest, [...left, pod], 0, 0);
  };

  // Who can be nowhere is not looked for again and again.
  const able = seekers.filter(
    ({ kind, ask, ranges }) =>
      ranges.length > 0 ||
      board.bins.some((bin) => holds(board.left, bin.id * width, ask) && admission.wants(kind, bin)),
  );
  const lost = seekers.filter((seeker) => !able.includes(seeker)).map(({ pod }) => pod);
  visit(able, lost, 0, 0);
  redo(parts, best.trial);
  return best.left;
}

function isTied(queue: readonly Seeker[]): boolean {
  return queue.some(({ kind }) => kind.selectedBy.size > 0);
}
