// The policies that a back-test plays, as an operator would write them: ours from the frozen file in deploy/examples/backtest,
// with one spot pool for each zone of the capacity and a pool of machines that stay. Only what has to follow from the capacity
// is made here; what is tuned stands in the file.

import { readFileSync } from "node:fs";

import { parse } from "yaml";

import type { PoolModel } from "../../coordinator/replay/scenario.ts";
import { AppError } from "../../shared/runtime/errors.ts";
import { MOST_NODES } from "./setting.ts";

type Fields = Readonly<Record<string, unknown>>;

export interface PolicyPattern {
  readonly name: string;
  /** Without its pools. */
  readonly spec: Fields;
  /** Of each tier the first pool of the file, without what belongs to its place. */
  readonly pools: Readonly<Record<string, Fields>>;
}

/** @throws AppError bad-input for a file that holds no policy with pools. */
export function readPattern(path: string): PolicyPattern {
  const read = parse(readFileSync(path, "utf8")) as {
    readonly metadata?: { readonly name?: string };
    readonly spec?: Fields;
  };
  const { nodePools, ...spec } = read.spec ?? {};
  if (!Array.isArray(nodePools) || nodePools.length === 0)
    throw new AppError(
      "bad-input",
      `${path}: spec.nodePools is missing: the first pool of each tier is the pattern of all`,
    );
  const pools = new Map<string, Fields>();
  for (const pool of nodePools as readonly Fields[]) {
    const { name: _, group: __, availabilityZones: ___, instanceTypes: ____, region: _____, ...own } = pool;
    const tier = String(pool["capacityType"]);
    if (!pools.has(tier)) pools.set(tier, own);
  }
  return { name: read.metadata?.name ?? "backtest", spec, pools: Object.fromEntries(pools) };
}

/** The policy for these pools, with changes of top fields. */
export function policyOf(
  { name, spec, pools: patterns }: PolicyPattern,
  pools: readonly PoolModel[],
  changes: Fields = {},
): { readonly name: string; readonly spec: Fields } {
  return {
    name,
    spec: {
      ...spec,
      provider: pools[0]?.provider ?? "custom",
      ...changes,
      nodePools: pools.map((pool) => ({ ...patterns[pool.tier], ...poolFields(pool) })),
    },
  };
}

/** For policies that are not ours: nothing of it shall stand in their way. */
export function opened(pools: readonly PoolModel[]): { readonly name: string; readonly spec: Fields } {
  const unlimited = { nodes: MOST_NODES, percent: 100 };
  return {
    name: "open",
    spec: {
      provider: pools[0]?.provider ?? "custom",
      maxNodes: MOST_NODES,
      maxPercentOrNodesAdded: unlimited,
      maxPercentOrNodesRemoved: unlimited,
      disruption: { budgets: [] },
      nodePools: pools.map(poolFields),
    },
  };
}

function poolFields(pool: PoolModel): Fields {
  return {
    name: pool.name,
    capacityType: pool.tier,
    minSize: pool.committed ?? 0,
    maxSize: MOST_NODES,
    instanceTypes: [pool.instanceType],
    availabilityZones: [...pool.zones],
    region: pool.region,
    group: { simulated: { url: "http://replay.invalid", name: pool.name } },
  };
}
