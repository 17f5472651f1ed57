// Which kinds of GPU a source names, how much of each its jobs asked for, and which machine of a cloud would be bought for
// them. A table beside the others and no more: every run plays all jobs on the one machine of its capacity.

import { instanceTypesOf, listPriceOf, machineOf } from "../../shared/model/instance-types.ts";
import { rowsIn } from "./folder.ts";
import type { Plan, WorkloadPlan } from "./plan.ts";

export interface GpuTypeLine {
  /** As the source writes it, or that it writes none. */
  readonly asks: string;
  readonly jobs: number;
  readonly gpuHours: number;
  readonly machines: readonly string[];
  readonly notes: readonly string[];
}

export interface GpuTypes {
  readonly workload: string;
  readonly title: string;
  /** Where every run puts all of them. */
  readonly playedOn: string;
  readonly lines: readonly GpuTypeLine[];
}

export interface Place {
  readonly provider: string;
  readonly region: string;
  readonly instanceType: string;
}

interface Asked {
  readonly kinds: readonly string[];
  readonly gpus: number;
  readonly hours: number;
}

/** Empty: the folder lacks the file, or the plan says nothing of kinds. `place`: of the capacity's first zone. */
export function gpuTypesOf(
  folder: string,
  name: string,
  plan: Plan["workloads"][string],
  place: Place,
): readonly GpuTypes[] {
  if (plan.kind !== "jobs" || plan.gpuTypes === undefined) return [];
  const asked = askedOf(folder, plan, plan.gpuTypes.column);
  if (asked.length === 0) return [];
  const groups = Map.groupBy(asked, ({ kinds }) => kinds.join(" or "));
  const lines = [...groups]
    .map(([asks, jobs]) => lineOf(asks, jobs, plan.gpuTypes?.kinds ?? {}, place))
    .toSorted((a, b) => b.gpuHours - a.gpuHours);
  return [{ workload: name, title: plan.title, playedOn: place.instanceType, lines }];
}

/** Of jobs that arrive in the days of the plan and have both GPUs and a run time. */
function askedOf(
  folder: string,
  { file, columns, fromDay, toDay }: Extract<WorkloadPlan, { kind: "jobs" }>,
  column: string,
): readonly Asked[] {
  const rows = rowsIn(folder, file, [...Object.values(columns), column]);
  if (rows === null) return [];
  return rows.flatMap((row): readonly Asked[] => {
    const day = row.milliseconds(columns.arrival) / 86_400_000;
    const gpus = Math.ceil(row.atLeast(columns.gpus, 0));
    const durationS = row.number(columns.duration);
    if (gpus === 0 || durationS === null || day < fromDay || day >= toDay) return [];
    const kinds = [...new Set(row.text(column).split("|"))].filter((kind) => kind !== "").toSorted();
    return [{ kinds, gpus, hours: (durationS * gpus) / 3600 }];
  });
}

type Kinds = NonNullable<Extract<WorkloadPlan, { kind: "jobs" }>["gpuTypes"]>["kinds"];

function lineOf(asks: string, jobs: readonly Asked[], kinds: Kinds, place: Place): GpuTypeLine {
  const names = jobs[0]?.kinds ?? [];
  const notes = new Set<string>();
  const machines = new Set<string>();
  for (const gpus of new Set(jobs.map((job) => job.gpus).toSorted((a, b) => a - b))) {
    const offers = names.flatMap((name) => {
      const kind = kinds[name];
      if (kind === undefined) notes.add(`${name}: the plan has no machine for it`);
      const machine = kind === undefined ? null : cheapest(place, kind.gpu, gpus);
      return machine === null ? [] : [{ name, note: kind?.note, ...machine }];
    });
    // Of two that cost the same the one that is what was asked for.
    const best = offers.toSorted((a, b) => a.usd - b.usd || (a.note ?? "").length - (b.note ?? "").length)[0];
    if (best === undefined && names.length > 0)
      notes.add(`no machine with ${gpus === 1 ? "a GPU" : `${gpus} GPUs`} of it`);
    if (best === undefined) continue;
    machines.add(best.instanceType);
    if (best.note !== undefined) notes.add(`${best.name}: ${best.note}`);
  }
  return {
    asks: asks === "" ? "any" : asks,
    jobs: jobs.length,
    gpuHours: jobs.reduce((sum, { hours }) => sum + hours, 0),
    machines: names.length === 0 ? [place.instanceType] : [...machines],
    notes: [...notes],
  };
}

/** On demand in that region, of the machines with enough GPUs of that kind that have a price there. */
function cheapest(
  { provider, region }: Place,
  gpu: Kinds[string]["gpu"],
  gpus: number,
): { readonly instanceType: string; readonly usd: number } | null {
  const offers = instanceTypesOf(provider).flatMap((instanceType) => {
    const found = machineOf(provider, instanceType);
    const price = listPriceOf(provider, region, instanceType, "on-demand");
    if (found.kind === "unknown" || price.kind === "unknown") return [];
    const { machine } = found;
    return machine.gpuModel === gpu && machine.gpus >= gpus ? [{ instanceType, usd: price.usdPerHour }] : [];
  });
  return offers.toSorted((a, b) => a.usd - b.usd)[0] ?? null;
}
