// One rule's case against one GPU, or against the node: what was seen and heard of it, whether it stands, and how it
// ends. It knows nothing of other cases; who opens and closes it is health.ts.

import type { HealthFinding, HealthLevel } from "../../../shared/model/gpu-health.ts";
import type { GpuEvent, GpuUuid } from "../../../shared/model/gpu.ts";
import type { EpochMs, Millis } from "../../../shared/model/units.ts";
import type { Rule } from "./rule.ts";

/** One instant on both clocks: the wall's for people, the steady one for lengths of time. */
export interface Moment {
  readonly at: EpochMs;
  readonly steady: Millis;
}

export interface Case {
  readonly rule: Rule;
  gpu: GpuUuid | null;
  /** Of a GPU that nobody has named yet; null when it has a name, or no address either. */
  busId: string | null;
  since: EpochMs;
  evidence: string;
  /** Steady: the first and the newest time that it was said, and since when readings say that it is well. */
  firstAt: number;
  badAt: number;
  goodFrom: number | null;
  goodAt: number;
  /** Readings that said so, each at least one rhythm after the one before, and when the last of them was. */
  readings: number;
  readAt: number;
  readonly tellers: Set<GpuEvent["teller"] | "reading">;
  /** Wall clock of the newest event, and the steady one of when it was heard: only that one tells lengths of time. */
  toldAt: EpochMs | null;
  heardAt: number;
  stands: boolean;
  confirmed: boolean;
  /** The driver has asked for something, or the GPU was lost, while the case was open. */
  asked: boolean;
  /** How often it happened within the rule's `again`. */
  times: number;
}

/** Readings further apart than this many rhythms, and at least 30 s, do not join into one span. */
const RHYTHMS_IN_A_GAP = 3;
const GAP_AT_LEAST_MS = 30_000;
/** The same teller again so much later is a second telling; sooner, it is more lines of the first. */
const TOLD_AGAIN_AFTER_MS = 10_000;

export interface Rhythm {
  readonly fastMs: number;
  readonly slowMs: number;
}

export function openCase(
  rule: Rule,
  { gpu, busId }: { readonly gpu: GpuUuid | null; readonly busId: string | null },
  { at, steady }: Moment,
): Case {
  return {
    rule,
    gpu,
    busId: gpu === null ? busId : null,
    since: at,
    evidence: "",
    firstAt: steady,
    badAt: steady,
    goodFrom: null,
    goodAt: steady,
    readings: 0,
    readAt: Number.NEGATIVE_INFINITY,
    tellers: new Set(),
    toldAt: null,
    heardAt: Number.NEGATIVE_INFINITY,
    stands: false,
    confirmed: rule.confirm === "none",
    asked: false,
    times: 1,
  };
}

/** A reading says that it is so. */
export function readBad(one: Case, evidence: string, now: Moment, rhythm: Rhythm): void {
  const { rule } = one;
  const fresh = one.tellers.size === 0;
  if (!fresh && !one.stands && now.steady - one.badAt > gapOf(rule, rhythm)) {
    one.firstAt = now.steady;
    one.since = now.at;
    one.readings = 0;
    one.readAt = Number.NEGATIVE_INFINITY;
  }
  if (now.steady - one.readAt >= (rule.group === "slow" ? rhythm.slowMs : 1)) {
    one.readings++;
    one.readAt = now.steady;
  }
  one.tellers.add("reading");
  one.evidence = evidence;
  one.badAt = now.steady;
  one.goodFrom = null;
  one.confirmed ||= one.readings >= 2 || one.tellers.size >= 2;
  // An unconfirmed reading is not stated at all.
  one.stands ||= now.steady - one.firstAt >= rule.holdMs && one.confirmed;
}

/** An event says that it is so. The first one is stated at once, whether confirmed or not. */
export function toldBad(one: Case, evidence: string, event: GpuEvent, now: Moment): void {
  // By both clocks: a wall clock that was set makes no second telling of two lines, nor does a line that is read twice.
  const laterMs =
    one.toldAt === null ? 0 : Math.min(Math.abs(event.at - one.toldAt), now.steady - one.heardAt);
  if (laterMs >= TOLD_AGAIN_AFTER_MS) one.confirmed = true;
  one.tellers.add(event.teller);
  one.toldAt = event.at;
  one.heardAt = now.steady;
  one.evidence = evidence;
  one.badAt = now.steady;
  one.goodFrom = null;
  one.confirmed ||= one.tellers.size >= 2;
  one.stands = true;
}

/** A reading says that it is well. @returns true when the case is over. */
export function readGood(one: Case, now: Moment, rhythm: Rhythm): boolean {
  if (!one.stands) return true;
  if (one.goodFrom === null || now.steady - one.goodAt > gapOf(one.rule, rhythm)) one.goodFrom = now.steady;
  one.goodAt = now.steady;
  return now.steady - one.goodFrom >= one.rule.clearMs;
}

/** Over because nothing was heard of it for long enough. */
export function isForgotten({ rule, toldAt, heardAt }: Case, { steady }: Moment): boolean {
  return rule.forgetMs !== null && toldAt !== null && steady - heardAt >= rule.forgetMs;
}

/** Two cases of one rule that turn out to be about one GPU. */
export function joinCases(into: Case, other: Case): void {
  for (const teller of other.tellers) into.tellers.add(teller);
  into.since = other.since < into.since ? other.since : into.since;
  into.firstAt = Math.min(into.firstAt, other.firstAt);
  into.badAt = Math.max(into.badAt, other.badAt);
  if (other.heardAt > into.heardAt) {
    into.toldAt = other.toldAt;
    into.heardAt = other.heardAt;
  }
  into.stands ||= other.stands;
  into.confirmed ||= other.confirmed || into.tellers.size >= 2;
  into.asked ||= other.asked;
  into.times = Math.max(into.times, other.times);
}

const LEVEL_BELOW: Readonly<Record<HealthLevel, HealthLevel>> = {
  fatal: "degraded",
  degraded: "suspicion",
  suspicion: "suspicion",
  application: "application",
};

export function findingOf(one: Case): HealthFinding {
  const { rule, gpu, busId, since, evidence, confirmed, times } = one;
  const again = rule.again !== undefined && times >= rule.again.times ? rule.again : undefined;
  const level = again?.level ?? rule.level;
  const often = again === undefined ? "" : `; ${times} times in ${words(again.withinMs)}`;
  const where = busId === null ? "" : `; of the GPU at ${busId}`;
  const unsure = confirmed ? "" : "; not confirmed by a second source yet";
  return {
    rule: rule.name,
    gpu,
    level: confirmed ? level : LEVEL_BELOW[level],
    since,
    evidence: `${evidence}${where}${often}${unsure}`.slice(0, 300),
    remedy: again?.remedy ?? rule.remedy,
    clears: rule.clears,
  };
}

function gapOf({ group }: Rule, { fastMs, slowMs }: Rhythm): number {
  return Math.max(GAP_AT_LEAST_MS, RHYTHMS_IN_A_GAP * (group === "slow" ? slowMs : fastMs));
}

function words(ms: number): string {
  const hours = Math.round(ms / 3_600_000);
  return hours > 48 ? `${Math.round(hours / 24)} d` : `${hours} h`;
}
