import { readFile } from "node:fs/promises";

import { beforeAll, describe, expect, test } from "vitest";
import { stringify } from "yaml";

import { SCRAPE_JOB } from "../../shared/model/names.ts";
import { ALERT_CASES } from "../../test/build/alert-cases.ts";
import { obtainPromtool, PROMTOOL_WITHIN_MS } from "../../test/build/promtool.ts";
import type { Promtool } from "../../test/build/promtool.ts";
import { alertFiles, alertGroups, ruleGroups } from "./rules.ts";

const RULES = alertFiles()["deploy/alerts/rules.yaml"] ?? "";
const ALERTS = alertGroups().flatMap(({ alerts }) => alerts);
const ANNOTATIONS = new Map(
  ruleGroups().groups.flatMap(({ rules }) => rules.map(({ alert, annotations }) => [alert, annotations])),
);

/** It makes a database for each case. */
const WITHIN_MS = 120_000;

interface Moment {
  readonly at: number;
  readonly series: Readonly<Record<string, string>>;
}

/** One entry of promtool's file of tests. */
function testOf(alertname: string, { at, series }: Moment, expected: readonly object[]): object {
  return {
    interval: "1m",
    input_series: Object.entries(series).map(([name, values]) => ({ series: name, values })),
    alert_rule_test: [{ eval_time: `${at}m`, alertname, exp_alerts: expected }],
  };
}

function fileOf(tests: readonly object[]): string {
  return stringify({ rule_files: ["rules.yaml"], evaluation_interval: "1m", tests });
}

describe("promtool on the alerts", () => {
  let promtool: Promtool | { readonly missing: string };
  beforeAll(async () => {
    promtool = await obtainPromtool();
  }, PROMTOOL_WITHIN_MS);

  /** @throws never: without the tool the test is skipped. */
  const ask = async (
    args: readonly string[],
    files: Readonly<Record<string, string>>,
    skip: (why: string) => never,
  ) => ("missing" in promtool ? skip(promtool.missing) : await promtool(args, files));

  test("finds nothing wrong with the file of rules", async ({ skip }) => {
    const { code, text } = await ask(["check", "rules", "rules.yaml"], { "rules.yaml": RULES }, skip);
    expect(text).toContain(`SUCCESS: ${ALERTS.length} rules found`);
    expect(code).toBe(0);
  });

  test("takes the scrape configuration of the README", async ({ skip }) => {
    const page = await readFile(new URL("README.md", import.meta.url), "utf8");
    const [, config = ""] = /```yaml\n([\s\S]*?)```/.exec(page) ?? [];
    expect(config).toContain(`job_name: ${SCRAPE_JOB.agent}`);
    expect(config).toContain(`job_name: ${SCRAPE_JOB.coordinator}`);
    // Debian's build knows no discovery by Kubernetes, and would read none of it.
    const read = config.replaceAll(
      /kubernetes_sd_configs:\n +- role: pod/g,
      'static_configs: [{ targets: ["a:1"] }]',
    );
    expect(read).not.toContain("kubernetes_sd_configs");
    const args = ["check", "config", "--syntax-only", "prometheus.yaml"];
    const { code, text } = await ask(args, { "prometheus.yaml": read }, skip);
    expect(text).toContain("SUCCESS");
    expect(code).toBe(0);
  });

  test(
    "sees each fire on its case, with what it says, and stay silent on its near misses",
    { timeout: WITHIN_MS },
    async ({ skip }) => {
      const tests = ALERTS.flatMap(({ name, severity }) => {
        const { fires = [], silent = [] } = ALERT_CASES[name] ?? {};
        return [
          ...fires.map((moment) => {
            const exp_annotations = { ...ANNOTATIONS.get(name), summary: moment.summary };
            return testOf(name, moment, [{ exp_labels: { ...moment.labels, severity }, exp_annotations }]);
          }),
          ...silent.map((moment) => testOf(name, moment, [])),
        ];
      });
      const { code, text } = await ask(
        ["test", "rules", "tests.yaml"],
        { "rules.yaml": RULES, "tests.yaml": fileOf(tests) },
        skip,
      );
      expect(text).toContain("SUCCESS");
      expect(code).toBe(0);
    },
  );

  test(
    "would say of each alert that it fires where it should not",
    { timeout: WITHIN_MS },
    async ({ skip }) => {
      const tests = ALERTS.map(({ name }) => {
        const moment = ALERT_CASES[name]?.fires[0];
        return testOf(name, moment ?? { at: 0, series: {} }, []);
      });
      const { code, text } = await ask(
        ["test", "rules", "tests.yaml"],
        { "rules.yaml": RULES, "tests.yaml": fileOf(tests) },
        skip,
      );
      expect(code).toBe(1);
      expect(ALERTS.filter(({ name }) => !text.includes(`alertname: ${name}, time`))).toEqual([]);
    },
  );
});
