// What an alert is before it is Prometheus': a question about series, for how long it has to be answered with yes, and what
// a person does then. The tables beside this file are made of these; rules.ts writes them as rules.

/** info: worth knowing, wakes nobody. warning: look at it today. critical: work or money is being lost now. */
export type Severity = "info" | "warning" | "critical";

export interface Alert {
  readonly name: string;
  /** PromQL; each series of its result is one alert. */
  readonly query: string;
  /** How long it has to hold, as Prometheus writes it. */
  readonly for: string;
  readonly severity: Severity;
  /** One line, with the alert's labels and value as templates of Prometheus. */
  readonly summary: string;
  /** What it means. */
  readonly means: string;
  /** What to do, the likeliest first. */
  readonly todo: readonly string[];
  /** Ids of the requirements that it answers. */
  readonly answers?: readonly string[];
}

export interface AlertGroup {
  readonly name: string;
  readonly title: string;
  readonly alerts: readonly Alert[];
}

/** What an operator may set. */
export interface AlertOptions {
  /** What a policy's nodes may cost an hour before somebody is told. */
  readonly highCostUsdPerHour: number;
}

/** Where a scrape says which node it was, that; else the target's address. */
export const NODE_OR_TARGET = "{{ with $labels.node }}{{ . }}{{ else }}{{ $labels.instance }}{{ end }}";
