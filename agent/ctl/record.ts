// `agent record`: listens to the sampler for a while and makes a capture of what it said. What is recorded is what the
// agent itself would have been told, a missing driver and a hang included: those are worth a capture as well.

import type { GpuSource, GpuSurvey } from "../../shared/model/gpu.ts";
import { millis } from "../../shared/model/units.ts";
import type { Millis } from "../../shared/model/units.ts";
import type { Clock } from "../../shared/runtime/clock.ts";
import { CAPTURE_FORMAT, CAPTURE_VERSION } from "../sample/replay/capture-schema.ts";
import type { Capture, CaptureStep } from "../sample/replay/capture-schema.ts";
import { MAX_CAPTURE_BYTES } from "../sample/replay/capture.ts";
import { createPacker } from "../sample/replay/deltas.ts";
import type { StartSampler } from "./look.ts";

export interface Recorded {
  readonly capture: Capture;
  readonly cycles: number;
  /** It became as large as a replay takes, before its time was over. */
  readonly full: boolean;
  /** `hung`: a driver call keeps this process from ending; SIGKILL is what is left. */
  readonly ended: "stopped" | "hung";
}

export interface RecordOptions {
  readonly start: StartSampler;
  readonly clock: Clock;
  readonly intervalMs: Millis;
  readonly forMs: Millis;
  readonly note: string;
  /** Ends the recording; what was heard until then is kept. */
  readonly signal: AbortSignal;
  readonly maxBytes?: number;
}

const SURVEY_WITHIN_MS = millis(2_000);
const STOP_WITHIN_MS = millis(2_000);
/** For what stands around the steps. */
const ROOM_BYTES = 256 * 1024;

export async function record(options: RecordOptions): Promise<Recorded> {
  const { start, clock, intervalMs } = options;
  const limit = options.maxBytes ?? MAX_CAPTURE_BYTES - ROOM_BYTES;
  const madeAt = new Date(clock.now()).toISOString();
  /** The first thing that was said is the beginning: how long a driver takes to open is not played. */
  let begunAt: Millis | null = null;
  const packer = createPacker();
  const steps: CaptureStep[] = [];
  const full = new AbortController();
  let told: GpuSource | null = null;
  let cycles = 0;
  let bytes = 0;

  const add = (step: CaptureStep): void => {
    bytes += JSON.stringify(step).length + 1;
    if (bytes > limit) full.abort();
    else steps.push(step);
  };
  const atMs = (): Millis => {
    begunAt ??= clock.monotonic();
    return millis(Math.round(clock.monotonic() - begunAt));
  };
  const tell = (source: GpuSource): void => {
    // A hang is told anew while it lasts; how long it lasted shows in the time until the next step.
    if (source === told || (source.state === "hung" && told?.state === "hung")) return;
    told = source;
    add({ kind: "source", atMs: atMs(), source });
  };
  const sampler = start({
    onSource: tell,
    onCycle: ({ source, samples }) => {
      tell(source);
      cycles++;
      add({ kind: "cycle", atMs: atMs(), gpus: packer.pack(samples) });
    },
    onEvent: ({ gpu, busId, teller, what, gpuInstance, text }) => {
      // Without its instant, which will be that of the replay.
      add({ kind: "event", atMs: atMs(), event: { gpu, busId, teller, what, gpuInstance, text } });
    },
  });
  await clock.sleep(options.forMs, AbortSignal.any([options.signal, full.signal])).catch(() => {});
  const survey = sampler.source().state === "ready" ? await sampler.survey(SURVEY_WITHIN_MS) : null;
  const ended = await sampler.stop(STOP_WITHIN_MS);
  return {
    capture: {
      format: CAPTURE_FORMAT,
      v: CAPTURE_VERSION,
      madeAt,
      note: options.note,
      intervalMs,
      survey: survey === null ? null : mutable(survey),
      steps: steps.length > 0 ? steps : [{ kind: "source", atMs: millis(0), source: sampler.source() }],
    },
    cycles,
    full: full.signal.aborted,
    ended,
  };
}

/** The schema's lists may be written to; ours may not. */
function mutable({ library, calls, fields }: GpuSurvey): NonNullable<Capture["survey"]> {
  return {
    library,
    calls: calls.map((call) => ({ ...call, codes: [...call.codes] })),
    fields: fields.map((field) => ({ ...field, codes: [...field.codes] })),
  };
}
