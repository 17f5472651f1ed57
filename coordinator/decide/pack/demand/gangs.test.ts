import { describe, expect, test } from "vitest";

import { epochMs } from "../../../../shared/model/units.ts";
import { demand, names, refusals } from "../../../../test/build/demand.ts";
import { node } from "../../../../test/build/node.ts";
import { MINUTE, NOW, SECOND } from "../../../../test/build/now.ts";
import { pod } from "../../../../test/build/pod.ts";
import type { PodOptions } from "../../../../test/build/pod.ts";
import type { PodInput } from "../../snapshot-pod.ts";

const ID = "default/train";

function member(name: string, minimum: number | null, options: PodOptions = {}): PodInput {
  return { ...pod(name, options), gang: { id: ID, minimum, source: "PodGroup" } };
}

const waitsForGang = (waitedMs = 10 * MINUTE): PodInput["waiting"] => ({
  kind: "gang",
  since: epochMs(NOW - waitedMs),
});

describe("a gang", () => {
  test("counts once as many members are here as it starts with", () => {
    const found = demand({ pods: [member("a", 2), member("b", 2)] });
    expect(names(found.waiting)).toEqual(["a", "b"]);
    expect(found.gangs.get(ID)).toMatchObject({ have: 2, minimum: 2, together: 2 });
  });

  // volcano#691, #1775, #2558, #3804, #3910: members are not made or not tried before the gang has a queue.
  test("with fewer members is no demand at all, and says how many are missing (volcano#691)", () => {
    const found = demand({ pods: [member("a", 3), member("b", 3)] });
    expect(found.waiting).toEqual([]);
    expect(found.early).toEqual([]);
    expect(found.gangs.size).toBe(0);
    expect(found.refused).toContainEqual({
      pod: "default/a",
      because: [{ code: "gang-incomplete", gang: ID, have: 2, need: 3 }],
    });
  });

  test("has members that would fit alone: they count like those that do not (volcano#1775)", () => {
    const found = demand({
      pods: [member("a", 2), member("b", 2, { waiting: waitsForGang() })],
    });
    expect(names(found.waiting)).toEqual(["a", "b"]);
  });

  test("has members that run: they count towards its minimum, and only the rest is placed together", () => {
    const found = demand({
      nodes: [node("n1")],
      pods: [member("a", 3, { node: "n1" }), member("b", 3), member("c", 3), member("d", 3)],
    });
    expect(names(found.waiting)).toEqual(["b", "c", "d"]);
    expect(found.gangs.get(ID)).toMatchObject({ have: 4, minimum: 3, together: 2 });
  });

  test("does not wait for members that have done their work, and places the one that was made anew", () => {
    const done = (name: string, options: PodOptions = {}): PodInput => ({
      ...pod(name, options),
      gang: { id: ID, minimum: 4, succeeded: 2, source: "JobSet" },
    });
    const found = demand({ nodes: [node("n1")], pods: [done("a", { node: "n1" }), done("b")] });
    expect(names(found.waiting)).toEqual(["b"]);
    expect(found.gangs.get(ID)).toMatchObject({ have: 4, minimum: 4, together: 1 });
  });

  test("that runs with its minimum grows by single pods", () => {
    const found = demand({ nodes: [node("n1")], pods: [member("a", 1, { node: "n1" }), member("b", 1)] });
    expect(found.gangs.get(ID)?.together).toBe(0);
  });

  test("has members that end: they do not count", () => {
    const found = demand({
      nodes: [node("n1")],
      pods: [member("a", 2, { node: "n1", terminating: true }), member("b", 2)],
    });
    expect(refusals(found)).toEqual({ b: ["gang-incomplete"] });
  });

  test("has a member for which room is being made: it counts as one that is there", () => {
    const found = demand({
      nodes: [node("n1")],
      pods: [member("a", 2, { nominatedNode: "n1" }), member("b", 2)],
    });
    expect(names(found.waiting)).toEqual(["b"]);
    expect(found.gangs.get(ID)).toMatchObject({ have: 2, together: 1 });
  });

  test.each<[string, PodOptions]>([
    ["gated", { waiting: { kind: "gated" } }],
    ["not tried yet", { waiting: { kind: "undecided" } }],
    ["expendable", { priority: -11 }],
  ])("that needs a member that is %s waits for it", (_what, options) => {
    const found = demand({ pods: [member("a", 2), member("b", 2, options)] });
    expect(found.waiting).toEqual([]);
    expect(refusals(found)["a"]).toEqual(["gang-incomplete"]);
  });

  test("whose size nobody says is all that is there", () => {
    const found = demand({ pods: [member("a", null), member("b", null), member("c", null)] });
    expect(found.gangs.get(ID)).toMatchObject({ minimum: 3, together: 3 });
  });

  test("whose size nobody says waits for each member that is there", () => {
    const found = demand({ pods: [member("a", null), member("b", null, { waiting: { kind: "gated" } })] });
    expect(refusals(found)).toEqual({ a: ["gang-incomplete"], b: ["pod-gated"] });
  });

  test("whose members differ about its size starts with the largest", () => {
    expect(demand({ pods: [member("a", 1), member("b", 2)] }).gangs.get(ID)?.minimum).toBe(2);
  });

  test("is as old as its oldest member: one that was made anew does not begin the wait again", () => {
    const young = member("b", 2, { waitedMs: SECOND });
    const found = demand({ pods: [member("a", 2), young] });
    expect(names(found.waiting)).toEqual(["a", "b"]);
    expect(found.waitedMs(young)).toBe(10 * MINUTE);
  });

  test("of which all members are young waits, and uses room that is there", () => {
    const found = demand({
      pods: [member("a", 2, { waitedMs: SECOND }), member("b", 2, { waitedMs: SECOND })],
    });
    expect(refusals(found)).toEqual({ a: ["pod-waits"], b: ["pod-waits"] });
    expect(names(found.early)).toEqual(["a", "b"]);
  });

  test("is not kept waiting by a launcher without GPUs for which no pool opens a node", () => {
    const found = demand({ pods: [member("launcher", 2, { gpus: 0 }), member("worker", 2)] });
    expect(names(found.waiting)).toEqual(["worker", "launcher"]);
  });

  test("does not mix with another one", () => {
    const other: PodInput = { ...pod("x"), gang: { id: "default/other", minimum: 2, source: "JobSet" } };
    const found = demand({ pods: [member("a", 2), other] });
    expect(refusals(found)).toEqual({ a: ["gang-incomplete"], x: ["gang-incomplete"] });
  });
});
