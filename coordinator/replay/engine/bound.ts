// The floor under every policy's cost: the work as it comes, each GPU of it at the cheapest price that could be had at that
// instant, with no wait, no boot, no idle node and no loss. No policy can reach it, and none is it. How many machines there
// were of the cheapest is left out of it on purpose, which only lowers it.

import { MS_PER_HOUR } from "../../money/month.ts";
import type { PoolModel, Scenario } from "../scenario.ts";
import { gpusOfPool, isOfKind } from "./pools.ts";
import { createPrices } from "./prices.ts";

interface Step {
  readonly atMs: number;
  readonly run: () => void;
}

/** One kind of demand: what takes the same GPUs. */
interface Demand {
  readonly pools: readonly PoolModel[];
  gpus: number;
  /** USD an hour of one GPU; null: none can be had, or its price is not known. Undefined: to be looked up. */
  usdPerHour: number | null | undefined;
}

/** USD from the end of the warm-in to `endMs`. Null: for some of the work nothing could be had at a known price. */
export function boundOf(scenario: Scenario, endMs: number): number | null {
  const { start, warmInMs, pools, work, stocks } = scenario;
  const prices = createPrices(scenario.prices);
  const demands = new Map<string, Demand>();
  const stock = new Map<string, number | null>();
  const steps: Step[] = [];

  function demandOf(gpuTypes: readonly string[] | undefined): Demand {
    const key = gpuTypes?.toSorted().join() ?? "*";
    const known = demands.get(key);
    if (known !== undefined) return known;
    const takes = pools.filter((pool) => gpusOfPool(pool) > 0 && isOfKind(pool, gpuTypes));
    const made: Demand = { pools: takes, gpus: 0, usdPerHour: undefined };
    demands.set(key, made);
    return made;
  }

  for (const { arrivalMs, durationMs, gpus, gpuTypes } of work.jobs) {
    if (gpus === 0 || arrivalMs >= endMs) continue;
    const demand = demandOf(gpuTypes);
    steps.push(
      { atMs: arrivalMs, run: () => void (demand.gpus += gpus) },
      { atMs: arrivalMs + durationMs, run: () => void (demand.gpus -= gpus) },
    );
  }
  for (const { gpusPerReplica, gpuTypes, steps: changes } of work.services) {
    const demand = demandOf(gpuTypes);
    let before = 0;
    for (const { atMs, replicas } of changes) {
      const by = (replicas - before) * gpusPerReplica;
      before = replicas;
      steps.push({ atMs, run: () => void (demand.gpus += by) });
    }
  }
  for (const { instanceType, zone, tier, steps: changes } of stocks)
    for (const { atMs, available } of changes)
      steps.push({
        atMs,
        run: () => {
          stock.set(`${instanceType} ${zone} ${tier}`, available);
          forget();
        },
      });
  const news = new Set(scenario.prices.map(({ at }) => at));
  for (const at of news)
    steps.push({
      atMs: at - start,
      run: () => {
        if (prices.moveTo(at)) forget();
      },
    });
  steps.sort((one, other) => one.atMs - other.atMs);

  function forget(): void {
    for (const demand of demands.values()) demand.usdPerHour = undefined;
  }

  function cheapest({ pools: takes }: Demand): number | null {
    const offers = takes.flatMap((pool) =>
      pool.zones.flatMap((zone) => {
        if (stock.get(`${pool.instanceType} ${zone} ${pool.tier}`) === 0) return [];
        const usd = prices.of(pool, zone, pool.tier);
        return usd === null ? [] : [usd / gpusOfPool(pool)];
      }),
    );
    return offers.length === 0 ? null : Math.min(...offers);
  }

  let usd = 0;
  let atMs = -Infinity;
  for (const step of [...steps, { atMs: endMs, run: () => {} }]) {
    const untilMs = Math.min(step.atMs, endMs);
    const ms = untilMs - Math.max(atMs, warmInMs);
    if (ms > 0)
      for (const demand of demands.values()) {
        if (demand.gpus <= 0) continue;
        if (demand.usdPerHour === undefined) demand.usdPerHour = cheapest(demand);
        if (demand.usdPerHour === null) return null;
        usd += (demand.gpus * demand.usdPerHour * ms) / MS_PER_HOUR;
      }
    atMs = Math.max(atMs, untilMs);
    if (step.atMs > endMs) break;
    step.run();
  }
  return usd;
}
