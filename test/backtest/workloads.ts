// Workloads as the plan names them, read from a folder of traces: jobs with a run time, or replicas that are wanted over time.
// A window of one is what a scenario plays, with what ran already at its start. Rows that say nothing to the question (no
// GPU, no run time) are left out and counted.

import type { JobModel, Workload } from "../../coordinator/replay/scenario.ts";
import { AppError } from "../../shared/runtime/errors.ts";
import { rowsIn } from "./folder.ts";
import type { WorkloadPlan } from "./plan.ts";

const DAY_MS = 86_400_000;

interface JobRow {
  readonly id: string;
  readonly arrivalMs: number;
  readonly durationMs: number;
  readonly gpus: number;
}

interface Step {
  readonly atMs: number;
  readonly replicas: number;
}

export interface LoadedWorkload {
  readonly title: string;
  readonly fromMs: number;
  readonly toMs: number;
  readonly kind: "jobs" | "services";
  /** What stands in it from `fromMs` for `lengthMs`, on a clock that begins there. */
  window(fromMs: number, lengthMs: number): Workload;
  /** GPUs that are wanted if nothing waits, as steps; the last holds to the end. */
  demand(fromMs: number, toMs: number): readonly { readonly atMs: number; readonly gpus: number }[];
  /** What was left out, in words. */
  readonly dropped: readonly string[];
}

/** Null: the folder lacks its file. @throws AppError bad-input for a row that cannot be read. */
export function loadWorkload(folder: string, plan: WorkloadPlan): LoadedWorkload | null {
  switch (plan.kind) {
    case "jobs":
      return jobsOf(folder, plan);
    case "series":
      return seriesOf(folder, plan);
    case "requests":
      return requestsOf(folder, plan);
    case "flat":
      return services(plan.title, [{ atMs: 0, replicas: plan.gpus }], plan.days * DAY_MS, []);
    default:
      return plan satisfies never;
  }
}

function jobsOf(folder: string, plan: Extract<WorkloadPlan, { kind: "jobs" }>): LoadedWorkload | null {
  const { columns, gang } = plan;
  const rows = rowsIn(folder, plan.file, Object.values(columns));
  if (rows === null) return null;
  const left = { noGpu: 0, noRunTime: 0 };
  const jobs = rows
    .flatMap((row): readonly JobRow[] => {
      const gpus = row.atLeast(columns.gpus, 0);
      const durationS = row.number(columns.duration);
      if (gpus === 0) left.noGpu += 1;
      else if (durationS === null) left.noRunTime += 1;
      else if (durationS < 0)
        row.refuse(columns.duration, `${durationS} is negative; correct or remove the row`);
      else
        return [
          {
            id: row.text(columns.id),
            arrivalMs: row.milliseconds(columns.arrival),
            durationMs: Math.round(durationS * 1000),
            gpus: Math.ceil(gpus),
          },
        ];
      return [];
    })
    .toSorted((a, b) => a.arrivalMs - b.arrivalMs);
  if (jobs.length === 0) throw new AppError("bad-input", `${plan.file}: has no job with GPUs and a run time`);
  const fromMs = plan.fromDay * DAY_MS;
  const toMs = plan.toDay * DAY_MS;
  return {
    title: plan.title,
    kind: "jobs",
    fromMs,
    toMs,
    window: (from, length) => ({ jobs: jobsIn(jobs, from, length, gang), services: [] }),
    demand: (from, to) =>
      stepsOf(
        jobs.flatMap(({ arrivalMs, durationMs, gpus }) => [
          { atMs: arrivalMs, by: gpus },
          { atMs: arrivalMs + durationMs, by: -gpus },
        ]),
        from,
        to,
      ),
    dropped: Object.entries({ "without a GPU": left.noGpu, "without a run time": left.noRunTime }).flatMap(
      ([what, count]) => (count === 0 ? [] : [`${plan.file}: ${count} rows ${what}`]),
    ),
  };
}

/** What ran already begins at the start with what is left of it. */
function jobsIn(
  jobs: readonly JobRow[],
  fromMs: number,
  lengthMs: number,
  gang: boolean,
): readonly JobModel[] {
  return jobs.flatMap(({ id, arrivalMs, durationMs, gpus }): readonly JobModel[] => {
    const startMs = Math.max(arrivalMs, fromMs);
    const leftMs = arrivalMs + durationMs - startMs;
    if (startMs >= fromMs + lengthMs || leftMs < 1000) return [];
    return [{ id, arrivalMs: startMs - fromMs, durationMs: leftMs, gpus, ...(gang ? { gang } : {}) }];
  });
}

function seriesOf(folder: string, plan: Extract<WorkloadPlan, { kind: "series" }>): LoadedWorkload | null {
  const rows = rowsIn(folder, plan.file, [plan.time, plan.value]);
  if (rows === null) return null;
  let gaps = 0;
  const steps = rows.flatMap((row): readonly Step[] => {
    const value = row.atLeast(plan.value, 0);
    if (value === 0 && plan.zeroIsGap) {
      gaps += 1;
      return [];
    }
    return [{ atMs: row.milliseconds(plan.time), replicas: Math.ceil(value / plan.perReplica) }];
  });
  const last = steps.at(-1)?.atMs ?? 0;
  const dropped = gaps === 0 ? [] : [`${plan.file}: ${gaps} rows that are gaps; the value before them holds`];
  return services(plan.title, steps, last, dropped);
}

function requestsOf(
  folder: string,
  plan: Extract<WorkloadPlan, { kind: "requests" }>,
): LoadedWorkload | null {
  const rows = rowsIn(folder, plan.file, [plan.arrival]);
  if (rows === null) return null;
  const bins = new Map<number, number>();
  for (const row of rows) {
    const bin = Math.floor(row.atLeast(plan.arrival, 0) / plan.binS);
    bins.set(bin, (bins.get(bin) ?? 0) + 1);
  }
  const steps = Array.from({ length: Math.max(...bins.keys()) + 1 }, (_, at) => ({
    atMs: at * plan.binS * 1000,
    replicas: Math.ceil((bins.get(at) ?? 0) / plan.binS / plan.perReplica),
  }));
  return services(plan.title, steps, steps.length * plan.binS * 1000, []);
}

function services(
  title: string,
  steps: readonly Step[],
  toMs: number,
  dropped: readonly string[],
): LoadedWorkload {
  return {
    title,
    kind: "services",
    fromMs: 0,
    toMs,
    window: (fromMs, lengthMs) => {
      const before = steps.findLast(({ atMs }) => atMs <= fromMs)?.replicas ?? 0;
      const inside = steps.filter(({ atMs }) => atMs > fromMs && atMs < fromMs + lengthMs);
      const changes = [{ atMs: fromMs, replicas: before }, ...inside]
        .filter(({ replicas }, at, all) => at === 0 || replicas !== all[at - 1]?.replicas)
        .map(({ atMs, replicas }) => ({ atMs: atMs - fromMs, replicas }));
      return { jobs: [], services: [{ name: "service", gpusPerReplica: 1, steps: changes }] };
    },
    demand: (fromMs, to) => {
      const before = steps.findLast(({ atMs }) => atMs <= fromMs)?.replicas ?? 0;
      const inside = steps.filter(({ atMs }) => atMs > fromMs && atMs < to);
      return [
        { atMs: fromMs, gpus: before },
        ...inside.map(({ atMs, replicas }) => ({ atMs, gpus: replicas })),
      ];
    },
    dropped,
  };
}

function stepsOf(
  changes: readonly { readonly atMs: number; readonly by: number }[],
  fromMs: number,
  toMs: number,
) {
  const steps: { atMs: number; gpus: number }[] = [{ atMs: fromMs, gpus: 0 }];
  let gpus = 0;
  for (const { atMs, by } of changes.toSorted((a, b) => a.atMs - b.atMs)) {
    if (atMs >= toMs) break;
    gpus += by;
    const last = steps.at(-1);
    if (last !== undefined && (atMs <= fromMs || last.atMs === atMs)) last.gpus = gpus;
    else steps.push({ atMs, gpus });
  }
  return steps;
}

/** Mean, 95th percentile and peak of the demand, weighted by time. */
export function demandFigures(
  steps: readonly { readonly atMs: number; readonly gpus: number }[],
  toMs: number,
): { readonly mean: number; readonly p50: number; readonly p95: number; readonly peak: number } {
  const spans = steps.map(({ atMs, gpus }, at) => ({ gpus, ms: (steps[at + 1]?.atMs ?? toMs) - atMs }));
  const total = spans.reduce((sum, { ms }) => sum + ms, 0);
  const sorted = spans.toSorted((a, b) => a.gpus - b.gpus);
  const quantile = (share: number): number => {
    let passed = 0;
    for (const { gpus, ms } of sorted) {
      passed += ms;
      if (passed >= share * total) return gpus;
    }
    return sorted.at(-1)?.gpus ?? 0;
  };
  return {
    mean: spans.reduce((sum, { gpus, ms }) => sum + gpus * ms, 0) / total,
    p50: quantile(0.5),
    p95: quantile(0.95),
    peak: Math.max(0, ...spans.filter(({ ms }) => ms > 0).map(({ gpus }) => gpus)),
  };
}
