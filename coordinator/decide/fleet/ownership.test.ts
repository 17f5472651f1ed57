import { describe, expect, test } from "vitest";

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
