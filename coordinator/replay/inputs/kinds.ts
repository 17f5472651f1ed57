// Which pools' nodes a job may run on by the kinds of GPU that its row names. A word of the file is first looked up in the
// scenario, then in the product's table of GPU names; what neither knows, and what no pool has, is refused with its line.

import { gpuModelOf, mayBeSameGpu } from "../../../shared/model/gpu-models.ts";
import { NODE_LABEL } from "../../../shared/model/names.ts";
import { AppError } from "../../../shared/runtime/errors.ts";
import type { ReplayedPool } from "./pools.ts";

/** In the scenario: rows of this kind are left out, and counted. */
export const DROP = "drop";

export type KindsAnswer =
  /** Values of the nodes' label; null: any node will do. */
  | { readonly kind: "labels"; readonly labels: readonly string[] | null }
  | { readonly kind: "drop"; readonly word: string };

/** @throws AppError bad-input: `where` says file and line. */
export function createKinds(
  words: Readonly<Record<string, string>>,
  pools: readonly ReplayedPool[],
): (kinds: readonly string[], where: string) => KindsAnswer {
  const asked = new Map<string, KindsAnswer>();
  return (kinds, where) => {
    if (kinds.length === 0) return { kind: "labels", labels: null };
    const key = kinds.join("|");
    const answer = asked.get(key) ?? answerOf(kinds, where, words, pools);
    asked.set(key, answer);
    return answer;
  };
}

function answerOf(
  kinds: readonly string[],
  where: string,
  words: Readonly<Record<string, string>>,
  pools: readonly ReplayedPool[],
): KindsAnswer {
  const taken = kinds.filter((kind) => words[kind] !== DROP);
  if (taken.length === 0) return { kind: "drop", word: kinds.join("|") };
  const labels = new Set<string>();
  for (const kind of taken) {
    const model = gpuModelOf(words[kind] ?? kind);
    if (model === null)
      throw new AppError(
        "bad-input",
        `${where}, gpu_types: ${JSON.stringify(words[kind] ?? kind)} is no GPU that the product knows; map it to one in the scenario, gpuTypes: {${JSON.stringify(kind)}: V100}, or to ${DROP}`,
      );
    for (const { gpu, model: pool } of pools) {
      const label = pool.labels?.[NODE_LABEL.gpuProduct];
      if (gpu !== null && label !== undefined && mayBeSameGpu(gpu, model)) labels.add(label);
    }
  }
  if (labels.size === 0)
    throw new AppError(
      "bad-input",
      `${where}, gpu_types: no pool of the policy has ${taken.join(" or ")}; they have ${[...new Set(pools.map(({ gpu }) => gpu ?? "GPUs that nobody names"))].join(", ")}. Add a pool, map the kind in the scenario under gpuTypes, or map it to ${DROP}`,
    );
  return { kind: "labels", labels: [...labels] };
}
