import { describe, expect, test } from "vitest";

import type { DrainRequest, DrainState } from "../../shared/contract/node-marks.ts";
import type { MoveState } from "../../shared/contract/policy/status.ts";
import { seededRandom } from "../../shared/model/random.ts";
import { epochMs, millis } from "../../shared/model/units.ts";
import { systemClock } from "../../shared/runtime/clock.ts";
import { createLogSink } from "../../shared/runtime/log.ts";
import { node as aNode } from "../../test/build/node.ts";
import { aWorldClient } from "../../test/build/world-client.ts";
import type { WorldClient } from "../../test/build/world-client.ts";
import type { NodeGroup } from "../cloud/group.ts";
import type { ActContext } from "./context.ts";
import { moveHash } from "./moves.ts";
import { settle } from "./settle.ts";

/** A node that its agent has drained for a move that began `agoMs` ago, and a group that notes who is taken. */
function setup({ client, world }: WorldClient, agoMs = 10_000) {
  const name = world.list("nodes")[0]?.metadata.name ?? "";
  const key = `p/spot-a/shrink/${name}`;
  const begunAt = systemClock.now() - agoMs;
  const move: MoveState = {
    key,
    kind: "shrink",
    pool: "spot-a",
    node: name,
    instance: "m1",
    disruption: "Expired",
    from: 1,
    to: 0,
    phase: "draining",
    at: new Date(begunAt).toISOString(),
  };
  const id = `${moveHash(key)}-1`;
  const deadline = epochMs(begunAt + 60_000);
  const request: DrainRequest = { v: 1, id, deadline, reason: "", idleBelow: 0.2 };
  const state: DrainState = {
    v: 1,
    id,
    cause: "request",
    source: "coordinator",
    phase: "drained",
    seenAt: begunAt,
    deadline,
    replace: false,
    cordonedByUs: true,
  };
  const node = {
    ...aNode(name),
    drainRequest: { kind: "value", value: request } as const,
    drainState: { kind: "value", value: state } as const,
  };
  const taken: string[] = [];
  const group: NodeGroup = {
    chosenRemoval: true,
    read: async () => ({ size: 1, version: "1" }),
    resize: async () => {},
    removeInstance: async (instance) => void taken.push(instance),
    keepInstance: async () => {},
    contains: async () => true,
  };
  const context: ActContext = {
    client,
    clock: systemClock,
    random: seededRandom(1),
    log: createLogSink().log,
    groupOf: () => null,
    drainTimeoutMs: millis(60_000),
    call: () => ({ signal: new AbortController().signal, deadlineMs: millis(2_000) }),
  };
  const asked: (string | undefined)[] = [];
  const budget = {
    inTurn: async <T>(run: () => Promise<T>): Promise<T> => await run(),
    take: (_size: number, disruption?: string) => asked.push(disruption) > 0,
    giveBack: () => {},
  };
  const step = async () =>
    await settle({ move, node, underNotice: false, group, stopped: null }, budget, context);
  return { asked, step, taken };
}

const aLatePod = ({ server }: WorldClient): void =>
  server.change((world) => world.submitJob({ id: "late", gpus: 1, durationMs: millis(600_000) }));

describe("a node that its agent has drained", () => {
  test("is taken, and limits are told why", async () => {
    await using made = await aWorldClient(1);
    const { asked, step, taken } = setup(made);
    expect(await step()).toEqual({ kind: "applied", from: 1, to: 0 });
    expect(taken).toEqual(["m1"]);
    expect(asked).toEqual(["Expired"]);
  });

  test("is not taken while a pod is on it that came later", async () => {
    await using made = await aWorldClient(1);
    const { step, taken } = setup(made);
    aLatePod(made);
    expect(await step()).toMatchObject({
      kind: "draining",
      detail: expect.stringMatching(/^pod default\/late.* has come since it was drained$/) as string,
    });
    expect(taken).toEqual([]);
  });

  test("is given back at the deadline when the pod is still there", async () => {
    await using made = await aWorldClient(1);
    const { step, taken } = setup(made, 61_000);
    aLatePod(made);
    expect(await step()).toMatchObject({ kind: "failed" });
    expect(taken).toEqual([]);
  });
});
