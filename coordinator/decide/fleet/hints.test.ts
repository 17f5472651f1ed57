import { describe, expect, test } from "vitest";

import { epochMs } from "../../../shared/model/units.ts";
import { node } from "../../../test/build/node.ts";
import { MINUTE, NOW } from "../../../test/build/now.ts";
import { pod } from "../../../test/build/pod.ts";
import { policy } from "../../../test/build/policy.ts";
import {
  memory,
  movesOf,
  notice,
  replaces,
  shrinks,
  snapshot,
  unplacedCodes,
} from "../../../test/build/snapshot.ts";
import { decide } from "../decide.ts";
import type { NoticeInput } from "../snapshot.ts";

type Setting = "Ignore" | "Report" | "Replace";

/** n1 is under a hint and runs a pod; another one waits that has room there. */
function hinted(rebalance: Setting, options: Partial<NoticeInput> = {}) {
  return decide(
    snapshot({
      policies: [policy({ spot: { rebalance } })],
      nodes: [node("n1")],
      pods: [pod("runs", { node: "n1" }), pod("waits")],
      notices: [notice("n1", { kind: "rebalance", ...options })],
    }),
  );
}

const reasons = (decision: ReturnType<typeof decide>) =>
  decision.plan.holds.flatMap(({ because }) => because);

describe("a hint of a coming interruption", () => {
  test.each(["Ignore", "Report"] as const)("leaves its node in use where the policy says %s", (setting) => {
    expect(hinted(setting).plan.moves).toEqual([]);
    expect(unplacedCodes(hinted(setting), "waits")).toEqual(["pod-fits-existing"]);
  });

  test("is told once for each node where the policy wants to hear of it, and else not", () => {
    const said = { code: "rebalance-hint", node: "n1", setting: "Report" };
    expect(reasons(hinted("Report")).filter(({ code }) => code === "rebalance-hint")).toEqual([said]);
    for (const setting of ["Ignore", "Replace"] as const)
      expect(reasons(hinted(setting)).map(({ code }) => code)).not.toContain("rebalance-hint");
    const twice = snapshot({
      nodes: [node("n1")],
      notices: [notice("n1", { kind: "rebalance" }), notice("n1", { kind: "rebalance", id: "again" })],
    });
    expect(reasons(decide(twice)).filter(({ code }) => code === "rebalance-hint")).toEqual([said]);
  });

  test("buys the next node at once where the policy says Replace, and gives nobody the room of this one", () => {
    const [replace] = replaces(hinted("Replace"));
    expect(replace).toMatchObject({ node: "n1", from: 1, to: 2 });
    expect(replace?.pods).toContain("default/runs");
    expect(unplacedCodes(hinted("Replace"), "waits")).not.toContain("pod-fits-existing");
  });

  test("has no time that could be up: the machine leaves its group once it is drained", () => {
    const late = { deadline: epochMs(NOW - MINUTE) };
    expect(movesOf(hinted("Replace", late), "release")).toEqual([]);
    expect(movesOf(hinted("Replace", { ...late, drained: true }), "release")).toHaveLength(1);
  });

  test("keeps no empty node", () => {
    const decision = decide(
      snapshot({
        nodes: [node("n1")],
        notices: [notice("n1", { kind: "rebalance" })],
        memory: memory({ n1: { emptyMs: 20 * MINUTE } }),
      }),
    );
    expect(shrinks(decision).map((move) => move.node)).toEqual(["n1"]);
  });

  test("gives way to a notice of the same node", () => {
    const decision = decide(
      snapshot({
        nodes: [node("n1")],
        pods: [pod("runs", { node: "n1" })],
        notices: [notice("n1", { kind: "rebalance", id: "hint" }), notice("n1", { id: "taken" })],
      }),
    );
    expect(replaces(decision).map((move) => move.notice)).toEqual(["taken"]);
  });

  test("about a node of nobody changes nothing", () => {
    const decision = decide(
      snapshot({
        nodes: [node("alone", { pool: null })],
        pods: [pod("waits")],
        notices: [notice("alone", { kind: "rebalance" })],
      }),
    );
    expect(unplacedCodes(decision, "waits")).toEqual(["pod-fits-existing"]);
    expect(reasons(decision).map(({ code }) => code)).not.toContain("rebalance-hint");
  });
});
