// The page of two or more policies over the same starts: their scores side by side with what is sure about the
// differences, their fleets drawn over each other, and the first moments at which their moves part, with both reasons.

import type { EpochMs } from "../../../shared/model/units.ts";
import { sentence } from "../../report/explain.ts";
import { momentText } from "./axis.ts";
import { columnsOf } from "./columns.ts";
import { pageDocument } from "./document.ts";
import { html } from "./html.ts";
import type { Html } from "./html.ts";
import { countedTime, notesPart } from "./lead.ts";
import { checkPage } from "./meta.ts";
import type { PageMeta, PolicyRuns } from "./meta.ts";
import { overlayPlots } from "./overlay-plots.ts";
import type { PolicyColumns } from "./overlay-plots.ts";
import type { Part } from "./parts.ts";
import { compareTable } from "./score-table.ts";
import { rounded, runSection, startChoice } from "./section.ts";
import { means } from "./series.ts";

/** Of all starts and policies together. */
const COLUMNS = 20_000;
const COLUMNS_LEAST = 120;
const COLUMNS_MOST = 2000;
/** Beside the folded rest. */
const OPEN_PARTS = 10;

/**
 * A whole HTML document that asks nobody for anything.
 * @param parts as partsOf gives them; [] where nobody has looked.
 * @throws AppError bad-input where policies share a name, or their runs are not one for each start.
 */
export function comparePage(groups: readonly PolicyRuns[], parts: readonly Part[], meta: PageMeta): string {
  checkPage(groups, meta);
  const names = groups.map(({ name }) => name);

  return pageDocument(
    meta.title,
    html`<header>
        <h1>${meta.title}</h1>
        <p class="soft">
          ${names.join(", ")} on ${groups[0]?.runs[0]?.scenario ?? ""}: the same work, capacity and prices for
          each, ${meta.offsets.length === 1 ? "from one start" : `from ${meta.offsets.length} starts`},
          ${countedTime(meta)} counted each.
        </p>
      </header>
      <main>
        <h2>Figures</h2>
        ${compareTable(groups)}
        <h2>Where they part</h2>
        ${partsList(parts, meta)}
        <h2 id="plots">Over time</h2>
        ${startChoice(meta.offsets.map(({ label }) => label))}
        ${meta.offsets.map(({ label, start }, at) => startSection(groups, parts, at, label, start, meta))}
        ${notesPart(meta)}
      </main>
      <footer>Times are in UTC, money in US dollars.</footer>`,
  );
}

function startSection(
  groups: readonly PolicyRuns[],
  parts: readonly Part[],
  at: number,
  label: string,
  start: EpochMs,
  meta: PageMeta,
): Html {
  const id = `r${at}`;
  const room = Math.floor(COLUMNS / (meta.offsets.length * groups.length));
  const most = Math.min(COLUMNS_MOST, Math.max(COLUMNS_LEAST, room));
  const counted = { fromMs: meta.warmInMs, toMs: meta.lengthMs };
  const policies: readonly PolicyColumns[] = groups.flatMap(({ name, runs }) => {
    const run = runs[at];
    return run === undefined ? [] : [{ name, columns: columnsOf(run, most, counted) }];
  });
  // The longest and finest; the runs of one start have the same bins unless one of them ran on for longer.
  const [first, ...rest] = policies.map(({ columns }) => columns);
  if (first === undefined) return html``;
  const longest = rest.reduce((best, columns) => (columns.count > best.count ? columns : best), first);
  const { startMs, widthMs, count, binsPerColumn } = longest;
  const series: Record<string, readonly (number | null)[]> = {};
  policies.forEach(({ columns }, index) => {
    for (const name of ["usd", "nodes", "queued"] as const)
      series[`p${index}-${name}`] = rounded(means(columns.series.get(name) ?? []));
    series[`p${index}-spent`] = rounded(columns.spentUsd);
  });
  const axis = { count, startMs, widthMs, start, countedFromMs: meta.warmInMs, countedToMs: meta.lengthMs };
  const moments = parts.filter(({ offset }) => offset === at).map(({ atMs }) => atMs);
  return runSection({
    id,
    label: `${label}, from ${momentText(start)}`,
    open: at === 0,
    plots: html`<p class="note">
        Each column is the mean over ${Math.round(widthMs / 60_000)}
        min${binsPerColumn === 1 ? "" : ", with the least and the most within it as a pale band"}. Upright
        dashes are the moments at which moves first part. What is veiled is not counted.
      </p>
      ${overlayPlots(id, policies, moments, axis)}`,
    after: html``,
    explains: false,
    data: {
      start,
      startMs,
      widthMs,
      count,
      series,
      money: Object.keys(series).filter((name) => name.endsWith("-usd") || name.endsWith("-spent")),
    },
  });
}

function partsList(parts: readonly Part[], { offsets }: PageMeta): Html {
  if (parts.length === 0)
    return html`<p>Nowhere that was looked at: every listed move of theirs is the same.</p>`;
  const [open, folded] = [parts.slice(0, OPEN_PARTS), parts.slice(OPEN_PARTS)];
  const items = (of: readonly Part[]): readonly Html[] => of.map((part) => partItem(part, offsets));
  return html`<p>
      For each start and pool the first moment at which their moves are not the same. After it their fleets
      differ, so what they do later has other grounds too.
    </p>
    ${items(open)}
    ${
      folded.length === 0
        ? html``
        : html`<details>
            <summary>${folded.length} more, of other starts and pools</summary>
            ${items(folded)}
          </details>`
    }`;
}

function partItem({ offset, atMs, pool, sides }: Part, offsets: PageMeta["offsets"]): Html {
  const { label, start } = offsets[offset] ?? { label: "", start: null };
  const when = start === null ? "" : momentText(start + atMs);
  return html`<div class="part">
    <h3>
      <a href="#plots" data-start="${offset}" data-moment="${atMs}">${when}</a>, pool
      ${pool}${offsets.length > 1 ? html` <span class="soft">(${label})</span>` : html``}
    </h3>
    <dl>
      ${sides.map(
        ({ policy, said, because }) =>
          html`<dt>${policy}</dt>
            <dd>${said}${because.length === 0 ? "" : `: ${because.map(sentence).join("; ")}`}</dd>`,
      )}
    </dl>
  </div> `;
}
