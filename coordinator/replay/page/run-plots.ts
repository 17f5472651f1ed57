// The plots of one run on one time axis: cost, cost so far, nodes by tier, GPUs, and a lane of what happened. It turns
// columns into layers and words; how a plot is laid out stands in plot.ts.

import { CAPACITY_TYPES } from "../../../shared/model/node.ts";
import type { CapacityType } from "../../../shared/model/node.ts";
import type { Happening } from "../run.ts";
import type { Column, Columns, SeriesId } from "./columns.ts";
import type { Html } from "./html.ts";
import { html } from "./html.ts";
import { lanePlot } from "./lane-plot.ts";
import { short, usd } from "./numbers.ts";
import { stacked, stepArea, stepLine } from "./paths.ts";
import type { Values } from "./paths.ts";
import { amountScale, plotFigure } from "./plot.ts";
import type { Axis, Key, Layer, Plot } from "./plot.ts";
import { means, meanOf, most, plain, seriesOf, words } from "./series.ts";

const TIER_WORDS: Readonly<Record<CapacityType, string>> = {
  spot: "spot",
  "on-demand": "on-demand",
  reserved: "reserved",
};

/** `prefix`: of ids, unique on the page. */
export function runPlots(
  prefix: string,
  columns: Columns,
  happenings: readonly Happening[],
  axis: Axis,
): Html {
  if (columns.count === 0) return html`<p class="note">This run has no timeline.</p>`;
  const plots = [
    costPlot(prefix, columns),
    spentPlot(prefix, columns),
    nodesPlot(prefix, columns),
    gpusPlot(prefix, columns),
    lanePlot(prefix, happenings, axis),
  ];
  return html`${plots.map((plot) => plotFigure(plot, axis))}`;
}

function costPlot(prefix: string, columns: Columns): Plot {
  const all = seriesOf(columns, "usd");
  const scale = amountScale(most(all), (value) => `$${short(value)}`);
  const tiers = CAPACITY_TYPES.filter(
    (tier) => columns.series.has(`usd-${tier}`) && most(seriesOf(columns, `usd-${tier}`)) > 0,
  );
  const areas =
    tiers.length === 0 ? [means(all)] : tiers.map((tier) => means(seriesOf(columns, `usd-${tier}`)));
  const looks = tiers.length === 0 ? ["fill cost"] : tiers.map((tier) => `fill ${tier}`);
  const { unpricedBins } = columns;
  return {
    id: `${prefix}-cost`,
    title: "Cost per hour",
    description: `US dollars an hour over time. ${words(all, usd)}${unpricedBins > 0 ? " For some of the time no price is known; the line is broken there." : ""}`,
    scale,
    layers: [
      ...stack(areas, looks, scale.top),
      ...envelope(columns, all, scale.top),
      ...(tiers.length === 0 ? [{ path: stepLine(means(all), scale.top), look: "line total" }] : []),
    ],
    keys: [
      ...tiers.map((tier) => key(columns, `usd-${tier}`, `fill ${tier}`, TIER_WORDS[tier], usd)),
      key(columns, "usd", tiers.length === 0 ? "line total" : "", "all", usd),
      ...rangeKey(columns),
    ],
  };
}

function spentPlot(prefix: string, { spentUsd, unpricedBins }: Columns): Plot {
  const end = spentUsd.at(-1) ?? 0;
  const scale = amountScale(end, (value) => `$${short(value)}`);
  const missing = unpricedBins > 0 ? " Hours without a known price are not in it." : "";
  return {
    id: `${prefix}-spent`,
    title: "Cost so far",
    description: `US dollars spent since the end of the warm-in: ${usd(end)} at the end.${missing}`,
    heightPx: 90,
    scale,
    layers: [{ path: stepLine(spentUsd, scale.top), look: "line total" }],
    keys: [
      {
        look: "line total",
        label: unpricedBins > 0 ? "of what has a price" : "since the warm-in",
        series: "spent",
        atRest: `${usd(end)} at the end`,
      },
    ],
  };
}

function nodesPlot(prefix: string, columns: Columns): Plot {
  const all = seriesOf(columns, "nodes");
  const scale = amountScale(most(all), short);
  const tiers = CAPACITY_TYPES.filter((tier) => most(seriesOf(columns, tier)) > 0);
  // They are among the nodes of the tiers: booting at the very top, those being emptied below.
  const total = means(all);
  const under = (id: SeriesId, from: Values): Values =>
    from.map((value, at) =>
      value === null ? null : Math.max(0, value - (seriesOf(columns, id)[at]?.mean ?? 0)),
    );
  const belowBooting = under("booting", total);
  const belowDraining = under("draining", belowBooting);
  return {
    id: `${prefix}-nodes`,
    title: "Nodes",
    description: `Nodes that are paid for, by tier. ${words(all, plain)}`,
    scale,
    layers: [
      ...stack(
        tiers.map((tier) => means(seriesOf(columns, tier))),
        tiers.map((tier) => `fill ${tier}`),
        scale.top,
      ),
      { path: stepArea(belowBooting, total, scale.top), look: "hatch booting" },
      { path: stepArea(belowDraining, belowBooting, scale.top), look: "hatch draining" },
      ...envelope(columns, all, scale.top),
    ],
    keys: [
      ...tiers.map((tier) => key(columns, tier, `fill ${tier}`, TIER_WORDS[tier], plain)),
      key(columns, "booting", "hatch booting", "starting", plain),
      key(columns, "draining", "hatch draining", "being emptied", plain),
      ...rangeKey(columns),
    ],
  };
}

function gpusPlot(prefix: string, columns: Columns): Plot {
  const ids = ["provisioned", "allocated", "queued", "p50", "p90"] as const;
  const scale = amountScale(Math.max(...ids.map((id) => most(seriesOf(columns, id)))), short);
  const [provisioned, allocated, queued, p50, p90] = ids.map((id) => means(seriesOf(columns, id)));
  const none: Values = (allocated ?? []).map(() => 0);
  const line = (values: Values | undefined, look: string): Layer => ({
    path: stepLine(values ?? [], scale.top),
    look,
  });
  return {
    id: `${prefix}-gpus`,
    title: "GPUs",
    description: `GPUs that are paid for, that work holds, and that work still waits for. Paid for: ${words(seriesOf(columns, "provisioned"), plain)} Waiting: ${words(seriesOf(columns, "queued"), plain)}`,
    scale,
    layers: [
      { path: stepArea(none, provisioned ?? [], scale.top), look: "fill provisioned" },
      { path: stepArea(none, allocated ?? [], scale.top), look: "fill allocated" },
      ...envelope(columns, seriesOf(columns, "queued"), scale.top),
      { path: stepArea(none, queued ?? [], scale.top), look: "fill queued" },

      line(p50, "line forecast-mid"),
      line(p90, "line forecast-high"),
    ],
    keys: [
      key(columns, "provisioned", "fill provisioned", "paid for", plain),
      key(columns, "allocated", "fill allocated", "in use", plain),
      key(columns, "queued", "fill queued", "waited for", plain),
      ...(columns.series.has("p50") ? [key(columns, "p50", "line forecast-mid", "forecast p50", plain)] : []),
      ...(columns.series.has("p90")
        ? [key(columns, "p90", "line forecast-high", "forecast p90", plain)]
        : []),
      ...rangeKey(columns),
    ],
  };
}

function stack(series: readonly Values[], looks: readonly string[], top: number): readonly Layer[] {
  const sums = stacked(series);
  return sums.map((upper, at) => ({
    path: stepArea(sums[at - 1] ?? upper.map(() => 0), upper, top),
    look: looks[at] ?? "fill",
  }));
}

/** Where a column is several bins wide, what the mean hides: from the least to the most in it. */
function envelope({ binsPerColumn }: Columns, columns: readonly Column[], top: number): readonly Layer[] {
  if (binsPerColumn === 1) return [];
  const low = columns.map(({ min }) => min);
  const high = columns.map(({ max }) => max);
  return [{ path: stepArea(low, high, top), look: "fill range" }];
}

function rangeKey({ binsPerColumn }: Columns): readonly Key[] {
  return binsPerColumn === 1
    ? []
    : [{ look: "fill range", label: "least to most", series: null, atRest: "within a column" }];
}

function key(
  columns: Columns,
  id: SeriesId,
  look: string,
  label: string,
  text: (value: number) => string,
): Key {
  const mean = meanOf(seriesOf(columns, id));
  return { look, label, series: id, atRest: mean === null ? "unknown" : `mean ${text(mean)}` };
}
