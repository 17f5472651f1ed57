import { describe, expect, test } from "vitest";

import { planDrain, startsOf } from "../../shared/model/drain-plan.ts";
import { drainWindow } from "../../shared/model/drain-window.ts";
import type { DrainKind } from "../../shared/model/drain-window.ts";
import { epochMs } from "../../shared/model/units.ts";
import { drainPod } from "../../test/build/drainer.ts";
import { callDeadlineMs, callsAtOnce, dueNow, nextDueAt, retryAfterMs } from "./due.ts";
import { classesGone, follow } from "./tracks.ts";
import type { Track } from "./tracks.ts";

const T0 = Date.UTC(2026, 0, 1);
const windowOf = (leftS: number) => drainWindow(epochMs(T0), epochMs(T0 + leftS * 1000), "real");

describe("callsAtOnce()", () => {
  // With a second for each answer all pods are asked once within a quarter of the time that can be used.
  test.each([
    [120, 30, 10],
    [120, 250, 10],
    [30, 30, 10],
    [30, 200, 29],
    [15, 200, 62],
    [10, 200, 100],
    [6, 30, 30],
    [5.9, 200, 200],
    [0, 3, 10],
    [0, 1_000, 256],
  ])("with %d s left for %d pods is %d", (leftS, pods, calls) => {
    expect(callsAtOnce(windowOf(leftS), pods)).toBe(calls);
  });
});

test.each([
  [120, 1, 250, 3_000],
  [120, 9, 1_000, 3_000],
  [12, 9, 500, 2_500],
  [6, 1, 200, 1_500],
  [0, 9, 200, 1_500],
])(
  "with %d s left the failure number %d is repeated after %d ms, and a call takes %d ms at most",
  (leftS, failures, retryMs, callMs) => {
    expect(retryAfterMs(windowOf(leftS), failures)).toBe(retryMs);
    expect(callDeadlineMs(windowOf(leftS))).toBe(callMs);
  },
);

/** Pods of a drain of `leftS`, with what the test says of their calls. */
function setUp(names: readonly string[], leftS: number, kind: DrainKind = "real") {
  const pods = names.map((name) => drainPod(name, { priority: name.split("-")[0] ?? "", graceS: 60 }));
  const deadline = epochMs(T0 + leftS * 1000);
  const plan = planDrain({ pods, seenAt: epochMs(T0), deadline, kind, now: epochMs(T0), self: null });
  const tracks = new Map<string, Track>();
  follow(tracks, plan, { onPod: () => undefined, onUnknownPriority: () => undefined });
  const input = () => ({ tracks, starts: startsOf(plan, classesGone(tracks)), window: plan.window });
  return {
    set: (name: string, change: Partial<Track>): void => {
      const track = tracks.get(`uid-${name}`);
      if (track === undefined) throw new Error(`no pod ${name}`);
      Object.assign(track, change);
    },
    due: (atS: number) =>
      dueNow(input(), epochMs(T0 + atS * 1000)).map(({ track, how }) => `${how} ${track.pod.name}`),
    nextS: (): number => (nextDueAt(input()) - T0) / 1000,
  };
}

const call = (atS: number, how: "evict" | "delete" = "evict") => ({
  how,
  sentAt: T0 + atS * 1000,
  abandon: () => undefined,
});
const refused = (nextTryS: number) => ({
  state: "blocked" as const,
  tries: 1,
  last: "evict" as const,
  nextTryAt: T0 + nextTryS * 1000,
});

describe("dueNow()", () => {
  test("a class waits for the first answers of the one before it, for 150 ms", () => {
    const { due, set, nextS } = setUp(["low", "medium", "high"], 30);
    expect(due(0)).toEqual(["evict low"]);
    set("low", { call: call(0), tries: 1, last: "evict" });
    expect(due(0.1)).toEqual([]);
    expect(nextS()).toBe(0.15);
    expect(due(0.15)).toEqual(["evict medium"]);
  });

  test("who is to be forced comes before who is asked again, and after who was never asked", () => {
    const { due, set } = setUp(["low-1", "high-1", "high-2"], 30);
    set("low-1", refused(11));
    set("high-1", refused(12));
    // High is forced after 11.2 s, low after 23 s.
    expect(due(11.1)).toEqual(["evict high-2", "evict low-1"]);
    expect(due(11.2)).toEqual(["evict high-2", "delete high-1", "evict low-1"]);
  });

  test("force does not wait for the next try, and a DELETE that failed waits for its own", () => {
    const { due, set, nextS } = setUp(["high"], 30);
    set("high", refused(11.9));
    expect(nextS()).toBeCloseTo(11.2);
    expect(due(11.2)).toEqual(["delete high"]);
    set("high", { last: "delete", nextTryAt: T0 + 12_000 });
    expect(due(11.9)).toEqual([]);
    expect(nextS()).toBe(12);
    expect(due(12)).toEqual(["delete high"]);
  });

  test("a DELETE that is not allowed gives way to an eviction", () => {
    const { due, set } = setUp(["high"], 30);
    set("high", { ...refused(12), last: null });
    expect(due(11.9)).toEqual([]);
    expect(due(12)).toEqual(["evict high"]);
  });

  test("force takes the place of an eviction without an answer, though all places are taken", () => {
    const names = Array.from({ length: 10 }, (_, i) => `high-${i}`);
    const { due, set, nextS } = setUp(names, 30);
    for (const name of names) set(name, { call: call(11), tries: 2, last: "evict" });
    expect(due(11.5)).toEqual([]);
    expect(nextS()).toBeCloseTo(12.2);
    expect(due(12.2)).toEqual(names.map((name) => `delete ${name}`));
    // It does not take the place of one that is its own.
    for (const name of names) set(name, { call: call(12.2, "delete"), last: "delete" });
    expect(due(15)).toEqual([]);
    expect(nextS()).toBe(Number.POSITIVE_INFINITY);
  });

  test("in a drill force never comes", () => {
    const { due, set } = setUp(["high"], 30, "drill");
    set("high", refused(12));
    expect(due(29)).toEqual(["evict high"]);
  });

  test("who has left or leaves is asked no more", () => {
    const { due, set, nextS } = setUp(["low", "medium"], 30);
    set("low", { state: "asked", tries: 1 });
    set("medium", { state: "gone", tries: 1 });
    expect(due(29)).toEqual([]);
    expect(nextS()).toBe(Number.POSITIVE_INFINITY);
  });
});
