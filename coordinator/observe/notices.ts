// Interruptions of nodes, from two channels that may each be late or silent: the event stream and the agent's
// mark on its node. One id is one interruption whatever brought it; the deadline only moves closer. An entry
// ends when it was cancelled, when its machine is long gone, or when the node's name belongs to a newer machine. Hints
// that one may come are kept beside (hints.ts).

import { decode } from "../../shared/contract/codec.ts";
import type { DrainReport } from "../../shared/contract/drain-report.ts";
import type { Machine, NoticeMessage } from "../../shared/contract/notice.ts";
import { parseSubject } from "../../shared/contract/subjects.ts";
import type { NoticeSource } from "../../shared/model/interruption.ts";
import { elapsed, epochMs } from "../../shared/model/units.ts";
import type { EpochMs } from "../../shared/model/units.ts";
import type { NodeInput, NoticeInput } from "../decide/snapshot.ts";
import { createCheckpoints } from "./checkpoints.ts";
import { createHints, isHint, LONGEST_ACTION } from "./hints.ts";
import { printable } from "./strangers-text.ts";

/**
 * How long after its deadline an interruption still counts, so that a place stays reserved for a pod whose successor is late.
 * Machines outlive their deadline by minutes, not more.
 */
export const AFTER_DEADLINE_MS = 15 * 60_000;
/** Entries kept in all; above it the one whose deadline is oldest goes. */
const MAX_NOTICES = 5_000;

type NoticedNode = Pick<NodeInput, "name" | "createdAt" | "drainState" | "annotations">;

export interface Notices {
  /** Takes one message of the event stream as it came. */
  accept(subject: string, data: Uint8Array): void;
  /** Merges in what the nodes' own marks say and returns what counts now. */
  current(nodes: readonly NoticedNode[], now: EpochMs): readonly NoticeInput[];
}

export interface NoticesOptions {
  readonly now: () => EpochMs;
  readonly subjectRoot: string;
  readonly onRefused: (kind: "notice" | "drain", code: string, detail: string) => void;
  /** An interruption was seen or withdrawn: a cycle is wanted at once. */
  readonly onNotice: () => void;
}

interface Entry {
  readonly node: string;
  readonly source: NoticeSource;
  readonly seenAt: EpochMs;
  readonly deadline: EpochMs;
  readonly replace: boolean;
  readonly drained: boolean;
  readonly cancelled: boolean;
  readonly survived: boolean;
  readonly action?: string;
  readonly machine?: Machine;
}

export function createNotices({ now, subjectRoot, onRefused, onNotice }: NoticesOptions): Notices {
  const entries = new Map<string, Entry>();
  /** Phases that came before their notice, as after a restart in the middle of the stream. */
  const ahead = new Map<string, "drained" | "cancelled">();
  const hints = createHints();
  const checkpoints = createCheckpoints();

  function put(id: string, next: Entry): void {
    entries.set(id, next);
    if (entries.size <= MAX_NOTICES) return;
    const [oldest] = [...entries].sort(([, a], [, b]) => a.deadline - b.deadline)[0] ?? [];
    if (oldest !== undefined) entries.delete(oldest);
  }

  function acceptNotice(message: NoticeMessage): void {
    if (isHint(message)) {
      if (hints.accept(message, now())) onNotice();
      return;
    }
    const before = entries.get(message.id);
    const early = ahead.get(message.id);
    const seen = {
      node: message.node,
      source: message.source,
      seenAt: firstSight(before, message.seenAt, now()),
      deadline: epochMs(Math.min(before?.deadline ?? Infinity, message.deadline)),
      replace: message.replace || before?.replace === true,
      drained: before?.drained === true || early === "drained",
      cancelled: before?.cancelled === true || message.phase === "cancelled" || early === "cancelled",
      survived: before?.survived === true || message.phase === "survived",
      ...toldOf(message, before),
    };
    ahead.delete(message.id);
    put(message.id, seen);
    if (before === undefined || before.cancelled !== seen.cancelled || before.deadline !== seen.deadline) {
      if (!isOver(seen, now())) onNotice();
    }
  }

  function acceptDrain(message: DrainReport): void {
    if (checkpoints.accept(message)) onNotice();
    if (message.cause !== "notice" || (message.phase !== "drained" && message.phase !== "cancelled")) return;
    const before = entries.get(message.id);
    if (before === undefined) {
      if (ahead.size < MAX_NOTICES) ahead.set(message.id, message.phase);
      return;
    }
    entries.set(message.id, { ...before, [message.phase]: true });
    onNotice();
  }

  return {
    accept: (subject, data) => {
      const kind = parseSubject(subject, subjectRoot)?.kind === "drain" ? "drain" : "notice";
      const decoded = decode(kind, subject, data, subjectRoot);
      if (decoded.kind === "refused") onRefused(kind, decoded.code, decoded.detail);
      else if (isDrain(decoded.message)) acceptDrain(decoded.message);
      else acceptNotice(decoded.message);
    },
    current: (nodes, at) => {
      const byName = new Map(nodes.map((node) => [node.name, node]));
      for (const { name, drainState } of nodes) {
        if (drainState.kind !== "value") continue;
        const { id, cause, source, phase, seenAt, deadline, replace } = drainState.value;
        if (cause !== "notice" || source === "coordinator") continue;
        const before = entries.get(id);
        // A drill that its agent does not begin is none, until it does.
        if (phase === "refused") {
          entries.delete(id);
          continue;
        }
        put(id, {
          node: name,
          source,
          seenAt: firstSight(before, seenAt, at),
          deadline: epochMs(Math.min(before?.deadline ?? Infinity, deadline)),
          replace: replace || before?.replace === true,
          drained: before?.drained === true || phase === "drained",
          cancelled: before?.cancelled === true || phase === "cancelled",
          survived: before?.survived === true || phase === "survived",
          ...toldOf({}, before),
        });
      }
      const counting: NoticeInput[] = [];
      for (const [id, entry] of entries) {
        const node = byName.get(entry.node);
        if (isOver(entry, at) || (node !== undefined && isNewer(node, id, entry))) {
          // A cancelled one is kept until its deadline is long past: the other channel may bring it again.
          if (elapsed(entry.deadline, at) > AFTER_DEADLINE_MS) entries.delete(id);
          continue;
        }
        const { cancelled: _, survived, ...input } = entry;
        const saved = checkpoints.of(id);
        counting.push({
          id,
          ...input,
          drained: entry.drained || node === undefined,
          ...(survived ? { survived } : {}),
          ...(saved.length === 0 ? {} : { checkpoints: saved }),
        });
      }
      for (const id of ahead.keys()) if (entries.has(id)) ahead.delete(id);
      return [...counting, ...hints.current(nodes, at, new Set(counting.map(({ id }) => id)))];
    },
  };
}

/** What came with one message stays although the next one does not say it again. */
function toldOf(
  { action, machine }: Pick<NoticeMessage, "action" | "machine">,
  before: Pick<Entry, "action" | "machine"> | undefined,
): Pick<Entry, "action" | "machine"> {
  const [word, what] = [action ?? before?.action, machine ?? before?.machine];
  return {
    ...(word === undefined ? {} : { action: printable(word, LONGEST_ACTION) }),
    ...(what === undefined ? {} : { machine: what }),
  };
}

/**
 * Pods that were made after it are successors of those that end. So an agent that starts anew must not put it off, and
 * neither must a node whose clock runs ahead: it was seen before we heard of it.
 */
function firstSight(before: Pick<Entry, "seenAt"> | undefined, seenAt: number, now: EpochMs): EpochMs {
  return epochMs(Math.min(before?.seenAt ?? Infinity, seenAt, now));
}

function isDrain(message: NoticeMessage | DrainReport): message is DrainReport {
  return "counts" in message;
}

/**
 * A machine that came after the one that was taken, under its name. The deadline is compared and not the moment at
 * which the agent saw the notice: that is on the node's clock, and a node whose clock runs minutes behind would lose
 * its notice. A node that carries the notice's mark is the one that it is about.
 */
function isNewer(
  { createdAt, drainState }: Pick<NodeInput, "createdAt" | "drainState">,
  id: string,
  entry: Entry,
): boolean {
  const isMarked = drainState.kind === "value" && drainState.value.id === id;
  return !isMarked && createdAt > entry.deadline;
}

function isOver(entry: Entry, at: EpochMs): boolean {
  return entry.cancelled || elapsed(entry.deadline, at) > AFTER_DEADLINE_MS;
}
