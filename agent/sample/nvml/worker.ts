// The worker thread: the only place where the driver is called. It wires the loop to the thread's messages
// and leaves everything that can be tested without a thread to the other files.

import { setImmediate as untilMessages } from "node:timers/promises";
import { parentPort, workerData } from "node:worker_threads";

import type { GpuCycle, GpuSource } from "../../../shared/model/gpu.ts";
import { systemClock } from "../../../shared/runtime/clock.ts";
import { AppError } from "../../../shared/runtime/errors.ts";
import { createGenerations } from "./generations.ts";
import { listen } from "./listen.ts";
import { sampleOnSchedule } from "./loop.ts";
import { createMarkWriter } from "./marks.ts";
import type { FromWorker, ToWorker, WorkerSettings } from "./messages.ts";

const port = parentPort;
if (port === null) throw new AppError("bug", "the NVML worker must be started as a worker thread");

// The one sender is sampler.ts, which types what it sends.
const settings = workerData as WorkerSettings;
const stop = new AbortController();
const send = (message: FromWorker): void => port.postMessage(message);

const generations = createGenerations({
  library: settings.library,
  marks: createMarkWriter(settings.marks),
  intervalMs: settings.intervalMs,
  slowIntervalMs: settings.slowIntervalMs,
  gpm: settings.gpm,
  clock: systemClock,
});
if (settings.released) generations.release();
port.on("message", ({ kind }: ToWorker) => {
  switch (kind) {
    case "stop":
      stop.abort();
      break;
    case "survey":
      send({ kind: "survey", survey: generations.survey() });
      break;
    case "release":
      generations.release();
      // At once, since whoever waits for the driver waits for this.
      tell(generations.cycle());
      break;
    case "resume":
      generations.resume();
      break;
  }
});

let told: GpuSource | null = null;
const tell = ({ at, source, samples }: GpuCycle): void => {
  // The source holds every GPU's identity, so it travels only when it is a new one.
  send({ kind: "cycle", at, samples, source: source === told ? null : source });
  told = source;
};

await sampleOnSchedule({
  cycle: generations.cycle,
  onCycle: tell,
  between: (ms, signal) =>
    listen(
      {
        events: generations.events,
        onEvents: (events) => {
          for (const event of events) send({ kind: "event", event });
          generations.onEvents(events);
        },
        clock: systemClock,
        yield: () => untilMessages(),
      },
      ms,
      signal,
    ),
  intervalMs: settings.intervalMs,
  clock: systemClock,
  signal: stop.signal,
});
generations.close();
port.close();
