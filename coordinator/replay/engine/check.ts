// Whether a scenario can be played, before anything of it is: order, ranges and names. What is wrong is an error with the
// field, the value and the way out; nothing is mended or left out in silence. Files and their lines are the readers' business.

import type { PolicySpec } from "../../../shared/contract/policy.ts";
import { NODE_LABEL } from "../../../shared/model/names.ts";
import { milliQuantity } from "../../../shared/model/quantity.ts";
import { AppError } from "../../../shared/runtime/errors.ts";
import { targetOf } from "../../cloud/target.ts";
import type { JobModel, PoolModel, Scenario } from "../scenario.ts";
import { gpusOfPool } from "./pools.ts";

/** @throws AppError bad-input for the first thing that cannot be played. */
export function checkScenario(scenario: Scenario): void {
  const { pools, work, stocks, prices, times } = scenario;
  for (const field of ["warmInMs", "lengthMs", "drainMs"] as const) isLength(field, scenario[field]);
  if (scenario.warmInMs > scenario.lengthMs)
    bad("warmInMs", scenario.warmInMs, `it has to end before lengthMs (${scenario.lengthMs})`);
  for (const field of ["jobStartMs", "noticeMs", "checkpointTakesMs", "restartMs", "launchRetryMs"] as const)
    isLength(`times.${field}`, times[field]);
  if (times.checkpointEveryMs !== null) isLength("times.checkpointEveryMs", times.checkpointEveryMs);
  if (times.launchRetryMs === 0)
    bad("times.launchRetryMs", 0, "a group cannot try again at once for ever: 30000 will do");

  isUnique(
    "pools",
    pools.map(({ name }) => name),
  );
  for (const [at, pool] of pools.entries()) checkPool(`pools[${at}]`, pool);

  isUnique(
    "work.jobs",
    work.jobs.map(({ id }) => id),
  );
  inOrder(
    "work.jobs",
    work.jobs.map(({ arrivalMs }) => arrivalMs),
  );
  for (const [at, job] of work.jobs.entries()) checkJob(`work.jobs[${at}] ("${job.id}")`, job, pools);
  isUnique(
    "work.services",
    work.services.map(({ name }) => name),
  );
  for (const [at, { gpusPerReplica, steps }] of work.services.entries()) {
    isCount(`work.services[${at}].gpusPerReplica`, gpusPerReplica);
    inOrder(
      `work.services[${at}].steps`,
      steps.map(({ atMs }) => atMs),
    );
    for (const [step, { replicas }] of steps.entries())
      isCount(`work.services[${at}].steps[${step}].replicas`, replicas);
  }
  for (const [at, { steps }] of stocks.entries()) {
    inOrder(
      `stocks[${at}].steps`,
      steps.map(({ atMs }) => atMs),
    );
    for (const [step, { available }] of steps.entries())
      if (available !== null) isCount(`stocks[${at}].steps[${step}].available`, available);
  }
  inOrder(
    "prices",
    prices.map((point) => point.at),
  );
  for (const [at, { usdPerHour }] of prices.entries())
    if (!Number.isFinite(usdPerHour) || usdPerHour < 0)
      bad(`prices[${at}].usdPerHour`, usdPerHour, "a price is a number of at least 0");
}

/** @throws AppError bad-input for a pool whose group is none of the scenario's. */
export function checkGroups(policy: string, { nodePools }: PolicySpec, pools: readonly PoolModel[]): void {
  for (const [at, { name, group }] of nodePools.entries()) {
    const target = targetOf(group);
    if (target === null) continue;
    const field = `policy "${policy}": spec.nodePools[${at}] ("${name}").group`;
    if (target.kind !== "simulated")
      bad(field, target.kind, "a replay has simulated groups only: write simulated: {url, name}");
    else if (!pools.some((pool) => pool.name === target.simulated.name))
      bad(
        `${field}.simulated.name`,
        target.simulated.name,
        `the scenario has ${pools.map((pool) => pool.name).join(", ")}`,
      );
  }
}

function checkPool(field: string, pool: PoolModel): void {
  const { zones, max, initial, committed = 0, allocatable } = pool;
  if (zones.length === 0) bad(`${field}.zones`, "[]", "name at least one zone");
  for (const [name, value] of Object.entries({ max, initial, committed })) isCount(`${field}.${name}`, value);
  if (initial > max) bad(`${field}.initial`, initial, `it is more than max (${max})`);
  for (const [name, quantity] of Object.entries(allocatable)) {
    try {
      milliQuantity(quantity);
    } catch {
      bad(`${field}.allocatable.${name}`, quantity, "write a Kubernetes quantity, such as 8 or 32Gi");
    }
  }
}

function checkJob(field: string, job: JobModel, pools: readonly PoolModel[]): void {
  const { arrivalMs, durationMs, gpus, workers, gang, gpuTypes } = job;
  isLength(`${field}.arrivalMs`, arrivalMs);
  isLength(`${field}.durationMs`, durationMs);
  isCount(`${field}.gpus`, gpus);
  if (workers !== undefined && (!Number.isInteger(workers) || workers < 1 || gpus % workers !== 0))
    bad(`${field}.workers`, workers, `${gpus} GPUs cannot be shared evenly by them`);
  if (gang === true && workers === undefined && gpus > 0 && mostGpus(pools, gpuTypes) === 0)
    bad(`${field}.gpus`, gpus, "no pool has GPUs of its kinds");
  for (const type of gpuTypes ?? [])
    if (!pools.some(({ labels }) => labels?.[NODE_LABEL.gpuProduct] === type))
      bad(
        `${field}.gpuTypes`,
        type,
        `no pool has this kind: its nodes would wear the label ${NODE_LABEL.gpuProduct} with it`,
      );
}

/** Of one node. */
export function mostGpus(pools: readonly PoolModel[], gpuTypes?: readonly string[]): number {
  const takes = pools.filter(
    ({ labels }) => gpuTypes === undefined || gpuTypes.includes(labels?.[NODE_LABEL.gpuProduct] ?? ""),
  );
  return Math.max(0, ...takes.map(gpusOfPool));
}

function inOrder(field: string, instants: readonly number[]): void {
  for (const [at, instant] of instants.entries()) {
    if (!Number.isFinite(instant)) bad(`${field}[${at}]`, instant, "it needs an instant");
    const before = instants[at - 1];
    if (before !== undefined && instant < before)
      bad(`${field}[${at}]`, instant, `it comes before the one above it (${before}): sort by time`);
  }
}

function isUnique(field: string, names: readonly string[]): void {
  const seen = new Set<string>();
  for (const [at, name] of names.entries()) {
    if (seen.has(name)) bad(`${field}[${at}]`, name, "this name is there already");
    seen.add(name);
  }
}

function isLength(field: string, value: number): void {
  if (!Number.isFinite(value) || value < 0)
    bad(field, value, "a length of time in milliseconds is at least 0");
}

function isCount(field: string, value: number): void {
  if (!Number.isSafeInteger(value) || value < 0) bad(field, value, "a whole number of at least 0 is needed");
}

function bad(field: string, value: unknown, wayOut: string): never {
  throw new AppError("bad-input", `${field} is ${JSON.stringify(value) ?? String(value)}: ${wayOut}`);
}
