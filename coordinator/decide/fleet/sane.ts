// Makes a snapshot safe to calculate with: in one order, each name once, every number in its range. A value that
// cannot be true becomes unknown, or whatever makes the decision do less: a size that is no number is an unknown
// size, an instant that is no number is now. What is in order stays the very object that it was. After this step
// nothing needs to check again, and nothing throws.

import { POD_ANNOTATION } from "../../../shared/model/names.ts";
import type { Reason } from "../../../shared/model/reasons.ts";
import type { EpochMs } from "../../../shared/model/units.ts";
import { compareText, firstDifference } from "../order.ts";
import type { Journal, Memory, NodeMemory, NodeShape } from "../snapshot-memory.ts";
import type { PodInput } from "../snapshot-pod.ts";
import type {
  BudgetInput,
  ForecastInput,
  GroupReading,
  NoticeInput,
  PolicyInput,
  Snapshot,
} from "../snapshot.ts";
import { saneBehaviors } from "./sane-behavior.ts";
import { each, eachValue, sorted } from "./sane-list.ts";
import { saneInstance, saneMarketMemory, saneOfferings } from "./sane-market.ts";
import { saneNode } from "./sane-node.ts";
import { malformedPod, readableDaemons } from "./sane-pod.ts";
import { instant, isAmount, isInstant, malformedIn, saneResources, share } from "./sane-value.ts";

export interface Sane {
  readonly snapshot: Snapshot;
  /** Pods that wait and of which something cannot be read: nobody knows where they would fit. */
  readonly unreadable: readonly { readonly pod: string; readonly because: readonly Reason[] }[];
}

/** Null when the snapshot does not say when it was taken: without that no age and no cooldown means anything. */
export function sane(snapshot: Snapshot): Sane | null {
  if (!isInstant(snapshot.at)) return null;
  const { at } = snapshot;
  const pods = sorted(snapshot.pods, (pod) => pod.key);
  const unreadable = new Map<PodInput, string>();
  for (const pod of pods) {
    const what = pod.node === null ? unreadablePart(pod) : null;
    if (what !== null) unreadable.set(pod, what);
  }
  const readable = unreadable.size === 0 ? pods : pods.filter((pod) => !unreadable.has(pod));
  return {
    snapshot: {
      ...snapshot,
      policies: sorted(snapshot.policies, (policy) => policy.name).map((policy) => sanePolicy(policy, at)),
      nodes: each(
        sorted(snapshot.nodes, (node) => node.name),
        (node) => saneNode(node, at),
      ),
      pods: each(readable, (pod) => sanePod(pod, at)),
      budgets: sorted(snapshot.budgets, (budget) => budget.key).map(saneBudget),
      notices: sorted(snapshot.notices, (notice) => notice.id)
        .map((notice) => saneNotice(notice, at))
        .sort((a, b) => firstDifference(a.deadline - b.deadline, compareText(a.id, b.id))),
      memory: saneMemory(snapshot.memory, at),
      ...(snapshot.daemons === undefined
        ? {}
        : { daemons: sorted(readableDaemons(snapshot.daemons), (daemon) => daemon.key) }),
    },
    unreadable: [...unreadable].map(([pod, what]) => ({
      pod: pod.key,
      because: [{ code: "malformed", what }],
    })),
  };
}

function unreadablePart(pod: PodInput): string | null {
  const resource = malformedIn(pod.requests);
  return resource === null ? malformedPod(pod) : `the request for ${resource}`;
}

function sanePolicy(policy: PolicyInput, at: EpochMs): PolicyInput {
  if (policy.kind === "invalid") return policy;
  const { forecast, ...rest } = policy;
  return {
    ...rest,
    ...(forecast === undefined || !isForecast(forecast) ? {} : { forecast }),
    pools: policy.pools.map((pool) => ({
      ...pool,
      group: saneGroup(pool.group),
      instances: each(
        sorted(pool.instances, (instance) => instance.id),
        (instance) => saneInstance(instance, at),
      ),
    })),
    journal: saneJournal(policy.journal, at),
  };
}

/** One that cannot be read is none. */
function isForecast({ gpus, at, confidence }: ForecastInput): boolean {
  return isAmount(gpus) && isInstant(at) && share(confidence) !== null;
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
    additions: saneChanges(journal.additions, at),
    ...(journal.offerings === undefined ? {} : { offerings: saneOfferings(journal.offerings, at) }),
    ...(journal.removals === undefined ? {} : { removals: saneChanges(journal.removals, at) }),
  };
}

function saneChanges(changes: Journal["additions"], at: EpochMs): Journal["additions"] {
  return changes.map((change) => ({
    at: instant(change.at, at),
    nodes: isAmount(change.nodes) ? change.nodes : Number.MAX_SAFE_INTEGER,
  }));
}

function sanePod(pod: PodInput, at: EpochMs): PodInput {
  const { waiting } = pod;
  const since = waiting?.kind === "unschedulable" || waiting?.kind === "gang" ? waiting.since : null;
  const requests = saneResources(pod.requests);
  const isSane =
    isInstant(pod.createdAt) &&
    (since === null || isInstant(since)) &&
    requests === pod.requests &&
    Number.isFinite(pod.priority) &&
    malformedPod(pod) === null;
  if (isSane) return pod;
  return {
    ...(malformedPod(pod) === null ? pod : stayingPod(pod)),
    createdAt: instant(pod.createdAt, at),
    waiting:
      waiting?.kind === "unschedulable" || waiting?.kind === "gang"
        ? { kind: waiting.kind, since: instant(waiting.since, at) }
        : waiting,
    requests,
    priority: Number.isFinite(pod.priority) ? pod.priority : 0,
  };
}

/** It stands on a node, and where else it could run cannot be read: it fills its place and is not moved. */
function stayingPod(pod: PodInput): PodInput {
  return {
    key: pod.key,
    uid: pod.uid,
    node: pod.node,
    createdAt: pod.createdAt,
    waiting: pod.waiting,
    nominatedNode: pod.nominatedNode,
    terminating: pod.terminating,
    owner: pod.owner,
    daemon: pod.daemon,
    mirror: pod.mirror,
    class: pod.class,
    requests: pod.requests,
    nodeSelector: pod.nodeSelector,
    tolerations: pod.tolerations,
    priority: pod.priority,
    annotations: { ...pod.annotations, [POD_ANNOTATION.safeToEvict]: "false" },
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
  const nodes = eachValue(memory.nodes, (timers) => saneTimers(timers, past));
  const shapes: Record<string, NodeShape> = {};
  for (const [pool, shape] of Object.entries(memory.shapes)) shapes[pool] = saneShape(shape);
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
    ...saneMarketMemory(memory, at),
    ...(memory.behavior === undefined ? {} : { behavior: saneBehaviors(memory.behavior, at) }),
    ...(memory.leftOut === undefined ? {} : { leftOut: memory.leftOut }),
  };
}

function saneShape({ overhead, daemons, ...shape }: NodeShape): NodeShape {
  return {
    ...shape,
    allocatable: saneResources(shape.allocatable),
    ...(overhead === undefined ? {} : { overhead: saneResources(overhead) }),
    ...(daemons === undefined ? {} : { daemons: eachValue(daemons, saneResources) }),
  };
}

function saneTimers(timers: NodeMemory, past: (time: EpochMs | null) => EpochMs | null): NodeMemory {
  const { idleSince, lastReportAt, emptySince, movableSince, comingSince, downSince } = timers;
  const isPast = (time: EpochMs | null | undefined): boolean => (time ?? null) === past(time ?? null);
  if ([idleSince, lastReportAt, emptySince, movableSince, comingSince, downSince].every(isPast))
    return timers;
  const movable = past(movableSince ?? null);
  const coming = past(comingSince ?? null);
  const down = past(downSince ?? null);
  return {
    idleSince: past(idleSince),
    lastReportAt: past(lastReportAt),
    emptySince: past(emptySince),
    ...(movable === null ? {} : { movableSince: movable }),
    ...(coming === null ? {} : { comingSince: coming }),
    ...(down === null ? {} : { downSince: down }),
  };
}
