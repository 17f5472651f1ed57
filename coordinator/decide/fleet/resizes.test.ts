import { describe, expect, test } from "vitest";

import type { MoveState } from "../../../shared/contract/policy/status.ts";
import type { Reason } from "../../../shared/model/reasons.ts";
import { epochMs } from "../../../shared/model/units.ts";
import { node } from "../../../test/build/node.ts";
import { MINUTE, NOW, SECOND } from "../../../test/build/now.ts";
import { pod } from "../../../test/build/pod.ts";
import { move, policy, pool } from "../../../test/build/policy.ts";
import type { PolicyOptions, PoolOptions } from "../../../test/build/policy.ts";
import { grows, notice, snapshot } from "../../../test/build/snapshot.ts";
import { decide } from "../decide.ts";
import { EMPTY_MEMORY } from "../snapshot-memory.ts";
import type { Memory } from "../snapshot-memory.ts";

interface Look {
  /** After the first look. */
  readonly at: number;
  /** Null: it cannot be read. */
  readonly size: number | null;
  readonly moves?: readonly MoveState[];
  readonly pool?: PoolOptions;
  readonly spec?: PolicyOptions;
  readonly notices?: readonly string[];
}

/** What the pool says of its size at each look, each after the one before it. */
function looks(...all: readonly Look[]): readonly (readonly string[])[] {
  let memory: Memory = EMPTY_MEMORY;
  return all.map(({ at, size, moves = [], pool: built = {}, spec = {}, notices = [] }) => {
    const group =
      size === null
        ? ({ kind: "unknown", detail: "no answer" } as const)
        : ({ kind: "known", size, chosenRemoval: true } as const);
    const decision = decide(
      snapshot({
        at: NOW + at,
        policies: [policy({ pools: [pool("spot", { group, ...built })], journal: { moves }, ...spec })],
        nodes: notices.map((name) => node(name)),
        notices: notices.map((name) =>
          notice(name, { seenAt: epochMs(NOW + at), deadline: epochMs(NOW + at + 2 * MINUTE) }),
        ),
        memory,
      }),
    );
    memory = decision.memory;
    return decision.plan.holds.flatMap(({ because }) => because.flatMap(textOf));
  });
}

function textOf(reason: Reason): readonly string[] {
  if (reason.code === "resized-by-hand") return [`adopted ${reason.from} to ${reason.to}`];
  if (reason.code === "rival" && reason.rival === "resized-by-hand") return ["held"];
  return [];
}

/** One of ours, as the journal has it after it was carried out. */
const done = (from: number, to: number, at: number, options: Partial<MoveState> = {}): MoveState =>
  move(NOW + at, {
    from,
    to,
    phase: "applied",
    kind: to > from ? "grow" : "shrink",
    key: `k-${from}-${to}-${at}`,
    ...options,
  });

describe("a size that moves", () => {
  test("once without us is taken over, and is no news ten minutes later", () => {
    expect(
      looks(
        { at: 0, size: 2 },
        { at: 10 * SECOND, size: 5 },
        { at: 5 * MINUTE, size: 5 },
        { at: 10 * MINUTE + 11 * SECOND, size: 5 },
      ),
    ).toEqual([[], ["adopted 2 to 5"], ["adopted 2 to 5"], []]);
  });

  test("twice within ten minutes holds the pool, until ten minutes have passed without it", () => {
    expect(
      looks(
        { at: 0, size: 2 },
        { at: MINUTE, size: 5 },
        { at: 9 * MINUTE, size: 1 },
        { at: 18 * MINUTE, size: 1 },
        // A third one prolongs it.
        { at: 18.5 * MINUTE, size: 2 },
        { at: 28 * MINUTE, size: 2 },
        { at: 28.6 * MINUTE, size: 2 },
      ),
    ).toEqual([[], ["adopted 2 to 5"], ["held"], ["held"], ["held"], ["held"], []]);
  });

  test("twice with more than ten minutes in between is taken over twice", () => {
    expect(looks({ at: 0, size: 2 }, { at: MINUTE, size: 5 }, { at: 12 * MINUTE, size: 1 })).toEqual([
      [],
      ["adopted 2 to 5"],
      ["adopted 5 to 1"],
    ]);
  });

  test("holds and says until when, and what it saw", () => {
    let memory: Memory = EMPTY_MEMORY;
    const at = (ms: number, size: number) => {
      const decision = decide(
        snapshot({ at: NOW + ms, policies: [policy({ pools: [pool("spot", { size })] })], memory }),
      );
      memory = decision.memory;
      return decision;
    };
    at(0, 2);
    at(MINUTE, 5);
    expect(at(4 * MINUTE, 3).plan.holds[0]?.because[0]).toEqual({
      code: "rival",
      rival: "resized-by-hand",
      detail: "its size went from 2 to 5 and from 5 to 3 within 3 min without a move of ours",
      stops: "everything",
      leftMs: 10 * MINUTE,
    });
  });

  test("by a move of ours is ours, whenever the group shows it", () => {
    const moves = [done(2, 4, 0)];
    expect(
      looks({ at: 0, size: 2 }, { at: SECOND, size: 2, moves }, { at: 4 * MINUTE, size: 4, moves }),
    ).toEqual([[], [], []]);
    // In two steps, as machines come.
    expect(looks({ at: 0, size: 2 }, { at: SECOND, size: 3, moves }, { at: MINUTE, size: 4, moves })).toEqual(
      [[], [], []],
    );
  });

  test.each(["intended", "draining"] as const)("by a move that is %s is ours", (phase) => {
    const moves = [done(4, 3, 0, { phase, kind: "shrink" })];
    expect(looks({ at: 0, size: 4, moves }, { at: 20 * MINUTE, size: 3, moves })).toEqual([[], []]);
  });

  test("by one that was given up and took effect all the same is ours", () => {
    const moves = [done(2, 4, 0, { phase: "failed", undone: true })];
    expect(looks({ at: 0, size: 2 }, { at: MINUTE, size: 4, moves })).toEqual([[], []]);
    // One that was refused has changed nothing.
    const refused = [done(2, 4, 0, { phase: "failed" })];
    expect(looks({ at: 0, size: 2 }, { at: MINUTE, size: 4, moves: refused })).toEqual([
      [],
      ["adopted 2 to 4"],
    ]);
  });

  test("by a removal that failed at last, after an earlier try took effect, is ours", () => {
    const moves = [done(1, 0, 0, { phase: "failed", detail: "cannot read the group: slowly" })];
    expect(looks({ at: 0, size: 1 }, { at: 30 * SECOND, size: 0, moves })).toEqual([[], []]);
  });

  test("back from where we have brought it is not ours: each move explains its own change once", () => {
    const moves = [done(2, 4, 0)];
    expect(
      looks(
        { at: 0, size: 2 },
        { at: SECOND, size: 4, moves },
        { at: 20 * SECOND, size: 2, moves },
        { at: 40 * SECOND, size: 4, moves },
      ),
    ).toEqual([[], [], ["adopted 4 to 2"], ["held"]]);
  });

  test("further than we have brought it is not ours", () => {
    const moves = [done(2, 4, 0)];
    expect(looks({ at: 0, size: 2 }, { at: SECOND, size: 6, moves })).toEqual([[], ["adopted 2 to 6"]]);
  });

  test("by several of ours at once is ours", () => {
    const moves = [done(5, 4, 0), done(4, 3, 10), done(3, 6, 20)];
    expect(
      looks({ at: 0, size: 5 }, { at: SECOND, size: 3, moves }, { at: 2 * SECOND, size: 6, moves }),
    ).toEqual([[], [], []]);
  });

  test("and comes back at once was an old reading", () => {
    expect(looks({ at: 0, size: 4 }, { at: 2 * SECOND, size: 2 }, { at: 4 * SECOND, size: 4 })).toEqual([
      [],
      ["adopted 4 to 2"],
      [],
    ]);
  });

  test("back to what it was before a move of ours, for a moment, is an old reading", () => {
    const moves = [done(4, 6, SECOND)];
    expect(
      looks(
        { at: 0, size: 4 },
        { at: 2 * SECOND, size: 6, moves },
        { at: 4 * SECOND, size: 4, moves },
        { at: 8 * SECOND, size: 6, moves },
        { at: 12 * SECOND, size: 4, moves },
        { at: 14 * SECOND, size: 6, moves },
        { at: MINUTE, size: 6, moves },
      ),
    ).toEqual([[], [], [], [], [], [], []]);
    // Two of them at once, of which the reading is older than both.
    const two = [done(4, 3, SECOND), done(3, 2, 2 * SECOND)];
    expect(
      looks(
        { at: 0, size: 4 },
        { at: 2 * SECOND, size: 3, moves: two },
        { at: 3 * SECOND, size: 2, moves: two },
        { at: 5 * SECOND, size: 4, moves: two },
        { at: 7 * SECOND, size: 3, moves: two },
        { at: 9 * SECOND, size: 2, moves: two },
      ).flat(),
    ).toEqual([]);
    // Or that was passed between two looks.
    expect(
      looks(
        { at: 0, size: 4 },
        { at: 3 * SECOND, size: 2, moves: two },
        { at: 5 * SECOND, size: 3, moves: two },
        { at: 7 * SECOND, size: 2, moves: two },
        { at: MINUTE, size: 2, moves: two },
      ).flat(),
    ).toEqual([]);
    // Nor does a notice of one of its nodes make it a new one.
    expect(
      looks(
        { at: 0, size: 4, notices: ["n1"] },
        { at: 2 * SECOND, size: 6, moves, notices: ["n1"] },
        { at: 4 * SECOND, size: 4, moves },
        { at: 6 * SECOND, size: 6, moves },
        { at: MINUTE, size: 6, moves },
      ).flat(),
    ).toEqual([]);
    // Who takes it back is seen when it stays so.
    expect(
      looks(
        { at: 0, size: 4 },
        { at: 2 * SECOND, size: 6, moves },
        { at: 10 * SECOND, size: 4, moves },
        { at: 20 * SECOND, size: 4, moves },
      ),
    ).toEqual([[], [], [], ["adopted 6 to 4"]]);
  });

  test("to what a late growth of ours has set, over what went meanwhile, is ours", () => {
    const moves = [done(1, 2, SECOND)];
    expect(looks({ at: 0, size: 0 }, { at: 2 * SECOND, size: 2, moves })).toEqual([[], []]);
    // Once: what somebody else then adds is his.
    expect(
      looks(
        { at: 0, size: 0 },
        { at: 2 * SECOND, size: 2, moves },
        { at: 30 * SECOND, size: 1, moves },
        { at: MINUTE, size: 2, moves },
      ).slice(2),
    ).toEqual([["adopted 2 to 1"], ["held"]]);
  });

  test("while nobody could read it is one change", () => {
    expect(looks({ at: 0, size: 4 }, { at: MINUTE, size: null }, { at: 60 * MINUTE, size: 9 })).toEqual([
      [],
      [],
      ["adopted 4 to 9"],
    ]);
  });

  test("because its group is another one is no change", () => {
    const group = {
      scale: {
        apiVersion: "cluster.x-k8s.io/v1beta1",
        kind: "MachineDeployment",
        name: "other",
        namespace: "x",
      },
    };
    expect(looks({ at: 0, size: 4 }, { at: MINUTE, size: 9, pool: { fields: { group } } })).toEqual([[], []]);
  });

  test("of a group that grows itself is nobody's business", () => {
    const built = (size: number): PoolOptions => ({
      group: { kind: "known", size, chosenRemoval: true, growsItself: true },
    });
    expect(
      looks(
        { at: 0, size: 1, pool: built(1) },
        { at: MINUTE, size: 4, pool: built(4) },
        { at: 2 * MINUTE, size: 0, pool: built(0) },
      ),
    ).toEqual([[], [], []]);
  });

  test("while the policy only recommends, or something else is known to size it, counts for nothing", () => {
    const spec: PolicyOptions = { mode: "Recommend" };
    expect(
      looks({ at: 0, size: 1, spec }, { at: MINUTE, size: 4, spec }, { at: 2 * MINUTE, size: 2, spec }),
    ).toEqual([[], [], []]);
    const rivals = [{ rival: "mig-autoscaler" as const, detail: "a" }];
    expect(
      looks(
        { at: 0, size: 1 },
        { at: MINUTE, size: 4, pool: { rivals } },
        { at: 2 * MINUTE, size: 2, pool: { rivals } },
        { at: 3 * MINUTE, size: 2 },
      ),
    ).toEqual([[], [], [], []]);
  });

  test("by a machine that its cloud takes at a notice is the cloud's", () => {
    expect(
      looks({ at: 0, size: 2, notices: ["n1"] }, { at: MINUTE, size: 1 }, { at: 2 * MINUTE, size: 1 }),
    ).toEqual([[], [], []]);
    // One notice is one machine.
    expect(looks({ at: 0, size: 3, notices: ["n1"] }, { at: MINUTE, size: 1 })).toEqual([
      [],
      ["adopted 3 to 1"],
    ]);
  });

  test("down in a spot scale set of Azure is what evictions do", () => {
    const group = {
      azure: { subscriptionID: "00000000-0000-0000-0000-000000000000", resourceGroup: "g", vmScaleSet: "s" },
    };
    const built = { fields: { group } };
    expect(
      looks(
        { at: 0, size: 4, pool: built },
        { at: MINUTE, size: 3, pool: built },
        { at: 2 * MINUTE, size: 1, pool: built },
      ),
    ).toEqual([[], [], []]);
    expect(looks({ at: 0, size: 4, pool: built }, { at: MINUTE, size: 5, pool: built })).toEqual([
      [],
      ["adopted 4 to 5"],
    ]);
  });

  test("back because its cloud could not carry out what we asked for is the cloud's, also where it says so later", () => {
    const failed = (size: number): PoolOptions => ({
      group: { kind: "known", size, chosenRemoval: true, changeFailed: true },
    });
    const first = [done(2, 5, 0)];
    const both = [...first, done(2, 4, 5 * MINUTE)];
    expect(
      looks(
        { at: SECOND, size: 5, moves: first },
        { at: 4 * MINUTE, size: 2, moves: first, pool: failed(2) },
        { at: 5 * MINUTE + SECOND, size: 4, moves: both },
        { at: 7 * MINUTE, size: 2, moves: both },
        { at: 8 * MINUTE, size: 2, moves: both, pool: failed(2) },
      ),
    ).toEqual([[], [], [], ["adopted 4 to 2"], []]);
    // More than we had added is somebody's.
    expect(
      looks(
        { at: SECOND, size: 5, moves: first },
        { at: 4 * MINUTE, size: 1, moves: first, pool: failed(1) },
      ),
    ).toEqual([[], ["adopted 5 to 1"]]);
  });

  test("from a memory that was lost begins anew", () => {
    const [first] = looks({ at: 0, size: 7 });
    expect(first).toEqual([]);
  });
});

describe("a size that is taken over", () => {
  const after = (from: number, to: number, ms: number, options: PolicyOptions = {}) => {
    const before = decide(snapshot({ policies: [policy({ pools: [pool("spot", { size: from })] })] })).memory;
    const policies = (size: number) => [
      policy({ scaleUpCooldownSeconds: 120, ...options, pools: [pool("spot", { size })] }),
    ];
    const pods = [pod("a", { gpus: 8 }), pod("b", { gpus: 8 }), pod("c", { gpus: 8 })];
    const seen = decide(snapshot({ at: NOW + SECOND, policies: policies(to), memory: before, pods }));
    return ms === 0
      ? seen
      : decide(snapshot({ at: NOW + SECOND + ms, policies: policies(to), memory: seen.memory, pods }));
  };

  test("begins the cooldown, and is added to when that is over", () => {
    expect(grows(after(4, 2, 0))).toEqual([]);
    expect(grows(after(4, 2, 119 * SECOND))).toEqual([]);
    expect(grows(after(4, 2, 120 * SECOND))).toMatchObject([{ from: 2 }]);
  });

  test("keeps limits: what is under the minimum is brought back at once", () => {
    const pools = (size: number) => [policy({ pools: [pool("spot", { size, minSize: 2 })] })];
    const before = decide(snapshot({ policies: pools(2) })).memory;
    expect(grows(decide(snapshot({ at: NOW + SECOND, policies: pools(0), memory: before })))).toMatchObject([
      { from: 0, to: 2 },
    ]);
  });
});
