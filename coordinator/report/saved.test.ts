import { describe, expect, test } from "vitest";

import type { Checkpoint } from "../../shared/contract/checkpoint.ts";
import { node } from "../../test/build/node.ts";
import { NOW } from "../../test/build/now.ts";
import { move, policy, pool } from "../../test/build/policy.ts";
import { notice, snapshot } from "../../test/build/snapshot.ts";
import { noticeLines, rateText } from "./interruption-text.ts";
import { savedEvents, savedOf, savedText } from "./saved.ts";

const saved: Checkpoint = { pod: "ml/w0", result: "saved", tookMs: 900, step: 1200, uri: "s3://b/1200" };
const failed: Checkpoint = { pod: "ml/w1", result: "failed", tookMs: 3, detail: "500" };

const withCheckpoints = (checkpoints: readonly Checkpoint[], name = "n1") =>
  snapshot({ policies: [policy()], nodes: [node("n1")], notices: [notice(name, { checkpoints })] });

describe("what was saved", () => {
  test("is what pods say that they saved, at most 16 of them", () => {
    expect(savedOf([saved, failed])).toEqual([{ pod: "ml/w0", step: 1200, uri: "s3://b/1200" }]);
    expect(savedOf(Array.from({ length: 40 }, (_, at) => ({ ...saved, pod: `p${at}` })))).toHaveLength(16);
    expect(savedOf(undefined)).toEqual([]);
  });

  test("is told as far as the pod said it", () => {
    expect(savedText({ pod: "ml/w0", step: 3, uri: "s3://b" })).toBe("pod ml/w0 saved step 3 at s3://b");
    expect(savedText({ pod: "ml/w0" })).toBe("pod ml/w0 saved its state");
  });
});

describe("savedEvents()", () => {
  test("tells the policy once, and again when more is saved", () => {
    const told = new Map<string, number>();
    const first = savedEvents(withCheckpoints([saved]), () => "uid", told);
    expect(first).toMatchObject([
      {
        subject: { name: "demo", uid: "uid" },
        reason: "Checkpoint",
        message: "before the end of node n1: pod ml/w0 saved step 1200 at s3://b/1200",
      },
    ]);
    expect(savedEvents(withCheckpoints([saved]), () => "uid", told)).toEqual([]);
    expect(savedEvents(withCheckpoints([saved, { ...saved, pod: "ml/w2" }]), () => "uid", told)).toHaveLength(
      1,
    );
  });

  test("tells of a machine that its group has been told to let go", () => {
    const released = move(NOW, { kind: "release", phase: "applied", node: "n1" });
    const policies = [
      policy({ pools: [pool("spot", { instances: [], size: 0 })], journal: { moves: [released] } }),
    ];
    const notices = [notice("n1", { checkpoints: [saved] })];
    const seen = snapshot({ policies, nodes: [node("n1")], notices });
    expect(savedEvents(seen, () => "uid", new Map())).toHaveLength(1);
  });

  test("tells nobody of a node that is no policy's, or of what was not saved", () => {
    expect(savedEvents(withCheckpoints([failed]), () => "uid", new Map())).toEqual([]);
    expect(savedEvents(withCheckpoints([saved], "alone"), () => "uid", new Map())).toEqual([]);
  });
});

describe("noticeLines()", () => {
  test("says what stands against a node, and what came of the call to save", () => {
    const lines = noticeLines(
      notice("n1", { action: "terminate", drained: true, checkpoints: [saved, failed] }),
    );
    expect(lines).toEqual([
      "  under notice (aws, terminate), ends 2026-01-15 12:02 UTC, drained",
      "    pod ml/w0 saved step 1200 at s3://b/1200",
      "    pod ml/w1 did not save: failed, 500",
    ]);
  });

  test("calls a hint one", () => {
    const [hint] = noticeLines(notice("n1", { kind: "rebalance", deadline: NOW, seenAt: NOW }));
    expect(hint).toBe("  hint of rebalance (aws), seen 2026-01-15 12:00 UTC");
  });
});

describe("rateText()", () => {
  test("gives Young's interval for a minute of saving", () => {
    // √(2 · 60 s · 86,400 s / 0.5) = 4,554 s.
    expect(rateText({ interruptions: 4, nodeDays: 8 })).toBe(
      "0.5 a node and day in 8 node-days seen; work that takes 1 min to save is best saved every 1 h 15 min on one node, √N times as often on N",
    );
  });

  test("gives no advice where nothing was interrupted", () => {
    expect(rateText({ interruptions: 0, nodeDays: 30 })).toBe("none in 30 node-days seen");
  });
});
