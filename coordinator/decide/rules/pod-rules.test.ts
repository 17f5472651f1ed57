import { describe, expect, test } from "vitest";

import { epochMs } from "../../../shared/model/units.ts";
import { verdict } from "../../../test/build/candidate.ts";
import { node } from "../../../test/build/node.ts";
import { HOUR, MINUTE, NOW } from "../../../test/build/now.ts";
import { pod } from "../../../test/build/pod.ts";
import { policy } from "../../../test/build/policy.ts";
import type { PolicyOptions } from "../../../test/build/policy.ts";
import { snapshot } from "../../../test/build/snapshot.ts";
import type { PodInput } from "../snapshot-pod.ts";
import type { BudgetInput } from "../snapshot.ts";
import { budget } from "./budget.ts";
import { gangMember } from "./gang-member.ts";
import { job } from "./job.ts";
import { localStorage } from "./local-storage.ts";
import { refusing } from "./refusing.ts";
import { systemPod } from "./system-pod.ts";
import { unmanaged } from "./unmanaged.ts";

const SAFE = { "cluster-autoscaler.kubernetes.io/safe-to-evict": "true" };
const HOOK = { "gpu-autoscaler.io/checkpoint-url": "http://:8080/save" };
const GANG = { id: "default/g", minimum: 2, source: "PodGroup" } as const;

function onNode(
  changes: Partial<PodInput> | readonly PodInput[],
  spec: PolicyOptions = {},
  budgets: readonly BudgetInput[] = [],
) {
  const pods = "length" in changes ? changes : [{ ...pod("p", { node: "n1", gpus: 0 }), ...changes }];
  return snapshot({ nodes: [node("n1"), node("n2")], pods, policies: [policy(spec)], budgets });
}

describe("do-not-disrupt (E30 and Karpenter's annotation)", () => {
  const since = (text: string, startedAgoMs?: number) =>
    onNode({
      annotations: { "karpenter.sh/do-not-disrupt": text },
      ...(startedAgoMs === undefined ? {} : { startedAt: epochMs(NOW - startedAgoMs) }),
    });
  test.each([
    ["1h", 59 * MINUTE, "pod-refuses"],
    ["1h", HOUR, undefined],
    ["1h30m", 80 * MINUTE, "pod-refuses"],
    ["90m", 90 * MINUTE, undefined],
    ["true", 100 * HOUR, "pod-refuses"],
    ["1 hour", 100 * HOUR, "pod-refuses"],
    ["false", MINUTE, undefined],
  ])("%s after %d ms", (text, agoMs, code) => {
    expect(verdict(refusing, since(text, agoMs))?.code).toBe(code);
  });
  test("holds for a pod that does not say when it began", () => {
    expect(verdict(refusing, since("1h"))?.code).toBe("pod-refuses");
  });
});

describe("a gang", () => {
  const member = (name: string, on: string, annotations = {}) => ({
    ...pod(name, { node: on, gpus: 0, annotations }),
    gang: GANG,
  });
  test("keeps the node while another member is elsewhere", () => {
    expect(verdict(gangMember, onNode([member("p", "n1"), member("q", "n2")]))).toEqual({
      code: "gang-member",
      node: "n1",
      pod: "default/p",
      gang: "default/g",
    });
  });
  test("that is all on one node moves as a whole, and one may say that it may be broken", () => {
    expect(verdict(gangMember, onNode([member("p", "n1"), member("q", "n1")]))).toBeNull();
    expect(verdict(gangMember, onNode([member("p", "n1", SAFE), member("q", "n2")]))).toBeNull();
  });
});

describe("local storage (E20)", () => {
  const keep = (keepLocalStorage: boolean): PolicyOptions => ({
    disruption: { budgets: [], freeze: false, keepLocalStorage, keepSystemPods: false },
  });
  test("keeps the node where the operator says so, unless the pod says otherwise", () => {
    expect(verdict(localStorage, onNode({ localStorage: true }, keep(true)))?.code).toBe("pod-local-storage");
    expect(verdict(localStorage, onNode({ localStorage: true }, keep(false)))).toBeNull();
    expect(verdict(localStorage, onNode({ localStorage: true, annotations: SAFE }, keep(true)))).toBeNull();
    expect(verdict(localStorage, onNode({}, keep(true)))).toBeNull();
  });
  test("keeps it anyway where a checkpoint may be on it", () => {
    const saves = onNode({ localStorage: true, annotations: HOOK }, keep(false));
    expect(verdict(localStorage, saves)?.code).toBe("pod-local-storage");
  });
});

test("a pod of kube-system without a budget keeps the node where the operator says so (E21)", () => {
  const spec: PolicyOptions = {
    disruption: { budgets: [], freeze: false, keepLocalStorage: false, keepSystemPods: true },
  };
  const key = "kube-system/dns";
  expect(verdict(systemPod, onNode({ key }, spec))?.code).toBe("pod-of-system");
  expect(verdict(systemPod, onNode({ key }))).toBeNull();
  expect(verdict(systemPod, onNode({}, spec))).toBeNull();
  const withBudget = onNode({ key }, spec, [{ key: "kube-system/b", disruptionsAllowed: 1, pods: [key] }]);
  expect(verdict(systemPod, withBudget)).toBeNull();
});

test("a Job that saves its state may go", () => {
  const owner = { uid: "j", kind: "Job" };
  expect(verdict(job, onNode({ owner }))?.code).toBe("pod-of-job");
  expect(verdict(job, onNode({ owner, annotations: HOOK }))).toBeNull();
});

test("a pod that is not Ready may go where its budget always allows that", () => {
  const of = (alwaysAllowsUnready: boolean, ready: boolean) =>
    onNode(ready ? {} : { ready: false }, {}, [
      { key: "default/b", disruptionsAllowed: 0, pods: ["default/p"], alwaysAllowsUnready },
    ]);
  expect(verdict(budget, of(true, false))).toBeNull();
  expect(verdict(budget, of(false, false))?.code).toBe("budget");
  expect(verdict(budget, of(true, true))?.code).toBe("budget");
});

test("expendable pods keep nothing, whatever they are (E27)", () => {
  expect(verdict(unmanaged, onNode({ owner: null, priority: -10 }))?.code).toBe("pod-unmanaged");
  expect(verdict(unmanaged, onNode({ owner: null, priority: -11 }))).toBeNull();
});
