// All dashboards, and their files. `npm run generate` writes them; changes belong in the tables.

import { AGENT } from "./agent.ts";
import { FLEET } from "./fleet.ts";
import { grafanaDashboard } from "./grafana.ts";
import { INTERRUPTIONS } from "./interruptions.ts";
import { MONEY } from "./money.ts";
import type { Dashboard } from "./panel.ts";
import { POOLS } from "./pools.ts";
import { WORKLOADS } from "./workloads.ts";

export const DASHBOARDS: readonly Dashboard[] = [FLEET, POOLS, INTERRUPTIONS, MONEY, AGENT, WORKLOADS];

/** Path from the repository's root → text. */
export function dashboardFiles(): Readonly<Record<string, string>> {
  return Object.fromEntries(
    DASHBOARDS.map((dashboard) => [
      `deploy/dashboards/${dashboard.name}.json`,
      `${JSON.stringify(grafanaDashboard(dashboard), null, 2)}\n`,
    ]),
  );
}

/** A query of a panel or of a variable, and where it stands. */
export interface PlacedQuery {
  readonly at: string;
  readonly query: string;
}

export function dashboardQueries(): readonly PlacedQuery[] {
  return DASHBOARDS.flatMap(({ name, variables, sections }) => [
    ...variables.flatMap((variable) =>
      variable.kind === "label"
        ? // That the label exists is asked with the metric.
          [{ at: `${name}: $${variable.name}`, query: `group by (${variable.label}) (${variable.of})` }]
        : [],
    ),
    ...sections.flatMap(({ panels }) =>
      panels.flatMap(({ title, queries }) =>
        queries.map(({ query }) => ({ at: `${name}: ${title}`, query })),
      ),
    ),
  ]);
}
