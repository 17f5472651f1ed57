import { describe, expect, test } from "vitest";

import { node } from "../../../test/build/node.ts";
import { MINUTE } from "../../../test/build/now.ts";
import { pod } from "../../../test/build/pod.ts";
import { grows, shrinks, snapshot, unplacedCodes } from "../../../test/build/snapshot.ts";
import { decide } from "../decide.ts";
import type { NodeInput } from "../snapshot.ts";
import { isStarting } from "./starting.ts";

const taint = (key: string, effect: "NoSchedule" | "NoExecute" | "PreferNoSchedule" = "NoSchedule") => ({
  key,
  effect,
});

describe("isStarting", () => {
  const usual = new Set(["dedicated"]);
  test.each([
    ["Kubernetes has not seen yet that it is Ready", [taint("node.kubernetes.io/not-ready")], usual, true],
    ["the same where nobody knows its pool", [taint("node.kubernetes.io/not-ready")], null, true],
    ["a network plugin has not started", [taint("node.cilium.io/agent-not-ready", "NoExecute")], usual, true],
    ["nobody knows what its like wear", [taint("node.cilium.io/agent-not-ready")], null, false],
    ["its like keep it", [taint("dedicated")], usual, false],
    ["it keeps no pod away", [taint("slow", "PreferNoSchedule")], usual, false],
    ["it is short of memory", [taint("node.kubernetes.io/memory-pressure")], usual, false],
    ["somebody cordoned it", [taint("node.kubernetes.io/unschedulable")], usual, false],
    ["we empty it", [taint("gpu-autoscaler.io/scale-down")], usual, false],
    ["somebody else empties it", [taint("ToBeDeletedByClusterAutoscaler")], usual, false],
    ["it has none", [], usual, false],
  ] as const)("when %s", (_case, taints, keys, starting) => {
    expect(isStarting(taints, keys)).toBe(starting);
  });
});

describe("a Ready node that still wears a taint of its start", () => {
  const decided = (readyMs: number, key: string, others: readonly NodeInput[] = []) =>
    decide(
      snapshot({
        nodes: [...others, node("new", { ageMs: readyMs, taints: [taint(key)] })],
        pods: [
          ...others.map(({ name }) => pod(`on-${name}`, { node: name, gpus: 8 })),
          pod("waits", { gpus: 8 }),
        ],
      }),
    );

  test.each(["node.kubernetes.io/not-ready", "node.cilium.io/agent-not-ready"])(
    "is on its way, so that the pod which waits for it buys no second one: %s",
    (key) => {
      const decision = decided(MINUTE, key, [node("old")]);
      expect(grows(decision)).toEqual([]);
      expect(shrinks(decision)).toEqual([]);
      expect(unplacedCodes(decision, "waits")).toEqual(["booting"]);
    },
  );

  test("is counted on no longer when its time is up", () => {
    expect(grows(decided(16 * MINUTE, "node.cilium.io/agent-not-ready", [node("old")]))).toHaveLength(1);
  });

  test("has started where pods use its GPUs, so that nobody is promised their room", () => {
    const nodes = [node("old"), node("new", { ageMs: MINUTE, taints: [taint("maintenance")] })];
    const pods = (on: object) => [
      pod("on-old", { node: "old", gpus: 8 }),
      pod("on-new", { node: "new", ...on }),
      pod("waits", { gpus: 8 }),
    ];
    expect(grows(decide(snapshot({ nodes, pods: pods({ gpus: 4 }) })))).toHaveLength(1);
    // What keeps a node going and tolerates everything says nothing of that.
    expect(grows(decide(snapshot({ nodes, pods: pods({ gpus: 0 }) })))).toEqual([]);
  });

  test("is up where its like keep that taint, and no place for who does not tolerate it", () => {
    const old = node("old", { taints: [taint("team")] });
    const decision = decided(MINUTE, "team", [old]);
    expect(unplacedCodes(decision, "waits")).toEqual(["untolerated-taint"]);
  });
});
