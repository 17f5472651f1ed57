import { describe, expect, test } from "vitest";

import type { Reason } from "../../../../shared/model/reasons.ts";
import { epochMs, millis } from "../../../../shared/model/units.ts";
import { demand, names, refusals } from "../../../../test/build/demand.ts";
import { drainState, node } from "../../../../test/build/node.ts";
import { MINUTE, NOW, SECOND } from "../../../../test/build/now.ts";
import { pod } from "../../../../test/build/pod.ts";
import type { PodOptions } from "../../../../test/build/pod.ts";
import { policy } from "../../../../test/build/policy.ts";
import { notice } from "../../../../test/build/snapshot.ts";
import type { NoticeInput } from "../../snapshot.ts";

const owner = { uid: "owner", kind: "ReplicaSet" };
const nodes = [node("n1"), node("n2")];
const noticed = (own: Readonly<Record<string, PodOptions>>, options: Partial<NoticeInput> = {}) =>
  demand({
    nodes,
    notices: [notice("n1", options)],
    pods: Object.entries(own).map(([name, about]) => pod(name, { owner, ...about })),
  });
/** Pods of n1 by how long they have been ending, and others of the same owner. */
const ending = (
  forMs: Readonly<Record<string, number>>,
  others: Readonly<Record<string, PodOptions>>,
  options: Partial<NoticeInput> = {},
) =>
  demand({
    nodes,
    notices: [notice("n1", options)],
    pods: [
      ...Object.entries(forMs).map(([name, since]) => ({
        ...pod(name, { owner, node: "n1", terminating: true }),
        endingSince: epochMs(NOW - since),
      })),
      ...Object.entries(others).map(([name, about]) => pod(name, { owner, ...about })),
    ],
  });
const reservedOf = (found: ReturnType<typeof demand>) => names(found.reserved.get("notice-n1"));

describe("pods of a node under notice", () => {
  test("count at once", () => {
    expect(reservedOf(noticed({ a: { node: "n1" } }))).toEqual(["a"]);
  });

  test.each<[string, PodOptions]>([
    ["nobody makes again", { owner: null }],
    ["are DaemonSet pods", { daemon: true }],
    ["are static", { mirror: true }],
    ["are fillers below the cutoff", { priority: -11 }],
  ])("that %s need no place", (_what, options) => {
    expect(reservedOf(noticed({ a: { node: "n1", ...options } }))).toEqual([]);
  });

  test("and their successors are one demand, and it is said which pod counts", () => {
    const found = noticed({
      old: { node: "n1", terminating: true },
      new: { waiting: { kind: "undecided" }, ageMs: 0 },
    });
    expect(reservedOf(found)).toEqual(["new"]);
    expect(refusals(found)).toMatchObject({ old: ["pod-has-successor"] });
  });

  test("that end count until a successor is there", () => {
    expect(reservedOf(noticed({ old: { node: "n1", terminating: true } }))).toEqual(["old"]);
  });

  test("count once when their node has two notices", () => {
    const found = demand({
      nodes,
      notices: [notice("n1"), notice("n1", { id: "second" })],
      pods: [pod("a", { node: "n1" })],
    });
    expect([...found.reserved.values()].flatMap(names)).toEqual(["a"]);
  });

  test("that end on two nodes are not both followed by the same pod", () => {
    const found = demand({
      nodes: [...nodes, node("n3")],
      notices: [notice("n1"), notice("n2")],
      pods: [
        pod("a", { owner, node: "n1", terminating: true }),
        pod("b", { owner, node: "n2", terminating: true }),
        pod("new", { owner, node: "n3", ageMs: 0 }),
      ],
    });
    expect([...found.reserved.values()].flatMap(names)).toEqual(["b"]);
    expect(refusals(found)).toEqual({ a: ["pod-has-successor"] });
  });

  test("that began to end before it, as on a node that was being emptied, are followed by what was made then", () => {
    const found = ending({ old: 2 * MINUTE }, { new: { node: "n2", ageMs: 2 * MINUTE - SECOND } });
    expect(reservedOf(found)).toEqual([]);
    expect(refusals(found)).toEqual({ old: ["pod-has-successor"] });
  });

  test("that began to end before it are not followed by what was there already", () => {
    const twin = { node: "n2", ageMs: 3 * MINUTE };
    expect(reservedOf(ending({ old: 2 * MINUTE }, { twin }))).toEqual(["old"]);
  });

  test("that began to end at different times are each followed by a pod that was made since", () => {
    const later = { node: "n2", ageMs: MINUTE };
    expect(reservedOf(ending({ a: 2 * MINUTE, b: SECOND }, { later }))).toEqual(["b"]);
    expect(reservedOf(ending({ b: 2 * MINUTE, a: SECOND }, { later }))).toEqual(["a"]);
    const young = { node: "n2", ageMs: 0 };
    expect(reservedOf(ending({ a: 2 * MINUTE, b: SECOND }, { later, young }))).toEqual([]);
  });

  test("that began to end before it bring a successor that waits, and no other pod that waited then", () => {
    const waiting = { ageMs: MINUTE, waitedMs: MINUTE };
    const found = ending({ old: 2 * MINUTE }, { new: waiting, other: waiting });
    expect(reservedOf(found)).toEqual(["new"]);
  });

  test("that end long after it are not followed by what was made in between", () => {
    const found = ending(
      { old: SECOND },
      { other: { node: "n2", ageMs: MINUTE } },
      { seenAt: epochMs(NOW - 2 * MINUTE) },
    );
    expect(reservedOf(found)).toEqual(["old"]);
  });

  test("of a node that nobody knows are none", () => {
    expect(names(demand({ notices: [notice("gone")] }).reserved.get("notice-gone"))).toEqual([]);
  });
});

describe("a hint of a rebalance", () => {
  const hinted = (rebalance: "Ignore" | "Report" | "Replace") =>
    demand({
      policies: [policy({ spot: { diversify: true, onDemandFloorGpus: 0, rebalance } })],
      nodes,
      notices: [notice("n1", { kind: "rebalance" })],
      pods: [pod("a", { node: "n1" })],
    });

  test.each(["Ignore", "Report", "Replace"] as const)(
    "reserves nothing where the policy says %s",
    (rebalance) => {
      expect(hinted(rebalance).reserved.size).toBe(0);
    },
  );

  test("takes no node that is in no policy", () => {
    const found = demand({
      nodes: [node("n1", { pool: null })],
      notices: [notice("n1", { kind: "rebalance" })],
      pods: [pod("a", { node: "n1" })],
    });
    expect(found.reserved.size).toBe(0);
  });
});

describe("pods of a node that is to be replaced", () => {
  const reason: Reason = { code: "node-not-ready", node: "n1", forMs: millis(11 * MINUTE) };
  const condemned = new Map([["n1", reason]]);
  const losing = (own: Readonly<Record<string, PodOptions>>) =>
    demand(
      { nodes, pods: Object.entries(own).map(([name, about]) => pod(name, { owner, ...about })) },
      { condemned },
    );

  test("count at once", () => {
    expect(names(losing({ a: { node: "n1" } }).replaced.get("n1"))).toEqual(["a"]);
  });

  test("that end without a successor count", () => {
    expect(names(losing({ old: { node: "n1", terminating: true } }).replaced.get("n1"))).toEqual(["old"]);
  });

  test("that end count not when a younger pod of their owner is there, and one of their age is no successor", () => {
    const found = losing({
      old: { node: "n1", terminating: true, ageMs: 60 * MINUTE },
      twin: { node: "n2", ageMs: 60 * MINUTE },
      new: { node: "n2", ageMs: MINUTE },
    });
    expect(names(found.replaced.get("n1"))).toEqual([]);
    expect(refusals(found)).toEqual({ old: ["pod-has-successor"] });
    const without = losing({
      old: { node: "n1", terminating: true, ageMs: 60 * MINUTE },
      twin: { node: "n2", ageMs: 60 * MINUTE },
    });
    expect(names(without.replaced.get("n1"))).toEqual(["old"]);
  });

  test("are counted for its notice where it has one", () => {
    const found = demand({ nodes, notices: [notice("n1")], pods: [pod("a", { node: "n1" })] }, { condemned });
    expect(reservedOf(found)).toEqual(["a"]);
    expect(found.replaced.size).toBe(0);
  });
});

describe("pods of a node that is being emptied", () => {
  const draining = node("n1", { drainState: drainState({ seenAt: NOW - MINUTE }) });
  const moving = (own: Readonly<Record<string, PodOptions>>) =>
    demand({
      nodes: [draining, node("n2")],
      pods: Object.entries(own).map(([name, about]) => pod(name, { owner, ...about })),
    });

  test("keep the room that there is for them elsewhere, and open nothing", () => {
    const found = moving({ a: { node: "n1" } });
    expect(names(found.early)).toEqual(["a"]);
    expect(found.waiting).toEqual([]);
  });

  test("that end are one with their successors", () => {
    const found = moving({
      old: { node: "n1", terminating: true },
      new: { waitedMs: SECOND, ageMs: SECOND },
    });
    expect(names(found.early)).toEqual(["new"]);
    expect(refusals(found)).toEqual({ old: ["pod-has-successor"], new: ["pod-waits"] });
  });

  test("that end keep it until the successor is there", () => {
    const found = moving({ old: { node: "n1", terminating: true } });
    expect(names(found.early)).toEqual(["old"]);
  });
});
