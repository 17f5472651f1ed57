import { readFileSync } from "node:fs";

import { describe, expect, test } from "vitest";

import { CLUSTER_AUTOSCALER, KARPENTER } from "../../../shared/model/names.ts";
import { RIVAL_KINDS } from "../../../shared/model/rival.ts";
import type { RivalKind } from "../../../shared/model/rival.ts";
import { node } from "../../../test/build/node.ts";
import { HOUR, MINUTE, NOW } from "../../../test/build/now.ts";
import { pod } from "../../../test/build/pod.ts";
import { move, policy, pool } from "../../../test/build/policy.ts";
import type { PolicyOptions, PoolOptions } from "../../../test/build/policy.ts";
import { grows, holdCodes, memory, notice, shrinks, snapshot } from "../../../test/build/snapshot.ts";
import { decide } from "../decide.ts";
import type { Decision } from "../plan.ts";
import { allowedNow, removalRefusedNow } from "../recheck.ts";
import { STOPS } from "./rivals.ts";

/** n1 has been empty for an hour, and a pod waits that wants more than is free. */
function fleet(options: PoolOptions, spec: PolicyOptions = {}) {
  return snapshot({
    policies: [
      policy({
        pools: [pool("spot", { priority: 10, ...options }), pool("other", { size: 0 })],
        ...spec,
      }),
    ],
    nodes: [node("n1"), node("n2")],
    pods: [pod("stays", { node: "n2", owner: null }), pod("waits", { gpus: 8, priority: 1 })],
    memory: memory({ n1: { emptyMs: HOUR } }),
  });
}

const by = (rival: RivalKind): PoolOptions => ({ rivals: [{ rival, detail: "seen by the test" }] });

const grown = (decision: Decision): readonly string[] => grows(decision).map((each) => each.pool);

/** No pod waits, so that n1 may go. */
function goes(options: PoolOptions, spec: PolicyOptions = {}): readonly string[] {
  const input = fleet(options, spec);
  const pods = input.pods.filter(({ key }) => key !== "default/waits");
  return shrinks(decide({ ...input, pods })).map((each) => each.node);
}

describe("what else sizes a group", () => {
  test("nothing: the pool grows and shrinks", () => {
    const full = { ...by("karpenter"), rivals: [] };
    expect(goes(full)).toEqual(["n1"]);
    expect(holdCodes(decide(fleet(full)))).not.toContain("rival");
  });

  test.each(RIVAL_KINDS)("%s holds what it has to, and no more", (rival) => {
    const stops = STOPS[rival];
    const busy = {
      ...fleet(by(rival)),
      pods: [pod("a", { node: "n1", gpus: 8 }), pod("b", { node: "n2", gpus: 8 }), pod("waits", { gpus: 8 })],
    };
    const decision = decide(busy);
    // What it would have bought is bought elsewhere.
    expect(grown(decision)).toEqual([stops === "everything" ? "other" : "spot"]);
    expect(goes(by(rival))).toEqual(stops === "nothing" ? ["n1"] : []);
    const told = [...decision.plan.holds]
      .filter(({ pool: of }) => of === "spot")
      .flatMap(({ because }) => because);
    expect(told).toContainEqual({ code: "rival", rival, detail: "seen by the test", stops });
  });

  test.each(RIVAL_KINDS.filter((kind) => STOPS[kind] === "everything"))(
    "%s: a minimum, a policy's floor and use add nothing either",
    (rival) => {
      const decision = decide(fleet({ ...by(rival), minSize: 5 }, { minNodes: 4 }));
      expect(grown(decision)).toEqual(["other"]);
      expect(grown(decide(fleet({ ...by(rival), minSize: 5 }, { minNodes: 0 })))).toEqual([]);
    },
  );

  test("what a node under notice loses is bought elsewhere, and the group's size is left alone", () => {
    const input = fleet(by("mig-autoscaler"));
    const decision = decide({
      ...input,
      pods: [pod("loses", { node: "n2", gpus: 8 }), pod("full", { node: "n1", gpus: 8, owner: null })],
      notices: [notice("n2", { drained: true })],
    });
    expect(decision.plan.moves.map(({ kind, pool: of }) => [kind, of])).toEqual([["replace", "other"]]);
  });

  test("a policy that only recommends stands beside it, as it is meant to", () => {
    const recommends = { mode: "Recommend" as const };
    expect(goes(by("cluster-autoscaler"), recommends)).toEqual(["n1"]);
    expect(holdCodes(decide(fleet(by("cluster-autoscaler"), recommends)))).toContain("rival");
  });

  test("what was decided before it came is refused at the call", () => {
    const asked = (rival: RivalKind) => ({
      policy: { name: "demo" },
      pool: "spot",
      sizes: new Map([
        ["spot", 2],
        ["other", 0],
      ]),
      changedNow: 0,
      snapshot: fleet(by(rival)),
    });
    expect(allowedNow(asked("karpenter"))).toBe(0);
    expect(allowedNow(asked("instance-refresh"))).toBeGreaterThan(0);
    expect(removalRefusedNow({ ...asked("instance-refresh"), disruption: "Empty" })).toMatchObject({
      code: "rival",
      rival: "instance-refresh",
    });
    expect(removalRefusedNow({ ...asked("az-rebalance"), disruption: "Empty" })).toBeNull();
    expect(removalRefusedNow({ ...asked("karpenter"), disruption: "Empty" })).not.toBeNull();
  });

  test.each(["karpenter", "instance-refresh"] as const)(
    "%s: a removal that nobody has begun is called off",
    (rival) => {
      const open = move(NOW, {
        kind: "shrink",
        phase: "draining",
        node: "n1",
        instance: "i-n1",
        from: 2,
        to: 1,
        agoMs: MINUTE,
        key: "demo/spot/shrink/n1",
      });
      const input = fleet(by(rival), { journal: { moves: [open] } });
      expect(decide({ ...input, pods: [] }).plan.recalls).toMatchObject([
        { node: "n1", because: { code: "rival", rival } },
      ]);
    },
  );
});

test.each(RIVAL_KINDS)("the README has a row for %s, with what it stops", (kind) => {
  const text = readFileSync(new URL("../../README.md", import.meta.url), "utf8");
  const words = { everything: "held", removals: "loses no node, may grow", nothing: "told" } as const;
  const row = text.split("\n").find((line) => line.startsWith(`| \`${kind}\` `));
  expect(row).toContain(words[STOPS[kind]]);
});

describe("nodes of a pool", () => {
  const seen = (options: Parameters<typeof node>[1], fields: PoolOptions = {}) =>
    decide(snapshot({ policies: [policy({ pools: [pool("spot", fields)] })], nodes: [node("n1", options)] }));

  test.each(CLUSTER_AUTOSCALER.taints)("with the taint %s are Cluster Autoscaler's too", (key) => {
    const value = String((NOW - 30 * MINUTE) / 1000);
    const decision = seen({ taints: [{ key, effect: "NoSchedule", value }] });
    expect(decision.plan.holds).toMatchObject([
      { because: [{ code: "rival", rival: "cluster-autoscaler", detail: `its taint is on n1 (${key})` }] },
    ]);
  });

  test.each([
    ["an hour and a minute old", String((NOW - HOUR - MINUTE) / 1000), false],
    ["without a date that can be read", "soon", true],
    ["of a clock that is ahead", String((NOW + HOUR) / 1000), true],
  ])("with its taint %s: %j is its doing: %s", (_, value, isIts) => {
    const [, key] = CLUSTER_AUTOSCALER.taints;
    const codes = holdCodes(seen({ taints: [{ key, effect: "PreferNoSchedule", value }] }));
    expect(codes.includes("rival")).toBe(isIts);
  });

  test("that Karpenter has made are Karpenter's, unless its NodePool is the group", () => {
    const options = { labels: { [KARPENTER.nodePool]: "gpu" } };
    expect(seen(options).plan.holds).toMatchObject([
      { because: [{ code: "rival", rival: "karpenter", detail: "it has made n1 (NodePool gpu)" }] },
    ]);
    const group = { scale: { apiVersion: "karpenter.sh/v1", kind: "NodePool", name: "gpu" } };
    expect(holdCodes(seen(options, { fields: { group } }))).not.toContain("rival");
  });

  test("say nothing where no group is named, so that nobody of ours sizes it", () => {
    const options: Parameters<typeof node>[1] = {
      labels: { [KARPENTER.nodePool]: "gpu" },
      taints: [{ key: CLUSTER_AUTOSCALER.taints[0], effect: "NoSchedule" }],
    };
    const fields: PoolOptions = { group: { kind: "none" }, fields: { group: undefined } };
    expect(holdCodes(seen(options, fields))).toEqual(["no-group"]);
  });

  test("of another pool say nothing of this one", () => {
    const other = node("n1", {
      pool: null,
      labels: { [KARPENTER.nodePool]: "cpu" },
      taints: [{ key: CLUSTER_AUTOSCALER.taints[0], effect: "NoSchedule" }],
    });
    expect(holdCodes(decide(snapshot({ nodes: [other] })))).not.toContain("rival");
  });
});
