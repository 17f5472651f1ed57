import { describe, expect, test } from "vitest";

import type { NodePoolSpec } from "../../shared/contract/policy/pool.ts";
import { listPriceOf } from "../../shared/model/instance-types.ts";
import { NODE_LABEL } from "../../shared/model/names.ts";
import { epochMs } from "../../shared/model/units.ts";
import { node } from "../../test/build/node.ts";
import type { NodeOptions } from "../../test/build/node.ts";
import { HOUR, NOW } from "../../test/build/now.ts";
import { pod } from "../../test/build/pod.ts";
import { comingTo, policy, pool } from "../../test/build/policy.ts";
import type { PoolOptions } from "../../test/build/policy.ts";
import { notice, snapshot } from "../../test/build/snapshot.ts";
import type { SnapshotOptions } from "../../test/build/snapshot.ts";
import { assemble } from "../decide/fleet/fleet.ts";
import { priceBook } from "../decide/market/price.ts";
import type { PodInput } from "../decide/snapshot-pod.ts";
import type { PricePoint } from "../decide/snapshot.ts";
import type { Charge } from "./charge.ts";
import { byLabel, liveCuts, NOBODY, WITHOUT } from "./cuts.ts";
import { createLedger } from "./ledger.ts";
import { chargesOf } from "./paid.ts";
import { rateOf } from "./rate.ts";

const TYPE = "p3.2xlarge";
const P3: Partial<NodePoolSpec> = { instanceTypes: [TYPE], availabilityZones: ["us-west-2a"] };

const point = (tier: PricePoint["tier"], usdPerHour: number, over: Partial<PricePoint> = {}): PricePoint => ({
  provider: "aws",
  region: "us-west-2",
  instanceType: TYPE,
  tier,
  usdPerHour,
  source: "test",
  at: epochMs(NOW),
  ...over,
});
const PRICES = [point("spot", 1.2), point("on-demand", 3.06), point("reserved", 2)];

const p3 = (name: string, options: NodeOptions = {}) =>
  node(name, {
    ...options,
    labels: { [NODE_LABEL.instanceType]: TYPE, [NODE_LABEL.zone]: "us-west-2a", ...options.labels },
  });

function priceOfEstimate(): number {
  const price = listPriceOf("aws", "us-west-2", TYPE, "spot");
  if (price.kind === "unknown") throw new Error(price.because);
  return price.usdPerHour;
}

interface Scene extends Omit<SnapshotOptions, "policies"> {
  readonly pool?: PoolOptions;
  readonly labels?: readonly string[];
}

function charges({ pool: of = {}, labels = [], prices = PRICES, ...rest }: Scene): readonly Charge[] {
  const policies = [policy({ provider: "aws", pools: [pool("spot", { fields: P3, ...of })] })];
  return chargesOf(assemble(snapshot({ ...rest, policies })), priceBook(prices), labels);
}

const held = (
  name: string,
  options: { namespace?: string; labels?: Record<string, string>; gpus?: number },
) => {
  const { namespace = "default", labels, gpus = 1 } = options;
  const made: PodInput = { ...pod(name, { node: "a", gpus }), key: `${namespace}/${name}` };
  return labels === undefined ? made : { ...made, labels };
};

const parts = (all: readonly Charge[]) =>
  all.map(({ state, nodes, holder }) => [state, nodes, holder?.namespace ?? null]);

describe("a machine that is Ready", () => {
  test("is split by the GPUs that pods hold, and the rest is idle", () => {
    const pods = [held("x", { namespace: "ml", gpus: 2 }), held("y", { namespace: "web", gpus: 1 })];
    expect(parts(charges({ nodes: [p3("a")], pods }))).toEqual([
      ["allocated", 0.25, "ml"],
      ["allocated", 0.125, "web"],
      ["idle", 0.625, null],
    ]);
  });

  test("costs its whole price however it is split", () => {
    const pods = [held("x", { gpus: 3 }), held("y", { gpus: 3 })];
    const all = charges({ nodes: [p3("a", { gpus: 7 })], pods });
    expect(rateOf(all)).toMatchObject({ unknownNodes: 0 });
    expect(rateOf(all).usdPerHour).toBeCloseTo(1.2, 12);
    expect(rateOf(all).savedUsdPerHour).toBeCloseTo(1.86, 12);
  });

  test("more GPUs held than it has now cost no more than the machine", () => {
    const pods = [held("x", { gpus: 6 }), held("y", { gpus: 6, namespace: "ml" })];
    const all = charges({ nodes: [p3("a", { gpus: 8 })], pods });
    expect(parts(all)).toEqual([
      ["allocated", 0.5, "default"],
      ["allocated", 0.5, "ml"],
    ]);
  });

  test("DaemonSets, static pods and pods without a GPU hold nothing of it", () => {
    const pods = [
      pod("d", { node: "a", gpus: 1, daemon: true }),
      pod("m", { node: "a", gpus: 1, mirror: true }),
      pod("c", { node: "a", gpus: 0 }),
    ];
    expect(parts(charges({ nodes: [p3("a")], pods }))).toEqual([["idle", 1, null]]);
  });

  test("one without GPUs is shared by cpu and memory", () => {
    const pods = [pod("c", { node: "a", requests: { cpu: 48_000, memory: 250 * 2 ** 30 } })];
    const all = charges({ nodes: [p3("a", { gpus: 0 })], pods, pool: { gpus: 0 } });
    expect(parts(all)).toEqual([
      ["allocated", 0.375, "default"],
      ["idle", 0.625, null],
    ]);
  });
});

describe("a machine that is not there to be held", () => {
  test("booting: a node that is not Ready yet, and a member that is no node yet", () => {
    const young = p3("a", { ready: "not-ready", ageMs: 60_000 });
    const instances = comingTo(2, { instanceType: TYPE, zone: "us-west-2a" });
    expect(parts(charges({ nodes: [young] }))).toEqual([["booting", 1, null]]);
    const coming = charges({ pool: { instances, size: 2 } });
    expect(parts(coming)).toEqual([
      ["booting", 1, null],
      ["booting", 1, null],
    ]);
    expect(rateOf(coming).usdPerHour).toBeCloseTo(2.4, 12);
  });

  test("a place that nothing fills, and a member that failed, cost nothing", () => {
    const instances = [...comingTo(1, { placeholder: true }), ...comingTo(1, { id: "i-f", state: "failed" })];
    expect(charges({ pool: { instances, size: 2 } })).toEqual([]);
  });

  test.each<readonly [string, readonly boolean[], readonly string[]]>([
    ["a policy that was switched off and the one after it", [false, true], ["new/spot"]],
    ["two that are both at work, as with their nodes", [true, true], []],
    ["two that are switched off", [false, false], []],
  ])("a machine on its way in a group of %s is paid for once at most", (_whose, enabled, pools) => {
    const group = { aws: { autoScalingGroup: "gpu", region: "us-west-2" } };
    const built = pool("spot", { fields: { ...P3, group }, instances: comingTo(1), size: 1 });
    const policies = ["old", "new"].map((name, at) =>
      policy({ name, provider: "aws", enabled: enabled[at] === true, pools: [built] }),
    );
    const all = chargesOf(assemble(snapshot({ policies })), priceBook(PRICES));
    expect(all.map((one) => one.pool)).toEqual(pools);
  });

  test("draining: whole, and its pods hold it to their end", () => {
    const pods = [held("x", { namespace: "ml", gpus: 2 })];
    const all = charges({ nodes: [p3("a")], pods, notices: [notice("a")] });
    expect(parts(all)).toEqual([
      ["draining", 0.25, "ml"],
      ["draining", 0.75, null],
    ]);
  });
});

describe("prices", () => {
  test("of a type without one are unknown, in every state, and so is the saving", () => {
    const other = p3("a", { labels: { [NODE_LABEL.instanceType]: "x9.huge" } });
    const all = charges({ nodes: [other] });
    expect(all).toMatchObject([{ usdPerHour: null, onDemandUsdPerHour: null }]);
    expect(rateOf(all)).toMatchObject({
      nodes: 1,
      unknownNodes: 1,
      usdPerHour: null,
      usdPerMonth: null,
      savedUsdPerHour: null,
      savedShare: null,
      estimatedUsdPerHour: null,
      priceAt: null,
    });
  });

  test("an estimate of the catalogue is no price of money, and nothing is saved by it", () => {
    const all = charges({ nodes: [p3("a")], prices: [] });
    expect(all).toMatchObject([{ tier: "spot", usdPerHour: null, onDemandUsdPerHour: 3.06 }]);
    const estimatedUsdPerHour = priceOfEstimate();
    expect(all).toMatchObject([{ estimatedUsdPerHour }]);
    expect(rateOf(all)).toMatchObject({
      unknownNodes: 1,
      usdPerHour: null,
      knownUsdPerHour: 0,
      estimatedUsdPerHour,
      priceAt: null,
      savedUsdPerHour: null,
      savedShare: null,
    });
  });

  test("a policy's own price is compared with the on-demand price of the machine, not with itself", () => {
    const fields = { ...P3, price: { usdPerHour: 1 } };
    expect(charges({ nodes: [p3("a")], pool: { fields } })).toMatchObject([
      { usdPerHour: 1, onDemandUsdPerHour: 3.06 },
    ]);
  });

  test("on demand nothing is saved, whatever the policy says that it costs", () => {
    const fields = { ...P3, price: { usdPerHour: 2.5 } };
    const all = charges({ nodes: [p3("a")], pool: { fields, capacityType: "on-demand" } });
    expect(rateOf(all)).toMatchObject({ usdPerHour: 2.5, savedUsdPerHour: 0, savedShare: 0 });
  });

  test("a member of unknown type in a pool of several is compared with nothing", () => {
    const fields = { ...P3, instanceTypes: [TYPE, "p3.8xlarge"], price: { usdPerHour: 1 } };
    const all = charges({ pool: { fields, instances: comingTo(1), size: 1 } });
    expect(all).toMatchObject([{ usdPerHour: 1, onDemandUsdPerHour: null }]);
  });

  test("have the age of the oldest reading; what the policy says has none", () => {
    const prices = [
      point("spot", 1.2, { zone: "us-west-2a", at: epochMs(NOW - HOUR) }),
      point("spot", 1.3, { zone: "us-west-2b", at: epochMs(NOW - 2 * HOUR) }),
      // Nobody pays by it.
      point("spot", 9, { zone: "us-west-2c", at: epochMs(0) }),
    ];
    const nodes = [p3("a"), p3("b", { labels: { [NODE_LABEL.zone]: "us-west-2b" } })];
    expect(rateOf(charges({ nodes, prices }))).toMatchObject({
      usdPerHour: 2.5,
      priceAt: new Date(NOW - 2 * HOUR).toISOString(),
    });
    const fields = { ...P3, price: { usdPerHour: 1 } };
    expect(rateOf(charges({ nodes, prices, pool: { fields } }))).toMatchObject({
      usdPerHour: 2,
      priceAt: null,
    });
  });

  test("of a spot machine in a pool that is declared on-demand are those of spot", () => {
    const spot = p3("a", { labels: { "karpenter.sh/capacity-type": "spot" } });
    expect(charges({ nodes: [spot], pool: { capacityType: "on-demand" } })).toMatchObject([
      { tier: "spot", usdPerHour: 1.2, onDemandUsdPerHour: 3.06 },
    ]);
  });

  test("follow the machine's own zone", () => {
    const prices = [...PRICES, point("spot", 0.9, { zone: "us-west-2a" })];
    expect(charges({ nodes: [p3("a")], prices })).toMatchObject([{ usdPerHour: 0.9 }]);
  });
});

describe("by whom", () => {
  const pods = [
    held("x", { namespace: "ml", labels: { team: "vision", other: "1" }, gpus: 4 }),
    held("y", { namespace: "web", gpus: 2 }),
  ];
  const all = charges({ nodes: [p3("a")], pods, labels: ["team"] });

  test("only labels that money is told by are kept", () => {
    expect(all.map(({ holder }) => holder?.labels)).toEqual([{ team: "vision" }, {}, undefined]);
  });

  test("each cut sums to the whole", () => {
    const cuts = liveCuts(["team"]);
    const ledger = createLedger(cuts);
    ledger.charge(all, 3_600_000);
    for (const cut of Object.keys(cuts)) {
      const sum = [...ledger.by(cut).values()].reduce((usd, tally) => usd + tally.usd, 0);
      expect({ cut, usd: sum.toFixed(9) }).toEqual({ cut, usd: "1.200000000" });
    }
    expect([...ledger.by("label:team").keys()]).toEqual(["vision", WITHOUT, NOBODY]);
    expect(all.map(byLabel("constructor"))).toEqual([WITHOUT, WITHOUT, NOBODY]);
  });
});
