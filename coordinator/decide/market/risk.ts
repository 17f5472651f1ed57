// What interruptions add to the price of a spot node, from how often its stock was interrupted. On-demand and
// reserved nodes carry none.

import type { EpochMs } from "../../../shared/model/units.ts";
import type { PoolState } from "../fleet/fleet.ts";
import { ratePerNodeDay } from "../fleet/interruptions.ts";
import { stockKeysOf } from "../fleet/stock.ts";
import type { Memory } from "../snapshot-memory.ts";

/**
 * What one interruption costs, in hours of the node's price: one for the machine that is paid twice or stands unused
 * while pods move and start, one for the work since the last checkpoint. A node that is taken once a day is then
 * about 8 % dearer than it says.
 */
const INTERRUPTION_COSTS_HOURS = 2;

/** By how much interruptions make a node dearer; 1: by nothing. */
export function riskFactor(pool: PoolState, memory: Memory, at: EpochMs): number {
  if (pool.pool.capacityType !== "spot") return 1;
  return 1 + (ratePerNodeDay(stockKeysOf(pool), memory, at) * INTERRUPTION_COSTS_HOURS) / 24;
}
