// Whether a pool's nodes have the GPUs that its policy says: pods that ask for a model are planned by that word. Only
// real nodes are asked, and only where both names stand in the table of models; a doubt is no difference.

import { gpuModelOf, gpuModelOfLabels, mayBeSameGpu } from "../../../shared/model/gpu-models.ts";
import type { Reason } from "../../../shared/model/reasons.ts";
import { compareText } from "../order.ts";
import type { PoolState } from "./fleet.ts";

/** The first node, by name, that shows another model than the pool's gpuType; null: none does. */
export function gpuTypeDiffers({ name, pool, nodes }: PoolState): Reason | null {
  const wanted = pool.gpuType === undefined ? null : gpuModelOf(pool.gpuType);
  if (wanted === null) return null;
  const [first] = nodes
    .flatMap(({ node }) => {
      const seen = gpuModelOfLabels(node.labels);
      return seen === null || mayBeSameGpu(wanted, seen) ? [] : [{ node: node.name, seen }];
    })
    .toSorted((a, b) => compareText(a.node, b.node));
  return first === undefined ? null : { code: "gpu-type-differs", pool: name, wanted, ...first };
}
