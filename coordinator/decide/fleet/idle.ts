// The idle timer of one node, folded over every report since the last decision: it runs only while reports come
// without a gap and every GPU stays below the threshold, by p95 and by its single highest sample. Anything else
// sets it back, and unknown is something else. The empty timer needs no reports.

import { epochMs } from "../../../shared/model/units.ts";
import type { EpochMs } from "../../../shared/model/units.ts";
import type { Memory, NodeMemory } from "../snapshot-memory.ts";
import type { ReportDigest, Snapshot, Telemetry } from "../snapshot.ts";
import type { PoolState } from "./fleet.ts";
import { removalFailedAt } from "./flights.ts";
import { FRESH_COVERAGE, FRESH_FOR_MS } from "./fresh.ts";
import { isInstant } from "./sane-value.ts";
import type { NodeState } from "./standing.ts";
import { hasTenants } from "./tenants.ts";

const UNKNOWN: NodeMemory = { idleSince: null, lastReportAt: null, emptySince: null };

/** The moment of the decision, and since when the cluster has been watched. */
export interface Watch {
  readonly at: EpochMs;
  readonly sync: Snapshot["sync"];
}

export function timersOf(state: NodeState, pool: PoolState, memory: Memory, watch: Watch): NodeMemory {
  const { at } = watch;
  const before = memory.nodes[state.name] ?? UNKNOWN;
  const idle = foldReports(before, state.node.telemetry, pool.spec.scaleDownThreshold, at);
  const refusedAt = refusalOf(state, pool);
  const movable = restartedBy(refusedAt, movableSince(state, before, memory, watch), at);
  return {
    idleSince: restartedBy(refusedAt, idle.idleSince, at),
    lastReportAt: idle.lastReportAt,
    emptySince: restartedBy(
      removalFailedAt(pool.journal, state.name),
      emptySince(state, before, memory, watch),
      at,
    ),
    ...(movable === null ? {} : { movableSince: movable }),
  };
}

export function foldReports(
  before: Pick<NodeMemory, "idleSince" | "lastReportAt">,
  telemetry: Telemetry,
  threshold: number,
  at: EpochMs,
): Pick<NodeMemory, "idleSince" | "lastReportAt"> {
  if (telemetry.kind === "unknown") return { idleSince: null, lastReportAt: null };
  let { idleSince, lastReportAt } = before;
  for (const report of telemetry.since) {
    if (lastReportAt !== null && report.at <= lastReportAt) {
      // Seen before, or received after the clock was set back: it can only hold the timer back.
      if (!isCalm(report, threshold)) idleSince = null;
      continue;
    }
    if (lastReportAt === null || report.at - lastReportAt > FRESH_FOR_MS) idleSince = null;
    idleSince = isCalm(report, threshold) ? (idleSince ?? report.at) : null;
    lastReportAt = report.at;
  }
  if (lastReportAt === null || at - lastReportAt > FRESH_FOR_MS) idleSince = null;
  return { idleSince, lastReportAt };
}

function isCalm({ busiest, peak, coverage }: ReportDigest, threshold: number): boolean {
  return (
    busiest !== null && peak !== null && coverage >= FRESH_COVERAGE && busiest < threshold && peak < threshold
  );
}

/** By the API alone. */
function emptySince(state: NodeState, before: NodeMemory, memory: Memory, watch: Watch): EpochMs | null {
  const { at } = watch;
  if (state.standing !== "up" || hasTenants(state, at)) return null;
  return isWatched(memory, watch) ? (before.emptySince ?? at) : at;
}

function movableSince(state: NodeState, before: NodeMemory, memory: Memory, watch: Watch): EpochMs | null {
  return state.standing === "up" && isWatched(memory, watch) ? (before.movableSince ?? null) : null;
}

/** Nobody watched between two decisions that lie too far apart, so that a timer begins again. */
function isWatched(memory: Memory, { at, sync }: Watch): boolean {
  return memory.at !== null && (at - memory.at <= FRESH_FOR_MS || isGapless(memory.at, sync));
}

/** Whether nothing has happened since the last decision that a look in between would have seen. */
export function isGapless(lookedAt: EpochMs, sync: Snapshot["sync"]): boolean {
  return sync.kind === "synced" && sync.gapless === true && sync.since <= lookedAt;
}

/** The agent's no, or a removal that failed, costs the node one more full window. A drill that it refuses says nothing of it. */
export function refusalOf(state: NodeState, pool: PoolState): EpochMs | null {
  const { drainState } = state.node;
  const refused =
    drainState.kind === "value" &&
    drainState.value.phase === "refused" &&
    drainState.value.cause === "request"
      ? drainState.value.seenAt
      : null;
  const failed = removalFailedAt(pool.journal, state.name);
  const latest = Math.max(refused !== null && isInstant(refused) ? refused : 0, failed ?? 0);
  return latest > 0 ? epochMs(latest) : null;
}

function restartedBy(event: EpochMs | null, since: EpochMs | null, at: EpochMs): EpochMs | null {
  return since !== null && event !== null && since < event ? at : since;
}
