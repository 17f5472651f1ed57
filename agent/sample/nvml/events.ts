// What the driver reports by itself: XIDs, changes of MIG, a GPU that becomes unavailable. Waited for between cycles
// in the one worker. It is not the whole truth: drivers have kept XIDs 79, 119 and 120 to themselves, which is why the
// kernel log is read as well, and what happened before the registration is never told.

import type { GpuEvent, GpuUuid } from "../../../shared/model/gpu.ts";
import { GPU_IS_LOST, meaningOf, SUCCESS, TIMEOUT } from "../../../shared/model/nvml-status.ts";
import type { EpochMs, Millis } from "../../../shared/model/units.ts";
import { EVENT_TYPES } from "./constants.ts";
import type { Driver } from "./driver.ts";
import { bindEventSets } from "./event-set.ts";
import type { EventSets, RawEvent } from "./event-set.ts";
import type { Address } from "./native.ts";

export interface EventSubject {
  readonly index: number;
  readonly handle: Address;
  readonly uuid: GpuUuid;
  readonly busId: string | null;
}

export interface Events {
  /** False when this driver reports nothing: the caller then sleeps by itself. Changes when the last GPU is lost. */
  readonly supported: boolean;
  /**
   * Blocks the thread for at most `timeoutMs`, in whole milliseconds; all events that wait, in order. It takes that
   * time also while the driver is not to be asked, so that a caller who goes round does not go round faster.
   */
  readonly wait: (timeoutMs: Millis) => readonly GpuEvent[];
  /** How many calls have failed. */
  readonly failures: () => number;
  readonly close: () => void;
}

/** A longer wait would keep the worker from hearing that it is to stop. */
const LONGEST_WAIT_MS = 150;
/** So that a GPU that reports without end does not keep all of them from being read. */
export const MOST_IN_ONE_TURN = 64;
const PAUSE_AFTER_FAILURE_MS = 1_000;
/** Between sets, where the one before was useless, whether at once or after a time. */
const PAUSE_BETWEEN_SETS_MS = 10_000;
/** An uncorrectable memory error is told in two ways; those less than this apart are one. */
const SAME_ERROR_MS = 1_000;
const XID_DOUBLE_BIT_ERROR = 48;

type Clock = { readonly now: () => EpochMs; readonly monotonic: () => Millis };

export function openEvents(driver: Driver, subjects: readonly EventSubject[], clock: Clock): Events {
  const sets = bindEventSets(driver);
  if (sets === null) return { supported: false, wait: idle, failures: () => 0, close: () => {} };
  return watch(sets, subjects, clock);
}

function watch(sets: EventSets, subjects: readonly EventSubject[], clock: Clock): Events {
  const decode = createDecoder(subjects);
  let watched = subjects;
  let set: Address | null = null;
  let supported = true;
  let closed = false;
  let failures = 0;
  let notBefore = 0;
  let replacedAt: number | null = null;

  const fail = (): void => {
    failures++;
    notBefore = clock.monotonic() + PAUSE_AFTER_FAILURE_MS;
  };
  const free = (): void => {
    if (set !== null && sets.free(set) !== SUCCESS) failures++;
    set = null;
  };

  /** A set with every GPU that lets itself be registered. @returns those that have left the bus. */
  const makeSet = (): readonly EventSubject[] => {
    const created = sets.create();
    if (created.code !== SUCCESS) {
      supported = meaningOf(created.code) !== "unsupported";
      fail();
      return [];
    }
    ({ set } = created);
    const codes = new Map(
      watched.map((subject) => [subject, sets.register(subject.index, subject.handle, created.set)]),
    );
    const meanings = [...codes.values()].map(meaningOf);
    const refused = meanings.filter((meaning) => meaning === "failed" || meaning === "fatal").length;
    const lost = watched.filter((subject) => codes.get(subject) === GPU_IS_LOST);
    watched = watched.filter((subject) => !lost.includes(subject));
    failures += refused;
    if (meanings.includes("success")) return lost;
    free();
    supported = refused > 0;
    notBefore = clock.monotonic() + PAUSE_BETWEEN_SETS_MS;
    return lost;
  };

  const drain = (timeoutMs: number): readonly GpuEvent[] => {
    const events: GpuEvent[] = [];
    for (let turn = 0; turn < MOST_IN_ONE_TURN && set !== null; turn++) {
      const code = sets.wait(set, turn === 0 ? timeoutMs : 0);
      if (code === TIMEOUT) break;
      if (code === SUCCESS) {
        const event = decode(sets.last(), clock.now());
        if (event !== null) events.push(event);
      } else if (code === GPU_IS_LOST) {
        // One GPU of the set is gone, and the set is of no use for the others either.
        free();
        if (replacedAt !== null) notBefore = replacedAt + PAUSE_BETWEEN_SETS_MS;
      } else {
        fail();
        break;
      }
    }
    return events;
  };

  const replaceSet = (): readonly GpuEvent[] => {
    replacedAt = clock.monotonic();
    return makeSet().map((subject) => eventOf(subject, clock.now(), { kind: "lost" }, null));
  };

  // One that has left the bus before is told by its readings.
  makeSet();
  return {
    get supported() {
      return supported;
    },
    wait: (timeoutMs) => {
      if (closed) return [];
      if (!supported || clock.monotonic() < notBefore) return idle(timeoutMs);
      const lost = set === null ? replaceSet() : [];
      if (set === null) return lost.length > 0 ? lost : idle(timeoutMs);
      return [...lost, ...drain(lost.length > 0 ? 0 : wholeMs(timeoutMs))];
    },
    failures: () => failures,
    close: () => {
      closed = true;
      free();
    },
  };
}

type Decoder = (raw: RawEvent, at: EpochMs) => GpuEvent | null;

/** Who an event is about was noted at the registration: its GPU may not be able to say so any more. */
function createDecoder(subjects: readonly EventSubject[]): Decoder {
  const known = new Map(subjects.map((subject) => [subject.handle, subject]));
  const doubleBits = new Map<Address, { readonly type: number; readonly at: EpochMs }>();
  return (raw, at) => {
    const what = meaningOfEvent(raw);
    if (what === null) return null;
    if (what.kind === "xid" && what.xid === XID_DOUBLE_BIT_ERROR) {
      const before = doubleBits.get(raw.device);
      doubleBits.set(raw.device, { type: raw.type, at });
      if (before !== undefined && before.type !== raw.type && at - before.at < SAME_ERROR_MS) return null;
    }
    return eventOf(known.get(raw.device) ?? null, at, what, raw.gpuInstance);
  };
}

/** Null for an event that we did not ask for. XID 999 is the driver's word for one that it cannot name. */
function meaningOfEvent({ type, data }: RawEvent): GpuEvent["what"] | null {
  switch (type) {
    case EVENT_TYPES.nvmlEventTypeXidCriticalError:
      return { kind: "xid", xid: data };
    case EVENT_TYPES.nvmlEventTypeDoubleBitEccError:
      return { kind: "xid", xid: XID_DOUBLE_BIT_ERROR };
    case EVENT_TYPES.nvmlEventMigConfigChange:
      return { kind: "mig-changed" };
    case EVENT_TYPES.nvmlEventTypeGpuUnavailableError:
      return { kind: "unavailable" };
    case EVENT_TYPES.nvmlEventTypeGpuRecoveryAction:
      return { kind: "recovery-action" };
    default:
      return null;
  }
}

function eventOf(
  subject: EventSubject | null,
  at: EpochMs,
  what: GpuEvent["what"],
  gpuInstance: number | null,
): GpuEvent {
  const { uuid = null, busId = null } = subject ?? {};
  return { at, gpu: uuid, busId, teller: "driver", what, gpuInstance, text: "" };
}

function wholeMs(timeoutMs: Millis): number {
  return Math.min(LONGEST_WAIT_MS, Math.floor(timeoutMs));
}

const sleeper = new Int32Array(new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT));

/** Blocks the thread as a wait would, without the driver. */
function idle(timeoutMs: Millis): readonly GpuEvent[] {
  Atomics.wait(sleeper, 0, 0, wholeMs(timeoutMs));
  return [];
}
