// The connection to the driver's library: opened once in a generation and closed with it, and what a refused or broken
// one is called in the agent's own words.

import type { GpuSource } from "../../../shared/model/gpu.ts";
import {
  DRIVER_NOT_LOADED,
  FUNCTION_NOT_FOUND,
  GPU_NOT_FOUND,
  LIBRARY_NOT_FOUND,
  nameOf,
} from "../../../shared/model/nvml-status.ts";
import type { CallName } from "./calls.ts";
import { ENUMS } from "./constants.ts";
import type { Library } from "./library.ts";
import { marked } from "./marks.ts";
import type { MarkWriter } from "./marks.ts";

/** A call and what it answered. */
export interface Outcome {
  readonly call: CallName;
  readonly code: number;
}

/** What a dead or refused connection is called. */
export function sourceOf({ call, code }: Outcome, driver = "unknown"): GpuSource {
  if (code === DRIVER_NOT_LOADED) return { state: "driver-not-loaded", code };
  if (code === GPU_NOT_FOUND) return { state: "no-device", driver };
  if (code === LIBRARY_NOT_FOUND) {
    return { state: "library-missing", detail: `${call} cannot load a library that it needs itself` };
  }
  return { state: "failed", call, code, detail: `${call} answered ${nameOf(code)}` };
}

/** Without any GPU some drivers refuse a plain init; the flag then keeps "no GPU" apart from "no driver". */
export function initialize(library: Library, marks: MarkWriter): Outcome {
  const call = "nvmlInit_v2";
  const init = library.bind(call);
  if (init === null) return { call, code: FUNCTION_NOT_FOUND };
  const code = marked(marks, call, null, () => init());
  const withFlags = code === GPU_NOT_FOUND ? library.bind("nvmlInitWithFlags") : null;
  if (withFlags === null) return { call, code };
  const flags = ENUMS.NVML_INIT_FLAG_NO_GPUS;
  return { call, code: marked(marks, "nvmlInitWithFlags", null, () => withFlags(flags)) };
}

export function shutDown(library: Library, marks: MarkWriter): void {
  const shutdown = library.bind("nvmlShutdown");
  if (shutdown !== null) marked(marks, "nvmlShutdown", null, () => shutdown());
}
