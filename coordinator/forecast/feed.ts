// What `decide` is told of the future: looks at every snapshot, keeps a series for each policy and kind of GPU, and gives
// back a floor that has earned its place. The live coordinator and a replay in virtual time run this same code; it holds no
// clock and does no I/O. Where series are kept, and who is shown them, is for others.

import { ratio } from "../../shared/model/units.ts";
import type { ForecastInput, ForecastPart, Snapshot } from "../decide/snapshot.ts";
import type { DemandBin } from "./bin.ts";
import { demandOf } from "./demand.ts";
import type { Demand } from "./demand.ts";
import { createSeries } from "./series.ts";
import type { ForecastView, Series, SeriesState } from "./series.ts";

export interface ForecastFeed {
  /** At every snapshot, in order of time. A policy that wants no forecast costs nothing; one that is gone is forgotten. */
  look(snapshot: Snapshot): void;
  /** Undefined: there is nothing to say of the policy. */
  inputOf(policy: string): ForecastInput | undefined;
  /** GPUs of all series together; null: none has a forecast. */
  shown(): { readonly p50: number; readonly p90: number } | null;
  /** By policy, and in the order of its pools. */
  views(): readonly ForecastView[];
  /**
   * Bins of the past, oldest first, before or after the first look. Those that are known already are passed over.
   * `gpuType` null: of the one kind of GPU that the policy has.
   */
  teach(policy: string, gpuType: string | null, bins: readonly DemandBin[]): void;
  /** Names of the series that there are. */
  series(): readonly SeriesName[];
  /** Null: there is no such series. */
  stateOf(name: SeriesName): SeriesState | null;
  /** What was kept of a series; what has been seen since then is learned on top of it. */
  restore(name: SeriesName, state: SeriesState): void;
  /** All of it. */
  forget(): void;
}

export interface SeriesName {
  readonly policy: string;
  readonly gpuType: string | null;
}

export function createForecastFeed(): ForecastFeed {
  const known = new Map<string, { readonly name: SeriesName; readonly series: Series }>();
  let current: readonly string[] = [];

  function at({ policy, gpuType }: SeriesName): Series {
    const key = keyOf({ policy, gpuType });
    const before = known.get(key);
    if (before !== undefined) return before.series;
    const series = createSeries();
    known.set(key, { name: { policy, gpuType }, series });
    return series;
  }

  /** A kind of GPU that was not known before, or is called otherwise now, goes on with the one series that has lost its pools. */
  function adopt(names: readonly SeriesName[]): void {
    for (const [policy, own] of Map.groupBy(names, (name) => name.policy)) {
      const keys = new Set(own.map(keyOf));
      const [fresh, another] = own.filter((name) => !known.has(keyOf(name)));
      const [orphan, second] = [...known].filter(
        ([key, { name }]) => name.policy === policy && !keys.has(key),
      );
      if (fresh === undefined || another !== undefined || orphan === undefined || second !== undefined)
        continue;
      const [key, { series }] = orphan;
      known.delete(key);
      known.set(keyOf(fresh), { name: fresh, series });
    }
  }

  function views(): readonly ForecastView[] {
    return current.flatMap((key) => known.get(key)?.series.view() ?? []);
  }

  return {
    look: (snapshot) => {
      const demands = demandOf(snapshot);
      const gapless = snapshot.sync.kind === "synced" && snapshot.sync.gapless === true;
      const names = demands.map(nameOf);
      adopt(names);
      for (const demand of demands) at(nameOf(demand)).look(demand, snapshot.at, gapless);
      current = names.map(keyOf);
      // A list that lacks policies says nothing of those that are gone.
      if (snapshot.sync.kind === "unsynced") return;
      const named = new Set(snapshot.policies.map(({ name }) => name));
      for (const [key, { name }] of known) if (!named.has(name.policy)) known.delete(key);
    },
    inputOf: (policy) => inputOf(views().filter((view) => view.policy === policy)),
    shown: () => {
      const made = views().flatMap(({ forecast }) => (forecast.kind === "forecast" ? [forecast] : []));
      if (made.length === 0) return null;
      return {
        p50: made.reduce((sum, { p50 }) => sum + p50, 0),
        p90: made.reduce((sum, { p90 }) => sum + p90, 0),
      };
    },
    views,
    teach: (policy, gpuType, bins) => at({ policy, gpuType }).teach(bins),
    series: () => [...known.values()].map(({ name }) => name),
    stateOf: (name) => known.get(keyOf(name))?.series.state() ?? null,
    restore: (name, state) => at(name).restore(state),
    forget: () => {
      known.clear();
      current = [];
    },
  };
}

function nameOf({ policy, gpuType }: Demand): SeriesName {
  return { policy: policy.name, gpuType };
}

function keyOf({ policy, gpuType }: SeriesName): string {
  return JSON.stringify([policy, gpuType]);
}

function inputOf(views: readonly ForecastView[]): ForecastInput | undefined {
  const made = views.flatMap(({ input, demand }) =>
    input === null ? [] : [{ ...input, pools: demand.pools }],
  );
  const [first] = made;
  if (first === undefined) return undefined;
  if (views.length === 1) return partOf(first);
  return {
    gpus: made.reduce((sum, { gpus }) => sum + gpus, 0),
    at: first.at,
    confidence: ratio(Math.min(...made.map(({ confidence }) => confidence))),
    earned: made.some(({ earned }) => earned),
    parts: made,
  };
}

function partOf({ gpus, at, confidence, earned, keepGpus }: ForecastPart): ForecastPart {
  return { gpus, at, confidence, earned, ...(keepGpus === undefined ? {} : { keepGpus }) };
}
