// What is said of machines that are on their way when somebody asks for their pool: by the ledger of this decision, each
// machine that is seen, and how many are asked for of which none is seen yet.

import { elapsed } from "../../../shared/model/units.ts";
import type { EpochMs } from "../../../shared/model/units.ts";
import type { PoolState } from "../fleet/fleet.ts";
import { openGrowths } from "../fleet/ledger-growths.ts";
import { EMPTY_LEDGER } from "../snapshot-memory.ts";
import type { LaunchedMachine, Memory } from "../snapshot-memory.ts";
import type { LaunchNote } from "./explanation.ts";

/** Those that are furthest first. */
export function launchNotesOf(pool: PoolState, memory: Memory, at: EpochMs): readonly LaunchNote[] {
  const { asked, machines } = memory.ledger?.[pool.id] ?? EMPTY_LEDGER;
  const seen = machines.flatMap((machine) => noteOf(machine, at));
  const coming = machines.filter(({ readyAt }) => readyAt === undefined).length;
  // The last that were asked for come last.
  let left = Math.max(0, pool.booting + pool.overdue.nodes - coming);
  const unseen: LaunchNote[] = [];
  for (const { growth, intendedAt, seen: found } of openGrowths(pool, asked, at).toReversed()) {
    const nodes = Math.min(left, growth.nodes - found);
    if (nodes <= 0) continue;
    left -= nodes;
    unseen.unshift({
      nodes,
      machine: null,
      stage: growth.onItsWay ? "asked" : "accepted",
      forMs: elapsed(growth.at, at),
      askedMs: intendedAt === undefined ? null : elapsed(intendedAt, at),
    });
  }
  return [...seen, ...unseen];
}

function noteOf(machine: LaunchedMachine, at: EpochMs): LaunchNote[] {
  const { id, intendedAt, launchedAt, registeredAt, readyAt } = machine;
  const stages = [
    ["ready", readyAt],
    ["registered", registeredAt],
    ["launched", launchedAt],
  ] as const;
  const last = stages.find(([, moment]) => moment !== undefined);
  if (last?.[1] === undefined) return [];
  const [stage, moment] = last;
  return [
    {
      nodes: 1,
      machine: id,
      stage,
      forMs: elapsed(moment, at),
      askedMs: intendedAt === undefined ? null : elapsed(intendedAt, at),
    },
  ];
}
