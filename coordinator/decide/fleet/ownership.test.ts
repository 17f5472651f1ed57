import { describe, expect, test } from "vitest";

import type { PoolGroup } from "../../../shared/contract/policy/pool.ts";
import { node } from "../../../test/build/node.ts";
import { policy, pool } from "../../../test/build/policy.ts";
import { snapshot } from "../../../test/build/snapshot.ts";
import { ownership } from "./ownership.ts";

const member = (name: string) =>
  ({ instances: [{ id: `m-${name}`, node: name, state: "ready" }], size: 1 }) as const;
const unlisted = { instances: [], size: 1 } as const;

describe("ownership()", () => {
  test("a group's member belongs to its pool, whatever its label says", () => {
    const policies = [
      policy({ name: "a", pools: [pool("x", member("n1"))] }),
      policy({ name: "b", pools: [pool("spot", unlisted)] }),
    ];
    const { ownerOf, disputes } = ownership(snapshot({ nodes: [node("n1")], policies }));
    expect(ownerOf.get("n1")).toEqual({ policy: "a", pool: "x" });
    expect(disputes.size).toBe(0);
  });

  test("the label speaks for groups that list nobody, where the policy's selector matches", () => {
    const policies = [policy({ nodeSelector: { team: "ml" }, pools: [pool("spot", unlisted)] })];
    const { ownerOf } = ownership(
      snapshot({ nodes: [node("n1", { labels: { team: "ml" } }), node("n2")], policies }),
    );
    expect([...ownerOf.keys()]).toEqual(["n1"]);
  });

  test("the older spelling of the label is read too", () => {
    const labels = { "gpu-autoscaler.io/node-pool": "spot" };
    const { ownerOf } = ownership(
      snapshot({
        nodes: [node("n1", { pool: null, labels })],
        policies: [policy({ pools: [pool("spot", unlisted)] })],
      }),
    );
    expect(ownerOf.get("n1")).toEqual({ policy: "demo", pool: "spot" });
  });

  test("a node of two policies belongs to neither", () => {
    const policies = [
      policy({ name: "a", pools: [pool("x", member("n1"))] }),
      policy({ name: "b", pools: [pool("y", member("n1"))] }),
    ];
    const { ownerOf, disputes } = ownership(snapshot({ nodes: [node("n1")], policies }));
    expect(ownerOf.size).toBe(0);
    expect(disputes.get("a/x")).toEqual([{ code: "overlap", node: "n1", policies: ["a", "b"] }]);
    expect(disputes.get("b/y")).toEqual(disputes.get("a/x"));
  });

  test("a group is the same one in whichever version of its API it is named", () => {
    const [a, b] = ["v1beta1", "v1beta2"].map((version) => {
      const made = policy({ name: version, pools: [pool("x", { size: 0, instances: [] })] });
      const scale = {
        apiVersion: `cluster.x-k8s.io/${version}`,
        kind: "MachineDeployment",
        name: "x",
        namespace: "m",
      };
      return {
        ...made,
        spec: { ...made.spec, nodePools: made.spec.nodePools.map((one) => ({ ...one, group: { scale } })) },
      };
    });
    if (a === undefined || b === undefined) throw new Error("two policies were made");
    const { disputes } = ownership(snapshot({ policies: [a, b] }));
    expect(disputes.get("v1beta1/x")).toEqual([{ code: "group-shared", pools: ["v1beta1/x", "v1beta2/x"] }]);
  });

  const cloudPool = (name: string, group: PoolGroup, ids: readonly string[] = []) =>
    pool(name, {
      size: ids.length,
      instances: ids.map((id) => ({ id, node: null, state: "booting" as const })),
      fields: { group },
    });
  const disputesOf = (...groups: readonly (readonly [PoolGroup, (readonly string[])?])[]) => {
    const pools = groups.map(([group, ids], index) => cloudPool(`p${index}`, group, ids));
    return ownership(snapshot({ policies: [policy({ pools })] })).disputes;
  };
  const asg = (name: string, region = "us-west-2"): PoolGroup => ({
    aws: { region, autoScalingGroup: name },
  });
  const simulated = (name: string, url = "http://cloud:1"): PoolGroup => ({ simulated: { url, name } });

  test("a group of a cloud stands behind one pool, by region and name, by tags, by address", () => {
    const shared = [{ code: "group-shared", pools: ["demo/p0", "demo/p1"] }];
    expect(disputesOf([asg("a")], [asg("a")]).get("demo/p0")).toEqual(shared);
    expect(disputesOf([simulated("a")], [simulated("a")]).get("demo/p1")).toEqual(shared);
    const tagged = (tags: Record<string, string>): PoolGroup => ({ aws: { region: "us-west-2", tags } });
    expect(disputesOf([tagged({ a: "1", b: "2" })], [tagged({ b: "2", a: "1" })]).get("demo/p0")).toEqual(
      shared,
    );

    const two = [
      [asg("a"), asg("b")],
      [asg("a"), asg("a", "us-east-1")],
      [simulated("a"), simulated("a", "http://cloud:2")],
      [tagged({ a: "1" }), asg("a")],
    ] as const;
    for (const [one, other] of two) expect(disputesOf([one], [other]).size).toBe(0);
  });

  test("a machine that two groups of an account list stops both, and no other", () => {
    const tagged: PoolGroup = { aws: { region: "us-west-2", tags: { team: "ml" } } };
    const found = disputesOf(
      [asg("a"), ["i-1", "i-2"]],
      [tagged, ["i-2", "i-1"]],
      [asg("c"), ["i-3"]],
      [asg("a", "us-east-1"), ["i-1"]],
    );
    expect([...found]).toEqual(
      ["demo/p0", "demo/p1"].map((id) => [
        id,
        [{ code: "instance-shared", instance: "i-2", pools: ["demo/p0", "demo/p1"] }],
      ]),
    );
  });

  test("machines of scale sets are numbers of their own set, which two of an account may have alike", () => {
    const set = (vmScaleSet: string): PoolGroup => ({
      azure: { subscriptionID: "00000000-1111-4222-8333-444444444444", resourceGroup: "gpu", vmScaleSet },
    });
    expect(disputesOf([set("a"), ["0", "1"]], [set("b"), ["0", "1"]]).size).toBe(0);
  });

  test("places have names of their own group only, and machines of the cluster's groups are told by their nodes", () => {
    const place = (group: PoolGroup, name: string) =>
      pool(name, {
        size: 1,
        instances: [{ id: "placeholder-0", node: null, state: "booting", placeholder: true }],
        fields: { group },
      });
    const pools = [place(asg("a"), "x"), place(asg("b"), "y")];
    expect(ownership(snapshot({ policies: [policy({ pools })] })).disputes.size).toBe(0);
    const machines = ["x", "y"].map((name) =>
      pool(name, { size: 1, instances: [{ id: "m-1", node: null, state: "booting" }] }),
    );
    expect(ownership(snapshot({ policies: [policy({ pools: machines })] })).disputes.size).toBe(0);
  });

  test("a policy that is switched off claims only what no working one wants", () => {
    const off = policy({ name: "a", enabled: false, pools: [pool("x", member("n1"))] });
    const on = policy({ name: "b", pools: [pool("y", member("n1"))] });
    expect(ownership(snapshot({ policies: [off, on] })).ownerOf.get("n1")).toEqual({
      policy: "b",
      pool: "y",
    });
    expect(ownership(snapshot({ policies: [off] })).ownerOf.get("n1")).toEqual({ policy: "a", pool: "x" });
  });
});
