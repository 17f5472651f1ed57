// The same for what is remembered of machines that did not come and of interruptions: what cannot be true is left
// out, or holds us back no longer than the truth could.

import { LAUNCH_FAILURES } from "../../../shared/contract/policy/status.ts";
import { epochMs } from "../../../shared/model/units.ts";
import type { EpochMs } from "../../../shared/model/units.ts";
import type { HintRecord, Memory, OfferingMemory, OpenHint, RiskMemory } from "../snapshot-memory.ts";
import type { InstanceInput, NodeInput } from "../snapshot.ts";
import { isFlag, isList, isOneOf, isRecord, isText } from "./sane-form.ts";
import type { Unread } from "./sane-form.ts";
import { isAmount } from "./sane-value.ts";

/** No pause is longer, its jitter included. */
const LONGEST_PAUSE_MS = 2 * 3600_000;
const DAY_MS = 24 * 3600_000;

export function saneOfferings(offerings: readonly OfferingMemory[], at: EpochMs): readonly OfferingMemory[] {
  return offerings
    .filter((entry) => isRecord(entry) && isText(entry.offering) && isFailure(entry.kind))
    .map((entry) => ({
      ...entry,
      failures: isAmount(entry.failures) ? entry.failures : 1,
      lastAt: isPast(entry.lastAt, at) ? entry.lastAt : at,
      until: epochMs(isAmount(entry.until) ? Math.min(entry.until, at + LONGEST_PAUSE_MS) : at),
      detail: isText(entry.detail) ? entry.detail : "",
    }));
}

type MarketMemory = Pick<
  Memory,
  | "bootMs"
  | "risk"
  | "countedNotices"
  | "lessSpot"
  | "failedSince"
  | "rebalanced"
  | "openHints"
  | "hintRecord"
>;

/**
 * Of an entry that cannot be read nothing is known, as if it had been lost. A count or a limit from after now was written by
 * a clock that ran ahead, as another leader's may by a second: it is of now, since weeks of counts are not lost for that.
 */
export function saneMarketMemory(memory: Memory, at: EpochMs): MarketMemory {
  const { bootMs, risk, countedNotices, lessSpot, failedSince, rebalanced, openHints, hintRecord } = memory;
  const isPastTime = (time: EpochMs): boolean => isPast(time, at);
  const soFar = (time: EpochMs): EpochMs => earlier(time, at);
  return {
    ...(isRecord(bootMs) ? { bootMs: mapped(kept(bootMs, isList), (times) => times.filter(isAmount)) } : {}),
    ...(isRecord(risk)
      ? {
          risk: mapped(
            kept(risk, (entry) => isRecord(entry) && isRisk(entry)),
            (entry) => dated(entry, at),
          ),
        }
      : {}),
    ...(isRecord(countedNotices) ? { countedNotices: mapped(kept(countedNotices, isAmount), soFar) } : {}),
    ...(isRecord(failedSince) ? { failedSince: kept(failedSince, isPastTime) } : {}),
    ...(isRecord(rebalanced)
      ? { rebalanced: mapped(kept(rebalanced, isRecord), (nodes) => mapped(kept(nodes, isAmount), soFar)) }
      : {}),
    ...(isRecord(openHints)
      ? {
          openHints: mapped(
            kept(openHints, (hint) => isRecord(hint) && isOpen(hint)),
            (hint) => (hint.since <= at ? hint : { ...hint, since: at }),
          ),
        }
      : {}),
    ...(isRecord(hintRecord)
      ? {
          hintRecord: mapped(
            kept(hintRecord, (entry) => isRecord(entry) && isCounted(entry)),
            (entry) => dated(entry, at),
          ),
        }
      : {}),
    ...(isRecord(lessSpot)
      ? { lessSpot: mapped(kept(lessSpot, isAmount), (until) => earlier(until, epochMs(at + DAY_MS))) }
      : {}),
  };
}

const isState = isOneOf(["booting", "ready", "leaving", "failed"]);

/** A member of which nobody knows what it is makes its whole group unknown. */
export function isMember(instance: unknown): instance is InstanceInput {
  if (!isRecord(instance)) return false;
  const { id, node, state }: Unread<InstanceInput> = instance;
  return isText(id) && (node === null || isText(node)) && isState(state);
}

/** A time, a place or a failure that cannot be read is not told. */
export function saneInstance(instance: InstanceInput, at: EpochMs): InstanceInput {
  const { createdAt, zone, instanceType, failure, placeholder, keptBecause } = instance;
  const isSane =
    (createdAt === undefined || isPast(createdAt, at)) &&
    (zone === undefined || isText(zone)) &&
    (instanceType === undefined || isText(instanceType)) &&
    (failure === undefined || isFailureOfMember(failure)) &&
    (placeholder === undefined || isFlag(placeholder)) &&
    (keptBecause === undefined || isText(keptBecause));
  if (isSane) return instance;
  const { id, node, state } = instance;
  return {
    id,
    node,
    state,
    ...(createdAt !== undefined && isPast(createdAt, at) ? { createdAt } : {}),
    ...(isText(zone) ? { zone } : {}),
    ...(isText(instanceType) ? { instanceType } : {}),
    ...(isFailureOfMember(failure) ? { failure } : {}),
    ...(isFlag(placeholder) ? { placeholder } : {}),
    // Something keeps it, whatever it was.
    ...(keptBecause === undefined ? {} : { keptBecause: isText(keptBecause) ? keptBecause : "it is kept" }),
  };
}

export const isFailure = isOneOf(LAUNCH_FAILURES);

export function isFailureOfMember(failure: unknown): failure is NonNullable<InstanceInput["failure"]> {
  return isRecord(failure) && isFailure(failure["kind"]) && isText(failure["detail"]);
}

/** Likewise of a node; of ill GPUs the beginning is then now, so that nothing follows from their age. */
export function saneNodeTimes(node: NodeInput, at: EpochMs): Pick<NodeInput, "readyChangedAt" | "gpuHealth"> {
  const { readyChangedAt } = node;
  const gpuHealth = saneHealth(node.gpuHealth, at);
  return {
    ...(readyChangedAt === undefined || !isPast(readyChangedAt, at) ? {} : { readyChangedAt }),
    ...(gpuHealth === undefined ? {} : { gpuHealth }),
  };
}

const isVerdict = isOneOf(["healthy", "ill", "unknown"]);

function saneHealth(health: NodeInput["gpuHealth"], at: EpochMs): NodeInput["gpuHealth"] {
  if (!isRecord(health)) return undefined;
  const { verdict, since, detail } = health;
  if (isVerdict(verdict) && isPast(since, at) && isText(detail)) return health;
  return {
    verdict: isVerdict(verdict) ? verdict : "unknown",
    since: isPast(since, at) ? since : at,
    detail: isText(detail) ? detail : "",
  };
}

function isRisk({ nodeDays, interruptions, at, zoneId }: RiskMemory): boolean {
  return (
    isAmount(nodeDays) && isAmount(interruptions) && isAmount(at) && (zoneId === undefined || isText(zoneId))
  );
}

function isOpen({ node, pool, since }: OpenHint): boolean {
  return isText(node) && isText(pool) && isAmount(since);
}

function isCounted({ followed, spared, at }: HintRecord): boolean {
  return isAmount(followed) && isAmount(spared) && isAmount(at);
}

function dated<T extends { readonly at: EpochMs }>(entry: T, at: EpochMs): T {
  return entry.at <= at ? entry : { ...entry, at };
}

function earlier(a: EpochMs, b: EpochMs): EpochMs {
  return a <= b ? a : b;
}

function isPast(time: number, at: EpochMs): boolean {
  return isAmount(time) && time <= at;
}

function kept<T>(record: Readonly<Record<string, T>>, keep: (value: T) => boolean): Record<string, T> {
  return Object.fromEntries(Object.entries(record).filter(([, value]) => keep(value)));
}

function mapped<T, U>(record: Readonly<Record<string, T>>, change: (value: T) => U): Record<string, U> {
  return Object.fromEntries(Object.entries(record).map(([key, value]) => [key, change(value)]));
}
