// The bounds that a group's object sets itself. Cluster API has them in annotations, since its objects know none; Karpenter
// in `limits.nodes`. What cannot be read is no bound: the object's owner checks it.

import { CLUSTER_API } from "../../../shared/model/names.ts";
import { parseQuantity } from "../../../shared/model/quantity.ts";

export interface Bounds {
  readonly min?: number;
  readonly max?: number;
}

/** Of a MachineDeployment or a MachinePool, from its annotations. */
export function clusterApiBounds(annotations: Readonly<Record<string, string>> | undefined): Bounds {
  return boundsOf(countOf(annotations?.[CLUSTER_API.minSize]), countOf(annotations?.[CLUSTER_API.maxSize]));
}

/** Of a NodePool, from its spec. Limits on other resources bound no number of nodes. */
export function nodePoolBounds(limits: Readonly<Record<string, string | number>> | undefined): Bounds {
  return boundsOf(undefined, countOf(limits?.["nodes"]));
}

function boundsOf(min: number | undefined, max: number | undefined): Bounds {
  return { ...(min === undefined ? {} : { min }), ...(max === undefined ? {} : { max }) };
}

function countOf(value: string | number | undefined): number | undefined {
  if (value === undefined) return undefined;
  try {
    const count = parseQuantity(String(value));
    return Number.isInteger(count) && count >= 0 ? count : undefined;
  } catch {
    return undefined;
  }
}
