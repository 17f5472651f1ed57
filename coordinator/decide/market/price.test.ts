import { describe, expect, test } from "vitest";

import type { NodePoolSpec } from "../../../shared/contract/policy/pool.ts";
import type { CapacityType } from "../../../shared/model/node.ts";
import { epochMs } from "../../../shared/model/units.ts";
import { node } from "../../../test/build/node.ts";
import { NOW } from "../../../test/build/now.ts";
import { policy, pool } from "../../../test/build/policy.ts";
import type { PoolOptions } from "../../../test/build/policy.ts";
import { snapshot } from "../../../test/build/snapshot.ts";
import { assemble } from "../fleet/fleet.ts";
import type { PoolState } from "../fleet/fleet.ts";
import type { NodeInput, PricePoint } from "../snapshot.ts";
import { priceBook } from "./price.ts";

type Provider = "aws" | "gcp" | "azure" | "custom";

function states(options: {
  readonly provider?: Provider;
  readonly pools: Readonly<Record<string, PoolOptions>>;
  readonly nodes?: readonly NodeInput[];
}) {
  const { provider = "aws", nodes = [] } = options;
  const pools = Object.entries(options.pools).map(([name, of]) => pool(name, of));
  return assemble(snapshot({ policies: [policy({ provider, pools })], nodes })).pools;
}

function state(fields: Partial<NodePoolSpec>, provider: Provider = "aws", nodes: readonly NodeInput[] = []) {
  const [only] = states({ provider, pools: { spot: { fields } }, nodes });
  if (only === undefined) throw new Error("the policy of this test has no pool");
  return only;
}

function point(usdPerHour: number, options: Partial<PricePoint> = {}): PricePoint {
  return {
    provider: "aws",
    region: "us-west-2",
    instanceType: "p3.2xlarge",
    tier: "spot",
    usdPerHour,
    source: `at ${usdPerHour}`,
    at: epochMs(NOW - 60_000),
    ...options,
  };
}

const P3: Partial<NodePoolSpec> = {
  instanceTypes: ["p3.2xlarge"],
  availabilityZones: ["us-west-2a", "us-west-2b"],
};

function priceOf(of: PoolState, tier: CapacityType, prices: readonly PricePoint[] = []) {
  return priceBook(prices).priceOf(of, tier);
}

function usd(fields: Partial<NodePoolSpec>, prices?: readonly PricePoint[], tier: CapacityType = "spot") {
  const price = priceOf(state(fields), tier, prices);
  return price.kind === "known" ? price.usdPerHour : price.because;
}

describe("priceOf()", () => {
  test("believes the policy first, which has no day", () => {
    const fields = { ...P3, price: { usdPerHour: 1.25 } };
    expect(priceOf(state(fields), "spot", [point(0.9)])).toEqual({
      kind: "known",
      usdPerHour: 1.25,
      source: "policy",
      at: null,
    });
  });

  test("then the newest reading, with its source and time", () => {
    const prices = [
      point(0.9),
      point(0.8, { at: epochMs(NOW - 1_000) }),
      point(0.7, { at: epochMs(NOW - 90_000) }),
    ];
    expect(priceOf(state(P3), "spot", prices)).toEqual({
      kind: "known",
      usdPerHour: 0.8,
      source: "at 0.8",
      at: NOW - 1_000,
    });
  });

  test("then the catalogue, by tier", () => {
    expect([usd(P3), usd(P3, [], "on-demand")]).toEqual([0.8874, 3.06]);
  });

  test("does not take a reading of another region, machine, tier or cloud, nor one that is no price", () => {
    const others: readonly Partial<PricePoint>[] = [
      { region: "us-east-1" },
      { instanceType: "p3.8xlarge" },
      { tier: "on-demand" },
      { provider: "gcp" },
      { usdPerHour: Number.NaN },
      { usdPerHour: -1 },
      { usdPerHour: Infinity },
    ];
    expect(
      usd(
        P3,
        others.map((other) => point(0.1, other)),
      ),
    ).toBe(0.8874);
  });

  test("of two zones the dearer counts, and a zone's own reading before its region's", () => {
    const inA = point(0.5, { zone: "us-west-2a" });
    expect(usd(P3, [inA, point(0.6), point(0.1, { zone: "us-west-2c" })])).toBe(0.6);
    // Nobody has read zone b: the catalogue's price counts there.
    expect(usd(P3, [inA])).toBe(0.8874);
    expect(usd({ ...P3, availabilityZones: ["us-west-2a"] }, [inA, point(0.6)])).toBe(0.5);
  });

  test("without zones the dearest of the region's counts", () => {
    const fields = { instanceTypes: ["p3.2xlarge"], region: "us-west-2" };
    const prices = [point(0.5, { zone: "us-west-2a" }), point(0.7, { zone: "us-west-2b" })];
    expect(usd(fields, prices)).toBe(0.7);
  });

  test("of several machines the dearest counts, since the group may bring any", () => {
    const fields = { ...P3, instanceTypes: ["p3.2xlarge", "p3.8xlarge"] };
    expect(usd(fields, [], "on-demand")).toBe(12.24);
  });

  test("one machine without a price makes the whole unknown", () => {
    const fields = { ...P3, instanceTypes: ["p3.2xlarge", "m5.large"] };
    expect(usd(fields, [], "on-demand")).toBe(
      "the catalogue has no on-demand price of m5.large in aws us-west-2: set nodePools[].price.usdPerHour",
    );
  });

  test.each([
    [
      "no machine",
      {},
      "it names no instanceTypes: set nodePools[].instanceTypes, or nodePools[].price.usdPerHour",
    ],
    ["no region", { instanceTypes: ["p3.2xlarge"] }, "its region is not known: set nodePools[].region"],
    [
      "two regions",
      { ...P3, availabilityZones: ["us-west-2a", "us-east-1a"] },
      "its availabilityZones lie in us-east-1 and us-west-2: make a pool for each region",
    ],
  ])("is unknown and says what to set with %s", (_, fields, because) => {
    expect(usd(fields)).toBe(because);
  });

  test.each([
    ["gcp", { instanceTypes: ["a2-highgpu-1g"], availabilityZones: ["us-central1-a"] }, 3.673385],
    ["azure", { instanceTypes: ["Standard_NC6s_v3"], availabilityZones: ["1"], region: "eastus" }, 3.06],
  ] as const)("knows %s", (provider, fields, usdPerHour) => {
    expect(
      priceOf(
        state(
          {
            ...fields,
            availabilityZones: [...fields.availabilityZones],
            instanceTypes: [...fields.instanceTypes],
          },
          provider,
        ),
        "on-demand",
      ),
    ).toMatchObject({ kind: "known", usdPerHour });
  });

  test("a pool that says nothing is what its nodes are", () => {
    const labels = {
      "node.kubernetes.io/instance-type": "p3.2xlarge",
      "topology.kubernetes.io/zone": "us-west-2a",
    };
    expect(priceOf(state({}, "aws", [node("n1", { labels })]), "on-demand")).toMatchObject({
      usdPerHour: 3.06,
    });
  });

  test("is the same in any order of the readings", () => {
    const prices = [
      point(0.5),
      point(0.6),
      point(0.5, { source: "another" }),
      point(0.4, { zone: "us-west-2a" }),
    ];
    expect(priceOf(state(P3), "spot", prices.toReversed())).toEqual(priceOf(state(P3), "spot", prices));
  });
});

describe("priceOfNode()", () => {
  const priceOfOne = (labels: Record<string, string>, prices: readonly PricePoint[] = []) => {
    const pools = states({
      pools: { spot: { fields: { ...P3, instanceTypes: ["p3.2xlarge", "p3.8xlarge"] } } },
      nodes: [node("n1", { labels })],
    });
    const [own] = pools;
    const [only] = own?.nodes ?? [];
    if (own === undefined || only === undefined) throw new Error("the pool of this test has no node");
    return priceBook(prices).priceOfNode(only, own);
  };

  test("goes by what the node says of itself: machine, zone and tier", () => {
    const labels = {
      "node.kubernetes.io/instance-type": "p3.2xlarge",
      "topology.kubernetes.io/zone": "us-east-1c",
      "karpenter.sh/capacity-type": "on-demand",
    };
    expect(priceOfOne(labels)).toMatchObject({ usdPerHour: 3.06 });
    expect(priceOfOne({ ...labels, "karpenter.sh/capacity-type": "spot" })).toMatchObject({
      usdPerHour: 0.612,
    });
  });

  test("goes by the pool where the node is silent", () => {
    expect(priceOfOne({})).toMatchObject({ kind: "known" });
    expect(priceOfOne({})).toEqual(
      priceOf(state({ ...P3, instanceTypes: ["p3.2xlarge", "p3.8xlarge"] }), "spot"),
    );
  });

  test("is unknown for a machine that nobody knows, whatever the pool lists", () => {
    expect(priceOfOne({ "node.kubernetes.io/instance-type": "m5.large" })).toMatchObject({ kind: "unknown" });
  });
});
