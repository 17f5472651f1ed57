// The question that tests ask of the facts about MIG: whether one card gives some profiles at once.

import type { GpuModel } from "../../shared/model/gpu-models.ts";
import { cutsOf, mostOf } from "../../shared/model/mig.ts";

/** By profile; null: not known. */
export function fitsTogether(model: GpuModel, counts: Readonly<Record<string, number>>): boolean | null {
  const wanted = Object.entries(counts).filter(([, count]) => count !== 0);
  if (wanted.some(([profile]) => mostOf(model, profile) === null)) return null;
  return (
    cutsOf(model)?.some((cuts) =>
      cuts.some((cut) => wanted.every(([profile, count]) => count > 0 && count <= (cut[profile] ?? 0))),
    ) ?? null
  );
}
