// Rules across the fields of one policy, the same that the CRD holds (deploy/crd/rules.ts has an entry for each name
// below, and does not compile without). Each problem names the field, its value and what to write instead. Whether a cron line, a time zone or an instance type exists is asked elsewhere: those need
// a library or the catalogue.

import { KARPENTER } from "../../model/names.ts";
import type { NodePoolSpec, PoolGroup } from "./pool.ts";

/** Each rule by a name that the CRD's table has as well. */
export type PolicyRule =
  | "thresholds-in-order"
  | "nodes-in-order"
  | "three-shares-are-one"
  | "two-shares-fit"
  | "pool-names-differ"
  | "sizes-in-order"
  | "spot-share-of-spot"
  | "one-group"
  | "group-named-once"
  | "azure-group-named-once"
  | "limits-of-karpenter"
  | "price-in-order"
  | "schedule-names-differ"
  | "schedule-ends-once"
  | "window-in-order"
  | "schedule-pools-exist"
  | "headroom-names-differ"
  | "budget-window-whole"
  | "calendar-dates-differ";

export interface Problem {
  readonly rule: PolicyRule;
  readonly path: readonly (string | number)[];
  readonly message: string;
}

/** What of the spec the rules read. */
export interface RuledSpec {
  readonly scaleUpThreshold: number;
  readonly scaleDownThreshold: number;
  readonly minNodes: number;
  readonly maxNodes: number;
  readonly spotInstancePercentage: number;
  readonly onDemandPercentage?: number | undefined;
  readonly reservedPercentage?: number | undefined;
  readonly nodePools: readonly NodePoolSpec[];
  readonly schedules: readonly {
    readonly name: string;
    readonly end?: string | undefined;
    readonly durationSeconds?: number | undefined;
    readonly minNodes: number;
    readonly maxNodes?: number | undefined;
    readonly pools: readonly string[];
  }[];
  readonly headroom: readonly { readonly name: string }[];
  readonly predictive: { readonly calendar: readonly { readonly date: string }[] };
  readonly disruption: {
    readonly budgets: readonly {
      readonly schedule?: string | undefined;
      readonly durationSeconds?: number | undefined;
    }[];
  };
}

const SHARES_MAY_MISS = 0.001;

export function problemsOf(spec: RuledSpec): readonly Problem[] {
  return [
    ...thresholds(spec),
    ...shares(spec),
    ...pools(spec),
    ...schedules(spec),
    ...budgets(spec),
    ...calendar(spec),
  ];
}

function* thresholds(spec: RuledSpec): Generator<Problem> {
  if (spec.scaleUpThreshold <= spec.scaleDownThreshold) {
    yield {
      rule: "thresholds-in-order",
      path: ["scaleUpThreshold"],
      message: `${spec.scaleUpThreshold} is not above scaleDownThreshold ${spec.scaleDownThreshold}: a node would be added and removed in turn; raise one or lower the other`,
    };
  }
  if (spec.minNodes > spec.maxNodes)
    yield {
      rule: "nodes-in-order",
      path: ["minNodes"],
      message: `${spec.minNodes} is above maxNodes ${spec.maxNodes}; lower it or raise maxNodes`,
    };
}

function* shares(spec: RuledSpec): Generator<Problem> {
  const { spotInstancePercentage: spot, onDemandPercentage: onDemand, reservedPercentage: reserved } = spec;
  if (onDemand !== undefined && reserved !== undefined) {
    const sum = spot + onDemand + reserved;
    if (Math.abs(sum - 1) > SHARES_MAY_MISS)
      yield {
        rule: "three-shares-are-one",
        path: ["spotInstancePercentage"],
        message: `spot ${spot}, on-demand ${onDemand} and reserved ${reserved} add up to ${Number(sum.toFixed(4))}, not 1; leave one out or correct one`,
      };
    return;
  }
  const field = onDemand !== undefined ? "onDemandPercentage" : "reservedPercentage";
  const given = onDemand ?? reserved;
  if (given !== undefined && spot + given > 1 + SHARES_MAY_MISS)
    yield {
      rule: "two-shares-fit",
      path: [field],
      message: `${given} and spotInstancePercentage ${spot} are more than the whole; lower one`,
    };
}

function* pools(spec: RuledSpec): Generator<Problem> {
  const seen = new Set<string>();
  for (const [index, pool] of spec.nodePools.entries()) {
    const at = ["nodePools", index];
    if (seen.has(pool.name))
      yield {
        rule: "pool-names-differ",
        path: [...at, "name"],
        message: `${pool.name} is used twice; a pool name is unique in its policy`,
      };
    seen.add(pool.name);
    if (pool.minSize > pool.maxSize)
      yield {
        rule: "sizes-in-order",
        path: [...at, "minSize"],
        message: `${pool.minSize} is above maxSize ${pool.maxSize}; lower it or raise maxSize`,
      };
    if (pool.spotPercentage !== undefined && pool.capacityType !== "spot" && pool.spotPercentage > 0)
      yield {
        rule: "spot-share-of-spot",
        path: [...at, "spotPercentage"],
        message: `${pool.spotPercentage} contradicts capacityType ${pool.capacityType}; leave it out or make the pool spot`,
      };
    yield* groupProblems(pool.group, [...at, "group"]);
    const { usdPerHour, maxPricePerHour } = pool.price ?? {};
    if (usdPerHour !== undefined && maxPricePerHour !== undefined && usdPerHour > maxPricePerHour)
      yield {
        rule: "price-in-order",
        path: [...at, "price", "usdPerHour"],
        message: `${usdPerHour} is above maxPricePerHour ${maxPricePerHour}, so no node would ever be bought; correct one`,
      };
  }
}

/** Two groups would each be sized for the same pods; which one is meant cannot be guessed. */
function* groupProblems(
  group: PoolGroup | undefined,
  path: readonly (string | number)[],
): Generator<Problem> {
  const kinds = Object.entries(group ?? {}).flatMap(([kind, value]) => (value === undefined ? [] : [kind]));
  if (kinds.length > 1)
    yield {
      rule: "one-group",
      path,
      message: `${kinds.join(" and ")} cannot both size one pool; leave one`,
    };
  yield* limitsProblems(group?.scale, path);
  yield* azureProblems(group?.azure, path);
  const aws = group?.aws;
  if (aws === undefined) return;
  const { autoScalingGroup, tags } = aws;
  if ((autoScalingGroup === undefined) === (tags === undefined || Object.keys(tags).length === 0))
    yield {
      rule: "group-named-once",
      path: [...path, "aws", "autoScalingGroup"],
      message: "give either autoScalingGroup or tags: one of the two says which group it is",
    };
}

function* azureProblems(azure: PoolGroup["azure"], path: readonly (string | number)[]): Generator<Problem> {
  if (azure === undefined) return;
  const { vmScaleSet, managedCluster, agentPool } = azure;
  const isScaleSet = vmScaleSet !== undefined;
  const isAgentPool = managedCluster !== undefined && agentPool !== undefined;
  const isHalf = (managedCluster === undefined) !== (agentPool === undefined);
  if (isScaleSet === isAgentPool || isHalf)
    yield {
      rule: "azure-group-named-once",
      path: [...path, "azure", "vmScaleSet"],
      message:
        "give either vmScaleSet, or managedCluster with agentPool: one of the two says which group it is",
    };
}

function* limitsProblems(scale: PoolGroup["scale"], path: readonly (string | number)[]): Generator<Problem> {
  if (scale?.manageLimits !== true) return;
  const [api] = scale.apiVersion.split("/");
  if (api !== KARPENTER.group || scale.kind !== "NodePool")
    yield {
      rule: "limits-of-karpenter",
      path: [...path, "scale", "manageLimits"],
      message: `true is only for a NodePool of ${KARPENTER.group}, and the group is a ${scale.kind} of ${scale.apiVersion}; leave it out`,
    };
}

function* schedules(spec: RuledSpec): Generator<Problem> {
  const names = new Set(spec.nodePools.map(({ name }) => name));
  const seen = new Set<string>();
  for (const [index, entry] of spec.schedules.entries()) {
    const at = ["schedules", index];
    if (seen.has(entry.name))
      yield {
        rule: "schedule-names-differ",
        path: [...at, "name"],
        message: `${entry.name} is used twice; a schedule's name is unique`,
      };
    seen.add(entry.name);
    if ((entry.end === undefined) === (entry.durationSeconds === undefined))
      yield {
        rule: "schedule-ends-once",
        path: [...at, "end"],
        message: "give either end or durationSeconds",
      };
    if (entry.maxNodes !== undefined && entry.minNodes > entry.maxNodes)
      yield {
        rule: "window-in-order",
        path: [...at, "minNodes"],
        message: `${entry.minNodes} is above maxNodes ${entry.maxNodes}; lower it or raise maxNodes`,
      };
    for (const pool of entry.pools)
      if (!names.has(pool))
        yield {
          rule: "schedule-pools-exist",
          path: [...at, "pools"],
          message: `${pool} is no pool of this policy; its pools are ${[...names].join(", ") || "none"}`,
        };
  }
  const kept = new Set<string>();
  for (const [index, { name }] of spec.headroom.entries()) {
    if (kept.has(name))
      yield {
        rule: "headroom-names-differ",
        path: ["headroom", index, "name"],
        message: `${name} is used twice; give each headroom its own name`,
      };
    kept.add(name);
  }
}

function* budgets(spec: RuledSpec): Generator<Problem> {
  for (const [index, budget] of spec.disruption.budgets.entries())
    if ((budget.schedule === undefined) !== (budget.durationSeconds === undefined))
      yield {
        rule: "budget-window-whole",
        path: ["disruption", "budgets", index, "schedule"],
        message: "schedule and durationSeconds belong together; give both or neither",
      };
}

function* calendar(spec: RuledSpec): Generator<Problem> {
  const seen = new Set<string>();
  for (const [index, { date }] of spec.predictive.calendar.entries()) {
    if (seen.has(date))
      yield {
        rule: "calendar-dates-differ",
        path: ["predictive", "calendar", index, "date"],
        message: `${date} is there twice; put what holds for that day into one entry`,
      };
    seen.add(date);
  }
}
