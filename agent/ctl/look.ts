// A short look at the GPUs for a command: starts the sampler, waits until each group of readings has had its turn,
// asks what the driver supports, and lets go. A driver that hangs costs no more than the time it is given, and is
// named.

import type { GpuCycle, GpuSource, GpuSurvey } from "../../shared/model/gpu.ts";
import { NOT_ASKED } from "../../shared/model/nvml-status.ts";
import { millis } from "../../shared/model/units.ts";
import type { Millis } from "../../shared/model/units.ts";
import type { Clock } from "../../shared/runtime/clock.ts";
import type { GpuListener, GpuSampler } from "../sample/source.ts";

export type StartSampler = (listener: GpuListener) => GpuSampler;

export interface Look {
  /** Of the last cycle; null when there was none. */
  readonly cycle: GpuCycle | null;
  readonly source: GpuSource;
  readonly survey: GpuSurvey | null;
  /** `hung`: a driver call keeps this process from ending; SIGKILL is what is left. */
  readonly ended: "stopped" | "hung";
}

/** GPM needs two samples, and the slow group a turn; a reading that nobody asks for is not waited for longer. */
const ENOUGH_MS = millis(3_000);
/** A hang that is over by then was a slow call. */
const HANG_PATIENCE_MS = 2_500;
const SURVEY_WITHIN_MS = millis(1_500);
const STOP_WITHIN_MS = millis(1_500);

export async function lookAtGpus(options: {
  readonly start: StartSampler;
  readonly clock: Clock;
  readonly withinMs: Millis;
  /** Once GPUs answer: so long at the least, for readings that have to be seen twice. */
  readonly atLeastMs?: Millis;
  /** Hears all that the sampler says. */
  readonly hear?: GpuListener;
}): Promise<Look> {
  const { start, clock, withinMs, atLeastMs = 0, hear } = options;
  const begunAt = clock.monotonic();
  const done = Promise.withResolvers<void>();
  const late = new AbortController();
  let cycle: GpuCycle | null = null;
  let firstAt: Millis | null = null;
  let hungSince: Millis | null = null;

  const sampler = start({
    onCycle: (next) => {
      cycle = next;
      hungSince = null;
      hear?.onCycle(next);
      if (next.source.state !== "ready") done.resolve();
      if (firstAt === null) void clock.sleep(ENOUGH_MS, late.signal).then(done.resolve, () => {});
      firstAt ??= clock.monotonic();
      if (isComplete(next) && clock.monotonic() - firstAt >= atLeastMs) done.resolve();
    },
    onSource: (source) => {
      hear?.onSource(source);
      if (source.state !== "hung") return;
      hungSince ??= clock.monotonic();
      if (clock.monotonic() - hungSince >= HANG_PATIENCE_MS) done.resolve();
    },
    onEvent: (event) => hear?.onEvent(event),
  });
  await Promise.race([done.promise, clock.sleep(withinMs, late.signal).catch(() => {})]);
  late.abort();

  const source = nameOpening(sampler, clock.monotonic() - begunAt);
  const survey = source.state === "ready" ? await sampler.survey(SURVEY_WITHIN_MS) : null;
  return { cycle, source, survey, ended: await sampler.stop(STOP_WITHIN_MS) };
}

/** Opening a GPU that sleeps may take half a minute, and is no hang before that; here it has to be called one. */
function nameOpening(sampler: GpuSampler, forMs: number): GpuSource {
  const source = sampler.source();
  const inCall = source.state === "starting" ? (sampler.inCall?.() ?? null) : null;
  return inCall === null ? source : { state: "hung", ...inCall, forMs: millis(forMs) };
}

function isComplete({ samples }: GpuCycle): boolean {
  return samples.every(({ state, readings }) => state === "lost" || !readings.codes.includes(NOT_ASKED));
}
