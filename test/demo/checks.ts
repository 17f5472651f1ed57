// The run's checks, each a question put to the world's books. Pure: the same evidence gives the same answer,
// and each can fail (`--break NAME` makes it).

import type { LedgerEntry } from "../../coordinator/replay/world-core.ts";
import { CLUSTER_API, NODE_ANNOTATION, TAINT } from "../../shared/model/names.ts";
import { factsOf, leftAt } from "./evidence.ts";
import type { Evidence, Span } from "./evidence.ts";

export const CHECKS = ["placed", "order", "limits", "stale", "orphans", "replaced"] as const;
export type CheckName = (typeof CHECKS)[number];

export interface CheckResult {
  readonly name: CheckName;
  readonly held: boolean;
  readonly detail: string;
}

const RATE_WINDOW_MS = 600_000;
/** A replacement has to be asked for this soon. */
const REPLACED_WITHIN_MS = 1000;
/** Reports older than this are stale. */
const FRESH_MS = 15_000;
/** What a process may be late by before we say that it overran its grace. */
const GRACE_TOLERANCE_MS = 250;

const QUESTIONS: Readonly<
  Record<CheckName, (evidence: Evidence) => { readonly faults: readonly string[]; readonly detail: string }>
> = {
  placed,
  order,
  limits,
  stale,
  orphans,
  replaced,
};

export function runChecks(evidence: Evidence): readonly CheckResult[] {
  return CHECKS.map((name) => {
    const { faults, detail } = QUESTIONS[name](evidence);
    const more = faults.length > 3 ? ` (and ${faults.length - 3} more)` : "";
    return {
      name,
      held: faults.length === 0,
      detail: faults.length === 0 ? detail : faults.slice(0, 3).join("; ") + more,
    };
  });
}

/** Every job ran with all its workers, and no pod is left that has not started. */
function placed({ ledger }: Evidence) {
  const started = new Set(factsOf(ledger, "pod-started").map((fact) => fact.uid));
  const removed = new Set(factsOf(ledger, "pod-removed").map((fact) => fact.uid));
  const created = factsOf(ledger, "pod-created");
  const faults = created
    .filter((pod) => !started.has(pod.uid) && !removed.has(pod.uid))
    .map((pod) => `${pod.pod} never ran`);
  for (const job of factsOf(ledger, "job-submitted")) {
    const ran = created.filter((pod) => pod.owner === `Job/${job.job}` && started.has(pod.uid)).length;
    if (ran < job.workers && faults.length === 0)
      faults.push(`job ${job.job}: ${ran} of ${job.workers} pods ran`);
  }
  if (started.size === 0) faults.push("no pod ran at all");
  return {
    faults,
    detail: `${started.size} pods ran, ${created.length - started.size} were replaced before they started`,
  };
}

/** On the drilled node the classes left in order, by eviction, each inside the grace that it was given. */
function order({ ledger, drill }: Evidence) {
  if (drill === null) return { faults: ["no spot node was ever busy, so nothing was drilled"], detail: "" };
  const faults: string[] = [];
  const ofDrill = (fact: { readonly uid: string; readonly at: number }) =>
    drill.pods.includes(fact.uid) && fact.at >= drill.at;
  const evictions = factsOf(ledger, "pod-evicted").filter(ofDrill);
  const rank = { low: 0, medium: 1, high: 2 } as const;
  const classOf = (value: string | null): keyof typeof rank =>
    value === "low" || value === "high" ? value : "medium";

  let reached = 0;
  for (const eviction of evictions) {
    const mine = rank[classOf(eviction.evictionPriority)];
    if (mine < reached)
      faults.push(
        `${eviction.pod} (${classOf(eviction.evictionPriority)}) left after a pod of a higher class`,
      );
    reached = Math.max(reached, mine);
  }
  const seen = new Set(evictions.map((eviction) => classOf(eviction.evictionPriority)));
  for (const wanted of ["low", "medium", "high"] as const)
    if (!seen.has(wanted)) faults.push(`no pod of class ${wanted} was evicted`);

  const evicted = new Set(evictions.map((eviction) => eviction.uid));
  for (const stop of factsOf(ledger, "pod-stopping").filter(ofDrill)) {
    if (!evicted.has(stop.uid)) faults.push(`${stop.pod} was stopped without an eviction`);
    if (stop.killAt > drill.deadline) faults.push(`${stop.pod} was given time beyond the deadline`);
  }
  for (const exit of factsOf(ledger, "pod-exited").filter(ofDrill)) {
    const grace = evictions.find((eviction) => eviction.uid === exit.uid)?.graceMs ?? null;
    if (exit.why === "finished") continue;
    if (exit.why !== "clean") faults.push(`${exit.pod} did not end by itself (${exit.why})`);
    if (grace !== null && (exit.warnedMs ?? 0) > grace + GRACE_TOLERANCE_MS)
      faults.push(`${exit.pod} overran its grace of ${grace} ms`);
  }
  const gone = leftAt(ledger);
  for (const uid of drill.pods) if (!gone.has(uid)) faults.push(`a pod (${uid}) is still on ${drill.node}`);
  return {
    faults,
    detail: `${evictions.length} pods left ${drill.node}: low, then medium, then high, each inside its grace`,
  };
}

/** No group was ever larger or smaller than its policy allows, and none grew faster. */
function limits({ ledger, limits: allowed }: Evidence) {
  const faults: string[] = [];
  const sizes = new Map<string, number>();
  const added: { readonly at: number; readonly nodes: number }[] = [];
  for (const change of factsOf(ledger, "size-changed")) {
    const pool = allowed.pools.find((each) => each.name === change.pool);
    if (pool === undefined) faults.push(`${change.pool} is no pool of the policy`);
    else if (change.to > pool.max)
      faults.push(`${change.pool} went to ${change.to}, its maximum is ${pool.max}`);
    else if (change.to < pool.min)
      faults.push(`${change.pool} went to ${change.to}, its minimum is ${pool.min}`);
    sizes.set(change.pool, change.to);
    const total = [...sizes.values()].reduce((sum, size) => sum + size, 0);
    if (total > allowed.maxNodes) faults.push(`${total} nodes, the policy's maximum is ${allowed.maxNodes}`);
    if (change.to > change.from) added.push({ at: change.at, nodes: change.to - change.from });
    const recent = added
      .filter((each) => each.at > change.at - RATE_WINDOW_MS)
      .reduce((sum, each) => sum + each.nodes, 0);
    if (recent > allowed.addedInTenMinutes)
      faults.push(`${recent} nodes added in 10 minutes, allowed are ${allowed.addedInTenMinutes}`);
  }
  if (sizes.size === 0) faults.push("no size was ever written");
  const largest = allowed.pools.map((pool) => `${pool.name} ≤ ${pool.max}`).join(", ");
  return {
    faults,
    detail: `${factsOf(ledger, "size-changed").length} sizes written, all inside ${largest} and the rate`,
  };
}

/** A node that went was empty for the window, or was seen idle by an agent and a NATS that were there. */
function stale({ ledger, limits: { emptyMs, idleMs }, natsAway, agents, drill }: Evidence) {
  const faults: string[] = [];
  let checked = 0;
  const nodeOf = new Map(factsOf(ledger, "machine-joined").map((fact) => [fact.machine, fact.node]));
  for (const removal of factsOf(ledger, "machine-deleting")) {
    const node = nodeOf.get(removal.machine);
    if (node === undefined || node === drill?.node) continue;
    checked += 1;
    const busyUntil = lastBusy(ledger, node, removal.at);
    if (busyUntil !== null && removal.at - busyUntil >= emptyMs) continue;
    if (busyUntil === null && removal.at - joinedAt(ledger, node) >= emptyMs) continue;
    const window = { from: removal.at - idleMs - FRESH_MS, to: removal.at };
    const blind = natsAway.some((away) => overlaps(away, window));
    const alive = (agents[node] ?? []).some(
      (span) => span.from <= removal.at - idleMs && (span.to === null || span.to >= removal.at),
    );
    if (blind) faults.push(`${node} went with pods on it while NATS was away`);
    else if (!alive) faults.push(`${node} went with pods on it while its agent was not there`);
  }
  return {
    faults,
    detail: `${checked} nodes went without a drill, each empty for the window or seen idle by a live agent`,
  };
}

/** When the last pod left the node before `at`; `at` itself while one is there; null when none ever was. */
function lastBusy(ledger: readonly LedgerEntry[], node: string, at: number): number | null {
  const left = leftAt(ledger);
  let last: number | null = null;
  for (const pod of factsOf(ledger, "pod-scheduled")) {
    if (pod.node !== node || pod.at > at) continue;
    last = Math.max(last ?? 0, Math.min(at, left.get(pod.uid) ?? at));
  }
  return last;
}

function joinedAt(ledger: readonly LedgerEntry[], node: string): number {
  return factsOf(ledger, "node-added").find((fact) => fact.node === node)?.at ?? 0;
}

function overlaps(span: Span, window: { readonly from: number; readonly to: number }): boolean {
  return span.from < window.to && (span.to ?? Infinity) > window.from;
}

/** At the end no node is cordoned or tainted by anybody, and no machine is stuck, marked or without a node. */
function orphans({ nodes, machines, ledger }: Evidence) {
  const faults: string[] = [];
  for (const node of nodes) {
    const { name, annotations = {} } = node.metadata;
    if (node.spec?.unschedulable === true) faults.push(`${name} is still cordoned`);
    const ours = (node.spec?.taints ?? []).filter(
      (taint) => taint.key === TAINT.spotInterruption || taint.key === TAINT.scaleDown,
    );
    for (const taint of ours) faults.push(`${name} still has the taint ${taint.key}`);
    for (const key of [NODE_ANNOTATION.drainRequest, NODE_ANNOTATION.interruptionWarning]) {
      if (annotations[key] !== undefined) faults.push(`${name} still has the annotation ${key}`);
    }
  }
  for (const machine of machines) {
    const { name, annotations = {}, deletionTimestamp } = machine.metadata;
    if (deletionTimestamp !== undefined) faults.push(`machine ${name} is still being deleted`);
    else if (machine.status?.nodeRef === undefined) faults.push(`machine ${name} has no node`);
    else if (annotations[CLUSTER_API.deleteMachine] !== undefined)
      faults.push(`machine ${name} is marked for deletion and was not deleted`);
  }
  const gone = factsOf(ledger, "node-removed").length;
  return {
    faults,
    detail: `${gone} nodes went, ${nodes.length} stay; no cordon, taint or machine left behind`,
  };
}

/** The replacement was asked for in another pool within a second of the notice. */
function replaced({ ledger, drill }: Evidence) {
  const request = replacementOf(ledger, drill);
  if (drill === null) return { faults: ["no spot node was ever busy, so nothing was drilled"], detail: "" };
  if (request === null)
    return {
      faults: [`no other pool than ${drill.pool} grew after the notice for ${drill.node}`],
      detail: "",
    };
  const afterMs = request.at - drill.at;
  const faults =
    afterMs <= REPLACED_WITHIN_MS
      ? []
      : [`${request.pool} grew ${(afterMs / 1000).toFixed(2)} s after the notice`];
  return {
    faults,
    detail: `${request.pool} was asked for a node ${(afterMs / 1000).toFixed(2)} s after the notice`,
  };
}

/** The first growth of another pool after the drill began. */
export function replacementOf(ledger: readonly LedgerEntry[], drill: Evidence["drill"]) {
  if (drill === null) return null;
  return (
    factsOf(ledger, "size-changed").find(
      (fact) => fact.at >= drill.at && fact.pool !== drill.pool && fact.to > fact.from,
    ) ?? null
  );
}
