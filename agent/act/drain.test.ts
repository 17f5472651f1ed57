import { describe, expect, test } from "vitest";

import { readDrainState } from "../../shared/contract/node-marks.ts";
import type { DrainState } from "../../shared/contract/node-marks.ts";
import { POD_ANNOTATION } from "../../shared/model/names.ts";
import { epochMs, millis } from "../../shared/model/units.ts";
import { AppError } from "../../shared/runtime/errors.ts";
import type { EvictionOutcome } from "../../shared/runtime/kube/evict.ts";
import { settle } from "../../test/build/clock.ts";
import { drainPod as pod, setUpDrainer as setUp } from "../../test/build/drainer.ts";
import type { DrainOrder } from "./order.ts";

const left = (order: DrainOrder, phase: DrainState["phase"]): DrainState => ({
  v: 1,
  ...order,
  phase,
  cordonedByUs: true,
});

const THREE = [pod("train", { priority: "high" }), pod("web"), pod("batch", { priority: "low" })];

describe("createDrainer()", () => {
  test("says it, marks the node, then moves pods by class and says when they are gone", async () => {
    const { clock, drainer, sent, phases, notices, marks, order, outcomes } = setUp({
      pods: THREE,
      goneAfterMs: 60_000,
    });
    drainer.follow(order(120));
    await clock.advance(20_000);
    expect(sent.map((one) => one.name)).toEqual(["batch", "web", "train"]);
    expect(sent.map((one) => one.atMs)).toEqual([20, 5_000, 8_000]);
    expect(sent.every((one) => one.uid === `uid-${one.name}`)).toBe(true);
    expect(drainer.busy).toBe(true);
    await clock.advance(60_000);
    expect(phases()).toEqual(["started", "wave low", "wave medium", "wave high", "drained"]);
    expect(notices).toEqual([
      expect.objectContaining({ phase: "seen", pods: { low: 1, medium: 1, high: 1, system: 0 } }),
    ]);
    expect(marks.map((one) => one?.phase)).toEqual(["started", "drained"]);
    expect(outcomes).toEqual(["batch evicted", "web evicted", "train evicted"]);
    expect(drainer.busy).toBe(false);
  });

  test("a class that is gone lets the next one start at once", async () => {
    const { clock, drainer, sent, order } = setUp({ pods: THREE, goneAfterMs: 500 });
    drainer.follow(order(120));
    await clock.advance(3_000);
    expect(sent.map((one) => [one.name, one.atMs])).toEqual([
      ["batch", 20],
      ["web", 520],
      ["train", 1_020],
    ]);
  });

  test("with 30 s all are asked at once, in order, ten at a time", async () => {
    const pods = Array.from({ length: 30 }, (_, i) =>
      pod(`pod-${String(i).padStart(2, "0")}`, { priority: ["high", "low", "medium"][i % 3] ?? "low" }),
    );
    const classes: Record<string, string> = Object.fromEntries(
      pods.map((one) => [
        one.metadata.name,
        one.metadata.annotations?.[POD_ANNOTATION.evictionPriority] ?? "",
      ]),
    );
    const { clock, drainer, sent, order } = setUp({ pods });
    drainer.follow(order(30));
    await clock.advance(200);
    expect(sent.map((one) => classes[one.name])).toEqual(
      ["low", "medium", "high"].flatMap((each) => Array.from({ length: 10 }, () => each)),
    );
  });

  test("a slow API server holds the next class up by a fraction of a second and no longer", async () => {
    const { clock, drainer, sent, order } = setUp({ pods: THREE, answerMs: 2_000 });
    drainer.follow(order(30));
    await clock.advance(1_000);
    expect(sent.map((one) => [one.name, one.atMs])).toEqual([
      ["batch", 20],
      ["web", 170],
      ["train", 320],
    ]);
  });

  test("evictions wait for the marks, and no longer than a second", async () => {
    const { clock, drainer, sent, order } = setUp({ pods: THREE, markMs: 60_000 });
    drainer.follow(order(30));
    await clock.advance(990);
    expect(sent).toEqual([]);
    await clock.advance(100);
    expect(sent).toHaveLength(3);
  });

  test("leaves DaemonSet pods alone", async () => {
    const { clock, drainer, sent, phases, order } = setUp({ pods: [pod("cni", { owner: "DaemonSet" })] });
    drainer.follow(order(30));
    await clock.advance(100);
    expect(sent).toEqual([]);
    expect(phases()).toEqual(["started", "drained"]);
  });

  test("a pod that a budget blocks is asked again each second until the budget allows it", async () => {
    const { clock, drainer, sent, phases, order, reports } = setUp({
      pods: [pod("web")],
      answer: (_, attempt) =>
        attempt < 4
          ? { kind: "budget-blocked", retryAfterMs: millis(10_000), message: "" }
          : { kind: "accepted" },
    });
    drainer.follow(order(30));
    await clock.advance(5_000);
    expect(sent).toHaveLength(4);
    const gaps = sent.slice(1).map((one, i) => one.atMs - (sent[i]?.atMs ?? 0));
    expect(gaps.every((gap) => gap >= 800 && gap <= 1_201)).toBe(true);
    expect(phases().at(-1)).toBe("drained");
    expect(reports.at(-1)?.counts).toMatchObject({ evicted: 1, gone: 1, blocked: 0, waiting: 0 });
  });

  test("a pod that stays blocked is never deleted, and the last word counts it", async () => {
    const { clock, drainer, phases, reports, outcomes, order, sent } = setUp({
      pods: [pod("web"), pod("batch", { priority: "low" })],
      answer: ({ name }) =>
        name === "web" ? { kind: "budget-blocked", retryAfterMs: null, message: "" } : { kind: "accepted" },
    });
    drainer.follow(order(30));
    await clock.advance(40_000);
    expect(phases().at(-1)).toBe("final");
    expect(reports.at(-1)?.counts).toMatchObject({ evicted: 1, gone: 1, blocked: 1, waiting: 0 });
    expect(outcomes).toContain("web remaining");
    // Nothing is asked after the deadline.
    expect(Math.max(...sent.map((one) => one.atMs))).toBeLessThan(30_000);
    expect(drainer.busy).toBe(false);
  });

  test("a node that really goes gives high pods all the time and says its last word before the end", async () => {
    const { clock, drainer, sent, phases, real } = setUp({
      pods: [pod("train", { priority: "high" }), pod("web")],
      answer: ({ name }) =>
        name === "web" ? { kind: "budget-blocked", retryAfterMs: null, message: "" } : { kind: "accepted" },
      goneAfterMs: null,
    });
    drainer.follow(real(120));
    // 115 s are usable, and the last of them is for the last word.
    await clock.advance(113_900);
    expect(phases()).not.toContain("final");
    await clock.advance(200);
    expect(phases().at(-1)).toBe("final");
    expect(sent.find((one) => one.name === "train")).toMatchObject({ graceSeconds: 107, atMs: 8_000 });
  });

  test("several budgets on one pod are reported once", async () => {
    const { clock, drainer, trouble, order } = setUp({
      pods: [pod("web")],
      answer: () => ({ kind: "several-budgets", message: "" }),
    });
    drainer.follow(order(30));
    await clock.advance(20_000);
    expect(trouble).toEqual(["web several budgets"]);
  });

  test.each<[string, EvictionOutcome | AppError]>([
    ["gone", { kind: "gone" }],
    ["replaced under the same name", { kind: "replaced" }],
  ])("a pod that is %s is done", async (_, answer) => {
    const { clock, drainer, sent, phases, order } = setUp({ pods: [pod("web")], answer: () => answer });
    drainer.follow(order(30));
    await clock.advance(5_000);
    expect(sent).toHaveLength(1);
    expect(phases().at(-1)).toBe("drained");
  });

  test("a pod whose namespace is being deleted is watched and not asked again", async () => {
    const { clock, drainer, calls, reports, real } = setUp({
      pods: [pod("web")],
      answer: () => ({ kind: "namespace-terminating" }),
    });
    drainer.follow(real(30));
    await clock.advance(29_000);
    expect(calls).toHaveLength(1);
    expect(reports.at(-1)).toMatchObject({ phase: "final", counts: { evicted: 1, gone: 0, forced: 0 } });
  });

  test.each<[string, EvictionOutcome | AppError]>([
    ["does not answer", new AppError("timeout", "no answer")],
    ["is away", new AppError("unavailable", "refused")],
    ["denies", new AppError("denied", "no right")],
    ["has too much to do", { kind: "throttled", retryAfterMs: millis(30_000) }],
  ])("an API server that %s is asked again within 1.2 s", async (_, answer) => {
    const { clock, drainer, sent, phases, order } = setUp({
      pods: [pod("web")],
      answer: (__, attempt) => (attempt === 1 ? answer : { kind: "accepted" }),
    });
    drainer.follow(order(30));
    await clock.advance(3_000);
    expect(sent).toHaveLength(2);
    expect(phases().at(-1)).toBe("drained");
  });

  test("a pod that arrives during the drain leaves too, and one that ends by itself is not counted", async () => {
    const { clock, drainer, sent, reports, outcomes, order, arrive, leave } = setUp({
      pods: [pod("web"), pod("short")],
      answer: ({ name }) =>
        name === "short" ? { kind: "budget-blocked", retryAfterMs: null, message: "" } : { kind: "accepted" },
      goneAfterMs: 10_000,
    });
    drainer.follow(order(30));
    await clock.advance(1_500);
    leave("uid-short");
    arrive(pod("late", { priority: "low" }));
    await clock.advance(12_000);
    expect(sent.map((one) => one.name)).toContain("late");
    expect(outcomes).toContain("short left");
    expect(reports.at(-1)).toMatchObject({
      phase: "drained",
      counts: { evicted: 2, gone: 2, blocked: 0, waiting: 0 },
    });
  });

  test("a crowd that budgets block keeps nobody from being asked", async () => {
    const crowd = Array.from({ length: 100 }, (_, i) => pod(`crowd-${i}`, { priority: "low" }));
    const { clock, drainer, sent, order } = setUp({
      pods: [...crowd, pod("web"), pod("train", { priority: "high" })],
      answerMs: 300,
      answer: ({ name }, attempt) => {
        if (name.startsWith("crowd")) return { kind: "budget-blocked", retryAfterMs: null, message: "" };
        return attempt === 1 ? new AppError("unavailable", "refused") : { kind: "accepted" };
      },
    });
    drainer.follow(order(30));
    await clock.advance(25_000);
    const firstOf = (name: string): number => sent.find((one) => one.name === name)?.atMs ?? Infinity;
    // Ten at a time and 0.3 s each: the crowd has been asked once after 3 s, and is asked again all the time.
    expect(firstOf("web")).toBeLessThan(3_600);
    expect(firstOf("train")).toBeLessThan(3_900);
    expect(sent.length).toBeGreaterThan(500);
    // Nor from being asked again after a failure: who has waited longest is next.
    for (const name of ["web", "train"]) expect(sent.filter((one) => one.name === name)).toHaveLength(2);
  });

  test("an eviction that goes on failing is one line in the log and not one each second", async () => {
    const { clock, drainer, lines, order, sent } = setUp({
      pods: [pod("web"), pod("api")],
      answer: () => new AppError("denied", "no right"),
    });
    drainer.follow(order(30));
    await clock.advance(28_000);
    expect(sent.length).toBeGreaterThan(40);
    expect(lines.filter((line) => line.level === "warn")).toHaveLength(2);
  });

  test("a node is not called empty while the watch on its pods is broken", async () => {
    const { clock, drainer, phases, order, watchIsLive } = setUp({ pods: [], staleSince: epochMs(1) });
    drainer.follow(order(600, { cause: "request", source: "coordinator" }));
    await clock.advance(60_000);
    expect(phases()).toEqual(["started"]);
    watchIsLive();
    await clock.advance(10);
    expect(phases()).toEqual(["started", "drained"]);
  });

  test("a deadline that is further away than a timer reaches is waited for in steps", async () => {
    const { clock, drainer, phases, order } = setUp({ pods: [] });
    drainer.follow(order(30 * 365 * 86_400));
    await clock.advance(100);
    expect(phases().at(-1)).toBe("drained");
    expect(await Promise.race([clock.nextSleep(), clock.advance(7_200_000).then(() => null)])).toBeLessThan(
      2 ** 31,
    );
  });

  test("an unknown priority leaves with medium and is reported", async () => {
    const { clock, drainer, trouble, reports, order } = setUp({ pods: [pod("typo", { priority: "hihg" })] });
    drainer.follow(order(30));
    await clock.advance(100);
    expect(trouble).toEqual(["typo hihg"]);
    expect(reports.find((report) => report.phase === "wave")?.class).toBe("medium");
  });

  test("a cancelled drill sends nothing more, says so and takes the marks back", async () => {
    const { clock, drainer, sent, phases, notices, marks, order } = setUp({ pods: THREE, goneAfterMs: null });
    drainer.follow(order(120));
    await clock.advance(1_000);
    drainer.undo();
    await clock.advance(60_000);
    expect(sent.map((one) => one.name)).toEqual(["batch"]);
    expect(phases()).toEqual(["started", "wave low", "cancelled"]);
    expect(notices.map((message) => message.phase)).toEqual(["seen", "cancelled"]);
    expect(marks.at(-1)).toBeNull();
    expect(drainer.state).toBeNull();
  });

  test("an earlier deadline is adopted and a later one is not", async () => {
    const { clock, drainer, notices, marks, order } = setUp({ pods: THREE, goneAfterMs: null });
    const first = order(120);
    drainer.follow(first);
    await clock.advance(100);
    drainer.follow({ ...first, deadline: epochMs(first.deadline + 60_000) });
    drainer.follow({ ...first, deadline: epochMs(first.deadline - 90_000) });
    drainer.follow({ ...first, deadline: epochMs(first.deadline - 90_000) });
    await clock.advance(100);
    expect(notices.map((message) => [message.phase, message.deadline - first.deadline])).toEqual([
      ["seen", 0],
      ["superseded", -90_000],
    ]);
    expect(marks.at(-1)?.deadline).toBe(first.deadline - 90_000);
  });

  test("the same order again changes nothing", async () => {
    const { clock, drainer, reports, order } = setUp({ pods: [], goneAfterMs: null });
    const first = order(120);
    for (let i = 0; i < 3; i++) {
      drainer.follow(first);
      await clock.advance(100);
    }
    expect(reports.map((report) => report.phase)).toEqual(["started", "drained"]);
  });

  test("a notice takes over from a request", async () => {
    const { clock, drainer, phases, marks, order } = setUp({ pods: [pod("web")], goneAfterMs: null });
    drainer.follow(order(600, { id: "shrink-1", cause: "request", source: "coordinator" }));
    await clock.advance(100);
    drainer.follow(order(30));
    await clock.advance(100);
    expect(phases().slice(-3)).toEqual(["cancelled", "started", "wave medium"]);
    expect(marks.at(-1)).toMatchObject({ id: "drill-1", cause: "notice" });
  });

  test("a refusal is said with its reading and moves nobody", async () => {
    const { clock, drainer, sent, reports, marks, order } = setUp({ pods: THREE });
    const reading = { gpu: "GPU-1", p95: 0.9, threshold: 0.05, detail: "busy" };
    drainer.refuse(order(600, { id: "shrink-1", cause: "request", source: "coordinator" }), reading);
    await clock.advance(10_000);
    expect(sent).toEqual([]);
    expect(reports).toEqual([expect.objectContaining({ phase: "refused", reading })]);
    expect(marks).toEqual([expect.objectContaining({ phase: "refused", reading })]);
  });

  describe("after a restart", () => {
    test("goes on with the same id, start and deadline", async () => {
      const { clock, drainer, sent, marks, order } = setUp({ pods: THREE, goneAfterMs: null });
      const before = order(120);
      await clock.advance(20_000);
      drainer.adopt(left(before, "started"));
      drainer.follow(before);
      await clock.advance(1_000);
      // 20 s after the notice all barriers have passed.
      expect(sent.map((one) => one.name)).toEqual(["batch", "web", "train"]);
      expect(marks[0]).toMatchObject({
        id: before.id,
        seenAt: before.seenAt,
        deadline: before.deadline,
        phase: "started",
      });
    });

    test("a drain whose cause went meanwhile is undone without evicting anybody", async () => {
      const { clock, drainer, sent, phases, marks, order } = setUp({ pods: THREE });
      drainer.adopt(left(order(120), "started"));
      drainer.undo();
      await clock.advance(5_000);
      expect(sent).toEqual([]);
      expect(phases()).toEqual(["cancelled"]);
      expect(marks).toEqual([null]);
    });

    test("a deadline that passed meanwhile ends the drain", async () => {
      const { clock, drainer, sent, phases, reports, order } = setUp({ pods: THREE });
      const before = order(30);
      await clock.advance(60_000);
      drainer.adopt(left(before, "started"));
      drainer.follow(before);
      await clock.advance(5_000);
      expect(sent).toEqual([]);
      expect(phases()).toEqual(["started", "final"]);
      expect(reports.at(-1)?.counts).toMatchObject({ evicted: 0, gone: 0, blocked: 0, waiting: 3 });
    });

    test("a deadline that passed over an empty node is a node that is drained", async () => {
      const { clock, drainer, phases, order } = setUp({ pods: [pod("cni", { owner: "DaemonSet" })] });
      const before = order(30);
      await clock.advance(60_000);
      drainer.adopt(left(before, "started"));
      drainer.follow(before);
      await clock.advance(5_000);
      expect(phases()).toEqual(["started", "drained"]);
    });

    test("a drain that had ended is kept as it is", async () => {
      const { clock, drainer, phases, order } = setUp({ pods: [] });
      const before = order(120);
      drainer.adopt(left(before, "drained"));
      drainer.follow(before);
      await clock.advance(200_000);
      expect(phases()).toEqual([]);
      expect(drainer.busy).toBe(false);
    });
  });

  test("the reason for which a drill is refused fits on the node, however long names are", async () => {
    const { clock, drainer, marks, order } = setUp({ pods: [] });
    drainer.refuseDrill(order(120), "a drill stands; ".repeat(100));
    await clock.advance(100);
    const state = marks.at(-1) ?? null;
    expect(readDrainState(JSON.stringify({ ...state, cordonedByUs: false }))).toMatchObject({
      kind: "value",
      value: { phase: "refused" },
    });
  });

  test("a drill that an earlier process refused, and that begins under the same id, begins anew", async () => {
    const { clock, drainer, reports, order } = setUp({ pods: [] });
    const before = order(120);
    drainer.adopt(left(before, "refused"));
    drainer.follow(before);
    await clock.advance(1_000);
    expect(reports.at(-1)).toMatchObject({ phase: "drained", summary: { markedMs: 20 } });
  });

  test("a clock that was set back while no agent ran does not make pods wait for it", async () => {
    const { clock, drainer, sent, order } = setUp({ pods: [pod("web")] });
    const before = order(7_200, { seenAt: epochMs(clock.now() + 3_600_000) });
    drainer.adopt(left(before, "started"));
    drainer.follow(before);
    await clock.advance(10_000);
    expect(sent).toHaveLength(1);
  });

  test("a stopping agent leaves the marks and the pods to the next one", async () => {
    const { clock, drainer, sent, marks, phases, order } = setUp({ pods: THREE, goneAfterMs: null });
    drainer.follow(order(120));
    await clock.advance(100);
    drainer.leave();
    await clock.advance(60_000);
    await settle();
    expect(sent).toHaveLength(1);
    expect(marks.map((one) => one?.phase)).toEqual(["started"]);
    expect(phases()).toEqual(["started", "wave low"]);
  });
});
