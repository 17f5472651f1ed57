// Who was asked when and with what grace, kept as small as a summary needs it, and the summary of a drain that people
// read at its end. Counting only.

import type { Checkpoint } from "../../shared/contract/checkpoint.ts";
import type { ClassSummary, DrainSummary } from "../../shared/contract/drain-summary.ts";
import type { PlannedPod } from "../../shared/model/drain-plan.ts";
import { EVICTION_CLASSES } from "../../shared/model/pod.ts";
import type { EvictionClass } from "../../shared/model/pod.ts";
import type { EpochMs, Seconds } from "../../shared/model/units.ts";
import type { Counts } from "./tracks.ts";

/** What was asked so far, by class. */
export interface Asked {
  /** The first call to a pod went out. */
  note(pod: PlannedPod, at: EpochMs, grace: Seconds): void;
  classes(): Readonly<Partial<Record<EvictionClass, ClassSummary>>>;
}

export function createAsked(seenAt: EpochMs): Asked {
  const classes = new Map<EvictionClass, ClassSummary>();
  return {
    note: (pod, at, grace) => {
      const afterMs = sinceMs(seenAt, at);
      const before = classes.get(pod.class);
      classes.set(pod.class, {
        pods: (before?.pods ?? 0) + 1,
        firstMs: Math.min(before?.firstMs ?? afterMs, afterMs),
        lastMs: Math.max(before?.lastMs ?? afterMs, afterMs),
        minGraceS: Math.min(before?.minGraceS ?? grace, grace),
        maxGraceS: Math.max(before?.maxGraceS ?? grace, grace),
      });
    },
    classes: () =>
      Object.fromEntries(
        EVICTION_CLASSES.flatMap((name) => {
          const of = classes.get(name);
          return of === undefined ? [] : [[name, of] as const];
        }),
      ),
  };
}

export interface SummaryInput {
  readonly seenAt: EpochMs;
  readonly publishedAt: EpochMs | null;
  readonly markedAt: EpochMs | null;
  readonly drainedAt: EpochMs | null;
  readonly counts: Counts;
  readonly asked: Asked;
  readonly hooks: { readonly asked: number; readonly results: readonly Checkpoint[] };
}

export function summaryOf(input: SummaryInput): DrainSummary {
  const { seenAt, publishedAt, markedAt, drainedAt, counts, hooks } = input;
  const classes = input.asked.classes();
  const all = Object.values(classes);
  const of = (...results: readonly Checkpoint["result"][]): number =>
    hooks.results.filter(({ result }) => results.includes(result)).length;
  return {
    ...(publishedAt === null ? {} : { publishedMs: sinceMs(seenAt, publishedAt) }),
    ...(markedAt === null ? {} : { markedMs: sinceMs(seenAt, markedAt) }),
    ...(all.length === 0
      ? {}
      : {
          firstEvictionMs: Math.min(...all.map(({ firstMs }) => firstMs)),
          lastEvictionMs: Math.max(...all.map(({ lastMs }) => lastMs)),
        }),
    ...(drainedAt === null ? {} : { drainedMs: sinceMs(seenAt, drainedAt) }),
    evicted: counts.evicted,
    forced: counts.forced,
    left: counts.evicted - counts.gone + counts.blocked + counts.waiting,
    kept: counts.kept,
    hooks: { asked: hooks.asked, saved: of("saved"), failed: of("failed", "late", "refused") },
    classes,
  };
}

function sinceMs(from: EpochMs, to: EpochMs): number {
  return Math.max(0, Math.round(to - from));
}
