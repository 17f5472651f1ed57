// The moves of the simple policies: more nodes, one node less, a place given back that no machine fills. Each has a key of
// its own, since none of these policies asks for the same thing twice in the hope that it is one.

import type { Grow, Move, Release, Shrink } from "../../decide/plan.ts";
import type { Seen, SeenNode, SeenPool } from "./seen.ts";

export function growth({ at, policy }: Seen, pool: SeenPool, nodes: number): Grow {
  const to = pool.size + nodes;
  const key = `${policy}/${pool.name}/grow/${at}`;
  return { kind: "grow", key, policy, pool: pool.name, from: pool.size, to, because: [], pods: [] };
}

export function removal({ at, policy }: Seen, pool: SeenPool, node: SeenNode): Shrink {
  return {
    kind: "shrink",
    key: `${policy}/${pool.name}/shrink/${node.name}/${at}`,
    policy,
    pool: pool.name,
    from: pool.size,
    to: Math.max(0, pool.size - 1),
    because: [],
    node: node.name,
    instance: node.instance,
    how: node.pods.length === 0 ? "empty" : "drain",
  };
}

/** Of all places for which there was no machine. */
export function giveBack({ at, policy, pools }: Seen): readonly Move[] {
  return pools.flatMap((pool) =>
    pool.unfilled.map((instance, index): Release => {
      const from = pool.size - index;
      return {
        kind: "release",
        key: `${policy}/${pool.name}/release/${instance}/${at}`,
        policy,
        pool: pool.name,
        from,
        to: Math.max(0, from - 1),
        because: [],
        node: instance,
        instance,
      };
    }),
  );
}
