import { describe, expect, test } from "vitest";

import type { DrainRequest, DrainState } from "../../shared/contract/node-marks.ts";
import { NODE_ANNOTATION } from "../../shared/model/names.ts";
import { epochMs } from "../../shared/model/units.ts";
import { systemClock } from "../../shared/runtime/clock.ts";
import type { KubeClient } from "../../shared/runtime/kube/client.ts";
import { anActContext } from "../../test/build/act-context.ts";
import { node } from "../../test/build/node.ts";
import { aWorldClient } from "../../test/build/world-client.ts";
import type { ActContext } from "./context.ts";
import { drainProgress, isRequestOf, withdrawDrain } from "./drain-request.ts";
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

function aContext(client: KubeClient): ActContext {
  return anActContext({ client, clock: systemClock });
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

describe("withdrawDrain()", () => {
  test.each([
    ["a request of ours", ID, true],
    ["one of an older try of another move", `${moveHash("other")}-1`, true],
    ["not one that people wrote by hand", "by-hand", false],
  ])("takes back %s", async (_, id, taken) => {
    await using made = await aWorldClient(1);
    const [found] = made.world.list("nodes");
    if (found === undefined) throw new Error("no node");
    const request: DrainRequest = { v: 1, id, deadline: NOW, reason: "", idleBelow: 0.2 };
    const annotations = { [NODE_ANNOTATION.drainRequest]: JSON.stringify(request) };
    made.server.change((world) =>
      world.put("nodes", { ...found, metadata: { ...found.metadata, annotations } }),
    );
    const { name } = found.metadata;
    await withdrawDrain(aContext(made.client), name);
    const left = made.world.get("nodes", { name })?.metadata.annotations?.[NODE_ANNOTATION.drainRequest];
    expect(left === undefined).toBe(taken);
  });
});

describe("isRequestOf()", () => {
  test("knows a move's request by its key, whichever try it is", () => {
    expect(isRequestOf(ID, MOVE.key)).toBe(true);
    expect(isRequestOf(ID, "p/a/shrink/n2")).toBe(false);
    expect(isRequestOf("by-hand", MOVE.key)).toBe(false);
  });
});
