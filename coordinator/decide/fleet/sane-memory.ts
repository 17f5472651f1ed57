// What a decision remembers, made safe to calculate with. What lies in the future was written before the clock was set
// back, and what cannot be read is as good as lost: in both cases the timer begins again, which costs time and never a
// node.

import type { Taint } from "../../../shared/model/kube.ts";
import type { EpochMs } from "../../../shared/model/units.ts";
import { EMPTY_MEMORY } from "../snapshot-memory.ts";
import type { Memory, NodeMemory, NodeShape } from "../snapshot-memory.ts";
import { saneBehaviors } from "./sane-behavior.ts";
import { isListOf, isOneOf, isRecord, isText, isTexts } from "./sane-form.ts";
import type { Unread } from "./sane-form.ts";
import { saneLedgers } from "./sane-ledger.ts";
import { eachValue } from "./sane-list.ts";
import { saneMarketMemory } from "./sane-market.ts";
import { saneSizes } from "./sane-sizes.ts";
import { isAmount, isInstant, saneAmounts, saneResources } from "./sane-value.ts";

type Past = (time: EpochMs | null | undefined) => EpochMs | null;

/** What decisions of this process have made themselves, and nobody has changed. */
const ours = new WeakSet<Memory>();

/** Says that a decision has just made this memory, so that the next one need not look through it. */
export function markAsOurs(memory: Memory): Memory {
  ours.add(memory);
  return memory;
}

export function saneMemory(memory: Memory, at: EpochMs): Memory {
  if (!isRecord(memory)) return EMPTY_MEMORY;
  // Nothing in it lies after the decision that made it, unless the clock was set back since.
  if (ours.has(memory) && memory.at !== null && memory.at <= at) return memory;
  const past: Past = (time) =>
    time !== null && time !== undefined && isInstant(time) && time <= at ? time : null;
  const { launches, hotSince, behavior, leftOut, promised, ledger, lostAt, sizes } = memory;
  return {
    v: 1,
    at: past(memory.at),
    nodes: eachValue(readable(memory.nodes, isRecord), (timers) => saneTimers(timers, past)),
    shapes: eachValue(readable(memory.shapes, isShape), saneShape),
    launches: readable(
      launches,
      (launch) =>
        isRecord(launch) &&
        isAmount(launch.missing) &&
        past(launch.since) !== null &&
        (launch.from === undefined || past(launch.from) !== null),
    ),
    hotSince: readable(hotSince, (since) => past(since) !== null),
    ...saneMarketMemory(memory, at),
    ...(isRecord(ledger) ? { ledger: saneLedgers(ledger, at) } : {}),
    ...(isRecord(behavior) ? { behavior: saneBehaviors(behavior, at) } : {}),
    ...(isRecord(sizes) ? { sizes: saneSizes(sizes, at) } : {}),
    ...(lostAt === undefined ? {} : { lostAt: past(lostAt) ?? at }),
    ...(isListOf(isText)(leftOut) ? { leftOut } : {}),
    ...(isRecord(promised) ? { promised: readable(promised, isListOf(isListOf(isText))) } : {}),
  };
}

/** The record itself where all of it is well. */
function readable<T>(
  record: Readonly<Record<string, T>> | undefined,
  isWell: (value: T) => boolean,
): Readonly<Record<string, T>> {
  if (!isRecord(record)) return {};
  for (const key in record) {
    const value = record[key];
    if (value === undefined || !isWell(value))
      return Object.fromEntries(Object.entries(record).filter(([, other]) => isWell(other)));
  }
  return record;
}

function saneTimers(timers: NodeMemory, past: Past): NodeMemory {
  const { idleSince, lastReportAt, emptySince, movableSince, comingSince, downSince } = timers;
  const isPast = (time: EpochMs | null | undefined): boolean => (time ?? null) === past(time);
  if (
    isPast(idleSince) &&
    isPast(lastReportAt) &&
    isPast(emptySince) &&
    isPast(movableSince) &&
    isPast(comingSince) &&
    isPast(downSince)
  )
    return timers;
  const movable = past(movableSince);
  const coming = past(comingSince);
  const down = past(downSince);
  return {
    idleSince: past(idleSince),
    lastReportAt: past(lastReportAt),
    emptySince: past(emptySince),
    ...(movable === null ? {} : { movableSince: movable }),
    ...(coming === null ? {} : { comingSince: coming }),
    ...(down === null ? {} : { downSince: down }),
  };
}

const isEffect = isOneOf(["NoSchedule", "PreferNoSchedule", "NoExecute"]);

export function isTaint(taint: unknown): boolean {
  if (!isRecord(taint)) return false;
  const { key, value, effect }: Unread<Taint> = taint;
  return isText(key) && (value === undefined || isText(value)) && isEffect(effect);
}

function isShape(shape: unknown): boolean {
  if (!isRecord(shape)) return false;
  const { allocatable, labels, taints }: Unread<NodeShape> = shape;
  return isRecord(allocatable) && isTexts(labels) && isListOf(isTaint)(taints);
}

function saneShape(shape: NodeShape): NodeShape {
  const { allocatable, labels, taints, source } = shape;
  const amounts = {
    overhead: saneAmounts(shape.overhead),
    capacity: saneAmounts(shape.capacity),
    volumeLimits: saneAmounts(shape.volumeLimits),
  };
  return {
    allocatable: saneResources(allocatable),
    labels,
    taints,
    ...(amounts.overhead === undefined ? {} : { overhead: amounts.overhead }),
    ...(isRecord(shape.daemons)
      ? { daemons: eachValue(readable(shape.daemons, isRecord), saneResources) }
      : {}),
    ...(amounts.capacity === undefined ? {} : { capacity: amounts.capacity }),
    ...(amounts.volumeLimits === undefined ? {} : { volumeLimits: amounts.volumeLimits }),
    ...(isSource(source) ? { source } : {}),
  };
}

function isSource(source: unknown): source is NonNullable<NodeShape["source"]> {
  return source === "node" || source === "template" || source === "group" || source === "catalogue";
}
