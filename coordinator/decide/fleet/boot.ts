// Since when a node is on its way, or down although it has worked before. How long machines take to come is measured in
// ledger.ts; what follows from either is for others.

import type { EpochMs } from "../../../shared/model/units.ts";
import type { Memory, NodeMemory } from "../snapshot-memory.ts";
import type { NodeState } from "./standing.ts";

/** Since when the node is on its way, or has not worked although it may have before; nothing of one that works. */
export function outage(
  { name, standing }: NodeState,
  memory: Memory,
  at: EpochMs,
): Pick<NodeMemory, "comingSince" | "downSince"> {
  if (standing === "up" || standing === "leaving") return {};
  const before = memory.nodes[name];
  if (before?.comingSince !== undefined) return { comingSince: before.comingSince };
  // Only what was on its way when it was first seen has never worked; of all else nobody knows.
  if (before === undefined && standing === "booting") return { comingSince: at };
  return { downSince: before?.downSince ?? at };
}
