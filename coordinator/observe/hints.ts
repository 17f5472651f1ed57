// Hints: a cloud says that a machine may go soon, or that its host is worked on. They come by the event stream and by the
// agent's mark on its node, and empty no node by themselves. One of which nobody knows when it comes true is over after
// half an hour; one that stood on its node ends when it stands there no longer.

import { readInterruptionHint } from "../../shared/contract/node-marks.ts";
import type { NoticeMessage } from "../../shared/contract/notice.ts";
import type { CloudSource, NoticeKind } from "../../shared/model/interruption.ts";
import { NODE_ANNOTATION } from "../../shared/model/names.ts";
import { elapsed, epochMs } from "../../shared/model/units.ts";
import type { EpochMs } from "../../shared/model/units.ts";
import type { NodeInput, NoticeInput } from "../decide/snapshot.ts";
import { printable } from "./strangers-text.ts";

/** A hint without a time that has not come true by then is not believed any longer. */
export const HINT_STANDS_MS = 30 * 60_000;
/** Of the cloud's own word, as the event stream has it. */
export const LONGEST_ACTION = 128;
/** Maintenance may begin late by so much. */
const AFTER_BEGIN_MS = 10 * 60_000;
const KEPT_MS = 24 * 3600_000;
/** Two for each node of a large fleet. Above it the one goes that came first. */
const MAX_HINTS = 20_000;

export type HintedNode = Pick<NodeInput, "name" | "createdAt" | "annotations">;

export interface Hints {
  /** True: it says something new of what is not over. */
  accept(message: HintMessage, now: EpochMs): boolean;
  /** What stands, with what the nodes' marks say; of nodes that are there. `notices`: ids that are notices by now. */
  current(nodes: readonly HintedNode[], now: EpochMs, notices: ReadonlySet<string>): readonly NoticeInput[];
}

export type HintMessage = NoticeMessage & {
  readonly kind: Exclude<NoticeKind, "termination">;
  readonly source: CloudSource;
};

/** A drill is a termination in every case, since there is no other kind of it. */
export function isHint(message: NoticeMessage): message is HintMessage {
  return message.kind !== undefined && message.kind !== "termination" && message.source !== "drill";
}

interface Entry {
  readonly input: NoticeInput;
  readonly cancelled: boolean;
  /** `stood`: on its node, and may do so still. `gone`: not any more. */
  readonly mark: "none" | "stood" | "gone";
}

export function createHints(): Hints {
  const entries = new Map<string, Entry>();

  function put(id: string, entry: Entry): void {
    entries.set(id, entry);
    if (entries.size > MAX_HINTS) entries.delete(entries.keys().next().value ?? id);
  }

  return {
    accept: (message, now) => {
      const { id, node, source, kind, action, endsMachine, machine, phase, seenAt, deadline } = message;
      const before = entries.get(id);
      const cancelled = before?.cancelled === true || phase === "cancelled" || phase === "survived";
      const input: NoticeInput = {
        ...before?.input,
        id,
        node,
        source,
        kind,
        ...timesOf(Math.min(seenAt, now), deadline > seenAt ? deadline : null, before),
        replace: false,
        drained: false,
        ...(action === undefined ? {} : { action: printable(action, LONGEST_ACTION) }),
        ...(endsMachine === undefined ? {} : { endsMachine }),
        ...(machine === undefined ? {} : { machine }),
      };
      put(id, { input, cancelled, mark: before?.mark ?? "none" });
      if (isOver(input, now)) return false;
      return (
        before === undefined || before.cancelled !== cancelled || before.input.deadline !== input.deadline
      );
    },
    current: (nodes, now, notices) => {
      const byName = new Map(nodes.map((node) => [node.name, node]));
      const marks = new Set<string>();
      for (const { name, annotations } of nodes) {
        const mark = readInterruptionHint(annotations[NODE_ANNOTATION.interruptionHint]);
        if (mark.kind !== "value") continue;
        const { id, source, kind, action, endsMachine, seenAt, at } = mark.value;
        marks.add(name);
        const before = entries.get(id);
        put(id, {
          input: {
            ...before?.input,
            id,
            node: name,
            source,
            kind,
            action: printable(action, LONGEST_ACTION),
            ...timesOf(Math.min(seenAt, now), at, before),
            replace: false,
            drained: false,
            ...(endsMachine === undefined ? {} : { endsMachine }),
          },
          cancelled: before?.cancelled === true,
          mark: "stood",
        });
      }
      const standing: NoticeInput[] = [];
      for (const [id, entry] of entries) {
        const { input, cancelled, mark } = entry;
        const node = byName.get(input.node);
        // The node has room for one of its hints: another one there says nothing of this one.
        const isBack = mark === "gone" || (mark === "stood" && !marks.has(input.node));
        if (isBack) entries.set(id, { ...entry, mark: "gone" });
        const isOther = node !== undefined && mark === "none" && node.createdAt > input.seenAt;
        // What is over is kept for a while: an agent that starts anew would tell it as if it had just begun.
        if (isOver(input, now)) {
          if (elapsed(input.seenAt, now) > KEPT_MS && elapsed(input.deadline, now) > KEPT_MS)
            entries.delete(id);
          continue;
        }
        if (node !== undefined && !cancelled && !isBack && !isOther && !notices.has(id)) standing.push(input);
      }
      return standing;
    },
  };
}

/** Its first sight stays: an agent that starts anew sees it for the first time once more. Without a time both are one. */
function timesOf(
  seenAt: number,
  begins: number | null,
  before: Entry | undefined,
): Pick<NoticeInput, "seenAt" | "deadline"> {
  const first = epochMs(before?.input.seenAt ?? seenAt);
  return { seenAt: first, deadline: begins === null ? first : epochMs(begins) };
}

function isOver({ seenAt, deadline }: NoticeInput, now: EpochMs): boolean {
  return deadline <= seenAt ? elapsed(seenAt, now) > HINT_STANDS_MS : elapsed(deadline, now) > AFTER_BEGIN_MS;
}
