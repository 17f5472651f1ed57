// What of a memory that was read too late is still worth having. Timers have begun anew by then and stay as they are; what
// nodes look like, and what took weeks to count or limits what may be begun, is taken from before.

import { epochMs } from "../../shared/model/units.ts";
import type { EpochMs } from "../../shared/model/units.ts";
import type { Memory } from "../decide/snapshot-memory.ts";

type Rebalanced = NonNullable<Memory["rebalanced"]>;

/** `late` counted for weeks, `memory` for as long as it was not there. */
export function completed(memory: Memory, late: Memory | null): Memory {
  if (late === null) return memory;
  const rebalanced = begunBy(memory.rebalanced, late.rebalanced);
  return {
    ...memory,
    shapes: { ...late.shapes, ...memory.shapes },
    ...over("risk", memory, late),
    ...over("countedNotices", memory, late),
    ...over("lessSpot", memory, late),
    ...over("openHints", memory, late),
    ...over("hintRecord", memory, late),
    ...(rebalanced === undefined ? {} : { rebalanced }),
  };
}

/** Of what both have, what the older one says. */
function over<Field extends "risk" | "countedNotices" | "lessSpot" | "openHints" | "hintRecord">(
  field: Field,
  memory: Memory,
  late: Memory,
): Pick<Memory, Field> | object {
  return late[field] === undefined ? {} : { [field]: { ...memory[field], ...late[field] } };
}

function begunBy(now: Rebalanced | undefined, before: Rebalanced | undefined): Rebalanced | undefined {
  if (now === undefined || before === undefined) return now ?? before;
  const pools = new Set([...Object.keys(before), ...Object.keys(now)]);
  return Object.fromEntries(
    [...pools].map((pool) => {
      const begun: Record<string, EpochMs> = { ...now[pool] };
      for (const [node, since] of Object.entries(before[pool] ?? {}))
        begun[node] = epochMs(Math.min(begun[node] ?? Infinity, since));
      return [pool, begun];
    }),
  );
}
