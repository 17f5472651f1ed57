import { describe, expect, test } from "vitest";

import { NODE_LABEL } from "../../../shared/model/names.ts";
import { node } from "../../../test/build/node.ts";
import { machine, packing, termOn } from "../../../test/build/packing.ts";
import { pod } from "../../../test/build/pod.ts";
import { policy } from "../../../test/build/policy.ts";
import type { Packing } from "./packing.ts";

const lonely = (name: string) => ({
  ...pod(name, { gpus: 0 }),
  labels: { app: "web" },
  podAntiAffinity: [termOn("web", NODE_LABEL.hostname)],
});
const busy = {
  ...lonely("busy"),
  hostPorts: [{ ip: "0.0.0.0", protocol: "TCP", port: 80 }],
  volumes: [{ kind: "bound" as const, claim: "data", nodeTerms: null, driver: "ebs" }],
};
const other = lonely("other");
const runs = { ...lonely("runs"), node: "n2", waiting: null };
const small = machine("small", { usd: 1, cpu: 4 });
const large = machine("large", { usd: 2, cpu: 8 });

const made = (): Packing =>
  packing({
    policies: [policy({ pools: [small, large] })],
    nodes: [node("n1", { pool: null, cpu: 10_000 }), node("n2", { pool: null, cpu: 10_000 })],
    pods: [busy, other, runs],
  });

/** All that pods can see of the board. */
function look({ board, parts }: Packing) {
  return {
    bins: board.bins.map(({ host, free, ports, volumes, placed, pool, held, usable, labels }) => ({
      host,
      free,
      ports,
      volumes,
      placed: [...placed],
      pool: pool?.name,
      held,
      usable,
      labels,
    })),
    usable: [...board.byNode.keys()].toSorted(),
    placed: [...board.placed.keys()],
    takesOther: board.bins.map((bin) => parts.admission.verdict(board.kinds.of(other), bin, other)),
  };
}

function binOf({ board }: Packing, name: string) {
  const bin = board.bins.find(({ node: own }) => own === name);
  if (bin === undefined) throw new Error(`${name} is not on the board`);
  return bin;
}

function poolOf({ fleet }: Packing, name: string) {
  const pool = fleet.pools.find((each) => each.name === name);
  if (pool === undefined || pool.shape === null) throw new Error(`${name} is no pool with a shape`);
  return { pool, shape: pool.shape };
}

describe("the board", () => {
  test("has nodes that are here, then those that come, each with what is left on it", () => {
    const policies = [policy({ pools: [machine("small", { usd: 1, cpu: 4, size: 1 })] })];
    const { board } = packing({
      policies,
      nodes: [node("n1", { pool: null })],
      pods: [{ ...runs, node: "n1" }],
    });
    expect(board.bins.map(({ kind, node: name }) => [kind, name])).toEqual([
      ["node", "n1"],
      ["booting", null],
    ]);
    expect(board.bins[0]?.free).toMatchObject({ cpu: 95_000, pods: 109, "nvidia.com/gpu": 8 });
  });

  test("takes off a placed pod's amounts, ports, volumes and neighbours", () => {
    const each = made();
    each.board.put(binOf(each, "n1"), busy);
    expect(binOf(each, "n1")).toMatchObject({ ports: busy.hostPorts, placed: [busy] });
    expect(binOf(each, "n1").free["cpu"]).toBe(9_000);
    expect(binOf(each, "n1").volumes.get("ebs")).toEqual(new Set(["default/data"]));
    expect(each.parts.admission.verdict(each.board.kinds.of(other), binOf(each, "n1"), other)).toBe("never");
    expect(each.board.placed.get("default/busy")?.node).toBe("n1");
  });

  test("takes back exactly what came after a mark, in whatever mixture", () => {
    const each = made();
    const { board } = each;
    const before = look(each);
    const mark = board.mark();
    board.put(binOf(each, "n1"), other);
    const opened = board.open({ ...poolOf(each, "small"), notice: null, held: null });
    board.put(opened, busy);
    board.resize(opened, poolOf(each, "large").pool, poolOf(each, "large").shape);
    board.hold(opened, { code: "nothing-to-do" });
    board.leave("n2");
    expect(look(each)).not.toEqual(before);
    expect(opened.free["cpu"]).toBe(7_000);
    board.rollBack(mark);
    expect(look(each)).toEqual(before);
  });

  test("forgets those who run on a node that leaves, and takes nobody there", () => {
    const each = made();
    expect(each.parts.admission.verdict(each.board.kinds.of(other), binOf(each, "n2"), other)).toBe("never");
    each.board.leave("n2");
    expect(binOf(each, "n2").usable).toBe(false);
    expect(each.board.byNode.has("n2")).toBe(false);
    expect(each.parts.admission.verdict(each.board.kinds.of(other), binOf(each, "n1"), other)).toBe("fits");
  });
});

describe("purchases", () => {
  test("that are rolled back leave neither limits nor market with a trace", () => {
    const each = made();
    const { purchases, ledger, market, ranges } = each.parts;
    const spot = poolOf(each, "small");
    const option = ranges.optionOf(poolOf(each, "large").pool);
    if (option === undefined) throw new Error("large is no option");
    const before = [
      ledger.added(spot.pool).nodes,
      market.rank(each.fleet.pools, null).map(({ name }) => name),
    ];
    const mark = purchases.mark();
    const bin = purchases.open(spot, null);
    expect(ledger.added(spot.pool).nodes).toBe(1);
    expect(purchases.swap(bin, option)).toBe(true);
    expect([ledger.added(spot.pool).nodes, ledger.added(option.pool).nodes]).toEqual([0, 1]);
    purchases.rollBack(mark);
    expect([
      ledger.added(spot.pool).nodes,
      market.rank(each.fleet.pools, null).map(({ name }) => name),
    ]).toEqual(before);
    expect(each.board.bins).toHaveLength(2);
  });

  test("do not change into what a limit refuses", () => {
    const pools = [small, machine("large", { usd: 2, cpu: 8, maxSize: 0 })];
    const each = packing({ policies: [policy({ pools })], pods: [other] });
    const bin = each.parts.purchases.open(poolOf(each, "small"), null);
    const option = each.parts.ranges.optionOf(poolOf(each, "large").pool);
    expect(option !== undefined && each.parts.purchases.swap(bin, option)).toBe(false);
    expect(bin.pool?.name).toBe("small");
    expect(each.ledger.added(poolOf(each, "small").pool).nodes).toBe(1);
    expect(each.ledger.noted(poolOf(each, "large").pool)).toEqual([
      { code: "at-maximum", scope: "pool", maximum: 0 },
    ]);
  });
});
