// The one meaning of "fresh": the report is at most 15 s old and its window is at least 90 % covered. Everything
// that asks whether a reading may be used asks here.

import { millis } from "../../../shared/model/units.ts";
import type { EpochMs, Millis, Ratio } from "../../../shared/model/units.ts";
import type { Telemetry } from "../snapshot.ts";

export const FRESH_FOR_MS = 15_000;
export const FRESH_COVERAGE = 0.9;

export type Freshness =
  | { readonly kind: "fresh" }
  | { readonly kind: "unknown" }
  | { readonly kind: "stale"; readonly ageMs: Millis }
  | { readonly kind: "thin"; readonly coverage: Ratio };

const FRESH: Freshness = { kind: "fresh" };
const UNKNOWN: Freshness = { kind: "unknown" };

export function freshness(telemetry: Telemetry, at: EpochMs): Freshness {
  if (telemetry.kind === "unknown") return UNKNOWN;
  // A receipt in the future is from before the clock was set back; how old it is, nobody knows.
  const ageMs = Math.abs(at - telemetry.receivedAt);
  if (ageMs > FRESH_FOR_MS) return { kind: "stale", ageMs: millis(ageMs) };
  const last = telemetry.since.at(-1);
  if (last !== undefined && last.coverage < FRESH_COVERAGE) return { kind: "thin", coverage: last.coverage };
  return FRESH;
}
