// Reads a length of time as Go writes it, which is how other projects write it in annotations. Reading only.

import { millis } from "./units.ts";
import type { Millis } from "./units.ts";

const UNIT_MS: Readonly<Record<string, number>> = { h: 3_600_000, m: 60_000, s: 1_000, ms: 1 };

/** "1h30m", "90s", "1.5h"; null for anything else, and for what is longer than a number of milliseconds can say. */
export function parseGoDuration(text: string): Millis | null {
  if (!/^(?:\d+(?:\.\d+)?(?:h|ms|m|s))+$/.test(text)) return null;
  let total = 0;
  for (const [, amount, unit] of text.matchAll(/(\d+(?:\.\d+)?)(h|ms|m|s)/g))
    total += Number(amount) * (UNIT_MS[unit ?? ""] ?? 0);
  return total <= Number.MAX_SAFE_INTEGER ? millis(total) : null;
}
