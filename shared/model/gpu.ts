// What a GPU says, field by field. A field is a value, or the card cannot tell, or the call failed: the last
// two are never a number, so nobody can take them for zero.

import type { Bytes, Celsius, EpochMs, Millis, Ratio, Watts } from "./units.ts";

/** One field of one GPU at one moment. `code` is the driver's return code (nvmlReturn_t). */
export type Reading<T> =
  | { readonly kind: "value"; readonly value: T }
  | { readonly kind: "unsupported"; readonly code: number }
  | { readonly kind: "failed"; readonly code: number };

export type GpuUuid = string & { readonly __gpuUuid?: never };

/** What does not change while the driver stays loaded. */
export interface GpuIdentity {
  /** Position in the driver's enumeration; may change over reboots. Key by `uuid`. */
  readonly index: number;
  readonly uuid: GpuUuid;
  readonly name: Reading<string>;
  /** Lower-case, four-digit domain, as the kernel log and sysfs write it: 0000:3b:00.0 */
  readonly busId: Reading<string>;
  readonly memoryTotalBytes: Reading<Bytes>;
}

/** One reading of one GPU. `lost`: the card has left the bus, and every field has failed. */
export interface GpuSample {
  readonly uuid: GpuUuid;
  readonly state: "present" | "lost";
  readonly utilization: Reading<Ratio>;
  readonly memoryUsedBytes: Reading<Bytes>;
  readonly temperatureCelsius: Reading<Celsius>;
  readonly powerWatts: Reading<Watts>;
}

/**
 * Where readings come from. The states that are not `ready` are different for an operator, and none means
 * "zero GPUs busy": `library-missing` (nothing to load; also a wrong libc), `driver-not-loaded`
 * (the library is there, the kernel module is not), `no-device` (the driver runs and shows no GPU),
 * `hung` (a call has not returned), `failed` (anything else, with its code).
 */
export type GpuSource =
  | { readonly state: "starting" }
  | { readonly state: "ready"; readonly driver: string; readonly gpus: readonly GpuIdentity[] }
  | { readonly state: "library-missing"; readonly detail: string }
  | { readonly state: "driver-not-loaded"; readonly code: number }
  | { readonly state: "no-device"; readonly driver: string }
  | { readonly state: "hung"; readonly call: string; readonly gpu: number | null; readonly forMs: Millis }
  | { readonly state: "failed"; readonly call: string; readonly code: number; readonly detail: string };

export type GpuSourceState = GpuSource["state"];

/** All GPUs of a node at one moment, as the sampler hands them over. */
export interface GpuCycle {
  readonly at: EpochMs;
  readonly source: GpuSource;
  readonly samples: readonly GpuSample[];
}

/**
 * A field over a span that ends now. `coverage` is the share of the span for which samples exist; `ageMs` is
 * the age of the newest. A window without samples is `unknown` and says why.
 */
export type Window =
  | {
      readonly kind: "known";
      readonly mean: number;
      readonly max: number;
      readonly p95: number;
      readonly coverage: Ratio;
      readonly ageMs: Millis;
    }
  | { readonly kind: "unknown"; readonly because: "no-samples" | "unsupported" | "failed" | "lost" };

/** The spans of every report, in milliseconds: 10 s, 60 s and 600 s. */
export const WINDOW_SPANS_MS = { w10: 10_000, w60: 60_000, w600: 600_000 } as const;
export type WindowSpan = keyof typeof WINDOW_SPANS_MS;
export type Windows = Readonly<Record<WindowSpan, Window>>;
