// The moment at which test snapshots are taken.

import { epochMs } from "../../shared/model/units.ts";

export const NOW = epochMs(Date.UTC(2026, 0, 15, 12));
export const SECOND = 1_000;
export const MINUTE = 60_000;
export const HOUR = 60 * MINUTE;
