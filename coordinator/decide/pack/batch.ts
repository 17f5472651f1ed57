// A batch of waiting pods in its order of precedence: priority by priority, and in each the gangs first, whole or not
// at all, then the others. Room that is there comes before anything is bought. Pods that depend on no others are
// bought for as a whole; the rest one by one; where both wait, the better of two plans is kept.

import type { Reason } from "../../../shared/model/reasons.ts";
import type { PodInput } from "../snapshot-pod.ts";
import { billOf, isBetter } from "./bill.ts";
import { placeInBulk } from "./bulk.ts";
import { FEW, improve } from "./exact.ts";
import { placeOneByOne } from "./one-by-one.ts";
import type { Rest } from "./one-by-one.ts";
import type { Parts } from "./parts.ts";
import { keep, redo, rollBack } from "./redo.ts";
import { seatAll } from "./seat-all.ts";

export interface Outcome {
  /** Pods for which there is no place now. */
  readonly stuck: readonly PodInput[];
  /** Pods that no work was left for. */
  readonly leftOut: readonly PodInput[];
  /** Members of gangs that do not fit whole, with the reason. */
  readonly gangs: ReadonlyMap<PodInput, Reason>;
}

/**
 * `batches`, each in packing order: the second gets what the first leaves. `together`: how many of the waiting members
 * of a gang have to get a place at once; unknown: all. `late`: keys of pods that the last decision had no work for.
 */
export function placeBatches(
  batches: readonly (readonly PodInput[])[],
  together: (gang: string) => number | undefined,
  parts: Parts,
  late: ReadonlySet<string> = new Set(),
): Outcome {
  let stuck: readonly PodInput[] = [];
  let leftOut: readonly PodInput[] = [];
  const gangs = new Map<PodInput, Reason>();
  for (const level of batches.flatMap((batch) => levelsOf(batch, late))) {
    const others = level.filter((pod) => pod.gang === undefined);
    for (const [gang, members] of gangsOf(level)) {
      if (parts.work.left <= 0) {
        leftOut = [...leftOut, ...members];
        continue;
      }
      const need = Math.min(together(gang) ?? members.length, members.length);
      const missing = placeGang(members.slice(0, need), parts);
      if (missing !== null) {
        const reason: Reason = { code: "gang-does-not-fit", gang, need, pod: missing.key };
        for (const member of members) gangs.set(member, reason);
      } else for (const member of members.slice(need)) others.push(member);
    }
    // Members beyond what their gang starts with are pods like any other.
    const rest = placeOthers(others, parts);
    stuck = [...stuck, ...rest.stuck];
    leftOut = [...leftOut, ...rest.leftOut];
  }
  parts.stretch.trim();
  return { stuck, leftOut, gangs };
}

/**
 * Highest first, in each those that come late before the others, or gangs that never fit would take all the work each
 * time. A gang stands where its most urgent member does.
 */
function levelsOf(pods: readonly PodInput[], late: ReadonlySet<string>): readonly (readonly PodInput[])[] {
  const ranks = new Map<string, number>();
  const lateGangs = new Set<string>();
  for (const { key, gang, priority } of pods) {
    if (gang === undefined) continue;
    ranks.set(gang.id, Math.max(priority, ranks.get(gang.id) ?? priority));
    if (late.has(key)) lateGangs.add(gang.id);
  }
  const levels = Map.groupBy(pods, ({ gang, priority }) => ranks.get(gang?.id ?? "") ?? priority);
  const isLate = ({ key, gang }: PodInput): boolean =>
    gang === undefined ? late.has(key) : lateGangs.has(gang.id);
  return [...levels]
    .sort(([a], [b]) => b - a)
    .flatMap(([, level]) =>
      late.size === 0 ? [level] : [level.filter(isLate), level.filter((pod) => !isLate(pod))],
    );
}

function gangsOf(pods: readonly PodInput[]): ReadonlyMap<string, readonly PodInput[]> {
  return Map.groupBy(
    pods.filter(({ gang }) => gang !== undefined),
    ({ gang }) => gang?.id ?? "",
  );
}

/**
 * Null: each member has a place. Else the first that has none, and nothing is changed. A gang that takes more work than
 * a decision has would never start if it were left off in the middle.
 */
function placeGang(members: readonly PodInput[], parts: Parts): PodInput | null {
  const mark = parts.purchases.mark();
  const [missing] = parts.work.finish(() => placeAll(members, parts)).stuck;
  if (missing === undefined) return null;
  rollBack(parts, mark);
  return missing;
}

/** First spread over all domains that could be there; who finds no place so, over those that are. */
function placeOthers(pods: readonly PodInput[], parts: Parts): Rest {
  const foresight = parts.openings.foresee();
  const result = placeWell(pods, parts);
  if (foresight === null) return result;
  foresight.undo();
  parts.seek.forget();
  if (result.stuck.length === 0) return result;
  const again = placeWell(result.stuck, parts);
  return { stuck: again.stuck, leftOut: [...result.leftOut, ...again.leftOut] };
}

/** The quick plan, and for a few pods the best one. */
function placeWell(pods: readonly PodInput[], parts: Parts): Rest {
  const { board, purchases } = parts;
  const mark = purchases.mark();
  const before = billOf(parts, 0);
  const quick = placeAll(pods, parts);
  if (pods.length > FEW || quick.leftOut.length > 0) return quick;
  const bought = isBetter(before, billOf(parts, quick.stuck.length));
  const solved = pods.every((pod) => board.kinds.of(pod).plain && board.placed.get(pod.key)?.kind === "new");
  if (!bought || solved) return quick;
  return { stuck: improve(pods, quick.stuck, mark, parts), leftOut: [] };
}

/**
 * Pods that are tied to others one by one; then the free ones: onto the room that there is, and those without any as a
 * whole, or one by one as well where nodes were opened that may become larger. The first buys better where they are
 * many, the second makes more of what is bought already.
 */
function placeAll(pods: readonly PodInput[], parts: Parts): Rest {
  const isFree = (pod: PodInput): boolean => parts.board.kinds.of(pod).plain;
  const others = pods.filter((pod) => !isFree(pod));
  const tied = placeOneByOne(others, parts);
  const seated = seatAll(pods.filter(isFree), parts);
  const free = buyFor(seated.stuck, others.length > 0, parts);
  return {
    stuck: [...tied.stuck, ...free.stuck],
    leftOut: [...tied.leftOut, ...seated.leftOut, ...free.leftOut],
  };
}

/** `stretching`: nodes were opened before that may become larger. */
function buyFor(pods: readonly PodInput[], stretching: boolean, parts: Parts): Rest {
  const { stretch, purchases, work } = parts;
  const mark = purchases.mark();
  const whole: Rest = { stuck: placeInBulk(pods, parts), leftOut: [] };
  if (!stretching || pods.length === 0 || work.left <= 0) return whole;
  stretch.trim();
  const bill = billOf(parts, whole.stuck.length);
  const trial = keep(parts, mark);
  rollBack(parts, mark);
  const each = placeOneByOne(pods, parts);
  stretch.trim();
  if (each.leftOut.length === 0 && isBetter(billOf(parts, each.stuck.length), bill)) return each;
  rollBack(parts, mark);
  redo(parts, trial);
  return whole;
}
