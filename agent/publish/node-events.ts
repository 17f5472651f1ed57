// Kubernetes Events of the agent, on its node and on pods: the second channel on which its news travel, and what people
// read. One at a time: events are a courtesy, and a crowd of them would stand before the evictions at the API server.

import { millis } from "../../shared/model/units.ts";
import type { EventRecord, EventRecorder } from "../../shared/runtime/kube/events.ts";
import type { Log } from "../../shared/runtime/log.ts";

export interface NodeEvents {
  /** `sameAs`: events that say the same are counted up and not written anew. */
  onNode(type: EventRecord["type"], reason: string, message: string, sameAs: string): void;
  onPod(
    pod: { readonly namespace: string; readonly name: string; readonly uid: string },
    type: EventRecord["type"],
    reason: string,
    message: string,
  ): void;
}

export interface NodeEventsOptions {
  readonly node: string;
  readonly nodeUid: () => string | undefined;
  readonly record: EventRecorder;
  readonly log: Log;
  readonly signal: AbortSignal;
}

const EVENT_DEADLINE = millis(5_000);
/** One for each pod of a full node, and some. */
const WAITING_AT_MOST = 300;

export function createNodeEvents(options: NodeEventsOptions): NodeEvents {
  const { node, nodeUid, log, signal } = options;
  let writing = Promise.resolve();
  let waiting = 0;
  const event = (news: EventRecord): void => {
    if (waiting >= WAITING_AT_MOST) {
      log.warn({ reason: news.reason, count: waiting }, "event not written: too many wait");
      return;
    }
    waiting++;
    writing = writing
      .then(async () => {
        await options.record(news, { signal, deadlineMs: EVENT_DEADLINE });
      })
      .catch((error: unknown) => {
        if (!signal.aborted) log.warn({ error, reason: news.reason }, "event not written");
      })
      .finally(() => {
        waiting--;
      });
  };
  return {
    onNode: (type, reason, message, sameAs) => {
      event({
        subject: { apiVersion: "v1", kind: "Node", name: node, uid: nodeUid() },
        type,
        reason,
        message,
        sameAs,
      });
    },
    onPod: ({ namespace, name, uid }, type, reason, message) => {
      event({ subject: { apiVersion: "v1", kind: "Pod", namespace, name, uid }, type, reason, message });
    },
  };
}
