// The main thread's side of the driver: starts the worker, passes on what it reads, says when it hangs, and
// starts it again should it crash. It never calls the driver itself, so HTTP, NATS and the drain go on while
// the driver does not answer.
//
// Stopping: `stop()` asks the worker and waits. Neither Worker.terminate() nor process.exit() gets past a
// native call that does not return, both wait for it. When stop() says "hung", the caller ends the process by
// SIGKILL on itself; it does so only then, because killing a process inside a driver call can freeze the GPU.

import { setFlagsFromString } from "node:v8";
import { Worker } from "node:worker_threads";

import type { GpuSource, GpuSurvey } from "../../../shared/model/gpu.ts";
import { millis } from "../../../shared/model/units.ts";
import type { Millis } from "../../../shared/model/units.ts";
import type { Clock } from "../../../shared/runtime/clock.ts";
import { describe } from "../../../shared/runtime/errors.ts";
import type { GpuListener, GpuSampler } from "../source.ts";
import type { LibraryOptions } from "./library.ts";
import { sleepUnlessAborted } from "./loop.ts";
import { createMarkBuffer, readMark } from "./marks.ts";
import type { FromWorker, ToWorker, WorkerSettings } from "./messages.ts";
import { createWatchdog } from "./watchdog.ts";

const FIRST_RESTART_MS = 1_000;
/** Each crash costs the process some 70 KiB that it never gets back: a day of crashes must not cost it its memory. */
const LONGEST_RESTART_MS = 300_000;
/** A worker that lived this long was a good one. */
const GOOD_LIFE_MS = 30_000;

/**
 * The worker's heap holds a few small objects. The limits do not change what a thread costs at its start; they
 * keep the collector from letting garbage pile up, and a leak from taking more than this thread with it. The
 * stack keeps its usual size, since it also carries the driver's own frames.
 */
const WORKER_LIMITS = { maxOldGenerationSizeMb: 16, maxYoungGenerationSizeMb: 1 };

export interface SamplerOptions extends GpuListener {
  /** `worker.ts` beside this file, or its bundle. */
  readonly workerUrl: URL;
  readonly intervalMs: Millis;
  readonly slowIntervalMs: Millis;
  readonly gpm: boolean;
  readonly library: LibraryOptions;
  readonly clock: Clock;
}

export function startSampler(options: SamplerOptions): GpuSampler {
  const { clock } = options;
  const marks = createMarkBuffer();
  const stopping = new AbortController();
  /** What the worker said last; `source` is that, or "hung" while it can say nothing. */
  let said: GpuSource = { state: "starting" };
  let source: GpuSource = said;

  const become = (next: GpuSource): void => {
    if (next === source) return;
    source = next;
    options.onSource(next);
  };
  const { library, intervalMs, slowIntervalMs, gpm } = options;
  let released = false;
  const settings = (): WorkerSettings => ({ library, intervalMs, slowIntervalMs, gpm, released, marks });
  const surveyed = new Set<(survey: GpuSurvey) => void>();
  const onMessage = (message: FromWorker): void => {
    switch (message.kind) {
      case "cycle":
        said = message.source ?? said;
        become(said);
        options.onCycle({ at: message.at, source: said, samples: message.samples });
        break;
      case "event":
        options.onEvent(message.event);
        break;
      case "survey":
        for (const answer of surveyed) answer(message.survey);
        surveyed.clear();
        break;
    }
  };
  const ask = (request: ToWorker): void => worker?.postMessage(request);
  const onCrash = (error: unknown): void => {
    said = { state: "failed", call: "worker thread", code: 999, detail: describe(error) };
    become(said);
  };

  let worker: Worker | null = null;
  const running = keepRunning({
    start: () => (worker = startWorker(options.workerUrl, settings(), onMessage)),
    onCrash,
    clock,
    signal: stopping.signal,
  });
  // The hang is over with the next cycle, which says what it found.
  const watching = watch({
    marks,
    intervalMs: options.intervalMs,
    clock,
    signal: stopping.signal,
    onHang: become,
  });

  return {
    source: () => source,
    inCall: () => readMark(marks).inCall,
    survey: async (withinMs) => {
      const answer = Promise.withResolvers<GpuSurvey | null>();
      surveyed.add(answer.resolve);
      ask({ kind: "survey" });
      const waiting = new AbortController();
      const late = clock.sleep(withinMs, waiting.signal).catch(() => {});
      const survey = await Promise.race([answer.promise, late.then(() => null)]);
      waiting.abort();
      surveyed.delete(answer.resolve);
      return survey;
    },
    release: () => {
      released = true;
      ask({ kind: "release" });
    },
    resume: () => {
      released = false;
      ask({ kind: "resume" });
    },
    stop: async (withinMs) => {
      stopping.abort();
      ask({ kind: "stop" });
      const ended = Promise.all([running, watching]).then(() => "stopped" as const);
      const waiting = new AbortController();
      const late = clock.sleep(withinMs, waiting.signal).then(
        () => "hung" as const,
        () => "stopped" as const,
      );
      const outcome = await Promise.race([ended, late]);
      waiting.abort();
      return outcome;
    },
  };
}

function startWorker(url: URL, settings: WorkerSettings, onMessage: (message: FromWorker) => void): Worker {
  // A process that was started with --max-old-space-size gives that to every thread's heap, whatever the thread's own
  // limits say. A heap takes the flag when it is made, so the main thread's stays as it is.
  setFlagsFromString(`--max-old-space-size=${WORKER_LIMITS.maxOldGenerationSizeMb}`);
  const worker = new Worker(url, { name: "nvml", workerData: settings, resourceLimits: WORKER_LIMITS });
  worker.on("message", onMessage);
  return worker;
}

/** One worker after the other until stopped. A crash is reported and followed by a pause that grows. */
async function keepRunning(options: {
  readonly start: () => Worker;
  readonly onCrash: (error: unknown) => void;
  readonly clock: Clock;
  readonly signal: AbortSignal;
}): Promise<void> {
  const { start, onCrash, clock, signal } = options;
  let pauseMs = FIRST_RESTART_MS;
  while (!signal.aborted) {
    const startedAt = clock.monotonic();
    const error = await untilExit(start());
    if (signal.aborted) return;
    onCrash(error);
    if (clock.monotonic() - startedAt >= GOOD_LIFE_MS) pauseMs = FIRST_RESTART_MS;
    await sleepUnlessAborted(clock, millis(pauseMs), signal);
    pauseMs = Math.min(LONGEST_RESTART_MS, pauseMs * 2);
  }
}

/** Resolves when the thread has ended, with what it threw. */
async function untilExit(worker: Worker): Promise<unknown> {
  let thrown: unknown = new Error("the thread ended by itself");
  worker.on("error", (error) => {
    thrown = error;
  });
  await new Promise<void>((resolve) => {
    worker.once("exit", () => resolve());
  });
  return thrown;
}

async function watch(options: {
  readonly marks: SharedArrayBuffer;
  readonly intervalMs: Millis;
  readonly clock: Clock;
  readonly signal: AbortSignal;
  readonly onHang: (source: GpuSource) => void;
}): Promise<void> {
  const { marks, clock, signal, onHang } = options;
  const watchdog = createWatchdog(options.intervalMs);
  while (!signal.aborted) {
    const hang = watchdog.look(readMark(marks), clock.monotonic());
    if (hang !== null) onHang({ state: "hung", ...hang });
    await sleepUnlessAborted(clock, watchdog.lookEveryMs, signal);
  }
}
