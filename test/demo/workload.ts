// From a trace to the demo's jobs: one trace minute is one second, the first hour and a quarter counts. The
// trace says when a job came, how long it ran and on how many GPUs. It does not say how urgent it was or how
// busy it kept its GPUs; both are drawn here from the job's name and the seed, and the output says so.

import type { TraceJob } from "../../coordinator/replay/trace.ts";
import { randomStream } from "../../coordinator/replay/world-core.ts";
import type { JobSpec } from "../../coordinator/replay/world-options.ts";
import { after, millis, seconds } from "../../shared/model/units.ts";
import type { EpochMs } from "../../shared/model/units.ts";
import { AppError } from "../../shared/runtime/errors.ts";

/** One trace minute is one second. */
export const PACE = 60;
/** Jobs that arrive later in the trace are left out, so that the demo ends inside three minutes. */
export const ARRIVALS_MINUTES = 75;

const LABEL = /^[a-z0-9]([-a-z0-9]*[a-z0-9])?$/;
/** A pod's name adds a suffix of six characters, and a job's name is a label's value of at most 63. */
const NAME_MAX = 50;
const SCRIPTS_OWN = /^(companion|filler|own-work|victim|impossible)\b/;

export type Priority = "low" | "medium" | "high";

export interface DemoJob {
  readonly spec: JobSpec;
  readonly priority: Priority;
  /** 0..1, on each of its GPUs. */
  readonly utilization: number;
}

/** Grace and time to shut down, in seconds of the demo: training takes longest to save. */
const MANNERS: Readonly<Record<Priority, { readonly graceSeconds: number; readonly exitAfterMs: number }>> = {
  low: { graceSeconds: 5, exitAfterMs: 500 },
  medium: { graceSeconds: 10, exitAfterMs: 2000 },
  high: { graceSeconds: 30, exitAfterMs: 6000 },
};

/**
 * The jobs of the trace's first 75 minutes. @throws AppError `bad-input` when there is none: a slice that was cut
 * out of a longer trace and not counted from its own start would show an idle fleet and hold every check.
 */
export function firstJobs(trace: readonly TraceJob[], name: string): readonly TraceJob[] {
  const jobs = trace.filter((job) => job.arrivalS < ARRIVALS_MINUTES * 60);
  if (jobs.length > 0) return jobs;
  const first = Math.min(...trace.map((job) => job.arrivalS));
  throw new AppError(
    "bad-input",
    `${name}, arrival_s: the first job arrives after ${first} s, the demo runs the first ${ARRIVALS_MINUTES * 60} s; count arrival_s from the start of the slice`,
  );
}

/** The jobs as the cluster gets them, arriving from `start`. */
export function jobsOf(jobs: readonly TraceJob[], start: EpochMs, seed: number): readonly DemoJob[] {
  const names = objectNames(jobs.map((job) => job.id));
  return jobs.map((job, row) =>
    demoJob({
      id: names[row] ?? job.id,
      gpus: job.gpus,
      durationMs: Math.max(1000, (job.durationS * 1000) / PACE),
      at: after(start, millis((job.arrivalS * 1000) / PACE)),
      priority: priorityOf(job, seed),
      seed,
    }),
  );
}

/**
 * A trace's ids become names of pods, and those of Philly or Slurm have underscores, capitals, colons. An id that
 * is no name, or one that the script uses itself, is spelt as one, with its row for difference.
 */
function objectNames(ids: readonly string[]): readonly string[] {
  const given = new Set(ids);
  return ids.map((id, row) => {
    if (LABEL.test(id) && id.length <= NAME_MAX && !SCRIPTS_OWN.test(id)) return id;
    const words = id.toLowerCase().match(/[a-z0-9]+/g) ?? ["job"];
    let name = `${words.join("-").slice(0, NAME_MAX - 10)}-r${row + 1}`;
    while (given.has(name)) name = `${name}x`;
    return name;
  });
}

export function demoJob(job: {
  readonly id: string;
  readonly gpus: number;
  readonly durationMs: number;
  readonly at?: EpochMs;
  readonly priority: Priority;
  readonly seed: number;
  readonly nodeSelector?: Readonly<Record<string, string>>;
}): DemoJob {
  const manners = MANNERS[job.priority];
  return {
    priority: job.priority,
    utilization: 0.3 + 0.6 * randomStream(job.seed, `utilization of ${job.id}`)(),
    spec: {
      id: job.id,
      gpus: job.gpus,
      durationMs: millis(Math.round(job.durationMs)),
      evictionPriority: job.priority,
      graceSeconds: seconds(manners.graceSeconds),
      exitAfterMs: millis(manners.exitAfterMs),
      ...(job.at === undefined ? {} : { at: job.at }),
      ...(job.nodeSelector === undefined ? {} : { nodeSelector: job.nodeSelector }),
    },
  };
}

/** Jobs of four GPUs and more are training and go last; of the others two in three go first. */
function priorityOf(job: TraceJob, seed: number): Priority {
  if (job.gpus >= 4) return "high";
  const draw = randomStream(seed, `priority of ${job.id}`)();
  return draw < 0.4 ? "low" : draw < 0.8 ? "medium" : "high";
}
