// A drill is an annotation that a person sets on a node. It is read strictly: what cannot be meant is ignored with its
// reason, a drill keeps its id for as long as it lasts, takes over an earlier deadline and never a later one. Whether it
// counts beside what the cloud says is decided in interruption.ts, whether it may begin in drill-permit.ts.

import { parseInstant } from "../../shared/model/instant.ts";
import type { Notice } from "../../shared/model/interruption.ts";
import { NODE_ANNOTATION } from "../../shared/model/names.ts";
import { after, millis } from "../../shared/model/units.ts";
import type { EpochMs, Millis } from "../../shared/model/units.ts";

/** The notice of a drill that names no time. */
const DEFAULT_LEAD = millis(120_000);
/** A time that has passed by no more than this is a slow clock or a slow hand, and gives a short drill. */
const PAST_AT_MOST = millis(60_000);
const SHORT_LEAD = millis(15_000);

/** Why a drill that somebody asked for is not held. */
export type Ignored =
  | { readonly code: "unparsable-time"; readonly value: string }
  | { readonly code: "time-past"; readonly value: string; readonly byMs: Millis }
  | { readonly code: "later-time"; readonly value: string }
  | { readonly code: "drills-disabled" }
  | { readonly code: "foreign-source"; readonly value: string };

export type Annotations = Readonly<Record<string, string>> | undefined;

/** What the annotations ask for. `over`: its time has come, and it said that the node is given back then. */
export type DrillReading =
  | { readonly kind: "none" }
  | { readonly kind: "ignored"; readonly ignored: Ignored }
  | { readonly kind: "over" }
  | {
      readonly kind: "drill";
      readonly change: "new" | "same" | "earlier";
      readonly notice: Notice;
      readonly ignored: Ignored | null;
    };

export interface DrillInput {
  readonly node: string;
  readonly annotations: Annotations;
  readonly now: EpochMs;
  /** The drill that is being held. */
  readonly previous: Notice | null;
  /** A drill has ended here before: the next one is another interruption, even when it names the same time. */
  readonly again: boolean;
}

/** Whether somebody wants a drill here. A mark of ours on a real notice names its cloud and asks for none. */
export function isDrillAsked(annotations: Annotations): boolean {
  return annotations?.[NODE_ANNOTATION.interruptionWarning] === "true";
}

export function readDrill(input: DrillInput): DrillReading {
  const { annotations, previous, now } = input;
  if (!isDrillAsked(annotations)) return { kind: "none" };
  const text = annotations?.[NODE_ANNOTATION.terminationTime];
  const time = drillTime(text, now);
  if (previous !== null) {
    const givesBack = annotations?.[NODE_ANNOTATION.drillAutoUncordon] === "true";
    return givesBack && now >= previous.deadline ? { kind: "over" } : continued(previous, time, text ?? "");
  }
  if (time.kind === "unusable") return { kind: "ignored", ignored: time.ignored };
  return {
    kind: "drill",
    change: "new",
    notice: {
      id: drillId(input, time.named),
      source: "drill",
      seenAt: now,
      deadline: time.deadline,
      replace: annotations?.[NODE_ANNOTATION.drillReplace] === "true",
      confirmed: false,
    },
    ignored: null,
  };
}

/** For people, in events and logs: what was wrong and what would be right. */
export function ignoredDetail(ignored: Ignored): string {
  switch (ignored.code) {
    case "unparsable-time":
      return `${NODE_ANNOTATION.terminationTime} is ${JSON.stringify(ignored.value.slice(0, 64))}, which is not an RFC 3339 instant such as 2026-01-31T12:00:00Z; remove it for a drill of 120 s`;
    case "time-past":
      return `${NODE_ANNOTATION.terminationTime} ${ignored.value.slice(0, 64)} passed ${Math.round(ignored.byMs / 1000)} s ago; give a time to come`;
    case "later-time":
      return `${NODE_ANNOTATION.terminationTime} ${ignored.value.slice(0, 64)} is later than the time that this drill began with, and a drill is not prolonged; remove ${NODE_ANNOTATION.interruptionWarning} to end it, and set it again for a new one`;
    case "drills-disabled":
      return `drills are switched off on this node; ${NODE_ANNOTATION.interruptionWarning} has no effect`;
    case "foreign-source":
      return `${NODE_ANNOTATION.interruptionSource} says ${JSON.stringify(ignored.value.slice(0, 64))}, and this agent has read no such notice; remove it to hold a drill`;
  }
}

/** A drill under way: only a usable, earlier time changes it. That its own time passes is its course. */
function continued(previous: Notice, time: DrillTime, text: string): DrillReading {
  if (time.kind === "unusable") {
    const ignored = time.ignored.code === "unparsable-time" ? time.ignored : null;
    return { kind: "drill", change: "same", notice: previous, ignored };
  }
  const { deadline } = previous;
  if (time.named === null || time.named >= deadline || time.deadline >= deadline) {
    const isLater = time.named !== null && time.named > deadline;
    const ignored = isLater ? ({ code: "later-time", value: text } as const) : null;
    return { kind: "drill", change: "same", notice: previous, ignored };
  }
  return {
    kind: "drill",
    change: "earlier",
    notice: { ...previous, deadline: time.deadline },
    ignored: null,
  };
}

type DrillTime =
  | { readonly kind: "usable"; readonly named: EpochMs | null; readonly deadline: EpochMs }
  | { readonly kind: "unusable"; readonly ignored: Ignored };

function drillTime(text: string | undefined, now: EpochMs): DrillTime {
  if (text === undefined || text === "")
    return { kind: "usable", named: null, deadline: after(now, DEFAULT_LEAD) };
  const named = parseInstant(text);
  if (named === null) return { kind: "unusable", ignored: { code: "unparsable-time", value: text } };
  if (named > now) return { kind: "usable", named, deadline: named };
  const byMs = millis(now - named);
  if (byMs > PAST_AT_MOST) return { kind: "unusable", ignored: { code: "time-past", value: text, byMs } };
  return { kind: "usable", named, deadline: after(now, SHORT_LEAD) };
}

/**
 * The same drill read again, by this process or the next, has the same id: it is made of the node and of the
 * time that was named, or else of the time when it was first seen, which drain-state keeps. A drill after another
 * one goes by when it was seen, to the millisecond, for the id of the one before may stand as cancelled somewhere.
 */
function drillId({ node, now, again }: DrillInput, named: EpochMs | null): string {
  const mark = again ? now : Math.floor((named ?? now) / 1000);
  return `drill-${node}-${mark.toString(36)}`;
}
