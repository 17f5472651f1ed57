import { expect, test } from "vitest";

import { epochMs, millis } from "../../shared/model/units.ts";
import type { EventRecord } from "../../shared/runtime/kube/events.ts";
import { createLogSink } from "../../shared/runtime/log.ts";
import { reportMoves } from "./events.ts";
import type { MoveReport } from "./move-report.ts";

const PLAN = { at: epochMs(0), moves: [], holds: [], unplaced: [], figures: [] };

async function eventsOf(outcome: MoveReport["outcome"]): Promise<readonly EventRecord[]> {
  const records: EventRecord[] = [];
  const done: MoveReport = {
    policy: "gpus",
    move: { key: "gpus/a/shrink/n1", kind: "shrink", pool: "a", node: "n1", from: 2, to: 1 },
    outcome,
    ms: millis(5),
  };
  await reportMoves(
    [done],
    PLAN,
    () => "uid-of-policy",
    { signal: new AbortController().signal, deadlineMs: millis(1_000) },
    { record: async (record) => void records.push(record), log: createLogSink().log },
  );
  return records;
}

test("a move of a node is told on the policy and on the node, each by the uid that kubectl describe asks for", async () => {
  const records = await eventsOf({ kind: "applied" });
  expect(records.map(({ subject }) => [subject.kind, subject.name, subject.uid])).toEqual([
    ["AutoscalingPolicy", "gpus", "uid-of-policy"],
    ["Node", "n1", "n1"],
  ]);
});

test("a move that goes on, or whose end nobody knows, is told when it has ended", async () => {
  expect(await eventsOf({ kind: "unsettled", detail: "no answer" })).toEqual([]);
  expect(await eventsOf({ kind: "draining", detail: "the agent drains: wave" })).toEqual([]);
});

test("a refusal of the agent is no warning, a failure is", async () => {
  const [refused] = await eventsOf({ kind: "failed", detail: "the agent refused: GPU-1 at 80 %" });
  const [failed] = await eventsOf({ kind: "failed", detail: "403" });
  expect([refused?.type, failed?.type]).toEqual(["Normal", "Warning"]);
});
