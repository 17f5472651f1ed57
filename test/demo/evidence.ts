// What the checks and the table are made from: the world's own books (its ledger of facts and the audit log of
// its API server) and what the demo itself did (the drill, when NATS was away, when each agent lived). Nothing
// in here comes from the programs under test.

import type { LedgerEntry } from "../../coordinator/replay/world-core.ts";
import type { Machine, Node, Pod } from "../../shared/model/kube.ts";
import type { EpochMs } from "../../shared/model/units.ts";

/** From when to when; `to` is null while it lasts. */
export interface Span {
  readonly from: EpochMs;
  readonly to: EpochMs | null;
}

export interface DrillRecord {
  readonly node: string;
  readonly pool: string;
  /** The instant at which the API server had the annotation. */
  readonly at: EpochMs;
  readonly deadline: EpochMs;
  /** Pods that were on the node and had not ended, by uid. */
  readonly pods: readonly string[];
}

/** The limits that the run has to keep, as the policy file states them. */
export interface Limits {
  readonly pools: readonly { readonly name: string; readonly min: number; readonly max: number }[];
  readonly maxNodes: number;
  readonly addedInTenMinutes: number;
  readonly emptyMs: number;
  readonly idleMs: number;
}

export interface Evidence {
  readonly startedAt: EpochMs;
  readonly endedAt: EpochMs;
  readonly ledger: readonly LedgerEntry[];
  readonly limits: Limits;
  readonly drill: DrillRecord | null;
  readonly natsAway: readonly Span[];
  /** Per node, when its agent process was alive. */
  readonly agents: Readonly<Record<string, readonly Span[]>>;
  /** The world's objects at the end. */
  readonly nodes: readonly Node[];
  readonly pods: readonly Pod[];
  readonly machines: readonly Machine[];
  /** GPUs of one node. */
  readonly gpusPerNode: number;
}

/** The entries of one kind, typed. */
export function factsOf<K extends LedgerEntry["kind"]>(
  ledger: readonly LedgerEntry[],
  kind: K,
): readonly Extract<LedgerEntry, { readonly kind: K }>[] {
  return ledger.filter((entry): entry is Extract<LedgerEntry, { readonly kind: K }> => entry.kind === kind);
}

/** uid → when the pod was gone: its process ended, or, when it had not started, the object was removed. */
export function leftAt(ledger: readonly LedgerEntry[]): ReadonlyMap<string, EpochMs> {
  const left = new Map<string, EpochMs>();
  for (const fact of ledger) {
    if (fact.kind !== "pod-exited" && fact.kind !== "pod-removed") continue;
    if (!left.has(fact.uid)) left.set(fact.uid, fact.at);
  }
  return left;
}
