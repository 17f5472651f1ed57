import { describe, expect, test } from "vitest";

import { epochMs } from "../../../shared/model/units.ts";
import { digest, drainState, node, reported } from "../../../test/build/node.ts";
import { MINUTE, NOW, SECOND } from "../../../test/build/now.ts";
import { pod } from "../../../test/build/pod.ts";
import { move, policy } from "../../../test/build/policy.ts";
import { shrinks, snapshot } from "../../../test/build/snapshot.ts";
import { decide } from "../decide.ts";
import { EMPTY_MEMORY } from "../snapshot-memory.ts";
import type { Memory } from "../snapshot-memory.ts";
import type { ReportDigest, Snapshot } from "../snapshot.ts";
import { assemble } from "./fleet.ts";
import { foldReports, refusalOf } from "./idle.ts";

const occupied = [pod("web", { node: "n1", gpus: 0 }), pod("other", { node: "n2", gpus: 8 })];
const policies = [policy()];

/** Decides every 10 s for `forMs` while the agent reports every 5 s; says after how long the node went. */
function removedAfter(
  forMs: number,
  report: (atMs: number) => ReportDigest | null,
  from: Memory = EMPTY_MEMORY,
): number | null {
  let memory = from;
  for (let atMs = 10 * SECOND; atMs <= forMs; atMs += 10 * SECOND) {
    const at = NOW + atMs;
    const since = [atMs - 5 * SECOND, atMs].flatMap((ms) => report(ms) ?? []);
    const last = since.at(-1)?.at;
    const telemetry =
      last === undefined
        ? reported({ ageMs: 20 * SECOND, at, since: [] })
        : reported({ ageMs: at - last, at, since });
    const decision = decide(
      snapshot({ at, nodes: [node("n1", { telemetry }), node("n2")], pods: occupied, policies, memory }),
    );
    if (shrinks(decision).length > 0) return atMs;
    memory = decision.memory;
  }
  return null;
}

const calm = (atMs: number): ReportDigest => digest(NOW + atMs, { busiest: 0.05 });

describe("the idle timer, over cycles of the whole decision", () => {
  test("9 min 50 s of idleness remove nothing, 10 min 10 s do", () => {
    // The first report is 5 s in, so the window is full at 10 min 5 s and the next cycle is at 10 min 10 s.
    expect(removedAfter(9 * MINUTE + 50 * SECOND, calm)).toBeNull();
    expect(removedAfter(20 * MINUTE, calm)).toBe(10 * MINUTE + 10 * SECOND);
  });

  test("one busy sample in the middle starts the window again", () => {
    const blip = (atMs: number) =>
      atMs === 5 * MINUTE ? digest(NOW + atMs, { busiest: 0.05, peak: 0.5 }) : calm(atMs);
    expect(removedAfter(10 * MINUTE + 10 * SECOND, blip)).toBeNull();
    expect(removedAfter(20 * MINUTE, blip)).toBe(15 * MINUTE + 10 * SECOND);
  });

  test("a gap of 20 s starts the window again, one of 10 s does not", () => {
    const gap = (lengthMs: number) => (atMs: number) =>
      atMs > 5 * MINUTE && atMs < 5 * MINUTE + lengthMs ? null : calm(atMs);
    expect(removedAfter(20 * MINUTE, gap(20 * SECOND))).toBe(15 * MINUTE + 20 * SECOND);
    expect(removedAfter(20 * MINUTE, gap(10 * SECOND))).toBe(10 * MINUTE + 10 * SECOND);
  });

  test("a report that does not know one GPU, or covers half its window, starts the window again", () => {
    for (const bad of [
      digest(NOW + 5 * MINUTE, { busiest: null }),
      digest(NOW + 5 * MINUTE, { coverage: 0.5 }),
    ]) {
      expect(removedAfter(20 * MINUTE, (atMs) => (atMs === 5 * MINUTE ? bad : calm(atMs)))).toBe(
        15 * MINUTE + 10 * SECOND,
      );
    }
  });

  test("without memory, as after a restart that lost it, one whole window is seen again", () => {
    expect(removedAfter(9 * MINUTE, calm, EMPTY_MEMORY)).toBeNull();
  });

  test("an agent that falls silent keeps its node for good", () => {
    expect(removedAfter(60 * MINUTE, (atMs) => (atMs < 9 * MINUTE ? calm(atMs) : null))).toBeNull();
  });
});

describe("foldReports()", () => {
  const before = { idleSince: epochMs(NOW - MINUTE), lastReportAt: epochMs(NOW - 5 * SECOND) };

  test("a report from before the last one sets the timer back when it is busy, and never forward", () => {
    const older = (busiest: number) => reported({ since: [digest(NOW - 20 * SECOND, { busiest })] });
    expect(foldReports(before, older(0), 0.2, NOW)).toEqual(before);
    expect(foldReports(before, older(1), 0.2, NOW)).toEqual({ ...before, idleSince: null });
  });

  test("exactly the threshold is not below it", () => {
    expect(
      foldReports(before, reported({ since: [digest(NOW, { busiest: 0.2 })] }), 0.2, NOW).idleSince,
    ).toBeNull();
  });

  test("a source that is not ready forgets everything", () => {
    const telemetry = { kind: "unknown", because: "source-not-ready", detail: "driver not loaded" } as const;
    expect(foldReports(before, telemetry, 0.2, NOW)).toEqual({ idleSince: null, lastReportAt: null });
  });
});

describe("the empty timer", () => {
  const remembered: Memory = {
    ...EMPTY_MEMORY,
    at: epochMs(NOW - 5 * MINUTE),
    nodes: { n1: { idleSince: null, lastReportAt: null, emptySince: epochMs(NOW - 8 * MINUTE) } },
  };
  const emptySince = (sync: Snapshot["sync"]): number | null =>
    decide(snapshot({ nodes: [node("n1")], memory: remembered, sync })).memory.nodes["n1"]?.emptySince ??
    null;

  test("begins anew after a gap, unless nothing can have happened unseen since the decision before", () => {
    const since = epochMs(NOW - 60 * MINUTE);
    expect(emptySince({ kind: "synced", since })).toBe(NOW);
    expect(emptySince({ kind: "synced", since, gapless: true })).toBe(NOW - 8 * MINUTE);
    expect(emptySince({ kind: "synced", since: epochMs(NOW - MINUTE), gapless: true })).toBe(NOW);
  });
});

describe("a removal that failed", () => {
  test("costs the node one full window, empty or idle", () => {
    const failed = [
      move(NOW, { kind: "shrink", node: "n1", phase: "failed", from: 1, to: 0, agoMs: MINUTE }),
    ];
    const memory: Memory = {
      ...EMPTY_MEMORY,
      at: epochMs(NOW - 5 * SECOND),
      nodes: {
        n1: {
          idleSince: epochMs(NOW - 60 * MINUTE),
          lastReportAt: epochMs(NOW - 5 * SECOND),
          emptySince: epochMs(NOW - 60 * MINUTE),
        },
      },
    };
    const input = snapshot({
      nodes: [node("n1", { telemetry: reported({ busiest: 0.01 }) })],
      policies: [policy({ journal: { moves: failed } })],
      memory,
    });
    const decision = decide(input);
    expect(shrinks(decision)).toEqual([]);
    expect(decision.memory.nodes["n1"]).toMatchObject({ idleSince: NOW, emptySince: NOW });
  });
});

test.each([
  ["a removal that the agent refused", { cause: "request", source: "coordinator" }, NOW],
  ["a drill that it refused", { cause: "notice", source: "drill" }, null],
] as const)("%s", (_name, about, expected) => {
  const refused = node("n1", { drainState: drainState({ phase: "refused", ...about }) });
  const [spot] = assemble(snapshot({ nodes: [refused], policies })).pools;
  const state = spot?.nodes[0];
  expect(spot === undefined || state === undefined ? undefined : refusalOf(state, spot)).toBe(expected);
});
