// How the jobs of a file fit the nodes of the pools, in sentences for the report: what a row leaves out and the replay takes
// instead, and which jobs no node will ever be large enough for. It changes no job.

import { GPU_RESOURCE } from "../../../shared/model/names.ts";
import { milliQuantity } from "../../../shared/model/quantity.ts";
import { mostGpus } from "../engine/check.ts";
import { isOfKind } from "../engine/pools.ts";
import type { JobModel, PoolModel } from "../scenario.ts";
import { requestsOf } from "../world-jobs.ts";

/** Whole sentences; none where every job says everything and fits. */
export function fitNotes(
  file: string,
  jobs: readonly JobModel[],
  pools: readonly PoolModel[],
): readonly string[] {
  const most = remembered((kinds: JobModel["gpuTypes"]) => mostGpus(pools, kinds), String);
  const isSplit = ({ workers, gpus, gpuTypes }: JobModel): boolean =>
    workers === undefined && gpus > most(gpuTypes) && most(gpuTypes) > 0;
  const split = jobs.filter(isSplit).length;
  const silent = jobs.filter(({ cpu, memory }) => cpu === undefined || memory === undefined).length;
  const one = requestsOf({}, 1);
  const fits = remembered(
    (job: JobModel) => {
      const gpus =
        job.workers === undefined ? Math.min(job.gpus, most(job.gpuTypes)) : job.gpus / job.workers;
      const wanted = { ...requestsOf(job, gpus), [GPU_RESOURCE]: String(gpus) };
      return pools.some((pool) => isOfKind(pool, job.gpuTypes) && offers(pool, wanted));
    },
    ({ gpus, workers, gpuTypes, cpu, memory }) => [gpus, workers, gpuTypes, cpu, memory].join(" "),
  );
  const [first, ...others] = jobs.filter((job) => !fits(job));
  return [
    ...(split === 0
      ? []
      : [`${file}: ${split} jobs want more GPUs than a node has and run as several pods on several nodes.`]),
    ...(silent === 0
      ? []
      : [
          `${file}: ${silent} jobs do not say their cpu or memory; a pod then asks for ${one.cpu} cores and ${one.memory} for each of its GPUs.`,
        ]),
    ...(first === undefined
      ? []
      : [
          `${file}: ${others.length + 1} jobs fit no node of the pools, so that those of them that are played wait until the end (the first is ${first.id}; --explain says why).`,
        ]),
  ];
}

function offers({ allocatable }: PoolModel, wanted: Readonly<Record<string, string>>): boolean {
  return Object.entries(wanted).every(
    ([name, amount]) => milliQuantity(amount) <= milliQuantity(allocatable[name] ?? "0"),
  );
}

function remembered<In, Out>(ask: (of: In) => Out, keyOf: (of: In) => string): (of: In) => Out {
  const known = new Map<string, Out>();
  return (of) => {
    const key = keyOf(of);
    const answer = known.get(key) ?? ask(of);
    known.set(key, answer);
    return answer;
  };
}
