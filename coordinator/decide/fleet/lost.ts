// After the memory was lost (NATS came back without its volume) nodes stay for a while, whatever the timers say: those have
// begun anew, and so has all that was known of launches, hints and what was promised to whom.

import { elapsed, millis } from "../../../shared/model/units.ts";
import type { EpochMs, Millis } from "../../../shared/model/units.ts";
import type { Memory } from "../snapshot-memory.ts";

const REBUILD_MS = millis(600_000);

/** How long nodes stay for that reason yet; 0: not any more. */
export function rebuildLeftMs({ lostAt }: Pick<Memory, "lostAt">, at: EpochMs): Millis {
  return lostAt === undefined ? millis(0) : millis(Math.max(0, REBUILD_MS - elapsed(lostAt, at)));
}
