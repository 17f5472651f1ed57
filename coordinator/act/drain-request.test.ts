import { describe, expect, test } from "vitest";

import type { DrainRequest, DrainState } from "../../shared/contract/node-marks.ts";
import { epochMs } from "../../shared/model/units.ts";
import { node } from "../../test/build/node.ts";
import { drainProgress, isRequestOf } from "./drain-request.ts";
import { moveHash } from "./moves.ts";

const NOW = epochMs(Date.UTC(2026, 5, 1));
const MOVE = { key: "p/a/shrink/n1" };
const ID = `${moveHash(MOVE.key)}-x1`;

function aDrainedNode(state: Partial<DrainState> | null, request: Partial<DrainRequest> | null = {}) {
  const asked: DrainRequest = {
    v: 1,
    id: ID,
    deadline: NOW + 60_000,
    reason: "",
    idleBelow: 0.2,
    ...request,
  };
  const said: DrainState = {
    v: 1,
    id: ID,
    cause: "request",
    source: "coordinator",
    phase: "started",
    seenAt: NOW,
    deadline: NOW + 60_000,
    replace: false,
    cordonedByUs: true,
    ...state,
  };
  return {
    ...node("n1"),
    drainRequest: request === null ? ({ kind: "none" } as const) : ({ kind: "value", value: asked } as const),
    drainState: state === null ? ({ kind: "none" } as const) : ({ kind: "value", value: said } as const),
  };
}

const at = (ms: number) => epochMs(NOW + ms);

describe("drainProgress()", () => {
  test("waits for an agent that has not answered", () => {
    expect(drainProgress(aDrainedNode(null), MOVE, false, NOW)).toEqual({
      kind: "going",
      detail: "waiting for the agent",
    });
  });

  test("waits while the agent drains", () => {
    expect(drainProgress(aDrainedNode({ phase: "wave" }), MOVE, false, NOW).kind).toBe("going");
  });

  test("is drained when the agent says so for this very request", () => {
    expect(drainProgress(aDrainedNode({ phase: "drained" }), MOVE, false, NOW)).toEqual({ kind: "drained" });
    expect(drainProgress(aDrainedNode({ phase: "drained", id: "an older one" }), MOVE, false, NOW).kind).toBe(
      "going",
    );
  });

  test.each([
    [
      "the agent refused",
      aDrainedNode({
        phase: "refused",
        reading: { gpu: "GPU-1", p95: 0.8, threshold: 0.2, detail: "GPU-1 at 80 %" },
      }),
      "the agent refused: GPU-1 at 80 %",
    ],
    ["the agent gave up", aDrainedNode({ phase: "final" }), "the agent ended the drain: final"],
    ["the node has left", undefined, "the node has left the cluster"],
    ["somebody took the request away", aDrainedNode(null, null), "the request no longer stands on the node"],
    [
      "the request is another move's",
      aDrainedNode(null, { id: `${moveHash("other")}-1` }),
      "the request no longer stands on the node",
    ],
  ])("is over when %s", (_, found, detail) => {
    expect(drainProgress(found, MOVE, false, NOW)).toEqual({ kind: "over", detail });
  });

  test("is over some seconds after its deadline, drained or not answered", () => {
    expect(drainProgress(aDrainedNode({ phase: "wave" }), MOVE, false, at(65_000)).kind).toBe("going");
    expect(drainProgress(aDrainedNode({ phase: "wave" }), MOVE, false, at(65_001))).toEqual({
      kind: "over",
      detail: "not drained by the deadline",
    });
    expect(drainProgress(aDrainedNode(null), MOVE, false, at(65_001))).toEqual({
      kind: "over",
      detail: "no agent answered by the deadline",
    });
  });

  test("gives way to a notice, even when drained", () => {
    expect(drainProgress(aDrainedNode({ phase: "drained" }), MOVE, true, NOW).kind).toBe("over");
  });
});

describe("isRequestOf()", () => {
  test("knows a move's request by its key, whichever try it is", () => {
    expect(isRequestOf(ID, MOVE.key)).toBe(true);
    expect(isRequestOf(ID, "p/a/shrink/n2")).toBe(false);
    expect(isRequestOf("by-hand", MOVE.key)).toBe(false);
  });
});
