// How often hints of a pool came true: of those that were left to take their course, how many were followed by a notice
// of the same node while they stood, and how many ended with the node still at work. One whose node we have taken away
// says nothing either way, and is not counted. Old counts fade.

import { elapsed } from "../../../shared/model/units.ts";
import type { EpochMs } from "../../../shared/model/units.ts";
import type { HintRecord, Memory, OpenHint } from "../snapshot-memory.ts";
import type { Fleet } from "./fleet.ts";
import { poolId } from "./ownership.ts";

const DAY_MS = 24 * 3600_000;
/** What was counted so long ago counts half. */
const HALF_LIFE_MS = 7 * DAY_MS;
/** Fewer hints than that are no experience. */
const LEAST_HINTS = 5;
/** Of so few that come true it is not worth moving anybody. */
const LEAST_SHARE = 0.1;
/** A hint that ended sooner was taken back, and says nothing of the others. */
const COURSE_MS = 25 * 60_000;
const FORGOTTEN = 1e-3;

/** Not enough of a pool's hints came true; null: enough did, or too few are known. */
export function seldomTrue(
  record: HintRecord | undefined,
  at: EpochMs,
): { readonly followed: number; readonly hints: number } | null {
  if (record === undefined) return null;
  const { followed, spared } = faded(record, at);
  const hints = followed + spared;
  return hints >= LEAST_HINTS && followed / hints < LEAST_SHARE
    ? { followed: Math.round(followed), hints: Math.round(hints) }
    : null;
}

export function followHints(fleet: Fleet, memory: Memory): Pick<Memory, "openHints" | "hintRecord"> {
  const { at } = fleet;
  const { openHints = {}, hintRecord = {} } = memory;
  // What a list lacks may be the very node.
  if (fleet.sync.kind !== "synced") return kept(openHints, hintRecord);
  const records = new Map(Object.entries(hintRecord).map(([pool, record]) => [pool, faded(record, at)]));
  const count = (pool: string, how: "followed" | "spared"): void => {
    const before = records.get(pool) ?? { followed: 0, spared: 0, at };
    records.set(pool, { ...before, [how]: before[how] + 1 });
  };
  const taken = new Set(fleet.notices.flatMap(({ node, source }) => (source === "drill" ? [] : [node])));
  const open: Record<string, OpenHint> = {};
  const standing = new Map(
    fleet.hints.filter(({ kind }) => kind === "rebalance").map((hint) => [hint.id, hint]),
  );
  for (const { id, node } of standing.values()) {
    const claim = fleet.ownerOf.get(node);
    // One that is known stands on also while its policy cannot be read and owns nothing.
    const known = openHints[id];
    if (known !== undefined) open[id] = known;
    else if (claim !== undefined) open[id] = { node, pool: poolId(claim.policy, claim.pool), since: at };
  }
  // A cloud may say the same again in other words.
  const hinted = new Set([...standing.values()].map(({ node }) => node));
  const settled = new Set(
    Object.values(openHints).flatMap((hint) => {
      const createdAt = fleet.nodesByName.get(hint.node)?.node.createdAt ?? hint.since;
      return hint.settled === true && createdAt <= hint.since ? [hint.node] : [];
    }),
  );
  for (const [id, hint] of Object.entries({ ...openHints, ...open })) {
    if (hint.settled === true) continue;
    if (taken.has(hint.node)) {
      if (!settled.has(hint.node)) count(hint.pool, "followed");
      settled.add(hint.node);
      // It may stand beside its notice, or come again with it.
      open[id] = { ...hint, settled: true };
    } else if (
      open[id] === undefined &&
      !hinted.has(hint.node) &&
      elapsed(hint.since, at) >= COURSE_MS &&
      isAtWork(fleet, hint.node)
    )
      count(hint.pool, "spared");
  }
  for (const [id, hint] of Object.entries(openHints))
    if (hint.settled === true && at - hint.since < DAY_MS) open[id] ??= hint;
  return kept(open, Object.fromEntries(records));
}

function kept(
  open: Readonly<Record<string, OpenHint>>,
  records: Readonly<Record<string, HintRecord>>,
): Pick<Memory, "openHints" | "hintRecord"> {
  const known = Object.entries(records).filter(([, { followed, spared }]) => followed + spared > FORGOTTEN);
  return {
    ...(Object.keys(open).length === 0 ? {} : { openHints: open }),
    ...(known.length === 0 ? {} : { hintRecord: Object.fromEntries(known) }),
  };
}

function isAtWork(fleet: Fleet, name: string): boolean {
  const state = fleet.nodesByName.get(name);
  return state !== undefined && state.standing === "up" && !state.draining;
}

function faded({ followed, spared, at: since }: HintRecord, at: EpochMs): HintRecord {
  const share = 0.5 ** (Math.max(0, at - since) / HALF_LIFE_MS);
  return { followed: followed * share, spared: spared * share, at };
}
