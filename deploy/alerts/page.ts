// The page of alerts for whoever is told of one: what it means, when it fires and what to do. Made from the same tables as
// the rules, whose links lead to its sections.

import { code } from "../reference.ts";
import type { Alert, AlertGroup } from "./alert.ts";

const NOTE = "<!-- Written by `npm run generate` from deploy/alerts. Changes here are lost. -->";

export function alertsPage(groups: readonly AlertGroup[]): string {
  const parts = groups.map(({ title, alerts }) => [`## ${title}\n`, ...alerts.map(section)].join("\n"));
  return [
    `${NOTE}\n`,
    "# Alerts\n",
    "critical: work or money is being lost now. warning: look at it today. info: worth knowing, wakes nobody.\n",
    ...parts,
  ].join("\n");
}

function section(alert: Alert): string {
  const held = alert.for === "0s" ? "at once" : `after ${alert.for}`;
  return [
    `### ${alert.name}\n`,
    `**${alert.severity}**, ${held}. ${alert.means}\n`,
    ...alert.todo.map((step, index) => `${index + 1}. ${step}`),
    `\n${code(alert.query)}\n`,
  ].join("\n");
}
