import { describe, expect, test } from "vitest";

import type { DrainSummary } from "../../../shared/contract/drain-summary.ts";
import type { DrillEvent, DrillReport } from "./events.ts";
import { eventText, reportText } from "./words.ts";

const SUMMARY: DrainSummary = {
  publishedMs: 40,
  markedMs: 60,
  firstEvictionMs: 80,
  lastEvictionMs: 8_120,
  drainedMs: 9_800,
  evicted: 6,
  forced: 0,
  left: 0,
  kept: 1,
  hooks: { asked: 2, saved: 1, failed: 1 },
  classes: {
    low: { pods: 2, firstMs: 80, lastMs: 90, minGraceS: 17, maxGraceS: 17 },
    high: { pods: 4, firstMs: 8_050, lastMs: 8_420, minGraceS: 30, maxGraceS: 300 },
  },
};

const REPORT: DrillReport = {
  node: "n1",
  id: "drill-n1-1",
  phase: "drained",
  seenAt: "2026-01-01T00:00:00.000Z",
  deadline: "2026-01-01T00:02:00.000Z",
  summary: SUMMARY,
  left: [],
  kept: [{ pod: "default/alone", why: "stays: nobody makes it again" }],
};

describe("eventText()", () => {
  test.each<[DrillEvent, string]>([
    [{ kind: "warning", detail: "look out" }, "note: look out"],
    [
      { kind: "asked-for", node: "n1", deadline: "2026-01-01T00:02:00.000Z", leadSeconds: 120 },
      "Drill of node n1: as if it went at 2026-01-01T00:02:00.000Z, in 120 s",
    ],
    [{ kind: "joined", node: "n1", deadline: null }, "A drill of node n1 stands already; following it"],
    [
      { kind: "held", id: "x", deadline: "d", clockSeconds: -0.2 },
      "  +1.2 s    the agent holds it: the node is cordoned and marked",
    ],
    [
      { kind: "held", id: "x", deadline: "d", clockSeconds: -300 },
      "  +1.2 s    the agent holds it: the node is cordoned and marked; its clock is 300 s behind this one",
    ],
    [
      { kind: "held", id: "x", deadline: "d", clockSeconds: 7 },
      "  +1.2 s    the agent holds it: the node is cordoned and marked; its clock is 7 s ahead of this one",
    ],
    [
      {
        kind: "plan",
        mode: "staggered",
        pods: { low: 1, medium: 0, high: 2, system: 0 },
        leaving: 1,
        kept: [{ pod: "default/a", why: "stays: so" }],
      },
      "  +1.2 s    3 pods to move: 1 low, 2 high; 1 pod left before\n  +1.2 s      default/a stays: so",
    ],
    [
      {
        kind: "plan",
        mode: "parallel",
        pods: { low: 1, medium: 1, high: 0, system: 0 },
        leaving: 0,
        kept: [],
      },
      "  +1.2 s    2 pods to move: 1 low, 1 medium, all classes at once",
    ],
    [
      {
        kind: "plan",
        mode: "parallel",
        pods: { low: 0, medium: 0, high: 0, system: 0 },
        leaving: 0,
        kept: [],
      },
      "  +1.2 s    no pod has to move",
    ],
    [{ kind: "wave", class: "high" }, "  +1.2 s    wave high"],
    [
      { kind: "evicting", pod: "default/a", class: "low", graceSeconds: 17 },
      "  +1.2 s      default/a is asked to leave, with 17 s of grace",
    ],
    [
      { kind: "evicting", pod: "default/a", class: "low", graceSeconds: null },
      "  +1.2 s      default/a is asked to leave",
    ],
    [
      { kind: "gone", pod: "default/a", class: "low", tookSeconds: 0.345 },
      "  +1.2 s      default/a is gone after 0.3 s",
    ],
    [{ kind: "gone", pod: "default/a", class: "low", tookSeconds: null }, "  +1.2 s      default/a is gone"],
    [
      {
        kind: "blocked",
        pod: "default/a",
        class: "low",
        budgets: ["default/b"],
        why: "budget default/b says no",
      },
      "  +1.2 s      default/a (low) waits: budget default/b says no",
    ],
    [
      { kind: "arrived", pod: "default/a", class: "low" },
      "  +1.2 s      default/a (low) has come to the node",
    ],
    [{ kind: "no-answer", detail: "nobody is there" }, "  +1.2 s    nobody is there"],
    [{ kind: "away", why: "503" }, "  +1.2 s    the API server is not heard of (503); trying again"],
    [{ kind: "back" }, "  +1.2 s    the API server answers again"],
    [{ kind: "ended", how: "node-gone", detail: "Node n1 is gone" }, "Node n1 is gone"],
  ])("says %j", (event, text) => {
    expect(eventText(event, 1.24)).toBe(text);
  });
});

describe("reportText()", () => {
  test("shows what the agent measured, class by class, and how to give the node back", () => {
    expect(reportText(REPORT)).toBe(
      [
        "Report of the drill of node n1: drained",
        "  seen              2026-01-01T00:00:00.000Z",
        "  published         after 0.04 s",
        "  marked            after 0.06 s",
        "  first pod asked   after 0.08 s",
        "  last pod asked    after 8.12 s",
        "  drained           after 9.80 s",
        "  deadline          2026-01-01T00:02:00.000Z",
        "  evicted           6, of which 0 forced past budgets",
        "  left at the end   0, and 1 kept where they are",
        "  checkpoint hooks  2 asked, 1 saved, 1 failed",
        "  class  pods  asked after     grace given",
        "  low    2     0.08 to 0.09 s  17 s",
        "  high   4     8.05 to 8.42 s  30 to 300 s",
        "  kept: default/alone",
        "The node stays cordoned until the drill is ended: gpuasctl drill n1 --cancel",
      ].join("\n"),
    );
  });

  test("of a deadline that came first names who was left, and says what it does not know", () => {
    const text = reportText({
      ...REPORT,
      phase: "final",
      kept: [],
      left: ["default/web-0", "default/web-1"],
      summary: {
        evicted: 0,
        forced: 0,
        left: 2,
        kept: 0,
        hooks: { asked: 0, saved: 0, failed: 0 },
        classes: {},
      },
    });
    expect(text).toContain("n1: the deadline came first, with 2 pods left\n");
    expect(text).toContain("  published         not stored by NATS when this was written\n");
    expect(text).toContain("  first pod asked   none\n");
    expect(text).toContain("  checkpoint hooks  none\n");
    expect(text).toContain("  left: default/web-0\n  left: default/web-1\n");
    expect(text).not.toContain("class  pods");
  });

  test("without a summary says that there is none", () => {
    const text = reportText({ ...REPORT, summary: null });
    expect(text).toContain("times  not known: the agent has written no summary");
  });
});
