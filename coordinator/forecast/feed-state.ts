// A series as text that reads back to the same numbers, for whoever keeps it. A text that is cut off or of another make is
// refused with what is wrong with it, and nothing of it is used.

import type { SeriesName } from "./feed.ts";
import { NEW_GUARD } from "./guard.ts";
import type { Guard } from "./guard.ts";
import type { OpenBin } from "./open-bin.ts";
import type { SeriesState } from "./series.ts";
import { decodeState, encodeState } from "./state.ts";

const VERSION = 1;

const NULLS: readonly (keyof Guard)[] = ["shareAt", "restsUntil"];
const PRE_WARM = ["askedAt", "at", "from", "to", "peak", "reached"] as const;
const BIN = ["start", "at", "area", "knownMs", "cutMs"] as const;

export function encodeSeries(
  { policy, gpuType }: SeriesName,
  { guard, bin, forecaster }: SeriesState,
): string {
  return JSON.stringify({ v: VERSION, policy, gpuType, guard, bin, forecaster: encodeState(forecaster) });
}

/** @throws RangeError that names the part that cannot be read. */
export function decodeSeries(text: string): { readonly name: SeriesName; readonly state: SeriesState } {
  let read: unknown;
  try {
    read = JSON.parse(text) as unknown;
  } catch {
    throw new RangeError(
      `the series is no JSON (${text.length} characters): it was cut off or is something else`,
    );
  }
  const { v, policy, gpuType, guard, bin, forecaster } = recordOf(read, "series");
  if (v !== VERSION) throw new RangeError(`v must be ${VERSION}, got ${JSON.stringify(v)}`);
  if (typeof policy !== "string") throw new RangeError("policy must be a text");
  if (gpuType !== null && typeof gpuType !== "string") throw new RangeError("gpuType must be a text or null");
  if (typeof forecaster !== "string") throw new RangeError("forecaster must be a text");
  return {
    name: { policy, gpuType },
    state: { guard: guardOf(guard), bin: binOf(bin), forecaster: decodeState(forecaster) },
  };
}

function guardOf(read: unknown): Guard {
  const guard = recordOf(read, "guard");
  for (const name of Object.keys(NEW_GUARD) as (keyof Guard)[])
    if (name !== "open" && !(guard[name] === null && NULLS.includes(name)))
      amountOf(guard[name], `guard.${name}`);
  if (guard["open"] !== null) {
    const open = recordOf(guard["open"], "guard.open");
    for (const name of PRE_WARM) amountOf(open[name], `guard.open.${name}`);
  }
  // Each of its fields has been looked at.
  return guard as unknown as Guard;
}

function binOf(read: unknown): OpenBin | null {
  if (read === null) return null;
  const bin = recordOf(read, "bin");
  for (const name of BIN) amountOf(bin[name], `bin.${name}`);
  if (bin["level"] !== null) amountOf(bin["level"], "bin.level");
  if (typeof bin["isCut"] !== "boolean") throw new RangeError("bin.isCut must be true or false");
  return bin as unknown as OpenBin;
}

function recordOf(read: unknown, path: string): Readonly<Record<string, unknown>> {
  if (typeof read !== "object" || read === null || Array.isArray(read))
    throw new RangeError(`${path} must be an object`);
  return read as Readonly<Record<string, unknown>>;
}

function amountOf(read: unknown, path: string): void {
  if (typeof read !== "number" || !(read >= 0))
    throw new RangeError(`${path} must be a number of at least 0, got ${JSON.stringify(read)}`);
}
