// Cuts a scenario out of its parts: the workload from one instant on, the market from another. What began before the cut
// stands at its start; what lies after its end is left away. Nothing wraps around, and a market or a price list that does not
// reach as far as the window is refused.

import { toInstantText } from "../../../shared/model/instant.ts";
import { after, epochMs, millis } from "../../../shared/model/units.ts";
import type { Millis } from "../../../shared/model/units.ts";
import { AppError } from "../../../shared/runtime/errors.ts";
import type { PricePoint } from "../../decide/snapshot.ts";
import type { PoolModel, Scenario } from "../scenario.ts";
import type { ScenarioParts } from "./parts.ts";

/** Where a run begins on each of the two clocks. */
export interface Offset {
  readonly index: number;
  readonly workMs: number;
  readonly marketMs: number;
}

/** The least of a history: fewer points are a list price, which holds until it is changed. */
const HISTORY = 2;

/** @throws AppError bad-input that names file, field, value and way out. */
export function scenarioAt(parts: ScenarioParts, offset: Offset): Scenario {
  const { inputs, pools, policies, times } = parts;
  const { lengthMs, warmInMs, drainMs } = inputs;
  const models = pools.map(({ model }) => model);
  const endMs = lengthMs + drainMs;
  const start = epochMs(inputs.start + offset.workMs);
  if (inputs.marketMs !== null && offset.marketMs + endMs > inputs.marketMs)
    throw new AppError(
      "bad-input",
      `${inputs.traces[0]?.read.file ?? "capacity"}, t_s: it is known for ${inputs.marketMs / 1000} s, and length and drain take ${endMs / 1000} s from ${offset.marketMs / 1000} s on; shorten length or drain, add a last row where it is still known, or write capacityLength in the scenario`,
    );
  return {
    name: inputs.name,
    seed: inputs.seed + offset.index,
    start,
    warmInMs,
    lengthMs,
    drainMs,
    policies,
    times,
    pools: models,
    work: {
      jobs: parts.jobs
        .filter(({ arrivalMs }) => arrivalMs >= offset.workMs && arrivalMs < offset.workMs + lengthMs)
        .map((job) => ({
          ...job,
          arrivalMs: job.arrivalMs - offset.workMs,
        })),
      services: parts.services.map((service) => ({
        ...service,
        steps: cut(service.steps, offset.workMs, lengthMs),
      })),
    },
    stocks: parts.stocks.map((stock) => ({
      ...stock,
      steps: cut(stock.steps, offset.marketMs, endMs),
    })),
    prices: pricesOf(parts, offset, millis(endMs)),
  };
}

/** Prices that stand in no file have no line. */
function rowOf({ file, line }: { readonly file: string; readonly line: number }): string {
  return line === 0 ? file : `${file}, line ${line}`;
}

/** The last step before the cut moves to its start. */
function cut<Step extends { readonly atMs: number }>(
  steps: readonly Step[],
  fromMs: number,
  lengthMs: number,
): readonly Step[] {
  const first = steps.findLast(({ atMs }) => atMs <= fromMs);
  const within = steps.filter(({ atMs }) => atMs > fromMs && atMs < fromMs + lengthMs);
  return [...(first === undefined ? [] : [{ ...first, atMs: fromMs }]), ...within].map((step) => ({
    ...step,
    atMs: step.atMs - fromMs,
  }));
}

function pricesOf(parts: ScenarioParts, offset: Offset, endMs: Millis): readonly PricePoint[] {
  const { inputs } = parts;
  const start = epochMs(inputs.start + offset.workMs);
  const series = Map.groupBy(parts.prices, ({ provider, region, zone = "", instanceType, tier }) =>
    [provider, region, zone, instanceType, tier].join(" "),
  );
  for (const { model, field } of parts.pools) for (const zone of model.zones) checkPrice(model, zone, field);
  const points = [...series.values()].flatMap((all) =>
    cut(all, offset.marketMs, endMs).flatMap(({ atMs, file, line, ...price }): readonly PricePoint[] => {
      const { usdPerHour } = price;
      const source = rowOf({ file, line });
      return usdPerHour === null ? [] : [{ ...price, usdPerHour, source, at: after(start, millis(atMs)) }];
    }),
  );
  return points.toSorted((one, other) => one.at - other.at);

  function checkPrice(
    { provider, region, instanceType, tier }: PoolModel,
    zone: string,
    field: string,
  ): void {
    const key = (of: string): string => [provider, region, of, instanceType, tier].join(" ");
    const all = series.get(key(zone)) ?? series.get(key("")) ?? [];
    const what = `${tier} price of ${instanceType} in ${zone}`;
    const bad = (file: string, atMs: number, why: string): never => {
      const at = toInstantText(epochMs(inputs.marketStart + atMs));
      throw new AppError(
        "bad-input",
        `${file}, usd_per_hour: ${why} at ${at}, and ${field} is played then; add rows, shorten length, or choose a later from`,
      );
    };
    const files = inputs.priceFiles.join(", ");
    const [first] = cut(all, offset.marketMs, endMs);
    if (first === undefined || first.atMs > 0)
      return bad(first === undefined ? files : rowOf(first), offset.marketMs, `there is no ${what} yet`);
    const unknown = cut(all, offset.marketMs, endMs).find(({ usdPerHour }) => usdPerHour === null);
    if (unknown !== undefined)
      return bad(rowOf(unknown), offset.marketMs + unknown.atMs, `the ${what} is empty`);
    const last = all.at(-1);
    if (tier !== "spot" || all.length < HISTORY || last === undefined) return;
    const known = last.atMs + inputs.pricesHoldMs;
    if (offset.marketMs + endMs > known)
      bad(rowOf(last), known, `the history of the ${what} has ended (pricesHold)`);
  }
}
