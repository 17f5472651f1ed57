import { describe, expect, test } from "vitest";

import { node } from "../../../test/build/node.ts";
import { MINUTE } from "../../../test/build/now.ts";
import { pod } from "../../../test/build/pod.ts";
import { policy } from "../../../test/build/policy.ts";
import { memory, notice, replaces, shrinks, snapshot, unplacedCodes } from "../../../test/build/snapshot.ts";
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
        policies: [policy({ spot: { rebalance: "Replace" } })],
        nodes: [node("n1")],
        pods: [pod("runs", { node: "n1" })],
        notices: [notice("n1", { kind: "rebalance", id: "hint" }), notice("n1", { id: "taken" })],
      }),
    );
    expect(decision.plan.moves.map(({ kind }) => kind)).toEqual(["replace"]);
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

describe("a drill", () => {
  const drilled = (drills: "Enabled" | "Disabled") =>
    decide(
      snapshot({
        policies: [policy({ drills })],
        nodes: [node("n1")],
        pods: [pod("runs", { node: "n1" }), pod("waits")],
        notices: [notice("n1", { source: "drill" })],
      }),
    );

  test("that asks for a node gets one", () => {
    expect(replaces(drilled("Enabled")).map((move) => move.node)).toEqual(["n1"]);
  });

  test("is nothing on a node whose policy wants none, and its room stays in use", () => {
    expect(drilled("Disabled").plan.moves).toEqual([]);
    expect(unplacedCodes(drilled("Disabled"), "waits")).toEqual(["pod-fits-existing"]);
  });
});
