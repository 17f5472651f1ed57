// From a trace to the demo's jobs: one trace minute is one second, the first hour and a quarter counts. The
// trace says when a job came, how long it ran and on how many GPUs. It does not say how urgent it was or how
// busy it kept its GPUs; both are drawn here from the job's name and the seed, and the output says so.

import type { TraceJob } from "../../coordinator/replay/trace.ts";
import { randomStream } from "../../coordinator/replay/world-core.ts";
import type { JobSpec } from "../../coordinator/replay/world-options.ts";
import { after, millis, seconds } from "../../shared/model/units.ts";
import type { EpochMs } from "../../shared/model/units.ts";

/** One trace minute is one second. */
export const PACE = 60;
/** Jobs that arrive later in the trace are left out, so that the demo ends inside three minutes. */
export const ARRIVALS_MINUTES = 75;

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

/** The jobs of the trace's first 75 minutes, arriving from `start`. */
export function jobsOf(trace: readonly TraceJob[], start: EpochMs, seed: number): readonly DemoJob[] {
  return trace
    .filter((job) => job.arrivalS < ARRIVALS_MINUTES * 60)
    .map((job) =>
      demoJob({
        id: job.id,
        gpus: job.gpus,
        durationMs: Math.max(1000, (job.durationS * 1000) / PACE),
        at: after(start, millis((job.arrivalS * 1000) / PACE)),
        priority: priorityOf(job, seed),
        seed,
      }),
    );
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
