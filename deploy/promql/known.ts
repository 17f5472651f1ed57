// Which metrics there are and which labels each has, from the tables that the programs run by, and whether the names in a
// query are among them. That the tables are what a scrape shows is the business of test/scenarios/queried-metrics.test.ts.

import { DCGM_FIELDS } from "../../agent/publish/metrics/dcgm-fields.ts";
import { DCGM_SERIES_LABELS } from "../../agent/publish/metrics/dcgm.ts";
import { GUIDE_FAMILIES } from "../../agent/publish/metrics/guide.ts";
import { HEALTH_FAMILIES } from "../../agent/publish/metrics/health.ts";
import {
  MIG_FAMILIES,
  MORE_FAMILIES,
  READING_FAMILIES,
} from "../../agent/publish/metrics/native-families.ts";
import { NODE_FAMILIES } from "../../agent/publish/metrics/node-figures.ts";
import { AGENT_METRICS } from "../../agent/publish/metrics/own.ts";
import { COORDINATOR_METRICS } from "../../coordinator/report/metrics.ts";
import type { MetricDoc } from "../../shared/runtime/metrics.ts";
import { metricsTable } from "../../shared/runtime/metrics.ts";
import { FOREIGN_METRICS, TARGET_LABELS } from "./foreign.ts";
import { filled, namesIn } from "./names.ts";

const AGENT_DOCS: readonly MetricDoc[] = [
  ...metricsTable(AGENT_METRICS),
  ...HEALTH_FAMILIES,
  ...NODE_FAMILIES,
  ...READING_FAMILIES,
  ...MIG_FAMILIES,
  ...MORE_FAMILIES,
  ...GUIDE_FAMILIES,
  ...DCGM_FIELDS.map(({ name, type, help }) => ({ name, type, help, labels: DCGM_SERIES_LABELS })),
];

/** Name of a series → labels that the program puts on it. */
export type KnownMetrics = ReadonlyMap<string, readonly string[]>;

export const KNOWN_METRICS: { readonly agent: KnownMetrics; readonly coordinator: KnownMetrics } = {
  agent: seriesOf(AGENT_DOCS),
  coordinator: seriesOf(metricsTable(COORDINATOR_METRICS)),
};

/** One sentence for each name of the query that nothing serves; none when all is well. */
export function unknownNames(query: string): readonly string[] {
  const { metrics, groups, made } = namesIn(filled(query));
  const labelsOf = (name: string): readonly string[] => {
    const own =
      KNOWN_METRICS.agent.get(name) ?? KNOWN_METRICS.coordinator.get(name) ?? FOREIGN_METRICS[name] ?? null;
    return own === null ? [] : [...own, ...TARGET_LABELS];
  };
  const all = new Set([...metrics.flatMap(({ name }) => labelsOf(name)), ...made]);
  return [
    ...metrics.flatMap(({ name, labels }) => {
      const known = labelsOf(name);
      if (known.length === 0) return [`there is no metric ${name}`];
      return labels.filter((label) => !known.includes(label)).map((label) => `${name} has no label ${label}`);
    }),
    // A query of a metric that a person chooses groups by labels that the person knows.
    ...(metrics.length === 0 ? [] : groups)
      .filter((label) => !all.has(label))
      .map((label) => `no metric of the query has the label ${label}`),
  ];
}

function seriesOf(docs: readonly MetricDoc[]): KnownMetrics {
  return new Map(
    docs.flatMap(({ name, type, labels }): readonly [string, readonly string[]][] => {
      const own = Object.keys(labels);
      if (type !== "histogram") return [[name, own]];
      return [
        [`${name}_bucket`, [...own, "le"]],
        [`${name}_sum`, own],
        [`${name}_count`, own],
      ];
    }),
  );
}
