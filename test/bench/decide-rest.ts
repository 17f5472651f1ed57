// Nothing to do: every node is busy, every report is fresh, no pod waits. What a decision costs then is what a cycle
// costs all day long. The memory is that of the decision before.

import { decide } from "../../coordinator/decide/decide.ts";
import { EMPTY_MEMORY } from "../../coordinator/decide/snapshot-memory.ts";
import type { Snapshot } from "../../coordinator/decide/snapshot.ts";
import { epochMs } from "../../shared/model/units.ts";
import { node, reported } from "../build/node.ts";
import { NOW, SECOND } from "../build/now.ts";
import { pod } from "../build/pod.ts";
import { policy, pool } from "../build/policy.ts";
import { figure } from "./figure.ts";
import type { Figure } from "./figure.ts";
import { timed } from "./runs.ts";

const PODS_PER_NODE = 4;
const POOLS = 10;

export async function run(): Promise<Figure[]> {
  // A coordinator runs for weeks: the large fleet comes first, so that the small one meets compiled code.
  const large = figureOf(10_000, 200);
  return [figureOf(1_000, 20), large];
}

function figureOf(nodes: number, maxMs: number): Figure {
  const input = atRest(nodes);
  const { medianS, last } = timed(`decide-rest, ${nodes} nodes`, () => input, decide);
  const moves = last.plan.moves.length;
  // A decision that does something is not at rest, and its time says nothing.
  return figure(`ms_${nodes}`, moves === 0 ? medianS * 1000 : Number.NaN, "ms", { max: maxMs });
}

function atRest(count: number): Snapshot {
  const before = snapshot(count, EMPTY_MEMORY, NOW);
  const then = epochMs(NOW + 10 * SECOND);
  return snapshot(count, decide(before).memory, then);
}

function snapshot(count: number, memory: Snapshot["memory"], at: Snapshot["at"]): Snapshot {
  const names = Array.from({ length: count }, (_, index) => `n${String(index).padStart(5, "0")}`);
  const poolOf = (index: number): string => `p${index % POOLS}`;
  const pools = Array.from({ length: POOLS }, (_, index) => pool(`p${index}`, { maxSize: count }));
  const built = policy({ maxNodes: count, pools });
  return {
    v: 1,
    at,
    sync: { kind: "synced", since: NOW },
    policies: [
      {
        ...built,
        pools: built.pools.map((input, of) => {
          const own = names.filter((_, index) => index % POOLS === of);
          return {
            name: input.name,
            group: { kind: "known" as const, size: own.length, chosenRemoval: true },
            instances: own.map((name) => ({ id: `i-${name}`, node: name, state: "ready" as const })),
          };
        }),
      },
    ],
    nodes: names.map((name, index) =>
      node(name, { pool: poolOf(index), telemetry: reported({ at, mean: 0.6, busiest: 0.7 }) }),
    ),
    pods: names.flatMap((name) =>
      Array.from({ length: PODS_PER_NODE }, (_, index) => pod(`${name}-${index}`, { node: name, gpus: 2 })),
    ),
    budgets: [],
    notices: [],
    memory,
  };
}
