// What the forecast says, in words and as plain data: for the status, the page and the terminal alike. What nobody knows is
// left out or null, and why a forecast moves nothing is always said.

import { toInstantText } from "../../shared/model/instant.ts";
import { table } from "../../shared/runtime/table.ts";
import type { ForecastView, SeriesStandDown } from "../forecast/series.ts";

/** One series, as the page gives it. */
export interface ForecastAnswer {
  readonly policy: string;
  readonly gpuType: string | null;
  readonly pools: readonly string[];
  readonly mode: string;
  /** Whether it may move nodes now. */
  readonly acts: boolean;
  readonly standsDown: readonly { readonly code: string; readonly sentence: string }[];
  readonly demandGpus: number | null;
  readonly nodes: number;
  /** The bin with the highest expectation when a node that is ordered now would be there, and its bounds. Null: none. */
  readonly expected: {
    readonly at: string;
    readonly p10: number;
    readonly p50: number;
    readonly p90: number;
  } | null;
  readonly floorGpus: number | null;
  readonly keepGpus: number | null;
  readonly confidence: number | null;
  readonly startSeconds: number;
  readonly startMeasured: boolean;
  readonly skill: {
    readonly days: number;
    readonly coverage: number | null;
    readonly pinballRatio: number | null;
    readonly mase: number | null;
  } | null;
  readonly experts: readonly {
    readonly name: string;
    readonly gpus: number | null;
    readonly weight: number;
  }[];
  readonly reliability: readonly { readonly given: number; readonly came: number; readonly count: number }[];
  readonly preWarmed: {
    readonly usefulNodes: number;
    readonly wastedNodes: number;
    readonly wastedInARow: number;
    /** Of what it would ask for. */
    readonly share: number;
    readonly nodeHoursToday: number;
  };
}

export function forecastAnswer(view: ForecastView): ForecastAnswer {
  const { policy, gpuType, mode, demand, forecast, standsDown, input, guard } = view;
  const made = forecast.kind === "forecast" ? forecast : null;
  return {
    policy,
    gpuType,
    pools: demand.pools,
    mode,
    acts: input?.earned === true,
    standsDown: standsDown.map((one) => ({ code: one.code, sentence: standDownText(one) })),
    demandGpus: demand.gpus,
    nodes: demand.nodes,
    expected:
      made === null
        ? null
        : { at: toInstantText(made.at), p10: round(made.p10), p50: round(made.p50), p90: round(made.p90) },
    floorGpus: input?.gpus ?? null,
    keepGpus: input?.keepGpus ?? null,
    confidence: view.confidence === null ? null : round(view.confidence),
    startSeconds: Math.round(view.leadMs / 1000),
    startMeasured: view.isMeasured,
    skill:
      made === null
        ? null
        : {
            days: round(made.skill.days),
            coverage: roundOrNull(made.skill.coverage),
            pinballRatio: roundOrNull(made.skill.pinballRatio),
            mase: roundOrNull(made.skill.mase),
          },
    experts: (made?.experts ?? []).map(({ name, gpus, weight }) => ({
      name,
      gpus: roundOrNull(gpus),
      weight: round(weight),
    })),
    reliability: (made?.reliability ?? []).map(({ given, came, count }) => ({
      given: round(given),
      came: round(came),
      count,
    })),
    preWarmed: {
      usefulNodes: guard.useful,
      wastedNodes: guard.wasted,
      wastedInARow: guard.wastedInARow,
      share: guard.share,
      nodeHoursToday: Math.round(guard.nodeHours * 10) / 10,
    },
  };
}

export function standDownText(one: SeriesStandDown): string {
  switch (one.code) {
    case "cold-start":
      return `it has met ${round(one.days)} of the ${one.needed} days of forecasts by which it is judged; a file with the past (forecastHistory) shortens that`;
    case "no-skill":
      return `over the last ${one.span} its loss is ${round(one.pinballRatio)} of the better of "as now" and "as last week"; from 0.95 on it is not worth a node`;
    case "miscalibrated":
      return `over the last ${one.span} demand stayed under its bound of 90 % only ${percent(one.coverage)} of the time`;
    case "drifted":
      return `its errors have jumped: it waits ${round(one.hoursLeft)} more hours until it has learned the new pattern`;
    case "gap":
      return "nothing is known of the last quarter of an hour";
    case "excluded-day":
      return `${one.date} is excluded by the policy's calendar`;
    case "wasted":
      return `nobody used the nodes that it ordered last; it rests until ${toInstantText(one.until)}`;
    case "budget-spent":
      return `nodes have stood ready for it for ${round(one.nodeHours)} node-hours today, and maxPreWarmNodeHoursPerDay is ${one.budget}`;
    case "beyond-horizon":
      return `start and horizon together are ${one.minutes} minutes, and its errors are known for ${one.reach} minutes ahead: raise predictive.horizonMinutes to half of that`;
    case "node-unknown":
      return "nobody knows how many GPUs a node has, or which pods there are";
  }
}

export function forecastText(answers: readonly ForecastAnswer[], now: string): string {
  if (answers.length === 0)
    return "No policy has a forecast: set predictive.mode to ForecastOnly to see one that moves nothing.";
  return [`Forecasts at ${now}`, ...answers.map(seriesText)].join("\n\n");
}

function seriesText(answer: ForecastAnswer): string {
  const { policy, gpuType, mode, acts, expected, demandGpus, nodes, skill, preWarmed } = answer;
  const head = `${policy}${gpuType === null ? "" : `, ${gpuType}`} (${mode}, pools ${answer.pools.join(", ")})`;
  const lines = [
    head,
    `  now: ${demandGpus === null ? "unknown" : `${round(demandGpus)} GPUs`} wanted, ${nodes} nodes there or on their way`,
    expected === null
      ? "  expected: nothing is known yet"
      : `  expected at ${expected.at}: p10 ${expected.p10}, p50 ${expected.p50}, p90 ${expected.p90} GPUs`,
    `  a node takes ${answer.startSeconds} s to serve${answer.startMeasured ? " (p90, measured)" : " (not measured yet: horizonMinutes)"}`,
    ...(skill === null
      ? []
      : [
          `  judged on ${skill.days} days: loss ${orUnknown(skill.pinballRatio)} of the better rival's, ${skill.coverage === null ? "unknown" : percent(skill.coverage)} under the bound of 90 %, error ${orUnknown(skill.mase)} of last week's`,
        ]),
    acts
      ? `  acts: floor of ${answer.floorGpus ?? 0} GPUs${answer.keepGpus === null ? "" : `, keeps ${answer.keepGpus} from going`}`
      : `  moves nothing${answer.standsDown.length === 0 ? `: mode is ${mode}` : ", because:"}`,
    ...answer.standsDown.map(({ code, sentence }) => `    ${code}: ${sentence}`),
    `  ordered so far: ${preWarmed.usefulNodes} nodes that were used, ${preWarmed.wastedNodes} that were not; ${preWarmed.nodeHoursToday} node-hours of today stood ready${preWarmed.share < 1 ? `; may ask for ${percent(preWarmed.share)} of what it would` : ""}`,
  ];
  const experts = answer.experts
    .filter(({ weight }) => weight >= 0.01)
    .toSorted((a, b) => b.weight - a.weight)
    .map(({ name, gpus, weight }) => [`    ${name}`, percent(weight), orUnknown(gpus)]);
  if (experts.length > 0) lines.push(table([["    EXPERT", "WEIGHT", "GPUS"], ...experts]));
  if (answer.reliability.length > 0)
    lines.push(
      table([
        ["    CHANCE GIVEN", "CAME", "TIMES"],
        ...answer.reliability.map(({ given, came, count }) => [
          `    ${percent(given)}`,
          percent(came),
          String(count),
        ]),
      ]),
    );
  return lines.join("\n");
}

function orUnknown(value: number | null): string {
  return value === null ? "unknown" : String(value);
}

function percent(share: number): string {
  return `${Math.round(share * 100)} %`;
}

function round(value: number): number {
  return Math.round(value * 100) / 100;
}

function roundOrNull(value: number | null): number | null {
  return value === null ? null : round(value);
}
