// Status as text, beside the policies: who leads, which nodes may go or are asked to, which agents are silent or have ill GPUs.
// Pure; what is not known is said so, never left out.

import type { EpochMs } from "../../shared/model/units.ts";
import { millis } from "../../shared/model/units.ts";
import { table } from "../../shared/runtime/table.ts";
import { duration, shortened } from "./sentences/words.ts";

/** By the lease alone: the coordinator itself is not asked. */
export type LeaderLine =
  | { readonly kind: "leads" | "away"; readonly holder: string; readonly renewedAt: string | null }
  | { readonly kind: "none"; readonly why: string }
  /** Nobody may look, or the server does not answer. */
  | { readonly kind: "unknown"; readonly why: string };

export interface FleetLines {
  readonly requests: readonly { readonly node: string; readonly reason: string; readonly deadline: string }[];
  readonly hints: readonly {
    readonly node: string;
    readonly kind: string;
    readonly source: string;
    readonly at: string | null;
  }[];
  readonly agents: readonly {
    readonly node: string;
    readonly state: string;
    readonly heardAt: string | null;
    readonly says: string;
  }[];
}

/** Each a line: a fleet has many nodes, and the worst of them come first. */
const SHOWN = 20;
const LONGEST = 120;
const WIDTH = 100;

export function leaderText(leader: LeaderLine, now: EpochMs): string {
  switch (leader.kind) {
    case "leads":
      return `Coordinator: ${leader.holder} leads`;
    case "away":
      return `Coordinator: away. ${leader.holder} has not renewed its lease ${since(leader.renewedAt, now)}: what stands below is from then, and nothing is sized`;
    case "none":
      return `Coordinator: none. ${leader.why}: nothing is sized`;
    case "unknown":
      return `Coordinator: not known. ${leader.why}`;
    default:
      return leader satisfies never;
  }
}

/** Blocks, each only where there is something of its kind. */
export function fleetText({ requests, hints, agents }: FleetLines, now: EpochMs): readonly string[] {
  return [
    block(
      "Nodes that are asked to be emptied, and whose agent has not begun",
      ["node", "reason", "until"],
      requests.map(({ node, reason, deadline }) => [node, shortened(reason, LONGEST), deadline]),
    ),
    block(
      "Nodes whose machine may go soon",
      ["node", "what", "source", "at"],
      hints.map(({ node, kind, source, at }) => [node, kind, source, at ?? "-"]),
    ),
    block(
      "Agents that are silent, or whose GPUs are ill or cannot be read (which is not idle)",
      ["node", "agent", "heard", "says"],
      agents
        .toSorted((a, b) => ORDER.indexOf(a.state) - ORDER.indexOf(b.state))
        .map(({ node, state, heardAt, says }) => [
          node,
          state,
          heardAt === null ? "never" : `${duration(millis(Math.max(0, now - Date.parse(heardAt))))} ago`,
          shortened(says === "" ? "-" : says, LONGEST),
        ]),
    ),
  ].flatMap((text) => text ?? []);
}

const ORDER: readonly string[] = ["ill", "silent", "unread"];

function block(title: string, head: readonly string[], rows: readonly (readonly string[])[]): string | null {
  if (rows.length === 0) return null;
  const more = rows.length > SHOWN ? [`  and ${rows.length - SHOWN} more; all of them with -o json`] : [];
  return [`${title}\n${table([head, ...rows.slice(0, SHOWN)], { width: WIDTH })}`, ...more].join("\n");
}

function since(at: string | null, now: EpochMs): string {
  return at === null ? "ever" : `for ${duration(millis(Math.max(0, now - Date.parse(at))))}`;
}
