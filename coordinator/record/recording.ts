// The recording of a running coordinator, from its settings: where it lies, how much of it is kept, what the
// metrics say of it. Without a folder there is none, and nothing is held for it.

import { randomBytes } from "node:crypto";

import type { Bytes, Millis } from "../../shared/model/units.ts";
import { BUILD } from "../../shared/runtime/build-info.ts";
import type { Clock } from "../../shared/runtime/clock.ts";
import type { QuietLog } from "../../shared/runtime/log.ts";
import type { CoordinatorMetrics } from "../report/metrics.ts";
import { createAnonymiser } from "./anonymiser.ts";
import { createFolder } from "./folder.ts";
import { RECORDING_FORMAT, RECORDING_VERSION } from "./line.ts";
import { createRecorder } from "./recorder.ts";
import type { Recorder } from "./recorder.ts";

export interface RecordingOptions {
  /** Null: nothing is recorded. */
  readonly dir: string | null;
  readonly maxBytes: Bytes;
  readonly maxAgeMs: Millis;
  /** Names give way to stand-ins. */
  readonly anonymised: boolean;
  readonly metrics: CoordinatorMetrics;
  readonly clock: Clock;
  readonly log: QuietLog;
}

export function createRecording(options: RecordingOptions): Recorder {
  const { dir, metrics, clock, log } = options;
  if (dir === null) return NO_RECORDING;
  const anonymiser = options.anonymised ? createAnonymiser(randomBytes(32)) : null;
  return createRecorder({
    folder: createFolder(dir, options),
    clock,
    log,
    head: () => ({
      format: RECORDING_FORMAT,
      v: RECORDING_VERSION,
      build: BUILD,
      session: randomBytes(4).toString("hex"),
      names: null,
    }),
    ...(anonymiser === null ? {} : { shown: async (decided) => await anonymiser.shown(decided) }),
    onWritten: ({ bytes, folderBytes }) => {
      metrics.inc("gpu_autoscaler_recorded_decisions_total", {});
      metrics.inc("gpu_autoscaler_recorded_bytes_total", {}, bytes);
      metrics.set("gpu_autoscaler_recording_bytes", {}, folderBytes);
    },
    onDropped: (reason, decisions) => {
      metrics.inc("gpu_autoscaler_record_dropped_total", { reason }, decisions);
    },
  });
}

const NO_RECORDING: Recorder = {
  take: () => {},
  begin: () => {},
  run: async () => {},
};
