// What a report says beside what was played, from the traces alone: how good the forecast is by itself over the windows that
// are played, and which machines the source's kinds of GPU would be. It is worked out before anything is played, so that a
// file that cannot be read is known at once.

import { forecastAlone } from "./forecast-alone.ts";
import type { Alone } from "./forecast-alone.ts";
import { gpuTypesOf } from "./gpu-types.ts";
import type { GpuTypes } from "./gpu-types.ts";
import type { Plan } from "./plan.ts";
import { warmInOf, windowsAt } from "./setting.ts";
import type { Material } from "./setting.ts";

/** Pairs that play the same windows of one workload stand in one line. */
export interface AloneLine {
  readonly pairs: readonly string[];
  readonly title: string;
  /** Null: too little stands before the windows. */
  readonly alone: Alone | null;
}

export function aloneLines(
  plan: Plan,
  materials: ReadonlyMap<string, Material>,
  mostOffsets: number,
): readonly AloneLine[] {
  const pairs = [...materials].map(([name, material]) => {
    const offsets = Math.min(material.pair.offsets ?? plan.offsets, mostOffsets);
    const windows = Array.from({ length: offsets }, (_, offset) => {
      const { workFrom, lengthMs } = windowsAt(material, offset);
      return { fromMs: workFrom + warmInOf(plan, lengthMs), toMs: workFrom + lengthMs };
    });
    return { name, load: material.workload, windows, key: JSON.stringify([material.pair.workload, windows]) };
  });
  return [...Map.groupBy(pairs, ({ key }) => key).values()].flatMap((same) =>
    same.slice(0, 1).map(({ load, windows }) => ({
      pairs: same.map(({ name }) => name),
      title: load.title,
      alone: forecastAlone(load, windows),
    })),
  );
}

/** One table for each workload of the plan that says what its source names. */
export function gpuTypeTables(
  folder: string,
  plan: Plan,
  materials: ReadonlyMap<string, Material>,
): readonly GpuTypes[] {
  const seen = new Set<string>();
  return [...materials.values()].flatMap(({ pair, capacity }) => {
    const workload = plan.workloads[pair.workload];
    const [place] = capacity.zones;
    if (workload === undefined || place === undefined || seen.has(pair.workload)) return [];
    seen.add(pair.workload);
    return gpuTypesOf(folder, pair.workload, workload, place);
  });
}
