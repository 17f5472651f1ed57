// What a forecaster remembers, taken out and put back: copied in memory, or as JSON text that reads back to the same
// numbers. A text that is cut off or of another make is refused, and what it was made for is checked, not assumed.

import { epochMs } from "../../shared/model/units.ts";
import type { DemandBin } from "./bin.ts";
import { localBin } from "./calendar.ts";
import { valueAt } from "./days.ts";
import { HEAD, emptyModel } from "./model.ts";
import type { Model } from "./model.ts";
import { DAY_MS, MINUTE_MS, setupOf } from "./options.ts";
import type { Setup } from "./options.ts";

const VERSION = 2;

/** What the numbers were made for. */
export interface StateShape {
  readonly version: number;
  readonly timeZone: string;
  readonly binMinutes: number;
  readonly horizonsMinutes: readonly number[];
  readonly lookbackDays: number;
}

export interface ForecastState {
  readonly shape: StateShape;
  readonly model: Model;
}

export function shapeOf({ timeZone, binMs, horizonsMs, lookbackDays }: Setup): StateShape {
  const horizonsMinutes = horizonsMs.map((ms) => ms / MINUTE_MS);
  return { version: VERSION, timeZone, binMinutes: binMs / MINUTE_MS, horizonsMinutes, lookbackDays };
}

export function fitsSetup({ shape }: ForecastState, setup: Setup): boolean {
  return JSON.stringify(shape) === JSON.stringify(shapeOf(setup));
}

export function copyModel(model: Model): Model {
  return structuredClone(model);
}

/** What is remembered of the past as bins of `wanted`, oldest first. What is not known stays out. */
export function* pastBins({ shape, model }: ForecastState, wanted: Setup): Generator<DemandBin> {
  const own = setupOf(shape);
  const last = model.head[HEAD.last] ?? Number.NaN;
  if (Number.isNaN(last)) return;
  const oldest = Math.max(model.head[HEAD.first] ?? last, last - shape.lookbackDays * own.slots);
  const end = Math.floor(((last + 1) * own.binMs) / wanted.binMs);
  for (let index = Math.ceil((oldest * own.binMs) / wanted.binMs); index < end; index++) {
    const from = Math.floor((index * wanted.binMs) / own.binMs);
    const to = Math.max(from + 1, Math.ceil(((index + 1) * wanted.binMs) / own.binMs));
    let sum = 0;
    let count = 0;
    for (let at = from; at < to; at++) {
      const { day, slot } = localBin(own, at);
      const value = valueAt(model, own, day, slot);
      if (Number.isNaN(value)) continue;
      sum += value;
      count++;
    }
    if (count > 0) yield { at: epochMs(index * wanted.binMs), gpus: sum / count };
  }
}

export function encodeState(state: ForecastState): string {
  return JSON.stringify(state, (_, value: unknown) => {
    if (value instanceof Float32Array) return Array.from(value, shortFloat);
    // JSON has no NaN: null is how it is written anyway.
    return value instanceof Float64Array ? Array.from(value) : value;
  });
}

/** The fewest digits that read back to the same single-precision number. */
function shortFloat(value: number): number {
  const short = Number(value.toPrecision(7));
  return Math.fround(short) === value ? short : Number(value.toPrecision(9));
}

/** @throws RangeError that names the part that cannot be read. */
export function decodeState(text: string): ForecastState {
  const read = parsed(text);
  const shape = readShape(field(read, "shape", "state"));
  const model = emptyModel(setupOf(shape));
  fill(model, field(read, "model", "state"), "model");
  const { head } = model;
  const age = ((head[HEAD.last] ?? 0) - (head[HEAD.first] ?? 0)) / (DAY_MS / (shape.binMinutes * MINUTE_MS));
  if (age < 0) throw new RangeError("model.head: the last bin is before the first");
  return { shape, model };
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    throw new RangeError(
      `the state is no JSON (${text.length} characters): it was cut off or is something else`,
    );
  }
}

function readShape(read: unknown): StateShape {
  const version = field(read, "version", "shape");
  if (version !== VERSION)
    throw new RangeError(`shape.version must be ${VERSION}, got ${JSON.stringify(version)}`);
  const timeZone = field(read, "timeZone", "shape");
  const binMinutes = field(read, "binMinutes", "shape");
  const horizonsMinutes = field(read, "horizonsMinutes", "shape");
  const lookbackDays = field(read, "lookbackDays", "shape");
  if (typeof timeZone !== "string") throw new RangeError("shape.timeZone must be a text");
  if (typeof binMinutes !== "number" || typeof lookbackDays !== "number")
    throw new RangeError("shape.binMinutes and shape.lookbackDays must be numbers");
  if (!Array.isArray(horizonsMinutes)) throw new RangeError("shape.horizonsMinutes must be a list");
  return { version, timeZone, binMinutes, horizonsMinutes: horizonsMinutes.map(Number), lookbackDays };
}

/** Copies numbers into what an empty model has room for; a part that is missing or of another length is named. */
function fill(into: object, from: unknown, path: string): void {
  for (const [key, room] of Object.entries(into) as [string, unknown][]) {
    const read = field(from, key, path);
    const place = `${path}.${key}`;
    if (room instanceof Float64Array || room instanceof Float32Array) {
      if (!Array.isArray(read) || read.length !== room.length)
        throw new RangeError(
          `${place} must be ${room.length} numbers, got ${Array.isArray(read) ? read.length : typeof read}`,
        );
      for (const [at, one] of (read as readonly unknown[]).entries()) {
        if (one !== null && typeof one !== "number")
          throw new RangeError(`${place}[${at}] must be a number or null, got ${JSON.stringify(one)}`);
        room[at] = one ?? Number.NaN;
      }
    } else if (typeof room === "object" && room !== null) fill(room, read, place);
  }
}

function field(from: unknown, key: string, path: string): unknown {
  if (typeof from !== "object" || from === null || !Object.hasOwn(from, key))
    throw new RangeError(`${path} has no ${key}`);
  return (from as Readonly<Record<string, unknown>>)[key];
}
