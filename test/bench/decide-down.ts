// Two thousand nodes, of which twelve hundred hold only pods for which the other eight hundred have room: exactly so
// much room, so that one pod in a wrong place shows. Every node is a candidate by price, and nothing but room stands
// against any.

import { decide } from "../../coordinator/decide/decide.ts";
import { EMPTY_MEMORY } from "../../coordinator/decide/snapshot-memory.ts";
import type { NodeInput, Snapshot } from "../../coordinator/decide/snapshot.ts";
import { node, reported } from "../build/node.ts";
import { NOW } from "../build/now.ts";
import { pod } from "../build/pod.ts";
import { policy, pool } from "../build/policy.ts";
import { figure } from "./figure.ts";
import type { Figure } from "./figure.ts";
import { timed } from "./runs.ts";

const NODES = 2_000;
const PODS_PER_NODE = 40;
/** What stays has to hold all pods: two and a half nodes' worth on each. */
const STAY = 800;
const GONE = NODES - STAY;
const CPU = { request: 500, node: (PODS_PER_NODE * 500 * NODES) / STAY };

export async function run(): Promise<Figure[]> {
  const input = snapshot();
  const { medianS, last } = timed("decide-down", () => input, decide);
  const removed = last.plan.moves.filter(({ kind }) => kind === "shrink").length;
  return [figure("removed", removed, "", { min: GONE, max: GONE }), figure("s", medianS, "s", { max: 2 })];
}

function snapshot(): Snapshot {
  const nodes: readonly NodeInput[] = Array.from({ length: NODES }, (_, index) =>
    node(nameOf(index), { gpus: 0, cpu: CPU.node, telemetry: reported({ gpus: 0 }) }),
  );
  const pods = nodes.flatMap(({ name }) =>
    Array.from({ length: PODS_PER_NODE }, (_, index) =>
      pod(`${name}-${index}`, { node: name, gpus: 0, cpu: CPU.request }),
    ),
  );
  const built = policy({
    minNodes: 0,
    maxNodes: NODES,
    consolidation: { enabled: true, afterSeconds: 0 },
    disruption: { budgets: [], freeze: false, keepLocalStorage: false, keepSystemPods: false },
    maxPercentOrNodesRemoved: { nodes: NODES, percent: 100 },
    pools: [pool("spot", { gpus: 0, maxSize: NODES, fields: { price: { usdPerHour: 2 } } })],
  });
  return {
    v: 1,
    at: NOW,
    sync: { kind: "synced", since: NOW },
    policies: [
      {
        ...built,
        pools: [
          {
            name: "spot",
            group: { kind: "known", size: NODES, chosenRemoval: true },
            instances: nodes.map(({ name }) => ({ id: `i-${name}`, node: name, state: "ready" as const })),
          },
        ],
      },
    ],
    nodes,
    pods,
    budgets: [],
    notices: [],
    memory: EMPTY_MEMORY,
  };
}

function nameOf(index: number): string {
  return `n${String(index).padStart(5, "0")}`;
}
