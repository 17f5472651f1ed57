import { describe, expect, test } from "vitest";

import type { DrainState } from "../../../shared/contract/node-marks.ts";
import type { Node, Pod, PodDisruptionBudget } from "../../../shared/model/kube.ts";
import { NODE_ANNOTATION, POD_ANNOTATION } from "../../../shared/model/names.ts";
import { epochMs } from "../../../shared/model/units.ts";
import { createProgress } from "./progress.ts";

const T0 = Date.UTC(2026, 0, 1);

function node(state: Partial<DrainState> | null, annotations: Readonly<Record<string, string>> = {}): Node {
  const full = {
    v: 1,
    id: "drill-n1-1",
    cause: "notice",
    source: "drill",
    phase: "started",
    seenAt: T0,
    deadline: T0 + 60_000,
    replace: false,
    cordonedByUs: true,
    ...state,
  };
  const marks = state === null ? {} : { [NODE_ANNOTATION.drainState]: JSON.stringify(full) };
  return { metadata: { name: "n1", annotations: { ...marks, ...annotations } } };
}

function pod(name: string, priority: string, more: Partial<Pod["metadata"]> = {}): Pod {
  return {
    metadata: {
      name,
      namespace: "default",
      uid: `uid-${name}`,
      labels: { app: name },
      annotations: { [POD_ANNOTATION.evictionPriority]: priority },
      ownerReferences: [
        { apiVersion: "apps/v1", kind: "ReplicaSet", name: "rs", uid: "rs", controller: true },
      ],
      ...more,
    },
    spec: { containers: [], terminationGracePeriodSeconds: 30 },
  };
}

const leaving = (of: Pod, grace = 17): Pod => ({
  ...of,
  metadata: {
    ...of.metadata,
    deletionTimestamp: new Date(T0 + 20_000).toISOString(),
    deletionGracePeriodSeconds: grace,
  },
});

function begin(options: { readonly earlier?: string | null } = {}) {
  const progress = createProgress({ earlier: options.earlier ?? null });
  const look = (
    atMs: number,
    of: Node | undefined | null,
    pods: readonly Pod[] | null,
    budgets: readonly PodDisruptionBudget[] | null = null,
  ) => progress.look({ node: of, pods, budgets, now: epochMs(T0 + atMs) });
  return { progress, look };
}

const low = pod("batch", "low");
const high = pod("train", "high");

describe("createProgress()", () => {
  test("tells the agent's word, the plan, each wave and each pod once, and the end", () => {
    const { progress, look } = begin();
    expect(look(-50, node(null), [low, high])).toEqual([]);
    expect(look(100, node({}), [low, high])).toEqual([
      { kind: "held", id: "drill-n1-1", deadline: "2026-01-01T00:01:00.000Z", clockSeconds: -0.1 },
      {
        kind: "plan",
        mode: "staggered",
        pods: { low: 1, medium: 0, high: 1, system: 0 },
        leaving: 0,
        kept: [],
      },
    ]);
    expect(look(100, node({}), [low, high])).toEqual([]);
    expect(look(200, node({}), [leaving(low), high])).toEqual([
      { kind: "wave", class: "low" },
      { kind: "evicting", pod: "default/batch", class: "low", graceSeconds: 17 },
    ]);
    expect(look(900, node({}), [high])).toEqual([
      { kind: "gone", pod: "default/batch", class: "low", tookSeconds: 0.7 },
    ]);
    // Both at one look: asked and gone.
    look(1_000, node({}), [leaving(high)]);
    expect(progress.end).toBeNull();
    expect(look(1_200, node({ phase: "drained" }), [])).toEqual([
      { kind: "gone", pod: "default/train", class: "high", tookSeconds: 0.2 },
    ]);
    expect(progress.end).toMatchObject({ kind: "done", state: { phase: "drained" } });
    expect(progress.report("n1")).toEqual({
      node: "n1",
      id: "drill-n1-1",
      phase: "drained",
      seenAt: "2026-01-01T00:00:00.000Z",
      deadline: "2026-01-01T00:01:00.000Z",
      summary: null,
      left: [],
      kept: [],
    });
  });

  test("a pod that was gone before anybody saw it asked took an unknown time", () => {
    const { look } = begin();
    look(0, node({}), [low]);
    expect(look(100, node({}), [])).toEqual([
      { kind: "gone", pod: "default/batch", class: "low", tookSeconds: null },
    ]);
  });

  test("pods are no news of the drill before its agent has spoken, and those that left before are not its work", () => {
    const { progress, look } = begin();
    progress.before([leaving(low), high]);
    expect(look(-100, node(null), [leaving(low), high])).toEqual([]);
    expect(look(100, node({}), [leaving(low), high])[1]).toMatchObject({
      kind: "plan",
      pods: { low: 0, high: 1 },
      leaving: 1,
    });
    expect(look(200, node({}), [high])).toEqual([
      { kind: "gone", pod: "default/batch", class: "low", tookSeconds: null },
    ]);
  });

  test("a pod that is seen to leave sooner than its agent's word is seen goes by the drill", () => {
    const { progress, look } = begin();
    progress.before([low]);
    expect(look(50, node(null), [leaving(low)])).toEqual([]);
    expect(look(100, node({}), [leaving(low)])).toMatchObject([
      { kind: "held" },
      { kind: "plan", pods: { low: 1 }, leaving: 0 },
      { kind: "wave", class: "low" },
      { kind: "evicting", pod: "default/batch" },
    ]);
  });

  test("says who is kept and why, and counts him neither as left nor as work", () => {
    const { progress, look } = begin();
    const alone = pod("alone", "low", { ownerReferences: [] });
    const [, plan] = look(0, node({}), [alone, high]);
    expect(plan).toMatchObject({
      pods: { low: 0, high: 1 },
      kept: [{ pod: "default/alone", why: expect.stringContaining("no controller") as unknown }],
    });
    look(59_000, node({ phase: "final" }), [alone, high]);
    expect(progress.report("n1")).toMatchObject({
      left: ["default/train"],
      kept: [{ pod: "default/alone" }],
    });
    // With the node's annotation it is moved like any other.
    const moved = begin().look(0, node({}, { [NODE_ANNOTATION.drillUnmanaged]: "true" }), [alone]);
    expect(moved[1]).toMatchObject({ pods: { low: 1 }, kept: [] });
  });

  test("names the budget of a pod that is late, once for each thing that it says", () => {
    const { progress, look } = begin();
    const blocking = (healthy: number): PodDisruptionBudget => ({
      metadata: { name: "b", namespace: "default" },
      spec: { selector: { matchLabels: { app: "batch" } } },
      status: { disruptionsAllowed: 0, desiredHealthy: 2, currentHealthy: healthy },
    });
    look(0, node({}), [low, high]);
    expect(progress.isLate(epochMs(T0 + 1_500))).toBe(false);
    expect(progress.isLate(epochMs(T0 + 1_600))).toBe(true);
    // Nobody has looked at budgets yet.
    expect(look(1_600, node({}), [low, high])).toEqual([]);
    expect(look(1_700, node({}), [low, high], [blocking(2)])).toEqual([
      {
        kind: "blocked",
        pod: "default/batch",
        class: "low",
        budgets: ["default/b"],
        why: "budget default/b allows no disruption now: it needs 2 healthy pods and has 2",
      },
    ]);
    expect(look(3_700, node({}), [low, high], [blocking(2)])).toEqual([]);
    expect(look(5_700, node({}), [low, high], [blocking(1)])).toHaveLength(1);
    expect(look(6_000, node({}), [leaving(low), leaving(high)], [blocking(1)])).toHaveLength(4);
    expect(progress.isLate(epochMs(T0 + 30_000))).toBe(false);
  });

  test("a class whose turn comes sooner, since those before it are gone, is late sooner", () => {
    const { progress, look } = begin();
    const web = pod("web", "medium");
    look(0, node({}), [low, web]);
    look(100, node({}), [leaving(low), web]);
    // Five per cent of what is usable, were low still there.
    expect(progress.isLate(epochMs(T0 + 2_800 + 1_500))).toBe(false);
    look(700, node({}), [web]);
    expect(progress.isLate(epochMs(T0 + 700 + 1_500))).toBe(false);
    expect(progress.isLate(epochMs(T0 + 700 + 1_600))).toBe(true);
  });

  test("waits by the node's clock, which may be set otherwise", () => {
    const { progress, look } = begin();
    const seenAt = T0 - 300_000;
    const [held] = look(0, node({ seenAt, deadline: seenAt + 60_000 }), [low]);
    expect(held).toMatchObject({ clockSeconds: -300 });
    expect(progress.isLate(epochMs(T0 + 1_500))).toBe(false);
    expect(progress.isLate(epochMs(T0 + 1_600))).toBe(true);
  });

  test("tells of a pod that comes while the drill goes on", () => {
    const { look } = begin();
    look(0, node({}), [high]);
    expect(look(500, node({}), [high, low])).toEqual([
      { kind: "arrived", pod: "default/batch", class: "low" },
    ]);
  });

  test.each([
    [
      "refused, with its reason",
      node({ phase: "refused", why: "one at a time" }),
      { kind: "refused", why: "one at a time" },
    ],
    [
      "refused without one",
      node({ phase: "refused" }),
      { kind: "refused", why: "its agent gives no reason" },
    ],
    ["called off", node({ phase: "cancelled" }), { kind: "called-off" }],
    [
      "overtaken by a real notice",
      node({ source: "aws", id: "aws-1" }),
      { kind: "overtaken", source: "aws" },
    ],
    ["a node that is gone", undefined, { kind: "node-gone" }],
  ])("ends with %s", (_, of, end) => {
    const { progress, look } = begin();
    look(0, of, [low]);
    expect(progress.end).toEqual(end);
  });

  test.each([
    ["the marks are gone", node(null)],
    ["the coordinator's request has taken over", node({ cause: "request", source: "coordinator", id: "r" })],
  ])("ends when it was held and %s", (_, of) => {
    const { progress, look } = begin();
    look(0, node({}), [low]);
    look(100, of, [low]);
    expect(progress.end).toEqual({ kind: "called-off" });
  });

  test("takes no notice of a state that stood there before, nor of a refused request", () => {
    const { progress, look } = begin({ earlier: "drill-n1-0" });
    look(0, node({ id: "drill-n1-0", phase: "refused" }), []);
    look(0, node({ id: "r", cause: "request", source: "coordinator", phase: "refused" }), []);
    look(0, null, null);
    expect(progress.end).toBeNull();
    expect(progress.report("n1")).toBeNull();
  });
});
