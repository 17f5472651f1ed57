import { describe, expect, test } from "vitest";

import type { DrainState } from "../../../shared/contract/node-marks.ts";
import type { Node } from "../../../shared/model/kube.ts";
import {
  EXCLUDED_BY_US,
  NODE_ANNOTATION,
  NODE_CONDITION,
  NODE_LABEL,
  TAINT,
} from "../../../shared/model/names.ts";
import { epochMs } from "../../../shared/model/units.ts";
import { agentDoubt, leftOf, standingOf } from "./standing.ts";

const NOW = epochMs(Date.UTC(2026, 0, 1));
const WARNING = { [NODE_ANNOTATION.interruptionWarning]: "true" };
const by = (source: string) => ({ [NODE_ANNOTATION.interruptionSource]: source });

function node(annotations: Readonly<Record<string, string>>, more: Partial<Node> = {}): Node {
  return { ...more, metadata: { name: "n1", annotations, ...more.metadata } };
}

function state(more: Partial<DrainState>): Readonly<Record<string, string>> {
  const full: DrainState = {
    v: 1,
    id: "drill-n1-1",
    cause: "notice",
    source: "drill",
    phase: "started",
    seenAt: NOW,
    deadline: NOW + 120_000,
    replace: false,
    cordonedByUs: true,
    ...more,
  };
  return { [NODE_ANNOTATION.drainState]: JSON.stringify(full) };
}

describe("standingOf()", () => {
  test.each([
    ["a node without marks", {}, "free"],
    ["a word that is not true", { [NODE_ANNOTATION.interruptionWarning]: "yes" }, "free"],
    ["what a request left when it was refused", state({ cause: "request", phase: "refused" }), "free"],
    ["a drill that nobody has answered", WARNING, "drill"],
    ["a drill under way", { ...WARNING, ...by("drill"), ...state({}) }, "drill"],
    [
      "a drill that is over and not ended",
      { ...WARNING, ...by("drill"), ...state({ phase: "final" }) },
      "drill",
    ],
    ["a state that cannot be read", { ...WARNING, [NODE_ANNOTATION.drainState]: "?" }, "drill"],
    [
      "a drill asked for again after one that was refused",
      { ...WARNING, ...state({ phase: "refused" }) },
      "refused",
    ],
    ["marks whose drill nobody asks for", { ...by("drill"), ...state({}) }, "ending"],
    ["a real notice", { ...WARNING, ...by("aws"), ...state({ source: "aws" }) }, "real"],
    ["a real notice whose warning somebody removed", state({ source: "gcp" }), "real"],
    ["a warning that names a cloud", { ...WARNING, ...by("azure") }, "real"],
    ["the coordinator's request", state({ cause: "request", source: "coordinator" }), "request"],
    [
      "a drill beside such a request",
      { ...WARNING, ...state({ cause: "request", source: "coordinator" }) },
      "request",
    ],
  ])("of %s", (_, annotations, kind) => {
    expect(standingOf(node(annotations)).kind).toBe(kind);
  });
});

describe("leftOf()", () => {
  test("names each mark that is ours, and the cordon only where it was the drill's", () => {
    const marked = node(
      { ...by("drill"), ...state({ phase: "drained" }) },
      {
        metadata: {
          name: "n1",
          annotations: { ...by("drill"), ...state({ phase: "drained" }) },
          labels: { [NODE_LABEL.excludeFromLoadBalancers]: EXCLUDED_BY_US },
        },
        spec: { unschedulable: true, taints: [{ key: TAINT.spotInterruption, effect: "NoSchedule" }] },
      },
    );
    const marks = [
      `annotation ${NODE_ANNOTATION.drainState} (drained)`,
      `annotation ${NODE_ANNOTATION.interruptionSource}`,
      `taint ${TAINT.spotInterruption}`,
      `label ${NODE_LABEL.excludeFromLoadBalancers}`,
    ];
    expect(leftOf(marked, true)).toEqual([...marks, "the cordon"]);
    expect(leftOf(marked, false)).toEqual(marks);
  });

  test("leaves out what is another's: a cloud's source, a label of somebody else, the coordinator's request", () => {
    const others = node(
      {},
      {
        metadata: {
          name: "n1",
          annotations: { ...by("aws"), ...state({ cause: "request", source: "coordinator" }) },
          labels: { [NODE_LABEL.excludeFromLoadBalancers]: "true" },
        },
        spec: { unschedulable: true, taints: [{ key: TAINT.scaleDown, effect: "NoSchedule" }] },
      },
    );
    expect(leftOf(others, false)).toEqual([]);
  });
});

describe("agentDoubt()", () => {
  const heard = (at: number, type: string = NODE_CONDITION.gpuHealthy): Node =>
    node(
      {},
      { status: { conditions: [{ type, status: "True", lastHeartbeatTime: new Date(at).toISOString() }] } },
    );

  test.each([
    ["a fresh condition, whatever it says", heard(NOW - 10 * 60_000), null],
    ["a clock that is behind the node's", heard(NOW + 60_000), null],
    ["an old one", heard(NOW - 42 * 60_000), "42 minutes old"],
    ["none", node({}), "no agent has written the condition GpuHealthy"],
    ["another program's", heard(NOW, "Ready"), "no agent has written"],
  ])("of a node with %s", (_, of, doubt) => {
    const told = agentDoubt(of, NOW);
    if (doubt === null) expect(told).toBeNull();
    else expect(told).toContain(doubt);
  });
});
