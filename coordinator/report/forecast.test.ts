import { describe, expect, test } from "vitest";

import { CONDITION } from "../../shared/model/names.ts";
import { epochMs, millis, ratio } from "../../shared/model/units.ts";
import { createMetrics } from "../../shared/runtime/metrics.ts";
import { NOW } from "../../test/build/now.ts";
import { policy } from "../../test/build/policy.ts";
import { NEW_GUARD } from "../forecast/guard.ts";
import type { ForecastView } from "../forecast/series.ts";
import { createForecastPage, FORECAST_PAGE } from "./forecast-page.ts";
import { forecastAnswer, forecastText } from "./forecast-text.ts";
import { forecastStatus, forecastVerdict } from "./forecast-verdict.ts";
import { createForecastRecorder } from "./metrics-forecast.ts";
import { COORDINATOR_METRICS } from "./metrics.ts";

const at = epochMs(NOW);

function view(more: Partial<ForecastView> = {}): ForecastView {
  return {
    policy: "demo",
    gpuType: "A100",
    mode: "ForecastAndScale",
    demand: {
      policy: policy(),
      gpuType: "A100",
      pools: ["spot"],
      gpus: 12,
      isCut: false,
      nodes: 2,
      gpusPerNode: 8,
      startMs: millis(200_000),
    },
    forecast: {
      kind: "forecast",
      at,
      p10: 10,
      p50: 24,
      p90: 30.123,
      experts: [
        { name: "last-week", gpus: 24, weight: 0.7 },
        { name: "last-value", gpus: 12, weight: 0.3 },
        { name: "profile", gpus: null, weight: 0 },
      ],
      skill: { days: 7, coverage: 0.91, pinballRatio: 0.6, mase: null },
      reliability: [{ given: 0.75, came: 0.8, count: 40 }],
      earned: true,
      standsDown: [],
      exceeds: () => ratio(0.5),
    },
    standsDown: [],
    input: { gpus: 32, at, confidence: ratio(0.8), earned: true, keepGpus: 40 },
    leadMs: millis(200_000),
    isMeasured: true,
    confidence: ratio(0.92),
    guard: { ...NEW_GUARD, useful: 5, wasted: 1 },
    ...more,
  };
}

const NOTHING = view({
  forecast: { kind: "none", standsDown: [{ code: "cold-start", days: 0, needed: 2 }] },
  standsDown: [{ code: "cold-start", days: 0, needed: 2 }],
  input: null,
  confidence: null,
});

async function samples(...looks: readonly (readonly ForecastView[])[]): Promise<readonly string[]> {
  const metrics = createMetrics(COORDINATOR_METRICS);
  const record = createForecastRecorder(metrics);
  for (const views of looks) record(views);
  return (await metrics.text())
    .split("\n")
    .filter((line) => /^gpu_autoscaler_(forecast|demand|predict|prewarm)/.test(line))
    .map((line) => line.replace(/^gpu_autoscaler_/, "").replace('policy="demo",gpu_type="A100"', "…"));
}

describe("metrics", () => {
  test("show what is expected, how good it was and whether it acts (B93, B94)", async () => {
    expect(await samples([view()])).toEqual(
      expect.arrayContaining([
        'forecast_gpus{…,quantile="0.1"} 10',
        'forecast_gpus{…,quantile="0.5"} 24',
        'forecast_gpus{…,quantile="0.9"} 30.123',
        "demand_gpus{…} 12",
        "predicted_utilization{…} 1.5",
        "prediction_confidence{…} 0.92",
        "forecast_acting{…} 1",
        "forecast_coverage{…} 0.91",
        "forecast_pinball_ratio{…} 0.6",
        "forecast_floor_gpus{…} 40",
      ]),
    );
  });

  test("have no sample for what nobody knows", async () => {
    const said = (await samples([NOTHING])).filter((line) => !line.startsWith("prewarmed"));
    expect(said).toEqual(["demand_gpus{…} 12", "forecast_acting{…} 0"]);
    const none = view({ demand: { ...view().demand, nodes: 0 } });
    expect(await samples([none])).not.toContainEqual(expect.stringContaining("predicted_utilization"));
  });

  test("count nodes that were ordered on, and nothing twice that was put back", async () => {
    const more = view({ guard: { ...NEW_GUARD, useful: 7, wasted: 1 } });
    const said = await samples([view()], [more]);
    expect(said).toContain('prewarmed_nodes_total{…,result="useful"} 2');
    expect(said).toContain('prewarmed_nodes_total{…,result="wasted"} 0');
  });
});

const of = (...views: readonly ForecastView[]) => ({ series: views.map(forecastAnswer), problem: null });

describe("the condition", () => {
  test.each([
    ["acts", of(view()), "True", "Forecasting", "may add nodes"],
    ["only shows", of(view({ mode: "ForecastOnly" })), "False", "ForecastOnly", "moves nothing"],
    ["begins", of(NOTHING), "False", "ColdStart", "0 of the 2 days"],
    ["acts for one kind", of(NOTHING, view({ gpuType: "T4" })), "True", "Forecasting", "A100: it has met"],
    [
      "has wasted nodes",
      of(view({ input: null, standsDown: [{ code: "wasted", until: at }] })),
      "False",
      "NodesWasted",
      "nobody used",
    ],
    ["lost its past", { ...of(NOTHING), problem: "it was cut off" }, "False", "ColdStart", "it was cut off"],
  ])("of a forecast that %s", (_what, forecast, status, reason, words) => {
    const verdict = forecastVerdict(forecast);
    expect(verdict).toMatchObject({ type: CONDITION.prediction, status, reason });
    expect(verdict?.message).toContain(words);
  });

  test("says nothing of a policy without one", () => {
    expect(forecastVerdict({ series: [], problem: null })).toBeNull();
    expect(forecastStatus(null)).toEqual({});
  });
});

describe("the status", () => {
  test("has bounds, weights, skill and why it stands down", () => {
    expect(forecastStatus(of(view(), NOTHING)).forecast).toMatchObject([
      {
        gpuType: "A100",
        acts: true,
        p10: 10,
        p50: 24,
        p90: 30.12,
        floorGpus: 40,
        experts: [
          { name: "last-week", weight: 0.7 },
          { name: "last-value", weight: 0.3 },
        ],
        standsDown: [],
        pinballRatio: 0.6,
      },
      { acts: false, standsDown: ["cold-start"] },
    ]);
  });
});

describe("the page and its text", () => {
  test("are the leader's", () => {
    const page = (isLeading: boolean) =>
      createForecastPage({
        views: () => [view()],
        now: () => at,
        isLeading: () => isLeading,
        leader: () => "other",
      })[FORECAST_PAGE]();
    expect(page(false)).toMatchObject({ status: 503 });
    expect(JSON.parse(page(true).body as string)).toMatchObject({ series: [{ policy: "demo", acts: true }] });
  });

  test("say what is expected, how sure that is, and what was ordered in vain", () => {
    const text = forecastText([forecastAnswer(view())], "now");
    expect(text).toContain("p10 10, p50 24, p90 30.12 GPUs");
    expect(text).toContain("acts: floor of 32 GPUs, keeps 40 from going");
    expect(text).toContain("5 nodes that were used, 1 that were not");
    expect(text).toMatch(/last-week +70 % +24/);
    expect(text).not.toContain("profile");
    expect(forecastText([forecastAnswer(NOTHING)], "now")).toContain(
      "cold-start: it has met 0 of the 2 days",
    );
    expect(forecastText([], "now")).toContain("predictive.mode");
  });
});
