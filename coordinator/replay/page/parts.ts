// Where policies part: for each start and pool the first moment at which their moves differ, with what each did there and
// why. After it their fleets are no longer the same, so later differences explain nothing. It compares moves alone, not
// what came of them.

import type { Reason } from "../../../shared/model/reasons.ts";
import type { Happening } from "../run.ts";
import type { PolicyRuns } from "./meta.ts";

export interface Part {
  /** Index of the start. */
  readonly offset: number;
  readonly atMs: number;
  readonly pool: string;
  /** One for each policy, in the policies' order. */
  readonly sides: readonly {
    readonly policy: string;
    /** "grew from 3 to 5", "did nothing then". */
    readonly said: string;
    readonly because: readonly Reason[];
  }[];
}

type Moved = Extract<Happening, { readonly because: unknown }>;

interface Side {
  readonly policy: string;
  readonly moves: readonly Moved[];
  readonly knownToMs: number;
}

const VERBS: Readonly<Record<Moved["kind"], string>> = {
  grow: "grew",
  replace: "replaced a node",
  shrink: "shrank",
  release: "released a node",
};

/** In order of start and time; at most `most`, the earliest of each start before the second of any. */
export function partsOf(groups: readonly PolicyRuns[], most = 100): readonly Part[] {
  const starts = Math.min(...groups.map(({ runs }) => runs.length));
  const perStart = Array.from({ length: groups.length < 2 ? 0 : starts }, (_, offset) =>
    partsAt(groups, offset),
  );
  const kept: Part[] = [];
  const deepest = Math.max(0, ...perStart.map((parts) => parts.length));
  for (let rank = 0; rank < deepest && kept.length < most; rank += 1)
    kept.push(...perStart.flatMap((parts) => parts[rank] ?? []).slice(0, most - kept.length));
  return kept.sort((a, b) => a.offset - b.offset || a.atMs - b.atMs);
}

function partsAt(groups: readonly PolicyRuns[], offset: number): readonly Part[] {
  const sides = groups.map(({ name, runs }) => {
    const { happenings = [], happeningsLeftOut = 0 } = runs[offset] ?? {};
    const knownToMs = happeningsLeftOut === 0 ? Infinity : (happenings.at(-1)?.atMs ?? 0);
    return { policy: name, moves: movesByPool(happenings), knownToMs };
  });
  const pools = [...new Set(sides.flatMap(({ moves }) => [...moves.keys()]))].sort();
  return pools
    .flatMap((pool) => {
      const part = partIn(
        pool,
        sides.map((side) => ({ ...side, moves: side.moves.get(pool) ?? [] })),
      );
      return part === null ? [] : [{ offset, ...part }];
    })
    .sort((a, b) => a.atMs - b.atMs);
}

function partIn(pool: string, sides: readonly Side[]): Omit<Part, "offset"> | null {
  const longest = Math.max(...sides.map(({ moves }) => moves.length));
  // Of a run that did not list everything nobody knows what it did after its last row.
  const known = Math.min(...sides.map(({ knownToMs }) => knownToMs));
  for (let at = 0; at < longest; at += 1) {
    const here = sides.map(({ moves }) => moves[at]);
    if (new Set(here.map(spelt)).size === 1) continue;
    const atMs = Math.min(...here.map((move) => move?.atMs ?? Infinity));
    if (atMs >= known) return null;
    return {
      atMs,
      pool,
      sides: here.map((move, index) => ({
        policy: sides[index]?.policy ?? "",
        // Whoever moved later had done nothing at the moment at which they part.
        said: move === undefined || move.atMs > atMs ? "did nothing then" : saidOf(move),
        because: move === undefined || move.atMs > atMs ? [] : move.because,
      })),
    };
  }
  return null;
}

function movesByPool(happenings: readonly Happening[]): ReadonlyMap<string, readonly Moved[]> {
  const by = new Map<string, Moved[]>();
  for (const happening of happenings) {
    if (!("because" in happening)) continue;
    const known = by.get(happening.pool);
    if (known === undefined) by.set(happening.pool, [happening]);
    else known.push(happening);
  }
  return by;
}

function spelt(move: Moved | undefined): string {
  return move === undefined ? "" : `${move.atMs} ${move.kind} ${move.from} ${move.to}`;
}

function saidOf({ kind, from, to }: Moved): string {
  return `${VERBS[kind]}, ${from} → ${to} nodes`;
}
