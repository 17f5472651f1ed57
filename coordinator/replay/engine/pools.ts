// A scenario's pools as groups of the world's cloud, and small questions about them. What they cost and when they are to
// be had is in prices.ts and stocks.ts.

import { GPU_RESOURCE, NODE_LABEL } from "../../../shared/model/names.ts";
import { milliQuantity } from "../../../shared/model/quantity.ts";
import { millis } from "../../../shared/model/units.ts";
import type { Millis } from "../../../shared/model/units.ts";
import type { PoolModel, TimeModel } from "../scenario.ts";
import type { CloudGroupShape } from "../world-cloud.ts";
import type { Span } from "../world-options.ts";

/** Of one node. */
export function gpusOfPool({ allocatable }: Pick<PoolModel, "allocatable">): number {
  const quantity = allocatable[GPU_RESOURCE];
  return quantity === undefined ? 0 : Math.floor(milliQuantity(quantity) / 1000);
}

export function isOfKind({ labels }: PoolModel, gpuTypes: readonly string[] | undefined): boolean {
  return gpuTypes === undefined || gpuTypes.includes(labels?.[NODE_LABEL.gpuProduct] ?? "");
}

/** A node is schedulable as it registers: how the time between is shared out is no question of a replay. */
export function groupOf(pool: PoolModel, { nodeReadyMs }: TimeModel): CloudGroupShape {
  const { name, region, zones, instanceType, tier, allocatable, labels, taints, max, initial } = pool;
  return {
    name,
    // Whose prices and notices are played is the pool's own word; groups of a policy are simulated ones.
    cloud: "simulated",
    min: 0,
    max,
    desired: initial,
    capacityType: tier,
    instanceTypes: [instanceType],
    zones,
    allocatable,
    labels: { [NODE_LABEL.region]: region, ...labels },
    ...(taints === undefined ? {} : { taints }),
    bootMs: nodeReadyMs,
    readyMs: millis(0),
  };
}

export function longest(span: Span): Millis {
  return typeof span === "number" ? span : span[1];
}
