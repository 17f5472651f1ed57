// One start of a replay as a part of the page: its plots with their bar of buttons, a cursor and the numbers behind it.
// Parts of other starts fold away. It is given finished plots and lists and knows nothing of policies.

import type { EpochMs } from "../../../shared/model/units.ts";
import { dataElement, html } from "./html.ts";
import type { Html } from "./html.ts";

export interface SectionData {
  readonly start: EpochMs;
  readonly startMs: number;
  readonly widthMs: number;
  readonly count: number;
  /** Values by series at each column; null is unknown. */
  readonly series: Readonly<Record<string, readonly (number | null)[]>>;
  /** Series that count dollars. */
  readonly money: readonly string[];
}

export interface Section {
  readonly id: string;
  readonly label: string;
  /** Shown without a script; the others fold. */
  readonly open: boolean;
  readonly plots: Html;
  /** Below the plots. */
  readonly after: Html;
  /** Whether the sentence at the cursor has rows to come from. */
  readonly explains: boolean;
  readonly data: SectionData;
}

const HOUR = 3_600_000;
const SPANS = [
  { label: "All", ms: 0 },
  { label: "Week", ms: 168 * HOUR },
  { label: "Day", ms: 24 * HOUR },
  { label: "6 h", ms: 6 * HOUR },
] as const;

export function runSection({ id, label, open, plots, after, explains, data }: Section): Html {
  return html`<details class="run" data-run${open ? html` open` : html``}>
    <summary>${label}</summary>
    <div
      data-plots
      tabindex="0"
      role="group"
      aria-label="Plots. Left and right move the cursor, plus and minus zoom, Escape shows everything."
    >
      <div class="bar">
        ${SPANS.map((span) => html`<button type="button" data-span="${span.ms}">${span.label}</button>`)}<button
          type="button"
          data-move="-0.5"
          aria-label="Earlier"
        >
          ◀</button
        ><button type="button" data-move="0.5" aria-label="Later">▶</button
        ><span class="when" data-when></span>
      </div>
      <span class="sr" data-said aria-live="polite"></span>
      ${plots}${explains ? html`<p class="whynow" data-why>Point at a moment to read why. Drag over a stretch to zoom in.</p>` : html``}
    </div>
    ${after} ${dataElement(`${id}-data`, data)}
  </details> `;
}

/** Which start is shown; nothing where there is but one. */
export function startChoice(labels: readonly string[]): Html {
  if (labels.length < 2) return html``;
  return html`<p class="pick js-only">
    <label
      >Start
      <select id="which">
        ${labels.map((label, at) => html`<option value="${at}">${label}</option>`)}
      </select></label
    >
  </p>`;
}

/** For the data behind the cursor: as many digits as anybody reads, so that a month stays small. */
export function rounded(values: readonly (number | null)[]): readonly (number | null)[] {
  return values.map((value) =>
    value === null ? null : Number(value.toPrecision(Math.abs(value) >= 1000 ? 8 : 4)),
  );
}
