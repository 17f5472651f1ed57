// Azure's scheduled events: the document as each version of the API shows it, with its incarnation, and the approvals
// that clients post. Without HTTP; rates, headers and the slow first answer are in azure.ts.

import { randomUUID } from "node:crypto";

import type { EpochMs } from "../../../shared/model/units.ts";

export const EVENT_VERSIONS = [
  "2017-08-01",
  "2017-11-01",
  "2019-01-01",
  "2019-04-01",
  "2019-08-01",
  "2020-07-01",
] as const;
export type EventVersion = (typeof EVENT_VERSIONS)[number];

export interface AzureEvent {
  readonly type: "Freeze" | "Reboot" | "Redeploy" | "Preempt" | "Terminate";
  /** Null: it has begun already, as after a failure of the hardware. */
  readonly notBefore: EpochMs | null;
  /** Names of the machines that it is about; this one alone when absent. */
  readonly resources?: readonly string[];
  /** A new one when absent. */
  readonly eventId?: string;
  readonly description?: string;
  readonly source?: "Platform" | "User";
  /** −1 (unknown) when absent. */
  readonly durationS?: number;
}

export interface AzureEvents {
  /** Returns the event's id. */
  schedule(event: AzureEvent, ownName: string): string;
  /** @throws Error when there is no such event. */
  begin(eventId: string): void;
  /** It is cancelled or over: nothing of it stays. @throws Error when there is no such event. */
  remove(eventId: string): void;
  clear(): void;
  has(eventId: string): boolean;
  document(version: EventVersion): string;
}

/** The first version that knows each type. */
const TYPE_SINCE: Readonly<Record<AzureEvent["type"], EventVersion>> = {
  Freeze: "2017-08-01",
  Reboot: "2017-08-01",
  Redeploy: "2017-08-01",
  Preempt: "2017-11-01",
  Terminate: "2019-01-01",
};

export function createAzureEvents(): AzureEvents {
  const events = new Map<string, Required<AzureEvent>>();
  let incarnation = 1;

  const known = (eventId: string): Required<AzureEvent> => {
    const event = events.get(eventId);
    if (event === undefined) throw new Error(`no event ${eventId}`);
    return event;
  };

  return {
    schedule: (event, ownName) => {
      const eventId = event.eventId ?? randomUUID().toUpperCase();
      events.set(eventId, {
        resources: [ownName],
        description: "",
        source: "Platform",
        durationS: -1,
        ...event,
        eventId,
      });
      incarnation++;
      return eventId;
    },
    begin: (eventId) => {
      events.set(eventId, { ...known(eventId), notBefore: null });
      incarnation++;
    },
    remove: (eventId) => {
      known(eventId);
      events.delete(eventId);
      incarnation++;
    },
    clear: () => {
      if (events.size === 0) return;
      events.clear();
      incarnation++;
    },
    has: (eventId) => events.has(eventId),
    document: (version) =>
      JSON.stringify({
        DocumentIncarnation: incarnation,
        Events: [...events.values()]
          .filter(({ type }) => version >= TYPE_SINCE[type])
          .map((event) => shown(event, version)),
      }),
  };
}

function shown(event: Required<AzureEvent>, version: EventVersion): object {
  const { eventId, type, resources, notBefore, description, source, durationS } = event;
  return {
    EventId: eventId,
    EventStatus: notBefore === null ? "Started" : "Scheduled",
    EventType: type,
    ResourceType: "VirtualMachine",
    Resources: resources,
    // Empty once it has begun.
    NotBefore: notBefore === null ? "" : new Date(notBefore).toUTCString(),
    ...(version >= "2019-04-01" ? { Description: description } : {}),
    ...(version >= "2019-08-01" ? { EventSource: source } : {}),
    ...(version >= "2020-07-01" ? { DurationInSeconds: durationS } : {}),
  };
}

/** The ids that a body of StartRequests names; null when it is malformed. */
export function startRequests(body: string): readonly string[] | null {
  let parsed: unknown;
  try {
    parsed = JSON.parse(body);
  } catch {
    return null;
  }
  if (typeof parsed !== "object" || parsed === null || !("StartRequests" in parsed)) return null;
  const requests: unknown = parsed.StartRequests;
  if (!Array.isArray(requests) || requests.length === 0) return null;
  const ids = requests.map((one: unknown) =>
    typeof one === "object" && one !== null && "EventId" in one ? one.EventId : null,
  );
  return ids.every((id): id is string => typeof id === "string") ? ids : null;
}
