// The idle timer of one node, folded over every report since the last decision: it runs only while reports come
// without a gap and every GPU stays below the threshold, by p95 and by its single highest sample. Anything else
// sets it back, and unknown is something else. The empty timer needs no reports.

import { epochMs } from "../../../shared/model/units.ts";
import type { EpochMs } from "../../../shared/model/units.ts";
import type { Memory, NodeMemory } from "../snapshot-memory.ts";
import type { ReportDigest, Telemetry } from "../snapshot.ts";
import type { PoolState } from "./fleet.ts";
import { removalFailedAt } from "./flights.ts";
import { FRESH_COVERAGE, FRESH_FOR_MS } from "./fresh.ts";
import { isInstant } from "./sane-value.ts";
import type { NodeState } from "./standing.ts";
import { hasTenants } from "./tenants.ts";

const UNKNOWN: NodeMemory = { idleSince: null, lastReportAt: null, emptySince: null };

export function timersOf(state: NodeState, pool: PoolState, memory: Memory, at: EpochMs): NodeMemory {
  const before = memory.nodes[state.name] ?? UNKNOWN;
  const idle = foldReports(before, state.node.telemetry, pool.spec.scaleDownThreshold, at);
  const refusedAt = refusalOf(state, pool);
  const movable = restartedBy(refusedAt, movableSince(state, before, memory, at), at);
  return {
    idleSince: restartedBy(refusedAt, idle.idleSince, at),
    lastReportAt: idle.lastReportAt,
    emptySince: restartedBy(
      removalFailedAt(pool.journal, state.name),
      emptySince(state, before, memory, at),
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
function emptySince(state: NodeState, before: NodeMemory, memory: Memory, at: EpochMs): EpochMs | null {
  if (state.standing !== "up" || hasTenants(state, at)) return null;
  return isWatched(memory, at) ? (before.emptySince ?? at) : at;
}

function movableSince(state: NodeState, before: NodeMemory, memory: Memory, at: EpochMs): EpochMs | null {
  return state.standing === "up" && isWatched(memory, at) ? (before.movableSince ?? null) : null;
}

/** Nobody watched between two decisions that lie too far apart, so that a timer begins again. */
function isWatched(memory: Memory, at: EpochMs): boolean {
  return memory.at !== null && at - memory.at <= FRESH_FOR_MS;
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
