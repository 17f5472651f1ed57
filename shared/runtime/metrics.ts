// Prometheus metrics from one typed table: a wrong name, a missing label or the wrong verb for a type does not
// compile, and the reference page is written from the same rows. A gauge that was never set is absent, not zero.
// Rendering reads values that are there already; who measures what, and when, is the business of the programs.

import { Counter, Gauge, Histogram } from "prom-client";

import { AppError } from "./errors.ts";
import { boundText, escapeLabel, headOf, METRICS_END, numberText } from "./exposition.ts";
import type { MetricsFormat } from "./exposition.ts";

interface RowBase {
  readonly help: string;
  /** Label → what its values mean. */
  readonly labels: Readonly<Record<string, string>>;
}

export type MetricRow =
  | (RowBase & { readonly type: "counter" | "gauge" })
  | (RowBase & { readonly type: "histogram"; readonly buckets: readonly number[] });

/** Full metric name → row. */
export type MetricsTable = Readonly<Record<string, MetricRow>>;

type NamesOf<Table extends MetricsTable, Type extends MetricRow["type"]> = {
  [Name in keyof Table]: Table[Name]["type"] extends Type ? Name : never;
}[keyof Table];

export type LabelsOf<Table extends MetricsTable, Name extends keyof Table> = {
  readonly [Label in keyof Table[Name]["labels"]]: string;
};

export interface Metrics<Table extends MetricsTable> {
  /** Gauges. */
  set<Name extends NamesOf<Table, "gauge">>(name: Name, labels: LabelsOf<Table, Name>, value: number): void;
  /** Gauges: these series and no others, for what comes and goes together (the GPUs of a node). */
  setAll<Name extends NamesOf<Table, "gauge">>(
    name: Name,
    series: readonly { readonly labels: LabelsOf<Table, Name>; readonly value: number }[],
  ): void;
  /** Counters. */
  inc<Name extends NamesOf<Table, "counter">>(name: Name, labels: LabelsOf<Table, Name>, by?: number): void;
  /** Histograms, in the base unit that the name says. */
  observe<Name extends NamesOf<Table, "histogram">>(
    name: Name,
    labels: LabelsOf<Table, Name>,
    value: number,
  ): void;
  /** One series goes: its subject is gone, or its value is not known any more. */
  remove<Name extends keyof Table>(name: Name, labels: LabelsOf<Table, Name>): void;
  /** The page, in the order of the table and within a metric in the order of its labels. */
  text(format?: MetricsFormat): Promise<string>;
  /** The same without the end of the page, for a program that has more to show. */
  body(format: MetricsFormat): Promise<string>;
}

/** Keeps the table's literal types and refuses rows that Prometheus' own linter would refuse. */
export function defineMetrics<const Table extends MetricsTable>(table: Table): Table {
  for (const [name, row] of Object.entries(table)) {
    const problem = rowProblem(name, row);
    if (problem !== null) throw new AppError("bug", `metric ${name}: ${problem}`);
  }
  return table;
}

export function createMetrics<const Table extends MetricsTable>(table: Table): Metrics<Table> {
  // No registry: the default one is shared by whoever is loaded, and the page is written here.
  const registers: [] = [];
  const gauges = new Map<PropertyKey, Gauge>();
  const counters = new Map<PropertyKey, Counter>();
  const histograms = new Map<PropertyKey, Histogram>();
  for (const [name, row] of Object.entries(table)) {
    const options = { name, help: row.help, labelNames: Object.keys(row.labels), registers };
    if (row.type === "counter") counters.set(name, new Counter(options));
    if (row.type === "histogram")
      histograms.set(name, new Histogram({ ...options, buckets: [...row.buckets] }));
    if (row.type === "gauge") {
      const gauge = new Gauge(options);
      // The library starts a gauge without labels at 0, which would be a reading that nobody took.
      gauge.remove({});
      gauges.set(name, gauge);
    }
  }

  const body = async (format: MetricsFormat): Promise<string> => {
    const pages = Object.entries(table).map(async ([name, row]) => {
      const metric = gauges.get(name) ?? counters.get(name) ?? found(histograms, name);
      return render(name, row, (await metric.get()).values, format);
    });
    return (await Promise.all(pages)).join("");
  };

  return {
    set: (name, labels, value) => {
      found(gauges, name).set({ ...labels }, value);
    },
    setAll: (name, series) => {
      const gauge = found(gauges, name);
      gauge.reset();
      gauge.remove({});
      for (const { labels, value } of series) gauge.set({ ...labels }, value);
    },
    inc: (name, labels, by = 1) => {
      found(counters, name).inc({ ...labels }, by);
    },
    observe: (name, labels, value) => {
      found(histograms, name).observe({ ...labels }, value);
    },
    remove: (name, labels) => {
      (gauges.get(name) ?? counters.get(name) ?? found(histograms, name)).remove({ ...labels });
    },
    text: async (format = "text") => (await body(format)) + METRICS_END[format],
    body,
  };
}

export interface MetricDoc {
  readonly name: string;
  readonly type: MetricRow["type"];
  readonly help: string;
  readonly labels: Readonly<Record<string, string>>;
}

/** The rows of the reference page. */
export function metricsTable(table: MetricsTable): readonly MetricDoc[] {
  return Object.entries(table).map(([name, { type, help, labels }]) => ({ name, type, help, labels }));
}

function found<Metric>(metrics: ReadonlyMap<PropertyKey, Metric>, name: PropertyKey): Metric {
  const metric = metrics.get(name);
  if (metric === undefined)
    throw new AppError("bug", `metric ${String(name)} is not in the table with this type`);
  return metric;
}

function rowProblem(name: string, row: MetricRow): string | null {
  if (!/^[a-zA-Z_:][a-zA-Z0-9_:]*$/.test(name))
    return "the name has characters that Prometheus does not take";
  if ((row.type === "counter") !== name.endsWith("_total"))
    return "counters, and only counters, end in _total";
  if (/_(count|sum|bucket)$/.test(name) && row.type === "histogram")
    return "the suffix belongs to its series";
  if (row.help.trim() === "") return "the help text is empty";
  const label = Object.keys(row.labels).find((key) => !/^[a-zA-Z_][a-zA-Z0-9_]*$/.test(key) || key === "le");
  if (label !== undefined) return `the label ${label} cannot be used`;
  if (
    row.type === "histogram" &&
    row.buckets.some((bucket, i) => bucket <= (row.buckets[i - 1] ?? -Infinity))
  ) {
    return "the buckets do not grow";
  }
  return null;
}

interface Series {
  readonly metricName?: string | undefined;
  readonly labels: Partial<Record<string, string | number>>;
  readonly value: number;
}

/**
 * One metric as text. The library would give the series in the order of their first use, which differs from one
 * start to the next; here they stand in the order of their labels, buckets in the order of their bounds.
 */
function render(name: string, row: MetricRow, series: readonly Series[], format: MetricsFormat): string {
  const names = Object.keys(row.labels);
  const keyed = series.map((one) => ({ one, key: names.map((label) => one.labels[label] ?? "").join("\0") }));
  // Stable: the buckets, the sum and the count of one histogram have one key and stay as they are.
  keyed.sort((a, b) => (a.key < b.key ? -1 : a.key > b.key ? 1 : 0));
  const lines = keyed.map(({ one }) => {
    const labels = renderLabels(names, one.labels, format);
    return `${one.metricName ?? name}${labels} ${numberText(one.value)}\n`;
  });
  return headOf({ name, type: row.type, help: row.help }, format) + lines.join("");
}

function renderLabels(names: readonly string[], labels: Series["labels"], format: MetricsFormat): string {
  const pairs = names
    .filter((name) => labels[name] !== undefined)
    .map((name) => `${name}="${escapeLabel(String(labels[name]))}"`);
  // The library's own label of a bucket: a number, or the words for infinity.
  const { le } = labels;
  if (le !== undefined) pairs.push(`le="${typeof le === "number" ? boundText(le, format) : le}"`);
  return pairs.length === 0 ? "" : `{${pairs.join(",")}}`;
}
