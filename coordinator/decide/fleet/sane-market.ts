// The same for what is remembered of machines that did not come and of interruptions: what cannot be true is left
// out, or holds us back no longer than the truth could.

import { LAUNCH_FAILURES } from "../../../shared/contract/policy/status.ts";
import { epochMs } from "../../../shared/model/units.ts";
import type { EpochMs } from "../../../shared/model/units.ts";
import type { Memory, OfferingMemory, RiskMemory } from "../snapshot-memory.ts";
import type { InstanceInput, NodeInput } from "../snapshot.ts";

/** No pause is longer, its jitter included. */
const LONGEST_PAUSE_MS = 2 * 3600_000;
const DAY_MS = 24 * 3600_000;

export function saneOfferings(offerings: readonly OfferingMemory[], at: EpochMs): readonly OfferingMemory[] {
  return offerings
    .filter(({ kind }) => LAUNCH_FAILURES.includes(kind))
    .map((entry) => ({
      ...entry,
      failures: isAmount(entry.failures) ? entry.failures : 1,
      lastAt: isPast(entry.lastAt, at) ? entry.lastAt : at,
      until: epochMs(isAmount(entry.until) ? Math.min(entry.until, at + LONGEST_PAUSE_MS) : at),
      detail: String(entry.detail),
    }));
}

type MarketMemory = Pick<Memory, "bootMs" | "risk" | "countedNotices" | "lessSpot" | "failedSince">;

export function saneMarketMemory(memory: Memory, at: EpochMs): MarketMemory {
  const { bootMs, risk, countedNotices, lessSpot, failedSince } = memory;
  const measured = (times: readonly number[]): readonly number[] => times.filter(isAmount);
  return {
    ...(bootMs === undefined ? {} : { bootMs: mapped(bootMs, measured) }),
    ...(risk === undefined ? {} : { risk: kept(risk, (entry) => isRisk(entry, at)) }),
    ...(countedNotices === undefined
      ? {}
      : { countedNotices: kept(countedNotices, (time) => isPast(time, at)) }),
    ...(failedSince === undefined ? {} : { failedSince: kept(failedSince, (time) => isPast(time, at)) }),
    ...(lessSpot === undefined
      ? {}
      : { lessSpot: kept(lessSpot, (until) => isAmount(until) && until <= at + DAY_MS) }),
  };
}

/** A time that cannot be read is not told. */
export function saneInstance(instance: InstanceInput, at: EpochMs): InstanceInput {
  if (instance.createdAt === undefined || isPast(instance.createdAt, at)) return instance;
  const { createdAt: _createdAt, ...rest } = instance;
  return rest;
}

/** Likewise of a node; of ill GPUs the beginning is then now, so that nothing follows from their age. */
export function saneNodeTimes(node: NodeInput, at: EpochMs): Pick<NodeInput, "readyChangedAt" | "gpuHealth"> {
  const { readyChangedAt, gpuHealth } = node;
  return {
    ...(readyChangedAt === undefined || !isPast(readyChangedAt, at) ? {} : { readyChangedAt }),
    ...(gpuHealth === undefined
      ? {}
      : { gpuHealth: { ...gpuHealth, since: isPast(gpuHealth.since, at) ? gpuHealth.since : at } }),
  };
}

function isRisk({ nodeDays, interruptions, at: since }: RiskMemory, at: EpochMs): boolean {
  return isAmount(nodeDays) && isAmount(interruptions) && isPast(since, at);
}

function isPast(time: number, at: EpochMs): boolean {
  return isAmount(time) && time <= at;
}

function isAmount(value: number): boolean {
  return Number.isFinite(value) && value >= 0;
}

function kept<T>(record: Readonly<Record<string, T>>, keep: (value: T) => boolean): Record<string, T> {
  return Object.fromEntries(Object.entries(record).filter(([, value]) => keep(value)));
}

function mapped<T, U>(record: Readonly<Record<string, T>>, change: (value: T) => U): Record<string, U> {
  return Object.fromEntries(Object.entries(record).map(([key, value]) => [key, change(value)]));
}
