// Which MIG profiles one card gives at once is fixed by its model. Where the node's shape names a profile, its count
// is what the device plugin offers, and nothing is left to judge; this check answers for profiles that it does not
// name: whether the pool's cards could ever be cut like that. A model or a number of cards that nobody knows is not
// judged.

import { gpuModelOf, gpuModelOfLabels } from "../../../shared/model/gpu-models.ts";
import type { GpuModel } from "../../../shared/model/gpu-models.ts";
import { fitsTogether, migProfileOf, mostOf } from "../../../shared/model/mig.ts";
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
  if (asked.length === 0) return null;
  const model = gpuModelOfLabels(labels) ?? gpuModelOf(pool?.pool.gpuType ?? "");
  if (model === null) return null;
  const names = new Set(asked.map(({ name }) => name));
  const counts = Object.fromEntries(asked.map(({ profile, count }) => [profile, count]));
  const cards = Object.keys(shape.allocatable)
    .filter(isWholeGpu)
    .reduce((sum, name) => sum + grossOf(shape, name), 0);
  // What is too much by itself comes before what is too much beside the others.
  for (const others of [{}, counts]) {
    for (const { profile, count } of asked) {
      const most = mostBeside(model, cards, others, profile, count);
      if (most !== null && most < count) return { names, profile, wants: count, most };
    }
  }
  return null;
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

/** How many of the profile, `wants` at most, the cards give beside the others; null: nobody knows. */
function mostBeside(
  model: GpuModel,
  cards: number,
  others: Readonly<Record<string, number>>,
  profile: string,
  wants: number,
): number | null {
  const ofOne = mostOf(model, profile);
  if (ofOne === null || ofOne === 0 || cards === 0) return ofOne === 0 ? 0 : null;
  for (let count = Math.min(wants, ofOne * cards); count > 0; count--) {
    const spread = fitOnto(model, cards, { ...others, [profile]: count });
    if (spread !== false) return spread === null ? null : count;
  }
  return 0;
}

/** Tries in which a search for a cut gives up: a node has at most 16 cards, and a pod asks for few profiles. */
const TRIES_AT_MOST = 2_000;

/** Whether the cards give all of these at once; null: nobody knows, or it takes too long to find out. */
function fitOnto(model: GpuModel, cards: number, counts: Readonly<Record<string, number>>): boolean | null {
  const profiles = Object.entries(counts).filter(([, count]) => count > 0);
  let tries = 0;
  const failed = new Set<string>();
  const search = (left: readonly number[], onCards: number): boolean | null => {
    if (left.every((count) => count === 0)) return true;
    if (onCards === 0) return false;
    const state = `${onCards}:${left.join()}`;
    if (failed.has(state)) return false;
    const cuts = cutsOf(
      model,
      profiles.map(([profile], index) => [profile, left[index] ?? 0]),
    );
    if (cuts === null) return null;
    for (const cut of cuts) {
      tries += 1;
      if (tries > TRIES_AT_MOST) return null;
      const found = search(
        left.map((count, index) => count - (cut[index] ?? 0)),
        onCards - 1,
      );
      if (found !== false) return found;
    }
    failed.add(state);
    return false;
  };
  return search(
    profiles.map(([, count]) => count),
    cards,
  );
}

/** Ways to cut one card for some of what is left, the fullest first; null: nobody knows. */
function cutsOf(
  model: GpuModel,
  left: readonly (readonly [profile: string, count: number])[],
): readonly (readonly number[])[] | null {
  let cuts: number[][] = [[]];
  for (const [profile, count] of left) {
    const most = Math.min(count, mostOf(model, profile) ?? 0);
    cuts = cuts.flatMap((cut) => Array.from({ length: most + 1 }, (_, some) => [...cut, most - some]));
  }
  const possible: number[][] = [];
  for (const cut of cuts) {
    if (cut.every((some) => some === 0)) continue;
    // A cut that another one contains gives nothing more.
    if (possible.some((other) => cut.every((some, index) => some <= (other[index] ?? 0)))) continue;
    const fits = fitsTogether(
      model,
      Object.fromEntries(left.map(([profile], index) => [profile, cut[index] ?? 0])),
    );
    if (fits === null) return null;
    if (fits) possible.push(cut);
  }
  return possible;
}
