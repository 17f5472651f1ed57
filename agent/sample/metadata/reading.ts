// What one answer of a metadata service says, before anybody's clock is asked: the common form into which the parsers
// of all clouds turn what they read. A flaw does not undo what could be read beside it, but then nothing that is
// missing may be taken for withdrawn.

import { createHash } from "node:crypto";

import { parseInstant } from "../../../shared/model/instant.ts";
import type { CloudSource, NoticeKind } from "../../../shared/model/interruption.ts";
import type { EpochMs } from "../../../shared/model/units.ts";

export interface Seen {
  readonly id: string;
  readonly kind: NoticeKind;
  /** The cloud's own word. */
  readonly action: string;
  readonly endsMachine: boolean;
  /**
   * When, as the cloud says it. "begun": it is under way, and leaves what the cloud usually leaves. "at-once": nothing is
   * left. Null: it names no time.
   */
  readonly when: EpochMs | "begun" | "at-once" | null;
}

export interface Reading {
  readonly seen: readonly Seen[];
  /** What could not be read; null when all of the answer could. */
  readonly flaw: string | null;
}

export const NOTHING: Reading = { seen: [], flaw: null };

/** One answer that lists more than this is not about one machine. */
export const SEEN_AT_MOST = 32;

export function flawed(flaw: string, seen: readonly Seen[] = []): Reading {
  return { seen, flaw };
}

/** For messages: what stood there, short and on one line. */
export function shown(value: unknown): string {
  const text = typeof value === "string" ? value : (JSON.stringify(value) ?? "nothing");
  return JSON.stringify(text.length > 80 ? `${text.slice(0, 80)}…` : text);
}

/** The object that the text is, or null. */
export function objectIn(text: string): Readonly<Record<string, unknown>> | null {
  return asObject(jsonIn(text));
}

export function asObject(value: unknown): Readonly<Record<string, unknown>> | null {
  return typeof value === "object" && value !== null && !Array.isArray(value)
    ? (value as Readonly<Record<string, unknown>>)
    : null;
}

/** Undefined: no JSON. */
export function jsonIn(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined;
  }
}

const MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
const HTTP_TIME =
  /^(?:[A-Z][a-z]{2}, )?(\d{1,2}) ([A-Z][a-z]{2}) (\d{4}) (\d{2}:\d{2}:\d{2}) (?:GMT|UTC|\+0000)$/;

/** "Mon, 19 Sep 2016 18:29:47 GMT" as Azure and HTTP write it, "21 Jan 2019 09:00:43 GMT" as AWS does, or RFC 3339. */
export function cloudTime(value: unknown): EpochMs | null {
  if (typeof value !== "string") return null;
  const text = value.trim();
  const [, day, name, year, time] = HTTP_TIME.exec(text) ?? [];
  if (day === undefined || name === undefined) return parseInstant(text);
  const month = MONTHS.indexOf(name) + 1;
  if (month === 0) return null;
  return parseInstant(`${year}-${String(month).padStart(2, "0")}-${day.padStart(2, "0")}T${time}Z`);
}

/** A word of the cloud's that may stand in an event, a log line and a message; null when it is none. */
export function wordIn(value: unknown): string | null {
  return typeof value === "string" && /^[\w.-]{1,64}$/.test(value) ? value : null;
}

const ID_AT_MOST = 128;

/**
 * The same for the same parts in every process. The node stands for the instance, which has the name for as long as it
 * lives and can be told without asking anybody; a part that tells one interruption of it from the next is the caller's.
 */
export function sightingId(source: CloudSource, ...parts: readonly string[]): string {
  const whole = [source, ...parts].join("-");
  const plain = whole.replace(/[^\w.-]/g, "_");
  if (plain === whole && plain.length <= ID_AT_MOST) return plain;
  const mark = createHash("sha256").update(whole).digest("hex").slice(0, 16);
  return `${plain.slice(0, ID_AT_MOST - mark.length - 1)}-${mark}`;
}

/** An instant as a part of an id. */
export function instantPart(at: EpochMs): string {
  return Math.floor(at).toString(36);
}
