// Makes a snapshot safe to calculate with: in one order, each name once, every number in its range. A value that
// cannot be true becomes unknown, or whatever makes the decision do less: a size that is no number is an unknown size,
// an instant that is no number is now, a list with a hole in it is not complete. What is in order stays the very object
// that it was. After this step nothing needs to check again, and nothing throws.

import { NOTICE_KINDS } from "../../../shared/model/interruption.ts";
import type { Reason } from "../../../shared/model/reasons.ts";
import type { EpochMs } from "../../../shared/model/units.ts";
import { compareText, firstDifference } from "../order.ts";
import type { PodInput } from "../snapshot-pod.ts";
import type { BudgetInput, NoticeInput, PricePoint, Snapshot } from "../snapshot.ts";
import { beyondBroadTerms, TOO_BROAD } from "./broad-terms.ts";
import { isFlag, isListOf, isOneOf, isRecord, isRecordOf, isText, isTexts } from "./sane-form.ts";
import { each, readList, sorted } from "./sane-list.ts";
import type { ReadList } from "./sane-list.ts";
import { saneMemory } from "./sane-memory.ts";
import { isNode, saneNode } from "./sane-node.ts";
import { malformedPod, readableDaemons, stayingPod } from "./sane-pod.ts";
import { sanePolicies } from "./sane-policy.ts";
import { instant, isAmount, isInstant } from "./sane-value.ts";

export interface Sane {
  readonly snapshot: Snapshot;
  /** Pods that wait and of which something cannot be read: nobody knows where they would fit. */
  readonly unreadable: readonly { readonly pod: string; readonly because: readonly Reason[] }[];
}

/** Null when the snapshot does not say when it was taken: without that no age and no cooldown means anything. */
export function sane(input: Snapshot): Sane | null {
  if (!isRecord(input) || !isInstant(input.at)) return null;
  const { at, namespaces, daemons, prices, workUnits } = input;
  const nodes = readList(input.nodes, "nodes", isNode);
  const pods = readList(input.pods, "pods", isPod);
  const budgets = readList(input.budgets, "budgets", isBudget);
  const notices = readList(input.notices, "notices", isNotice);
  const { readable, unreadable } = readPods(pods.items, at);
  return {
    snapshot: {
      v: 1,
      at,
      sync: saneSync(input.sync, [nodes, pods, budgets, notices], at),
      policies: sanePolicies(input.policies, at),
      nodes: each(
        sorted(nodes.items, (node) => node.name),
        (node) => saneNode(node, at),
      ),
      pods: readable,
      budgets: sorted(budgets.items, (budget) => budget.key).map((budget) => saneBudget(budget, readable)),
      notices: sorted(notices.items, (notice) => notice.id)
        .map((notice) => saneNotice(notice, at))
        .sort((a, b) => firstDifference(a.deadline - b.deadline, compareText(a.id, b.id))),
      memory: saneMemory(input.memory, at),
      ...(isNamespaces(namespaces) ? { namespaces } : {}),
      ...(daemons === undefined ? {} : { daemons: sorted(readableDaemons(daemons), (daemon) => daemon.key) }),
      ...(prices === undefined ? {} : { prices: readList(prices, "prices", isPrice).items }),
      ...(isAmount(workUnits ?? Number.NaN) ? { workUnits } : {}),
    },
    unreadable,
  };
}

const isNamespaces = isRecordOf(isTexts);

/** What is missing from a list may be what a removal would hit, so nothing is changed. */
function saneSync(
  sync: Snapshot["sync"],
  lists: readonly Pick<ReadList<unknown>, "hole">[],
  at: EpochMs,
): Snapshot["sync"] {
  const holes = lists.flatMap(({ hole }) => hole ?? []);
  const said = missingBy(sync);
  const missing = [...(said ?? []), ...holes];
  if (said !== null || missing.length > 0) return { kind: "unsynced", missing };
  return sync.kind === "synced" && isInstant(sync.since)
    ? sync
    : { kind: "synced", since: instant(Number.NaN, at) };
}

/** Null: the watches were complete. */
function missingBy(sync: unknown): readonly string[] | null {
  if (!isRecord(sync)) return ["sync"];
  if (sync["kind"] === "synced") return null;
  const { missing } = sync;
  return isListOf(isText)(missing) ? (missing as readonly string[]) : ["sync"];
}

/** Without a key it is nobody's pod, and without its node nobody knows which one is not empty. */
function isPod(value: unknown): value is PodInput {
  return isRecord(value) && isText(value["key"]) && (value["node"] === null || isText(value["node"]));
}

function readPods(
  pods: readonly PodInput[],
  at: EpochMs,
): { readonly readable: readonly PodInput[]; readonly unreadable: Sane["unreadable"] } {
  const inOrder = sorted(pods, (pod) => pod.key);
  const wrong = new Map<PodInput, string>();
  for (const pod of inOrder) {
    const what = malformedPod(pod);
    if (what !== null) wrong.set(pod, what);
  }
  const sound = wrong.size === 0 ? inOrder : inOrder.filter((pod) => !wrong.has(pod));
  for (const pod of beyondBroadTerms(sound)) wrong.set(pod, TOO_BROAD);
  const known = wrong.size === 0 ? inOrder : inOrder.filter((pod) => pod.node !== null || !wrong.has(pod));
  return {
    readable: each(known, (pod) => (wrong.has(pod) ? stayingPod(pod, at) : withTimes(pod, at))),
    unreadable: [...wrong]
      .filter(([pod]) => pod.node === null)
      .map(([pod, what]) => ({ pod: pod.key, because: [{ code: "malformed", what }] })),
  };
}

function withTimes(pod: PodInput, at: EpochMs): PodInput {
  const { createdAt, waiting } = pod;
  const isWaiting = waiting?.kind === "unschedulable" || waiting?.kind === "gang";
  if (isInstant(createdAt) && (!isWaiting || isInstant(waiting.since))) return pod;
  return {
    ...pod,
    createdAt: instant(createdAt, at),
    waiting: isWaiting ? { kind: waiting.kind, since: instant(waiting.since, at) } : waiting,
  };
}

function isBudget(value: unknown): value is BudgetInput {
  return isRecord(value) && isText(value["key"]);
}

/** One that does not say whose it is allows nothing in its whole namespace. */
function saneBudget(budget: BudgetInput, pods: readonly PodInput[]): BudgetInput {
  const { key, disruptionsAllowed, alwaysAllowsUnready } = budget;
  const namespace = key.slice(0, key.indexOf("/") + 1);
  const isWhole = isListOf(isText)(budget.pods);
  return {
    key,
    disruptionsAllowed: isWhole && isAmount(disruptionsAllowed) ? disruptionsAllowed : 0,
    pods: isWhole ? budget.pods : pods.flatMap((pod) => (pod.key.startsWith(namespace) ? [pod.key] : [])),
    ...(isWhole && alwaysAllowsUnready === true ? { alwaysAllowsUnready } : {}),
  };
}

function isNotice(value: unknown): value is NoticeInput {
  return isRecord(value) && isText(value["id"]) && isText(value["node"]) && isText(value["source"]);
}

const isKind = isOneOf(NOTICE_KINDS);

function isCheckpoint(value: unknown): boolean {
  return isRecord(value) && isText(value["pod"]) && isText(value["result"]);
}

/** A deadline that cannot be read never passes. */
function saneNotice(notice: NoticeInput, at: EpochMs): NoticeInput {
  const { kind, endsMachine, action, survived, machine, checkpoints, ...rest } = notice;
  return {
    ...rest,
    // Of a kind that nobody knows the worst is believed.
    ...(kind !== undefined && isKind(kind) ? { kind } : {}),
    ...(isFlag(endsMachine) ? { endsMachine } : {}),
    ...(isText(action) ? { action } : {}),
    ...(survived === true ? { survived } : {}),
    ...(isTexts(machine) ? { machine } : {}),
    ...(isListOf(isCheckpoint)(checkpoints) ? { checkpoints } : {}),
    seenAt: instant(notice.seenAt, at),
    deadline: instant(notice.deadline, Number.MAX_SAFE_INTEGER),
    replace: notice.replace === true,
    drained: notice.drained === true,
  };
}

/** Its numbers are for the price book. */
function isPrice(value: unknown): value is PricePoint {
  if (!isRecord(value)) return false;
  const { provider, region, zone, instanceType, tier, source } = value;
  return [provider, region, zone ?? "", instanceType, tier, source].every(isText);
}
