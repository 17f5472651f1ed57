// Plays a capture in the place of the driver: the same sources, cycles and events at the same distances, over and
// over. For trials and tests of everything behind the sampler. It knows no driver, so there is nothing to hang on,
// and the driver's version says that it is a replay.

import type { GpuSource } from "../../../shared/model/gpu.ts";
import { millis } from "../../../shared/model/units.ts";
import type { Clock } from "../../../shared/runtime/clock.ts";
import type { GpuListener, GpuSampler } from "../source.ts";
import type { Capture, CaptureStep } from "./capture-schema.ts";
import { createUnpacker } from "./deltas.ts";
import type { Unpacker } from "./deltas.ts";

export interface ReplayOptions extends GpuListener {
  readonly capture: Capture;
  readonly clock: Clock;
}

/**
 * Begins at once and ends with `stop`. Counters fall back where the capture begins anew, as after a reload.
 * @throws AppError bad-input when the capture has a reading that this version does not know.
 */
export function startReplay(options: ReplayOptions): GpuSampler {
  const { capture, clock } = options;
  refuseUnknownReadings(capture);
  const stopping = new AbortController();
  let source: GpuSource = { state: "starting" };
  /** What the capture said last; `source` is that, or "released". */
  let played: GpuSource = source;
  let released = false;

  const become = (next: GpuSource): void => {
    if (next === source) return;
    source = next;
    options.onSource(next);
  };
  const show = (step: CaptureStep, unpacker: Unpacker): void => {
    const at = clock.now();
    if (step.kind === "source") {
      played = asReplay(step.source);
      if (!released) become(played);
    } else if (step.kind === "cycle") {
      // Unpacked in any case: the next cycle says only what has changed since this one.
      const samples = unpacker.unpack(step.gpus);
      options.onCycle({ at, source, samples: released ? [] : samples });
    } else if (!released) {
      options.onEvent({ ...step.event, at });
    }
  };
  const playing = playForever({ capture, clock, signal: stopping.signal, show });

  return {
    source: () => source,
    survey: async () => await Promise.resolve(capture.survey),
    release: () => {
      released = true;
      become({ state: "failed", call: "release", code: 0, detail: "released; a replay holds no driver" });
    },
    resume: () => {
      released = false;
      become(played);
    },
    stop: async () => {
      stopping.abort();
      await playing;
      return "stopped";
    },
  };
}

async function playForever(options: {
  readonly capture: Capture;
  readonly clock: Clock;
  readonly signal: AbortSignal;
  readonly show: (step: CaptureStep, unpacker: Unpacker) => void;
}): Promise<void> {
  const { capture, clock, signal, show } = options;
  const lastMs = capture.steps.at(-1)?.atMs ?? 0;
  let startedAt: number = clock.monotonic();
  // Nothing is told before the caller has the sampler in hand.
  await Promise.resolve();
  while (!signal.aborted) {
    const unpacker = createUnpacker();
    for (const step of capture.steps) {
      await until(clock, startedAt + step.atMs, signal);
      if (signal.aborted) return;
      // By the schedule from the start, so that the pace does not drift; what a standstill missed is not made up for.
      const lateMs = clock.monotonic() - startedAt - step.atMs;
      if (lateMs > capture.intervalMs) startedAt += lateMs;
      show(step, unpacker);
    }
    startedAt += lastMs + capture.intervalMs;
    await until(clock, startedAt, signal);
  }
}

async function until(clock: Clock, at: number, signal: AbortSignal): Promise<void> {
  const leftMs = at - clock.monotonic();
  if (leftMs <= 0) return;
  await clock.sleep(millis(leftMs), signal).catch((error: unknown) => {
    if (!signal.aborted) throw error;
  });
}

function asReplay(source: GpuSource): GpuSource {
  return "driver" in source ? { ...source, driver: `${source.driver} (replay)` } : source;
}

/** Before anything is played, so that it is the start that is refused and not some later second. */
function refuseUnknownReadings(capture: Capture): void {
  const unpacker = createUnpacker();
  for (const step of capture.steps) if (step.kind === "cycle") unpacker.unpack(step.gpus);
}
