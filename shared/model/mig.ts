// What one GPU can be cut into with MIG: which profiles a model has, how many of each, and which of them at the same
// time. Facts of the hardware as data; how a card is cut at the moment, and who cuts it, is none of its business. A
// model that is not in the table, or a profile that is on no card of it, is not judged.

import type { GpuModel } from "./gpu-models.ts";
import { variantsOf } from "./gpu-models.ts";
import { MIG_RESOURCE_PREFIX } from "./names.ts";

/** Where an instance may begin, counted in memory slices, how many it takes, and how many there can be. */
interface Profile {
  readonly starts: readonly number[];
  readonly slices: number;
  readonly most: number;
}

type Card = Readonly<Record<string, Profile>>;

/**
 * 7 compute and 8 memory slices: A100, H100, H200 and Blackwell. Starts and sizes are those that `nvidia-smi mig
 * -lgipp` prints for A100 and H100; the numbers of instances are those of NVIDIA's MIG User Guide, "Supported MIG
 * Profiles", and of the presets in NVIDIA/mig-parted, whose `all-balanced` (two of 1g, one 2g, one 3g) shows that the
 * later cards are cut in the same way. The profile of one slice with twice the memory has no name with "+me".
 */
function eighths(names: {
  readonly one: string;
  readonly oneDouble: string;
  readonly two: string;
  readonly three: string;
  readonly four: string;
  readonly seven: string;
}): Card {
  const anywhere = [0, 1, 2, 3, 4, 5, 6];
  return {
    [names.one]: { starts: anywhere, slices: 1, most: 7 },
    [`${names.one}${MEDIA}`]: { starts: anywhere, slices: 1, most: 1 },
    [names.oneDouble]: { starts: [0, 2, 4, 6], slices: 2, most: 4 },
    [names.two]: { starts: [0, 2, 4], slices: 2, most: 3 },
    [names.three]: { starts: [0, 4], slices: 4, most: 2 },
    [names.four]: { starts: [0], slices: 4, most: 1 },
    [names.seven]: { starts: [0], slices: 8, most: 1 },
  };
}

/** With the card's one set of media engines. */
const MEDIA = "+me";

/** A30: 4 compute and 4 memory slices (same guide). */
const A30: Card = {
  "1g.6gb": { starts: [0, 1, 2, 3], slices: 1, most: 4 },
  [`1g.6gb${MEDIA}`]: { starts: [0, 1, 2, 3], slices: 1, most: 1 },
  "2g.12gb": { starts: [0, 2], slices: 2, most: 2 },
  [`2g.12gb${MEDIA}`]: { starts: [0, 2], slices: 2, most: 1 },
  "4g.24gb": { starts: [0], slices: 4, most: 1 },
};

const OF_80_GB = eighths({
  one: "1g.10gb",
  oneDouble: "1g.20gb",
  two: "2g.20gb",
  three: "3g.40gb",
  four: "4g.40gb",
  seven: "7g.80gb",
});

const CARDS: Readonly<Partial<Record<GpuModel, Card>>> = {
  A30,
  "A100-40GB": eighths({
    one: "1g.5gb",
    oneDouble: "1g.10gb",
    two: "2g.10gb",
    three: "3g.20gb",
    four: "4g.20gb",
    seven: "7g.40gb",
  }),
  "A100-80GB": OF_80_GB,
  "H100-80GB": OF_80_GB,
  "H100-94GB": eighths({
    one: "1g.12gb",
    oneDouble: "1g.24gb",
    two: "2g.24gb",
    three: "3g.47gb",
    four: "4g.47gb",
    seven: "7g.94gb",
  }),
  H200: eighths({
    one: "1g.18gb",
    oneDouble: "1g.35gb",
    two: "2g.35gb",
    three: "3g.71gb",
    four: "4g.71gb",
    seven: "7g.141gb",
  }),
  B200: eighths({
    one: "1g.23gb",
    oneDouble: "1g.45gb",
    two: "2g.45gb",
    three: "3g.90gb",
    four: "4g.90gb",
    seven: "7g.180gb",
  }),
  GB200: eighths({
    one: "1g.24gb",
    oneDouble: "1g.47gb",
    two: "2g.47gb",
    three: "3g.95gb",
    four: "4g.95gb",
    seven: "7g.189gb",
  }),
};

const KNOWN_PROFILES: ReadonlySet<string> = new Set(
  Object.values(CARDS).flatMap((card) => Object.keys(card)),
);

/** The profile that a resource name asks for, "1g.5gb+me" for `nvidia.com/mig-1g.5gb.me`; null: it is no MIG resource. */
export function migProfileOf(resource: string): string | null {
  return resource.startsWith(MIG_RESOURCE_PREFIX)
    ? written(resource.slice(MIG_RESOURCE_PREFIX.length))
    : null;
}

/** How many instances of the profile one card gives at most, 0 where it has no such profile; null: not known. */
export function mostOf(model: GpuModel, profile: string): number | null {
  const cards = cardsOf(model);
  const name = written(profile);
  if (cards.length === 0 || !KNOWN_PROFILES.has(name)) return null;
  return Math.max(...cards.map((card) => card[name]?.most ?? 0));
}

/** What a card gives at once, by profile. */
export type Cut = Readonly<Record<string, number>>;

/**
 * Every way to cut a card so that no instance more fits on it; of a model of which the memory is not said, for each
 * card that it may be. Null: not known.
 */
export function cutsOf(model: GpuModel): readonly (readonly Cut[])[] | null {
  const cards = cardsOf(model);
  return cards.length === 0 ? null : cards.map(fullCuts);
}

/** A model of which the memory is not said may be any of its cards. */
function cardsOf(model: GpuModel): readonly Card[] {
  return variantsOf(model)
    .map((variant) => CARDS[variant])
    .filter((card) => card !== undefined);
}

const SLICES = 8;
/** A few dozen ways for each card, worked out when somebody first asks. */
const known = new Map<Card, readonly Cut[]>();

function fullCuts(card: Card): readonly Cut[] {
  const before = known.get(card);
  if (before !== undefined) return before;
  const found = new Map<string, Cut>();
  const names = Object.keys(card);
  for (const cut of cutsFrom(card, 0, {})) found.set(names.map((name) => cut[name] ?? 0).join(), cut);
  const all = [...found.values()];
  const full = all.filter((cut) => !all.some((other) => other !== cut && holds(other, cut)));
  known.set(card, full);
  return full;
}

/** What can be placed from this slice on, beside what lies before it. */
function* cutsFrom(card: Card, slice: number, cut: Cut): Generator<Cut> {
  if (slice >= SLICES) {
    yield cut;
    return;
  }
  yield* cutsFrom(card, slice + 1, cut);
  for (const [name, { starts, slices }] of Object.entries(card)) {
    if (!starts.includes(slice) || (name.endsWith(MEDIA) && hasMedia(cut))) continue;
    yield* cutsFrom(card, slice + slices, { ...cut, [name]: (cut[name] ?? 0) + 1 });
  }
}

function hasMedia(cut: Cut): boolean {
  return Object.keys(cut).some((name) => name.endsWith(MEDIA));
}

function holds(cut: Cut, other: Cut): boolean {
  return Object.entries(other).every(([name, count]) => count <= (cut[name] ?? 0));
}

/** Resource names cannot hold a "+". */
function written(profile: string): string {
  return profile.replace(/\.me$/, MEDIA);
}
