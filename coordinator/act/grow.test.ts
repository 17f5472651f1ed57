import { describe, expect, test } from "vitest";

import { AppError } from "../../shared/runtime/errors.ts";
import { anActContext } from "../../test/build/act-context.ts";
import { aNodeGroup } from "../../test/build/node-group.ts";
import type { NodeGroup } from "../cloud/group.ts";
import type { Grow } from "../decide/plan.ts";
import type { ActContext } from "./context.ts";
import { grow } from "./grow.ts";

/** A group in memory that keeps the contract, with a hand in between where a test wants one. */
function aGroup(size: number, onResize: (group: { size: number; version: number }) => void = () => {}) {
  const state = { size, version: 1, writes: 0 };
  const group = aNodeGroup({
    read: async () => ({ size: state.size, version: String(state.version) }),
    resize: async (to, seen) => {
      state.writes++;
      onResize(state);
      if (seen.version !== String(state.version)) throw new AppError("conflict", "the group has changed");
      state.size = to;
      state.version++;
    },
  });
  return { group, state };
}

const plenty = { take: (_size: number, wanted: number) => wanted, giveBack: () => {} };
const MOVE: Grow = {
  kind: "grow",
  key: "p/a/grow/x",
  policy: "p",
  pool: "a",
  from: 2,
  to: 5,
  because: [],
  pods: [],
};

describe("grow()", () => {
  test("raises the group to the size that was decided", async () => {
    const { group, state } = aGroup(2);
    expect(await grow(MOVE, group, plenty, anActContext())).toEqual({ kind: "applied", from: 2, to: 5 });
    expect(state.size).toBe(5);
  });

  test.each([5, 7])("adds nothing to a group that somebody has raised to %i", async (size) => {
    const { group, state } = aGroup(size);
    expect(await grow(MOVE, group, plenty, anActContext())).toEqual({ kind: "reached", size });
    expect(state.writes).toBe(0);
  });

  test("writes nothing to a group that is held, which says nothing of what it could bring", async () => {
    const { group, state } = aGroup(2);
    const held = "an operation of ours is still under way";
    const read: NodeGroup["read"] = async (options) => ({ ...(await group.read(options)), held });
    expect(await grow(MOVE, { ...group, read }, plenty, anActContext())).toEqual({
      kind: "failed",
      detail: held,
    });
    expect(state.writes).toBe(0);
  });

  test("adds only what is missing when somebody has raised the group in part", async () => {
    const { group, state } = aGroup(4);
    await grow(MOVE, group, plenty, anActContext());
    expect(state.size).toBe(5);
  });

  test("never adds more than was decided when the group has become smaller", async () => {
    const { group, state } = aGroup(0);
    expect(await grow(MOVE, group, plenty, anActContext())).toMatchObject({
      kind: "applied",
      from: 0,
      to: 3,
    });
    expect(state.size).toBe(3);
  });

  test("adds what limits leave and says that it was cut", async () => {
    const { group } = aGroup(2);
    const outcome = await grow(MOVE, group, { take: () => 1, giveBack: () => {} }, anActContext());
    expect(outcome).toEqual({
      kind: "applied",
      from: 2,
      to: 3,
      detail: "2 fewer than decided: limits at the time of the call",
    });
  });

  test("writes nothing when limits leave no room", async () => {
    const { group, state } = aGroup(2);
    expect(await grow(MOVE, group, { take: () => 0, giveBack: () => {} }, anActContext())).toMatchObject({
      kind: "failed",
    });
    expect(state.writes).toBe(0);
  });

  test("reads again after a conflict and does not count the other hand's nodes twice", async () => {
    let hands = 1;
    const { group, state } = aGroup(2, (other) => {
      if (hands-- <= 0) return;
      other.size = 4;
      other.version++;
    });
    expect(await grow(MOVE, group, plenty, anActContext())).toEqual({ kind: "applied", from: 4, to: 5 });
    expect(state.size).toBe(5);
  });

  test("gives up, and gives back what it took, when somebody writes at each attempt", async () => {
    let taken = 0;
    const budget = {
      take: (_size: number, wanted: number) => ((taken += wanted), wanted),
      giveBack: (nodes: number) => void (taken -= nodes),
    };
    const { group, state } = aGroup(2, (other) => void other.version++);
    expect(await grow(MOVE, group, budget, anActContext())).toMatchObject({ kind: "failed" });
    expect(taken).toBe(0);
    expect(state.size).toBe(2);
  });

  test("finds a write whose answer was lost", async () => {
    const { group, state } = aGroup(2);
    const lossy: NodeGroup = {
      ...group,
      resize: async (...args) => {
        await group.resize(...args);
        throw new AppError("timeout", "no answer");
      },
    };
    expect(await grow(MOVE, lossy, plenty, anActContext())).toEqual({ kind: "applied", from: 2, to: 5 });
    expect(state.writes).toBe(1);
  });

  test("leaves a write unsettled that may still arrive", async () => {
    const { group } = aGroup(2);
    const slow: NodeGroup = {
      ...group,
      resize: async () => {
        throw new AppError("timeout", "no answer");
      },
    };
    expect(await grow(MOVE, slow, plenty, anActContext())).toMatchObject({ kind: "unsettled" });
  });

  test("leaves a write unsettled whose answer cannot be read", async () => {
    const { group } = aGroup(2);
    const torn: NodeGroup = {
      ...group,
      resize: async () => {
        throw new AppError("malformed", "half an answer");
      },
    };
    expect(await grow(MOVE, torn, plenty, anActContext())).toMatchObject({ kind: "unsettled" });
  });

  test("does not ask for more than the group takes, and says whose maximum it was", async () => {
    const { group, state } = aGroup(2);
    const bounded: NodeGroup = {
      ...group,
      read: async (options) => ({ ...(await group.read(options)), max: 3 }),
    };
    expect(await grow(MOVE, bounded, plenty, anActContext())).toEqual({
      kind: "applied",
      from: 2,
      to: 3,
      detail: "2 fewer than decided: the group's own maximum is 3",
    });
    expect(await grow({ ...MOVE, from: 3, to: 5 }, bounded, plenty, anActContext())).toEqual({
      kind: "failed",
      detail: "the group's own maximum is 3, and it has 3 at the time of the call",
    });
    expect(state.writes).toBe(1);
  });

  test.each([
    ["no-capacity", "no-capacity"],
    ["quota", "quota"],
    ["denied", "denied"],
    ["misconfigured", "misconfigured"],
    ["refused", "misconfigured"],
    ["throttled", "throttled"],
  ] as const)(
    "says of the pool what the cloud meant by %s, and gives the budget back",
    async (kind, failure) => {
      let taken = 0;
      const budget = {
        take: (_size: number, wanted: number) => ((taken += wanted), wanted),
        giveBack: (nodes: number) => void (taken -= nodes),
      };
      const { group } = aGroup(2);
      const refusing: NodeGroup = {
        ...group,
        resize: async () => {
          throw new AppError(kind, "no");
        },
      };
      expect(await grow(MOVE, refusing, budget, anActContext())).toEqual({
        kind: "failed",
        detail: "no",
        failure,
      });
      expect(taken).toBe(0);
    },
  );

  test("passes on how long the other side asks to wait", async () => {
    const { group } = aGroup(2, () => {
      throw new AppError("throttled", "too many", { retryAfterMs: 7_000 });
    });
    expect(await grow(MOVE, group, plenty, anActContext())).toMatchObject({
      kind: "failed",
      retryAfterMs: 7_000,
    });
  });

  test("says which sizes a group takes that refuses one", async () => {
    const { group } = aGroup(2, () => {
      throw new AppError("refused", "size 5 is not allowed");
    });
    const bounded: NodeGroup = {
      ...group,
      read: async (options) => ({ ...(await group.read(options)), min: 1, max: 8 }),
    };
    expect(await grow(MOVE, bounded, plenty, anActContext())).toMatchObject({
      detail: "size 5 is not allowed; asked for 5, and the group allows 1 to 8",
    });
  });

  test("leaves it unsettled too when leadership ends before it could read again", async () => {
    const { group } = aGroup(2);
    const context = anActContext();
    let leads = true;
    const slow: NodeGroup = {
      ...group,
      resize: async () => {
        leads = false;
        throw new AppError("timeout", "no answer");
      },
    };
    const call = (): ReturnType<ActContext["call"]> => {
      if (!leads) throw new AppError("unavailable", "nothing is begun with 0 ms of leadership left");
      return context.call();
    };
    expect(await grow(MOVE, slow, plenty, { ...context, call })).toMatchObject({ kind: "unsettled" });
  });

  test("does not write a size that it could not read", async () => {
    const { group, state } = aGroup(2);
    const blind: NodeGroup = {
      ...group,
      read: async () => {
        throw new AppError("unavailable", "the API is away");
      },
    };
    await expect(grow(MOVE, blind, plenty, anActContext())).rejects.toThrow("the API is away");
    expect(state.writes).toBe(0);
  });
});
