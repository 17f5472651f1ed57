// The table of a score: one figure a row, in plain words, with what it counts; for one start its value, for several the
// mean, the range and how sure the mean is; for several policies all of that side by side, with the difference from the
// first. It takes every figure from score-rows.ts.

import type { Run } from "../run.ts";
import { html } from "./html.ts";
import type { Html } from "./html.ts";
import type { PolicyRuns } from "./meta.ts";
import { figure, grouped, shown } from "./numbers.ts";
import type { ScoreRow } from "./score-row.ts";
import { SCORE_ROWS } from "./score-rows.ts";
import { differences, spread } from "./spread.ts";
import type { Spread } from "./spread.ts";

export function scoreTable(runs: readonly Run[]): Html {
  return runs.length === 1 ? oneStart(runs) : severalStarts(runs);
}

/** A table for each group, so that two stand beside each other where there is room. */
function oneStart(runs: readonly Run[]): Html {
  return html`<div class="scores">
    ${groupsOf(runs).map(
      ({ group, rows }) =>
        html`<table class="score">
          <caption>
            ${group}
          </caption>
          <thead class="sr">
            <tr>
              <th scope="col">Figure</th>
              <th scope="col">Value</th>
            </tr>
          </thead>
          <tbody>
            ${rows.map((row) => rowOf(row, html`<td class="num">${figureOf(row, runs, valuesOf(row, runs)[0] ?? null)}</td>`))}
          </tbody>
        </table>`,
    )}
  </div>`;
}

function severalStarts(runs: readonly Run[]): Html {
  return html`<p class="note">${INTERVAL}</p>
    <div class="scroll" tabindex="0" role="region" aria-label="Scores">
      <table class="score">
        <caption>
          After the warm-in, over ${runs.length} starts
        </caption>
        <thead>
          <tr>
            <th scope="col">Figure</th>
            <th scope="col" class="num">Mean</th>
            <th scope="col" class="num">Least</th>
            <th scope="col" class="num">Most</th>
            <th scope="col" class="num">95 % interval</th>
          </tr>
        </thead>
        ${bodies(runs, 5, (row) => {
          const { mean, min, max, low, high, unknown } = spread(valuesOf(row, runs));
          return html`<td class="num">
              ${figureOf(row, runs, mean)}${unknownNote(unknown, runs.length, mean)}
            </td>
            <td class="num">${min === null ? html`` : figure(min, row.unit)}</td>
            <td class="num">${max === null ? html`` : figure(max, row.unit)}</td>
            <td class="num">${interval(low, high, row)}</td>`;
        })}
      </table>
    </div>`;
}

const INTERVAL =
  "The interval is that of the mean, by Student's t. Starts that overlap in the trace are not independent of each other, so take it as how much the start matters.";

/** Policies side by side; the first is what the others are held against. */
export function compareTable(groups: readonly PolicyRuns[]): Html {
  const [first, ...others] = groups;
  if (first === undefined) return html``;
  const starts = first.runs.length;
  const over = starts === 1 ? "One start" : `Means over ${starts} starts, with the range`;
  const sure =
    starts < 3
      ? "with fewer than three starts there is no interval"
      : "with the 95 % interval of their mean; where it holds zero, the starts show no clear difference";
  const all = groups.flatMap(({ runs }) => runs);
  return html`<p class="note">Differences are from ${first.name}, start by start, ${sure}.</p>
    <div class="scroll" tabindex="0" role="region" aria-label="Scores side by side">
      <table class="score">
        <caption>
          ${over}
        </caption>
        <thead>
          <tr>
            <th scope="col">Figure</th>
            ${groups.map(({ name }) => html`<th scope="col" class="num name">${name}</th>`)}
          </tr>
        </thead>
        ${bodies(all, groups.length + 1, (row) => {
          const base = valuesOf(row, first.runs);
          return html`<td class="num">${meanOf(row, first.runs)}</td>
            ${others.map(({ runs }) => {
              const by = differences(base, valuesOf(row, runs));
              return html`<td class="num">${meanOf(row, runs)}${difference(by, spread(base), row)}</td>`;
            })}`;
        })}
      </table>
    </div>`;
}

function bodies(runs: readonly Run[], columns: number, cells: (row: ScoreRow) => Html): Html {
  return html`${groupsOf(runs).map(
    ({ group, rows }) =>
      html`<tbody>
        <tr class="group">
          <th colspan="${columns}" scope="rowgroup">${group}</th>
        </tr>
        ${rows.map((row) => rowOf(row, cells(row)))}
      </tbody>`,
  )}`;
}

/** Rows that no run has anything to count for are left out. */
function groupsOf(
  runs: readonly Run[],
): readonly { readonly group: string; readonly rows: readonly ScoreRow[] }[] {
  const rows = SCORE_ROWS.filter((row) => runs.some((run) => appliesTo(row, run)));
  return [...new Set(rows.map(({ group }) => group))].map((group) => ({
    group,
    rows: rows.filter((row) => row.group === group),
  }));
}

function rowOf({ id, label, counts }: ScoreRow, cells: Html): Html {
  return html`<tr data-row="${id}">
    <th scope="row">${label}<small>${counts}</small></th>
    ${cells}
  </tr> `;
}

/** Nothing to count is not unknown. */
function figureOf(row: ScoreRow, runs: readonly Run[], value: number | null): Html {
  const none = value === null && !runs.some((run) => appliesTo(row, run));
  return none ? html`<span class="unknown">none</span>` : figure(value, row.unit);
}

export function appliesTo({ applies }: ScoreRow, { score }: Run): boolean {
  return applies === undefined || applies(score);
}

function meanOf(row: ScoreRow, runs: readonly Run[]): Html {
  const { mean, min, max, unknown } = spread(valuesOf(row, runs));
  const range =
    min === null || max === null || min === max
      ? html``
      : html`<small>${shown(min, row.unit)} to ${shown(max, row.unit)}</small>`;
  return html`<b>${figureOf(row, runs, mean)}</b>${range}${unknownNote(unknown, runs.length, mean)}`;
}

function difference(by: Spread, base: Spread, row: ScoreRow): Html {
  if (by.mean === null) return html``;
  if (by.min === 0 && by.max === 0) return html`<small>the same</small>`;
  const relative =
    base.mean === null || base.mean === 0 || row.unit === "share"
      ? ""
      : ` (${signed(by.mean / Math.abs(base.mean), (value) => shown(value, "share"))})`;
  const between =
    by.low === null || by.high === null
      ? html``
      : html`<small>${changed(by.low, row)} to ${changed(by.high, row)}</small>`;
  return html`<small>${changed(by.mean, row)}${relative}${verdict(by, row)}</small>${between}`;
}

/** Only where the interval says so. */
function verdict({ mean, low, high }: Spread, { better }: ScoreRow): Html {
  const clear = low !== null && high !== null && (low > 0 || high < 0);
  if (mean === null || better === null || !clear) return html``;
  return mean < 0 === (better === "less")
    ? html` <span class="good">better</span>`
    : html` <span class="bad">worse</span>`;
}

function interval(low: number | null, high: number | null, { unit }: ScoreRow): Html {
  return low === null || high === null || low === high
    ? html``
    : html`<span class="soft">${shown(low, unit)} to ${shown(high, unit)}</span>`;
}

/** A mean over some of the starts says so. */
function unknownNote(unknown: number, starts: number, value: number | null): Html {
  return unknown === 0 || value === null
    ? html``
    : html`<small>known for ${starts - unknown} of ${starts}</small>`;
}

/** A change of a share is counted in points, since a percentage of a percentage is read wrongly. */
export function changed(value: number, { unit }: ScoreRow): string {
  if (unit === "share") return signed(value, (size) => `${grouped(size * 100, 1)} points`);
  return signed(value, (size) => (unit === "factor" ? grouped(size, 2) : shown(size, unit)));
}

function signed(value: number, text: (value: number) => string): string {
  return `${value > 0 ? "+" : ""}${text(value)}`;
}

export function valuesOf(row: ScoreRow, runs: readonly Run[]): readonly (number | null)[] {
  return runs.map(({ score }) => row.of(score));
}
