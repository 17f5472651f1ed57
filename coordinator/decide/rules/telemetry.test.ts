import { expect, test } from "vitest";

import { verdict } from "../../../test/build/candidate.ts";
import { node, reported } from "../../../test/build/node.ts";
import { SECOND } from "../../../test/build/now.ts";
import { pod } from "../../../test/build/pod.ts";
import { snapshot } from "../../../test/build/snapshot.ts";
import { telemetry } from "./telemetry.ts";

const input = (reading: Parameters<typeof node>[1]) =>
  snapshot({ nodes: [node("n1", reading)], pods: [pod("p", { node: "n1", gpus: 0 })] });

test.each([
  ["an agent that never reported", {}, { code: "telemetry-unknown", node: "n1" }],
  [
    "a report 16 s old",
    { telemetry: reported({ ageMs: 16 * SECOND }) },
    { code: "telemetry-stale", node: "n1", ageMs: 16 * SECOND },
  ],
  [
    "a window with gaps",
    { telemetry: reported({ coverage: 0.8 }) },
    { code: "telemetry-thin", node: "n1", coverage: 0.8 },
  ],
])("%s keeps a node with pods", (_case, reading, reason) => {
  expect(verdict(telemetry, input(reading))).toEqual(reason);
});

test("a report 15 s old still counts", () => {
  expect(verdict(telemetry, input({ telemetry: reported({ ageMs: 15 * SECOND }) }))).toBeNull();
});

test("a receipt from before the clock was set back counts as old", () => {
  expect(verdict(telemetry, input({ telemetry: reported({ ageMs: -60 * SECOND }) }))?.code).toBe(
    "telemetry-stale",
  );
});

test("an empty node needs no readings", () => {
  expect(verdict(telemetry, snapshot({ nodes: [node("n1")] }))).toBeNull();
});
