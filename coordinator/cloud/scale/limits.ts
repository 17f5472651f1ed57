// What we do to the limits of a dynamic NodePool, as one change of the object: those that we hold are lowered to what a
// policy allows, with what stood there before noted beside them, and given back from that note. Limits on other resources
// are never touched. Pure; who writes it, and when, is for node-pool.ts and capped.ts.

import { z } from "zod";

import type { NodePool } from "../../../shared/model/kube.ts";
import { GROUP_ANNOTATION } from "../../../shared/model/names.ts";
import { parseQuantity } from "../../../shared/model/quantity.ts";
import type { CapChange, GroupCap } from "../group.ts";

/** What stands on a NodePool whose limits we lowered. */
export interface CappedNote {
  readonly policy: string;
  /** By resource. `before`: null where there was no limit. */
  readonly limits: Readonly<Record<string, { readonly before: string | null; readonly set: string }>>;
}

const NOTE = z.strictObject({
  policy: z.string().min(1),
  limits: z.record(z.string(), z.strictObject({ before: z.string().nullable(), set: z.string() })),
});

/** A merge patch for the object, but for its version, and what it changes, for the log. */
export interface LimitsPatch {
  readonly annotations: Readonly<Record<string, string | null>>;
  readonly limits: Readonly<Record<string, string | null>>;
  readonly changes: readonly CapChange[];
}

/** What cannot be read somebody else wrote: it is no note, and what stands in the limits is theirs. */
export function cappedNoteOf({ metadata }: NodePool): CappedNote | null {
  const text = metadata.annotations?.[GROUP_ANNOTATION.limitBefore];
  if (text === undefined) return null;
  try {
    return NOTE.parse(JSON.parse(text));
  } catch {
    return null;
  }
}

/**
 * Lowers what is above the cap, and raises what we lowered before, up to what stood there. A limit that is not as we left
 * it is what somebody wants now: it counts as found. Null: all is as it shall be.
 */
export function cappedPatch(pool: NodePool, { policy, nodes, gpus = {} }: GroupCap): LimitsPatch | null {
  const note = cappedNoteOf(pool);
  const wanted = new Map(Object.entries({ ...gpus, nodes }));
  // A resource that is not capped any more, because its amount is not known now, is given back.
  const names = new Set([...wanted.keys(), ...Object.keys(note?.limits ?? {})]);
  const limits: Record<string, string | null> = {};
  const kept: Record<string, { before: string | null; set: string }> = {};
  const changes: CapChange[] = [];
  for (const name of names) {
    const now = limitOf(pool, name);
    const before = foundOf(now, note?.limits[name]);
    const most = wanted.get(name);
    const lowers = most !== undefined && (before === null || isAbove(before, most));
    const to = lowers ? String(most) : before;
    if (lowers) kept[name] = { before, set: String(most) };
    if (sameAmount(now, to)) continue;
    limits[name] = to;
    changes.push({ limit: name, from: now, to });
  }
  const noted = Object.keys(kept).length === 0 ? null : { policy, limits: kept };
  if (changes.length === 0 && sameNote(noted, note)) return null;
  return { annotations: noteText(noted), limits, changes };
}

/** Gives back what we lowered. Null: there is nothing of ours. */
export function givenBackPatch(pool: NodePool): LimitsPatch | null {
  if (pool.metadata.annotations?.[GROUP_ANNOTATION.limitBefore] === undefined) return null;
  const limits: Record<string, string | null> = {};
  const changes: CapChange[] = [];
  for (const [name, held] of Object.entries(cappedNoteOf(pool)?.limits ?? {})) {
    const now = limitOf(pool, name);
    const to = foundOf(now, held);
    if (sameAmount(now, to)) continue;
    limits[name] = to;
    changes.push({ limit: name, from: now, to });
  }
  return { annotations: noteText(null), limits, changes };
}

function limitOf({ spec }: NodePool, name: string): string | null {
  const limit = spec?.limits?.[name];
  return limit === undefined ? null : String(limit);
}

/** What stands there without us. */
function foundOf(
  now: string | null,
  held: { before: string | null; set: string } | undefined,
): string | null {
  return held !== undefined && sameAmount(now, held.set) ? held.before : now;
}

/** One that cannot be read is left: Karpenter's own business. */
function isAbove(limit: string, most: number): boolean {
  const amount = amountOf(limit);
  return amount !== null && amount > most;
}

function sameAmount(a: string | null, b: string | null): boolean {
  if (a === null || b === null) return a === b;
  return a === b || (amountOf(a) !== null && amountOf(a) === amountOf(b));
}

function amountOf(limit: string): number | null {
  try {
    return parseQuantity(limit);
  } catch {
    return null;
  }
}

function sameNote(a: CappedNote | null, b: CappedNote | null): boolean {
  if (a === null || b === null) return a === b;
  const names = Object.keys(a.limits);
  return (
    a.policy === b.policy &&
    names.length === Object.keys(b.limits).length &&
    names.every(
      (name) =>
        a.limits[name]?.set === b.limits[name]?.set && a.limits[name]?.before === b.limits[name]?.before,
    )
  );
}

function noteText(note: CappedNote | null): Readonly<Record<string, string | null>> {
  return { [GROUP_ANNOTATION.limitBefore]: note === null ? null : JSON.stringify(note) };
}
