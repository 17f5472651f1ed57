// Why the machines of a region's groups do not come: asks for scaling activities where something can be new, one group
// at a time while few are short, all groups at once when many are. What was learned is kept between looks. It never
// writes, and what an activity means is in launches.ts.

import { epochMs, millis } from "../../../shared/model/units.ts";
import type { EpochMs, Millis } from "../../../shared/model/units.ts";
import type { Clock } from "../../../shared/runtime/clock.ts";
import { createBatchedReads } from "../batch.ts";
import type { CallOptions } from "../group.ts";
import { createRecent } from "../recent.ts";
import { within } from "../within.ts";
import type { AwsCalls } from "./calls.ts";
import { askActivities, historyOf, horizonOf, launchesIn, NO_HISTORY, NO_LAUNCHES } from "./launches.ts";
import type { LaunchHistory, Launches, Since } from "./launches.ts";
import { liveIn } from "./reading.ts";
import type { AwsReading } from "./reading.ts";

export interface LaunchNews {
  readonly launches: Launches;
  /** Why nothing newer is known, in words. */
  readonly problem?: string;
}

export interface LaunchWatch {
  /** AWS's time at this moment, as far as its last answer told it; else ours. */
  now(): EpochMs;
  /** An answer bore this date. */
  dated(at: EpochMs | null): void;
  /** More machines were asked for, or may have been, at `at` by AWS's clock. */
  grown(name: string, at: EpochMs): void;
  /**
   * Of groups that are read together, by name; at the deadline with what is known by then. Rejects for nothing but the
   * end of `limits.signal`.
   */
  of(readings: readonly AwsReading[], limits: CallOptions): Promise<ReadonlyMap<string, LaunchNews>>;
  /** Launches of the group that are under way at this moment, asked anew. @throws AppError as calls do. */
  underWay(reading: AwsReading, limits: CallOptions): Promise<number>;
}

interface Kept {
  /** Of the reading, what a launch changes. */
  readonly shape: string;
  readonly changedMs: Millis;
  /** Null: not since it changed. */
  readonly askedMs: Millis | null;
  readonly history: LaunchHistory;
  readonly problem?: string;
}

/** So many at most are asked for by name in one look; more are asked for all at once. */
const BY_NAME_MAX = 10;
const NAMED_PAGES = 3;
/** More than a region may have. */
const GROUPS_MAX = 2_000;
const WIDE_PAGES = 5;
/** A group that has not changed for long is asked for at this pace. */
const SLOWEST_MS = 15_000;

export function createLaunchWatch(calls: AwsCalls, clock: Clock): LaunchWatch {
  const grownAt = createRecent<EpochMs>(clock);
  const kept = createRecent<Kept>(clock);
  let aheadMs = 0;

  const now = (): EpochMs => epochMs(Math.max(0, clock.now() + aheadMs));

  function sinceOf(name: string): Since {
    return { grownAt: grownAt.get(name) ?? null, now: now() };
  }

  function keep(reading: AwsReading): Kept {
    const { name, size, instances } = reading;
    const before = kept.get(name);
    const shape = JSON.stringify([
      size,
      grownAt.get(name),
      instances.map(({ id, standing }) => [id, standing]),
    ]);
    const changed = { shape, changedMs: clock.monotonic(), askedMs: null };
    const entry = before?.shape === shape ? before : { history: NO_HISTORY, ...before, ...changed };
    kept.set(name, entry);
    return entry;
  }

  function learned(name: string, news: Pick<Kept, "history" | "problem">): void {
    const before = kept.get(name);
    if (before === undefined) return;
    const { shape, changedMs } = before;
    kept.set(name, { shape, changedMs, askedMs: clock.monotonic(), ...news });
  }

  function failed(name: string, error: unknown): void {
    const problem = `why machines do not come cannot be read: ${error instanceof Error ? error.message : String(error)}`;
    // What was known holds for as long as it counts.
    learned(name, { history: kept.get(name)?.history ?? NO_HISTORY, problem });
  }

  async function askFor(name: string, options: CallOptions): Promise<LaunchHistory> {
    const horizon = horizonOf(sinceOf(name));
    return historyOf((await askActivities(calls, name, { horizon, pages: NAMED_PAGES }, options)).activities);
  }

  /** Asks for all groups of the region at once. `left`: those of which that says nothing. @throws AppError as calls do. */
  async function askForAll(
    names: readonly string[],
    options: CallOptions,
  ): Promise<{ readonly known: ReadonlyMap<string, LaunchHistory>; readonly left: readonly string[] }> {
    const horizons = new Map(names.map((name) => [name, horizonOf(sinceOf(name))]));
    const horizon = epochMs(Math.min(...horizons.values()));
    const { activities, since } = await askActivities(calls, null, { horizon, pages: WIDE_PAGES }, options);
    const byGroup = Map.groupBy(activities, ({ AutoScalingGroupName = "" }) => AutoScalingGroupName);
    const known = new Map<string, LaunchHistory>();
    for (const [name, own] of byGroup) if (horizons.has(name)) known.set(name, historyOf(own));
    // The newest of a group are enough; of one without any the pages may not have gone far enough.
    for (const [name, from] of horizons) if (!known.has(name) && since <= from) known.set(name, NO_HISTORY);
    return { known, left: names.filter((name) => !known.has(name)) };
  }

  /** Of all of them, each with what was learned or why nothing was. */
  async function askAnew(
    names: readonly string[],
    options: CallOptions,
  ): Promise<ReadonlyMap<string, Asked>> {
    const { known, left } =
      names.length > BY_NAME_MAX
        ? await askForAll(names, options)
        : { known: new Map<string, LaunchHistory>(), left: names };
    const asked = await Promise.all(
      left.map(async (name): Promise<readonly [string, Asked]> => {
        try {
          return [name, { history: await askFor(name, options) }];
        } catch (error) {
          return [name, { error }];
        }
      }),
    );
    return new Map([...[...known].map(([name, history]) => [name, { history }] as const), ...asked]);
  }

  /** Many places that are given back in one moment cost what those of one group do. */
  const anew = createBatchedReads<Asked>(askAnew, { clock, maxBatch: GROUPS_MAX });

  async function ask(due: readonly string[], options: CallOptions): Promise<void> {
    let left = due;
    if (due.length > BY_NAME_MAX) {
      const all = await askForAll(due, options);
      for (const [name, history] of all.known) learned(name, { history });
      left = all.left;
    }
    await Promise.all(
      left.slice(0, BY_NAME_MAX).map(async (name) => {
        try {
          learned(name, { history: await askFor(name, options) });
        } catch (error) {
          failed(name, error);
        }
      }),
    );
  }

  return {
    now,
    dated: (at) => {
      if (at !== null) aheadMs = at - clock.now();
    },
    grown: (name, at) => grownAt.set(name, at),
    of: async (readings, limits) => {
      grownAt.sweep();
      kept.sweep();
      const short = readings.filter((reading) => reading.size > liveIn(reading));
      const due = short
        .map((reading) => ({ name: reading.name, before: keep(reading) }))
        .filter(({ before }) => isDue(before, clock.monotonic()))
        .toSorted((a, b) => (a.before.askedMs ?? -1) - (b.before.askedMs ?? -1));
      try {
        const what = "asking why machines do not come";
        const names = due.map(({ name }) => name);
        await within(clock, limits, what, async (signal) => await ask(names, { ...limits, signal }));
      } catch (error) {
        // What was learned before it went wrong stays.
        for (const { name, before } of due) if (kept.get(name) === before) failed(name, error);
      }
      limits.signal.throwIfAborted();
      return new Map(
        short.map((reading) => {
          const { history = NO_HISTORY, problem } = kept.get(reading.name) ?? {};
          const launches = launchesIn(history, listedIn(reading), sinceOf(reading.name));
          return [reading.name, { launches, ...(problem === undefined ? {} : { problem }) }];
        }),
      );
    },
    underWay: async (reading, limits) => {
      const asked = await anew.read(reading.name, limits);
      if ("error" in asked) throw asked.error;
      const since = { ...sinceOf(reading.name), grownAt: null };
      return launchesIn(asked.history, listedIn(reading), since).underWay;
    },
  };
}

type Asked = { readonly history: LaunchHistory } | { readonly error: unknown };

export const NO_NEWS: LaunchNews = { launches: NO_LAUNCHES };

/** Soon after a change, and less often the longer nothing has changed: AWS itself tries again ever more rarely. */
function isDue({ askedMs, changedMs }: Kept, nowMs: Millis): boolean {
  return askedMs === null || nowMs - askedMs >= millis(Math.min(SLOWEST_MS, (askedMs - changedMs) / 2));
}

function listedIn({ instances }: AwsReading): ReadonlySet<string> {
  return new Set(instances.map(({ id }) => id));
}
