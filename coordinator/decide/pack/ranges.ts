// Pools that differ in size and price alone, as far as any pod of this decision can tell: a new node may change from
// one to the other while it fills up, and what it costs decides. Tier and zone are the same in a range, so shares and
// zones are settled when a node is opened, not when it grows.

import { NODE_LABEL } from "../../../shared/model/names.ts";
import type { CapacityType } from "../../../shared/model/node.ts";
import { gpusIn } from "../../../shared/model/resources.ts";
import type { Resources } from "../../../shared/model/resources.ts";
import type { PodKind } from "../fit/kind.ts";
import type { PoolState } from "../fleet/fleet.ts";
import type { Market } from "../market/market.ts";
import { compareText, firstDifference } from "../order.ts";
import type { NodeShape } from "../snapshot-memory.ts";
import type { NodeTerm } from "../snapshot-pod.ts";
import type { Amounts } from "./amounts.ts";

export interface Option {
  readonly pool: PoolState;
  readonly shape: NodeShape;
  readonly row: Float64Array;
  /** What the operator's expander minimises. Of use only beside other options of its class. */
  readonly cost: number;
  readonly gpus: number;
}

export interface Range {
  readonly id: number;
  readonly policy: string;
  readonly tier: CapacityType;
  /** Lower is asked first, whatever it costs: what only recommends and prices that nobody knows come later. */
  readonly class: number;
  /** Cheapest first. */
  readonly options: readonly Option[];
  /** The most of each resource that an option has. */
  readonly largest: Float64Array;
  /** What a unit of each resource costs at least; 0 where no option has any. */
  readonly rates: Float64Array;
}

export interface Ranges {
  readonly all: readonly Range[];
  of(pool: PoolState): Range | undefined;
  optionOf(pool: PoolState): Option | undefined;
}

export function createRanges(
  pools: readonly PoolState[],
  kinds: readonly PodKind[],
  market: Market,
  amounts: Amounts,
): Ranges {
  const keys = [...visibleKeys(kinds)].sort(compareText);
  const members = new Map<string, Option[]>();
  const all: Range[] = [];
  const rangeOf = new Map<string, Range>();
  const options = new Map<string, Option>();
  // By name, so that the order in which a policy lists its pools decides nothing.
  for (const pool of pools.toSorted((a, b) => compareText(a.id, b.id))) {
    const { shape } = pool;
    if (shape === null || pool.closed !== null) continue;
    const { class: grade, cost } = worthOf(pool, shape.allocatable, market);
    const option = {
      pool,
      shape,
      row: amounts.rowOf(shape.allocatable),
      cost,
      gpus: gpusIn(shape.allocatable),
    };
    options.set(pool.id, option);
    const text = lookOf(pool, shape, keys, grade);
    const own = members.get(text);
    if (own === undefined) members.set(text, [option]);
    else own.push(option);
  }
  for (const [first, ...more] of members.values()) {
    if (first === undefined) continue;
    const sorted = [first, ...more].sort((a, b) =>
      firstDifference(a.cost - b.cost, a.gpus - b.gpus, compareText(a.pool.id, b.pool.id)),
    );
    const range: Range = {
      id: all.length,
      policy: first.pool.policy,
      tier: first.pool.pool.capacityType,
      class: worthOf(first.pool, first.shape.allocatable, market).class,
      options: sorted,
      largest: largestOf(sorted, amounts.width),
      rates: ratesOf(sorted, amounts.width),
    };
    all.push(range);
    for (const { pool } of sorted) rangeOf.set(pool.id, range);
  }
  return { all, of: (pool) => rangeOf.get(pool.id), optionOf: (pool) => options.get(pool.id) };
}

/** Labels that some pod asks about: nodes that differ in one of them are not the same to it. */
function visibleKeys(kinds: readonly PodKind[]): Set<string> {
  const keys = new Set<string>();
  const addTerms = (terms: readonly NodeTerm[] | null | undefined): void => {
    for (const term of terms ?? []) for (const { key } of term.labels) keys.add(key);
  };
  const asked = new Set<number>();
  for (const { pod, where, affinity, antiAffinity, spread } of kinds) {
    for (const { topologyKey } of [...affinity, ...antiAffinity, ...spread]) keys.add(topologyKey);
    if (asked.has(where)) continue;
    asked.add(where);
    for (const key in pod.nodeSelector) keys.add(key);
    addTerms(pod.nodeTerms);
    for (const volume of pod.volumes ?? [])
      if (volume.kind === "bound" || volume.kind === "first-consumer") addTerms(volume.nodeTerms);
    if (pod.gpuModel !== undefined) keys.add(GPU_MODEL);
  }
  keys.delete(NODE_LABEL.hostname);
  return keys;
}

/** Stands for the pool's GPU model among the labels; no label has a blank in its name. */
const GPU_MODEL = "GPU model";

function lookOf(pool: PoolState, shape: NodeShape, keys: readonly string[], grade: number): string {
  const { capacityType, availabilityZones, allowCpuPods, gpuType } = pool.pool;
  return JSON.stringify([
    pool.policy,
    grade,
    capacityType,
    availabilityZones,
    shape.labels[NODE_LABEL.zone],
    gpusIn(shape.allocatable) > 0 && !allowCpuPods,
    shape.taints,
    shape.volumeLimits,
    keys.map((key) => (key === GPU_MODEL ? [gpuType, shape.labels] : shape.labels[key])),
  ]);
}

const GIB = 2 ** 30;
/** A GPU counts for more than all else that a machine may have. */
const GPU_WEIGHS = 1_000_000;

/** Where no price is known, size stands for it, GPUs first: an unknown price is never a low one. */
function sizeOf(allocatable: Resources): number {
  const cores = (allocatable["cpu"] ?? 0) / 1000;
  const memory = (allocatable["memory"] ?? 0) / (4 * GIB);
  return gpusIn(allocatable) * GPU_WEIGHS + Math.max(cores, memory, 1e-3);
}

function worthOf(
  pool: PoolState,
  allocatable: Resources,
  market: Market,
): { readonly class: number; readonly cost: number } {
  const { price, effectiveUsdPerHour } = market.offerOf(pool);
  const known = price.kind === "known" && effectiveUsdPerHour !== null;
  const base = (pool.spec.mode === "Recommend" ? 2 : 0) + (known ? 0 : 1);
  const usd = known ? effectiveUsdPerHour : sizeOf(allocatable);
  switch (pool.spec.expander) {
    case "cost":
      return { class: base, cost: usd };
    case "price":
      return { class: base, cost: known ? price.usdPerHour : usd };
    case "least-waste":
      return { class: base - (known ? 0 : 1), cost: leastWaste(allocatable, known ? usd : null) };
    case "priority":
      // Priorities are 32-bit numbers: they stand before all but the mode.
      return { class: (base + 1) * 2 ** 33 - pool.pool.priority, cost: usd };
    default:
      return pool.spec.expander satisfies never;
  }
}

/** GPUs before money, money before a size that stands for it. */
function leastWaste(allocatable: Resources, usd: number | null): number {
  const gpus = gpusIn(allocatable);
  const rest = usd ?? GPU_WEIGHS / 2 + sizeOf(allocatable) - gpus * GPU_WEIGHS;
  return 2 * gpus * GPU_WEIGHS + Math.min(rest, GPU_WEIGHS);
}

function largestOf(options: readonly Option[], width: number): Float64Array {
  const largest = new Float64Array(width);
  for (const { row } of options)
    for (let index = 0; index < width; index++)
      largest[index] = Math.max(largest[index] ?? 0, row[index] ?? 0);
  return largest;
}

function ratesOf(options: readonly Option[], width: number): Float64Array {
  return Float64Array.from({ length: width }, (_, name) => {
    const prices = options.flatMap(({ cost, row }) =>
      (row[name] ?? 0) > 0 ? [cost / (row[name] ?? 1)] : [],
    );
    return prices.length === 0 ? 0 : Math.min(...prices);
  });
}
