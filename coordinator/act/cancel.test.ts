import { describe, expect, test } from "vitest";

import { AppError } from "../../shared/runtime/errors.ts";
import { anActContext } from "../../test/build/act-context.ts";
import { aNodeGroup } from "../../test/build/node-group.ts";
import { cancelPlaces } from "./cancel.ts";

/** Lets `most` go, and counts what it has let go. */
function aBudget(most = Infinity) {
  const state = { taken: 0 };
  const budget = {
    inTurn: async <T>(run: (waited: boolean) => Promise<T>): Promise<T> => await run(false),
    take: () => state.taken < most && ++state.taken > 0,
    giveBack: () => void state.taken--,
  };
  return { budget, state };
}

/** Of `size` with `unfilled` open places; `onCancel` runs before each call takes effect. */
function aGroup(size: number, unfilled: number, onCancel: (group: { unfilled: number }) => void = () => {}) {
  const state = { size, unfilled };
  const calls: number[] = [];
  const group = aNodeGroup({
    read: async () => ({ ...state, version: "1" }),
    cancelUnfilled: async (count) => {
      calls.push(count);
      onCancel(state);
      if (count > state.unfilled) throw new AppError("conflict", "fewer are open");
      state.size -= count;
      state.unfilled -= count;
    },
  });
  return { calls, group, state };
}

const THREE = [{}, {}, {}];

describe("cancelPlaces()", () => {
  test("gives back as many as are open, and says of the others that they are filled", async () => {
    const { calls, group } = aGroup(7, 2);
    const { budget } = aBudget();
    expect(await cancelPlaces(THREE, group, budget, anActContext())).toEqual([
      { kind: "applied", from: 7, to: 6 },
      { kind: "applied", from: 6, to: 5 },
      { kind: "reached", size: 5 },
    ]);
    expect(calls).toEqual([2]);
  });

  test("asks for none when all are filled", async () => {
    const { calls, group } = aGroup(7, 0);
    const { budget, state } = aBudget();
    expect(await cancelPlaces(THREE, group, budget, anActContext())).toEqual(
      THREE.map(() => ({ kind: "reached", size: 7 })),
    );
    expect(calls).toEqual([]);
    expect(state.taken).toBe(0);
  });

  test("looks again when a machine came in between, and never asks for its place", async () => {
    let came = false;
    const { calls, group, state } = aGroup(7, 3, (at) => {
      if (!came) at.unfilled--;
      came = true;
    });
    const { budget, state: limits } = aBudget();
    const outcomes = await cancelPlaces(THREE, group, budget, anActContext());
    expect(outcomes.map(({ kind }) => kind)).toEqual(["applied", "applied", "reached"]);
    expect(calls).toEqual([3, 2]);
    expect(state).toEqual({ size: 5, unfilled: 0 });
    expect(limits.taken).toBe(2);
  });

  test("takes no more than limits let go", async () => {
    const { calls, group } = aGroup(7, 3);
    const { budget } = aBudget(1);
    const outcomes = await cancelPlaces(THREE, group, budget, anActContext());
    expect(outcomes.map(({ kind }) => kind)).toEqual(["applied", "failed", "failed"]);
    expect(calls).toEqual([1]);
  });

  test("gives limits back what the provider refused, and keeps it where nobody knows", async () => {
    const refusing = aGroup(7, 3, () => {
      throw new AppError("denied", "no rights");
    });
    const first = aBudget();
    expect(await cancelPlaces(THREE, refusing.group, first.budget, anActContext())).toEqual(
      THREE.map(() => ({ kind: "failed", detail: "no rights" })),
    );
    expect(first.state.taken).toBe(0);

    const silent = aGroup(7, 3, () => {
      throw new AppError("timeout", "no answer");
    });
    const second = aBudget();
    const outcomes = await cancelPlaces(THREE, silent.group, second.budget, anActContext());
    expect(outcomes).toEqual(THREE.map(() => ({ kind: "unsettled", detail: "no answer" })));
    expect(second.state.taken).toBe(3);
  });
});
