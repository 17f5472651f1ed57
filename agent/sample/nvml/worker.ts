// The worker thread: the only place where the driver is called. It wires the loop to the thread's messages
// and leaves everything that can be tested without a thread to the other files.

import { parentPort, workerData } from "node:worker_threads";

import type { GpuCycle, GpuSource } from "../../../shared/model/gpu.ts";
import { systemClock } from "../../../shared/runtime/clock.ts";
import { AppError } from "../../../shared/runtime/errors.ts";
import { createGenerations } from "./generations.ts";
import { sampleOnSchedule } from "./loop.ts";
import { createMarkWriter } from "./marks.ts";
import type { FromWorker, ToWorker, WorkerSettings } from "./messages.ts";

const port = parentPort;
if (port === null) throw new AppError("bug", "the NVML worker must be started as a worker thread");

// The one sender is sampler.ts, which types what it sends.
const settings = workerData as WorkerSettings;
const stop = new AbortController();
port.on("message", (message: ToWorker) => {
  if (message.kind === "stop") stop.abort();
});

let told: GpuSource | null = null;
const tell = ({ at, source, samples }: GpuCycle): void => {
  // The source holds every GPU's identity, so it travels only when it is a new one.
  const message: FromWorker = { kind: "cycle", at, samples, source: source === told ? null : source };
  told = source;
  port.postMessage(message);
};

const generations = createGenerations({
  library: settings.library,
  marks: createMarkWriter(settings.marks),
  clock: systemClock,
});
await sampleOnSchedule({
  cycle: generations.cycle,
  onCycle: tell,
  intervalMs: settings.intervalMs,
  clock: systemClock,
  signal: stop.signal,
});
generations.close();
port.close();
