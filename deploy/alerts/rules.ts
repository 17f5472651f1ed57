// All alerts as a rule file for Prometheus and as a PrometheusRule for its operator, with the page that says what to do.
// Pure; `npm run generate` writes the files. The chart renders the same groups with an operator's own limits.

import { stringify } from "yaml";

import { PROMETHEUS_OPERATOR } from "../../shared/model/names.ts";
import type { Alert, AlertGroup, AlertOptions } from "./alert.ts";
import { capacityAlerts } from "./capacity.ts";
import { COORDINATOR_ALERTS } from "./coordinator.ts";
import { GPU_ALERTS } from "./gpus.ts";
import { NODE_ALERTS } from "./nodes.ts";

const NOTE = " Written by `npm run generate` from deploy/alerts. Changes here are lost.\n";
/** Page of the repository with a section for each alert, named as the alert in small letters. */
const RUNBOOK = "deploy/reference/alerts.md";

export const ALERT_DEFAULTS: AlertOptions = { highCostUsdPerHour: 1_000 };

interface Rule {
  readonly alert: string;
  readonly expr: string;
  readonly for: string;
  readonly labels: { readonly severity: string };
  readonly annotations: Readonly<Record<"summary" | "description" | "action" | "runbook_url", string>>;
}

export interface RuleGroups {
  readonly groups: readonly { readonly name: string; readonly rules: readonly Rule[] }[];
}

/** @throws Error when a limit is none. */
export function alertGroups(options: AlertOptions = ALERT_DEFAULTS): readonly AlertGroup[] {
  const { highCostUsdPerHour } = options;
  if (!Number.isFinite(highCostUsdPerHour) || highCostUsdPerHour <= 0)
    throw new Error(
      `highCostUsdPerHour: ${highCostUsdPerHour} is no cost; write US dollars an hour, such as 250`,
    );
  return [COORDINATOR_ALERTS, capacityAlerts(options), GPU_ALERTS, NODE_ALERTS];
}

/** @throws Error as alertGroups. */
export function ruleGroups(options: AlertOptions = ALERT_DEFAULTS): RuleGroups {
  return {
    groups: alertGroups(options).map(({ name, alerts }) => ({ name, rules: alerts.map(ruleOf) })),
  };
}

/** Path from the repository's root → text. */
export function alertFiles(): Readonly<Record<string, string>> {
  const groups = ruleGroups();
  const object = {
    apiVersion: PROMETHEUS_OPERATOR.apiVersion,
    kind: PROMETHEUS_OPERATOR.rule,
    metadata: { name: "gpu-autoscaler" },
    spec: groups,
  };
  return {
    "deploy/alerts/rules.yaml": yamlText(groups),
    "deploy/alerts/prometheus-rule.yaml": yamlText(object),
  };
}

export function anchorOf({ name }: Pick<Alert, "name">): string {
  return name.toLowerCase();
}

function ruleOf(alert: Alert): Rule {
  return {
    alert: alert.name,
    expr: alert.query,
    for: alert.for,
    labels: { severity: alert.severity },
    annotations: {
      summary: alert.summary,
      description: alert.means,
      action: alert.todo.map((step, index) => `${index + 1}. ${step}`).join("\n"),
      runbook_url: `${RUNBOOK}#${anchorOf(alert)}`,
    },
  };
}

function yamlText(value: object): string {
  return `#${NOTE}${stringify(value, { lineWidth: 0, aliasDuplicateObjects: false })}`;
}
