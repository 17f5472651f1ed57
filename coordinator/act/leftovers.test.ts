import { describe, expect, test } from "vitest";

import type { MoveState } from "../../shared/contract/policy/status.ts";
import { TAINT } from "../../shared/model/names.ts";
import { node } from "../../test/build/node.ts";
import { MINUTE, NOW, SECOND } from "../../test/build/now.ts";
import { move, policy, pool } from "../../test/build/policy.ts";
import { snapshot } from "../../test/build/snapshot.ts";
import type { InstanceInput } from "../decide/snapshot.ts";
import { findLeftovers } from "./leftovers.ts";
import { moveHash } from "./moves.ts";

const KEY = "demo/spot/shrink/n1";

function retired(value = `empty-${moveHash(KEY)}`) {
  return node("n1", { unschedulable: true, taints: [{ key: TAINT.scaleDown, value, effect: "NoSchedule" }] });
}

function asked(id = `${moveHash(KEY)}-x`) {
  return node("n1", {
    drainRequest: { kind: "value", value: { v: 1, id, deadline: NOW, reason: "", idleBelow: 0.2 } },
  });
}

function found(on: ReturnType<typeof node>, moves: readonly MoveState[], state?: InstanceInput["state"]) {
  const instances = state === undefined ? {} : { instances: [{ id: "m1", node: "n1", state }] };
  const taken = snapshot({
    nodes: [on],
    policies: [policy({ pools: [pool("spot", { size: 1, ...instances })] })],
  });
  return findLeftovers(taken, () => moves).map(({ kind }) => kind);
}

const shrink = (options: Partial<MoveState> & { readonly agoMs?: number }): MoveState =>
  move(NOW, { key: KEY, kind: "shrink", node: "n1", ...options });

describe("findLeftovers()", () => {
  test("finds a cordon of ours that no move accounts for", () => {
    expect(found(retired(), [])).toEqual(["retirement"]);
    expect(found(retired(`empty-kept-${moveHash(KEY)}`), [])).toEqual(["retirement"]);
    expect(found(retired(`walk-${moveHash(KEY)}`), [])).toEqual(["retirement"]);
  });

  test("finds a request of ours that no move accounts for", () => {
    expect(found(asked(), [])).toEqual(["drain-request"]);
  });

  test.each(["intended", "draining"] as const)("leaves the marks of a move that is %s", (phase) => {
    expect(found(retired(), [shrink({ phase })])).toEqual([]);
    expect(found(asked(), [shrink({ phase })])).toEqual([]);
  });

  test("takes back the marks of a move that failed", () => {
    expect(found(retired(), [shrink({ phase: "failed" })])).toEqual(["retirement"]);
  });

  test("gives the group time to carry a removal out", () => {
    expect(found(retired(), [shrink({ phase: "applied", agoMs: 4 * MINUTE })])).toEqual([]);
    expect(found(retired(), [shrink({ phase: "applied", agoMs: 5 * MINUTE + SECOND })])).toEqual([
      "retirement",
    ]);
  });

  test("does not open a node again whose machine is going, however long that takes", () => {
    expect(found(retired(), [], "leaving")).toEqual([]);
    expect(found(retired(), [], "ready")).toEqual(["retirement"]);
  });

  test("does not touch what is not ours: the agent's taint, a request by hand, a plain cordon", () => {
    expect(found(retired("3f2a"), [])).toEqual([]);
    expect(found(asked("by-hand"), [])).toEqual([]);
    expect(found(node("n1", { unschedulable: true }), [])).toEqual([]);
  });
});
