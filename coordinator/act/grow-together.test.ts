import { describe, expect, test } from "vitest";

import { AppError } from "../../shared/runtime/errors.ts";
import { anActContext } from "../../test/build/act-context.ts";
import { aNodeGroup } from "../../test/build/node-group.ts";
import type { GroupState } from "../cloud/group.ts";
import type { Grow } from "../decide/plan.ts";
import { growTogether } from "./grow-together.ts";

const CONTEXT = anActContext();

function aMove(from: number, to: number): Grow {
  return { kind: "grow", key: `${from}`, policy: "p", pool: "a", from, to, because: [], pods: [] };
}

/** Of 2 → 3, 3 → 5 and 5 → 6, or of `moves`. */
async function grown(
  seen: Omit<GroupState, "version">,
  {
    moves = [aMove(2, 3), aMove(3, 5), aMove(5, 6)],
    refuse = null as AppError | null,
    allowed = Infinity,
  } = {},
) {
  const asked: number[] = [];
  const group = aNodeGroup({
    read: async () => ({ ...seen, version: "1" }),
    resize: async (to) => {
      asked.push(to);
      if (refuse !== null) throw refuse;
    },
  });
  const budget = {
    take: (_: number, wanted: number) => Math.min(wanted, allowed),
    giveBack: () => {},
  };
  const outcomes = await growTogether(moves, group, budget, CONTEXT);
  return { asked, outcomes };
}

describe("growTogether()", () => {
  test("asks once for what several moves add, and tells each what became of it", async () => {
    const { asked, outcomes } = await grown({ size: 2 });
    expect(asked).toEqual([6]);
    expect(outcomes).toEqual([
      { kind: "applied", from: 2, to: 3 },
      { kind: "applied", from: 3, to: 5 },
      { kind: "applied", from: 5, to: 6 },
    ]);
  });

  test("gives what limits leave to those that come first", async () => {
    const { asked, outcomes } = await grown({ size: 2 }, { allowed: 2 });
    const detail = "2 fewer than decided: limits at the time of the call";
    expect(asked).toEqual([4]);
    expect(outcomes).toEqual([
      { kind: "applied", from: 2, to: 3 },
      { kind: "applied", from: 3, to: 4, detail },
      { kind: "failed", detail },
    ]);
  });

  test("counts what somebody else has added by then as the first ones' own", async () => {
    const { asked, outcomes } = await grown({ size: 4 });
    expect(asked).toEqual([6]);
    expect(outcomes).toEqual([
      { kind: "reached", size: 4 },
      { kind: "applied", from: 4, to: 5 },
      { kind: "applied", from: 5, to: 6 },
    ]);
  });

  test("adds no more than the moves do when the group is smaller, or when one of the chain is missing", async () => {
    expect((await grown({ size: 0 })).asked).toEqual([4]);
    const { asked, outcomes } = await grown({ size: 2 }, { moves: [aMove(2, 3), aMove(5, 6)] });
    expect(asked).toEqual([4]);
    expect(outcomes).toEqual([
      { kind: "applied", from: 2, to: 3 },
      { kind: "applied", from: 3, to: 4 },
    ]);
  });

  test("tells all of them when it was refused, or when nobody saw its end", async () => {
    const lost = await grown({ size: 2 }, { refuse: new AppError("timeout", "no answer") });
    expect(lost.outcomes.map(({ kind }) => kind)).toEqual(["unsettled", "unsettled", "unsettled"]);
    const none = await grown({ size: 2 }, { refuse: new AppError("no-capacity", "sold out") });
    expect(none.outcomes).toEqual(
      [1, 2, 3].map(() => ({ kind: "failed", detail: "sold out", failure: "no-capacity" })),
    );
  });
});
