import { beforeAll, describe, expect, test } from "vitest";
import { stringify } from "yaml";

import { FLEET_MINUTES, fleetSeries } from "../../test/build/fleet-series.ts";
import { obtainPromtool, PROMTOOL_WITHIN_MS } from "../../test/build/promtool.ts";
import type { Promtool } from "../../test/build/promtool.ts";
import { filled } from "../promql/names.ts";
import { dashboardQueries } from "./dashboards.ts";

/** Metrics that a person chose, where the dashboard leaves that open. */
const CHOSEN = { queue: "jobs_queue_length", latency: "http_request_duration_seconds_bucket" };
const WITHIN_MS = 120_000;

/** What panels show of the small fleet that are easily got wrong: a second replica, joins, prices of several pools. */
const FIGURES: readonly {
  readonly panel: string;
  readonly of: number;
  readonly shows: Readonly<Record<string, number>>;
}[] = [
  { panel: "fleet: Are there as many nodes as were asked for?", of: 0, shows: { "{}": 5 } },
  { panel: "fleet: Are there as many nodes as were asked for?", of: 1, shows: { "{}": 6 } },
  { panel: "fleet: Do pods wait for a GPU node?", of: 0, shows: { "{}": 3 } },
  { panel: "fleet: How busy are the GPUs?", of: 1, shows: { "{}": 0.45 } },
  { panel: "fleet: Does exactly one coordinator lead, and does it cycle?", of: 1, shows: { "{}": 0 } },
  {
    panel: "pools: Why did a pool stay as it is?",
    of: 0,
    shows: Object.fromEntries(
      ["spot-a", "spot-b", "od-a"].map((pool) => [`{pool="${pool}", reason="nothing-to-do"}`, 12]),
    ),
  },
  {
    panel: "money: What do the nodes of each capacity type cost an hour?",
    of: 0,
    shows: { '{capacity_type="spot"}': 28, '{capacity_type="on-demand"}': 32 },
  },
  {
    panel: "money: On what is it spent?",
    of: 0,
    shows: { '{state="allocated"}': 54, '{state="idle"}': 6 },
  },
  {
    panel: "money: What would a month cost at this rate?",
    of: 0,
    shows: { '{capacity_type="spot"}': 20_160, '{capacity_type="on-demand"}': 23_040 },
  },
  {
    panel: "money: How many GPUs will be wanted, and how many are wanted now?",
    of: 0,
    shows: { '{policy="gpus", gpu_type="H200"}': 56 },
  },
  { panel: "money: How much cheaper are the spot nodes?", of: 0, shows: { "{}": 0.6 } },
  { panel: "money: How many GPUs are paid for and held by nobody?", of: 0, shows: { "{}": 4 } },
  {
    panel: "agent: How full is each GPU's memory?",
    of: 0,
    shows: { '{node="gpu-7", gpu="0"}': 0.8, '{node="gpu-8", gpu="0"}': 0.8 },
  },
  {
    panel: "workloads: How busy are the GPUs of each service?",
    of: 0,
    shows: { '{namespace="team-a", workload="serve"}': 0.55 },
  },
  {
    panel: "workloads: How many pods run on each GPU node?",
    of: 0,
    shows: { '{node="gpu-7"}': 1, '{node="gpu-8"}': 1 },
  },
  {
    panel: "workloads: How many pods with GPUs are there, and how many wait?",
    of: 0,
    shows: { '{phase="Running"}': 2, '{phase="Pending"}': 0 },
  },
  { panel: "workloads: How long is the queue?", of: 0, shows: { '{namespace="team-a"}': 40 } },
];

interface Asked {
  readonly query: string;
  /** Labels of a series → its value. */
  readonly shows: Readonly<Record<string, number>>;
}

/** Each query as a rule that records it, since rules are what promtool reads. */
function rulesOf(queries: readonly string[]): string {
  const rules = queries.map((query, index) => ({ record: `query:${index}`, expr: filled(query) }));
  return stringify({ groups: [{ name: "queries", rules }] });
}

/** What has to come out at the end of the small fleet's hour. */
function testsOf(asked: readonly Asked[]): string {
  return stringify({
    rule_files: [],
    tests: [
      {
        interval: "1m",
        input_series: Object.entries(fleetSeries()).map(([series, values]) => ({ series, values })),
        promql_expr_test: asked.map(({ query, shows }) => ({
          expr: filled(query, CHOSEN),
          eval_time: `${FLEET_MINUTES}m`,
          exp_samples: Object.entries(shows).map(([labels, value]) => ({ labels, value })),
        })),
      },
    ],
  });
}

describe("promtool on the dashboards", () => {
  let promtool: Promtool | { readonly missing: string };
  beforeAll(async () => {
    promtool = await obtainPromtool();
  }, PROMTOOL_WITHIN_MS);

  /** @throws never: without the tool the test is skipped. */
  const ask = async (args: readonly string[], text: string, skip: (why: string) => never) =>
    "missing" in promtool
      ? skip(promtool.missing)
      : await promtool([...args, "file.yaml"], { "file.yaml": text });

  test("can read every query", async ({ skip }) => {
    const queries = dashboardQueries().map(({ query }) => query);
    const { code, text } = await ask(["check", "rules"], rulesOf(queries), skip);
    expect(text).toContain(`SUCCESS: ${queries.length} rules found`);
    expect(code).toBe(0);
  });

  test("would not take what is no query", async ({ skip }) => {
    for (const query of ["sum by (le (up)", "rate(up)", "up{job=}", "up and on instance up"])
      expect((await ask(["check", "rules"], rulesOf([query]), skip)).code).not.toBe(0);
  });

  test(
    "sees something for every query where everything happens",
    { timeout: WITHIN_MS },
    async ({ skip }) => {
      const asked = dashboardQueries().map(({ query }) => ({
        query: `count(${query}) > bool 0`,
        shows: { "{}": 1 },
      }));
      const { code, text } = await ask(["test", "rules"], testsOf(asked), skip);
      expect(text).toContain("SUCCESS");
      expect(code).toBe(0);
    },
  );

  test("sees the right figures where a query joins or chooses", { timeout: WITHIN_MS }, async ({ skip }) => {
    const asked = FIGURES.map(({ panel, of, shows }) => {
      const query = dashboardQueries().filter(({ at }) => at === panel)[of]?.query;
      if (query === undefined) throw new Error(`no query ${of} in ${panel}`);
      return { query, shows };
    });
    const { code, text } = await ask(["test", "rules"], testsOf(asked), skip);
    expect(text).toContain("SUCCESS");
    expect(code).toBe(0);
  });
});
