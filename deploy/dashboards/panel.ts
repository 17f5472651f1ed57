// What a dashboard is before it is Grafana's: questions in sections, each with its unit, its queries and what to look at.
// The tables beside this file are made of these; grafana.ts lays them out.

/** Grafana's ids of units, those that we use. */
export type Unit =
  | "short"
  | "none"
  | "percentunit"
  | "s"
  | "reqps"
  | "bytes"
  | "celsius"
  | "watt"
  | "currencyUSD";

export interface Query {
  /** PromQL, with variables of the dashboard and of Grafana. */
  readonly query: string;
  /** Name of each series, with labels in double braces; empty: the labels themselves. */
  readonly legend: string;
}

export interface Panel {
  /** The question that the panel answers. */
  readonly title: string;
  /** What to look at, and what it means. */
  readonly look: string;
  readonly unit: Unit;
  /** `lines` (default) and `bars` over time, bars stacked; `numbers` and `table` as of now. */
  readonly shown?: "lines" | "bars" | "numbers" | "table";
  /** Between two points at least; of bars this is their width at least. */
  readonly interval?: string;
  readonly queries: readonly Query[];
  /** Ids of the requirements that it answers. */
  readonly answers?: readonly string[];
}

/** What a person chooses above the panels. */
export type Variable =
  /** Values of a label of the series that the selector finds; all of them at first. */
  | { readonly kind: "label"; readonly name: string; readonly of: string; readonly label: string }
  /** One of the metrics whose names match, since it is not ours to know which one there is. */
  | { readonly kind: "metric"; readonly name: string; readonly pattern: string };

export interface Dashboard {
  /** Of the file, and the end of its id. */
  readonly name: string;
  /** One sentence: for whom it is and what it needs. */
  readonly about: string;
  readonly variables: readonly Variable[];
  readonly sections: readonly { readonly title: string; readonly panels: readonly Panel[] }[];
}
