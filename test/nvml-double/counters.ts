// Reads how often each function of a double was called, from the file that it keeps mapped. The rows name
// themselves, so this reader needs no list of functions. Their layout is `struct counter` in counters.c.

import { readFileSync } from "node:fs";

const NAME_BYTES = 48;
const GPUS = 16;
const ROW_BYTES = NAME_BYTES + 8 + GPUS * 8;

export interface CallCount {
  readonly calls: number;
  /** By the GPU's index; calls that concern no GPU are in `calls` alone. */
  readonly byGpu: readonly number[];
}

export type Counters = Readonly<Record<string, CallCount>>;

export function readCounters(path: string): Counters {
  const file = readFileSync(path);
  const counters: Record<string, CallCount> = {};
  for (let at = 0; at + ROW_BYTES <= file.length; at += ROW_BYTES) {
    const name = file.toString("latin1", at, at + NAME_BYTES);
    const numbers = at + NAME_BYTES;
    counters[name.slice(0, name.indexOf("\0"))] = {
      calls: Number(file.readBigUInt64LE(numbers)),
      byGpu: Array.from({ length: GPUS }, (_, gpu) => Number(file.readBigUInt64LE(numbers + 8 + gpu * 8))),
    };
  }
  return counters;
}

/** All calls of all functions. */
export function totalCalls(counters: Counters): number {
  return Object.values(counters).reduce((sum, { calls }) => sum + calls, 0);
}
