// The example's queries against the tables of our own metrics and, by promtool, against a small fleet; and that what the
// HorizontalPodAutoscalers name is what the adapter's rules give. The manifests themselves are for a real API server.

import { readFileSync } from "node:fs";

import { beforeAll, describe, expect, test } from "vitest";
import { parse, parseAllDocuments, stringify } from "yaml";
import * as z from "zod";

import { FLEET_MINUTES, fleetSeries } from "../../../test/build/fleet-series.ts";
import { obtainPromtool, PROMTOOL_WITHIN_MS } from "../../../test/build/promtool.ts";
import type { Promtool } from "../../../test/build/promtool.ts";
import { KNOWN_METRICS, unknownNames } from "../../promql/known.ts";

const text = (name: string): string => readFileSync(new URL(name, import.meta.url), "utf8");

const rule = z.strictObject({
  seriesQuery: z.string(),
  resources: z.strictObject({
    namespaced: z.literal(false).optional(),
    overrides: z.record(z.string(), z.strictObject({ resource: z.string() })).optional(),
  }),
  name: z.strictObject({ as: z.string() }),
  metricsQuery: z.string(),
});
const { rules } = z
  .strictObject({
    rules: z.strictObject({ default: z.literal(false), custom: z.array(rule), external: z.array(rule) }),
  })
  .parse(parse(text("adapter.yaml")));

const metric = z.object({
  name: z.string(),
  selector: z.object({ matchLabels: z.record(z.string(), z.string()) }).optional(),
});
const autoscaler = z.object({
  spec: z.object({
    metrics: z.array(
      z.union([
        z.object({ type: z.literal("Pods"), pods: z.object({ metric }) }),
        z.object({ type: z.literal("External"), external: z.object({ metric }) }),
      ]),
    ),
  }),
});
const metrics = parseAllDocuments(text("hpa.yaml")).flatMap(
  (document) => autoscaler.parse(document.toJS()).spec.metrics,
);

/** As the adapter fills a rule in for one question. */
function filledIn(
  { seriesQuery, metricsQuery }: z.infer<typeof rule>,
  labels: Readonly<Record<string, string>>,
) {
  const matchers = Object.entries(labels).map(([name, value]) => `${name}="${value}"`);
  return metricsQuery
    .replaceAll("<<.Series>>", seriesQuery.replace(/\{.*/, ""))
    .replaceAll("<<.LabelMatchers>>", matchers.join(","))
    .replaceAll("<<.GroupBy>>", "pod");
}

describe("the adapter's rules", () => {
  test("ask for metrics and labels that our programs serve", () => {
    const all = [...rules.custom, ...rules.external];
    const queries = all.flatMap((one) => [one.seriesQuery, filledIn(one, {})]);
    expect(queries.flatMap(unknownNames)).toEqual([]);
    for (const { resources } of rules.custom)
      for (const label of Object.keys(resources.overrides ?? {}))
        expect(KNOWN_METRICS.agent.get("gpu_autoscaler_gpu_holder")).toContain(label);
  });

  test("give what the autoscalers name, by labels that are there", () => {
    const named = (kind: readonly z.infer<typeof rule>[]): readonly string[] =>
      kind.map(({ name }) => name.as);
    const pods = metrics.flatMap((one) => (one.type === "Pods" ? [one.pods.metric.name] : []));
    const external = metrics.flatMap((one) => (one.type === "External" ? [one.external.metric] : []));
    expect(pods).toEqual(named(rules.custom));
    expect(external.map(({ name }) => name)).toEqual(named(rules.external));
    for (const { name, selector } of external)
      expect(KNOWN_METRICS.coordinator.get(name)).toEqual(
        expect.arrayContaining(Object.keys(selector?.matchLabels ?? { "no selector": "" })),
      );
  });
});

describe("promtool on the adapter's queries", () => {
  let promtool: Promtool | { readonly missing: string };
  beforeAll(async () => {
    promtool = await obtainPromtool();
  }, PROMTOOL_WITHIN_MS);

  test("sees the pods' and the pool's figures of a small fleet", async ({ skip }) => {
    if ("missing" in promtool) skip(promtool.missing);
    else {
      const [ofPods] = rules.custom;
      const [ofPool] = rules.external;
      if (ofPods === undefined || ofPool === undefined) throw new Error("a rule is gone");
      const asked = [
        {
          expr: filledIn(ofPods, { namespace: "team-a" }),
          samples: { '{pod="serve-0"}': 0.6, '{pod="serve-1"}': 0.5 },
        },
        {
          expr: filledIn(ofPool, { policy: "gpus", pool: "spot-a", state: "ready" }),
          samples: { "{}": 2 },
        },
      ];
      const { code, text: said } = await promtool(["test", "rules", "file.yaml"], {
        "file.yaml": stringify({
          rule_files: [],
          tests: [
            {
              interval: "1m",
              input_series: Object.entries(fleetSeries()).map(([series, values]) => ({ series, values })),
              promql_expr_test: asked.map(({ expr, samples }) => ({
                expr,
                eval_time: `${FLEET_MINUTES}m`,
                exp_samples: Object.entries(samples).map(([labels, value]) => ({ labels, value })),
              })),
            },
          ],
        }),
      });
      expect(said).toContain("SUCCESS");
      expect(code).toBe(0);
    }
  });
});
