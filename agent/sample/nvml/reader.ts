// Asks one GPU one question, cycle after cycle, with as little work as possible: everything that does not change is
// bound once, and an answer goes from the driver's buffer straight into the packed rows. What a GPU does not support is
// asked once and remembered for as long as the reader lives, which is one generation.

import type { GpuReadings, Reading } from "../../../shared/model/gpu-readings.ts";
import { kindOf, READING_AT } from "../../../shared/model/gpu-readings.ts";
import {
  FUNCTION_NOT_FOUND,
  GPU_IS_LOST,
  meaningOf,
  NO_DATA,
  SUCCESS,
} from "../../../shared/model/nvml-status.ts";
import { askWay, bindWay } from "./bound-way.ts";
import type { BoundWay } from "./bound-way.ts";
import type { Driver } from "./driver.ts";
import type { Address } from "./native.ts";
import { put } from "./question.ts";
import type { Ask, DecodedWay, Question, WrittenWay } from "./question.ts";

const UNKNOWN = 999;

/**
 * Asks a GPU some questions and writes their readings. SUCCESS, or the code of the last that has none; GPU_IS_LOST when
 * the GPU has left the bus.
 */
export type Reader = (device: Address, readings: GpuReadings) => number;

/** One question and where it stands. */
interface Line {
  readonly askers: readonly Asker[];
  readonly slots: readonly number[];
  /** The way that has answered. */
  settled: Asker | null;
}

/**
 * A reader for these questions, one after the other, each only while the GPU is there: a call to a lost GPU can take
 * seconds. Each question settles on the first way that answers. Until one has, a failure that the driver cannot name
 * tries the next way as well: under WSL the newer memory call fails with 999 where the older one works. Any other failure
 * is one, such as "not ready" of a GPU that has just been reset: two ways can mean slightly different things, and neither
 * must a series switch between them nor a moment decide which one it is.
 */
export function createReader(driver: Driver, questions: readonly Question[], gpu: number): Reader {
  const { marks } = driver;
  const lines = questions.map((question): Line => {
    const slots = question.readings.map((name) => READING_AT[name]);
    const askers = question.ways.map((way) => createAsker(driver, way, slots[0] ?? 0));
    return { askers, slots, settled: null };
  });

  const search = (line: Line, device: Address, readings: GpuReadings): number => {
    let refusal = FUNCTION_NOT_FOUND;
    let failure: number | null = null;
    for (const asker of line.askers) {
      const code = asker.declined ?? askWay(marks, asker, gpu, device);
      const meaning = meaningOf(code);
      if (meaning === "success") {
        line.settled = asker;
        take(asker, readings);
        return SUCCESS;
      }
      if (meaning === "unsupported") {
        asker.declined = code;
        refusal = code;
        continue;
      }
      // A lost GPU or a dead driver says nothing about this way of asking, nor does a failure that will pass.
      if (code !== UNKNOWN) return refuse(line, asker, code, readings);
      failure ??= code;
    }
    return writeCodes(readings, line.slots, failure ?? refusal);
  };

  const refuse = (line: Line, asker: Asker, code: number, readings: GpuReadings): number => {
    if (meaningOf(code) === "fatal") driver.onFatal(asker.call, code);
    return writeCodes(readings, line.slots, code);
  };

  /** What a settled way answers other than success. */
  const fail = (line: Line, asker: Asker, code: number, device: Address, readings: GpuReadings): number => {
    if (meaningOf(code) !== "unsupported") return refuse(line, asker, code, readings);
    // The GPU has changed its mind, as when MIG mode is switched on: look again, from the first way on.
    asker.declined = code;
    line.settled = null;
    return search(line, device, readings);
  };

  // The inner loop of every cycle.
  return (device, readings) => {
    let last = SUCCESS;
    for (let at = 0; at < lines.length; at++) {
      const line = lines[at];
      if (line === undefined) break;
      const asker = line.settled;
      let code: number;
      if (asker === null) code = search(line, device, readings);
      else {
        code = askWay(marks, asker, gpu, device);
        if (code === SUCCESS) take(asker, readings);
        else code = fail(line, asker, code, device, readings);
      }
      if (code === GPU_IS_LOST) return code;
      if (code !== SUCCESS) last = code;
    }
    return last;
  };
}

/** One answer, for what is asked once in a generation. Tries the ways as a reader does. */
export function askOnce<T>(driver: Driver, ways: Ask<T>, gpu: number, device: Address): Reading<T> {
  let refusal = FUNCTION_NOT_FOUND;
  let failure: number | null = null;
  for (const way of ways) {
    const asker = bindWay(driver, way);
    if (asker.declined !== null) continue;
    if (way.form === "device-text") asker.block.bytes.fill(0);
    const code = askWay(driver.marks, asker, gpu, device);
    const meaning = meaningOf(code);
    if (meaning === "success") {
      const value = way.decode(asker.block);
      return value === undefined ? { kind: "failed", code: NO_DATA } : { kind: "value", value };
    }
    if (meaning === "fatal") driver.onFatal(way.call, code);
    if (meaning === "unsupported") refusal = code;
    else failure ??= code;
    if (meaning === "fatal" || meaning === "lost") break;
  }
  const code = failure ?? refusal;
  return { kind: kindOf(code), code };
}

export function writeCodes(readings: GpuReadings, slots: readonly number[], code: number): number {
  for (const slot of slots) {
    readings.values[slot] = Number.NaN;
    readings.codes[slot] = code;
  }
  return code;
}

interface Asker extends BoundWay {
  readonly slot: number;
  /** Null when the way writes several readings by itself. */
  readonly decode: DecodedWay["decode"] | null;
  readonly write: WrittenWay["write"] | null;
}

function createAsker(driver: Driver, way: DecodedWay | WrittenWay, slot: number): Asker {
  return {
    ...bindWay(driver, way),
    slot,
    decode: "decode" in way ? way.decode : null,
    write: "write" in way ? way.write : null,
  };
}

function take(asker: Asker, readings: GpuReadings): void {
  if (asker.decode !== null) put(readings, asker.slot, asker.decode(asker.view));
  else asker.write?.(asker.view, readings);
}
