import { describe, expect, test } from "vitest";

import { NODE_LABEL } from "../../../shared/model/names.ts";
import { epochMs } from "../../../shared/model/units.ts";
import { node } from "../../../test/build/node.ts";
import { MINUTE, NOW } from "../../../test/build/now.ts";
import { pods } from "../../../test/build/pod.ts";
import { policy, pool } from "../../../test/build/policy.ts";
import type { PolicyOptions, PoolOptions } from "../../../test/build/policy.ts";
import { grows, holdCodes, notice, snapshot } from "../../../test/build/snapshot.ts";
import { decide } from "../decide.ts";
import { assemble } from "../fleet/fleet.ts";
import { EMPTY_MEMORY } from "../snapshot-memory.ts";
import type { Memory } from "../snapshot-memory.ts";
import type { NodeInput, NoticeInput } from "../snapshot.ts";
import { createMarket } from "./market.ts";
import type { Market, Need } from "./market.ts";

interface Scene extends PolicyOptions {
  readonly memory?: Partial<Memory>;
  readonly nodes?: readonly NodeInput[];
  readonly notices?: readonly NoticeInput[];
}

/** A market over pools by name, and the names in the order in which they are asked. */
function scene(pools: Readonly<Record<string, PoolOptions>>, options: Scene = {}) {
  const { memory = {}, nodes = [], notices = [], ...spec } = options;
  const built = Object.entries(pools).map(([name, of]) => pool(name, { size: 0, ...of }));
  const taken = snapshot({
    policies: [policy({ ...spec, pools: built })],
    memory: { ...EMPTY_MEMORY, ...memory },
    nodes,
    notices,
  });
  const fleet = assemble(taken);
  const market = createMarket(fleet, taken.memory);
  const order = (need: Need | null = null, last: readonly string[] = []): readonly string[] =>
    market.rank(fleet.pools, need, new Set(last.map((name) => `demo/${name}`))).map(({ name }) => name);
  return {
    fleet,
    market,
    order,
    open: (name: string) => openIn(market, fleet.poolsById.get(`demo/${name}`)),
  };
}

function openIn(market: Market, opened: Parameters<Market["opened"]>[0] | undefined): void {
  if (opened !== undefined) market.opened(opened);
}

const wants = (gpus: number, pods = 1): Need => ({ requests: { "nvidia.com/gpu": gpus }, pods });
const costs = (usdPerHour: number, more: PoolOptions = {}): PoolOptions => ({
  ...more,
  fields: { price: { usdPerHour }, ...more.fields },
});
const typed = (type: string, zone: string, more: PoolOptions = {}): PoolOptions => ({
  ...more,
  fields: { instanceTypes: [type], availabilityZones: [zone], ...more.fields },
});
const od = { capacityType: "on-demand" } as const;
const reserved = { capacityType: "reserved" } as const;

describe("with expander cost", () => {
  test("the tier that is most behind its share comes first, whatever it costs", () => {
    const { order, open } = scene({ od: costs(1, od), spot: costs(2) });
    expect(order()).toEqual(["spot", "od"]);
    open("spot");
    expect(order()).toEqual(["od", "spot"]);
  });

  test("within a tier what the pods cost, not what a node costs", () => {
    const { order } = scene({ big: costs(20, { ...od, gpus: 8 }), small: costs(3, { ...od, gpus: 1 }) });
    expect(order(wants(1, 1))).toEqual(["small", "big"]);
    expect(order(wants(1, 8))).toEqual(["big", "small"]);
  });

  test("a price that is known comes before one that is not", () => {
    const { order } = scene({ a: od, b: costs(90, { ...od, priority: -1 }) });
    expect(order(wants(8))).toEqual(["b", "a"]);
  });

  test("among unknown prices the fewest GPUs that stand unused, then the operator's priority", () => {
    const { order } = scene({
      a: { ...od, gpus: 8, priority: 9 },
      b: { ...od, gpus: 4 },
      c: { ...od, gpus: 4, priority: 1 },
    });
    expect(order(wants(4))).toEqual(["c", "b", "a"]);
  });

  test("pools without GPUs are ranked by cost: shares are counted in GPUs", () => {
    const { order } = scene({
      od: costs(1, { ...od, gpus: 0 }),
      spot: costs(2, { gpus: 0 }),
    });
    expect(order({ requests: { cpu: 1000 }, pods: 1 })).toEqual(["od", "spot"]);
  });

  test("interruptions that were measured make spot dearer", () => {
    const risk = { "a|z1|spot": { nodeDays: 9, interruptions: 30, at: NOW } };
    const pools = { a: costs(1, typed("a", "z1")), b: costs(1.2, typed("b", "z1")) };
    expect(scene(pools).order()).toEqual(["a", "b"]);
    expect(scene(pools, { memory: { risk } }).order()).toEqual(["b", "a"]);
  });

  test("a pool whose machines do not come is asked late", () => {
    const { order } = scene(
      { a: { ...od, size: 1, instances: [] }, b: od },
      { memory: { launches: { "demo/a": { missing: 1, since: epochMs(NOW - 60 * MINUTE) } } } },
    );
    expect(order()).toEqual(["b", "a"]);
  });
});

test("a policy that only recommends comes last: a pod must not wait for a node that nobody will buy", () => {
  const policies = [
    policy({ name: "advice", mode: "Recommend", pools: [pool("a", { priority: 9 })] }),
    policy({ name: "works", pools: [pool("b", { capacityType: "on-demand", maxSize: 1 })] }),
  ];
  const growing = (count: number) =>
    grows(decide(snapshot({ policies, pods: pods(count, "p", { gpus: 8 }) }))).map(
      (move) => `${move.pool} ${move.to}`,
    );
  expect(growing(1)).toEqual(["b 1"]);
  expect(growing(2)).toEqual(["a 1", "b 1"]);
});

test("with multi-tier scaling switched off no pod goes to another tier", () => {
  const policies = [
    policy({
      enableMultiTierScaling: false,
      pools: [pool("od", { capacityType: "on-demand" }), pool("spot", { maxSize: 1, size: 1 })],
    }),
  ];
  const decision = decide(snapshot({ policies, pods: pods(2, "p", { gpus: 8 }) }));
  expect(grows(decision)).toEqual([]);
  expect(holdCodes(decision, "od")).toEqual(["tier-disabled"]);
});

describe("the other expanders put what they name first, before the shares (E17)", () => {
  const pools = {
    cheap: costs(1, { ...od, gpus: 8, priority: 1 }),
    tight: costs(9, { ...od, gpus: 4, priority: 2 }),
    liked: costs(8, { ...reserved, gpus: 8, priority: 3 }),
    spot: costs(7, { gpus: 8 }),
  };
  test.each([
    ["least-waste", "tight"],
    ["price", "cheap"],
    ["priority", "liked"],
  ] as const)("%s", (expander, first) => {
    const { order, market } = scene(pools, { expander });
    expect(order(wants(4))[0]).toBe(first);
    expect(market.tiers("demo", 8)).toEqual([{ tier: null, gpus: 8 }]);
  });

  test("E26: the highest priority wins", () => {
    const ladder = { low: { ...od, priority: 10 }, high: { ...od, priority: 90 } };
    expect(scene(ladder, { expander: "priority" }).order()).toEqual(["high", "low"]);
  });

  test("E44, E45: on-demand only when spot is not to be had", () => {
    const ladder = { fallback: { ...od, priority: 10 }, spot: { priority: 100, maxSize: 1 } };
    const { order, open, market } = scene(ladder, { expander: "priority" });
    open("spot");
    expect(order()).toEqual(["spot", "fallback"]);
    expect(market.tiers("demo", 16)).toEqual([{ tier: null, gpus: 16 }]);
  });

  test("the floor of nodes that stay holds all the same", () => {
    const { order, market, open } = scene(pools, {
      expander: "price",
      spot: { diversify: true, onDemandFloorGpus: 8, rebalance: "Report" },
    });
    expect(market.tiers("demo", 24)).toEqual([
      { tier: "on-demand", gpus: 7 },
      { tier: "reserved", gpus: 1 },
      { tier: null, gpus: 16 },
    ]);
    expect(order()[3]).toBe("spot");
    open("cheap");
    expect(market.tiers("demo", 24)).toEqual([{ tier: null, gpus: 24 }]);
  });
});

describe("ties are broken so that one shortage takes less", () => {
  const four = {
    "p3-z1": typed("p3", "z1"),
    "p3-z2": typed("p3", "z2"),
    "g5-z1": typed("g5", "z1"),
    "g5-z2": typed("g5", "z2"),
  };
  const opening = (count: number, at: ReturnType<typeof scene>): readonly string[] =>
    Array.from({ length: count }, () => {
      const [first = ""] = at.order();
      at.open(first);
      return first;
    });

  test("B09, B39: spot is spread over type and zone, with what this decision has opened", () => {
    expect(opening(5, scene(four)).toSorted()).toEqual(["g5-z1", "g5-z1", "g5-z2", "p3-z1", "p3-z2"]);
  });

  test("after two nodes neither type nor zone is the same", () => {
    expect(opening(2, scene(four))).toEqual(["g5-z1", "p3-z2"]);
  });

  test("spot of another type may cost a little more, and no more than that", () => {
    const near = { a: costs(1, typed("p3", "z1")), b: costs(1.04, typed("g5", "z1")) };
    expect(opening(4, scene(near))).toEqual(["a", "b", "a", "b"]);
    const far = { a: costs(1, typed("p3", "z1")), b: costs(1.06, typed("g5", "z1")) };
    expect(opening(4, scene(far))).toEqual(["a", "a", "a", "a"]);
  });

  test("diversify false leaves types to cost, and zones are balanced still", () => {
    const spot = { diversify: false, onDemandFloorGpus: 0, rebalance: "Report" } as const;
    const near = { a: costs(1, typed("p3", "z1")), b: costs(1.04, typed("g5", "z1")) };
    expect(opening(3, scene(near, { spot }))).toEqual(["a", "a", "a"]);
    expect(opening(3, scene(four, { spot }))).toEqual(["g5-z1", "g5-z2", "g5-z1"]);
  });

  test("E19: zones are balanced among equals of each tier, with the nodes that are here", () => {
    const zones = { a: { ...od, ...typed("p3", "z1", od) }, b: typed("p3", "z2", od) };
    const labels = { [NODE_LABEL.zone]: "z1", [NODE_LABEL.instanceType]: "p3" };
    const nodes = [node("n1", { pool: "a", labels }), node("n2", { pool: "a", labels })];
    const at = scene({ a: { ...zones.a, size: 2 }, b: zones.b }, { nodes });
    expect(opening(3, at)).toEqual(["b", "b", "a"]);
  });

  test("a node that is under notice holds no place in the shares", () => {
    const nodes = [node("n1", { pool: "spot" })];
    const pools = { spot: { size: 1 }, od };
    expect(scene(pools, { nodes }).order()).toEqual(["od", "spot"]);
    expect(scene(pools, { nodes, notices: [notice("n1")] }).order()).toEqual(["spot", "od"]);
  });
});

describe("a lost node is replaced", () => {
  const ladder = {
    "a-reserved": reserved,
    "b-on-demand": od,
    "c-g5-z1": costs(1, typed("g5", "z1")),
    "d-p3-z2": costs(5, typed("p3", "z2")),
    "e-p3-z1": costs(1, typed("p3", "z1")),
  };

  test("B26: other zone, other type, on-demand, reserved, and where it was at last", () => {
    expect(scene(ladder).order(wants(8), ["e-p3-z1"])).toEqual([
      "d-p3-z2",
      "c-g5-z1",
      "b-on-demand",
      "a-reserved",
      "e-p3-z1",
    ]);
  });

  test("and not again where its replacement has failed", () => {
    expect(scene(ladder).order(wants(8), ["e-p3-z1", "d-p3-z2"])[0]).toBe("c-g5-z1");
  });

  test("an on-demand node by on-demand, then reserved, then spot", () => {
    const pools = { spot: {}, x: od, y: od, z: reserved };
    expect(scene(pools).order(null, ["x"])).toEqual(["y", "z", "spot", "x"]);
  });
});
