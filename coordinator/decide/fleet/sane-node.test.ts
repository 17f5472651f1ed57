import { describe, expect, test } from "vitest";

import { node, reported } from "../../../test/build/node.ts";
import { MINUTE, NOW } from "../../../test/build/now.ts";
import { policy } from "../../../test/build/policy.ts";
import { memory, shrinks, snapshot } from "../../../test/build/snapshot.ts";
import { decide } from "../decide.ts";
import type { NodeInput, Snapshot } from "../snapshot.ts";
import { saneNode } from "./sane-node.ts";

const WELL: NodeInput = {
  ...node("n", { telemetry: reported() }),
  capacity: { cpu: 100_000 },
  volumeLimits: { driver: 3 },
  gpuHealth: { verdict: "ill", since: NOW, detail: "XID 79" },
  readyChangedAt: NOW,
};

const read = (part: Readonly<Record<string, unknown>>) => saneNode({ ...WELL, ...part } as NodeInput, NOW);

describe("saneNode()", () => {
  test("gives a node that is well back as it is", () => {
    expect(saneNode(WELL, NOW)).toBe(WELL);
    expect(saneNode(node("n"), NOW)).toEqual(node("n"));
  });

  test.each([
    ["labels", { labels: { a: 1 } }, { labels: {} }],
    ["taints", { taints: [{ key: "k" }] }, { taints: [], unschedulable: true }],
    ["an answer to whether it takes pods", { unschedulable: null }, { unschedulable: true }],
    ["readiness", { ready: "soon" }, { ready: "unknown" }],
    ["allocatable", { allocatable: null }, { allocatable: {} }],
    ["one amount", { allocatable: { cpu: 1, memory: null } }, { allocatable: { cpu: 1 } }],
    ["a drain's state", { drainState: { kind: "value" } }, { drainState: { kind: "malformed" } }],
    ["telemetry", { telemetry: null }, { telemetry: { kind: "unknown" } }],
    ["a GPU", { telemetry: { ...reported(), gpus: [null] } }, { telemetry: { kind: "unknown" } }],
    [
      "a verdict",
      { gpuHealth: { ...WELL.gpuHealth, verdict: "poorly" } },
      { gpuHealth: { verdict: "unknown" } },
    ],
    [
      "when its GPUs fell ill",
      { gpuHealth: { ...WELL.gpuHealth, since: null } },
      { gpuHealth: { verdict: "ill", since: NOW } },
    ],
  ])("makes the least of a node without %s", (_name, part, expected) => {
    expect(read(part)).toMatchObject(expected);
  });

  test.each([
    ["capacity", { capacity: 7 }],
    ["volumeLimits", { volumeLimits: "many" }],
    ["gpuHealth", { gpuHealth: true }],
    ["readyChangedAt", { readyChangedAt: NOW + 1 }],
  ])("does not know %s that cannot be", (field, part) => {
    expect(read(part)).not.toHaveProperty(field);
  });

  test.each([
    ["labels"],
    ["annotations"],
    ["taints"],
    ["ready"],
    ["allocatable"],
    ["drainState"],
    ["drainRequest"],
    ["telemetry"],
  ])("neither removes nor replaces a node of which the %s cannot be read", (field) => {
    const policies = [policy({ health: { replace: "Replace" } })];
    const timers = memory({ n: { emptyMs: 60 * MINUTE } });
    const well = snapshot({ policies, nodes: [node("n")], memory: timers });
    expect(shrinks(decide(well))).toHaveLength(1);
    const strange = { ...well, nodes: [{ ...node("n"), [field]: null }] } as unknown as Snapshot;
    const { moves, holds } = decide(strange).plan;
    expect(moves).toEqual([]);
    expect(holds).toHaveLength(1);
  });
});
