import { describe, expect, test } from "vitest";

import { node } from "../../../test/build/node.ts";
import { MINUTE, SECOND } from "../../../test/build/now.ts";
import { pod } from "../../../test/build/pod.ts";
import { policy, pool } from "../../../test/build/policy.ts";
import { grows, notice, replaces, snapshot, unplacedCodes } from "../../../test/build/snapshot.ts";
import { decide } from "../decide.ts";

const demo = (pods: Parameters<typeof snapshot>[0], spec = {}) =>
  decide(snapshot({ policies: [policy(spec)], ...pods }));

describe("demand", () => {
  test.each([
    ["a gated pod", { waiting: { kind: "gated" } }, "pod-gated"],
    ["a pod that the scheduler has not tried", { waiting: { kind: "undecided" } }, "pod-undecided"],
    ["a pod for which room is being made", { nominatedNode: "n9" }, "pod-nominated"],
    ["a DaemonSet pod", { daemon: true }, "pod-of-daemon-set"],
    ["a static pod", { mirror: true }, "pod-static"],
    ["a pod without GPUs", { gpus: 0 }, "pod-not-gpu"],
  ] as const)("%s opens no node and says why", (_case, options, code) => {
    const decision = demo({ pods: [pod("p", options)] });
    expect(grows(decision)).toEqual([]);
    expect(unplacedCodes(decision, "p")).toEqual([code]);
  });

  test("a pod without a node that is being deleted is nobody's demand", () => {
    const decision = demo({ pods: [pod("p", { terminating: true })] });
    expect(grows(decision)).toEqual([]);
    expect(unplacedCodes(decision, "p")).toEqual(["pod-ends"]);
  });

  test.each([
    [119 * SECOND, 0],
    [120 * SECOND, 1],
  ])("unschedulable for %i ms of two minutes opens %i nodes", (waitedMs, nodes) => {
    // Created an hour ago: age is not what counts.
    const decision = demo({ pods: [pod("p", { waitedMs })] });
    expect(grows(decision)).toHaveLength(nodes);
    expect(unplacedCodes(decision, "p")).toEqual(nodes === 0 ? ["pod-waits"] : []);
  });

  test("of two policies the patient one does not slow the other down", () => {
    const policies = [
      policy({ name: "patient", pendingPodTimeoutSeconds: 600, pools: [pool("a", { priority: 9 })] }),
      policy({ name: "quick", pendingPodTimeoutSeconds: 60, pools: [pool("b")] }),
    ];
    const decision = decide(snapshot({ policies, pods: [pod("p", { waitedMs: 2 * MINUTE })] }));
    expect(grows(decision).map((move) => move.policy)).toEqual(["quick"]);
  });

  test("a pod without GPUs grows a pool whose nodes have none", () => {
    const decision = demo(
      { pods: [pod("p", { gpus: 0 })] },
      { pools: [pool("cpu", { gpus: 0 }), pool("spot")] },
    );
    expect(grows(decision).map((move) => move.pool)).toEqual(["cpu"]);
  });
});

describe("demand of a node under notice", () => {
  const owner = { uid: "owner", kind: "ReplicaSet" };
  const losing = (pods: Parameters<typeof pod>[1][]) =>
    replaces(
      decide(
        snapshot({
          policies: [policy({ pools: [pool("spot"), pool("od", { capacityType: "on-demand" })] })],
          nodes: [node("n1")],
          notices: [notice("n1")],
          pods: pods.map((options, index) => pod(`p${index}`, { owner, gpus: 8, ...options })),
        }),
      ),
    ).reduce((sum, move) => sum + (move.to - move.from), 0);

  test("pods that still run count now", () => {
    expect(losing([{ node: "n1" }])).toBe(1);
  });

  test("a terminating pod counts until its successor is there", () => {
    expect(losing([{ node: "n1", terminating: true }])).toBe(1);
  });

  test("a terminating pod and the successor that waits are one demand", () => {
    expect(
      losing([
        { node: "n1", terminating: true },
        { waiting: { kind: "undecided" }, ageMs: 0 },
      ]),
    ).toBe(1);
  });

  test("a successor that runs already is none", () => {
    const input = snapshot({
      nodes: [node("n1"), node("n2")],
      notices: [notice("n1")],
      pods: [
        pod("old", { node: "n1", owner, gpus: 8, terminating: true }),
        pod("new", { node: "n2", owner, gpus: 8, ageMs: 0 }),
      ],
    });
    expect(replaces(decide(input))).toEqual([]);
  });

  test("an older pod of the same owner that waits is a demand of its own", () => {
    const decision = decide(
      snapshot({
        policies: [policy({ pools: [pool("spot"), pool("od", { capacityType: "on-demand" })] })],
        nodes: [node("n1")],
        notices: [notice("n1")],
        pods: [
          pod("old", { node: "n1", owner, gpus: 8, terminating: true }),
          pod("waits", { owner, gpus: 8, ageMs: 10 * MINUTE }),
        ],
      }),
    );
    expect(decision.plan.moves.map((move) => [move.kind, move.to - move.from])).toEqual([
      ["replace", 1],
      ["grow", 1],
    ]);
  });

  test("DaemonSet pods, static pods and pods that nobody makes again need no place", () => {
    expect(
      losing([
        { node: "n1", daemon: true },
        { node: "n1", mirror: true },
        { node: "n1", owner: null },
      ]),
    ).toBe(0);
  });

  test("a notice that wants no replacement asks for none", () => {
    const input = snapshot({
      nodes: [node("n1")],
      notices: [notice("n1", { source: "drill", replace: false })],
      pods: [pod("p", { node: "n1" })],
    });
    expect(decide(input).plan.moves).toEqual([]);
  });
});
