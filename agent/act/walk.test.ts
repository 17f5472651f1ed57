import { describe, expect, test } from "vitest";

import { POD_ANNOTATION } from "../../shared/model/names.ts";
import { seededRandom } from "../../shared/model/random.ts";
import { millis } from "../../shared/model/units.ts";
import { AppError } from "../../shared/runtime/errors.ts";
import type { EvictionOutcome } from "../../shared/runtime/kube/evict.ts";
import { BLOCKED, drainPod as pod, setUpDrainer as setUp } from "../../test/build/drainer.ts";

const away = (): AppError => new AppError("unavailable", "refused");
/** Thirty pods, a third of each class. */
const crowd = (count = 30) =>
  Array.from({ length: count }, (_, i) =>
    pod(`pod-${i}`, { priority: ["high", "low", "medium"][i % 3] ?? "low", graceS: 60 }),
  );

describe("a machine that goes", () => {
  test("pods that budgets block are deleted at their force time, with the grace that is left", async () => {
    const { clock, drainer, sent, deleted, outcomes, reports, real } = setUp({
      pods: [
        pod("batch", { priority: "low", graceS: 60 }),
        pod("web", { graceS: 60 }),
        pod("train", { priority: "high", graceS: 300 }),
      ],
      answer: () => BLOCKED,
      goneAfterMs: 500,
    });
    drainer.follow(real(120));
    // 115 s are usable: force comes 11.5, 34.5 and 69 s before the end.
    await clock.advance(46_000 - 1);
    expect(deleted).toEqual([]);
    expect(sent.filter(({ name }) => name === "train").length).toBeGreaterThan(35);
    await clock.advance(80_000);
    expect(deleted.map(({ name, atMs, graceSeconds, uid }) => [name, atMs, graceSeconds, uid])).toEqual([
      ["train", 46_000, 69, "uid-train"],
      ["web", 80_500, 34, "uid-web"],
      ["batch", 103_500, 11, "uid-batch"],
    ]);
    // A condition may hold the first DELETE up by a fifth of a second.
    expect(deleted.map(({ conditionWithinMs }) => conditionWithinMs)).toEqual([200, 200, 200]);
    expect(outcomes).toEqual(["train forced", "web forced", "batch forced"]);
    expect(reports.at(-1)).toMatchObject({ phase: "drained", counts: { evicted: 3, gone: 3, forced: 3 } });
  });

  test("a pod that its budget lets go before its force time is not deleted", async () => {
    const { clock, drainer, deleted, outcomes, real } = setUp({
      pods: [pod("web")],
      answer: (_, attempt) => (attempt < 8 ? BLOCKED : { kind: "accepted" }),
    });
    drainer.follow(real(120));
    await clock.advance(60_000);
    expect(deleted).toEqual([]);
    expect(outcomes).toEqual(["web evicted"]);
  });

  test.each<[string, "gone" | "replaced"]>([
    ["is gone", "gone"],
    ["has a successor under its name", "replaced"],
  ])("a pod that %s when the DELETE comes is done, and was not forced", async (_, removal) => {
    const { clock, drainer, deleted, reports, phases, real } = setUp({
      pods: [pod("web")],
      answer: () => BLOCKED,
      removal: () => removal,
    });
    drainer.follow(real(30));
    await clock.advance(25_000);
    expect(deleted).toHaveLength(1);
    expect(phases().at(-1)).toBe("drained");
    expect(reports.at(-1)?.counts).toMatchObject({ gone: 1, forced: 0 });
  });

  test("a DELETE that fails is sent again until it is taken, and the condition is tried once", async () => {
    const { clock, drainer, deleted, outcomes, real } = setUp({
      pods: [pod("web", { graceS: 60 })],
      answer: () => BLOCKED,
      removal: (_, attempt) => (attempt < 6 ? away() : "accepted"),
    });
    drainer.follow(real(120));
    await clock.advance(90_000);
    expect(deleted.map(({ conditionWithinMs }) => conditionWithinMs)).toEqual([
      200,
      null,
      null,
      null,
      null,
      null,
    ]);
    const gaps = deleted.slice(1).map((one, i) => one.atMs - (deleted[i]?.atMs ?? 0));
    expect(Math.max(...gaps)).toBeLessThanOrEqual(1_201);
    expect(gaps[0]).toBeLessThanOrEqual(301);
    expect(outcomes).toEqual(["web forced"]);
  });

  test("who may not delete goes on evicting, at the same pace", async () => {
    const { clock, drainer, sent, deleted, real } = setUp({
      pods: [pod("web")],
      answer: (_, attempt) => (attempt < 30 ? BLOCKED : { kind: "accepted" }),
      removal: () => new AppError("denied", "no right"),
    });
    drainer.follow(real(30));
    await clock.advance(60_000);
    expect(sent).toHaveLength(30);
    expect(deleted.length).toBeGreaterThan(3);
    expect(deleted.length).toBeLessThan(60);
  });

  test("several budgets on one pod: deleted at once where time is short, at its force time where it is not", async () => {
    const several = (): EvictionOutcome => ({ kind: "several-budgets", message: "" });
    const short = setUp({ pods: [pod("web")], answer: several });
    short.drainer.follow(short.real(30));
    await short.clock.advance(1_000);
    expect(short.deleted.map(({ name, atMs }) => [name, atMs])).toEqual([["web", 20]]);
    expect(short.trouble).toEqual(["web several budgets"]);

    const long = setUp({ pods: [pod("web")], answer: several });
    long.drainer.follow(long.real(120));
    await long.clock.advance(119_000);
    expect(long.deleted.map(({ name, atMs }) => [name, atMs])).toEqual([["web", 85_000]]);
  });

  test("an eviction that hangs does not hold force up", async () => {
    const { clock, drainer, sent, deleted, real } = setUp({
      pods: [pod("train", { priority: "high" })],
      answerMs: 60_000,
    });
    drainer.follow(real(30));
    await clock.advance(28_000);
    expect(sent).toHaveLength(1);
    // 28 s are usable: force for a high pod comes after 11.2 s of them.
    expect(deleted[0]?.atMs).toBe(11_200);
  });

  test("a pod in keep mode is evicted at its force time, and deleted when that is refused", async () => {
    const keep = { [POD_ANNOTATION.evictionMode]: "keep" };
    const { clock, drainer, calls, real } = setUp({
      pods: [pod("ci", { annotations: keep }), pod("runner", { annotations: keep })],
      answer: ({ name }) => (name === "ci" ? BLOCKED : { kind: "accepted" }),
    });
    drainer.follow(real(120));
    await clock.advance(119_000);
    expect(calls.map(({ how, name, atMs }) => [how, name, atMs])).toEqual([
      ["evict", "ci", 85_000],
      ["evict", "runner", 85_000],
      ["delete", "ci", 85_000],
    ]);
  });

  test("with less than 6 s left all is asked within a second, and what is refused is deleted at once", async () => {
    for (const leftS of [5.9, 2, 0, -20]) {
      const { clock, drainer, sent, deleted, real } = setUp({
        pods: crowd(200),
        answer: ({ name }) => (Number(name.slice(4)) % 2 === 0 ? BLOCKED : { kind: "accepted" }),
        answerMs: 1_000,
        markMs: 1_000,
        goneAfterMs: null,
      });
      drainer.follow(real(leftS));
      await clock.advance(3_000);
      expect(new Set(sent.map(({ name }) => name)).size).toBe(200);
      expect(Math.max(...sent.map(({ atMs }) => atMs))).toBeLessThanOrEqual(1_000);
      expect(deleted.filter(({ atMs }) => atMs <= 2_500)).toHaveLength(100);
    }
  });

  test("a pod that arrives after the deadline is asked too, as long as the machine runs", async () => {
    const { clock, drainer, sent, arrive, real } = setUp({ pods: [pod("web")], goneAfterMs: null });
    drainer.follow(real(30));
    await clock.advance(40_000);
    arrive(pod("late"));
    await clock.advance(100);
    expect(sent.map(({ name, graceSeconds }) => [name, graceSeconds])).toEqual([
      ["web", 27],
      ["late", 2],
    ]);
  });

  test("a pod that ignores SIGTERM is asked once and counted as left", async () => {
    const { clock, drainer, calls, reports, real } = setUp({ pods: [pod("web")], goneAfterMs: null });
    drainer.follow(real(30));
    await clock.advance(29_000);
    expect(calls).toHaveLength(1);
    expect(reports.at(-1)).toMatchObject({
      phase: "final",
      counts: { evicted: 1, gone: 0 },
      summary: { left: 1 },
    });
  });
});

describe("a machine that stays", () => {
  test.each<[string, Parameters<ReturnType<typeof setUp>["order"]>[1]]>([
    ["in a drill", {}],
    ["for a request", { id: "shrink-1", cause: "request", source: "coordinator" }],
    ["for a notice that only a mark tells of", { id: "aws-1", source: "aws" }],
  ])("nobody is deleted %s, whatever stands in the way", async (_, more) => {
    const answers: EvictionOutcome[] = [BLOCKED, { kind: "several-budgets", message: "" }];
    const { clock, drainer, sent, deleted, order } = setUp({
      pods: [pod("web"), pod("api"), pod("train", { priority: "high", graceS: 5 })],
      answer: ({ name }, attempt) =>
        name === "api" ? away() : (answers[attempt % answers.length] ?? BLOCKED),
    });
    drainer.follow(order(30, more));
    await clock.advance(120_000);
    expect(sent.length).toBeGreaterThan(30);
    expect(deleted).toEqual([]);
    expect(Math.max(...sent.map(({ graceSeconds }) => graceSeconds ?? 0))).toBeLessThanOrEqual(30);
    expect(sent.find(({ name }) => name === "train")?.graceSeconds).toBe(5);
  });

  const kept = [
    pod("alone", { owner: null }),
    pod("pinned", { annotations: { [POD_ANNOTATION.doNotDisrupt]: "true" } }),
    pod("ci", { annotations: { [POD_ANNOTATION.evictionMode]: "keep" } }),
  ];

  test("a drill is over without the pods that are not to be moved, and counts them apart", async () => {
    const { clock, drainer, sent, outcomes, reports, notices, order } = setUp({
      pods: [...kept, pod("web")],
    });
    drainer.follow(order(30));
    await clock.advance(5_000);
    expect(sent.map(({ name }) => name)).toEqual(["web"]);
    expect(outcomes.filter((one) => one.endsWith("kept"))).toEqual(["alone kept", "ci kept", "pinned kept"]);
    expect(reports.at(-1)).toMatchObject({
      phase: "drained",
      counts: { evicted: 1, gone: 1, blocked: 0, waiting: 0, kept: 3 },
      summary: { kept: 3, left: 0 },
    });
    expect(notices[0]?.pods).toEqual({ low: 0, medium: 1, high: 0, system: 0 });
  });

  test("a node says that it is empty for a request only when those are gone as well", async () => {
    const { clock, drainer, phases, leave, outcomes, order } = setUp({ pods: [...kept, pod("web")] });
    drainer.follow(order(600, { id: "shrink-1", cause: "request", source: "coordinator" }));
    await clock.advance(60_000);
    expect(phases().at(-1)).toBe("wave medium");
    for (const { metadata } of kept) leave(metadata.uid ?? "");
    await clock.advance(100);
    expect(phases().at(-1)).toBe("drained");
    // They were never to be moved, so their end is no news.
    expect(outcomes.filter((one) => one.endsWith("left"))).toEqual([]);
  });

  test("a drill moves pods without a controller when the node says so", async () => {
    const { clock, drainer, sent, order } = setUp({ pods: kept, moveUnmanaged: true });
    drainer.follow(order(30));
    await clock.advance(5_000);
    expect(sent.map(({ name }) => name)).toEqual(["alone"]);
  });

  test("a pod that refuses for a time is moved when it is over", async () => {
    const started = new Date(Date.UTC(2026, 0, 1)).toISOString();
    const hour = pod("hour", { annotations: { [POD_ANNOTATION.doNotDisrupt]: "5m" } });
    const { clock, drainer, sent, order } = setUp({
      pods: [{ ...hour, status: { phase: "Running", startTime: started } }],
    });
    drainer.follow(order(900, { id: "shrink-1", cause: "request", source: "coordinator" }));
    await clock.advance(290_000);
    expect(sent).toEqual([]);
    await clock.advance(60_000);
    expect(sent).toHaveLength(1);
  });
});

describe("an API server in trouble, on a machine that goes", () => {
  const seeds = [1, 2, 3];
  /** Half of the pods are blocked; every second call fails, counted over all of them. */
  test.each([6, 10, 15, 30])(
    "that fails every second call: nobody is left unasked with %d s left",
    async (leftS) => {
      for (const seed of seeds) {
        const random = seededRandom(seed);
        let count = Math.floor(random() * 2);
        const fails = (): boolean => count++ % 2 === 0;
        const blocked = new Set(crowd().flatMap(({ metadata }) => (random() < 0.5 ? [metadata.name] : [])));
        const taken = new Map<string, number>();
        const { clock, drainer, real } = setUp({
          pods: crowd(),
          answer: ({ name }) => {
            if (fails()) return away();
            if (blocked.has(name)) return BLOCKED;
            taken.set(name, clock.monotonic());
            return { kind: "accepted" };
          },
          removal: (name) => {
            if (fails()) return away();
            taken.set(name, clock.monotonic());
            return "accepted";
          },
          goneAfterMs: null,
        });
        drainer.follow(real(leftS));
        await clock.advance(leftS * 1000);
        const inTime = [...taken.values()].filter((at) => at <= leftS * 1000 - 1_000);
        expect(inTime.length, `seed ${seed}`).toBe(30);
      }
    },
  );

  test.each([
    [6, 30],
    [10, 60],
    [15, 120],
    [30, 200],
    [120, 200],
  ])(
    "that takes a second for each answer: with %d s left all of %d pods are asked in time",
    async (leftS, pods) => {
      const taken = new Map<string, number>();
      const { clock, drainer, real } = setUp({
        pods: crowd(pods),
        answerMs: 1_000,
        markMs: 1_000,
        answer: ({ name }) => {
          if (Number(name.slice(4)) % 2 === 0) return BLOCKED;
          taken.set(name, clock.monotonic());
          return { kind: "accepted" };
        },
        removal: (name) => {
          taken.set(name, clock.monotonic());
          return "accepted";
        },
        goneAfterMs: null,
      });
      drainer.follow(real(leftS));
      await clock.advance(leftS * 1000);
      expect(taken.size).toBe(pods);
      expect(Math.max(...taken.values())).toBeLessThanOrEqual(leftS * 1000 - 1_000);
    },
  );

  test("that asks for patience gets a second of it and no more", async () => {
    const { clock, drainer, sent, real } = setUp({
      pods: [pod("web")],
      answer: (_, attempt) =>
        attempt < 5 ? { kind: "throttled", retryAfterMs: millis(30_000) } : { kind: "accepted" },
    });
    drainer.follow(real(120));
    await clock.advance(10_000);
    expect(sent).toHaveLength(5);
  });

  test("that is away until the last seconds finds everybody asked when it comes back", async () => {
    const { clock, drainer, outcomes, real } = setUp({
      pods: crowd(),
      answer: () => (clock.monotonic() < 24_000 ? away() : { kind: "accepted" }),
      removal: () => (clock.monotonic() < 24_000 ? away() : "accepted"),
      goneAfterMs: null,
    });
    drainer.follow(real(30));
    await clock.advance(26_500);
    expect(outcomes.filter((one) => /evicted|forced/.test(one))).toHaveLength(30);
  });
});
