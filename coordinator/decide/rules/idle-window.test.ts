import { expect, test } from "vitest";

import { verdict } from "../../../test/build/candidate.ts";
import { node, reported, digest, drainState } from "../../../test/build/node.ts";
import { MINUTE, NOW, SECOND } from "../../../test/build/now.ts";
import { pod } from "../../../test/build/pod.ts";
import { memory, snapshot } from "../../../test/build/snapshot.ts";
import { idleWindow } from "./idle-window.ts";

const occupied = [pod("p", { node: "n1", gpus: 0 })];
/** Since the last report came; what was before it counts, what came after it nobody has seen. */
const REPORT_AGE = 2 * SECOND;
const idleFor = (idleMs: number, reading = reported({ busiest: 0.05 }), extra = {}) =>
  snapshot({
    nodes: [node("n1", { telemetry: reading, ...extra })],
    pods: occupied,
    memory: memory({ n1: { idleMs: idleMs + REPORT_AGE } }),
  });

const snapshotNeverIdle = (reading: ReturnType<typeof reported>) =>
  snapshot({ nodes: [node("n1", { telemetry: reading })], pods: occupied });

test.each([
  ["9 min 50 s", 590 * SECOND, "idle-too-short"],
  ["10 min", 600 * SECOND, undefined],
  ["10 min 10 s", 610 * SECOND, undefined],
])("idle for %s", (_text, idleMs, code) => {
  expect(verdict(idleWindow, idleFor(idleMs))?.code).toBe(code);
});

test("one sample above the threshold in the newest report: busy, with its reading", () => {
  const reading = reported({ busiest: 0.1, peak: 0.6 });
  expect(verdict(idleWindow, idleFor(20 * MINUTE, reading))).toEqual({
    code: "busy",
    node: "n1",
    busiest: 0.6,
    threshold: 0.2,
  });
});

test("busy between two reports: the last minute says so", () => {
  const reading = reported({ since: [], mean: 0.7 });
  expect(verdict(idleWindow, snapshotNeverIdle(reading))).toMatchObject({ code: "busy", busiest: 0.7 });
});

test("a blip between two quiet reports starts the time again", () => {
  const since = [digest(NOW - 6_000, { busiest: 0.05, peak: 0.9 }), digest(NOW - 2_000, { busiest: 0.05 })];
  expect(verdict(idleWindow, idleFor(20 * MINUTE, reported({ since })))).toMatchObject({
    code: "idle-too-short",
    forMs: 0,
  });
});

test("the agent's refusal is the reason while it costs the node a window", () => {
  const refused = { drainState: drainState({ phase: "refused", seenAt: NOW - MINUTE }) };
  expect(verdict(idleWindow, idleFor(20 * MINUTE, undefined, refused))?.code).toBe("agent-refused");
});

test("a refusal from before the window costs nothing more", () => {
  const refused = { drainState: drainState({ phase: "refused", seenAt: NOW - 30 * MINUTE }) };
  expect(verdict(idleWindow, idleFor(11 * MINUTE, undefined, refused))).toBeNull();
});
