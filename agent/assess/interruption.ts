// From what the cloud's metadata says, what stands on the node and what was acted on before, to the one notice that
// counts, and to the hints beside it. The earliest end wins and is never put off; a real notice overtakes a drill; what is
// taken back by the cloud's own rules is called off. A mark on the node that names a cloud is not believed without its
// metadata: it goes on as a drill until that has answered.

import { readDrainState } from "../../shared/contract/node-marks.ts";
import type { DrainState } from "../../shared/contract/node-marks.ts";
import type { CloudSource, Hint, Notice, Sighting } from "../../shared/model/interruption.ts";
import { NODE_ANNOTATION } from "../../shared/model/names.ts";
import { epochMs } from "../../shared/model/units.ts";
import type { EpochMs, Millis } from "../../shared/model/units.ts";
import { isDrillAsked, readDrill } from "./drill.ts";
import type { Annotations, Ignored } from "./drill.ts";

/** What the metadata says now. */
export interface Told {
  readonly sightings: readonly Sighting[];
  /** What is absent is known to be absent. */
  readonly answered: boolean;
}

export interface InterruptionInput {
  readonly node: string;
  readonly annotations: Annotations;
  readonly now: EpochMs;
  /** The notice that is being acted on, from memory or, after a restart, from the node. */
  readonly previous: Notice | null;
  /** The machine has started anew since that notice. */
  readonly restarted: boolean;
  readonly told: Told;
  /** How long before maintenance that ends the machine its node is drained; 0: not by us. */
  readonly maintenanceLeadMs: Millis;
  /** Whether the drill annotation acts here. */
  readonly drills: boolean;
  /** A drill has ended here before. */
  readonly again: boolean;
  /** Ids of notices that were called off here: who listens is done with them. */
  readonly over: readonly string[];
}

/** Why a notice does not count any more. */
export type CallOff =
  /** The person took the annotation away, or drills were switched off. */
  | "drill-ended"
  /** A drill whose time has come and which asked to be given back then. */
  | "drill-over"
  /** The cloud took it back, or the machine has outlived it. */
  | "withdrawn"
  /** The machine has started anew. */
  | "restarted"
  /** A mark said it, and the metadata does not. */
  | "not-told";

export type Interruption =
  | { readonly kind: "none" }
  | { readonly kind: "ignored"; readonly ignored: Ignored }
  | {
      readonly kind: "notice";
      readonly change: "new" | "same" | "earlier" | "confirmed";
      readonly notice: Notice;
      readonly ignored: Ignored | null;
    }
  | { readonly kind: "cancelled"; readonly notice: Notice; readonly why: CallOff };

export interface Reading {
  readonly interruption: Interruption;
  /** What is no notice yet, or none at all, in the order in which it was seen. */
  readonly hints: readonly Hint[];
  /** When the same facts may mean something else: maintenance comes near, or a drill ends. Null: never by itself. */
  readonly nextAt: EpochMs | null;
}

export function interruptionOf(input: InterruptionInput): Reading {
  const { told, now, maintenanceLeadMs } = input;
  const ending = told.sightings.filter((one) => endsNow(one, now, maintenanceLeadMs));
  const interruption = fromCloud(input, ending) ?? fromDrill(input);
  const acted = interruption.kind === "notice" ? interruption.notice.id : null;
  return {
    interruption,
    hints: told.sightings.flatMap((one) =>
      acted !== null && isNoticeOf(acted, one) ? [] : (hintOf(one) ?? []),
    ),
    nextAt: nextOf(input, interruption),
  };
}

/** What a restarted agent goes on with: the notice that its drain-state keeps. Nothing of it is confirmed. */
export function noticeFromState(state: Omit<DrainState, "cordonedByUs">): Notice | null {
  if (state.cause !== "notice" || state.source === "coordinator") return null;
  if (state.phase === "cancelled" || state.phase === "refused") return null;
  return {
    id: state.id,
    source: state.source,
    seenAt: epochMs(state.seenAt),
    deadline: epochMs(state.deadline),
    replace: state.replace,
    confirmed: false,
  };
}

/** Null: no cloud has to do with it. */
function fromCloud(input: InterruptionInput, ending: readonly Sighting[]): Interruption | null {
  const { previous, told, restarted } = input;
  const real = previous === null || previous.source === "drill" ? null : previous;
  const soonest = ending.toSorted((a, b) => endOf(a) - endOf(b))[0];

  // 1. Nothing before, or a drill, which a real end overtakes.
  if (real === null) return soonest === undefined ? null : began(soonest, input);

  // 2. Another life of the machine: what was said of the one before is done with.
  const same = told.sightings.filter((one) => isSame(real, one));
  if (restarted && same.length === 0) {
    return soonest === undefined
      ? { kind: "cancelled", notice: real, why: "restarted" }
      : began(soonest, input);
  }

  // 3. It stands, under its id or as the one word that its cloud has for it; whatever ends the machine sooner hurries it.
  if (same.length > 0) {
    const deadline = Math.min(real.deadline, ...[...ending, ...same.filter(isTermination)].map(endOf));
    const change = deadline < real.deadline ? "earlier" : real.confirmed ? "same" : "confirmed";
    const notice = { ...real, deadline: epochMs(deadline), confirmed: true };
    return { kind: "notice", change, notice, ignored: null };
  }
  if (soonest !== undefined) return began(soonest, input);

  // 4. It does not stand. Known to be absent, it is taken back; else it goes on as it is.
  if (told.answered || real.confirmed) {
    return { kind: "cancelled", notice: real, why: real.confirmed ? "withdrawn" : "not-told" };
  }
  return { kind: "notice", change: "same", notice: real, ignored: null };
}

function fromDrill(input: InterruptionInput): Interruption {
  const { annotations, previous, drills } = input;
  const asked = isDrillAsked(annotations);
  if (!asked || !drills) {
    if (previous !== null) return { kind: "cancelled", notice: previous, why: "drill-ended" };
    return asked && !isOwnMark(annotations)
      ? { kind: "ignored", ignored: { code: "drills-disabled" } }
      : { kind: "none" };
  }
  const source = annotations?.[NODE_ANNOTATION.interruptionSource];
  if (previous === null && source !== undefined && source !== "drill") {
    if (isOwnMark(annotations)) return { kind: "none" };
    return { kind: "ignored", ignored: { code: "foreign-source", value: source } };
  }
  const reading = readDrill(input);
  switch (reading.kind) {
    case "none":
    case "ignored":
      return reading;
    case "over":
      return previous === null
        ? { kind: "none" }
        : { kind: "cancelled", notice: previous, why: "drill-over" };
    case "drill":
      return { ...reading, kind: "notice" };
  }
}

/**
 * Marks of a real notice that are being taken back, and that a watch still shows: our own state beside them names the
 * same cloud.
 */
function isOwnMark(annotations: Annotations): boolean {
  const state = readDrainState(annotations?.[NODE_ANNOTATION.drainState]);
  const source = annotations?.[NODE_ANNOTATION.interruptionSource];
  return state.kind === "value" && state.value.source === source && source !== "drill";
}

/**
 * AWS, Google and the operator's own source have one word for the end of the machine; when its time changes, so does
 * the id that is made of it, and it is still the same end. Azure's events have ids of their own.
 */
const ONE_WORD: readonly CloudSource[] = ["aws", "gcp", "generic"];

function isSame({ id, source }: Notice, sighting: Sighting): boolean {
  if (isNoticeOf(id, sighting)) return true;
  return sighting.source === source && ONE_WORD.includes(sighting.source) && sighting.kind === "termination";
}

/** Maintenance is told as a hint first. What it becomes is another piece of news, so it has another id. */
function noticeId({ id, kind }: Pick<Sighting, "id" | "kind">): string {
  return kind === "termination" ? id : `${id}-end`;
}

/** Stands in no id that a cloud's words are made into. */
const ANEW = "~";

/** Whether the notice of this id was made of the sighting. */
export function isNoticeOf(id: string, sighting: Pick<Sighting, "id" | "kind">): boolean {
  const made = noticeId(sighting);
  return id === made || id.startsWith(`${made}${ANEW}`);
}

function isTermination({ kind }: Sighting): boolean {
  return kind === "termination";
}

function began(sighting: Sighting, { over }: InterruptionInput): Interruption {
  const { source, seenAt } = sighting;
  const deadline = endOf(sighting);
  const made = noticeId(sighting);
  // What its cloud took back and says again is another interruption: the one before stands as cancelled elsewhere.
  const id = over.some((one) => isNoticeOf(one, sighting)) ? `${made}${ANEW}${seenAt.toString(36)}` : made;
  const notice = { id, source, seenAt, deadline, replace: true, confirmed: true };
  return { kind: "notice", change: "new", notice, ignored: null };
}

function endOf({ deadline, seenAt }: Sighting): EpochMs {
  return deadline ?? seenAt;
}

function endsNow(sighting: Sighting, now: EpochMs, leadMs: Millis): boolean {
  if (sighting.kind === "termination") return true;
  const from = drainedFrom(sighting, leadMs);
  return from !== null && now >= from;
}

/** When maintenance that the machine does not live through becomes a notice; null when it never does. */
function drainedFrom({ kind, endsMachine, deadline }: Sighting, leadMs: Millis): EpochMs | null {
  if (kind !== "maintenance" || !endsMachine || deadline === null || leadMs === 0) return null;
  return epochMs(Math.max(0, deadline - leadMs));
}

function hintOf({ id, source, kind, action, seenAt, deadline, endsMachine }: Sighting): Hint | null {
  return kind === "termination" ? null : { id, source, kind, seenAt, at: deadline, action, endsMachine };
}

function nextOf({ told, now, maintenanceLeadMs }: InterruptionInput, is: Interruption): EpochMs | null {
  const times = told.sightings.flatMap((one) => drainedFrom(one, maintenanceLeadMs) ?? []);
  if (is.kind === "notice" && is.notice.source === "drill") times.push(is.notice.deadline);
  const next = Math.min(...times.filter((at) => at > now));
  return Number.isFinite(next) ? epochMs(next) : null;
}
