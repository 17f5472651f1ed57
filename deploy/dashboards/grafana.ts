// A dashboard as the JSON that Grafana imports or is provisioned with. Pure, and only what our panels use of it: two
// panels beside each other, one data source that a person chooses, links from each of our dashboards to the others.

import type { Dashboard, Panel, Query, Variable } from "./panel.ts";

/** Of Grafana 10.0; newer ones bring it up to date when they load it. */
const SCHEMA_VERSION = 38;
const TAG = "gpu-autoscaler";
const COLUMNS = 24;
const WIDTH = COLUMNS / 2;
const HEIGHT = 8;
const DATA_SOURCE = { type: "prometheus", uid: "${datasource}" };

interface Place {
  readonly h: number;
  readonly w: number;
  readonly x: number;
  readonly y: number;
}

interface GrafanaPanel {
  readonly id: number;
  readonly type: "timeseries" | "stat" | "table" | "row";
  readonly title: string;
  readonly gridPos: Place;
  readonly [more: string]: unknown;
}

export function grafanaDashboard({ name, about, variables, sections }: Dashboard): object {
  return {
    uid: `${TAG}-${name}`,
    title: `GPU autoscaler: ${name}`,
    description: about,
    tags: [TAG],
    schemaVersion: SCHEMA_VERSION,
    editable: true,
    graphTooltip: 1,
    timezone: "",
    refresh: "30s",
    time: { from: "now-6h", to: "now" },
    links: [
      {
        type: "dashboards",
        title: "Other dashboards of the autoscaler",
        tags: [TAG],
        asDropdown: true,
        includeVars: false,
        keepTime: true,
        targetBlank: false,
        icon: "external link",
        tooltip: "",
        url: "",
      },
    ],
    templating: { list: [dataSource(), ...variables.map(variableOf)] },
    annotations: { list: [] },
    panels: panelsOf(sections),
  };
}

function panelsOf(sections: Dashboard["sections"]): readonly GrafanaPanel[] {
  const panels: GrafanaPanel[] = [];
  let y = 0;
  for (const section of sections) {
    panels.push({
      id: panels.length + 1,
      type: "row",
      title: section.title,
      gridPos: { h: 1, w: COLUMNS, x: 0, y },
      collapsed: false,
      panels: [],
    });
    y += 1;
    for (const [index, panel] of section.panels.entries()) {
      const isLeft = index % 2 === 0;
      const isAlone = isLeft && index === section.panels.length - 1;
      const place = { h: HEIGHT, w: isAlone ? COLUMNS : WIDTH, x: isLeft ? 0 : WIDTH, y };
      panels.push(panelOf(panel, panels.length + 1, place));
      if (!isLeft || isAlone) y += HEIGHT;
    }
  }
  return panels;
}

function panelOf(panel: Panel, id: number, gridPos: Place): GrafanaPanel {
  const { title, look, unit, shown = "lines", interval, queries } = panel;
  const isNow = shown === "numbers" || shown === "table";
  return {
    id,
    type: shown === "numbers" ? "stat" : shown === "table" ? "table" : "timeseries",
    title,
    description: look,
    datasource: DATA_SOURCE,
    gridPos,
    ...(interval === undefined ? {} : { interval }),
    fieldConfig: {
      defaults: {
        unit,
        // What nobody knows is no line and no zero.
        noValue: "not known",
        ...(unit === "percentunit" ? { min: 0, max: 1 } : isNow ? {} : { min: 0 }),
        ...(isNow ? {} : { custom: drawn(shown) }),
      },
      overrides: [],
    },
    options: OPTIONS[shown],
    targets: queries.map((query, index) => targetOf(query, index, isNow, shown === "table")),
    ...(shown === "table" ? { transformations: TABLE_COLUMNS } : {}),
  };
}

const OVER_TIME = {
  legend: { displayMode: "list", placement: "bottom", showLegend: true, calcs: [] },
  tooltip: { mode: "multi", sort: "desc" },
};
const OPTIONS: Readonly<Record<NonNullable<Panel["shown"]>, object>> = {
  lines: OVER_TIME,
  bars: OVER_TIME,
  numbers: {
    reduceOptions: { calcs: ["lastNotNull"], fields: "", values: false },
    colorMode: "none",
    graphMode: "none",
    justifyMode: "auto",
    orientation: "auto",
    textMode: "auto",
  },
  table: { showHeader: true, cellHeight: "sm" },
};
/** The instant of the query says nothing in a table of now, and the scraper's names little. */
const TABLE_COLUMNS = [
  {
    id: "organize",
    options: {
      excludeByName: { Time: true, __name__: true, job: true, instance: true },
      indexByName: {},
      renameByName: {},
    },
  },
];

function drawn(shown: "lines" | "bars"): object {
  return shown === "bars"
    ? { drawStyle: "bars", fillOpacity: 80, lineWidth: 0, stacking: { mode: "normal", group: "A" } }
    : { drawStyle: "line", fillOpacity: 0, lineWidth: 1, spanNulls: false, stacking: { mode: "none" } };
}

function targetOf({ query, legend }: Query, index: number, isNow: boolean, isTable: boolean): object {
  return {
    refId: String.fromCharCode("A".charCodeAt(0) + index),
    datasource: DATA_SOURCE,
    editorMode: "code",
    expr: query,
    legendFormat: legend === "" ? "__auto" : legend,
    instant: isNow,
    range: !isNow,
    format: isTable ? "table" : "time_series",
  };
}

function dataSource(): object {
  return {
    type: "datasource",
    name: "datasource",
    label: "Prometheus",
    query: "prometheus",
    refresh: 1,
    hide: 0,
    multi: false,
    includeAll: false,
  };
}

function variableOf(variable: Variable): object {
  const { name } = variable;
  const common = { type: "query", name, label: name, datasource: DATA_SOURCE, refresh: 2, sort: 1, hide: 0 };
  if (variable.kind === "metric") {
    const asked = `metrics(${variable.pattern})`;
    return { ...common, multi: false, includeAll: false, definition: asked, query: asOneQuery(asked) };
  }
  const asked = `label_values(${variable.of}, ${variable.label})`;
  return {
    ...common,
    multi: true,
    includeAll: true,
    // A label that is empty, as a zone that nobody knows, is one of all.
    allValue: ".*",
    current: { text: ["All"], value: ["$__all"] },
    definition: asked,
    query: asOneQuery(asked),
  };
}

function asOneQuery(query: string): object {
  return { query, refId: "PrometheusVariableQueryEditor-VariableQuery" };
}
