import { describe, expect, test } from "vitest";

import { drillWords } from "../../shared/contract/drill-permit.ts";
import type { DrainState, InterruptionHint } from "../../shared/contract/node-marks.ts";
import { readDrainState, readInterruptionHint } from "../../shared/contract/node-marks.ts";
import type { Node } from "../../shared/model/kube.ts";
import { EXCLUDED_BY_US, NODE_ANNOTATION, NODE_LABEL, TAINT } from "../../shared/model/names.ts";
import { changeFor } from "./cordon.ts";
import type { MoreMarks } from "./cordon.ts";
import type { StateToWrite } from "./order.ts";

const drill: StateToWrite = {
  v: 1,
  id: "drill-gpu-1.sim.internal-t2k9x1",
  cause: "notice",
  source: "drill",
  phase: "started",
  seenAt: 1000,
  deadline: 121_000,
  replace: false,
};
const request: StateToWrite = { ...drill, id: "shrink-7", cause: "request", source: "coordinator" };
const FOREIGN_TAINT = { key: "nvidia.com/gpu", value: "present", effect: "NoSchedule" } as const;

function node(more: { spec?: Node["spec"]; annotations?: Record<string, string> } = {}): Node {
  return {
    metadata: { name: "gpu-1", resourceVersion: "7", annotations: more.annotations ?? {}, labels: {} },
    spec: { taints: [FOREIGN_TAINT], ...more.spec },
    status: { nodeInfo: { bootID: "boot-1" } },
  };
}

/** The node as the change leaves it. */
function after(before: Node, wanted: StateToWrite | null | undefined, more: Partial<MoreMarks> = {}): Node {
  const change = changeFor(before, wanted, {
    hint: undefined,
    leaveLoadBalancers: true,
    endDrill: null,
    ...more,
  });
  if (change === null) return before;
  const annotations = { ...before.metadata.annotations };
  for (const [key, value] of Object.entries(change.annotations ?? {})) {
    if (value === null) delete annotations[key];
    else annotations[key] = value;
  }
  const labels = { ...before.metadata.labels };
  for (const [key, value] of Object.entries(change.labels ?? {})) {
    if (value === null) delete labels[key];
    else labels[key] = value;
  }
  const { unschedulable = before.spec?.unschedulable, taints = before.spec?.taints } = change;
  return {
    ...before,
    metadata: { ...before.metadata, annotations, labels },
    spec: {
      ...(unschedulable === true ? { unschedulable } : {}),
      ...(taints === undefined ? {} : { taints }),
    },
  };
}

function stateOn(marked: Node): DrainState {
  const mark = readDrainState(marked.metadata.annotations?.[NODE_ANNOTATION.drainState]);
  if (mark.kind !== "value") throw new Error(`drain-state is ${mark.kind}`);
  return mark.value;
}

describe("changeFor()", () => {
  test("a notice cordons, taints without deleting anybody, and says what it is", () => {
    const marked = after(node(), drill);
    expect(marked.spec).toEqual({
      unschedulable: true,
      taints: [FOREIGN_TAINT, { key: TAINT.spotInterruption, value: "drill-t2k9x1", effect: "NoSchedule" }],
    });
    expect(marked.metadata.annotations?.[NODE_ANNOTATION.interruptionSource]).toBe("drill");
    expect(stateOn(marked)).toEqual({ ...drill, cordonedByUs: true, bootID: "boot-1" });
  });

  test("a request has its own taint and no source", () => {
    const marked = after(node(), request);
    expect(marked.spec?.taints).toEqual([FOREIGN_TAINT, { key: TAINT.scaleDown, effect: "NoSchedule" }]);
    expect(marked.metadata.annotations?.[NODE_ANNOTATION.interruptionSource]).toBeUndefined();
  });

  test("the same marks again change nothing", () => {
    const marked = after(node(), drill);
    expect(changeFor(marked, drill)).toBeNull();
    expect(changeFor(node(), null)).toBeNull();
  });

  test("a real notice is told in the words in which a drill is asked for, and they go with it", () => {
    const before = node({ annotations: { other: "stays" } });
    const marked = after(before, { ...drill, source: "aws" });
    expect(marked.metadata.annotations).toMatchObject({
      [NODE_ANNOTATION.interruptionWarning]: "true",
      [NODE_ANNOTATION.terminationTime]: "1970-01-01T00:02:01.000Z",
      [NODE_ANNOTATION.interruptionSource]: "aws",
    });
    expect(after(marked, null)).toEqual(before);
  });

  test("a drill's own words stay when it is called off, and go when it gives its node back by itself", () => {
    const asked = {
      [NODE_ANNOTATION.interruptionWarning]: "true",
      [NODE_ANNOTATION.drillAutoUncordon]: "true",
    };
    const marked = after(node({ annotations: asked }), drill);
    expect(after(marked, null).metadata.annotations).toEqual(asked);
    expect(after(marked, null, { endDrill: drillWords(asked) }).metadata.annotations).toEqual({});
    // Somebody has asked for another one before the marks were off.
    const anew = { ...asked, [NODE_ANNOTATION.terminationTime]: "2026-01-31T12:00:00Z" };
    const markedAnew = after(node({ annotations: anew }), drill);
    expect(after(markedAnew, null, { endDrill: drillWords(asked) }).metadata.annotations).toEqual(anew);
  });

  test("leaves load balancers, takes back only the label that bears our name, and only where it may", () => {
    const label = NODE_LABEL.excludeFromLoadBalancers;
    expect(after(node(), drill).metadata.labels).toEqual({ [label]: EXCLUDED_BY_US });
    expect(after(after(node(), drill), null).metadata.labels).toEqual({});
    const others = { ...node(), metadata: { ...node().metadata, labels: { [label]: "true" } } };
    expect(after(after(others, drill), null).metadata.labels).toEqual({ [label]: "true" });
    expect(after(node(), drill, { leaveLoadBalancers: false }).metadata.labels).toEqual({});
  });

  test("a hint stands beside whatever marks, until it is over", () => {
    const hint: InterruptionHint = {
      v: 1,
      id: "aws-rebalance-1",
      source: "aws",
      kind: "rebalance",
      action: "rebalance",
      seenAt: 1000,
      at: null,
    };
    const hinted = after(node(), undefined, { hint });
    expect(hinted.spec).toEqual(node().spec);
    expect(readInterruptionHint(hinted.metadata.annotations?.[NODE_ANNOTATION.interruptionHint])).toEqual({
      kind: "value",
      value: hint,
    });
    const both = after(hinted, drill);
    expect(both.metadata.annotations).toMatchObject({
      [NODE_ANNOTATION.interruptionHint]: JSON.stringify(hint),
    });
    expect(after(after(both, null), undefined, { hint: null })).toEqual(node());
  });

  test("undoing leaves the node as it was", () => {
    const before = node();
    expect(after(after(before, drill), null)).toEqual(before);
  });

  test("a node that was cordoned before us stays cordoned after us", () => {
    const before = node({ spec: { unschedulable: true } });
    const marked = after(before, drill);
    expect(stateOn(marked).cordonedByUs).toBe(false);
    const undone = after(marked, null);
    expect(undone.spec?.unschedulable).toBe(true);
    expect(undone.spec?.taints).toEqual([FOREIGN_TAINT]);
  });

  test("a node that somebody uncordons while it is drained, and that is cordoned by us again, is uncordoned after us", () => {
    const marked = after(node({ spec: { unschedulable: true } }), drill);
    expect(stateOn(marked).cordonedByUs).toBe(false);
    const { unschedulable: _, ...spec } = marked.spec ?? {};
    const again = after({ ...marked, spec }, { ...drill, phase: "drained" });
    expect(again.spec?.unschedulable).toBe(true);
    expect(stateOn(again).cordonedByUs).toBe(true);
    expect(after(again, null).spec?.unschedulable).toBeUndefined();
  });

  test("a phase keeps the answer to who cordoned, although the node is cordoned by then", () => {
    const marked = after(after(node(), drill), { ...drill, phase: "drained" });
    expect(stateOn(marked)).toMatchObject({ phase: "drained", cordonedByUs: true });
  });

  test("a notice takes over from a request, with its cordon and without its taint", () => {
    const marked = after(after(node(), request), drill);
    expect(stateOn(marked)).toMatchObject({ id: drill.id, cordonedByUs: true });
    expect(marked.spec?.taints?.map((taint) => taint.key)).toEqual([
      FOREIGN_TAINT.key,
      TAINT.spotInterruption,
    ]);
  });

  test("the coordinator's note on a node that it retires is not ours to take off", () => {
    const note = { key: TAINT.scaleDown, value: "empty-0123456789ab", effect: "NoSchedule" } as const;
    const before = node({ spec: { unschedulable: true, taints: [FOREIGN_TAINT, note] } });
    const marked = after(before, drill);
    expect(marked.spec?.taints).toContainEqual(note);
    expect(after(marked, null)).toEqual(before);
    const asked = after(before, request);
    expect(asked.spec?.taints).toEqual([FOREIGN_TAINT, note]);
    expect(after(asked, null)).toEqual(before);
  });

  test("a refusal leaves words and nothing else, also in the place of a drain", () => {
    const reading = { gpu: "GPU-1", p95: 0.9, threshold: 0.05, detail: "busy" };
    const refused = after(after(node(), request), { ...request, phase: "refused", reading });
    expect(refused.spec).toEqual({ taints: [FOREIGN_TAINT] });
    expect(stateOn(refused)).toMatchObject({ phase: "refused", reading });
    expect(after(refused, null)).toEqual(node());
  });

  test("a cordon is left alone when our state on the node cannot be read", () => {
    const broken = node({
      spec: { unschedulable: true },
      annotations: { [NODE_ANNOTATION.drainState]: "{" },
    });
    expect(after(broken, null).spec?.unschedulable).toBe(true);
  });

  test("the taint's value is one that Kubernetes takes, whatever the id", () => {
    for (const id of ["a", "x-", `drill-${"n".repeat(253)}-${"9".repeat(90)}`, "häßlich-ü/b"]) {
      const value = after(node(), { ...drill, id }).spec?.taints?.at(-1)?.value ?? "";
      expect(value).toMatch(/^[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?$/);
    }
  });
});
