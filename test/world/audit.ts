// Every request that reached the API, in the order in which it came: what the demo's checks and the scenarios
// read instead of our programs' own claims. Bodies are kept as JSON while they are small.

import { createWriteStream } from "node:fs";

import type { EpochMs } from "../../shared/model/units.ts";
import type { Route } from "./api/route.ts";

export interface AuditEntry {
  /** Order of arrival, from 1. */
  readonly sequence: number;
  /** Instant of the world when the request took effect, or was refused. */
  readonly at: EpochMs;
  readonly method: string;
  readonly path: string;
  readonly query: string;
  readonly resource: string | null;
  readonly verb: string;
  readonly namespace: string | null;
  readonly name: string | null;
  readonly subresource: string | null;
  readonly userAgent: string;
  /** 0 when the connection was cut before an answer. */
  readonly status: number;
  /** Fault that was injected into the request. */
  readonly fault: string | null;
  /** The request's body: JSON where it is, text where it is not or was cut short, null where there was none. */
  readonly body: unknown;
}

export interface Audit {
  readonly entries: readonly AuditEntry[];
  add(entry: AuditEntry): void;
  close(): Promise<void>;
}

const MAX_BODY = 8192;

/** With `file`, each entry is also appended there as one line of JSON. */
export function createAudit(file: string | null): Audit {
  const entries: AuditEntry[] = [];
  const sink = file === null ? null : createWriteStream(file, { flags: "a" });
  return {
    entries,
    add: (entry) => {
      entries.push(entry);
      sink?.write(`${JSON.stringify(entry)}\n`);
    },
    close: async () => {
      if (sink === null) return;
      await new Promise<void>((resolve, reject) => {
        sink.once("error", reject);
        sink.end(resolve);
      });
    },
  };
}

export function auditedRoute(
  route: Route,
  method: string,
): Pick<AuditEntry, "resource" | "verb" | "namespace" | "name" | "subresource"> {
  if (route.kind !== "resource")
    return { resource: null, verb: method.toLowerCase(), namespace: null, name: null, subresource: null };
  const { resource, verb, namespace, name, subresource } = route;
  return { resource, verb, namespace, name, subresource };
}

export function auditedBody(text: string): unknown {
  if (text === "") return null;
  if (text.length > MAX_BODY) return `${text.slice(0, MAX_BODY)}…`;
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return text;
  }
}
