// Writes core/v1 Events: what happened to an object, for people who type `kubectl describe`. The same event
// again raises the count of the one that is there. An event is a courtesy: it may fail, and the caller decides
// whether that is worth a log line.

import { createHash } from "node:crypto";

import type { Clock } from "../clock.ts";
import { AppError, kindOf } from "../errors.ts";
import type { CallOptions, KubeClient } from "./client.ts";
import { RESOURCE } from "./resources.ts";
import type { EventObject } from "./resources.ts";

export interface EventSubject {
  readonly apiVersion: string;
  readonly kind: string;
  readonly namespace?: string | undefined;
  readonly name: string;
  readonly uid?: string | undefined;
}

export interface EventRecord {
  readonly subject: EventSubject;
  readonly type: "Normal" | "Warning";
  /** One word, from EVENT in model/names.ts. */
  readonly reason: string;
  /** Cut at 1 kB. */
  readonly message: string;
  /** What makes two events the same one; without it, their message. */
  readonly sameAs?: string;
}

export type EventRecorder = (record: EventRecord, options?: CallOptions) => Promise<void>;

const MESSAGE_LIMIT_BYTES = 1024;
/** Events of cluster-scoped objects live here, by the API server's rule. */
const CLUSTER_EVENTS_NAMESPACE = "default";
/** Longest object name that leaves room for the dot and the hash in a name of 253. */
const NAME_PREFIX_LIMIT = 236;

export function createEventRecorder(options: {
  readonly client: Pick<KubeClient, "create" | "mergePatch">;
  readonly component: string;
  readonly clock: Clock;
}): EventRecorder {
  const { client, component, clock } = options;

  return async (record, limits = {}) => {
    const at = new Date(clock.now()).toISOString().replace(/\.\d+Z$/, "Z");
    const event = eventObject(record, component, at);
    try {
      await client.create(RESOURCE.events, event, limits);
    } catch (error) {
      if (kindOf(error) !== "conflict") throw error;
      await countAgain(event, at, limits);
    }
  };

  /** The first patch answers with the event as it is, so nobody needs the right to read events. */
  async function countAgain(event: EventObject, at: string, limits: CallOptions): Promise<void> {
    const ref = event.metadata;
    const touched = await client.mergePatch(RESOURCE.events, ref, { lastTimestamp: at }, limits);
    const { resourceVersion } = touched.metadata;
    const counted = {
      metadata: { resourceVersion },
      count: (touched.count ?? 1) + 1,
      message: event.message,
    };
    try {
      await client.mergePatch(RESOURCE.events, ref, counted, limits);
    } catch (error) {
      // Somebody counted at the same moment: the event says the right thing, with one count too few.
      if (!(error instanceof AppError) || error.kind !== "conflict") throw error;
    }
  }
}

function eventObject(record: EventRecord, component: string, at: string): EventObject {
  const { subject, type, reason } = record;
  const message = cutToBytes(record.message, MESSAGE_LIMIT_BYTES);
  const { apiVersion, kind, namespace, name, uid } = subject;
  return {
    metadata: { name: eventName(record, component), namespace: namespace ?? CLUSTER_EVENTS_NAMESPACE },
    involvedObject: {
      apiVersion,
      kind,
      name,
      ...(namespace === undefined ? {} : { namespace }),
      ...(uid === undefined ? {} : { uid }),
    },
    type,
    reason,
    message,
    count: 1,
    firstTimestamp: at,
    lastTimestamp: at,
    source: { component },
    reportingComponent: component,
    reportingInstance: component,
  };
}

/** The same event has the same name, so the server itself finds the repetition, also after a restart. */
function eventName({ subject, type, reason, message, sameAs }: EventRecord, component: string): string {
  const identity = [
    component,
    subject.kind,
    subject.uid ?? "",
    subject.name,
    type,
    reason,
    sameAs ?? message,
  ];
  const hash = createHash("sha256").update(JSON.stringify(identity)).digest("hex").slice(0, 16);
  return `${subject.name.toLowerCase().slice(0, NAME_PREFIX_LIMIT)}.${hash}`;
}

function cutToBytes(text: string, limit: number): string {
  const bytes = Buffer.from(text, "utf8");
  if (bytes.length <= limit) return text;
  // A character cut in half decodes to U+FFFD, which is taken off; the ellipsis is three bytes.
  return `${bytes
    .subarray(0, limit - 3)
    .toString("utf8")
    .replace(/\uFFFD+$/, "")}…`;
}
