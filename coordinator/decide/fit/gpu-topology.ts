// Whole GPUs have to be on one node, so a pod for eight never runs on two nodes of four; and a pod that asks for a
// model gets it only from pools that are known to have it. On a node that is here the scheduler decides, which knows
// nothing of models.

import { gpuModelOf, gpuModelOfLabels, mayBeSameGpu } from "../../../shared/model/gpu-models.ts";
import { grossOf, hasGpus, isWholeGpu, shortage } from "./amounts.ts";
import type { Check, Place } from "./check.ts";
import { calledPool } from "./place.ts";

/** Said of a pool of which neither the policy nor a label tells the model. */
const NO_MODEL = "no known model";

export const gpuTopology: Check = {
  name: "gpu-topology",
  reads: "amounts",
  refusal: (pod, place) => {
    const { shape } = place;
    if (shape === null) return null;
    const short = shortage(pod.requests, isWholeGpu, (name) => grossOf(shape, name));
    if (short !== null)
      return { code: "gpus-per-node", pool: calledPool(place), wants: short.wants, nodeHas: short.has };
    if (pod.gpuModel === undefined || !hasGpus(pod.requests)) return null;
    const differs = otherModel(pod.gpuModel, place);
    if (differs === null) return null;
    return { code: "gpu-model-differs", pool: calledPool(place), wants: pod.gpuModel, has: differs };
  },
};

/** What the place has instead; null: what is wanted. A name that the table lacks has to be the pool's own. */
function otherModel(asked: string, { labels, pool }: Place): string | null {
  const said = pool?.pool.gpuType;
  const has = gpuModelOfLabels(labels) ?? gpuModelOf(said ?? "");
  const wants = gpuModelOf(asked);
  const isSame = has !== null && wants !== null ? mayBeSameGpu(has, wants) : wants === null && said === asked;
  return isSame ? null : (has ?? said ?? NO_MODEL);
}
