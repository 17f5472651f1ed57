// What else AWS itself does to the groups: scaling policies and scheduled actions that size them, instance refreshes that
// exchange their machines, the evening out of zones. Asked for rarely, since none of it comes and goes within seconds, and
// kept between looks. What cannot be asked for is told, and what was seen before stands; it never writes.
// test/properties/rival-bounds.test.ts computes how soon each is seen.

import type {
  InstanceRefresh,
  ScalingPolicy,
  ScheduledUpdateGroupAction,
} from "@aws-sdk/client-auto-scaling";

import type { Millis } from "../../../shared/model/units.ts";
import type { Clock } from "../../../shared/runtime/clock.ts";
import { AppError } from "../../../shared/runtime/errors.ts";
import type { RivalSight } from "../account.ts";
import type { CallOptions } from "../group.ts";
import { createRecent } from "../recent.ts";
import { within } from "../within.ts";
import type { AwsCalls } from "./calls.ts";
import type { AwsReading } from "./reading.ts";

export interface RivalNews {
  readonly rivals: readonly RivalSight[];
  /** Why nothing newer is known, in words. */
  readonly problem?: string;
}

export interface RivalWatch {
  /**
   * Of groups that are read together, by name; at the deadline with what is known by then. Rejects for nothing but the
   * end of `limits.signal`.
   */
  of(readings: readonly AwsReading[], limits: CallOptions): Promise<ReadonlyMap<string, RivalNews>>;
}

/** Sooner than a minute, in which it has to be seen, and an account asked slowly has time to answer. */
const ASK_MS = 45_000;
/** So many groups are asked for by name; more, all of the region at once. */
const BY_NAME_MAX = 5;
/**
 * AWS tells of refreshes one group at a time, and counts the calls of everybody in the account together: so many in a second
 * on average, those first that were asked longest ago. Over 240 groups of a region that takes longer than a minute.
 */
export const REFRESHES_PER_SECOND = 5;
/** What comes together between two looks, which are eleven seconds apart at most. */
const REFRESHES_MAX = 55;
const RECORDS = 100;
const PAGES_MAX = 10;
const UNDER_WAY: ReadonlySet<string> = new Set([
  "Pending",
  "InProgress",
  "Baking",
  "Cancelling",
  "RollbackInProgress",
]);

interface Sizing {
  readonly policies: readonly ScalingPolicy[];
  readonly actions: readonly ScheduledUpdateGroupAction[];
}

const NO_SIZING: Sizing = { policies: [], actions: [] };

export function createRivalWatch(calls: AwsCalls, clock: Clock): RivalWatch {
  const sizings = createRecent<Sizing>(clock);
  const refreshes = createRecent<{ readonly last: InstanceRefresh | null; readonly askedMs: Millis }>(clock);
  let askedMs: Millis | null = null;
  let asked: ReadonlySet<string> = new Set();
  let problem: string | null = null;
  let refreshesLeft = REFRESHES_MAX;
  let filledMs = clock.monotonic();

  async function askSizing(names: readonly string[], options: CallOptions): Promise<void> {
    const wanted = names.length <= BY_NAME_MAX ? names : [undefined];
    const found = await Promise.all(wanted.map(async (name) => await sizingOf(calls, name, options)));
    const policies = Map.groupBy(
      found.flatMap((each) => each.policies),
      ({ AutoScalingGroupName = "" }) => AutoScalingGroupName,
    );
    const actions = Map.groupBy(
      found.flatMap((each) => each.actions),
      ({ AutoScalingGroupName = "" }) => AutoScalingGroupName,
    );
    for (const name of names)
      sizings.set(name, { policies: policies.get(name) ?? [], actions: actions.get(name) ?? [] });
  }

  async function askRefreshes(names: readonly string[], options: CallOptions): Promise<void> {
    const now = clock.monotonic();
    refreshesLeft = Math.min(REFRESHES_MAX, refreshesLeft + ((now - filledMs) / 1000) * REFRESHES_PER_SECOND);
    filledMs = now;
    const due = refreshesDue(names).slice(0, Math.floor(refreshesLeft));
    refreshesLeft -= due.length;
    await Promise.all(
      due.map(async (name) => {
        const input = { AutoScalingGroupName: name, MaxRecords: 1 };
        const { output } = await calls.DescribeInstanceRefreshes(input, options);
        refreshes.set(name, { last: output.InstanceRefreshes?.[0] ?? null, askedMs: clock.monotonic() });
      }),
    );
  }

  /** Those that were asked longest ago first. One that was not answered is due again at the next look. */
  function refreshesDue(names: readonly string[]): readonly string[] {
    const oldestMs = clock.monotonic() - ASK_MS;
    return names
      .map((name) => ({ name, askedMs: refreshes.get(name)?.askedMs ?? -Infinity }))
      .filter((each) => each.askedMs <= oldestMs)
      .toSorted((a, b) => a.askedMs - b.askedMs)
      .map(({ name }) => name);
  }

  async function ask(names: readonly string[], limits: CallOptions): Promise<void> {
    const isSizingDue =
      askedMs === null || clock.monotonic() - askedMs >= ASK_MS || names.some((name) => !asked.has(name));
    if (!isSizingDue && (problem !== null || refreshesDue(names).length === 0)) return;
    if (isSizingDue) {
      askedMs = clock.monotonic();
      asked = new Set(names);
    }
    try {
      await within(clock, limits, "asking what else sizes the groups", async (signal) => {
        const options = { ...limits, signal };
        const ended = await Promise.allSettled([
          isSizingDue ? askSizing(names, options) : null,
          askRefreshes(names, options),
        ]);
        const failed = ended.find((each) => each.status === "rejected");
        if (failed !== undefined) throw failed.reason;
      });
      problem = null;
    } catch (error) {
      limits.signal.throwIfAborted();
      problem = `whether something else sizes it cannot be read: ${error instanceof Error ? error.message : String(error)}`;
    }
  }

  /** What was seen of a group that is still looked at stands, however long nobody may ask. */
  function keep(names: readonly string[]): void {
    for (const name of names) {
      const [sizing, refresh] = [sizings.get(name), refreshes.get(name)];
      if (sizing !== undefined) sizings.set(name, sizing);
      if (refresh !== undefined) refreshes.set(name, refresh);
    }
    sizings.sweep();
    refreshes.sweep();
  }

  return {
    of: async (readings, limits) => {
      const names = readings.map(({ name }) => name);
      keep(names);
      if (names.length > 0) await ask(names, limits);
      return new Map(
        readings.map((reading) => {
          const sizing = sizings.get(reading.name) ?? NO_SIZING;
          const last = refreshes.get(reading.name)?.last ?? null;
          const rivals = rivalsOf(reading, sizing, last);
          return [reading.name, { rivals, ...(problem === null ? {} : { problem }) }];
        }),
      );
    },
  };
}

/** Of one group, or of all of the region. @throws AppError as calls do. */
async function sizingOf(calls: AwsCalls, name: string | undefined, options: CallOptions): Promise<Sizing> {
  const of = name === undefined ? {} : { AutoScalingGroupName: name };
  const [policies, actions] = await Promise.all([
    allPages("DescribePolicies", async (more) => {
      const { output } = await calls.DescribePolicies({ ...of, ...more }, options);
      return { items: output.ScalingPolicies, next: output.NextToken };
    }),
    allPages("DescribeScheduledActions", async (more) => {
      const { output } = await calls.DescribeScheduledActions({ ...of, ...more }, options);
      return { items: output.ScheduledUpdateGroupActions, next: output.NextToken };
    }),
  ]);
  return { policies, actions };
}

interface Page<T> {
  readonly items: readonly T[] | undefined;
  readonly next: string | undefined;
}

async function allPages<T>(
  call: string,
  page: (more: { readonly MaxRecords: number; readonly NextToken?: string }) => Promise<Page<T>>,
): Promise<readonly T[]> {
  const all: T[] = [];
  let token: string | undefined;
  for (let number = 0; number < PAGES_MAX; number++) {
    const { items, next } = await page({
      MaxRecords: RECORDS,
      ...(token === undefined ? {} : { NextToken: token }),
    });
    if (items === undefined) throw new AppError("malformed", `${call}: the answer has no list`);
    all.push(...items);
    if (next === undefined || next === "" || next === token) return all;
    token = next;
  }
  throw new AppError("malformed", `${call}: no end after ${PAGES_MAX} pages`);
}

/** What of it acts on the group as it stands: a process that is suspended carries nothing out. */
export function rivalsOf(
  { zones, suspended }: Pick<AwsReading, "zones" | "suspended">,
  { policies, actions }: Sizing,
  refresh: InstanceRefresh | null,
): readonly RivalSight[] {
  const sizes = [
    ...policies.filter((policy) => acts(policy, suspended)).map(policyText),
    ...(suspended.includes("ScheduledActions") ? [] : actions.map(actionText)),
  ];
  const isRefreshed = refresh !== null && UNDER_WAY.has(refresh.Status ?? "");
  const evensOut = zones.length > 1 && !suspended.includes("AZRebalance");
  return [
    ...(sizes.length === 0 ? [] : [{ rival: "scaling-policy" as const, detail: named(sizes) }]),
    ...(isRefreshed
      ? [
          {
            rival: "instance-refresh" as const,
            detail: `instance refresh ${refresh.InstanceRefreshId ?? ""} is ${refresh.Status ?? ""} (${refresh.PercentageComplete ?? 0} %)`,
          },
        ]
      : []),
    ...(evensOut
      ? [
          {
            rival: "az-rebalance" as const,
            detail: `AZRebalance is not suspended over ${zones.join(", ")}, and may end a busy node`,
          },
        ]
      : []),
  ];
}

/** One that is switched off, only forecasts, or is called by no alarm sizes nothing. */
function acts(policy: ScalingPolicy, suspended: readonly string[]): boolean {
  if (policy.Enabled === false) return false;
  const { PolicyType: type, PredictiveScalingConfiguration: forecast } = policy;
  // AWS carries its forecasts out as scheduled actions. Left out, the mode is ForecastOnly.
  if (type === "PredictiveScaling")
    return forecast?.Mode === "ForecastAndScale" && !suspended.includes("ScheduledActions");
  if (suspended.includes("AlarmNotification")) return false;
  const isCalled = type !== "SimpleScaling" && type !== "StepScaling";
  return isCalled || (policy.Alarms ?? []).length > 0;
}

function policyText({ PolicyName = "without a name", PolicyType = "scaling" }: ScalingPolicy): string {
  return `${PolicyType} policy ${PolicyName}`;
}

function actionText(action: ScheduledUpdateGroupAction): string {
  const { ScheduledActionName = "without a name", Recurrence, StartTime } = action;
  const when =
    Recurrence === undefined ? (StartTime?.toISOString() ?? "at an unknown time") : `each ${Recurrence}`;
  return `scheduled action ${ScheduledActionName} (${when})`;
}

const NAMED_MAX = 3;

function named(texts: readonly string[]): string {
  const rest = texts.length - NAMED_MAX;
  return texts.slice(0, NAMED_MAX).join(", ") + (rest > 0 ? ` and ${rest} more` : "");
}
