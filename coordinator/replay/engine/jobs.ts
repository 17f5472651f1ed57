// What became of the jobs of a replay: how long they waited, how often they were set back, how much of what was done had to
// be done again. A job waits until all its pods run; a wait after a loss counts for itself. A job that never ran counts
// with its wait until the end of the replay, so that leaving it out makes no figure better.

import type { Quantiles } from "../run.ts";
import type { JobModel } from "../scenario.ts";
import type { LedgerEntry } from "../world-core.ts";
import type { Book } from "./book.ts";

export interface Jobs {
  arrived(job: JobModel): void;
  /** Takes in one fact, before the book does. `atMs`: from the start of the scenario. */
  take(fact: LedgerEntry, atMs: number): void;
  /** GPUs of jobs that have arrived and are not done. */
  readonly openGpus: number;
  readonly open: number;
  figures(endMs: number): JobFigures;
}

export interface JobFigures {
  readonly waitS: Quantiles;
  readonly waitWithRequeuesS: Quantiles;
  readonly startedWithin60s: number | null;
  readonly startedWithin300s: number | null;
  readonly stretch: Quantiles;
  readonly jobs: { readonly arrived: number; readonly finished: number; readonly unfinished: number };
  /** Of processes that ran in the window, in GPU-milliseconds. */
  readonly usefulGpuMs: number;
  readonly lostGpuMs: number;
}

interface JobUse {
  readonly model: JobModel;
  readonly counted: boolean;
  pods: number;
  running: number;
  finished: number;
  /** GPUs of its pods that have not finished. */
  openGpus: number;
  /** Since when it waits; null: it runs. */
  waitsSinceMs: number | null;
  hasRun: boolean;
}

export interface Window {
  readonly fromMs: number;
  readonly toMs: number;
}

export function createJobs(book: Book, window: Window): Jobs {
  const jobs = new Map<string, JobUse>();
  /** Processes that run: since when, and of how many GPUs. */
  const running = new Map<string, { readonly sinceMs: number; readonly gpus: number }>();
  const firstWaits: number[] = [];
  const waits: number[] = [];
  const stretches: number[] = [];
  const counts = { arrived: 0, finished: 0 };
  let openGpus = 0;
  let open = 0;
  let usefulGpuMs = 0;
  let lostGpuMs = 0;

  function within(fromMs: number, toMs: number): number {
    return Math.max(0, Math.min(toMs, window.toMs) - Math.max(fromMs, window.fromMs));
  }

  function waited(job: JobUse, atMs: number): void {
    if (job.waitsSinceMs === null || job.running + job.finished < job.pods) return;
    const seconds = (atMs - job.waitsSinceMs) / 1000;
    job.waitsSinceMs = null;
    if (job.counted) {
      waits.push(seconds);
      if (!job.hasRun) firstWaits.push(seconds);
    }
    job.hasRun = true;
  }

  function stopped(uid: string): JobUse | undefined {
    const pod = book.pod(uid);
    const job = pod?.owner?.kind === "job" ? jobs.get(pod.owner.name) : undefined;
    if (job !== undefined && pod?.phase === "running") job.running -= 1;
    return job;
  }

  return {
    arrived: (model) => {
      const counted = model.arrivalMs >= window.fromMs && model.arrivalMs < window.toMs;
      jobs.set(model.id, {
        model,
        counted,
        pods: 0,
        running: 0,
        finished: 0,
        openGpus: model.gpus,
        waitsSinceMs: Math.max(0, model.arrivalMs),
        hasRun: false,
      });
      if (counted) counts.arrived += 1;
      open += 1;
      openGpus += model.gpus;
    },
    take: (fact, atMs) => {
      switch (fact.kind) {
        case "job-submitted": {
          const job = jobs.get(fact.job);
          if (job !== undefined) job.pods = fact.workers;
          break;
        }
        case "pod-started": {
          const pod = book.pod(fact.uid);
          if (pod === undefined) break;
          running.set(fact.uid, { sinceMs: atMs, gpus: pod.gpus });
          const job = pod.owner?.kind === "job" ? jobs.get(pod.owner.name) : undefined;
          if (job === undefined) break;
          job.running += 1;
          waited(job, atMs);
          break;
        }
        case "pod-stopping": {
          const job = stopped(fact.uid);
          if (job !== undefined && job.hasRun) job.waitsSinceMs ??= atMs;
          break;
        }
        case "pod-exited": {
          const ended = running.get(fact.uid);
          running.delete(fact.uid);
          const pod = book.pod(fact.uid);
          const job = stopped(fact.uid);
          if (ended !== undefined && pod !== undefined) {
            const { sinceMs, gpus } = ended;
            const endMs = sinceMs + fact.ranMs;
            // What a service does is never done again.
            const usefulMs = pod.owner?.kind === "job" ? fact.keptMs : fact.ranMs;
            usefulGpuMs += gpus * within(sinceMs, sinceMs + usefulMs);
            lostGpuMs += gpus * within(sinceMs + usefulMs, endMs);
          }
          if (job === undefined || pod === undefined) break;
          if (fact.why === "finished") {
            job.finished += 1;
            job.openGpus -= pod.gpus;
            openGpus -= pod.gpus;
          } else if (job.hasRun) job.waitsSinceMs ??= atMs;
          break;
        }
        case "job-set-back": {
          // It was taken for useful until now.
          const gpuMs = fact.gpus * Math.min(fact.ms, within(atMs - fact.ms, atMs));
          usefulGpuMs -= gpuMs;
          lostGpuMs += gpuMs;
          break;
        }
        case "job-done": {
          const job = jobs.get(fact.job);
          if (job === undefined) break;
          // It is told before its last pod's end.
          open -= 1;
          openGpus -= job.openGpus;
          if (job.counted) {
            counts.finished += 1;
            if (job.model.durationMs > 0)
              stretches.push((atMs - Math.max(0, job.model.arrivalMs)) / job.model.durationMs);
          }
          jobs.delete(fact.job);
          break;
        }
        default:
          break;
      }
    },
    get openGpus() {
      return openGpus;
    },
    get open() {
      return open;
    },
    figures: (endMs) => {
      let useful = usefulGpuMs;
      for (const { sinceMs, gpus } of running.values()) useful += gpus * within(sinceMs, endMs);
      const first = [...firstWaits];
      const all = [...waits];
      for (const { counted, waitsSinceMs, hasRun } of jobs.values()) {
        if (!counted || waitsSinceMs === null) continue;
        const seconds = (endMs - waitsSinceMs) / 1000;
        all.push(seconds);
        if (!hasRun) first.push(seconds);
      }
      const share = (most: number): number | null =>
        counts.arrived === 0 ? null : firstWaits.filter((wait) => wait <= most).length / counts.arrived;
      return {
        waitS: quantiles(first),
        waitWithRequeuesS: quantiles(all),
        startedWithin60s: share(60),
        startedWithin300s: share(300),
        stretch: quantiles(stretches),
        jobs: { ...counts, unfinished: counts.arrived - counts.finished },
        usefulGpuMs: useful,
        lostGpuMs,
      };
    },
  };
}

/** By rank: the smallest value that so large a share of them does not exceed. */
export function quantiles(values: readonly number[]): Quantiles {
  const inOrder = values.toSorted((one, other) => one - other);
  const at = (share: number): number | null =>
    inOrder[Math.max(0, Math.ceil(share * inOrder.length) - 1)] ?? null;
  return { count: inOrder.length, p50: at(0.5), p95: at(0.95), p99: at(0.99), max: inOrder.at(-1) ?? null };
}
