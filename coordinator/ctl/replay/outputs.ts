// What came out of a replay as text for a terminal, as CSV and as JSON. Rows and words are those of the page, so that all of
// them say the same.

import { toInstantText } from "../../../shared/model/instant.ts";
import { table } from "../../../shared/runtime/table.ts";
import type { Dropped } from "../../replay/inputs/dropped.ts";
import { lengthText } from "../../replay/inputs/times.ts";
import type { PageMeta, PolicyRuns } from "../../replay/page/meta.ts";
import { shown } from "../../replay/page/numbers.ts";
import type { Part } from "../../replay/page/parts.ts";
import { SCORE_ROWS } from "../../replay/page/score-rows.ts";
import { appliesTo, changed } from "../../replay/page/score-table.ts";
import { differences, spread } from "../../replay/page/spread.ts";
import { reasonText } from "../../report/explanation-text.ts";

type ScoreRow = (typeof SCORE_ROWS)[number];

/** Everything that was played, for whatever form. */
export interface Played {
  readonly meta: PageMeta;
  readonly seed: number;
  readonly dropped: readonly Dropped[];
  /** One for each policy. */
  readonly groups: readonly PolicyRuns[];
  readonly parts: readonly Part[];
}

const PARTS_SHOWN = 10;

export function playedText(played: Played): string {
  const { meta, groups, seed } = played;
  const { offsets, warmInMs, lengthMs } = meta;
  const [first] = offsets;
  const title = `${meta.title}: ${lengthText(lengthMs)} from ${first === undefined ? "?" : toInstantText(first.start)}, figures after ${lengthText(warmInMs)}, ${offsets.length} ${offsets.length === 1 ? "start" : "starts"}, seed ${seed}`;
  return [
    title,
    groups.length === 1 ? oneText(groups) : severalText(groups),
    ...(groups.length === 1 ? [] : [partsText(played)]),
    ["Notes", ...meta.notes.map((note) => `  ${note}`)].join("\n"),
    "What a replay does not model stands on its page (--html) and in deploy/docs/replay.md.",
  ].join("\n\n");
}

function valuesOf({ runs }: PolicyRuns, row: ScoreRow): readonly (number | null)[] {
  return runs.map(({ score }) => row.of(score));
}

/** Rows that no run has anything to count for are left out. */
function rowsOf(groups: readonly PolicyRuns[]): readonly ScoreRow[] {
  return SCORE_ROWS.filter((row) => groups.some(({ runs }) => runs.some((run) => appliesTo(row, run))));
}

/** Nothing to count is not unknown, and a mean over some of the starts says so. */
function meanText(row: ScoreRow, group: PolicyRuns, withRange: boolean): string {
  const { runs } = group;
  const { count, unknown, mean, min, max } = spread(valuesOf(group, row));
  if (mean === null && !runs.some((run) => appliesTo(row, run))) return "none";
  const show = (value: number | null): string => shown(value, row.unit);
  const range = !withRange || count < 2 || min === max ? "" : ` (${show(min)} to ${show(max)})`;
  const known =
    unknown === 0 || mean === null ? "" : `, known for ${runs.length - unknown} of ${runs.length}`;
  return `${show(mean)}${range}${known}`;
}

function oneText(groups: readonly PolicyRuns[]): string {
  const [group] = groups;
  if (group === undefined) return "";
  const isOne = group.runs.length === 1;
  const rows = rowsOf(groups).map((row) => {
    const { min, max, low, high } = spread(valuesOf(group, row));
    const show = (value: number | null): string => shown(value, row.unit);
    const mean = meanText(row, group, false);
    if (isOne) return [row.label, mean];
    return [row.label, mean, show(min), show(max), low === null ? "" : `${show(low)} to ${show(high)}`];
  });
  const head = isOne ? ["", group.name] : [group.name, "mean", "least", "most", "95 % of the mean"];
  return table([head, ...rows], { indent: "" });
}

function severalText(groups: readonly PolicyRuns[]): string {
  const [base, ...others] = groups;
  if (base === undefined) return "";
  const rows = rowsOf(groups).map((row) => {
    const against = others.map((group) => {
      const { mean, low, high } = differences(valuesOf(base, row), valuesOf(group, row));
      if (mean === null) return "";
      return low === null || high === null
        ? changed(mean, row)
        : `${changed(mean, row)} (${changed(low, row)} to ${changed(high, row)})`;
    });
    return [row.label, ...groups.map((group) => meanText(row, group, true)), ...against];
  });
  const head = ["", ...groups.map(({ name }) => name), ...others.map(({ name }) => `${name} − ${base.name}`)];
  return `${table([head, ...rows], { indent: "" })}\n\nDifferences are start by start, with the 95 % interval of their mean from three starts on.`;
}

function partsText({ parts, meta, groups }: Played): string {
  if (parts.length === 0)
    return groups.some(({ runs }) => runs.some(({ happeningsLeftOut }) => happeningsLeftOut > 0))
      ? "Their moves are the same as far as they are listed; later ones were not compared."
      : "Their moves are the same throughout.";
  const lines = parts.slice(0, PARTS_SHOWN).flatMap(({ offset, atMs, pool, sides }) => {
    const start = meta.offsets[offset];
    const at = start === undefined ? "" : ` (${toInstantText((start.start + atMs) as typeof start.start)})`;
    return [
      `  ${start?.label ?? ""}, ${lengthText(atMs)} after it${at}, pool ${pool}`,
      ...sides.flatMap(({ policy, said, because }) => [
        `    ${policy} ${said}`,
        ...because.map((reason) => `      ${reasonText(reason)}`),
      ]),
    ];
  });
  const more = parts.length - Math.min(parts.length, PARTS_SHOWN);
  return [
    "Where they part first, for each start and pool",
    ...lines,
    ...(more === 0 ? [] : [`  and ${more} more, in --json and --html`]),
  ].join("\n");
}

export function playedCsv({ groups, meta, seed }: Played): string {
  const head = ["policy", "offset", "start", "seed", ...SCORE_ROWS.map(({ id }) => id)];
  const rows = groups.flatMap(({ name, runs }) =>
    runs.map((run, at) => {
      const start = meta.offsets[at]?.start;
      return [
        quoted(name),
        String(at),
        start === undefined ? "" : toInstantText(start),
        String(seed),
        // Unknown is an empty cell.
        ...SCORE_ROWS.map((row) => String(row.of(run.score) ?? "")),
      ];
    }),
  );
  return `${[head, ...rows].map((cells) => cells.join(",")).join("\n")}\n`;
}

export function playedJson({ meta, seed, dropped, groups, parts }: Played): string {
  const policies = groups.map((group) => ({
    name: group.name,
    figures: Object.fromEntries(SCORE_ROWS.map((row) => [row.id, spread(valuesOf(group, row))])),
    runs: group.runs,
  }));
  return JSON.stringify({ v: 1, ...meta, seed, dropped, policies, parts }, null, 2);
}

function quoted(text: string): string {
  return /[",\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}
