// What the schedules of one policy ask for at one moment: floors and caps of its pools and of the policy as a whole,
// and the utilisation it aims at. Of windows that overlap only those of the highest priority count; among them the
// highest floor and the lowest cap, which never goes below what the floors ask for. Whether a floor can be met is
// for the ledger.

import type { PolicySpec } from "../../../shared/contract/policy.ts";
import type { Schedule } from "../../../shared/contract/policy/growth.ts";
import type { Reason } from "../../../shared/model/reasons.ts";
import { epochMs } from "../../../shared/model/units.ts";
import type { EpochMs, Millis } from "../../../shared/model/units.ts";
import { compareText, firstDifference } from "../order.ts";
import { readSchedule } from "./schedule.ts";
import type { Window } from "./schedule.ts";

export interface Floor {
  readonly schedule: string;
  readonly minimum: number;
  readonly until: EpochMs;
}

export interface Cap {
  readonly schedule: string;
  readonly maximum: number;
  /** Above it nodes with pods that may be moved go as well. */
  readonly allowDisruption: boolean;
}

export interface ScheduleState {
  /** Of a pool by its name; null: of the policy as a whole. Null when nothing is asked. */
  floorOf(pool: string | null): Floor | null;
  capOf(pool: string | null): Cap | null;
  /** scaleUpThreshold while a window says so. */
  readonly targetUtilization: number | null;
  /** A schedule that cannot be read: what it asks for is not known, so its pools stay as they are. */
  problemOf(pool: string): Reason | null;
  /** When a window opens, closes or has to be prepared for next; null: never. */
  readonly changesAt: EpochMs | null;
}

/** A window that is open, or one whose nodes have to be asked for by now. */
interface Active {
  readonly schedule: Schedule;
  readonly window: Window;
  readonly open: boolean;
}

const NOTHING: ScheduleState = {
  floorOf: () => null,
  capOf: () => null,
  targetUtilization: null,
  problemOf: () => null,
  changesAt: null,
};

/** `leadMsOf`: how long a new node of the pool takes, of the slowest pool for null. */
export function scheduleState(
  spec: PolicySpec,
  at: EpochMs,
  leadMsOf: (pool: string | null) => Millis,
): ScheduleState {
  if (spec.schedules.length === 0) return NOTHING;
  const active: Active[] = [];
  const bad: { readonly schedule: Schedule; readonly because: Reason }[] = [];
  let changesAt: number | null = null;
  const change = (instant: number) => {
    if (instant > at) changesAt = changesAt === null ? instant : Math.min(changesAt, instant);
  };
  for (const schedule of spec.schedules) {
    const read = readSchedule(schedule);
    if (read.kind === "bad") {
      const [first] = read.problems;
      bad.push({
        schedule,
        because: { code: "malformed", what: `schedule ${schedule.name}: ${first?.problem ?? "its form"}` },
      });
      continue;
    }
    const open = read.calendar.openAt(at);
    const next = read.calendar.nextAfter(at);
    if (open !== null) {
      active.push({ schedule, window: open, open: true });
      change(open.closes);
    }
    if (next === null) continue;
    change(next.opens);
    if (!schedule.readyBy || open !== null) continue;
    for (const pool of targetsOf(schedule)) {
      const begins = next.opens - leadMsOf(pool);
      change(begins);
      if (begins <= at)
        active.push({
          schedule: { ...schedule, pools: pool === null ? [] : [pool] },
          window: next,
          open: false,
        });
    }
  }

  const floorOf = (pool: string | null): Floor | null => {
    const own = active.filter((entry) => names(entry, pool));
    // A window that is being prepared for does not take the place of one that is still open.
    const counted = [...highest(own.filter(isOpen)), ...highest(own.filter((entry) => !entry.open))];
    const [best] = counted
      .filter(({ schedule }) => schedule.minNodes > 0)
      .sort((a, b) =>
        firstDifference(
          b.schedule.minNodes - a.schedule.minNodes,
          compareText(a.schedule.name, b.schedule.name),
        ),
      );
    if (best === undefined) return null;
    return {
      schedule: best.schedule.name,
      minimum: best.schedule.minNodes,
      until: best.window.closes,
    };
  };
  return {
    floorOf,
    capOf: (pool) => {
      const caps = highest(active.filter((entry) => entry.open && names(entry, pool))).flatMap(
        ({ schedule: { name, maxNodes, allowDisruption } }) =>
          maxNodes === undefined ? [] : [{ schedule: name, maximum: maxNodes, allowDisruption }],
      );
      const [tightest] = caps.sort((a, b) =>
        firstDifference(a.maximum - b.maximum, compareText(a.schedule, b.schedule)),
      );
      if (tightest === undefined) return null;
      return { ...tightest, maximum: Math.max(tightest.maximum, least(spec, pool, floorOf)) };
    },
    targetUtilization: targetOf(active, spec),
    problemOf: (pool) =>
      bad.find(({ schedule }) => schedule.pools.length === 0 || schedule.pools.includes(pool))?.because ??
      null,
    changesAt: changesAt === null ? null : epochMs(changesAt),
  };
}

function isOpen({ open }: Active): boolean {
  return open;
}

function targetsOf({ pools }: Schedule): readonly (string | null)[] {
  return pools.length === 0 ? [null] : pools;
}

function names({ schedule: { pools } }: Active, pool: string | null): boolean {
  return pool === null ? pools.length === 0 : pools.includes(pool);
}

function highest(entries: readonly Active[]): readonly Active[] {
  const top = Math.max(...entries.map(({ schedule }) => schedule.priority));
  return entries.filter(({ schedule }) => schedule.priority === top);
}

/** What has to be there whatever a cap says. */
function least(
  spec: PolicySpec,
  pool: string | null,
  floorOf: (pool: string | null) => Floor | null,
): number {
  const minimum = (name: string, minSize: number): number => Math.max(minSize, floorOf(name)?.minimum ?? 0);
  const pools = spec.nodePools.filter(({ name }) => pool === null || name === pool);
  const sum = pools.reduce((total, { name, minSize }) => total + minimum(name, minSize), 0);
  return pool === null ? Math.max(sum, spec.minNodes, floorOf(null)?.minimum ?? 0) : sum;
}

/** The mean is the policy's, so a window says it for the policy whichever pools it names. */
function targetOf(active: readonly Active[], spec: PolicySpec): number | null {
  const targets = highest(active.filter(isOpen)).flatMap(({ schedule }) =>
    schedule.targetUtilization !== undefined && schedule.targetUtilization > spec.scaleDownThreshold
      ? [schedule.targetUtilization]
      : [],
  );
  return targets.length === 0 ? null : Math.min(...targets);
}
