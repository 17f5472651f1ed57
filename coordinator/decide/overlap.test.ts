import { describe, expect, test } from "vitest";

import { node } from "../../test/build/node.ts";
import { MINUTE } from "../../test/build/now.ts";
import { pod } from "../../test/build/pod.ts";
import { policy, pool } from "../../test/build/policy.ts";
import { grows, memory, shrinks, snapshot } from "../../test/build/snapshot.ts";
import { verdictsOf } from "../report/conditions.ts";
import { sentence } from "../report/explain.ts";
import { decide } from "./decide.ts";

const member = (...names: readonly string[]) => ({
  size: names.length,
  instances: names.map((name) => ({ id: `i-${name}`, node: name, state: "ready" as const })),
});

test("a machine in two groups holds the pools of both with the reason, and other pools go on", () => {
  const listed = (name: string, group: object, ids: readonly string[]) =>
    pool(name, {
      size: ids.length,
      instances: ids.map((id) => ({ id, node: null, state: "booting" as const })),
      fields: { group },
    });
  const asg = (autoScalingGroup: string) => ({ aws: { region: "us-west-2", autoScalingGroup } });
  const asked = policy({
    pools: [
      listed("a", asg("a"), ["i-1"]),
      listed("b", { aws: { region: "us-west-2", tags: { team: "ml" } } }, ["i-1"]),
      listed("c", asg("c"), []),
    ],
  });
  const { plan } = decide(
    snapshot({ policies: [asked], pods: ["p", "q", "r"].map((name) => pod(name, { gpus: 8 })) }),
  );
  const shared = { code: "instance-shared", instance: "i-1", pools: ["demo/a", "demo/b"] } as const;
  for (const name of ["a", "b"])
    expect(plan.holds.find((hold) => hold.pool === name)?.because).toContainEqual(shared);
  expect(plan.moves.map((move) => [move.kind, move.pool])).toEqual([["grow", "c"]]);
  expect(verdictsOf(asked, [shared]).find(({ type }) => type === "NodesOverlap")).toMatchObject({
    status: "True",
    message: sentence(shared),
  });
});

// F48: two policies on one node are refused, and no more than that node is.
describe("a node that two policies claim", () => {
  const policies = [
    policy({ name: "a", pools: [pool("x", member("both", "only-a"))] }),
    policy({ name: "b", pools: [pool("y", member("both", "only-b"))] }),
  ];
  const nodes = ["both", "only-a", "only-b"].map((name) => node(name, { pool: null }));
  const empty = memory({ both: { emptyMs: 20 * MINUTE }, "only-a": { emptyMs: 20 * MINUTE } });
  const decision = decide(snapshot({ policies, nodes, memory: empty }));
  const reasonsOf = (name: string) =>
    decision.plan.holds.filter((hold) => hold.policy === name).flatMap(({ because }) => because);

  test("is a reason of both, and the condition of both", () => {
    const overlap = { code: "overlap", node: "both", policies: ["a", "b"] } as const;
    for (const asked of policies) {
      expect(reasonsOf(asked.name)).toContainEqual(overlap);
      const verdict = verdictsOf(asked, reasonsOf(asked.name)).find(({ type }) => type === "NodesOverlap");
      expect(verdict).toMatchObject({ status: "True", message: sentence(overlap) });
    }
  });

  test("is removed by neither, and other nodes go on", () => {
    expect(shrinks(decision).map((move) => [move.policy, move.node])).toEqual([["a", "only-a"]]);
  });

  test("does not stop growth", () => {
    const full = nodes.map(({ name }) => pod(`on-${name}`, { node: name, gpus: 8 }));
    const waiting = decide(snapshot({ policies, nodes, pods: [...full, pod("waits", { gpus: 8 })] }));
    expect(grows(waiting)).toHaveLength(1);
  });
});
