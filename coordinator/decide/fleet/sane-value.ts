// What a single value has to be before anything calculates with it: an amount, an instant, a share of one.

import type { Resources } from "../../../shared/model/resources.ts";
import { epochMs, ratio } from "../../../shared/model/units.ts";
import type { EpochMs, Ratio } from "../../../shared/model/units.ts";
import { isRecord } from "./sane-form.ts";

/** No group has more nodes: a size beyond it is a slip, and to count its nodes out would take all memory. */
export const MOST_NODES = 100_000;

export function isInstant(value: number): boolean {
  return isAmount(value) && value <= Number.MAX_SAFE_INTEGER;
}

export function isAmount(value: number): boolean {
  return Number.isFinite(value) && value >= 0;
}

export function instant(value: number, otherwise: number): EpochMs {
  return epochMs(isInstant(value) ? value : otherwise);
}

export function share(value: number | null): Ratio | null {
  return value !== null && isAmount(value) && value <= 1 ? ratio(value) : null;
}

/** The name of an amount that cannot be; null: there is none. JSON writes NaN as null, which is no zero either. */
export function malformedIn(resources: Resources): string | null {
  for (const name in resources) if (!isAmount(resources[name] ?? Number.NaN)) return name;
  return null;
}

export function saneResources(resources: Resources): Resources {
  if (malformedIn(resources) === null) return resources;
  return Object.fromEntries(Object.entries(resources).filter(([, amount]) => isAmount(amount)));
}

/** Amounts that need not be known: what cannot be read of them is not. */
export function saneAmounts(amounts: Resources | undefined): Resources | undefined {
  return isRecord(amounts) ? saneResources(amounts) : undefined;
}
