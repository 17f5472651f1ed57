// How the newest launches of a group went, out of its scaling activities: how many are still being asked for, and why
// the last one did not come. Pure but for the asking itself; whom to ask about and when is in launch-watch.ts.

import type { Activity } from "@aws-sdk/client-auto-scaling";

import type { LaunchFailureKind } from "../../../shared/contract/policy/status.ts";
import { epochMs } from "../../../shared/model/units.ts";
import type { EpochMs } from "../../../shared/model/units.ts";
import { AppError } from "../../../shared/runtime/errors.ts";
import type { CallOptions } from "../group.ts";
import type { AwsCalls } from "./calls.ts";
import { launchKindOf } from "./codes.ts";

export interface Launches {
  /** Launches under way whose machine the group does not list yet. */
  readonly underWay: number;
  /** The newest that counts; null: none does. */
  readonly failure: LaunchFailure | null;
}

export interface LaunchFailure {
  readonly kind: LaunchFailureKind;
  readonly detail: string;
  /** Where AWS says so. */
  readonly zone?: string;
}

export const NO_LAUNCHES: Launches = { underWay: 0, failure: null };

/** What is kept of a group's activities: enough to judge them again when time has passed or the group has changed. */
export interface LaunchHistory {
  readonly underWay: readonly { readonly at: EpochMs; readonly id: string | null }[];
  readonly succeededAt: EpochMs | null;
  readonly failed: (LaunchFailure & { readonly at: EpochMs }) | null;
}

export const NO_HISTORY: LaunchHistory = { underWay: [], succeededAt: null, failed: null };

const RECORDS = 100;
const DETAIL_MAX = 300;
/** AWS tries again by itself, at growing intervals; an older failure says nothing of places asked for since. */
const FAILURE_COUNTS_MS = 30 * 60_000;
/** Of the 16 states those in which nothing more will come of an activity. */
const ENDED: readonly string[] = ["Successful", "Failed", "Cancelled"];

export interface Since {
  /** When we last asked for more, by AWS's clock; null: not known, then the last success counts. */
  readonly grownAt: EpochMs | null;
  readonly now: EpochMs;
}

/** Activities from before say nothing of what is asked for now. */
export function horizonOf({ grownAt, now }: Since): EpochMs {
  return epochMs(Math.max(0, now - FAILURE_COUNTS_MS, grownAt ?? 0));
}

export interface AskedActivities {
  readonly activities: readonly Activity[];
  /** What was told in full: everything that began since then. */
  readonly since: EpochMs;
}

/**
 * The newest activities of a group, or of every group of the region, as far back as `horizon` or `pages` go.
 * @throws AppError as calls do; `malformed` for an answer without a list.
 */
export async function askActivities(
  calls: AwsCalls,
  group: string | null,
  { horizon, pages }: { readonly horizon: EpochMs; readonly pages: number },
  options: CallOptions,
): Promise<AskedActivities> {
  const activities: Activity[] = [];
  const named = group === null ? {} : { AutoScalingGroupName: group };
  let since = epochMs(Number.MAX_SAFE_INTEGER);
  let token: string | undefined;
  for (let page = 0; page < pages; page++) {
    const more = token === undefined ? {} : { NextToken: token };
    const { output } = await calls.DescribeScalingActivities(
      { ...named, MaxRecords: RECORDS, ...more },
      options,
    );
    if (output.Activities === undefined)
      throw new AppError("malformed", "DescribeScalingActivities: the answer has no list of activities");
    activities.push(...output.Activities);
    if (output.NextToken === undefined || output.NextToken === "" || output.NextToken === token)
      return { activities, since: epochMs(0) };
    // Those under way come first, whenever they began; the others follow, the newest first.
    const last = output.Activities.at(-1);
    if (last !== undefined && ENDED.includes(last.StatusCode ?? "")) since = beganAt(last);
    if (since < horizon) break;
    token = output.NextToken;
  }
  return { activities, since };
}

/** `activities` are those of one group. */
export function historyOf(activities: readonly Activity[]): LaunchHistory {
  const launches = activities.filter(({ Description = "" }) => /^\s*launching/i.test(Description));
  const newest = (status: string): Activity | undefined =>
    launches
      .filter(({ StatusCode }) => StatusCode === status)
      .toSorted((a, b) => beganAt(b) - beganAt(a))
      .at(0);
  const success = newest("Successful");
  const failed = newest("Failed");
  return {
    underWay: launches
      .filter(({ StatusCode = "" }) => !ENDED.includes(StatusCode))
      .map((activity) => ({ at: beganAt(activity), id: instanceIn(activity) })),
    succeededAt: success === undefined ? null : beganAt(success),
    failed: failed === undefined ? null : { ...failureOf(failed), at: beganAt(failed) },
  };
}

/** `listed`: the machines that the group shows, whatever their state. */
export function launchesIn(history: LaunchHistory, listed: ReadonlySet<string>, since: Since): Launches {
  const horizon = horizonOf(since);
  const { underWay, failed } = history;
  const succeededAt = history.succeededAt ?? 0;
  // A grant in part succeeds and fails at once. Without a growth of ours a success says that the trouble is over.
  const counts =
    failed !== null && failed.at >= horizon && (since.grownAt !== null || failed.at >= succeededAt);
  const isOpen = ({ at, id }: LaunchHistory["underWay"][number]): boolean =>
    at >= horizon && (id === null || !listed.has(id));
  if (!counts) return { underWay: underWay.filter(isOpen).length, failure: null };
  const { at: _at, ...failure } = failed;
  return { underWay: underWay.filter(isOpen).length, failure };
}

function failureOf({ StatusMessage, Cause, Details }: Activity): LaunchFailure {
  const text = StatusMessage ?? Cause ?? "AWS gives no reason";
  const detail = text.length > DETAIL_MAX ? `${text.slice(0, DETAIL_MAX)}…` : text;
  const zone = zoneIn(Details);
  return { kind: launchKindOf(text), detail, ...(zone === undefined ? {} : { zone }) };
}

function beganAt({ StartTime }: Activity): EpochMs {
  return epochMs(StartTime?.getTime() ?? 0);
}

function instanceIn({ Description = "" }: Activity): string | null {
  return /\bi-[0-9a-f]+\b/.exec(Description)?.[0] ?? null;
}

/** Details are JSON with names for people. */
function zoneIn(details: string | undefined): string | undefined {
  try {
    const parsed = JSON.parse(details ?? "null") as { readonly "Availability Zone"?: unknown } | null;
    const zone = parsed?.["Availability Zone"];
    return typeof zone === "string" ? zone : undefined;
  } catch {
    return undefined; // another form of it: the zone is not known
  }
}
