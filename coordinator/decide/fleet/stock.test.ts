import { describe, expect, test } from "vitest";

import { AWS_ZONE_ID_LABEL, NODE_LABEL } from "../../../shared/model/names.ts";
import { node } from "../../../test/build/node.ts";
import { policy, pool } from "../../../test/build/policy.ts";
import type { BuiltPool, PolicyOptions } from "../../../test/build/policy.ts";
import { snapshot } from "../../../test/build/snapshot.ts";
import { assemble } from "./fleet.ts";
import type { PoolState } from "./fleet.ts";
import { readStock, stockKeysOf, stockOfMachine, stockOfNode } from "./stock.ts";

function poolOf(spec: PolicyOptions, built: BuiltPool): PoolState {
  const [found] = assemble(snapshot({ policies: [policy({ ...spec, pools: [built] })] })).pools;
  if (found === undefined) throw new Error("the policy has no pool");
  return found;
}

const aws = poolOf(
  { provider: "aws" },
  pool("spot", {
    fields: { instanceTypes: ["p4d.24xlarge"], availabilityZones: ["us-west-2a", "us-west-2b"] },
  }),
);
const bare = poolOf({ provider: "custom" }, pool("racks"));

describe("the stock of a node", () => {
  const labels = { [NODE_LABEL.instanceType]: "p4d.24xlarge", [NODE_LABEL.zone]: "us-west-2b" };

  test("is its provider, region, type, zone and tier, with the zone's id beside", () => {
    const found = stockOfNode(node("n1", { labels: { ...labels, [AWS_ZONE_ID_LABEL]: "usw2-az2" } }), aws);
    expect(found).toEqual({ key: "aws/us-west-2/p4d.24xlarge|us-west-2b|spot", zoneId: "usw2-az2" });
  });

  test("is among the names under which its pool is looked up, with those of an older version", () => {
    expect(stockKeysOf(aws)).toContain(stockOfNode(node("n1", { labels }), aws).key);
    expect(stockKeysOf(aws)).toContain("p4d.24xlarge|us-west-2b|spot");
  });

  test("that is gone is what its machine said of itself", () => {
    const machine = {
      cloud: "aws",
      instanceType: "p4d.24xlarge",
      zone: "us-west-2a",
      zoneId: "usw2-az1",
    } as const;
    expect(stockOfMachine(machine, aws)).toEqual({
      key: "aws/us-west-2/p4d.24xlarge|us-west-2a|spot",
      zoneId: "usw2-az1",
    });
    expect(stockOfMachine(null, aws).key).toBe("aws/us-west-2/p4d.24xlarge|us-west-2a+us-west-2b|spot");
  });

  test("that is gone is of the tier that its machine named, since a group may mix them", () => {
    const owned = { cloud: "aws", zone: "us-west-2a", lifecycle: "on-demand" } as const;
    expect(stockOfMachine(owned, aws).key).toBe("aws/us-west-2/p4d.24xlarge|us-west-2a|on-demand");
  });

  test("says what nobody knows", () => {
    expect(stockOfNode(node("n1"), bare).key).toBe("custom/*/racks|*|spot");
  });
});

describe("readStock()", () => {
  test("takes a name apart", () => {
    expect(readStock("aws/us-west-2/p4d.24xlarge|us-west-2b|spot")).toEqual({
      provider: "aws",
      region: "us-west-2",
      zone: "us-west-2b",
      instanceType: "p4d.24xlarge",
    });
    expect(readStock("custom/*/racks|*|spot")).toEqual({
      provider: "custom",
      region: null,
      zone: null,
      instanceType: "racks",
    });
  });

  test.each(["policy/demo", "p4d.24xlarge|us-west-2b|spot", "", "aws/x"])("reads none in %j", (key) => {
    expect(readStock(key)).toBeNull();
  });
});
