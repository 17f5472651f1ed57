// Every file of the chart that is written from code: values, their schema and page, what maps settings to their
// environment, by which labels GPU nodes are known, and copies of the definition, the admission rules, the alerts and the
// dashboards. Pure;
// `npm run generate` writes them. The templates beside them are written by hand.

import { AGENT_SETTINGS } from "../../../agent/settings.ts";
import { COORDINATOR_SETTINGS } from "../../../coordinator/settings.ts";
import {
  API_GROUP,
  COORDINATOR_SERVICE,
  GPU_MODEL_LABELS,
  GPU_PRESENCE_LABELS,
  NATS_SECRET,
  NODE_LABEL,
  SCRAPE_JOB,
  SERVICE_ACCOUNT,
} from "../../../shared/model/names.ts";
import type { SettingsTable } from "../../../shared/runtime/settings.ts";
import { admissionFiles } from "../../admission/admission.ts";
import { alertFiles } from "../../alerts/rules.ts";
import { policyDefinitionText } from "../../crd/crd.ts";
import { dashboardFiles } from "../../dashboards/dashboards.ts";
import { valuesSchema } from "./schema.ts";
import { valuesPage, valuesText } from "./text.ts";
import { AGENT_SETTINGS_OF_THE_CHART } from "./values-agent.ts";
import { COORDINATOR_SETTINGS_OF_THE_CHART } from "./values-coordinator.ts";
import { VALUES } from "./values.ts";

const CHART = "deploy/chart";

/** Path from the repository's root → text. `instanceTypes`: names of machines that have GPUs. */
export function chartFiles(instanceTypes: readonly string[]): Readonly<Record<string, string>> {
  return {
    [`${CHART}/values.yaml`]: valuesText(VALUES),
    [`${CHART}/values.schema.json`]: `${JSON.stringify(valuesSchema(VALUES), null, 1)}\n`,
    [`${CHART}/VALUES.md`]: valuesPage(VALUES),
    [`${CHART}/templates/_names.tpl`]: namesTemplate(instanceTypes),
    [`${CHART}/crds/autoscalingpolicies.yaml`]: policyDefinitionText(),
    ...copies("admission", admissionFiles()),
    ...copies("alerts", onlyRule(alertFiles())),
    ...copies("dashboards", dashboardFiles()),
  };
}

/** Labels by each of which a node shows that it has GPUs, or is of a pool of ours. */
export function gpuNodeLabels(): readonly string[] {
  const { gpuProduct, gpuCount, pool, nodePool } = NODE_LABEL;
  return [...new Set([...GPU_PRESENCE_LABELS, gpuProduct, gpuCount, ...GPU_MODEL_LABELS, pool, nodePool])];
}

/** `deploy/admission/agents.yaml` → `deploy/chart/files/admission/agents.yaml`: a chart reads no file outside of it. */
function copies(folder: string, files: Readonly<Record<string, string>>): Readonly<Record<string, string>> {
  return Object.fromEntries(
    Object.entries(files).map(([path, text]) => [
      `${CHART}/files/${folder}/${path.slice(path.lastIndexOf("/") + 1)}`,
      text,
    ]),
  );
}

/** The object for the Prometheus operator; the plain rules are for Prometheus' own files. */
function onlyRule(files: Readonly<Record<string, string>>): Readonly<Record<string, string>> {
  return Object.fromEntries(Object.entries(files).filter(([path]) => path.endsWith("/prometheus-rule.yaml")));
}

function namesTemplate(instanceTypes: readonly string[]): string {
  const definitions = {
    "gpuas.settings.agent": environmentOf(AGENT_SETTINGS, AGENT_SETTINGS_OF_THE_CHART),
    "gpuas.settings.coordinator": environmentOf(COORDINATOR_SETTINGS, COORDINATOR_SETTINGS_OF_THE_CHART),
    "gpuas.bounds.agent": boundsIn(AGENT_SETTINGS),
    "gpuas.bounds.coordinator": boundsIn(COORDINATOR_SETTINGS),
    "gpuas.names": {
      apiGroup: API_GROUP,
      agent: SERVICE_ACCOUNT.agent,
      coordinator: SERVICE_ACCOUNT.coordinator,
      namespace: SERVICE_ACCOUNT.namespace,
      pool: NODE_LABEL.pool,
      nodePool: NODE_LABEL.nodePool,
      instanceType: NODE_LABEL.instanceType,
      os: NODE_LABEL.os,
      natsSecret: NATS_SECRET,
      job: SCRAPE_JOB,
      coordinatorPort: Number(COORDINATOR_SERVICE.port),
      gpuLabels: gpuNodeLabels(),
      gpuInstanceTypes: instanceTypes,
    },
  };
  const note = "{{- /* Written by `npm run generate` from deploy/chart/source. Changes here are lost. */ -}}";
  const texts = Object.entries(definitions).map(
    ([name, value]) => `{{- define "${name}" -}}\n${JSON.stringify(value)}\n{{- end -}}`,
  );
  return `${[note, ...texts].join("\n")}\n`;
}

/** Name of a value → environment name. */
function environmentOf(
  table: SettingsTable,
  ofTheChart: Readonly<Record<string, string>>,
): Readonly<Record<string, string>> {
  const rows = Object.entries(table).filter(([name]) => !Object.hasOwn(ofTheChart, name));
  return Object.fromEntries(rows.map(([name, row]) => [name, row.env]));
}

/** Name of a value → the bounds of its duration; the schema has those of numbers. */
function boundsIn(
  table: SettingsTable,
): Readonly<Record<string, { readonly min?: string; readonly max?: string }>> {
  return Object.fromEntries(
    Object.entries(table).flatMap(([name, row]) => {
      if (row.kind !== "duration" || (row.min === undefined && row.max === undefined)) return [];
      const { min, max } = row;
      return [[name, { ...(min === undefined ? {} : { min }), ...(max === undefined ? {} : { max }) }]];
    }),
  );
}
