// The pace of the soak, as its two processes know it.

import { millis } from "../../shared/model/units.ts";

/** Four times as often as an agent can be told to read, and twenty times as often as it does. */
export const SOAK_INTERVAL_MS = millis(50);
