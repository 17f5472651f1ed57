// Messages to bytes and back. Reading refuses instead of guessing: not JSON, another major version, a shape
// that does not fit, or a sender that speaks for another node. A refusal is a value with its reason, for the
// reader to count; nothing here throws on input.

import * as z from "zod";

import { drainReportSchema } from "./drain-report.ts";
import type { DrainReport } from "./drain-report.ts";
import { gpuReportSchema, reportGistSchema } from "./gpu-report.ts";
import type { GpuReport, ReportGist } from "./gpu-report.ts";
import { healthSchema } from "./health.ts";
import type { HealthMessage } from "./health.ts";
import { noticeSchema } from "./notice.ts";
import type { NoticeMessage } from "./notice.ts";
import { peerSchema } from "./peer.ts";
import type { PeerMessage } from "./peer.ts";
import { parseSubject } from "./subjects.ts";
import type { MessageKind } from "./subjects.ts";

export interface Messages {
  readonly report: GpuReport;
  readonly notice: NoticeMessage;
  readonly drain: DrainReport;
  readonly health: HealthMessage;
  readonly tell: PeerMessage;
}

const SCHEMAS: { readonly [K in MessageKind]: z.ZodType<Messages[K]> } = {
  report: gpuReportSchema,
  notice: noticeSchema,
  drain: drainReportSchema,
  health: healthSchema,
  tell: peerSchema,
};

/** The newest major version of each kind; readers know all that came before. */
const NEWEST: Readonly<Record<MessageKind, number>> = { report: 2, notice: 1, drain: 1, health: 1, tell: 1 };

/** Larger messages are refused unread: a report takes about 0.4 KiB for each GPU. */
export const MAX_MESSAGE_BYTES = 64 * 1024;

export type RefusalCode =
  | "unknown-subject"
  | "too-large"
  | "not-json"
  | "unknown-version"
  | "malformed"
  | "wrong-sender";

export type Decoded<K extends MessageKind> = DecodedAs<Messages[K]>;

export type DecodedAs<M> =
  | { readonly kind: "message"; readonly node: string; readonly message: M }
  | { readonly kind: "refused"; readonly code: RefusalCode; readonly detail: string };

export function encode<K extends MessageKind>(message: Messages[K]): Uint8Array {
  return new TextEncoder().encode(JSON.stringify(message));
}

/** Made once: a large fleet sends thousands of messages a second. */
const TEXT = new TextDecoder("utf-8", { fatal: true });
const VERSION = z.object({ v: z.number() });

/** Reads one message of the kind that its subject names. */
export function decode<K extends MessageKind>(
  expected: K,
  subject: string,
  data: Uint8Array,
  root?: string,
): Decoded<K> {
  return decodeAs(SCHEMAS[expected], expected, subject, data, root);
}

/** Reads of a report what decisions are made of, and looks at nothing else in it. */
export function decodeGist(subject: string, data: Uint8Array, root?: string): DecodedAs<ReportGist> {
  return decodeAs(reportGistSchema, "report", subject, data, root);
}

function decodeAs<M extends { readonly node: string }>(
  schema: z.ZodType<M>,
  expected: MessageKind,
  subject: string,
  data: Uint8Array,
  root: string | undefined,
): DecodedAs<M> {
  const named = parseSubject(subject, root);
  if (named === null || named.kind !== expected) return refused("unknown-subject", subject);
  if (data.byteLength > MAX_MESSAGE_BYTES) return refused("too-large", `${data.byteLength} bytes`);

  let json: unknown;
  try {
    json = JSON.parse(TEXT.decode(data));
  } catch {
    return refused("not-json", `${data.byteLength} bytes`);
  }
  const version = VERSION.safeParse(json);
  const newest = NEWEST[expected];
  if (version.success && !isKnown(version.data.v, newest))
    return refused(
      "unknown-version",
      `v ${version.data.v}, this reader knows ${newest === 1 ? "1" : `1 to ${newest}`}; whoever reads is upgraded before those who write`,
    );

  const parsed = schema.safeParse(json);
  if (!parsed.success) return refused("malformed", z.prettifyError(parsed.error).slice(0, 500));
  if (parsed.data.node !== named.node)
    return refused("wrong-sender", `the message names ${parsed.data.node}, its subject ${named.node}`);
  return { kind: "message", node: named.node, message: parsed.data };
}

function isKnown(version: number, newest: number): boolean {
  return Number.isInteger(version) && version >= 1 && version <= newest;
}

function refused(
  code: RefusalCode,
  detail: string,
): { readonly kind: "refused"; readonly code: RefusalCode; readonly detail: string } {
  return { kind: "refused", code, detail };
}
