import { describe, expect, test } from "vitest";

import { createMetrics, defineMetrics, metricsTable } from "./metrics.ts";

const TABLE = defineMetrics({
  gpu_utilization_percent: {
    type: "gauge",
    help: "Share of the last second in which a kernel ran.",
    labels: { gpu: "index on the node", uuid: "the driver's name of the GPU" },
  },
  gpu_autoscaler_pending_pods: { type: "gauge", help: "Pods that wait for a GPU node.", labels: {} },
  gpu_autoscaler_spot_interruptions_total: {
    type: "counter",
    help: "Interruptions.\nAll sources.",
    labels: {},
  },
  gpu_autoscaler_reconcile_duration_seconds: {
    type: "histogram",
    help: "Length of a cycle.",
    labels: { role: "what the cycle was for" },
    buckets: [0.5, 1, 10],
  },
});

describe("createMetrics()", () => {
  test("renders the same page whatever the order of use", async () => {
    const pages: string[] = [];
    for (const order of [
      ["0", "1"],
      ["1", "0"],
    ]) {
      const metrics = createMetrics(TABLE);
      for (const gpu of order)
        metrics.set("gpu_utilization_percent", { uuid: `GPU-${gpu}`, gpu }, Number(gpu));
      for (const role of order) metrics.observe("gpu_autoscaler_reconcile_duration_seconds", { role }, 0.7);
      metrics.inc("gpu_autoscaler_spot_interruptions_total", {});
      pages.push(await metrics.text());
    }
    expect(pages[0]).toBe(pages[1]);
    expect(pages[0]).toBe(`# HELP gpu_utilization_percent Share of the last second in which a kernel ran.
# TYPE gpu_utilization_percent gauge
gpu_utilization_percent{gpu="0",uuid="GPU-0"} 0
gpu_utilization_percent{gpu="1",uuid="GPU-1"} 1
# HELP gpu_autoscaler_pending_pods Pods that wait for a GPU node.
# TYPE gpu_autoscaler_pending_pods gauge
# HELP gpu_autoscaler_spot_interruptions_total Interruptions.\\nAll sources.
# TYPE gpu_autoscaler_spot_interruptions_total counter
gpu_autoscaler_spot_interruptions_total 1
# HELP gpu_autoscaler_reconcile_duration_seconds Length of a cycle.
# TYPE gpu_autoscaler_reconcile_duration_seconds histogram
gpu_autoscaler_reconcile_duration_seconds_bucket{role="0",le="0.5"} 0
gpu_autoscaler_reconcile_duration_seconds_bucket{role="0",le="1"} 1
gpu_autoscaler_reconcile_duration_seconds_bucket{role="0",le="10"} 1
gpu_autoscaler_reconcile_duration_seconds_bucket{role="0",le="+Inf"} 1
gpu_autoscaler_reconcile_duration_seconds_sum{role="0"} 0.7
gpu_autoscaler_reconcile_duration_seconds_count{role="0"} 1
gpu_autoscaler_reconcile_duration_seconds_bucket{role="1",le="0.5"} 0
gpu_autoscaler_reconcile_duration_seconds_bucket{role="1",le="1"} 1
gpu_autoscaler_reconcile_duration_seconds_bucket{role="1",le="10"} 1
gpu_autoscaler_reconcile_duration_seconds_bucket{role="1",le="+Inf"} 1
gpu_autoscaler_reconcile_duration_seconds_sum{role="1"} 0.7
gpu_autoscaler_reconcile_duration_seconds_count{role="1"} 1
`);
  });

  test("renders the same series as OpenMetrics, with its names of counters, its bounds and its end", async () => {
    const metrics = createMetrics(TABLE);
    metrics.inc("gpu_autoscaler_spot_interruptions_total", {}, 2);
    metrics.observe("gpu_autoscaler_reconcile_duration_seconds", { role: "a" }, 0.7);
    const page = await metrics.text("openmetrics");
    expect(page).toContain(
      "# TYPE gpu_autoscaler_spot_interruptions counter\ngpu_autoscaler_spot_interruptions_total 2\n",
    );
    expect(page).toContain('_bucket{role="a",le="1.0"} 1\n');
    expect(page).toContain('_bucket{role="a",le="+Inf"} 1\n');
    expect(page.endsWith("\n# EOF\n")).toBe(true);
    expect(page.replace(/# EOF\n$/, "")).toBe(await metrics.body("openmetrics"));
  });

  test("shows no value for a gauge that was never set, and none after it is removed", async () => {
    const metrics = createMetrics(TABLE);
    expect(await metrics.text()).not.toMatch(/^gpu_autoscaler_pending_pods /m);
    metrics.set("gpu_autoscaler_pending_pods", {}, 0);
    expect(await metrics.text()).toMatch(/^gpu_autoscaler_pending_pods 0$/m);
    metrics.remove("gpu_autoscaler_pending_pods", {});
    expect(await metrics.text()).not.toMatch(/^gpu_autoscaler_pending_pods /m);
  });

  test("drops the series that are not among the new ones", async () => {
    const metrics = createMetrics(TABLE);
    metrics.set("gpu_utilization_percent", { gpu: "0", uuid: "GPU-a" }, 1);
    metrics.setAll("gpu_utilization_percent", [{ labels: { gpu: "1", uuid: "GPU-b" }, value: 2 }]);
    expect((await metrics.text()).match(/^gpu_utilization_percent\{.*$/gm)).toEqual([
      'gpu_utilization_percent{gpu="1",uuid="GPU-b"} 2',
    ]);
    metrics.setAll("gpu_autoscaler_pending_pods", []);
    expect(await metrics.text()).not.toMatch(/^gpu_autoscaler_pending_pods /m);
  });

  test("escapes label values", async () => {
    const metrics = createMetrics(TABLE);
    metrics.set("gpu_utilization_percent", { gpu: 'a"b\\c\nd', uuid: "" }, 1);
    expect(await metrics.text()).toContain('gpu_utilization_percent{gpu="a\\"b\\\\c\\nd",uuid=""} 1');
  });

  test("starts a counter without labels at zero, because nothing happened yet", async () => {
    expect(await createMetrics(TABLE).text()).toMatch(/^gpu_autoscaler_spot_interruptions_total 0$/m);
  });

  test("keeps two sets of metrics apart", async () => {
    const [one, other] = [createMetrics(TABLE), createMetrics(TABLE)];
    one.set("gpu_autoscaler_pending_pods", {}, 3);
    expect(await other.text()).not.toContain("gpu_autoscaler_pending_pods 3");
  });

  test("takes only names, verbs and labels of the table", () => {
    const metrics = createMetrics(TABLE);
    // @ts-expect-error no such metric
    const misspelt = () => metrics.set("gpu_utilisation_percent", {}, 1);
    // @ts-expect-error a gauge is not incremented
    const wrongVerb = () => metrics.inc("gpu_autoscaler_pending_pods", {});
    // @ts-expect-error the label is called gpu
    const wrongLabel = () => metrics.set("gpu_utilization_percent", { index: "0", uuid: "GPU-a" }, 1);
    // @ts-expect-error uuid is missing; only the compiler minds
    const missingLabel = () => metrics.set("gpu_utilization_percent", { gpu: "0" }, 1);
    expect(misspelt).toThrow("is not in the table");
    expect(wrongVerb).toThrow("is not in the table");
    expect(wrongLabel).toThrow("index");
    expect(missingLabel).not.toThrow();
  });
});

describe("defineMetrics()", () => {
  test.each([
    ["gpu_autoscaler_moves", { type: "counter", help: "Moves.", labels: {} }, "end in _total"],
    ["gpu_autoscaler_moves_total", { type: "gauge", help: "Moves.", labels: {} }, "end in _total"],
    ["gpu_autoscaler_moves_total", { type: "counter", help: " ", labels: {} }, "help text is empty"],
    ["gpu-moves_total", { type: "counter", help: "Moves.", labels: {} }, "characters"],
    ["a", { type: "gauge", help: "A.", labels: { "x-y": "no" } }, "x-y"],
    ["a_seconds", { type: "histogram", help: "A.", labels: {}, buckets: [1, 1] }, "do not grow"],
    ["a_count", { type: "histogram", help: "A.", labels: {}, buckets: [1] }, "suffix"],
  ] as const)("refuses %s %j", (name, row, problem) => {
    expect(() => defineMetrics({ [name]: row })).toThrow(problem);
  });
});

describe("metricsTable()", () => {
  test("gives one row for each metric, with what its labels mean", () => {
    expect(metricsTable(TABLE).map(({ name, type }) => `${name} ${type}`)).toEqual([
      "gpu_utilization_percent gauge",
      "gpu_autoscaler_pending_pods gauge",
      "gpu_autoscaler_spot_interruptions_total counter",
      "gpu_autoscaler_reconcile_duration_seconds histogram",
    ]);
    expect(metricsTable(TABLE)[3]?.labels).toEqual({ role: "what the cycle was for" });
  });
});
