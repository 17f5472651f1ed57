// One plot as HTML: a caption with its key, the drawing as SVG, amounts at its side and times below. The drawing is
// stretched over the room that there is, so all text stands outside of it. What is drawn comes as layers; this knows no
// run and no policy.

import type { EpochMs } from "../../../shared/model/units.ts";
import { amountMarks, timeMarks } from "./axis.ts";
import { html, trusted } from "./html.ts";
import type { Html } from "./html.ts";
import { HEIGHT } from "./paths.ts";

export interface Layer {
  readonly path: string;
  /** Classes of style.ts: they say fill, stroke and hatching. */
  readonly look: string;
}

export interface Key {
  readonly look: string;
  readonly label: string;
  /** The series whose value at the cursor stands beside it. Null: none. */
  readonly series: string | null;
  /** What stands there while no cursor is: "mean 3.2". */
  readonly atRest: string;
}

/** The time axis that all plots of one start share; x counts columns. */
export interface Axis {
  readonly count: number;
  readonly startMs: number;
  readonly widthMs: number;
  readonly start: EpochMs;
  /** Figures count from there to there, milliseconds from the scenario's start; the rest is drawn behind a veil. */
  readonly countedFromMs: number;
  readonly countedToMs: number;
}

export interface Plot {
  /** Unique on the page; letters, digits and hyphens. */
  readonly id: string;
  readonly title: string;
  /** What it shows in a sentence or two, with figures: it is read to whoever cannot see it. */
  readonly description: string;
  readonly layers: readonly Layer[];
  readonly keys: readonly Key[];
  readonly scale: Scale;
  /** Of the drawing on the screen, in CSS pixels. */
  readonly heightPx?: number;
}

export interface Scale {
  readonly top: number;
  /** Share of the height from the bottom → label. */
  readonly marks: readonly { readonly share: number; readonly label: string; readonly line: boolean }[];
}

export function amountScale(most: number, label: (value: number) => string): Scale {
  const { top, marks } = amountMarks(most);
  return { top, marks: marks.map((value) => ({ share: value / top, label: label(value), line: true })) };
}

export function plotFigure(plot: Plot, axis: Axis): Html {
  const { id, title, description, layers, keys, scale } = plot;
  const end = axis.startMs + axis.count * axis.widthMs;
  const marks = timeMarks(axis.startMs, end, axis.start);
  const x = (ms: number): number => (ms - axis.startMs) / axis.widthMs;
  const lines = scale.marks
    .filter(({ line }) => line)
    .map(({ share }) => `M0 ${Math.round(HEIGHT * (1 - share))}H${axis.count}`)
    .join("");
  const upright = marks.map(({ atMs }) => `M${round(x(atMs))} 0V${HEIGHT}`).join("");
  return html`<figure class="plot" id="${id}">
    <figcaption><b>${title}</b>${keys.map(keyItem)}</figcaption>
    <div class="frame" style="--h:${plot.heightPx ?? 150}px">
      <div class="y" aria-hidden="true">
        ${scale.marks.map(({ share, label }) => html`<span style="bottom:${round(share * 100)}%">${label}</span>`)}
      </div>
      <div class="area" data-area>
        <svg
          data-zoom
          role="img"
          aria-labelledby="${id}-t ${id}-d"
          viewBox="0 0 ${axis.count} ${HEIGHT}"
          preserveAspectRatio="none"
        >
          <title id="${id}-t">${title}</title>
          <desc id="${id}-d">${description}</desc>
          <path class="grid" d="${trusted(lines)}" />
          <path class="grid" data-upright d="${trusted(upright)}" />
          ${layers.map(({ path, look }) => (path === "" ? html`` : html`<path class="${look}" d="${trusted(path)}" />`))}${veil(axis, x)}
        </svg>
      </div>
      <div class="x" aria-hidden="true" data-times>
        ${marks.map(({ atMs, label }) => timeLabel((x(atMs) / axis.count) * 100, label))}
      </div>
    </div>
  </figure> `;
}

/** At the edges a label stands beside its mark, so that nothing sticks out. */
function timeLabel(percent: number, label: string): Html {
  const edge = percent < 3 ? "first" : percent > 96 ? "last" : "";
  return html`<span class="${edge}" style="left:${round(percent)}%">${label}</span>`;
}

function keyItem({ look, label, series, atRest }: Key): Html {
  return html`<span class="key"
    >${look === "" ? html`` : sample(look)}${label}
    ${series === null ? html`<span class="at">${atRest}</span>` : html`<span class="at" data-series="${series}">${atRest}</span>`}</span
  >`;
}

function sample(look: string): Html {
  return html`<svg class="swatch" viewBox="0 0 14 10" aria-hidden="true">
    <path class="${look}" d="${swatch(look)}" />
  </svg>`;
}

/** An area is shown as a patch, a line as a line. */
function swatch(look: string): Html {
  return trusted(look.startsWith("line") ? "M0 5H14" : "M0 0H14V10H0Z");
}

/** What is not counted: the warm-in before, and what still runs after the end. */
function veil({ count, countedFromMs, countedToMs }: Axis, x: (ms: number) => number): Html {
  const from = Math.min(count, Math.max(0, x(countedFromMs)));
  const to = Math.min(count, Math.max(0, x(countedToMs)));
  const path = [
    ...(from > 0 ? [`M0 0H${round(from)}V${HEIGHT}H0Z`] : []),
    ...(to < count ? [`M${round(to)} 0H${count}V${HEIGHT}H${round(to)}Z`] : []),
  ].join("");
  return path === "" ? html`` : html`<path class="veil" d="${trusted(path)}" />`;
}

function round(value: number): number {
  return Math.round(value * 100) / 100;
}
