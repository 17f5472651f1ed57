// One word of shared memory in which the worker writes what it is about to call. While a native call runs the worker
// can say nothing, so this word is the only way for the main thread to name a call that hangs. It is one word because
// it is written twice for each call: call, GPU and count are always seen together, without the price of ordering
// several. Beside it, in the worker's own memory, the last answer of each call.

import { NOT_ASKED } from "../../../shared/model/nvml-status.ts";
import { CALL_NAMES, callNumbered, numberOf } from "./calls.ts";
import type { CallName } from "./calls.ts";

// From the lowest bit: inside a call or not; the GPU, from 1 on, 0 for none; the call; a count of calls.
const INSIDE = 1;
const GPU_SHIFT = 1;
const GPU_MASK = 0xff;
const CALL_SHIFT = 9;
const CALL_MASK = 0x7f;
const COUNT_SHIFT = 16;

const NO_GPU = -1;

/** Answers are kept for this many GPUs, and in one column more for calls that concern none. */
const COLUMNS = 33;

export interface MarkWriter {
  /** Before a native call; `call` is its number in the table of calls, `gpu` -1 when it concerns none. */
  readonly enter: (call: number, gpu: number) => void;
  /** After it returned this code. */
  readonly leave: (code: number) => void;
  /** What the call answered last, for this GPU or for none; NOT_ASKED when it was not called. */
  readonly lastCode: (call: CallName, gpu: number | null) => number;
  /** As though nothing had been called yet. */
  readonly forget: () => void;
}

/** What the worker is doing. Two equal sequences mean that it has not moved between the two looks. */
export interface Mark {
  readonly sequence: number;
  readonly inCall: { readonly call: CallName; readonly gpu: number | null } | null;
}

export function createMarkBuffer(): SharedArrayBuffer {
  return new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT);
}

export function createMarkWriter(buffer: SharedArrayBuffer): MarkWriter {
  const words = new Int32Array(buffer);
  // A new worker continues the count of the one before it, so that its first call is not taken for an old one,
  // and begins outside of a call wherever that one ended.
  let count = (Atomics.load(words, 0) >>> COUNT_SHIFT) + 1;
  Atomics.store(words, 0, count << COUNT_SHIFT);
  const codes = new Int16Array(CALL_NAMES.length * COLUMNS).fill(NOT_ASKED);
  let entered = 0;
  return {
    enter: (call, gpu) => {
      entered = gpu < COLUMNS - 1 ? call * COLUMNS + gpu + 1 : codes.length;
      count = (count + 1) | 0;
      words[0] =
        (count << COUNT_SHIFT) | (call << CALL_SHIFT) | (((gpu + 1) & GPU_MASK) << GPU_SHIFT) | INSIDE;
    },
    leave: (code) => {
      words[0] = count << COUNT_SHIFT;
      // Past the end, as for a GPU without a column, this is a store that is ignored.
      codes[entered] = code;
    },
    lastCode: (call, gpu) => codes[numberOf(call) * COLUMNS + (gpu ?? NO_GPU) + 1] ?? NOT_ASKED,
    forget: () => {
      codes.fill(NOT_ASKED);
    },
  };
}

export function readMark(buffer: SharedArrayBuffer): Mark {
  const word = Atomics.load(new Int32Array(buffer), 0);
  const call = callNumbered((word >> CALL_SHIFT) & CALL_MASK);
  const gpu = ((word >> GPU_SHIFT) & GPU_MASK) - 1;
  const sequence = word >>> COUNT_SHIFT;
  if ((word & INSIDE) === 0 || call === undefined) return { sequence, inCall: null };
  return { sequence, inCall: { call, gpu: gpu === NO_GPU ? null : gpu } };
}

/** Runs one native call between its marks. For calls that are not on the hot path. */
export function marked(marks: MarkWriter, call: CallName, gpu: number | null, run: () => number): number {
  marks.enter(numberOf(call), gpu ?? NO_GPU);
  const code = run();
  marks.leave(code);
  return code;
}
