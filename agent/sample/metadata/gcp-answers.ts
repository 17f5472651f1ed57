// The answers of Google's metadata server as sightings: the preemption, the maintenance event and the maintenance that
// is planned. Text in, sightings out, and never an exception; who asks, and how, is in gcp.ts.

import {
  cloudTime,
  flawed,
  instantPart,
  jsonIn,
  NOTHING,
  objectIn,
  shown,
  sightingId,
  wordIn,
} from "./reading.ts";
import type { Reading } from "./reading.ts";

export interface GcpMachine {
  readonly node: string;
  /** Another boot of the machine is another preemption. */
  readonly bootId: string | null;
}

/** "FALSE" or "TRUE"; no time, neither of the end nor of the change. */
export function readPreempted(body: string, { node, bootId }: GcpMachine): Reading {
  const value = body.trim().toUpperCase();
  if (value === "FALSE") return NOTHING;
  if (value !== "TRUE") return flawed(`instance/preempted is neither TRUE nor FALSE: ${shown(body)}`);
  const id = sightingId("gcp", node, "preempted", bootId ?? "boot");
  return {
    seen: [{ id, kind: "termination", action: "preempted", endsMachine: true, when: null }],
    flaw: null,
  };
}

const ENDS = "TERMINATE_ON_HOST_MAINTENANCE";
const LIVES = "MIGRATE_ON_HOST_MAINTENANCE";

/** What the server says of planned maintenance, where it knows of such. */
export interface Upcoming {
  /** When it begins; null where it is not said. */
  readonly at: ReturnType<typeof cloudTime>;
  readonly type: string;
}

/**
 * The event that is about to begin, or else the one that is planned: one maintenance has one sighting. `endsMachine` is
 * what the machine's own scheduling says for the planned one.
 */
export function readMaintenanceEvent(
  body: string,
  machine: GcpMachine,
  planned: { readonly upcoming: Upcoming | null; readonly endsMachine: boolean },
): Reading {
  const value = body.trim().toUpperCase();
  const { node, bootId } = machine;
  const { upcoming } = planned;
  if (value === ENDS || value === LIVES) {
    const endsMachine = value === ENDS;
    const id = sightingId("gcp", node, endsMachine ? "terminate" : "migrate", bootId ?? "boot");
    const when = endsMachine ? (upcoming?.at ?? null) : null;
    return { seen: [{ id, kind: "maintenance", action: value, endsMachine, when }], flaw: null };
  }
  if (value !== "NONE" && value !== "")
    return flawed(`instance/maintenance-event is none of NONE, ${LIVES} and ${ENDS}: ${shown(body)}`);
  if (upcoming === null || upcoming.at === null) return NOTHING;
  const id = sightingId("gcp", node, "maintenance", instantPart(upcoming.at));
  const { endsMachine } = planned;
  return {
    seen: [{ id, kind: "maintenance", action: upcoming.type, endsMachine, when: upcoming.at }],
    flaw: null,
  };
}

/** Most machines have no such document, so what cannot be read is none. */
export function readUpcoming(body: string): Upcoming | null {
  // Where the key holds the document as text, the JSON form of the answer wraps it once more.
  const inner = jsonIn(body);
  const said = objectIn(typeof inner === "string" ? inner : body);
  if (said === null) return null;
  const text = (snake: string, camel: string): unknown => said[snake] ?? said[camel];
  const status = text("maintenance_status", "maintenanceStatus");
  if (status !== "PENDING" && status !== "ONGOING") return null;
  const type = wordIn(text("type", "type")) ?? "maintenance";
  return { at: cloudTime(text("window_start_time", "windowStartTime")), type };
}
