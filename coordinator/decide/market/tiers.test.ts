import { describe, expect, test } from "vitest";

import { epochMs } from "../../../shared/model/units.ts";
import { node } from "../../../test/build/node.ts";
import { NOW } from "../../../test/build/now.ts";
import { pod } from "../../../test/build/pod.ts";
import { comingTo, policy, pool } from "../../../test/build/policy.ts";
import type { PolicyOptions, PoolOptions } from "../../../test/build/policy.ts";
import { snapshot } from "../../../test/build/snapshot.ts";
import type { SnapshotOptions } from "../../../test/build/snapshot.ts";
import { assemble } from "../fleet/fleet.ts";
import type { PoolState } from "../fleet/fleet.ts";
import { EMPTY_MEMORY } from "../snapshot-memory.ts";
import type { Memory } from "../snapshot-memory.ts";
import { createMarket } from "./market.ts";

interface Scene extends PolicyOptions {
  readonly memory?: Partial<Memory>;
  readonly seen?: Omit<SnapshotOptions, "policies" | "memory">;
}

function market(pools: Readonly<Record<string, PoolOptions>>, options: Scene = {}) {
  const { memory = {}, seen = {}, ...spec } = options;
  const taken = snapshot({
    ...seen,
    policies: [
      policy({ ...spec, pools: Object.entries(pools).map(([name, of]) => pool(name, { size: 0, ...of })) }),
    ],
    memory: { ...EMPTY_MEMORY, ...memory },
  });
  const fleet = assemble(taken);
  const made = createMarket(fleet, taken.memory);
  const of = (name: string): PoolState => {
    const found = fleet.poolsById.get(`demo/${name}`);
    if (found === undefined) throw new Error(`no pool ${name}`);
    return found;
  };
  return {
    tiers: (wanted: number, among?: readonly string[]) =>
      made.tiers("demo", wanted, among?.map(of)).map(({ tier, gpus }) => `${tier ?? "any"} ${gpus}`),
    open: (name: string) => {
      made.opened(of(name));
    },
    withdraw: (name: string) => {
      made.withdrawn(of(name));
    },
    because: (name: string) => made.because(of(name)),
    notes: (name: string) => made.notes(of(name)),
  };
}

const od = { capacityType: "on-demand" } as const;
const reserved = { capacityType: "reserved" } as const;
const ALL = { spot: {}, od, reserved };

describe("the tiers that are due", () => {
  test("B10–B13, B40–B43, B68: from zero, spot first, 60/35/5", () => {
    expect(market(ALL).tiers(200)).toEqual(["spot 120", "on-demand 70", "reserved 10"]);
  });

  test("A61: 80 % spot and 20 % on-demand, also from nodes of eight", () => {
    const { tiers, open } = market({ spot: {}, od }, { spotInstancePercentage: 0.8 });
    const order = Array.from({ length: 10 }, () => {
      const [first = ""] = tiers(8);
      open(first.startsWith("spot") ? "spot" : "od");
      return first.split(" ")[0];
    });
    expect(order.filter((tier) => tier === "spot")).toHaveLength(8);
  });

  test("B123: a lower target moves what is new, not what is there", () => {
    const seen = { nodes: [node("n1"), node("n2"), node("n3")] };
    const pools = { spot: { size: 3 }, od };
    expect(market(pools, { seen, spotInstancePercentage: 0.6 }).tiers(16)).toEqual([
      "on-demand 16",
      "spot 0",
    ]);
    expect(market(pools, { seen, spotInstancePercentage: 0.4 }).tiers(40)).toEqual([
      "on-demand 38",
      "spot 2",
    ]);
  });

  test("B69: without spot its share goes to the others", () => {
    expect(market(ALL, { enableSpotInstances: false }).tiers(40)).toEqual(["on-demand 35", "reserved 5"]);
  });

  test("B70: without several tiers all goes to the one that is preferred", () => {
    expect(market(ALL, { enableMultiTierScaling: false }).tiers(40)).toEqual(["spot 40"]);
  });

  test("a tier whose pools are full is passed over", () => {
    const { tiers, open } = market({ spot: { maxSize: 1 }, od });
    open("spot");
    expect(tiers(40)).toEqual(["on-demand 40"]);
  });

  test("a tier that has failed is passed over", () => {
    const failed = { id: "i", node: null, state: "failed", failure: { kind: "quota", detail: "" } } as const;
    expect(market({ spot: { size: 1, instances: [failed] }, od }).tiers(40)).toEqual(["on-demand 40"]);
  });

  test("only pools that the pods may use are counted", () => {
    expect(market(ALL).tiers(40, ["od", "reserved"])).toEqual(["on-demand 35", "reserved 5"]);
    expect(market(ALL).tiers(40, [])).toEqual([]);
  });

  test("with nothing that can be bought there is none", () => {
    expect(market({ spot: { maxSize: 0 } }).tiers(8)).toEqual([]);
  });

  test("pods without GPUs are due to any tier", () => {
    expect(market(ALL).tiers(0)).toEqual(["any 0"]);
  });

  test("what was opened counts, and not when it is taken back", () => {
    const { tiers, open, withdraw } = market({ spot: {}, od });
    open("spot");
    expect(tiers(8)[0]).toBe("on-demand 6");
    withdraw("spot");
    expect(tiers(8)).toEqual(["spot 5", "on-demand 3"]);
  });

  test("what is still to come counts, and not what has failed", () => {
    const coming = { size: 1, instances: comingTo(1) };
    expect(market({ spot: coming, od }).tiers(8)[0]).toBe("on-demand 6");
    const lost = { size: 1, instances: comingTo(1, { state: "failed" }) };
    expect(market({ spot: { ...lost, maxSize: 9 }, more: {}, od }).tiers(8)[0]).toBe("spot 5");
  });

  test("of a group that mixes both only the share of its GPUs that is spot counts as spot", () => {
    const nodes = Array.from({ length: 10 }, (_, index) => node(`n${index}`, { pool: "mixed" }));
    const pools = { mixed: { size: 10, fields: { spotPercentage: 0.5 } }, spot: {}, od };
    expect(market(pools, { seen: { nodes } }).tiers(20)).toEqual(["spot 20", "on-demand 0"]);
  });

  test("nodes that have lost the GPUs of their DaemonSets have none, not fewer than none", () => {
    const nodes = [node("n1", { pool: "broken", gpus: 4 }), node("n2", { pool: "od" })];
    const pods = [pod("agent", { node: "n1", gpus: 8, daemon: true })];
    const pools = { broken: { size: 1 }, spot: {}, od: { ...od, size: 1 } };
    expect(market(pools, { seen: { nodes, pods } }).tiers(20)).toEqual(["spot 17", "on-demand 3"]);
  });

  test("ten points less for spot while interruptions are too many", () => {
    const lessSpot = { demo: epochMs(NOW + 1000) };
    expect(market({ spot: {}, od }, { memory: { lessSpot } }).tiers(100)).toEqual([
      "spot 50",
      "on-demand 50",
    ]);
  });
});

describe("why a growth goes where it goes", () => {
  test("the share that its tier had and the one it aims at", () => {
    const { because, open } = market({ spot: { size: 1 }, od }, { seen: { nodes: [node("n1")] } });
    open("od");
    expect(because("od")).toEqual([{ code: "tier-share", tier: "on-demand", share: 0, target: 0.4 }]);
    expect(because("spot")).toEqual([{ code: "tier-share", tier: "spot", share: 1, target: 0.6 }]);
  });

  test("the floor, while the policy was below it", () => {
    const spot = { diversify: true, onDemandFloorGpus: 16, rebalance: "Report" } as const;
    const { because, open, tiers } = market(ALL, { spot });
    expect(tiers(24)).toEqual(["on-demand 14", "reserved 2", "spot 8"]);
    open("od");
    expect(because("od")).toEqual([{ code: "on-demand-floor", gpus: 0, floor: 16 }]);
    expect(because("spot")[0]?.code).toBe("tier-share");
  });

  test("nothing, where the operator's rule and no share decides", () => {
    expect(market({ spot: {}, od }, { expander: "priority" }).because("spot")).toEqual([]);
  });

  test("nothing, where there is one tier or no GPU", () => {
    expect(market({ spot: {} }).because("spot")).toEqual([]);
    expect(market({ spot: {}, cpu: { ...od, gpus: 0 } }).because("cpu")).toEqual([]);
  });

  test("a spot pool says while it gets less", () => {
    const options: Scene = {
      memory: { lessSpot: { demo: epochMs(NOW + 1000) } },
      spot: { diversify: true, onDemandFloorGpus: 0, rebalance: "Report", maxInterruptionsPerNodeDay: 0.1 },
    };
    const { notes } = market({ spot: {}, od }, options);
    expect(notes("spot")).toMatchObject([{ code: "interruption-rate", limit: 0.1, spotTarget: 0.5 }]);
    expect(notes("od")).toEqual([]);
  });
});
