// Which MIG profiles one card gives at once is fixed by its model. Where the node's shape names a profile, its count
// is what the device plugin offers, and nothing is left to judge; this check answers for profiles that it does not
// name: whether the pool's cards could ever be cut like that. A model or a number of cards that nobody knows is not
// judged.

import { gpuModelOf, gpuModelOfLabels } from "../../../shared/model/gpu-models.ts";
import type { GpuModel } from "../../../shared/model/gpu-models.ts";
import { cutsOf, migProfileOf, mostOf } from "../../../shared/model/mig.ts";
import type { Resources } from "../../../shared/model/resources.ts";
import { compareText } from "../order.ts";
import type { PodInput } from "../snapshot-pod.ts";
import { grossOf, isWholeGpu } from "./amounts.ts";
import type { Check, Place } from "./check.ts";
import { calledPool } from "./place.ts";

export const migGeometry: Check = {
  name: "mig-geometry",
  reads: "amounts",
  refusal: (pod, place) => {
    const beyond = profileBeyond(pod, place);
    if (beyond === null) return null;
    const { profile, wants, most } = beyond;
    return { code: "mig-geometry", pool: calledPool(place), profile, wants, most };
  },
};

interface Beyond {
  /** The resources that this was judged by. */
  readonly names: ReadonlySet<string>;
  readonly profile: string;
  readonly wants: number;
  /** Of the profile, beside the others that are asked for. */
  readonly most: number;
}

/** The first profile of which the node's cards cannot give enough; null: they can, or nobody knows. */
export function profileBeyond({ requests }: PodInput, { shape, labels, pool }: Place): Beyond | null {
  if (shape === null) return null;
  const asked = profilesIn(requests).filter(({ name }) => grossOf(shape, name) === 0);
  const [first] = asked;
  if (first === undefined) return null;
  const model = gpuModelOfLabels(labels) ?? gpuModelOf(pool?.pool.gpuType ?? "");
  if (model === null) return null;
  const names = new Set(asked.map(({ name }) => name));
  const cards = Object.keys(shape.allocatable)
    .filter(isWholeGpu)
    .reduce((sum, name) => sum + grossOf(shape, name), 0);
  // What is too much by itself comes before what is too much beside the others.
  for (const { profile, count } of asked) {
    const ofOne = mostOf(model, profile);
    if (ofOne === null || (cards === 0 && ofOne > 0)) return null;
    if (count > ofOne * cards) return { names, profile, wants: count, most: ofOne * cards };
  }
  const counts = Object.fromEntries(asked.map(({ profile, count }) => [profile, count]));
  if (canGive(model, cards, counts) !== false) return null;
  const most = mostBeside(first, (count) => canGive(model, cards, { ...counts, [first.profile]: count }));
  return { names, profile: first.profile, wants: first.count, most };
}

function profilesIn(
  requests: Resources,
): readonly { readonly name: string; readonly profile: string; readonly count: number }[] {
  const found = [];
  for (const name in requests) {
    const profile = migProfileOf(name);
    const count = requests[name] ?? 0;
    if (profile !== null && count > 0) found.push({ name, profile, count });
  }
  return found.sort((a, b) => compareText(a.name, b.name));
}

/** The largest number below what is wanted that the cards give; with fewer of them all else stays possible. */
function mostBeside({ count }: { readonly count: number }, fits: (count: number) => boolean | null): number {
  let least = 0;
  let beyond = count;
  while (beyond - least > 1) {
    const middle = Math.floor((least + beyond) / 2);
    if (fits(middle) === true) least = middle;
    else beyond = middle;
  }
  return least;
}

/** Whether so many cards give all of these; null: nobody knows, or it takes too long to find out. */
function canGive(model: GpuModel, cards: number, counts: Readonly<Record<string, number>>): boolean | null {
  const names = Object.keys(counts);
  const wanted = names.map((name) => counts[name] ?? 0);
  const answers = (cutsOf(model) ?? []).map((cuts) =>
    covered(
      wanted,
      cuts.map((cut) => names.map((name) => cut[name] ?? 0)),
      cards,
    ),
  );
  return answers.includes(true) ? true : answers.includes(null) ? null : false;
}

type Counts = readonly number[];

/** Cards in which the search gives up: a node has at most 16, and a pod asks for few profiles. */
const TRIES_AT_MOST = 500;

/** Whether so many cards, each cut in one of these ways, give what is wanted; null: it takes too long to find out. */
function covered(wanted: Counts, cuts: readonly Counts[], cards: number): boolean | null {
  const most = wanted.map((_, at) => cuts.reduce((least, cut) => Math.max(least, cut[at] ?? 0), 0));
  const failed = new Set<string>();
  let tries = 0;
  const search = (left: Counts, onCards: number): boolean | null => {
    if (left.every((count) => count === 0)) return true;
    if (left.some((count, at) => count > (most[at] ?? 0) * onCards)) return false;
    const state = `${onCards}:${left.join()}`;
    if (failed.has(state)) return false;
    for (const cut of usefulCuts(left, cuts, most)) {
      tries += 1;
      if (tries > TRIES_AT_MOST) return null;
      const found = search(
        left.map((count, at) => count - (cut[at] ?? 0)),
        onCards - 1,
      );
      if (found !== false) return found;
    }
    failed.add(state);
    return false;
  };
  return search(wanted, cards);
}

/** What one more card gives of what is left, the fullest first; what another way gives too is left out. */
function usefulCuts(left: Counts, cuts: readonly Counts[], most: Counts): readonly Counts[] {
  const trimmed = new Map(
    cuts.map((cut) => {
      const used = cut.map((count, at) => Math.min(count, left[at] ?? 0));
      return [used.join(), used] as const;
    }),
  );
  const all = [...trimmed.values()];
  const share = (cut: Counts): number =>
    cut.reduce((sum, count, at) => sum + count / Math.max(1, most[at] ?? 1), 0);
  return all
    .filter(
      (cut) => !all.some((other) => other !== cut && cut.every((count, at) => count <= (other[at] ?? 0))),
    )
    .sort((a, b) => share(b) - share(a));
}
