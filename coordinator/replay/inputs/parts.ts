// Inputs and a policy together: everything that a scenario needs, still on the two clocks. Here it is found out whether they
// fit: kinds of GPU, places of capacity traces, a price for every pool. What stood in for what is said in sentences.

import { listPriceOf } from "../../../shared/model/instance-types.ts";
import type { CapacityType } from "../../../shared/model/node.ts";
import { AppError } from "../../../shared/runtime/errors.ts";
import type { JobModel, PoolModel, ServiceModel, StockTrace, TimeModel } from "../scenario.ts";
import { droppedText } from "./dropped.ts";
import type { Dropped } from "./dropped.ts";
import { fitNotes } from "./fit-notes.ts";
import type { Inputs } from "./inputs.ts";
import { createKinds } from "./kinds.ts";
import { unplaced } from "./market.ts";
import type { CapacityRead, MarketPrice, StockPlace } from "./market.ts";
import type { PolicyRead } from "./policies.ts";
import { checkNames, poolsOf } from "./pools.ts";
import type { ReplayedPool } from "./pools.ts";
import type { CapacityWritten } from "./scenario-file.ts";
import { timesOf, timesText } from "./times.ts";

export interface ScenarioParts {
  /** What the policies are called together in tables. */
  readonly title: string;
  readonly inputs: Inputs;
  readonly policies: readonly { readonly name: string; readonly spec: unknown }[];
  readonly pools: readonly ReplayedPool[];
  /** On the workload's clock, in order of arrival. */
  readonly jobs: readonly JobModel[];
  readonly services: readonly ServiceModel[];
  /** On the market's clock. */
  readonly stocks: readonly StockTrace[];
  /** Likewise, in order of time; `provider` filled in. */
  readonly prices: readonly (MarketPrice & { readonly provider: string })[];
  readonly times: TimeModel;
  readonly dropped: readonly Dropped[];
  /** Whole sentences for a report. */
  readonly notes: readonly string[];
}

/**
 * `others`: of the policies that this one is compared with; a trace may be of their pools alone.
 * @throws AppError bad-input that names file, line or field, value and way out.
 */
export function partsFor(
  inputs: Inputs,
  policies: readonly PolicyRead[],
  others: readonly (readonly PolicyRead[])[] = [],
): ScenarioParts {
  const sides = [policies, ...others];
  checkNames(inputs.file.pools, sides.flat());
  const { pools, policies: replayed, notes } = poolsOf(policies, inputs.file.pools);
  const models = pools.map(({ model }) => model);
  const known = sides.flatMap((side) => poolsOf(side, inputs.file.pools).pools.map(({ model }) => model));
  const kinds = createKinds(inputs.file.gpuTypes, pools);
  const drops = new Map<string, Dropped>();
  const jobs = inputs.jobs.flatMap(({ kinds: words, line, ...job }): readonly JobModel[] => {
    const file = inputs.jobsFile ?? "";
    const answer = kinds(words, `${file}, line ${line}`);
    if (answer.kind === "labels") return [answer.labels === null ? job : { ...job, gpuTypes: answer.labels }];
    const why = `it asks for ${answer.word}, which the scenario leaves out`;
    const known = drops.get(why) ?? { file, why, rows: 0, firstLine: line };
    drops.set(why, { ...known, rows: known.rows + 1 });
    return [];
  });
  const services = inputs.services.flatMap(({ kinds: words, where, ...service }): readonly ServiceModel[] => {
    const answer = kinds(words, where);
    if (answer.kind === "drop")
      throw new AppError(
        "bad-input",
        `${where}: all kinds of GPU of ${service.name} are dropped; remove it instead`,
      );
    return [answer.labels === null ? service : { ...service, gpuTypes: answer.labels }];
  });
  if (jobs.length === 0 && services.length === 0)
    throw new AppError(
      "bad-input",
      `${inputs.jobsFile ?? "the work"}: every row is left out, so there is nothing to play: ${[...inputs.dropped, ...drops.values()].map(droppedText).join(" ")} Correct the rows or the scenario`,
    );
  const all = inputs.traces.map(({ read, written }) => ({ read, stock: stockOf(read, written, known) }));
  for (const [at, { read, stock }] of all.entries()) checkAlone(read, stock, all.slice(0, at));
  const stocks = all.map(({ stock }) => stock).filter((stock) => models.some((pool) => isOf(pool, stock)));
  const listed = catalogueAdded(inputs, pools);
  const times = timesOf(inputs.file.times, models);
  const dropped = [...inputs.dropped, ...drops.values()];
  const unlimited = models.filter((pool) => !isTraced(pool, stocks)).map(({ name }) => name);
  return {
    title: policies.map(({ name }) => name).join("+"),
    inputs,
    policies: replayed,
    pools,
    jobs,
    services,
    stocks,
    times,
    dropped,
    prices: listed.prices,
    notes: [
      ...dropped.map(droppedText),
      ...inputs.notes,
      ...fitNotes(inputs.jobsFile ?? "", jobs, models),
      ...notes,
      ...(unlimited.length === 0
        ? []
        : [
            `Pools of which at least one zone has no trace of capacity, so that any number can be had there and none is lost: ${unlimited.join(", ")}.`,
          ]),
      ...listed.notes,
      timesText(times),
    ],
  };
}

function stockOf(
  read: CapacityRead,
  written: CapacityWritten | null,
  pools: readonly PoolModel[],
): StockTrace {
  const depth = written?.depth ?? "AsWritten";
  const times = written?.times ?? 1;
  const steps = read.steps.map(({ atMs, available }) => ({
    atMs,
    available: depth === "AllOrNothing" && available > 0 ? null : Math.floor(available * times),
  }));
  const place = written ?? read.place ?? placeOfPool(read, pools);
  const { instanceType, zone, tier } = place;
  if (!pools.some((pool) => isOf(pool, place)))
    throw new AppError(
      "bad-input",
      `${read.file}, line ${read.firstLine}, ${read.id}: no pool has ${tier} machines of ${instanceType} in ${zone}; the policy has ${pools.map((pool) => `${pool.tier} ${pool.instanceType} in ${pool.zones.join(" ")}`).join("; ")}. Correct the place or remove the trace`,
    );
  return { instanceType, zone, tier, steps };
}

/** @throws AppError bad-input where two traces say different things of one place. */
function checkAlone(
  read: CapacityRead,
  { instanceType, zone, tier }: StockTrace,
  before: readonly { readonly read: CapacityRead; readonly stock: StockTrace }[],
): void {
  const other = before.find(
    ({ stock }) => stock.instanceType === instanceType && stock.zone === zone && stock.tier === tier,
  );
  if (other !== undefined)
    throw new AppError(
      "bad-input",
      `${read.file}, line ${read.firstLine}, ${read.id}: ${other.read.id} (${other.read.file}, line ${other.read.firstLine}) is of ${tier} machines of ${instanceType} in ${zone} too; leave one`,
    );
}

function placeOfPool(read: CapacityRead, pools: readonly PoolModel[]) {
  const pool = pools.find(({ name }) => name === read.id);
  const names = pools.map(({ name }) => name);
  const [zone, ...others] = pool?.zones ?? [];
  if (pool === undefined || zone === undefined) return unplaced(read, names);
  if (others.length > 0)
    throw new AppError(
      "bad-input",
      `${read.file}, line ${read.firstLine}, trace_id: pool ${pool.name} has zones ${pool.zones.join(", ")}, and a trace is of one; add columns instance_type, zone and tier`,
    );
  return { instanceType: pool.instanceType, zone, tier: pool.tier };
}

function isOf(pool: PoolModel, { instanceType, zone, tier }: StockPlace): boolean {
  return pool.instanceType === instanceType && pool.zones.includes(zone) && pool.tier === tier;
}

function isTraced(pool: PoolModel, stocks: readonly StockTrace[]): boolean {
  return pool.zones.every((zone) => stocks.some((one) => one.zone === zone && isOf(pool, one)));
}

/** Prices of the pools' types, with the policy's own and the catalogue's where files are silent. */
function catalogueAdded(
  { prices, priceFiles, usesCatalogue }: Inputs,
  pools: readonly ReplayedPool[],
): { readonly prices: ScenarioParts["prices"]; readonly notes: readonly string[] } {
  const notes: string[] = [];
  const of = (pool: PoolModel, tier: CapacityType) =>
    prices.filter(
      (price) =>
        (price.provider ?? pool.provider) === pool.provider &&
        price.region === pool.region &&
        price.instanceType === pool.instanceType &&
        price.tier === tier,
    );
  const taken = new Map<string, ScenarioParts["prices"][number]>();
  for (const { model, spec, field } of pools) {
    const { provider, region, instanceType } = model;
    // On-demand as well, for what the same hours would have cost.
    for (const tier of new Set([model.tier, "on-demand"] as const)) {
      const key = [provider, region, instanceType, tier].join(" ");
      const found = of(model, tier);
      for (const price of found)
        taken.set(`${key} ${price.zone ?? ""} ${price.atMs}`, { ...price, provider });
      if (found.length > 0 || taken.has(`${key} list`)) continue;
      const own = tier === model.tier ? spec.price?.usdPerHour : undefined;
      const list = usesCatalogue ? listPriceOf(provider, region, instanceType, tier) : null;
      const usdPerHour = own ?? (list?.kind === "known" ? list.usdPerHour : undefined);
      const what = `${tier} price of ${instanceType} in ${region}`;
      if (usdPerHour === undefined) {
        if (tier === model.tier)
          throw new AppError(
            "bad-input",
            `${priceFiles.join(", ") || "prices"}: there is no ${what}, which ${field} needs; add a row, ${usesCatalogue ? "or write price.usdPerHour of the pool" : "name catalogue among the prices, or write price.usdPerHour of the pool"}`,
          );
        notes.push(`No ${what} is known, so nothing is compared with on-demand there.`);
        continue;
      }
      const source = own === undefined && list?.kind === "known" ? list.source : "the policy";
      notes.push(`The ${what} is ${usdPerHour} USD throughout (${source}).`);
      const line = { file: source, line: 0, atMs: -Infinity };
      taken.set(`${key} list`, { ...line, provider, region, instanceType, tier, usdPerHour });
    }
  }
  return { prices: [...taken.values()].toSorted((one, other) => one.atMs - other.atMs), notes };
}
