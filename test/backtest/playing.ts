// Plays one task: the setting, the row's scenario in it, and the floor of all that could be had there. What the files of a pair
// hold is read once and kept.

import { boundOf } from "../../coordinator/replay/engine/bound.ts";
import { play } from "../../coordinator/replay/engine/play.ts";
import type { Score } from "../../coordinator/replay/run.ts";
import { listPriceOf } from "../../shared/model/instance-types.ts";
import { AppError } from "../../shared/runtime/errors.ts";
import { playedBy } from "./deciders.ts";
import { watched } from "./forecasting.ts";
import { loadMaterial } from "./material.ts";
import type { Loaded } from "./material.ts";
import type { Plan } from "./plan.ts";
import type { PolicyPattern } from "./policies.ts";
import { settingOf } from "./setting.ts";
import type { Material, Setting } from "./setting.ts";
import type { Result, Task } from "./tasks.ts";

export interface Given {
  readonly folder: string;
  readonly plan: Plan;
  readonly pattern: PolicyPattern;
  /** Milliseconds of a clock that only runs forwards: for how long it took. */
  readonly now: () => number;
}

/** @throws AppError bad-input for files that cannot be read and windows that do not fit. */
export function createPlayer({ folder, plan, pattern, now }: Given): (task: Task) => Result {
  const loaded = new Map<string, Loaded>();
  const bounds = new Map<string, number | null>();
  const materialOf = (pair: string): Material => {
    const found = loaded.get(pair) ?? loadMaterial(folder, plan, pair);
    loaded.set(pair, found);
    if (found.material === null) throw new AppError("bad-input", found.notes.join("; "));
    return found.material;
  };

  /** Of all tiers and zones, whatever the row may use of them. */
  function boundUsd(setting: Setting, { pair, depth, offset }: Task): number | null {
    const key = JSON.stringify([pair, depth, offset]);
    const known = bounds.get(key);
    if (known !== undefined) return known;
    const { scenario } = playedBy({ kind: "spot-greedy" }, setting, pattern);
    const made = boundOf(scenario, setting.lengthMs);
    bounds.set(key, made);
    return made;
  }

  return (task) => {
    const begun = now();
    const material = materialOf(task.pair);
    const setting = settingOf(material, task.offset, task.depth, task.variant);
    const { scenario, make, options } = playedBy(task.decider, setting, pattern);
    const watch =
      options.forecast === undefined ? null : watched(options.forecast, setting.start + setting.warmInMs);
    const { score, decisions } = play(scenario, make, {
      ...options,
      ...(watch === null ? {} : { forecast: watch.forecast }),
      maxHappenings: 0,
    });
    return {
      score,
      boundUsd: boundUsd(setting, task),
      decisions,
      trusted: watch?.trusted() ?? null,
      seconds: (now() - begun) / 1000,
      notes: [...(loaded.get(task.pair)?.notes ?? []), ...setting.notes],
      usdToday: usdToday(score, setting),
    };
  };
}

/** The same node-hours at the catalogue's prices: spot at the mean of the zones, since hours are not kept by zone. */
function usdToday({ nodeHours }: Score, { zones }: Setting): number | null {
  const [first] = zones;
  if (first === undefined) return null;
  const price = (tier: "spot" | "on-demand", { provider, region, instanceType } = first): number | null => {
    const found = listPriceOf(provider, region, instanceType, tier);
    return found.kind === "known" ? found.usdPerHour : null;
  };
  const onDemand = price("on-demand");
  const spots = zones.map((zone) => price("spot", zone));
  const known = spots.filter((usd) => usd !== null);
  if (onDemand === null || known.length < spots.length || nodeHours.reserved > 0) return null;
  const spot = known.reduce((sum, usd) => sum + usd, 0) / known.length;
  return nodeHours.spot * spot + nodeHours["on-demand"] * onDemand;
}
