import { describe, expect, test } from "vitest";

import type { DrainRequest, DrainState } from "../../shared/contract/node-marks.ts";
import type { MoveState } from "../../shared/contract/policy/status.ts";
import { epochMs, millis } from "../../shared/model/units.ts";
import { systemClock } from "../../shared/runtime/clock.ts";
import { anActContext } from "../../test/build/act-context.ts";
import { aNodeGroup } from "../../test/build/node-group.ts";
import { node as aNode } from "../../test/build/node.ts";
import { aWorldClient } from "../../test/build/world-client.ts";
import type { WorldClient } from "../../test/build/world-client.ts";
import { moveHash } from "./moves.ts";
import { retireNode } from "./retire.ts";
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
  const group = aNodeGroup({
    read: async () => ({ size: 1, version: "1" }),
    removeInstance: async (instance) => void taken.push(instance),
  });
  const context = anActContext({
    client,
    clock: systemClock,
    drainTimeoutMs: millis(60_000),
    call: () => ({ signal: new AbortController().signal, deadlineMs: millis(2_000) }),
  });
  const asked: (string | undefined)[] = [];
  const budget = {
    inTurn: async <T>(run: (waited: boolean) => Promise<T>): Promise<T> => await run(false),
    take: (_size: number, disruption?: string) => asked.push(disruption) > 0,
    giveBack: () => {},
  };
  const step = async (growing = false) =>
    await settle(
      { move, node, underNotice: false, group, mayStillHappen: false, growing, stopped: null },
      budget,
      context,
    );
  const gone = async () =>
    await settle(
      {
        move,
        node,
        underNotice: false,
        group: { ...group, contains: async () => false },
        mayStillHappen: false,
        growing: false,
        stopped: null,
      },
      budget,
      context,
    );
  /** What another leader had in flight, with the group as it is found. */
  const found = async (
    left: Partial<MoveState>,
    about: { readonly size: number; readonly has?: boolean; readonly mayStillHappen?: boolean },
  ) =>
    await settle(
      {
        move: { ...move, term: 3, phase: "intended", ...left },
        node: { ...aNode(name), taints: world.get("nodes", { name })?.spec?.taints ?? [] },
        underNotice: false,
        group: {
          ...group,
          read: async () => ({ size: about.size, version: "1" }),
          contains: async () => about.has ?? true,
        },
        mayStillHappen: about.mayStillHappen ?? false,
        growing: false,
        stopped: null,
      },
      budget,
      context,
    );
  const node0 = () => world.get("nodes", { name })?.spec;
  return { asked, context, found, gone, key, name, node0, step, taken };
}

const DONE = { kind: "applied", detail: "found done after an interruption" };

describe("what a leader before had in flight", () => {
  test.each(["grow", "replace"] as const)(
    "of kind %s is done when the size stands, and undone when not",
    async (kind) => {
      await using made = await aWorldClient(1);
      const { found } = setup(made);
      const growth = { kind, from: 1, to: 3 };
      expect(await found(growth, { size: 3 })).toMatchObject({ ...DONE, from: 1, to: 3 });
      expect(await found(growth, { size: 1 })).toEqual({
        kind: "failed",
        detail: "found undone at size 1 after an interruption",
        undone: true,
      });
    },
  );

  test("is not called undone while its call may still take effect, and is done as soon as it has", async () => {
    await using made = await aWorldClient(1);
    const { context, found, key, name, node0 } = setup(made);
    const about = { size: 1, mayStillHappen: true };
    expect(await found({ kind: "grow", from: 1, to: 2 }, about)).toBeNull();
    expect(await found({ kind: "grow", from: 0, to: 1 }, about)).toMatchObject(DONE);
    await retireNode(context, name, key);
    expect(await found({}, about)).toBeNull();
    expect(node0()?.unschedulable).toBe(true);
    expect(await found({ kind: "grow", from: 1, to: 2 }, { size: 1 })).toMatchObject({ undone: true });
    expect(await found({}, { size: 1 })).toMatchObject({ undone: true });
  });

  test("counts what is there of a growth that limits may have cut at its call", async () => {
    await using made = await aWorldClient(1);
    const { found } = setup(made);
    const growth = { kind: "grow", from: 1, to: 5 } as const;
    expect(await found(growth, { size: 3, mayStillHappen: true })).toBeNull();
    expect(await found(growth, { size: 3 })).toEqual({
      kind: "applied",
      from: 1,
      to: 3,
      detail: "found done in part after an interruption",
    });
  });

  test.each(["shrink", "release"] as const)(
    "of kind %s is done when the member no longer counts",
    async (kind) => {
      await using made = await aWorldClient(1);
      const { found, taken } = setup(made);
      // The sizes are those that are there, not those of a decision since when others have changed the group.
      expect(await found({ kind }, { size: 3, has: false })).toEqual({ ...DONE, from: 4, to: 3 });
      expect(taken).toEqual([]);
    },
  );

  test("is taken back when an empty node was closed and its member still counts", async () => {
    await using made = await aWorldClient(1);
    const { context, found, key, name, node0, taken } = setup(made);
    await retireNode(context, name, key);
    expect(node0()).toMatchObject({ unschedulable: true });
    expect(await found({}, { size: 1 })).toEqual({
      kind: "failed",
      detail: "found undone after an interruption",
      undone: true,
    });
    expect(node0()?.unschedulable ?? false).toBe(false);
    expect(node0()?.taints ?? []).toEqual([]);
    expect(taken).toEqual([]);
  });

  test("goes on as a drain when we had begun to empty the node ourselves", async () => {
    await using made = await aWorldClient(1);
    const { context, found, key, name } = setup(made);
    await retireNode(context, name, key, "walk");
    expect(await found({}, { size: 1 })).toMatchObject({ kind: "draining" });
  });

  test("of a place that no machine fills is told by the size, and its name is asked for nowhere", async () => {
    await using made = await aWorldClient(1);
    const { found } = setup(made);
    const place = { kind: "release", placeholder: true, from: 5, to: 4 } as const;
    expect(await found(place, { size: 4, has: false })).toMatchObject({ ...DONE, from: 5, to: 4 });
    expect(await found(place, { size: 5, has: false })).toMatchObject({ kind: "failed" });
  });
});

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

  test("counts as taken when a call that was given up has taken it after all", async () => {
    await using made = await aWorldClient(1);
    const { gone, taken } = setup(made);
    expect(await gone()).toEqual({ ...DONE, from: 2, to: 1 });
    expect(taken).toEqual([]);
  });

  test("is not taken while nobody knows how a growth of its pool ended, which its going would hide", async () => {
    await using made = await aWorldClient(1);
    const { step, taken } = setup(made);
    expect(await step(true)).toBeNull();
    expect(taken).toEqual([]);
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
