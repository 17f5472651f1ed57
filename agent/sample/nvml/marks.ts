// Three words of shared memory in which the worker writes what it is about to call. While a native call runs
// the worker can say nothing, so these words are the only way for the main thread to name a call that hangs.
// The sequence is odd inside a call and even outside; it is written last, so whoever reads an odd sequence
// sees the call and the GPU that belong to it.

import { callNumbered, numberOf } from "./calls.ts";
import type { CallName } from "./calls.ts";

const SEQUENCE = 0;
const CALL = 1;
const GPU = 2;
const WORDS = 3;
const NO_GPU = -1;

export interface MarkWriter {
  /** Before a native call; `call` is its number in the table of calls, `gpu` -1 when it concerns none. */
  readonly enter: (call: number, gpu: number) => void;
  /** After it returned. */
  readonly leave: () => void;
}

/** What the worker is doing. Two equal sequences mean that it has not moved between the two looks. */
export interface Mark {
  readonly sequence: number;
  readonly inCall: { readonly call: CallName; readonly gpu: number | null } | null;
}

export function createMarkBuffer(): SharedArrayBuffer {
  return new SharedArrayBuffer(WORDS * Int32Array.BYTES_PER_ELEMENT);
}

export function createMarkWriter(buffer: SharedArrayBuffer): MarkWriter {
  const words = new Int32Array(buffer);
  // A new worker continues the count of the one before it, so that its first call is not taken for an old one,
  // and begins outside of a call wherever that one ended.
  let sequence = (Atomics.load(words, SEQUENCE) + 1) & ~1;
  Atomics.store(words, SEQUENCE, sequence);
  return {
    enter: (call, gpu) => {
      words[CALL] = call;
      words[GPU] = gpu;
      sequence = (sequence + 1) | 0;
      Atomics.store(words, SEQUENCE, sequence);
    },
    leave: () => {
      sequence = (sequence + 1) | 0;
      Atomics.store(words, SEQUENCE, sequence);
    },
  };
}

export function readMark(buffer: SharedArrayBuffer): Mark {
  const words = new Int32Array(buffer);
  const sequence = Atomics.load(words, SEQUENCE);
  const call = callNumbered(Atomics.load(words, CALL));
  const gpu = Atomics.load(words, GPU);
  if ((sequence & 1) === 0 || call === undefined) return { sequence, inCall: null };
  return { sequence, inCall: { call, gpu: gpu === NO_GPU ? null : gpu } };
}

/** Runs one native call between its marks. For calls that are not on the hot path. */
export function marked(marks: MarkWriter, call: CallName, gpu: number | null, run: () => number): number {
  marks.enter(numberOf(call), gpu ?? NO_GPU);
  const code = run();
  marks.leave();
  return code;
}
