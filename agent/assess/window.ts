// What was seen of each GPU over the last 10 minutes, kept as rings of numbers, and the windows over it. A value
// that the card could not give is kept as the reason, never as a number, and a span with gaps says how much of
// it was seen. Adding a sample costs nothing to speak of; windows are computed when somebody asks.

import { WINDOW_SPANS_MS } from "../../shared/model/gpu.ts";
import type { GpuIdentity, GpuSample, GpuUuid, Window, Windows } from "../../shared/model/gpu.ts";
import { millis, ratio } from "../../shared/model/units.ts";
import type { Millis } from "../../shared/model/units.ts";
import { GPU_FIELDS, seenValue } from "./seen-value.ts";
import type { GpuField } from "./seen-value.ts";

/** All instants are on one steady time line of the caller's, in milliseconds; a wall clock may jump. */
export interface History {
  /**
   * One cycle's samples, with the GPUs that the driver lists: how a card is cut, and how much memory it has. A cycle
   * that is not later than the one before is left out. Two samples under one UUID are of two GPUs that nobody can tell
   * apart, and neither counts.
   */
  add(samples: readonly GpuSample[], gpus: readonly GpuIdentity[], at: Millis): void;
  window(uuid: GpuUuid, field: GpuField, spanMs: number, now: Millis): Window;
  windows(uuid: GpuUuid, field: GpuField, now: Millis): Windows;
  /** Forgets GPUs that are not in the list: they have left the node. */
  keepOnly(uuids: readonly GpuUuid[]): void;
}

type Unknown = Extract<Window, { kind: "unknown" }>["because"];

/** What a slot of the ring says when it holds no value. */
const STATUS = { value: 0, unsupported: 1, failed: 2, lost: 3, pending: 4 } as const;
const BECAUSE: readonly Unknown[] = ["no-samples", "unsupported", "failed", "lost", "no-samples"];

/**
 * A sample stands for the time since the one before it, but for no more than this many intervals: half an
 * interval of lateness is jitter, more is a gap.
 */
const STANDS_FOR_INTERVALS = 1.5;
/**
 * Nor for more than this: the driver's own reading is of the last second, and one look in a minute says nothing of
 * the rest of it. The newest stands for what comes after it as well, so a look each 10 s sees 8 s of them at most.
 */
const STANDS_FOR_AT_MOST_MS = 4_000;

interface Ring {
  readonly times: Float64Array;
  readonly values: Readonly<Record<GpuField, Float64Array>>;
  readonly statuses: Readonly<Record<GpuField, Uint8Array>>;
  next: number;
  length: number;
}

export function createHistory(intervalMs: Millis): History {
  const size = Math.ceil(WINDOW_SPANS_MS.w600 / intervalMs) + 2;
  const standsForMs = Math.min(STANDS_FOR_INTERVALS * intervalMs, STANDS_FOR_AT_MOST_MS);
  const scratch = new Float64Array(size);
  const rings = new Map<GpuUuid, Ring>();

  const window = (uuid: GpuUuid, field: GpuField, spanMs: number, now: Millis): Window => {
    const ring = rings.get(uuid);
    if (ring === undefined) return { kind: "unknown", because: "no-samples" };
    return windowOf(ring, field, { from: now - spanMs, now, standsForMs, intervalMs }, scratch);
  };

  return {
    add: (samples, gpus, at) => {
      const added = new Set<Ring>();
      for (const sample of samples) {
        let ring = rings.get(sample.uuid);
        if (ring === undefined) {
          ring = createRing(size);
          rings.set(sample.uuid, ring);
        }
        if (added.has(ring)) failNewest(ring);
        if (ring.length > 0 && at <= timeAt(ring, 0)) continue;
        added.add(ring);
        addSample(
          ring,
          sample,
          gpus.find(({ uuid }) => uuid === sample.uuid),
          at,
        );
      }
    },
    window,
    windows: (uuid, field, now) => ({
      w10: window(uuid, field, WINDOW_SPANS_MS.w10, now),
      w60: window(uuid, field, WINDOW_SPANS_MS.w60, now),
      w600: window(uuid, field, WINDOW_SPANS_MS.w600, now),
    }),
    keepOnly: (uuids) => {
      for (const uuid of rings.keys()) if (!uuids.includes(uuid)) rings.delete(uuid);
    },
  };
}

interface Span {
  readonly from: number;
  readonly now: number;
  readonly standsForMs: number;
  readonly intervalMs: number;
}

/** Walks back from the newest sample to the start of the span. */
function windowOf(ring: Ring, field: GpuField, span: Span, scratch: Float64Array): Window {
  let count = 0;
  let sum = 0;
  let coveredMs = 0;
  let newestValueAt: number | null = null;
  let newestStatus: number | null = null;
  // Time after a sample belongs to the next one; after the newest there is none yet, so it stands for itself.
  let laterAt = span.now;
  for (let back = 0; back < ring.length; back++) {
    const at = timeAt(ring, back);
    if (at <= span.from) break;
    const slot = slotAt(ring, back);
    const status = ring.statuses[field][slot] ?? STATUS.failed;
    newestStatus ??= status;
    if (status === STATUS.value) {
      const value = ring.values[field][slot] ?? Number.NaN;
      scratch[count++] = value;
      sum += value;
      newestValueAt ??= at;
      const sinceBefore = back + 1 < ring.length ? at - timeAt(ring, back + 1) : span.intervalMs;
      coveredMs += Math.min(sinceBefore, span.standsForMs, at - span.from);
      if (back === 0) coveredMs += Math.max(0, Math.min(laterAt - at, span.standsForMs));
    }
    laterAt = at;
  }

  if (newestValueAt === null) return { kind: "unknown", because: BECAUSE[newestStatus ?? 0] ?? "no-samples" };
  const seen = scratch.subarray(0, count).sort();
  return {
    kind: "known",
    mean: sum / count,
    max: seen[count - 1] ?? Number.NaN,
    p95: seen[Math.ceil(0.95 * count) - 1] ?? Number.NaN,
    coverage: ratio(Math.min(1, coveredMs / (span.now - span.from))),
    ageMs: millis(Math.max(0, span.now - newestValueAt)),
  };
}

function createRing(size: number): Ring {
  const perField = <T>(make: () => T): Record<GpuField, T> => ({
    utilization: make(),
    memoryUsed: make(),
    temperature: make(),
    power: make(),
    smActive: make(),
    tensorActive: make(),
  });
  return {
    times: new Float64Array(size),
    values: perField(() => new Float64Array(size)),
    statuses: perField(() => new Uint8Array(size)),
    next: 0,
    length: 0,
  };
}

function addSample(ring: Ring, sample: GpuSample, identity: GpuIdentity | undefined, at: number): void {
  const slot = ring.next;
  ring.times[slot] = at;
  for (const field of GPU_FIELDS) {
    const reading = seenValue(field, sample, identity);
    ring.statuses[field][slot] = STATUS[sample.state === "lost" ? "lost" : reading.kind];
    ring.values[field][slot] = reading.kind === "value" ? reading.value : Number.NaN;
  }
  ring.next = (slot + 1) % ring.times.length;
  ring.length = Math.min(ring.length + 1, ring.times.length);
}

function failNewest(ring: Ring): void {
  for (const field of GPU_FIELDS) ring.statuses[field][slotAt(ring, 0)] = STATUS.failed;
}

/** `back` 0 is the newest sample. */
function slotAt(ring: Ring, back: number): number {
  return (ring.next - 1 - back + 2 * ring.times.length) % ring.times.length;
}

function timeAt(ring: Ring, back: number): number {
  return ring.times[slotAt(ring, back)] ?? Number.NEGATIVE_INFINITY;
}
