// Where machines did not come, how often in a row, and until when nothing is asked there. A stock-out stands against
// its instance type × zone × tier and so against every pool that draws on it; a quota, a permission or a mistake in
// the configuration stands against the pool alone. Pauses grow with each failure that comes after the last pause and
// end with one node that is tried alone; a machine asked for later that comes ends them.

import type { LaunchFailureKind } from "../../../shared/contract/policy/status.ts";
import { seededRandom } from "../../../shared/model/random.ts";
import { after, millis } from "../../../shared/model/units.ts";
import type { EpochMs, Millis } from "../../../shared/model/units.ts";
import type { PoolState } from "../fleet/fleet.ts";
import { growthsOf } from "../fleet/flights.ts";
import { combinationsOf, drawsOn, offeringOf, ownKey } from "../fleet/offering.ts";
import { compareText } from "../order.ts";
import type { Memory, OfferingMemory } from "../snapshot-memory.ts";
import { hasCome, sightingsOf } from "./sightings.ts";
import type { Sighting } from "./sightings.ts";

/** By what failed, sorted by name. */
export type Failures = ReadonlyMap<string, OfferingMemory>;

/** How a pool stands after what failed. `probe`: one node is asked for, to find out whether they come again. */
export type Standing =
  | { readonly kind: "open" }
  | { readonly kind: "paused" | "probe"; readonly failure: OfferingMemory };

/** Without a failure for so long, all is forgotten. */
const FORGOTTEN_AFTER_MS = 3 * 3600_000;
/** Pools that failed together shall not come back together. */
const JITTER = 0.2;

const PAUSES: Readonly<Record<LaunchFailureKind, { readonly firstMs: number; readonly longestMs: number }>> =
  {
    "no-capacity": { firstMs: 60_000, longestMs: 3600_000 },
    "timed-out": { firstMs: 60_000, longestMs: 3600_000 },
    quota: { firstMs: 300_000, longestMs: 1800_000 },
    denied: { firstMs: 300_000, longestMs: 1800_000 },
    misconfigured: { firstMs: 300_000, longestMs: 1800_000 },
    throttled: { firstMs: 10_000, longestMs: 120_000 },
    unavailable: { firstMs: 10_000, longestMs: 120_000 },
  };

/** What the pools of one policy know: their journal's word, what failed since, and what has come again. */
export function failuresOf(pools: readonly PoolState[], memory: Memory, at: EpochMs): Failures {
  const known = new Map<string, OfferingMemory>();
  for (const entry of pools[0]?.journal.offerings ?? []) known.set(entry.offering, entry);
  const seen = pools
    .flatMap((pool) => sightingsOf(pool, memory, at))
    // What lies in the future was written before the clock was set back.
    .filter((sighting) => sighting.at <= at)
    .toSorted((a, b) => a.at - b.at || compareText(a.offering, b.offering) || compareText(a.kind, b.kind));
  for (const sighting of seen) {
    const next = counted(known.get(sighting.offering), sighting);
    if (next !== null) known.set(sighting.offering, next);
  }
  const hasEnded = (failure: OfferingMemory): boolean =>
    pools.some((pool) => drawsOn(pool, failure.offering) && hasCome(pool, failure, memory, at));
  const kept = [...known.values()]
    .filter(({ lastAt }) => at - lastAt < FORGOTTEN_AFTER_MS)
    // Kept with nothing counted, so that failures of before are not found again.
    .map((failure) => (hasEnded(failure) ? { ...failure, failures: 0, until: failure.lastAt } : failure));
  return new Map(
    kept
      .toSorted((a, b) => compareText(a.offering, b.offering))
      .map((failure) => [failure.offering, failure]),
  );
}

/** The memory with one failure more; null where it says nothing new: what was asked for before the last failure belongs to it. */
function counted(before: OfferingMemory | undefined, sighting: Sighting): OfferingMemory | null {
  const { offering, kind, at, askedAt, detail } = sighting;
  const fresh = before === undefined || at - before.lastAt >= FORGOTTEN_AFTER_MS;
  if (!fresh && askedAt <= before.lastAt) return null;
  if (!fresh && at < before.until) return { ...before, lastAt: at, detail };
  const failures = fresh ? 1 : before.failures + 1;
  const pause = pauseMs(offering, kind, failures, millis(Math.max(0, at - askedAt)));
  return { offering, kind, failures, lastAt: at, until: after(at, pause), detail };
}

/**
 * The same for the same offering and count, so that a decision can be made again. Never shorter than the failure took
 * to show: else two pools that fail slowly would be asked in turn and no third one ever.
 */
export function pauseMs(
  offering: string,
  kind: LaunchFailureKind,
  failures: number,
  tookMs: Millis = millis(0),
): Millis {
  const { firstMs, longestMs } = PAUSES[kind];
  const plain = Math.min(longestMs, Math.max(firstMs, tookMs) * 2 ** Math.min(30, failures - 1));
  const share = seededRandom(hash(`${offering}#${failures}`))();
  return millis(Math.round(plain * (1 + JITTER * (2 * share - 1))));
}

export function standingOf(pool: PoolState, failures: Failures, at: EpochMs): Standing {
  if (failures.size === 0) return { kind: "open" };
  const failureOf = (key: string): OfferingMemory | undefined => {
    const failure = failures.get(key);
    return failure === undefined || failure.failures === 0 ? undefined : failure;
  };
  const asked = [ownKey(pool), offeringOf(pool)].flatMap((key) => failureOf(key) ?? []);
  const paused = asked.find((failure) => at < failure.until);
  if (paused !== undefined) return { kind: "paused", failure: paused };
  // A pool that may get several kinds of machines has lost its capacity when all of them have.
  const each = combinationsOf(pool).map(failureOf);
  const lost = each.filter((failure) => failure !== undefined);
  const all = lost.length === each.length ? lost.toSorted((a, b) => a.until - b.until) : [];
  const [first] = all;
  if (first !== undefined && at < first.until) return { kind: "paused", failure: first };
  const tried = asked.find(isTriedAlone) ?? all.find((failure) => at >= failure.until);
  return tried === undefined ? { kind: "open" } : { kind: "probe", failure: tried };
}

/** A provider that could not answer says nothing about machines. */
function isTriedAlone({ kind }: OfferingMemory): boolean {
  return kind !== "throttled" && kind !== "unavailable";
}

/** True while the node is awaited that was asked for to find out. */
export function isProbeOut(pool: PoolState, failure: OfferingMemory, at: EpochMs): boolean {
  const growth = growthsOf(pool.journal, pool.name, at).at(-1);
  return growth !== undefined && growth.at > failure.lastAt && (growth.onItsWay || pool.booting > 0);
}

/** FNV-1a over code units: spread well enough for a jitter. */
function hash(text: string): number {
  let value = 0x811c9dc5;
  for (let index = 0; index < text.length; index++)
    value = Math.imul(value ^ text.charCodeAt(index), 0x01000193);
  return value >>> 0;
}
