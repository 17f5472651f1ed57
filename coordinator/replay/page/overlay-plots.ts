// Policies drawn over each other: one line for each, told apart by dashes as well as by colour. Four plots on one time
// axis: cost per hour, cost so far, nodes, GPUs that work waits for.

import type { Column, Columns, SeriesId } from "./columns.ts";
import { html } from "./html.ts";
import type { Html } from "./html.ts";
import { short, usd } from "./numbers.ts";
import { stepArea, stepLine, ticks } from "./paths.ts";
import type { Values } from "./paths.ts";
import { amountScale, plotFigure } from "./plot.ts";
import type { Axis, Layer, Plot } from "./plot.ts";
import { meanOf, means, most, plain, seriesOf } from "./series.ts";

export interface PolicyColumns {
  readonly name: string;
  readonly columns: Columns;
}

/** Lines that can be told apart; more policies begin again. */
const LOOKS = 6;

/** `moments`: where their moves part, milliseconds from the scenario's start. */
export function overlayPlots(
  prefix: string,
  policies: readonly PolicyColumns[],
  moments: readonly number[],
  axis: Axis,
): Html {
  if (axis.count === 0) return html`<p class="note">These runs have no timeline.</p>`;
  const marks = ticks(
    moments.map((ms) => (ms - axis.startMs) / axis.widthMs),
    0.1,
  );
  const ends = policies.map(({ columns }) => columns.spentUsd.at(-1) ?? 0);
  const plots = [
    overlay(
      prefix,
      "usd",
      "Cost per hour",
      "US dollars an hour.",
      policies,
      usd,
      (value) => `$${short(value)}`,
    ),
    drawn({
      id: `${prefix}-spent`,
      title: "Cost so far",
      about: "US dollars since the end of the warm-in, of what has a known price.",
      lines: policies.map(({ name, columns }, at) => ({
        name,
        series: `p${at}-spent`,
        values: columns.spentUsd,
        range: null,
        atRest: `${usd(ends[at] ?? 0)} at the end`,
      })),
      top: Math.max(...ends),
      label: (value) => `$${short(value)}`,
    }),
    overlay(prefix, "nodes", "Nodes", "Nodes that are paid for.", policies, plain, short),
    overlay(prefix, "queued", "GPUs waited for", "GPUs that work waits for.", policies, plain, short),
  ];
  return html`${plots.map((plot) => plotFigure({ ...plot, layers: [...plot.layers, { path: marks, look: "line part" }] }, axis))}`;
}

function overlay(
  prefix: string,
  id: SeriesId,
  title: string,
  about: string,
  policies: readonly PolicyColumns[],
  text: (value: number) => string,
  label: (value: number) => string,
): Plot {
  return drawn({
    id: `${prefix}-${id}`,
    title,
    about,
    lines: policies.map(({ name, columns }, at) => {
      const mean = meanOf(seriesOf(columns, id));
      return {
        name,
        series: `p${at}-${id}`,

        values: means(seriesOf(columns, id)),
        range: columns.binsPerColumn === 1 ? null : seriesOf(columns, id),

        atRest: mean === null ? "unknown" : `mean ${text(mean)}`,
      };
    }),
    top: Math.max(...policies.map(({ columns }) => most(seriesOf(columns, id)))),
    label,
  });
}

function drawn(spec: {
  readonly id: string;
  readonly title: string;
  readonly about: string;
  readonly lines: readonly {
    readonly name: string;
    readonly series: string;

    readonly values: Values;
    /** Of columns of several bins: drawn from the least to the most in each. */
    readonly range: readonly Column[] | null;

    readonly atRest: string;
  }[];
  readonly top: number;
  readonly label: (value: number) => string;
}): Plot {
  const { id, title, about, lines, top, label } = spec;
  const scale = amountScale(top, label);
  return {
    id,
    title,
    description: `${about} ${lines.map(({ name, atRest }) => `${name}: ${atRest}`).join(". ")}.`,
    scale,
    heightPx: 140,
    layers: [
      ...lines.flatMap(({ range }, at) => (range === null ? [] : [rangeLayer(range, at, scale.top)])),
      ...lines.map(({ values }, at) => ({ path: stepLine(values, scale.top), look: `line p${at % LOOKS}` })),
    ],
    keys: lines.map(({ name, series, atRest }, at) => ({
      look: `line p${at % LOOKS}`,
      label: name,
      series,
      atRest,
    })),
  };
}

function rangeLayer(range: readonly Column[], at: number, top: number): Layer {
  const low = range.map(({ min }) => min);
  const high = range.map(({ max }) => max);
  return { path: stepArea(low, high, top), look: `fill range p${at % LOOKS}` };
}
