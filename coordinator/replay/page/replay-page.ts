// The page of one policy over one or more starts: what came out on top, then each start's plots and what happened in it.
// It lays out; every figure comes from the runs.

import type { Run } from "../run.ts";
import { momentText } from "./axis.ts";
import { columnsOf } from "./columns.ts";
import { pageDocument } from "./document.ts";
import { happeningList } from "./happening-list.ts";
import { happeningRows } from "./happenings.ts";
import { html } from "./html.ts";
import type { Html } from "./html.ts";
import { countedTime, notesPart, tiles } from "./lead.ts";
import { checkPage } from "./meta.ts";
import type { PageMeta } from "./meta.ts";
import { figure } from "./numbers.ts";
import type { Axis } from "./plot.ts";
import { runPlots } from "./run-plots.ts";
import { SCORE_ROWS } from "./score-rows.ts";
import { scoreTable } from "./score-table.ts";
import { rounded, runSection, startChoice } from "./section.ts";
import { means } from "./series.ts";

/** Of all starts together, so that a page with twenty stays one that a browser opens at once. */
const COLUMNS = 5000;
const ROWS = 4000;
const ROW_CHARACTERS = 1_100_000;
const COLUMNS_LEAST = 200;
const COLUMNS_MOST = 3000;
const ROWS_MOST = 2500;

/** Rows of the table of starts. */
const START_ROWS: readonly string[] = [
  "usd",
  "saved_share",
  "wait_p95_s",
  "started_60s_share",
  "allocated_share",
  "interruptions",
  "lost_gpu_hours",
];

/**
 * A whole HTML document that asks nobody for anything.
 * @param runs one policy, one run for each of `meta.offsets`.
 * @throws AppError bad-input where there are no runs, or not one for each start.
 */
export function replayPage(runs: readonly Run[], meta: PageMeta): string {
  const policy = runs[0]?.sizer ?? "";
  checkPage([{ name: policy, runs }], meta);
  return pageDocument(
    meta.title,
    html`<header>
        <h1>${meta.title}</h1>
        <p class="soft">${lead(runs, meta)}</p>
      </header>
      <main>
        ${tiles(runs)}
        <h2>Figures</h2>
        ${scoreTable(runs)}
        <h2 id="plots">Over time</h2>
        ${startChoice(meta.offsets.map(({ label }) => label))}
        ${runs.map((run, at) => startSection(run, at, runs.length, meta))} ${startsTable(runs, meta)}
        ${notesPart(meta)}
      </main>
      <footer>Times are in UTC, money in US dollars.</footer>`,
  );
}

function lead(runs: readonly Run[], meta: PageMeta): string {
  const [first] = runs;

  const starts = runs.length === 1 ? "from one start" : `from ${runs.length} starts`;
  const seeds = new Set(runs.map(({ seed }) => seed));
  return `Policy ${first?.sizer ?? ""} on ${first?.scenario ?? ""}, ${starts}, ${countedTime(meta)} counted${runs.length === 1 ? "" : " each"}, ${seeds.size === 1 ? `seed ${first?.seed ?? ""}` : "each with its own seed"}.`;
}

function startSection(run: Run, at: number, starts: number, meta: PageMeta): Html {
  const { label, start } = meta.offsets[at] ?? { label: "", start: null };
  if (start === null) return html``;
  const id = `r${at}`;
  const most = Math.min(COLUMNS_MOST, Math.max(COLUMNS_LEAST, Math.floor(COLUMNS / starts)));
  const columns = columnsOf(run, most, { fromMs: meta.warmInMs, toMs: meta.lengthMs });
  const axis: Axis = {
    count: columns.count,
    startMs: columns.startMs,
    widthMs: columns.widthMs,
    start,
    countedFromMs: meta.warmInMs,
    countedToMs: meta.lengthMs,
  };
  const rows = happeningRows(run, {
    rows: Math.min(ROWS_MOST, Math.floor(ROWS / starts)),
    characters: Math.min(ROW_CHARACTERS / 2, ROW_CHARACTERS / starts),
  });
  const series: Record<string, readonly (number | null)[]> = { spent: rounded(columns.spentUsd) };
  for (const [name, values] of columns.series) series[name] = rounded(means(values));
  return runSection({
    id,
    label: `${label}, from ${momentText(start)}`,
    open: at === 0,
    plots: html`${columnNote(columns.binsPerColumn, columns.widthMs)}${runPlots(id, columns, run.happenings, axis)}`,
    after: html`<h3>What happened, and why</h3>
      ${happeningList(id, rows, start)}`,
    explains: rows.rows.length > 0,
    data: {
      start,
      startMs: columns.startMs,
      widthMs: columns.widthMs,
      count: columns.count,
      series,
      money: ["spent", ...[...columns.series.keys()].filter((name) => name.startsWith("usd"))],
    },
  });
}

/** How coarse the drawing is, so that nobody takes a mean for a moment. */
function columnNote(binsPerColumn: number, widthMs: number): Html {
  const minutes = Math.round(widthMs / 60_000);
  return binsPerColumn === 1
    ? html`<p class="note">
        Each column is the mean over ${minutes} min. What is veiled is not counted: the warm-in before, the
        drain after.
      </p>`
    : html`<p class="note">
        Each column is the mean over ${minutes} min, with the least and the most within it as a grey band.
        What is veiled is not counted: the warm-in before, the drain after.
      </p>`;
}

function startsTable(runs: readonly Run[], { offsets }: PageMeta): Html {
  if (runs.length < 2) return html``;
  const rows = START_ROWS.flatMap((id) => SCORE_ROWS.find((row) => row.id === id) ?? []);
  return html`<h2>Each start</h2>
    <div class="scroll" tabindex="0" role="region" aria-label="Each start">
      <table>
        <caption>
          The same policy from each start.
        </caption>
        <thead>
          <tr>
            <th scope="col">Start</th>
            ${rows.map(({ label }) => html`<th scope="col" class="num">${label}</th>`)}
          </tr>
        </thead>
        <tbody>
          ${runs.map(
            ({ score }, at) =>
              html`<tr>
                <th scope="row"><a href="#plots" data-start="${at}">${offsets[at]?.label ?? ""}</a></th>
                ${rows.map((row) => html`<td class="num">${figure(row.of(score), row.unit)}</td>`)}
              </tr> `,
          )}
        </tbody>
      </table>
    </div>`;
}
