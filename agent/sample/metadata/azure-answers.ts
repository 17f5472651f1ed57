// Azure's scheduled events as sightings: the events of a whole group of machines, of which those count that name this
// one. Text in, sightings out, and never an exception; who asks, and how often, is in azure.ts.

import { asObject, cloudTime, flawed, objectIn, SEEN_AT_MOST, shown, sightingId, wordIn } from "./reading.ts";
import type { Reading, Seen } from "./reading.ts";

/** What is known of an event beside its sighting. */
export interface AzureEvent {
  readonly seen: Seen;
  readonly eventId: string;
  /** No other machine is in it, so that letting it begin concerns nobody else. */
  readonly isAlone: boolean;
}

export interface AzureReading {
  readonly reading: Reading;
  readonly events: readonly AzureEvent[];
}

/** Whether what runs on the machine lives through it. Freeze: it stands still for some seconds. */
const ENDS: Readonly<Record<string, boolean>> = {
  Preempt: true,
  Terminate: true,
  Reboot: true,
  Redeploy: true,
  Freeze: false,
};

/**
 * `names`: how events may name this machine, in small letters. `namesAreSure`: without the cloud's own word for it an
 * event that names others may be ours all the same.
 */
export function readScheduledEvents(
  body: string,
  names: ReadonlySet<string>,
  namesAreSure: boolean,
): AzureReading {
  const list = objectIn(body)?.["Events"];
  if (!Array.isArray(list))
    return { reading: flawed(`scheduled events are no JSON object with Events: ${shown(body)}`), events: [] };
  const events: AzureEvent[] = [];
  let flaw: string | null = null;
  for (const entry of list as readonly unknown[]) {
    const event = asObject(entry);
    const resources = event?.["Resources"];
    if (event === null || !Array.isArray(resources)) {
      flaw ??= `a scheduled event names no Resources: ${shown(entry)}`;
      continue;
    }
    const isOurs = resources.some((name) => typeof name === "string" && names.has(name.toLowerCase()));
    if (!isOurs) {
      if (!namesAreSure)
        flaw ??=
          "the name of this machine is not known yet, so nobody can tell whose the scheduled events are";
      continue;
    }
    if (isOver(event)) continue;
    const read = readEvent(event, resources.length === 1);
    if (read === null) {
      flaw ??= `a scheduled event has no EventId or no EventType: ${shown(entry)}`;
      continue;
    }
    if (events.length >= SEEN_AT_MOST) {
      flaw ??= `there are more than ${SEEN_AT_MOST} scheduled events of this machine`;
      break;
    }
    events.push(read);
  }
  return { reading: { seen: events.map(({ seen }) => seen), flaw }, events };
}

/** What is over or called off disappears; a word for it would mean the same. */
function isOver(event: Readonly<Record<string, unknown>>): boolean {
  const status = event["EventStatus"];
  return typeof status === "string" && /^(completed|cancell?ed)$/i.test(status);
}

function readEvent(event: Readonly<Record<string, unknown>>, isAlone: boolean): AzureEvent | null {
  const eventId = wordIn(event["EventId"]);
  const action = wordIn(event["EventType"]);
  if (eventId === null || action === null) return null;
  const named = cloudTime(event["NotBefore"]);
  const seen: Seen = {
    id: sightingId("azure", eventId),
    kind: action === "Preempt" ? "termination" : "maintenance",
    action,
    endsMachine: Object.hasOwn(ENDS, action) && ENDS[action] === true,
    // The time is empty once it has begun.
    when: event["EventStatus"] === "Started" ? "begun" : (named ?? "begun"),
  };
  return { seen, eventId, isAlone };
}
