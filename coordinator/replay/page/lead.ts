// What a page says beside plots and tables: the few figures that everybody asks for first, what was dropped from the
// files, and what a replay does not model.

import type { Run } from "../run.ts";
import { lengthText } from "./axis.ts";
import { html } from "./html.ts";
import type { Html } from "./html.ts";
import { NOT_MODELLED } from "./limits.ts";
import type { PageMeta } from "./meta.ts";
import { figure, shown } from "./numbers.ts";
import { SCORE_ROWS } from "./score-rows.ts";
import { valuesOf } from "./score-table.ts";
import { spread } from "./spread.ts";

/** Row of the score → what it is called in a tile. */
const TILES: readonly (readonly [string, string])[] = [
  ["usd", "cost of nodes"],
  ["saved_share", "less than the same hours on-demand"],
  ["wait_p95_s", "wait that 95 of 100 jobs keep within"],
  ["started_60s_share", "of jobs started within 60 s"],
  ["services_missed_share", "of the replica time that services wanted was missing"],
  ["allocated_share", "of GPU time paid for was in use"],
  ["interruptions", "spot nodes taken back"],
];

export function tiles(runs: readonly Run[]): Html {
  return html`<ul class="tiles">
    ${TILES.flatMap(([id, words]) => {
      const row = SCORE_ROWS.find((candidate) => candidate.id === id);
      if (row === undefined || !runs.some(({ score }) => row.applies?.(score) ?? true)) return [];
      const { mean, min, max } = spread(valuesOf(row, runs));
      const range =
        mean === null || min === max || min === null || max === null
          ? html``
          : html` <span>(mean; ${shown(min, row.unit)} to ${shown(max, row.unit)})</span>`;
      return [html`<li data-tile="${id}"><b>${figure(mean, row.unit)}</b><span>${words}</span>${range}</li>`];
    })}
  </ul>`;
}

export function notesPart({ notes, notModelled = [] }: PageMeta): Html {
  const list = (sentences: readonly string[]): Html =>
    html`<ul>
      ${sentences.map((text) => html`<li>${text}</li>`)}
    </ul>`;
  return html`<h2>About the input</h2>
    ${notes.length === 0 ? html`<p>Nothing was dropped from the files, and nothing stood in for anything.</p>` : list(notes)}
    <h2>What this does not model</h2>
    ${list([...NOT_MODELLED, ...notModelled])}`;
}

/** The time that figures count, as people say it: "29 d 12 h". */
export function countedTime({ warmInMs, lengthMs }: PageMeta): string {
  return lengthText(Math.max(0, lengthMs - warmInMs));
}
