import { describe, expect, test } from "vitest";

import type { LaunchFailureKind, MoveState } from "../../../shared/contract/policy/status.ts";
import { epochMs } from "../../../shared/model/units.ts";
import { node } from "../../../test/build/node.ts";
import { MINUTE, NOW, SECOND } from "../../../test/build/now.ts";
import { pods } from "../../../test/build/pod.ts";
import { move, policy, pool } from "../../../test/build/policy.ts";
import type { PolicyOptions } from "../../../test/build/policy.ts";
import { grows, holdCodes, movesOf, snapshot } from "../../../test/build/snapshot.ts";
import { decide } from "../decide.ts";
import { EMPTY_MEMORY } from "../snapshot-memory.ts";
import type { Memory, OfferingMemory } from "../snapshot-memory.ts";
import type { GroupReading, InstanceInput, NodeInput } from "../snapshot.ts";
import { deadMembers, openPlaces } from "./places.ts";
import type { Places } from "./places.ts";

const place = (index: number, failure?: LaunchFailureKind): InstanceInput => ({
  id: `g/placeholder-${index}`,
  node: null,
  placeholder: true,
  state: failure === undefined ? "booting" : "failed",
  ...(failure === undefined ? {} : { failure: { kind: failure, detail: `the cloud says ${failure}` } }),
});
const member = (name: string): InstanceInput => ({ id: `i-${name}`, node: name, state: "ready" });
const grown = (afterMs: number, from: number, to: number): MoveState =>
  move(NOW + afterMs, { phase: "applied", from, to, key: `demo/spot/grow/${afterMs}` });

interface Look {
  readonly size: number;
  readonly instances: readonly InstanceInput[];
  readonly nodes?: readonly NodeInput[];
  readonly moves?: readonly MoveState[];
  readonly group?: Partial<Extract<GroupReading, { kind: "known" }>>;
  readonly spec?: PolicyOptions;
}

/** Decisions one after the other: failures go round through the journal, all else through the memory. */
function watch() {
  let memory: Memory = EMPTY_MEMORY;
  let offerings: readonly OfferingMemory[] = [];
  return {
    look: (afterMs: number, { size, instances, nodes = [], moves = [], group = {}, spec = {} }: Look) => {
      const made = pool("spot", {
        group: { kind: "known", size, chosenRemoval: true, ...group },
        instances,
      });
      const decision = decide(
        snapshot({
          at: NOW + afterMs,
          memory,
          nodes,
          pods: pods(3, "train", { gpus: 8 }),
          policies: [policy({ ...spec, pools: [made], journal: { moves, offerings } })],
        }),
      );
      memory = decision.memory;
      offerings = decision.plan.figures[0]?.offerings ?? [];
      return { decision, released: movesOf(decision, "release").map(({ instance }) => instance) };
    },
    failures: () => offerings.map(({ kind, failures }) => [kind, failures] as const),
  };
}

describe("places of a group that no machine fills", () => {
  test("are on their way, timed from the growth that asked for them", () => {
    const { look, failures } = watch();
    const asked = { size: 3, instances: [place(0), place(1), place(2)], moves: [grown(0, 0, 3)] };
    const early = look(4 * MINUTE, asked);
    expect(early.released).toEqual([]);
    expect(early.decision.plan.figures[0]?.pools[0]).toMatchObject({ booting: 3 });
    expect(grows(early.decision)).toEqual([]);

    const late = look(5 * MINUTE + SECOND, asked);
    expect(late.released).toEqual(["g/placeholder-0", "g/placeholder-1", "g/placeholder-2"]);
    expect(movesOf(late.decision, "release")[0]).toMatchObject({
      from: 3,
      to: 2,
      because: [{ code: "place-unfilled", forMs: 5 * MINUTE + SECOND, limitMs: 5 * MINUTE }],
    });
    expect(failures()).toEqual([["timed-out", 1]]);
  });

  test("that failed are given back at once, and are one failure of one growth", () => {
    const { look, failures } = watch();
    const moves = [grown(0, 0, 3)];
    look(SECOND, { size: 3, instances: [place(0), place(1), place(2)], moves });
    const first = look(30 * SECOND, {
      size: 3,
      instances: [place(0), place(1), place(2, "no-capacity")],
      moves,
    });
    expect(first.released).toEqual(["g/placeholder-2"]);
    expect(failures()).toEqual([["no-capacity", 1]]);

    // Later ones of the same growth, under other numbers and after the pause, are no failure more.
    const second = look(3 * MINUTE, {
      size: 2,
      instances: [place(0, "no-capacity"), place(1, "no-capacity")],
      moves,
    });
    expect(second.released).toHaveLength(2);
    expect(failures()).toEqual([["no-capacity", 1]]);
    look(4 * MINUTE, { size: 2, instances: [place(0, "no-capacity"), place(1, "no-capacity")], moves });
    expect(failures()).toEqual([["no-capacity", 1]]);
  });

  test("that failed again after the next growth are the next failure, under the same number too", () => {
    const { look, failures } = watch();
    const failed = { size: 1, instances: [place(0, "quota")] };
    look(0, { ...failed, moves: [grown(-MINUTE, 0, 1)] });
    const moves = [grown(-MINUTE, 0, 1), grown(10 * MINUTE, 0, 1)];
    // What is shown right after a growth may be from before it.
    look(10 * MINUTE + SECOND, { ...failed, moves });
    expect(failures()).toEqual([["quota", 1]]);
    look(10 * MINUTE + 16 * SECOND, { ...failed, moves });
    expect(failures()).toEqual([["quota", 2]]);
    look(10 * MINUTE + 17 * SECOND, { ...failed, moves });
    expect(failures()).toEqual([["quota", 2]]);
  });

  test("are given back once each, and again after the next growth", () => {
    const { look } = watch();
    const failed = { size: 2, instances: [member("n1"), place(0, "no-capacity")], nodes: [node("n1")] };
    const before = grown(-MINUTE, 1, 2);
    const first = look(0, { ...failed, moves: [before] });
    const key = movesOf(first.decision, "release")[0]?.key ?? "";
    const release = (phase: MoveState["phase"], afterMs: number): MoveState =>
      move(NOW + afterMs, {
        key,
        kind: "release",
        node: "g/placeholder-0",
        instance: "g/placeholder-0",
        phase,
        from: 2,
        to: 1,
      });
    expect(look(SECOND, { ...failed, moves: [before, release("intended", 0)] }).released).toEqual([]);
    expect(look(MINUTE, { ...failed, moves: [before, release("applied", 0)] }).released).toEqual([]);
    const again = [before, release("applied", 0), grown(10 * MINUTE, 1, 2)];
    expect(look(11 * MINUTE, { ...failed, moves: again }).released).toEqual(["g/placeholder-0"]);
    // A removal under way stays one, whatever was begun since.
    const flying = [release("intended", 10 * MINUTE), grown(11 * MINUTE, 1, 2)];
    expect(look(12 * MINUTE, { ...failed, moves: flying }).released).toEqual([]);
  });

  test("stay where the group keeps a minimum of its own, and while removals are frozen", () => {
    const failed = { size: 2, instances: [place(0, "no-capacity"), place(1, "no-capacity")] };
    const kept = watch().look(0, { ...failed, group: { min: 1 } });
    expect(kept.released).toHaveLength(1);
    expect(holdCodes(kept.decision)).toContain("group-minimum");
    const frozen = watch().look(0, { ...failed, spec: { disruption: { budgets: [], freeze: true } } });
    expect([frozen.released, holdCodes(frozen.decision)]).toEqual([[], expect.arrayContaining(["frozen"])]);
  });

  test("are given back by groups that let no member be chosen, and count for no rate", () => {
    const instances = Array.from({ length: 30 }, (_, index) => place(index, "no-capacity"));
    const spec = { maxPercentOrNodesRemoved: { nodes: 1, percent: 0 } };
    expect(
      watch().look(0, { size: 30, instances, group: { chosenRemoval: false }, spec }).released,
    ).toHaveLength(30);
  });
});

describe("deadMembers()", () => {
  const failed = [place(0, "no-capacity"), place(1, "no-capacity")];
  const states = (...names: readonly string[]) =>
    names.map((name) => ({ name, instance: null, standing: "up", node: { createdAt: NOW } }) as never);
  const dead = (nodes: Places["nodes"], instances: Places["instances"], size: number | null) =>
    deadMembers({
      nodes,
      instances,
      size,
      grownAt: epochMs(NOW),
      youngerThan: epochMs(NOW - MINUTE),
      hasLeft: () => false,
    });

  test("are never more places than the size has beyond machines and nodes", () => {
    const machines = [member("a"), { ...member("b"), node: null, state: "booting" as const }];
    expect(dead([], [...machines, ...failed], 4)).toHaveLength(2);
    expect(dead([], [...machines, ...failed], 3)).toEqual([]);
    // A node that no member names may stand in one of the places.
    expect(dead(states("x"), [...machines, ...failed], 4)).toHaveLength(1);
    expect(dead(states("x", "y"), [...machines, ...failed], 4)).toEqual([]);
    expect(dead([], failed, null)).toEqual([]);
    // One that was taken out of the group stands in none of them.
    const left = [{ name: "x", instance: null, standing: "leaving", node: { createdAt: NOW } }] as never;
    expect(dead(left, [...machines, ...failed], 4)).toHaveLength(2);
  });

  test("and of machines none while a node is unnamed", () => {
    const machine: InstanceInput = { id: "i-1", node: null, state: "failed" };
    expect(dead([], [machine, ...failed], 3)).toHaveLength(3);
    expect(dead(states("x"), [machine, ...failed], 3).map(({ id }) => id)).toEqual(["g/placeholder-0"]);
  });
});

test("openPlaces() are those that may still be filled, and no more than are empty for certain", () => {
  const of = (size: number) =>
    openPlaces({
      nodes: [],
      instances: [member("a"), place(0), place(1, "quota")],
      size,
      grownAt: null,
      youngerThan: epochMs(NOW),
      hasLeft: () => false,
    });
  expect(of(3)).toEqual([place(0)]);
  expect(of(2)).toEqual([place(0)]);
  expect(of(1)).toEqual([]);
});

test("a late place is blamed on the pool's stock once, with the machines that came left alone", () => {
  const { look, failures } = watch();
  const nodes = [{ ...node("n1"), createdAt: epochMs(NOW + MINUTE) }];
  const asked = { size: 3, instances: [member("n1"), place(0), place(1)], nodes, moves: [grown(0, 0, 3)] };
  look(2 * MINUTE, asked);
  expect(look(6 * MINUTE, asked).released).toEqual(["g/placeholder-0", "g/placeholder-1"]);
  look(7 * MINUTE, asked);
  expect(failures()).toEqual([["timed-out", 1]]);
});

describe("a node that has left its group and runs on", () => {
  const coming = (more: Partial<InstanceInput> = {}): InstanceInput => ({
    id: "i-coming",
    node: null,
    state: "booting",
    ...more,
  });
  const asked = { nodes: [node("stray")], moves: [grown(0, 0, 1)] };
  const booting = (decision: ReturnType<typeof decide>) => decision.plan.figures[0]?.pools[0]?.booting;

  test.each<[string, Partial<Look>]>([
    ["that the group does not list yet", { instances: [] }],
    ["that was made after it", { instances: [coming({ createdAt: epochMs(NOW) })] }],
    ["that does not say when it was made", { instances: [coming()] }],
  ])("hides no machine %s", (_case, options) => {
    const listed = { size: 2, ...options, instances: [member("n1"), ...(options.instances ?? [])] };
    const nodes = [...asked.nodes, node("n1")];
    const { decision } = watch().look(MINUTE, { ...asked, ...listed, nodes });
    expect(booting(decision)).toBe(1);
    // Three pods for three nodes, the one that comes among them.
    expect(grows(decision)).toEqual([]);
  });

  test("is told by our own journal, however young it is and however long ago it left", () => {
    const released = move(NOW - 6 * MINUTE, {
      kind: "release",
      phase: "applied",
      from: 1,
      to: 0,
      node: "stray",
      key: "demo/spot/release/notice-stray",
    });
    const nodes = [node("stray", { ageMs: 8 * MINUTE })];
    const look = { size: 1, instances: [coming()], nodes };
    expect(booting(watch().look(0, { ...look, moves: [released] }).decision)).toBe(1);
    expect(booting(watch().look(0, look).decision)).toBe(0);
  });

  test("keeps no place from being known as dead", () => {
    const instances = [member("n1"), place(0, "no-capacity")];
    const look = { size: 2, instances, nodes: [node("n1"), node("stray")] };
    const left = grown(-9 * MINUTE, 2, 1);
    const moves = [{ ...left, kind: "release" as const, node: "stray" }, grown(0, 1, 2)];
    expect(watch().look(MINUTE, { ...look, moves }).released).toEqual(["g/placeholder-0"]);
    // Else it may be the machine of that place.
    expect(watch().look(MINUTE, { ...look, moves: [grown(0, 1, 2)] }).released).toEqual([]);
  });
});
