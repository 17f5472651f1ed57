// From a forecast to nodes: the most that are each needed with the confidence that the policy asks for. It proposes a
// floor; limits, cooldowns, prices and the order of pools are those of all growth.

import type { EpochMs, Ratio } from "../../shared/model/units.ts";
import type { Forecast } from "./forecaster.ts";

export interface FloorAsk {
  /** Nodes that are there or on their way. */
  readonly nodes: number;
  /** At least 1. */
  readonly gpusPerNode: number;
  /** The chance at which a node is worth its money. */
  readonly confidenceThreshold: Ratio;
  /** How full the nodes may be with what is expected. */
  readonly preWarmThreshold: Ratio;
  /** At most so many more than are there; absent: no bound of the forecast's own. */
  readonly maxPreWarmNodes?: number;
}

export interface Floor {
  readonly nodes: number;
  readonly gpus: number;
  readonly at: EpochMs;
  /** The chance that the last of them is needed. */
  readonly confidence: Ratio;
}

/** No series that is followed here asks for more. */
const NODES_MAX = 100_000;
/** Of a node: nobody starts one for less. */
const TRIFLE = 0.05;

/** Null: not even one node is that likely. @throws RangeError when a node has no GPU. */
export function floorOf(forecast: Forecast & { readonly kind: "forecast" }, ask: FloorAsk): Floor | null {
  const { nodes, gpusPerNode, confidenceThreshold, preWarmThreshold, maxPreWarmNodes = Infinity } = ask;
  if (!(gpusPerNode >= 1)) throw new RangeError(`gpusPerNode must be at least 1, got ${gpusPerNode}`);
  // The k-th node is needed when the ones before it would be fuller than the threshold, by more than a trifle.
  const chance = (count: number): Ratio =>
    forecast.exceeds(((count - 1) * Math.max(preWarmThreshold, 0.01) + TRIFLE) * gpusPerNode);
  let low = 0;
  let high = Math.min(NODES_MAX, nodes + maxPreWarmNodes);
  // The chance falls with every node, so halving finds the last one that is likely enough.
  while (low < high) {
    const middle = Math.ceil((low + high) / 2);
    if (chance(middle) >= confidenceThreshold) low = middle;
    else high = middle - 1;
  }
  return low === 0 ? null : { nodes: low, gpus: low * gpusPerNode, at: forecast.at, confidence: chance(low) };
}
