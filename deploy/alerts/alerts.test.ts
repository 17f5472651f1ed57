import { describe, expect, test } from "vitest";
import { parse } from "yaml";

import { ALERT_CASES } from "../../test/build/alert-cases.ts";
import { unknownNames } from "../promql/known.ts";
import { namesIn } from "../promql/names.ts";
import { alertsPage } from "./page.ts";
import { alertFiles, alertGroups, anchorOf, ruleGroups } from "./rules.ts";

const ALERTS = alertGroups().flatMap(({ alerts }) => alerts);
const RULES = ruleGroups().groups.flatMap(({ rules }) => rules);

describe("alertGroups()", () => {
  test("asks for metrics and labels that there are, and for no others", () => {
    expect(ALERTS.flatMap(({ query }) => unknownNames(query))).toEqual([]);
  });

  test("has a case on which each alert fires, and a near miss, and none for an alert that is gone", () => {
    expect(Object.keys(ALERT_CASES).toSorted()).toEqual(ALERTS.map(({ name }) => name).toSorted());
    const bare = Object.entries(ALERT_CASES).filter(
      ([, { fires, silent }]) => fires.length === 0 || silent.length === 0,
    );
    expect(bare.map(([name]) => name)).toEqual([]);
  });

  test("names each alert once, in words that an operator's other alerts do not use", () => {
    const names = ALERTS.map(({ name }) => name);
    expect(new Set(names).size).toBe(names.length);
    expect(names.filter((name) => !name.startsWith("GpuAutoscaler"))).toEqual([]);
  });

  test("says in a summary only labels that the alert has", () => {
    const wrong = ALERTS.flatMap(({ name, query, summary }) => {
      const { groups } = namesIn(query);
      const said = [...summary.matchAll(/\$labels\.(\w+)/g)].map(([, label = ""]) => label);
      return said.filter((label) => !groups.includes(label)).map((label) => `${name}: ${label}`);
    });
    expect(wrong).toEqual([]);
  });

  test("answers what the guides want to be told of", () => {
    expect(ALERTS.flatMap(({ answers = [] }) => answers)).toEqual(
      expect.arrayContaining(["A66", "A67", "A68", "E48", "E49", "C49", "B129"]),
    );
  });

  test("takes an operator's limit, and refuses one that is none", () => {
    const high = alertGroups({ highCostUsdPerHour: 250 }).flatMap(({ alerts }) => alerts);
    expect(high.find(({ name }) => name === "GpuAutoscalerHighCost")?.query).toMatch(/ > 250$/);
    for (const highCostUsdPerHour of [0, -1, NaN, Infinity])
      expect(() => alertGroups({ highCostUsdPerHour })).toThrow(/^highCostUsdPerHour: .* write US dollars/);
  });
});

describe("alertFiles()", () => {
  test("gives the operator's object the very groups of the plain file", () => {
    const files = alertFiles();
    const rules: unknown = parse(files["deploy/alerts/rules.yaml"] ?? "");
    expect(rules).toEqual(ruleGroups());
    expect(parse(files["deploy/alerts/prometheus-rule.yaml"] ?? "")).toEqual({
      apiVersion: "monitoring.coreos.com/v1",
      kind: "PrometheusRule",
      metadata: { name: "gpu-autoscaler" },
      spec: rules,
    });
  });

  test("gives each rule a severity, what it means, steps, and a link to a section that there is", () => {
    const page = alertsPage(alertGroups());
    for (const { alert, labels, annotations } of RULES) {
      expect(["info", "warning", "critical"]).toContain(labels.severity);
      expect(annotations.description).toMatch(/\.$/);
      expect(annotations.action).toMatch(/^1\. .+\.$/s);
      expect(annotations.runbook_url).toBe(`deploy/reference/alerts.md#${anchorOf({ name: alert })}`);
      expect(page).toContain(`\n### ${alert}\n`);
    }
  });
});
