// The table at the end: what the run cost and how long its pods waited, counted from the world's books.

import { replacementOf } from "./checks.ts";
import { factsOf, leftAt } from "./evidence.ts";
import type { Evidence } from "./evidence.ts";
import { PACE } from "./workload.ts";

export interface DemoFigures {
  readonly podsPlaced: number;
  /** Arrival → start of the first pod of each job with GPUs, in seconds of the demo; null when none started. */
  readonly waitP50S: number | null;
  readonly waitP95S: number | null;
  readonly nodesAdded: number;
  readonly nodesRemoved: number;
  /** Null when there was no drill, or it was never done. */
  readonly noticeToFirstEvictionS: number | null;
  readonly noticeToDrainedS: number | null;
  readonly replacementAfterS: number | null;
  /** In hours of the trace: held by nodes that exist, used by pods that run. */
  readonly gpuHoursHeld: number;
  readonly gpuHoursUsed: number;
}

export function figuresOf(evidence: Evidence): DemoFigures {
  const { ledger, drill, endedAt } = evidence;
  const waits = waitsS(evidence).toSorted((a, b) => a - b);
  const evictions = factsOf(ledger, "pod-evicted").filter(
    (fact) => drill?.pods.includes(fact.uid) === true && fact.at >= drill.at,
  );
  const left = leftAt(ledger);
  const exits = (drill?.pods ?? []).flatMap((uid) => left.get(uid) ?? []);
  const sinceNotice = (at: number | undefined): number | null =>
    drill === null || at === undefined ? null : (at - drill.at) / 1000;
  const drained = exits.length > 0 && exits.length === drill?.pods.length ? Math.max(...exits) : undefined;

  const heldMs = spansOf(
    factsOf(ledger, "node-added"),
    factsOf(ledger, "node-removed"),
    (fact) => fact.node,
    endedAt,
  );
  const gpus = new Map(factsOf(ledger, "pod-created").map((fact) => [fact.uid, fact.gpus]));
  const usedMs = spansOf(
    factsOf(ledger, "pod-started"),
    factsOf(ledger, "pod-exited"),
    (fact) => fact.uid,
    endedAt,
  );
  const hours = (ms: number): number => (ms * PACE) / 3_600_000;
  return {
    podsPlaced: factsOf(ledger, "pod-started").length,
    waitP50S: quantile(waits, 0.5),
    waitP95S: quantile(waits, 0.95),
    nodesAdded: factsOf(ledger, "node-added").length,
    nodesRemoved: factsOf(ledger, "node-removed").length,
    noticeToFirstEvictionS: sinceNotice(evictions[0]?.at),
    noticeToDrainedS: sinceNotice(drained),
    replacementAfterS: sinceNotice(replacementOf(ledger, drill)?.at),
    gpuHoursHeld: hours([...heldMs.values()].reduce((sum, ms) => sum + ms * evidence.gpusPerNode, 0)),
    gpuHoursUsed: hours([...usedMs].reduce((sum, [uid, ms]) => sum + ms * (gpus.get(uid) ?? 0), 0)),
  };
}

/** For each job that started, how long after its arrival; the script's companions want no GPU and never wait. */
function waitsS({ ledger }: Evidence): readonly number[] {
  const ownerOf = new Map(factsOf(ledger, "pod-created").map((fact) => [fact.uid, fact.owner]));
  const first = new Map<string, number>();
  for (const start of factsOf(ledger, "pod-started")) {
    const owner = ownerOf.get(start.uid);
    if (typeof owner === "string" && !first.has(owner)) first.set(owner, start.at);
  }
  return factsOf(ledger, "job-submitted").flatMap((job) => {
    if (job.gpus === 0) return [];
    const at = first.get(`Job/${job.job}`);
    return at === undefined ? [] : [(at - job.at) / 1000];
  });
}

function spansOf<From extends { readonly at: number }, To extends { readonly at: number }>(
  from: readonly From[],
  to: readonly To[],
  key: (fact: From | To) => string,
  endedAt: number,
): ReadonlyMap<string, number> {
  const ends = new Map(to.map((fact) => [key(fact), fact.at]));
  return new Map(from.map((fact) => [key(fact), (ends.get(key(fact)) ?? endedAt) - fact.at]));
}

/** Nearest rank; null of nothing. */
function quantile(sorted: readonly number[], share: number): number | null {
  return sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)] ?? null;
}

export function figureRows(figures: DemoFigures): readonly (readonly [string, string])[] {
  const s = (value: number | null): string => (value === null ? "–" : `${value.toFixed(2)} s`);
  const minutes = (value: number | null): string =>
    value === null ? "–" : `${value.toFixed(1)} s (${value.toFixed(1)} min of trace)`;
  const share =
    figures.gpuHoursHeld > 0 ? ` (${Math.round((100 * figures.gpuHoursUsed) / figures.gpuHoursHeld)} %)` : "";
  return [
    ["pods placed", String(figures.podsPlaced)],
    ["wait p50", minutes(figures.waitP50S)],
    ["wait p95", minutes(figures.waitP95S)],
    ["nodes added / removed", `${figures.nodesAdded} / ${figures.nodesRemoved}`],
    ["notice → first eviction", s(figures.noticeToFirstEvictionS)],
    ["notice → drained", s(figures.noticeToDrainedS)],
    ["replacement requested after", s(figures.replacementAfterS)],
    [
      "GPU-hours held / used",
      `${figures.gpuHoursHeld.toFixed(1)} / ${figures.gpuHoursUsed.toFixed(1)}${share}, in hours of the trace`,
    ],
  ];
}
