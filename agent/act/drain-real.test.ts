import { describe, expect, test } from "vitest";

import type { DrainState } from "../../shared/contract/node-marks.ts";
import { epochMs } from "../../shared/model/units.ts";
import { BLOCKED, drainPod as pod, setUpDrainer as setUp } from "../../test/build/drainer.ts";
import type { DrainOrder } from "./order.ts";

const THREE = [pod("train", { priority: "high" }), pod("web"), pod("batch", { priority: "low" })];

const left = (order: DrainOrder, phase: DrainState["phase"], more: Partial<DrainState> = {}): DrainState => {
  const { confirmed: _, ...rest } = order;
  return { v: 1, ...rest, phase, cordonedByUs: true, ...more };
};

describe("a real notice", () => {
  test("is summed up where it ends: when it was marked, who was asked when, and with what", async () => {
    const { clock, drainer, reports, marks, real } = setUp({ pods: THREE, goneAfterMs: 10_000 });
    drainer.follow(real(120));
    await clock.advance(30_000);
    const summary = {
      markedMs: 20,
      firstEvictionMs: 20,
      lastEvictionMs: 8_000,
      drainedMs: 18_000,
      evicted: 3,
      forced: 0,
      left: 0,
      kept: 0,
      hooks: { asked: 0, saved: 0, failed: 0 },
      classes: {
        low: { pods: 1, firstMs: 20, lastMs: 20, minGraceS: 30, maxGraceS: 30 },
        medium: { pods: 1, firstMs: 5_000, lastMs: 5_000, minGraceS: 30, maxGraceS: 30 },
        high: { pods: 1, firstMs: 8_000, lastMs: 8_000, minGraceS: 107, maxGraceS: 107 },
      },
    };
    expect(reports.at(-1)).toMatchObject({ phase: "drained", summary });
    expect(marks.at(-1)).toMatchObject({ phase: "drained", summary });
    // Waves are not worth a write, nor a summary.
    expect(reports.filter((report) => report.summary !== undefined)).toHaveLength(1);
  });

  test("that its machine survives is said once, a minute after the deadline, and the marks stay", async () => {
    const { clock, drainer, phases, notices, marks, real } = setUp({ pods: THREE, goneAfterMs: null });
    const notice = real(120);
    drainer.follow(notice);
    await clock.advance(120_000);
    expect(phases().at(-1)).toBe("final");
    expect(drainer.busy).toBe(false);
    await clock.advance(59_900);
    expect(phases().at(-1)).toBe("final");
    await clock.advance(200);
    expect(phases().at(-1)).toBe("survived");
    expect(marks.at(-1)).toMatchObject({ phase: "survived", id: "aws-1", summary: { evicted: 3, left: 3 } });
    drainer.follow(notice);
    await clock.advance(600_000);
    expect(phases().filter((phase) => phase === "survived")).toHaveLength(1);
    expect(notices.map(({ phase }) => phase)).toEqual(["seen", "survived"]);
  });

  test("is survived as well when all pods had left in time", async () => {
    const { clock, drainer, phases, real } = setUp({ pods: THREE, goneAfterMs: 500 });
    drainer.follow(real(30));
    await clock.advance(95_000);
    expect(phases().slice(-2)).toEqual(["drained", "survived"]);
  });

  test("a drill and a mark that nobody confirms are never survived", async () => {
    for (const source of ["drill", "aws"] as const) {
      const { clock, drainer, phases, order } = setUp({ pods: THREE, goneAfterMs: null });
      drainer.follow(order(30, { source }));
      await clock.advance(600_000);
      expect(phases().at(-1)).toBe("final");
    }
  });

  test("ends a drill that is going on: what it has evicted stays so, and is not asked again", async () => {
    const { clock, drainer, sent, deleted, phases, notices, marks, givenUp, arrive, order, real } = setUp({
      pods: THREE,
      answer: ({ name }) => (name === "batch" ? { kind: "accepted" } : BLOCKED),
      goneAfterMs: null,
    });
    drainer.follow(order(120));
    await clock.advance(6_000);
    // The watch shows that the one that was evicted is on its way.
    const [, , batch] = THREE;
    const goneAt = new Date(clock.now() + 24_000).toISOString();
    if (batch !== undefined) arrive({ ...batch, metadata: { ...batch.metadata, deletionTimestamp: goneAt } });
    await clock.advance(100);
    drainer.follow(real(60));
    await clock.advance(59_000);
    expect(phases()).toEqual([
      "started",
      "wave low",
      "wave medium",
      "cancelled",
      "started",
      "wave medium",
      "wave high",
      "final",
    ]);
    expect(notices.map(({ id, phase }) => `${id} ${phase}`)).toEqual([
      "drill-1 seen",
      "drill-1 cancelled",
      "aws-1 seen",
    ]);
    expect(givenUp).toEqual(["drill-1"]);
    expect(sent.filter(({ name }) => name === "batch")).toHaveLength(1);
    expect(deleted.map(({ name }) => name).toSorted()).toEqual(["train", "web"]);
    // The marks are never taken back between the two, so that the cordon stays whose it is.
    expect(marks.every((one) => one !== null)).toBe(true);
  });

  test("that is confirmed while a mark is being walked forces from then on, and gives high pods all that is left", async () => {
    const { clock, drainer, sent, deleted, phases, real } = setUp({
      pods: [pod("web", { graceS: 20 }), pod("train", { priority: "high", graceS: 20 })],
      answer: ({ name }) => (name === "web" ? BLOCKED : { kind: "accepted" }),
      goneAfterMs: null,
    });
    const notice = real(120);
    drainer.follow({ ...notice, confirmed: false });
    await clock.advance(7_000);
    expect(deleted).toEqual([]);
    drainer.follow(notice);
    await clock.advance(200_000);
    expect(sent.find(({ name }) => name === "train")).toMatchObject({ atMs: 8_000, graceSeconds: 107 });
    expect(deleted.map(({ name, atMs }) => [name, atMs])).toEqual([["web", 95_000]]);
    expect(phases()).toEqual(["started", "wave medium", "wave high", "final", "survived"]);
  });

  test("that is confirmed is not doubted again", async () => {
    const { clock, drainer, deleted, real } = setUp({ pods: [pod("web")], answer: () => BLOCKED });
    const notice = real(30);
    drainer.follow(notice);
    drainer.follow({ ...notice, confirmed: false });
    await clock.advance(29_000);
    expect(deleted).toHaveLength(1);
  });

  test("that comes nearer is counted from then on: who was not asked starts, and force comes in time", async () => {
    const { clock, drainer, sent, deleted, notices, marks, real } = setUp({
      pods: THREE,
      answer: () => BLOCKED,
      goneAfterMs: null,
    });
    const notice = real(3_600);
    drainer.follow(notice);
    await clock.advance(2_000);
    expect(sent.every(({ name }) => name === "batch")).toBe(true);
    drainer.follow({ ...notice, deadline: epochMs(clock.now() + 15_000) });
    await clock.advance(100);
    expect(new Set(sent.map(({ name }) => name))).toEqual(new Set(["batch", "web", "train"]));
    await clock.advance(15_000);
    // 13 s are usable from then on.
    expect(deleted.map(({ name, atMs }) => [name, atMs])).toEqual([
      ["train", 2_000 + 5_200],
      ["web", 2_000 + 9_100],
      ["batch", 2_000 + 9_750],
    ]);
    expect(notices.map(({ phase }) => phase)).toEqual(["seen", "superseded"]);
    expect(marks[1]).toMatchObject({ phase: "started", seenAt: notice.seenAt });
  });
});

describe("a real notice after a restart", () => {
  test("is walked as a drill until the metadata says it again", async () => {
    const { clock, drainer, deleted, real } = setUp({ pods: [pod("web")], answer: () => BLOCKED });
    const notice = real(120);
    drainer.adopt(left(notice, "started"));
    drainer.follow({ ...notice, confirmed: false });
    await clock.advance(100_000);
    expect(deleted).toEqual([]);
    drainer.follow(notice);
    await clock.advance(100);
    expect(deleted).toHaveLength(1);
  });

  test("is told when the metadata says it again, and once", async () => {
    const { clock, drainer, notices, real } = setUp({ pods: [pod("web")] });
    const notice = real(120);
    drainer.adopt(left(notice, "started"));
    drainer.follow({ ...notice, confirmed: false });
    await clock.advance(1_000);
    expect(notices).toEqual([]);
    drainer.follow(notice);
    drainer.follow({ ...notice, deadline: epochMs(notice.deadline - 1_000) });
    expect(notices.map(({ phase }) => phase)).toEqual(["seen", "superseded"]);
  });

  test("that stands when its machine should be gone by far has been survived, although no agent was there", async () => {
    const { clock, drainer, phases, sent, real } = setUp({ pods: THREE });
    const notice = real(30);
    await clock.advance(600_000);
    drainer.adopt(left(notice, "final"));
    drainer.follow({ ...notice, confirmed: false });
    await clock.advance(1_000);
    expect(phases()).toEqual([]);
    drainer.follow(notice);
    await clock.advance(1_000);
    expect(phases()).toEqual(["survived"]);
    expect(sent).toEqual([]);
  });

  test("goes on after its deadline when it is confirmed only then", async () => {
    const { clock, drainer, phases, deleted, real } = setUp({
      pods: [pod("web")],
      answer: () => BLOCKED,
      goneAfterMs: null,
    });
    const notice = real(30);
    drainer.adopt(left(notice, "started"));
    drainer.follow({ ...notice, confirmed: false });
    await clock.advance(40_000);
    expect(phases()).toEqual(["started", "wave medium", "final"]);
    drainer.follow(notice);
    await clock.advance(5_000);
    expect(deleted).toHaveLength(1);
    await clock.advance(60_000);
    expect(phases().at(-1)).toBe("survived");
  });

  test("that had been drained is watched until its machine has survived it, with its summary kept", async () => {
    const { clock, drainer, phases, marks, sent, told, real } = setUp({ pods: [], saving: {} });
    const notice = real(120);
    const summary = {
      evicted: 3,
      forced: 0,
      left: 0,
      kept: 0,
      hooks: { asked: 1, saved: 1, failed: 0 },
      classes: {},
    };
    drainer.adopt(left(notice, "drained", { summary }));
    drainer.follow(notice);
    await clock.advance(100);
    expect(marks).toEqual([expect.objectContaining({ phase: "drained", summary })]);
    expect(drainer.busy).toBe(false);
    await clock.advance(200_000);
    expect(phases()).toEqual(["survived"]);
    expect([...sent, ...told]).toEqual([]);
  });

  test("that was survived is done", async () => {
    const { clock, drainer, phases, sent, real } = setUp({ pods: THREE });
    const notice = real(30);
    await clock.advance(100_000);
    drainer.adopt(left(notice, "survived"));
    drainer.follow(notice);
    await clock.advance(600_000);
    expect(phases()).toEqual([]);
    expect(sent).toEqual([]);
  });
});
