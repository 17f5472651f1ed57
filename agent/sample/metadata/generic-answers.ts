// The operator's own notice, by file or by address, as a sighting: that it is there says that the machine goes, and a
// small JSON object may say when, what and under which id. Text in, sighting out, and never an exception; who looks, and
// how often, is in generic.ts.

import { NOTICE_KINDS } from "../../../shared/model/interruption.ts";
import { cloudTime, flawed, instantPart, objectIn, shown, sightingId } from "./reading.ts";
import type { Reading } from "./reading.ts";

/** What tells this notice from another of the same node where it has no id and names no time. */
export interface GenericMarks {
  readonly node: string;
  /** "file" or "url". */
  readonly from: string;
  /** Of the file or of the machine's boot: the same for as long as the notice stands. */
  readonly mark: string;
}

const WAY_OUT = `write {"deadline": "2026-01-31T12:00:00Z", "kind": "termination", "id": "maintenance-7"}, any of them left out, or nothing at all`;

export function readGenericNotice(body: string, { node, from, mark }: GenericMarks): Reading {
  const text = body.trim();
  const said = text === "" ? {} : objectIn(text);
  if (said === null)
    return flawed(`the notice is neither empty nor a JSON object: ${shown(text)}; ${WAY_OUT}`);
  const { deadline, kind: named, id } = said;
  const kind = named === undefined ? "termination" : NOTICE_KINDS.find((one) => one === named);
  if (kind === undefined)
    return flawed(`kind of the notice is none of ${NOTICE_KINDS.join(", ")}: ${shown(named)}; ${WAY_OUT}`);
  const when = deadline === undefined || deadline === null ? null : cloudTime(deadline);
  const ownId = typeof id === "string" && id !== "" && id.length <= 256 ? id : null;
  const seen = {
    id:
      ownId === null
        ? sightingId("generic", node, from, kind, when === null ? mark : instantPart(when))
        : sightingId("generic", ownId),
    kind,
    action: kind === "termination" ? "notice" : kind,
    endsMachine: kind === "termination",
    when: kind === "rebalance" ? null : when,
  };
  // That the machine goes is clear all the same, and must not be lost for a slip in its time.
  const isUnreadable = deadline !== undefined && deadline !== null && when === null;
  const flaw = isUnreadable
    ? `deadline of the notice is no RFC 3339 time: ${shown(deadline)}; ${WAY_OUT}`
    : null;
  return { seen: [seen], flaw };
}
