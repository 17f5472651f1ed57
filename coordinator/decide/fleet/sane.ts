// Makes a snapshot safe to calculate with: in one order, each name once, every number in its range. A value that
// cannot be true becomes unknown, or whatever makes the decision do less: a size that is no number is an unknown
// size, an instant that is no number is now. After this step nothing needs to check again, and nothing throws.

import type { Reason } from "../../../shared/model/reasons.ts";
import type { Resources } from "../../../shared/model/resources.ts";
import { epochMs, ratio } from "../../../shared/model/units.ts";
import type { EpochMs, Ratio } from "../../../shared/model/units.ts";
import { compareText, firstDifference } from "../order.ts";
import type { Journal, Memory, NodeMemory, NodeShape } from "../snapshot-memory.ts";
import type { PodInput } from "../snapshot-pod.ts";
import type {
  BudgetInput,
  GroupReading,
  NodeInput,
  NoticeInput,
  PolicyInput,
  ReportDigest,
  Snapshot,
  Telemetry,
} from "../snapshot.ts";

export interface Sane {
  readonly snapshot: Snapshot;
  /** Pods that wait and whose requests cannot be read: nobody knows where they would fit. */
  readonly unreadable: readonly { readonly pod: string; readonly because: readonly Reason[] }[];
}

/** Null when the snapshot does not say when it was taken: without that no age and no cooldown means anything. */
export function sane(snapshot: Snapshot): Sane | null {
  if (!isInstant(snapshot.at)) return null;
  const { at } = snapshot;
  const pods = sorted(snapshot.pods, (pod) => pod.key);
  const unreadable = pods.filter((pod) => pod.node === null && malformedIn(pod.requests) !== null);
  return {
    snapshot: {
      ...snapshot,
      policies: sorted(snapshot.policies, (policy) => policy.name).map((policy) => sanePolicy(policy, at)),
      nodes: sorted(snapshot.nodes, (node) => node.name).map((node) => saneNode(node, at)),
      pods: pods.filter((pod) => !unreadable.includes(pod)).map((pod) => sanePod(pod, at)),
      budgets: sorted(snapshot.budgets, (budget) => budget.key).map(saneBudget),
      notices: sorted(snapshot.notices, (notice) => notice.id)
        .map((notice) => saneNotice(notice, at))
        .sort((a, b) => firstDifference(a.deadline - b.deadline, compareText(a.id, b.id))),
      memory: saneMemory(snapshot.memory, at),
    },
    unreadable: unreadable.map((pod) => ({
      pod: pod.key,
      because: [{ code: "malformed", what: `the request for ${malformedIn(pod.requests) ?? "a resource"}` }],
    })),
  };
}

export function isInstant(value: number): boolean {
  return isAmount(value) && value <= Number.MAX_SAFE_INTEGER;
}

function isAmount(value: number): boolean {
  return Number.isFinite(value) && value >= 0;
}

function instant(value: number, otherwise: number): EpochMs {
  return epochMs(isInstant(value) ? value : otherwise);
}

/** By key, each key once. Of two with one key the choice must not depend on which came first. */
function sorted<T>(items: readonly T[], keyOf: (item: T) => string): T[] {
  const byKey = new Map<string, T>();
  for (const item of items) {
    const key = keyOf(item);
    const other = byKey.get(key);
    if (other === undefined || JSON.stringify(item) < JSON.stringify(other)) byKey.set(key, item);
  }
  return [...byKey].sort(([a], [b]) => compareText(a, b)).map(([, item]) => item);
}

function malformedIn(resources: Resources): string | null {
  for (const name in resources) if (!isAmount(resources[name] ?? 0)) return name;
  return null;
}

function saneResources(resources: Resources): Resources {
  if (malformedIn(resources) === null) return resources;
  return Object.fromEntries(Object.entries(resources).filter(([, amount]) => isAmount(amount)));
}

function sanePolicy(policy: PolicyInput, at: EpochMs): PolicyInput {
  if (policy.kind === "invalid") return policy;
  return {
    ...policy,
    pools: policy.pools.map((pool) => ({
      ...pool,
      group: saneGroup(pool.group),
      instances: sorted(pool.instances, (instance) => instance.id),
    })),
    journal: saneJournal(policy.journal, at),
  };
}

function saneGroup(group: GroupReading): GroupReading {
  if (group.kind !== "known" || (Number.isSafeInteger(group.size) && group.size >= 0)) return group;
  return { kind: "unknown", detail: `the group says its size is ${group.size}` };
}

/** An entry that cannot be read holds us back as if it had just happened. */
function saneJournal(journal: Journal, at: EpochMs): Journal {
  const instants = (times: Journal["lastUpAt"]) =>
    Object.fromEntries(Object.entries(times).map(([pool, time]) => [pool, instant(time, at)]));
  return {
    moves: journal.moves,
    lastUpAt: instants(journal.lastUpAt),
    lastDownAt: instants(journal.lastDownAt),
    additions: journal.additions.map((addition) => ({
      at: instant(addition.at, at),
      nodes: isAmount(addition.nodes) ? addition.nodes : Number.MAX_SAFE_INTEGER,
    })),
  };
}

function saneNode(node: NodeInput, at: EpochMs): NodeInput {
  return {
    ...node,
    createdAt: instant(node.createdAt, at),
    allocatable: saneResources(node.allocatable),
    telemetry: saneTelemetry(node.telemetry),
  };
}

function saneTelemetry(telemetry: Telemetry): Telemetry {
  if (telemetry.kind === "unknown") return telemetry;
  if (!isInstant(telemetry.receivedAt)) {
    return {
      kind: "unknown",
      because: "source-not-ready",
      detail: "the time of the last report cannot be read",
    };
  }
  return {
    ...telemetry,
    gpus: sorted(telemetry.gpus, (gpu) => gpu.uuid).map((gpu) => ({ ...gpu, mean60: share(gpu.mean60) })),
    since: telemetry.since
      .filter((digest) => isInstant(digest.at))
      .map(saneDigest)
      .sort((a, b) => a.at - b.at),
  };
}

function saneDigest(digest: ReportDigest): ReportDigest {
  return {
    at: digest.at,
    busiest: share(digest.busiest),
    peak: share(digest.peak),
    coverage: share(digest.coverage) ?? ratio(0),
  };
}

function share(value: number | null): Ratio | null {
  return value !== null && isAmount(value) && value <= 1 ? ratio(value) : null;
}

function sanePod(pod: PodInput, at: EpochMs): PodInput {
  return {
    ...pod,
    createdAt: instant(pod.createdAt, at),
    waiting:
      pod.waiting?.kind === "unschedulable"
        ? { kind: "unschedulable", since: instant(pod.waiting.since, at) }
        : pod.waiting,
    requests: saneResources(pod.requests),
    priority: Number.isFinite(pod.priority) ? pod.priority : 0,
  };
}

function saneBudget(budget: BudgetInput): BudgetInput {
  return {
    ...budget,
    disruptionsAllowed: isAmount(budget.disruptionsAllowed) ? budget.disruptionsAllowed : 0,
  };
}

/** A deadline that cannot be read never passes. */
function saneNotice(notice: NoticeInput, at: EpochMs): NoticeInput {
  return {
    ...notice,
    seenAt: instant(notice.seenAt, at),
    deadline: instant(notice.deadline, Number.MAX_SAFE_INTEGER),
  };
}

/** What lies in the future was written before the clock was set back: the timer begins again. */
function saneMemory(memory: Memory, at: EpochMs): Memory {
  const past = (time: EpochMs | null) => (time !== null && isInstant(time) && time <= at ? time : null);
  const known = past(memory.at);
  const nodes: Record<string, NodeMemory> = {};
  for (const [name, { idleSince, lastReportAt, emptySince }] of Object.entries(memory.nodes)) {
    nodes[name] = {
      idleSince: past(idleSince),
      lastReportAt: past(lastReportAt),
      emptySince: past(emptySince),
    };
  }
  const shapes: Record<string, NodeShape> = {};
  for (const [pool, shape] of Object.entries(memory.shapes))
    shapes[pool] = { ...shape, allocatable: saneResources(shape.allocatable) };
  const launches = Object.entries(memory.launches ?? {}).filter(
    ([, launch]) => isAmount(launch.missing) && past(launch.since) !== null,
  );
  const hotSince = Object.entries(memory.hotSince).filter(([, since]) => past(since) !== null);
  return {
    v: 1,
    at: known,
    nodes,
    shapes,
    launches: Object.fromEntries(launches),
    hotSince: Object.fromEntries(hotSince),
  };
}
