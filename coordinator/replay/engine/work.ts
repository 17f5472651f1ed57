// The work of a scenario as it comes: jobs at their arrival, services at each change of their replicas. Nothing of it is
// handed to the world before its time, so that nothing in the world can look ahead.

import type { Toleration } from "../../../shared/model/kube.ts";
import { NODE_LABEL, POD_ANNOTATION } from "../../../shared/model/names.ts";
import { epochMs, millis, seconds } from "../../../shared/model/units.ts";
import type { EpochMs } from "../../../shared/model/units.ts";
import type { JobModel, Scenario, ServiceModel } from "../scenario.ts";
import type { JobSpec, PodShape } from "../world-options.ts";
import type { World } from "../world.ts";
import { mostGpus } from "./check.ts";

export interface Work {
  nextAt(): EpochMs | null;
  /** Hands over all that is due at `now`. */
  moveTo(now: EpochMs): void;
  /** No job comes any more. */
  readonly done: boolean;
}

export interface WorkEvents {
  readonly onJob: (job: JobModel) => void;
  readonly onReplicas: (service: ServiceModel, replicas: number) => void;
}

/** Of a pod that says nothing else, as Kubernetes has it. */
const DEFAULT_GRACE_S = 30;

export function createWork(scenario: Scenario, world: World, { onJob, onReplicas }: WorkEvents): Work {
  const { start, lengthMs, work } = scenario;
  // Nothing arrives after the end.
  const jobs = work.jobs.filter(({ arrivalMs }) => arrivalMs < lengthMs);
  const steps = work.services
    .flatMap((service) => service.steps.map((step) => ({ service, ...step })))
    .filter(({ atMs }) => atMs < lengthMs)
    .toSorted((one, other) => one.atMs - other.atMs);
  const shape = createShapes(scenario);
  const known = new Set<string>();
  let nextJob = 0;
  let nextStep = 0;

  function resize(service: ServiceModel, replicas: number): void {
    onReplicas(service, replicas);
    const { name } = service;
    if (known.has(name)) world.setServiceReplicas(name, replicas);
    else if (replicas > 0) world.submitService({ name, replicas, ...shape.ofService(service) });
    if (replicas > 0) known.add(name);
    else known.delete(name);
  }

  return {
    nextAt: () => {
      const at = Math.min(jobs[nextJob]?.arrivalMs ?? Infinity, steps[nextStep]?.atMs ?? Infinity);
      return at === Infinity ? null : epochMs(start + Math.max(0, at));
    },
    moveTo: (now) => {
      const nowMs = now - start;
      for (let job = jobs[nextJob]; job !== undefined && job.arrivalMs <= nowMs; job = jobs[nextJob]) {
        nextJob += 1;
        onJob(job);
        world.submitJob(shape.ofJob(job));
      }
      for (let step = steps[nextStep]; step !== undefined && step.atMs <= nowMs; step = steps[nextStep]) {
        nextStep += 1;
        resize(step.service, step.replicas);
      }
    },
    get done() {
      return nextJob >= jobs.length;
    },
  };
}

/** What its pods look like, and how their processes behave. */
function createShapes({ pools, times }: Scenario) {
  const tolerations = [...new Set(pools.flatMap(({ taints = [] }) => taints.map(({ key }) => key)))].map(
    (key): Toleration => ({ key, operator: "Exists" }),
  );
  const graceSeconds = seconds(Math.max(DEFAULT_GRACE_S, Math.ceil(times.checkpointTakesMs / 1000)));
  const most = new Map<string, number>();

  function placeOf(gpuTypes: readonly string[] | undefined): Pick<PodShape, "nodeSelector" | "affinity"> {
    const [only, second] = gpuTypes ?? [];
    if (only === undefined || gpuTypes === undefined) return {};
    if (second === undefined) return { nodeSelector: { [NODE_LABEL.gpuProduct]: only } };
    const matchExpressions = [{ key: NODE_LABEL.gpuProduct, operator: "In", values: gpuTypes }];
    return {
      affinity: {
        nodeAffinity: {
          requiredDuringSchedulingIgnoredDuringExecution: { nodeSelectorTerms: [{ matchExpressions }] },
        },
      },
    };
  }

  function podsOf(gpuTypes: readonly string[] | undefined): PodShape {
    return {
      ...(tolerations.length === 0 ? {} : { tolerations }),
      ...placeOf(gpuTypes),
      graceSeconds,
    };
  }

  function largest(gpuTypes: readonly string[] | undefined): number {
    const key = gpuTypes?.join() ?? "";
    const found = most.get(key) ?? Math.max(1, mostGpus(pools, gpuTypes));
    most.set(key, found);
    return found;
  }

  return {
    ofJob: ({ id, gpus, durationMs, workers, gang, gpuTypes, cpu, memory }: JobModel): JobSpec => ({
      id,
      gpus,
      durationMs: millis(durationMs),
      ...(workers === undefined ? { maxGpusPerPod: largest(gpuTypes) } : { workers }),
      ...(gang === true && Math.max(workers ?? 1, Math.ceil(gpus / largest(gpuTypes))) > 1 ? { gang } : {}),
      ...(cpu === undefined ? {} : { cpu }),
      ...(memory === undefined ? {} : { memory }),
      ...podsOf(gpuTypes),
      startDelayMs: times.jobStartMs,
      exitAfterMs: times.checkpointTakesMs,
      restartMs: times.restartMs,
      ...(times.checkpointEveryMs === null ? {} : { checkpointEveryMs: times.checkpointEveryMs }),
      // Work that is saved may be moved: without a word of it a job's pod stays where it is.
      ...(times.checkpointEveryMs === null ? {} : { annotations: { [POD_ANNOTATION.safeToEvict]: "true" } }),
    }),
    ofService: ({ gpusPerReplica, gpuTypes }: ServiceModel): PodShape => ({
      gpus: gpusPerReplica,
      ...podsOf(gpuTypes),
      startDelayMs: times.serviceStartMs,
    }),
  };
}
