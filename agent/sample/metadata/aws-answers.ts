// The answers of EC2's metadata as sightings: the spot notice, the rebalance recommendation, and maintenance of the
// host. Text in, sightings out, and never an exception; who asks, and how often, is in aws.ts.

import {
  asObject,
  cloudTime,
  flawed,
  instantPart,
  jsonIn,
  objectIn,
  SEEN_AT_MOST,
  shown,
  sightingId,
  wordIn,
} from "./reading.ts";
import type { Reading, Seen } from "./reading.ts";

const ACTIONS: ReadonlySet<string> = new Set(["terminate", "stop", "hibernate"]);

/** `{"action":"terminate","time":"2020-04-24T17:11:44Z"}` */
export function readInstanceAction(body: string, node: string): Reading {
  const said = objectIn(body);
  if (said === null) return flawed(`the spot notice is no JSON object: ${shown(body)}`);
  const action = wordIn(said["action"]);
  const named = cloudTime(said["time"]);
  // A known action is meant even when its time is not to be read; an unknown one only with a time.
  if (action === null || (named === null && !ACTIONS.has(action)))
    return flawed(`the spot notice says neither what happens nor when: ${shown(body)}`);
  const mark = named === null ? "untimed" : instantPart(named);
  const seen: Seen = {
    id: sightingId("aws", node, action, mark),
    kind: "termination",
    action,
    endsMachine: true,
    // Hibernation begins with the notice.
    when: action === "hibernate" ? "at-once" : named,
  };
  return { seen: [seen], flaw: null };
}

/** `{"noticeTime":"2020-10-16T19:18:24Z"}`: the machine may be taken soon, nobody knows when. */
export function readRebalance(body: string, node: string): Reading {
  const said = objectIn(body);
  if (said === null) return flawed(`the rebalance recommendation is no JSON object: ${shown(body)}`);
  const at = cloudTime(said["noticeTime"]);
  if (at === null)
    return flawed(`noticeTime of the rebalance recommendation is no time: ${shown(said["noticeTime"])}`);
  const id = sightingId("aws", node, "rebalance", instantPart(at));
  return {
    seen: [{ id, kind: "rebalance", action: "rebalance", endsMachine: false, when: null }],
    flaw: null,
  };
}

/** Codes of maintenance, and whether what runs on the machine lives through it. */
const ENDS: Readonly<Record<string, boolean>> = {
  "instance-reboot": true,
  "system-reboot": true,
  "instance-retirement": true,
  "instance-stop": true,
  "system-maintenance": false,
};

/** A list; what is over or called off stays in it for days. */
export function readMaintenance(body: string, node: string): Reading {
  const said = jsonIn(body);
  if (!Array.isArray(said)) return flawed(`scheduled maintenance is no JSON list: ${shown(body)}`);
  const seen: Seen[] = [];
  let flaw: string | null = null;
  for (const entry of said as readonly unknown[]) {
    const event = asObject(entry);
    const code = wordIn(event?.["Code"]);
    if (event === null || code === null) {
      flaw ??= `an event of scheduled maintenance has no Code: ${shown(entry)}`;
      continue;
    }
    if (isOver(event)) continue;
    if (seen.length >= SEEN_AT_MOST)
      return flawed(`scheduled maintenance lists more than ${SEEN_AT_MOST} events`, seen);
    const when = cloudTime(event["NotBefore"]);
    const mark = wordIn(event["EventId"]) ?? `${code}-${when === null ? "untimed" : instantPart(when)}`;
    seen.push({
      id: sightingId("aws", node, mark),
      kind: "maintenance",
      action: code,
      endsMachine: Object.hasOwn(ENDS, code) && ENDS[code] === true,
      when,
    });
  }
  return { seen, flaw };
}

function isOver(event: Readonly<Record<string, unknown>>): boolean {
  const state = event["State"];
  const description = event["Description"];
  if (typeof state === "string" && /^(completed|cancell?ed)$/i.test(state.trim())) return true;
  return typeof description === "string" && /^\s*\[(completed|cancell?ed)\]/i.test(description);
}
