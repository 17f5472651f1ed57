import { describe, expect, test } from "vitest";

import { epochMs } from "../../shared/model/units.ts";
import type { Plan } from "../decide/plan.ts";
import { decisionText } from "./decision-text.ts";

const PLAN: Plan = {
  at: epochMs(Date.UTC(2026, 0, 15, 12)),
  moves: [
    {
      kind: "grow",
      key: "k",
      policy: "gpus",
      pool: "spot-a",
      from: 0,
      to: 1,
      pods: ["team-a/train-0"],
      because: [{ code: "below-minimum", scope: "pool", size: 0, minimum: 1 }],
    },
  ],
  holds: [
    { policy: "gpus", pool: "spot-b", because: [{ code: "no-group" }, { code: "template-unknown" }] },
    { policy: "gpus", pool: "od", because: [{ code: "nothing-to-do" }] },
  ],
  unplaced: [
    { pod: "a/1", because: [{ code: "pod-gated" }] },
    { pod: "a/2", because: [{ code: "pod-undecided" }] },
    { pod: "a/3", because: [{ code: "pod-gated" }] },
  ],
  figures: [],
  packing: { units: 1_200, leftOut: 0, usdPerHour: 3.06, lowerBoundUsdPerHour: 3 },
};

describe("decisionText()", () => {
  test("shows moves, holds, pods without a new node by what they wait for, and the packing", () => {
    expect(decisionText(PLAN)).toBe(
      [
        "Decision of 2026-01-15 12:00 UTC: 1 move, 2 holds, 3 pods without a new node",
        "",
        "Moves",
        "  gpus: grow pool spot-a from 0 to 1: 0 nodes in the pool, below its minimum of 1",
        "",
        "Holds",
        "  gpus/spot-b  the pool has no group, so it cannot be sized: set nodePools[].group [no-group]",
        "               nobody knows what a node of this pool offers: set nodePools[].instanceTypes or nodePools[].template, or add a first node by hand [template-unknown]",
        "  gpus/od      nothing to do [nothing-to-do]",
        "",
        "Pods without a new node",
        "  2 pods: a/1, a/3",
        "    held by a scheduling gate [pod-gated]",
        "  Pod a/2",
        "    the scheduler has not tried it yet [pod-undecided]",
        "",
        "Packing: 1200 units of work, 0 pods left for the next decision; the new nodes cost $3.06 an hour, and no plan for these pods less than $3.00 an hour",
      ].join("\n"),
    );
  });

  test("leaves out what there is nothing of, and says when a cost is not known", () => {
    const { packing: _, ...without } = PLAN;
    expect(decisionText({ ...without, moves: [], holds: [], unplaced: [] })).toBe(
      "Decision of 2026-01-15 12:00 UTC: 0 moves, 0 holds, 0 pods without a new node",
    );
    const unknown = { units: 1, leftOut: 2, usdPerHour: null, lowerBoundUsdPerHour: null };
    expect(decisionText({ ...PLAN, packing: unknown })).toMatch(
      /Packing: 1 unit of work, 2 pods left for the next decision; what the new nodes cost is not known$/,
    );
  });
});
