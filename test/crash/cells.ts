// The crash matrix as data: at which write of a move's life the coordinator is cut down, of which kind of move, and what
// else goes wrong at that moment. Points come from the journal's own table of phases, so that a phase that is added is
// cut at as well. How a cell is played is run.ts.

import { PHASES_AFTER } from "../../shared/contract/policy/status.ts";
import type { MovePhase } from "../../shared/contract/policy/status.ts";
import { seededRandom } from "../../shared/model/random.ts";

/** What is under way when the coordinator dies. `drain`: a removal that its agent empties the node for. */
export const DEEDS = ["grow", "remove", "replace", "release", "drain"] as const;
export type Deed = (typeof DEEDS)[number];

/** `lost`: the provider's answer. `late`: the same, by longer than a call may take. `conflict`: somebody else writes the status at that moment. `rival`: another replica takes over instead of a restart. */
export const TROUBLES = ["none", "lost", "late", "conflict", "rival"] as const;
export type Trouble = (typeof TROUBLES)[number];

/**
 * `status`: at the write of a phase into the policy's status, before it takes effect or when it has and nobody has
 * heard. `call`: when the provider has the request; it carries it out, and nobody hears.
 */
export type Point =
  | { readonly at: "status"; readonly phase: MovePhase; readonly when: "before" | "after" }
  | { readonly at: "call" };

export interface Cell {
  readonly deed: Deed;
  readonly point: Point;
  readonly trouble: Trouble;
}

/** The phases of a deed that goes well, in order. */
export function phasesOf(deed: Deed): readonly MovePhase[] {
  const path: MovePhase[] = ["intended"];
  for (let next = nextOf("intended", deed); next !== null; next = nextOf(next, deed)) path.push(next);
  return path;
}

function nextOf(phase: MovePhase, deed: Deed): MovePhase | null {
  const nexts: readonly MovePhase[] = PHASES_AFTER[phase];
  const good = nexts.filter((next) => next !== "failed" && (next !== "draining" || deed === "drain"));
  return good[0] ?? null;
}

export function pointsOf(deed: Deed): readonly Point[] {
  const phases = phasesOf(deed);
  const writes = phases.flatMap((phase): Point[] => [
    { at: "status", phase, when: "before" },
    { at: "status", phase, when: "after" },
  ]);
  // The call lies between the last phase but one and the outcome.
  return [...writes.slice(0, -2), { at: "call" }, ...writes.slice(-2)];
}

export function allCells(): readonly Cell[] {
  return DEEDS.flatMap((deed) =>
    pointsOf(deed).flatMap((point) => TROUBLES.map((trouble) => ({ deed, point, trouble }))),
  );
}

/** `count` cells, each deed, point and trouble as often as the others, give or take one: the same for the same seed. */
export function sampleCells(count: number, seed: number): readonly Cell[] {
  const random = seededRandom(seed);
  const left = allCells().map((cell) => ({ cell, order: random() }));
  const taken = new Map<string, number>();
  const weight = ({ deed, point, trouble }: Cell): number =>
    [deed, nameOfPoint(point), trouble].reduce((sum, key) => sum + (taken.get(key) ?? 0), 0);
  const sample: Cell[] = [];
  while (sample.length < count && left.length > 0) {
    left.sort((a, b) => weight(a.cell) - weight(b.cell) || a.order - b.order);
    const next = left.shift()?.cell;
    if (next === undefined) break;
    sample.push(next);
    for (const key of [next.deed, nameOfPoint(next.point), next.trouble])
      taken.set(key, (taken.get(key) ?? 0) + 1);
  }
  return sample;
}

export function nameOfPoint(point: Point): string {
  return point.at === "call" ? "in the call" : `${point.when} ${point.phase}`;
}

export function nameOfCell({ deed, point, trouble }: Cell): string {
  return `${deed}, ${nameOfPoint(point)}${trouble === "none" ? "" : `, ${trouble}`}`;
}
