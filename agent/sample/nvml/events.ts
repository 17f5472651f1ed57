// What the driver reports by itself: XIDs, changes of MIG, a GPU that becomes unavailable. Waited for between cycles
// in the one worker.

import type { GpuEvent, GpuUuid } from "../../../shared/model/gpu.ts";
import type { EpochMs, Millis } from "../../../shared/model/units.ts";
import type { Address } from "./native.ts";
import type { Driver } from "./reader.ts";

export interface EventSubject {
  readonly index: number;
  readonly handle: Address;
  readonly uuid: GpuUuid;
  readonly busId: string | null;
}

export interface Events {
  /** False when this driver reports nothing: the caller then sleeps by itself. */
  readonly supported: boolean;
  /** Blocks the thread for at most `timeoutMs`, in whole milliseconds; all events that wait, in order. */
  readonly wait: (timeoutMs: Millis) => readonly GpuEvent[];
  readonly close: () => void;
}

export function openEvents(
  _driver: Driver,
  _subjects: readonly EventSubject[],
  _clock: { readonly now: () => EpochMs; readonly monotonic: () => Millis },
): Events {
  return { supported: false, wait: () => [], close: () => {} };
}
