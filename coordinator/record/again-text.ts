// What deciding again has given, as text: whether it is the same, and where it is not, with the reasons of both sides.

import { sentence } from "../report/explain.ts";
import type { DecidedAgain } from "./again.ts";
import type { Answer, Parting } from "./partings.ts";
import type { Tally } from "./read.ts";

/** Partings that the text shows; data has more. */
const SHOWN = 20;
const REASONS_SHOWN = 4;

export function againText(again: DecidedAgain, tally: Tally, policies: readonly string[]): string {
  return [
    ...readText(again, tally),
    "",
    ...(policies.length === 0 ? sameText(again) : partText(again, policies)),
  ].join("\n");
}

function readText({ decisions, from, to }: DecidedAgain, tally: Tally): readonly string[] {
  const span = from === null || to === null ? "" : ` from ${instant(from)} to ${instant(to)}`;
  return [
    `${counted(decisions, "decision")}${span} in ${counted(tally.files, "file")}`,
    ...lackingText(tally),
  ];
}

/** What of a recording is not there, in sentences. */
export function lackingText(tally: Tally): readonly string[] {
  return [
    ...(tally.dropped === 0
      ? []
      : [`${counted(tally.dropped, "decision")} more were not recorded: the recorder dropped them`]),
    ...(tally.cut === 0
      ? []
      : [`${counted(tally.cut, "file")} end within a line, which is left out: the process ended there`]),
    ...tally.damaged.map((what) => `the rest of a file cannot be read: ${what}`),
  ];
}

function sameText(again: DecidedAgain): readonly string[] {
  const { decisions, different, firstDifferent, otherBuilds } = again;
  if (decisions === 0) return ["nothing was recorded"];
  if (firstDifferent === null) return ["decided again: the same plans, byte for byte"];
  const { at, file, line } = firstDifferent;
  return [
    `decided again: ${different} of ${decisions} plans differ, the first of ${instant(at)} (${file}, line ${line})`,
    ...(otherBuilds.length === 0
      ? ["this build recorded them, so that is a defect; please report it with that file, anonymised"]
      : [`recorded by ${otherBuilds.join(", ")}: another version may decide otherwise`]),
    ...partingsText(again),
  ];
}

function partText(again: DecidedAgain, policies: readonly string[]): readonly string[] {
  const { decisions, unknownPools } = again;
  if (decisions === 0) return ["nothing was recorded"];
  return [
    `decided again with ${policies.join(", ")} as given, each time from what was seen then: what would have followed is not in a recording`,
    ...unknownPools.map((pool) => `the recording knows no pool ${pool}: its size is not known, so it holds`),
    ...partingsText(again),
  ];
}

function partingsText({ partings }: DecidedAgain): readonly string[] {
  const { first, leftOut, byKind, otherReasons } = partings;
  const kinds = Object.entries(byKind).toSorted(([, a], [, b]) => b.decisions - a.decisions);
  return [
    ...(kinds.length === 0 ? ["no pool moves otherwise"] : ["recorded → now:"]),
    ...kinds.map(
      ([kind, { partings: times, decisions }]) =>
        `  ${kind}: ${counted(times, "time")}, ${counted(decisions, "decision")}`,
    ),
    ...(otherReasons === 0 ? [] : [`the same moves for other reasons: ${counted(otherReasons, "answer")}`]),
    ...first.slice(0, SHOWN).flatMap(partingText),
    ...(first.length + leftOut > SHOWN ? [`and ${first.length + leftOut - SHOWN} more`] : []),
  ];
}

function partingText({ at, until, decisions, policy, pool, recorded, now }: Parting): readonly string[] {
  const span = at === until ? "" : ` until ${instant(until)} (${counted(decisions, "decision")})`;
  return [
    "",
    `${instant(at)}${span} ${policy}/${pool}`,
    answerText("recorded", recorded),
    answerText("now", now),
  ];
}

function answerText(side: string, { kind, moves, because }: Answer): string {
  const reasons = because.slice(0, REASONS_SHOWN).map(sentence);
  const more = because.length - reasons.length;
  const why = [...reasons, ...(more > 0 ? [`${more} more`] : [])].join("; ");
  const what = moves.length === 0 ? kind : moves.join(", ");
  return `  ${side.padEnd(9)} ${what}${why === "" ? "" : `: ${why}`}`;
}

export function instant(at: number): string {
  return new Date(at).toISOString().replace(".000Z", "Z");
}

export function counted(count: number, what: string): string {
  return `${count} ${what}${count === 1 ? "" : "s"}`;
}
