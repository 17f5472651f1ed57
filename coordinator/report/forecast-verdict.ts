// What a policy's status says of its forecast: the condition that tells whether it may move nodes and why not, and the
// figures of each series. Bounded; a policy whose mode is Off says nothing of it.

import type { PolicyStatus } from "../../shared/contract/policy/status.ts";
import { CONDITION } from "../../shared/model/names.ts";
import type { SeriesStandDown } from "../forecast/series.ts";
import type { Verdict } from "./conditions.ts";
import type { ForecastAnswer } from "./forecast-text.ts";
import { shortened } from "./sentences/words.ts";

/** Of one policy. */
export interface PolicyForecast {
  readonly series: readonly ForecastAnswer[];
  /** Why what was learned before could not be used; null: nothing was wrong with it. */
  readonly problem: string | null;
}

const MAX_SERIES = 20;
const MAX_EXPERTS = 5;
const LONGEST = 600;

const REASONS: Readonly<Record<SeriesStandDown["code"], string>> = {
  "cold-start": "ColdStart",
  "no-skill": "NoSkill",
  miscalibrated: "Miscalibrated",
  drifted: "Drifted",
  gap: "Gap",
  "excluded-day": "ExcludedDay",
  wasted: "NodesWasted",
  "budget-spent": "BudgetSpent",
  "beyond-horizon": "BeyondHorizon",
  "node-unknown": "NodeUnknown",
};

/** Null: the policy wants no forecast, or nobody has looked yet. */
export function forecastVerdict(forecast: PolicyForecast | null): Verdict | null {
  const [first] = forecast?.series ?? [];
  if (forecast === null || first === undefined) return null;
  const type = CONDITION.prediction;
  const { series, problem } = forecast;
  const told = problem === null ? "" : `; ${problem}`;
  const why = series
    .slice(0, MAX_SERIES)
    .flatMap(({ gpuType, standsDown }) =>
      standsDown.map(({ sentence }) => `${gpuType === null ? "" : `${gpuType}: `}${sentence}`),
    );
  if (first.mode !== "ForecastAndScale")
    return {
      type,
      status: "False",
      reason: first.mode,
      message: shortened(
        `it forecasts and moves nothing${why.length === 0 ? "" : `; ${why.join("; ")}`}${told}`,
        LONGEST,
      ),
    };
  if (series.some(({ acts }) => acts))
    return {
      type,
      status: "True",
      reason: "Forecasting",
      message: shortened(
        `the forecast may add nodes and delay removals${why.length === 0 ? "" : `, of other kinds not: ${why.join("; ")}`}${told}`,
        LONGEST,
      ),
    };
  const [code] = series.flatMap(({ standsDown }) => standsDown.map((one) => one.code));
  return {
    type,
    status: "False",
    reason: REASONS[(code ?? "cold-start") as SeriesStandDown["code"]],
    message: shortened(`${why.join("; ")}${told}`, LONGEST),
  };
}

export function forecastStatus(forecast: PolicyForecast | null): Pick<PolicyStatus, "forecast"> {
  if (forecast === null || forecast.series.length === 0) return {};
  return {
    forecast: forecast.series.slice(0, MAX_SERIES).map((one) => ({
      ...(one.gpuType === null ? {} : { gpuType: one.gpuType }),
      mode: one.mode,
      acts: one.acts,
      ...one.expected,
      ...(one.acts && one.floorGpus !== null
        ? { floorGpus: Math.max(one.floorGpus, one.keepGpus ?? 0) }
        : {}),
      ...(one.confidence === null ? {} : { confidence: one.confidence }),
      startSeconds: one.startSeconds,
      ...skillOf(one),
      experts: one.experts
        .filter(({ weight }) => weight >= 0.01)
        .toSorted((a, b) => b.weight - a.weight)
        .slice(0, MAX_EXPERTS)
        .map(({ name, weight }) => ({ name, weight })),
      standsDown: one.standsDown.map(({ code }) => code),
      usefulNodes: one.preWarmed.usefulNodes,
      wastedNodes: one.preWarmed.wastedNodes,
    })),
  };
}

function skillOf({ skill }: ForecastAnswer) {
  if (skill === null) return {};
  const { coverage, pinballRatio } = skill;
  return {
    ...(coverage === null ? {} : { coverage }),
    ...(pinballRatio === null ? {} : { pinballRatio }),
  };
}
