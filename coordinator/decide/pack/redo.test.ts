import { expect, test } from "vitest";

import { machine, packing } from "../../../test/build/packing.ts";
import { pod } from "../../../test/build/pod.ts";
import { policy } from "../../../test/build/policy.ts";
import { keep, redo, rollBack } from "./redo.ts";

test("a plan is made again although, node by node, a limit would stand in its way", () => {
  const late = pod("p", { gpus: 0, cpu: 6_000 });
  const { board, parts, fleet } = packing({
    policies: [
      policy({
        pools: [
          machine("a", { usd: 1, cpu: 4 }),
          machine("b", { usd: 2, cpu: 8, maxSize: 1 }),
          machine("c", { usd: 3, cpu: 16 }),
        ],
      }),
    ],
    pods: [late],
  });
  const option = (name: string) => {
    const pool = fleet.poolsById.get(`demo/${name}`);
    const found = pool === undefined ? undefined : parts.ranges.optionOf(pool);
    if (found === undefined) throw new Error(`no pool ${name}`);
    return found;
  };
  const first = parts.purchases.open(option("a"), null);
  const second = parts.purchases.open(option("b"), null);
  const mark = parts.purchases.mark();
  // The second makes way in the pool that takes one node, and the first follows.
  expect(parts.purchases.swap(second, option("c"))).toBe(true);
  expect(parts.purchases.swap(first, option("b"))).toBe(true);
  board.put(first, late);
  const trial = keep(parts, mark);
  rollBack(parts, mark);
  redo(parts, trial);
  expect([first.pool?.name, second.pool?.name]).toEqual(["b", "c"]);
  expect(first.free["cpu"]).toBe(2_000);
  expect(parts.ledger.added(option("b").pool).nodes).toBe(1);
});
