import { expect, test } from "vitest";

import { verdict } from "../../../test/build/candidate.ts";
import { node, reported } from "../../../test/build/node.ts";
import { MINUTE, NOW, SECOND } from "../../../test/build/now.ts";
import { pod } from "../../../test/build/pod.ts";
import { memory, snapshot } from "../../../test/build/snapshot.ts";
import { emptyWindow } from "./empty-window.ts";

test.each([
  ["4 min 59 s", 299 * SECOND, "empty-too-short"],
  ["5 min", 300 * SECOND, undefined],
])("empty for %s", (_text, emptyMs, code) => {
  const input = snapshot({ nodes: [node("n1")], memory: memory({ n1: { emptyMs } }) });
  expect(verdict(emptyWindow, input)?.code).toBe(code);
});

test("a silent agent does not keep an empty node", () => {
  const telemetry = reported({ ageMs: 60 * MINUTE, since: [] });
  const input = snapshot({
    nodes: [node("n1", { telemetry })],
    memory: memory({ n1: { emptyMs: 6 * MINUTE } }),
  });
  expect(verdict(emptyWindow, input)).toBeNull();
});

test("DaemonSet and static pods do not fill a node, any other pod does", () => {
  const held = memory({ n1: { emptyMs: 6 * MINUTE } });
  const standing = [
    pod("ds", { node: "n1", daemon: true, gpus: 0 }),
    pod("static", { node: "n1", mirror: true, gpus: 0 }),
  ];
  expect(verdict(emptyWindow, snapshot({ nodes: [node("n1")], pods: standing, memory: held }))).toBeNull();
  expect(verdict(emptyWindow, snapshot({ nodes: [node("n1")], memory: memory({}) }))).toMatchObject({
    code: "empty-too-short",
    forMs: 0,
  });
});

test("nobody watched during a long gap between decisions, so the time starts again", () => {
  const before = memory({ n1: { emptyMs: 60 * MINUTE } }, NOW - 6 * SECOND);
  expect(verdict(emptyWindow, snapshot({ nodes: [node("n1")], memory: before }))).toMatchObject({
    code: "empty-too-short",
    forMs: 0,
  });
});
