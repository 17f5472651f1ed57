// How far what is known of a group may be behind what was written to it. A decision adds to a reading what was written in
// that time, and nobody trusts an older reading: else there would be a write that neither of them shows.

import { millis } from "./units.ts";

/** How long after a call the reading of a group may still be from before it. */
export const READING_LAGS_MS = millis(15_000);
