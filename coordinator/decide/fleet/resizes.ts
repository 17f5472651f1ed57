// Whether the size of a group has moved without us. Each move of ours stands in the journal before its call, so that a
// change that none of them explains was another hand's: once it is taken over like a decision of the operator, twice in
// ten minutes somebody works against us, and the pool waits until ten minutes have passed without it. In doubt a change
// is ours: what is taken for ours costs nothing, what is wrongly taken for another's stops a pool.

import { parseInstant } from "../../../shared/model/instant.ts";
import type { Reason } from "../../../shared/model/reasons.ts";
import { elapsed, epochMs, millis } from "../../../shared/model/units.ts";
import type { EpochMs } from "../../../shared/model/units.ts";
import type { Journal, SizeMemory } from "../snapshot-memory.ts";
import { growthsOf, movesOf } from "./flights.ts";
import type { Growth } from "./flights.ts";
import { backEndNameOf, identityOf } from "./group-identity.ts";
import type { RivalReason } from "./rivals.ts";
import type { NodeState, PoolSetting } from "./standing.ts";

/** Two within so long are no decision of somebody's; so long without one ends the hold. */
export const BY_HAND_MS = 10 * 60_000;
/** A group may take so long to show what was done to it. */
const SHOWS_MS = 5 * 60_000;
/** Of two readings one right after the other the first may be the newer one. */
const SLIP_MS = 15_000;
const KEPT = 4;
/** Sizes that the group had a moment ago; one for each change. */
const LATELY = 16;

type LastChange = SizeMemory["byHand"][number];

export interface SizeLook {
  readonly setting: Pick<PoolSetting, "policy" | "pool" | "input">;
  readonly nodes: readonly NodeState[];
  readonly before: SizeMemory | undefined;
  /** Something else is known to size the group: every change is its. */
  readonly rivaled: boolean;
  readonly at: EpochMs;
}

/** What is remembered of the size next; null: there is nothing to compare with. */
export function followSize(look: SizeLook): SizeMemory | null {
  const { setting, nodes, rivaled, at } = look;
  const { policy, pool, input } = setting;
  const group = pool.group === undefined ? null : identityOf(pool.group);
  const before = look.before?.group === group ? look.before : undefined;
  if (group === null || input.group.kind === "none") return null;
  // What cannot be read now is compared when it can.
  if (input.group.kind !== "known") return before ?? null;
  const { size, growsItself, changeFailed } = input.group;
  const noticed = noticedOf(nodes, before, at);
  const isOurs = policy.spec.enabled && policy.spec.mode === "Act" && growsItself !== true && !rivaled;
  const kept = { group, size, at, ...(noticed === undefined ? {} : { noticed }) };
  const byHand = before?.byHand ?? [];
  if (before === undefined || !isOurs)
    return { ...kept, byHand: byHand.filter((change) => at - change.at < BY_HAND_MS) };

  const change = size - before.size;
  const means = { journal: policy.journal, pool: pool.name, before, size, noticed, at };
  const lately = (before.lately ?? []).filter((had) => at - had.at <= SLIP_MS);
  // Clouds answer from several copies of what they know. Who really takes our move back is seen when it stays so.
  if (lately.some((had) => isOnTheWay(size, had.size, before.size)))
    return { ...before, lately, ...(noticed === undefined ? {} : { noticed }) };
  const { left, explained } = explain(change, means);
  const strange = left !== 0 && !fallsByItself(pool, left);
  const had = change === 0 || strange ? lately : [...lately, { at, size: before.size }].slice(-LATELY);
  const changes = strange ? withChange(byHand, { at, from: before.size, to: size }) : byHand;
  const last = changeFailed === true ? growthsOf(policy.journal, pool.name, at).at(-1) : undefined;
  return {
    ...kept,
    byHand: last === undefined ? changes : changes.filter((one) => !takesBack(one, last)),
    ...(explained === undefined ? {} : { explained }),
    ...(had.length === 0 ? {} : { lately: had }),
  };
}

/** Whether a size is one that the group had on its way from one to another. */
function isOnTheWay(size: number, from: number, to: number): boolean {
  return size !== to && Math.min(from, to) <= size && size <= Math.max(from, to);
}

/** A first change that comes back at once was an old reading in between, or a slip that was mended. */
function withChange(byHand: SizeMemory["byHand"], change: LastChange): SizeMemory["byHand"] {
  const last = byHand.at(-1);
  const previous = byHand.at(-2);
  const isBack =
    last !== undefined &&
    last.from === change.to &&
    last.to === change.from &&
    change.at - last.at <= SLIP_MS &&
    (previous === undefined || last.at - previous.at > BY_HAND_MS);
  return isBack ? byHand.slice(0, -1) : [...byHand, change].slice(-KEPT);
}

/** What a cloud could not carry out it may take back, and say only later that it failed. */
function takesBack({ at, from, to }: LastChange, growth: Growth): boolean {
  return at >= growth.at && to < from && from - to <= growth.nodes;
}

/** Notices count on when their node has gone: the group may show its place empty a while later. */
function noticedOf(
  nodes: readonly NodeState[],
  before: SizeMemory | undefined,
  at: EpochMs,
): SizeMemory["noticed"] {
  const kept = Object.entries(before?.noticed ?? {}).filter(([, seen]) => at - seen <= BY_HAND_MS);
  const now = nodes.flatMap(({ notice }) => (notice === null ? [] : [[notice.id, at] as const]));
  return kept.length + now.length === 0 ? undefined : Object.fromEntries([...kept, ...now]);
}

/** Azure lowers a scale set by each spot machine that it takes, and says nothing else of it. */
function fallsByItself(pool: PoolSetting["pool"], change: number): boolean {
  return change < 0 && pool.capacityType === "spot" && backEndNameOf(pool) === "azure";
}

interface Means {
  readonly journal: Journal;
  readonly pool: string;
  readonly before: SizeMemory;
  /** As it is now. */
  readonly size: number;
  readonly noticed: SizeMemory["noticed"];
  readonly at: EpochMs;
}

/** How much of a change nothing of ours accounts for, and what of ours is used up by the rest. */
function explain(
  change: number,
  { journal, pool, before, size, noticed = {}, at }: Means,
): { readonly left: number; readonly explained: SizeMemory["explained"] } {
  const oldest = before.at - SHOWS_MS;
  const used = new Map(Object.entries(before.explained ?? {}).filter(([, last]) => last.at >= oldest));
  let left = change;
  const take = (key: string, delta: number, since: EpochMs, target?: number): void => {
    if (left === 0 || Math.sign(delta) !== Math.sign(left)) return;
    const known = used.get(key);
    // One of the same key that is younger is another one.
    const spent = known !== undefined && known.at >= since ? known.nodes : 0;
    const own = Math.abs(delta) - spent;
    if (own <= 0) return;
    // A growth sets a size: one that takes effect late also makes up for what went meanwhile.
    const nodes = delta > 0 && target === size ? Math.abs(left) : Math.min(Math.abs(left), own);
    left -= Math.sign(left) * nodes;
    used.set(key, { at, nodes: spent + nodes });
  };
  for (const move of movesOf(journal, pool)) {
    const since = parseInstant(move.at);
    // A growth that was refused has changed nothing; a removal may fail at its second try after the first has come through.
    const refused = move.phase === "failed" && move.undone !== true && move.to > move.from;
    if (since === null || refused) continue;
    if (move.phase === "intended" || move.phase === "draining" || since >= oldest)
      take(move.key, move.to - move.from, since, move.to);
  }
  // Its cloud may take it out of the group before we do.
  for (const id of Object.keys(noticed)) take(`notice/${id}`, -1, epochMs(0));
  return { left, explained: used.size === 0 ? undefined : Object.fromEntries(used) };
}

/** When another hand last changed the size, as long as that matters; null: it does not. */
export function lastByHand(memory: SizeMemory | null, at: EpochMs): LastChange | null {
  const last = memory?.byHand.at(-1);
  return last !== undefined && elapsed(last.at, at) < BY_HAND_MS ? last : null;
}

/** Why the pool waits for whoever changes its size; null: nobody does, or did so once. */
export function resizingHand(memory: SizeMemory | null, at: EpochMs): RivalReason | null {
  const last = lastByHand(memory, at);
  const previous = memory?.byHand.at(-2);
  if (last === null || previous === undefined || last.at - previous.at > BY_HAND_MS) return null;
  const steps = [previous, last].map(({ from, to }) => `from ${from} to ${to}`).join(" and ");
  return {
    code: "rival",
    rival: "resized-by-hand",
    detail: `its size went ${steps} within ${Math.max(1, Math.ceil((last.at - previous.at) / 60_000))} min without a move of ours`,
    stops: "everything",
    leftMs: millis(BY_HAND_MS - elapsed(last.at, at)),
  };
}

/** A single change, which is taken over; null: there is none, or it is one of several. */
export function adoptedSize(
  memory: SizeMemory | null,
  at: EpochMs,
): Extract<Reason, { readonly code: "resized-by-hand" }> | null {
  const last = lastByHand(memory, at);
  if (last === null || resizingHand(memory, at) !== null) return null;
  const agoMs = elapsed(last.at, at);
  return {
    code: "resized-by-hand",
    from: last.from,
    to: last.to,
    agoMs: millis(agoMs),
    leftMs: millis(BY_HAND_MS - agoMs),
  };
}
