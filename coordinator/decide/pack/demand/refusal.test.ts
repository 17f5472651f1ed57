import { describe, expect, test } from "vitest";

import { epochMs } from "../../../../shared/model/units.ts";
import { demand, names, refusals } from "../../../../test/build/demand.ts";
import { node } from "../../../../test/build/node.ts";
import { MINUTE, NOW, SECOND } from "../../../../test/build/now.ts";
import { pod } from "../../../../test/build/pod.ts";
import { policy, pool } from "../../../../test/build/policy.ts";
import type { PodInput } from "../../snapshot-pod.ts";

const since = epochMs(NOW - 10 * MINUTE);
const volume = (kind: "missing" | "unbound" | "lost") => [{ kind, claim: "data" }];

/** Rows of the table which pods may count as demand, in the order of that table. */
describe("which pods may count", () => {
  test("one that the scheduler has called unschedulable for long enough", () => {
    const found = demand({ pods: [pod("p")] });
    expect(names(found.waiting)).toEqual(["p"]);
    expect(found.refused).toEqual([]);
    expect(found.early).toEqual([]);
  });

  test.each<[row: string, pod: Partial<PodInput>, code: string, uses: boolean]>([
    ["a pod without a node that is being deleted", { terminating: true }, "pod-ends", false],
    ["a pod that is gated: Kueue holds it", { waiting: { kind: "gated" } }, "pod-gated", false],
    ["a pod that the scheduler has not tried", { waiting: { kind: "undecided" } }, "pod-undecided", true],
    // volcano#3000: a pod that waits for room that ends loses the verdict, and will use that room.
    ["a pod that waits for pods to end (volcano#3000)", { waiting: null }, "pod-undecided", true],
    // volcano#3499: who preempts needs no node.
    ["a pod for which others are preempted (volcano#3499)", { nominatedNode: "n1" }, "pod-nominated", true],
    ["a DaemonSet pod: no node per rollout", { daemon: true }, "pod-of-daemon-set", false],
    ["a static pod", { mirror: true }, "pod-static", false],
    ["a filler below the cutoff of -10", { priority: -11 }, "pod-expendable", false],
    ["a pod whose volume claim is missing", { volumes: volume("missing") }, "volume-missing", false],
    [
      "a pod whose claim is bound at once and is not",
      { volumes: volume("unbound") },
      "volume-unbound",
      false,
    ],
    ["a pod whose volume is lost", { volumes: volume("lost") }, "volume-lost", false],
    ["a pod with a claim for devices", { resourceClaims: ["gpu-claim"] }, "claims-not-understood", false],
    // karpenter#742, kueue#5133
    ["a pod of a ProvisioningRequest", { provisioningRequest: "batch-1" }, "provisioning-request", false],
    [
      "a very young pod",
      { waiting: { kind: "unschedulable", since: epochMs(NOW - SECOND) } },
      "pod-waits",
      true,
    ],
  ])("not %s", (_row, options, code, uses) => {
    const found = demand({ nodes: [node("n1")], pods: [{ ...pod("p"), ...options }] });
    expect(found.waiting).toEqual([]);
    expect(refusals(found)).toEqual({ p: [code] });
    expect(names(found.early)).toEqual(uses ? ["p"] : []);
  });

  test.each([-10, -1, 0, 1_000])("a placeholder or pod of priority %i does", (priority) => {
    expect(names(demand({ pods: [pod("p", { priority })] }).waiting)).toEqual(["p"]);
  });

  test.each([
    { kind: "bound", claim: "data", nodeTerms: null, driver: null },
    { kind: "first-consumer", claim: "data", nodeTerms: null, driver: null },
  ] as const)("one whose volume is $kind does", (volume) => {
    expect(names(demand({ pods: [{ ...pod("p"), volumes: [volume] }] }).waiting)).toEqual(["p"]);
  });

  test("an expendable pod that is nominated is expendable first: its node owes it nothing", () => {
    const found = demand({ pods: [pod("p", { priority: -11, nominatedNode: "n1" })] });
    expect(refusals(found)).toEqual({ p: ["pod-expendable"] });
    expect(found.early).toEqual([]);
  });

  test("a pod without GPUs that no pool would take says what each pool has against it", () => {
    const found = demand({ pods: [pod("p", { gpus: 0 })] });
    expect(refusals(found)).toEqual({ p: ["pod-not-gpu"] });
  });

  test("a pod without GPUs that a pool would take counts", () => {
    const policies = [policy({ pools: [pool("cpu", { gpus: 0 })] })];
    expect(names(demand({ policies, pods: [pod("p", { gpus: 0 })] }).waiting)).toEqual(["p"]);
  });

  test("a young pod without GPUs uses room too", () => {
    const policies = [policy({ pools: [pool("cpu", { gpus: 0 })] })];
    const found = demand({ policies, pods: [pod("p", { gpus: 0, waitedMs: SECOND })] });
    expect(names(found.early)).toEqual(["p"]);
  });

  test("pods that run are nobody's demand", () => {
    const found = demand({ nodes: [node("n1")], pods: [pod("p", { node: "n1" })] });
    expect(found).toMatchObject({ waiting: [], early: [], refused: [] });
  });
});

describe("the order of those that count", () => {
  test("is by priority, then size, then age, then name, however they came", () => {
    const all = [
      pod("young", { ageMs: MINUTE }),
      pod("large", { gpus: 4 }),
      pod("b"),
      pod("a"),
      pod("urgent", { priority: 9, ageMs: 0 }),
    ];
    const order = ["urgent", "large", "a", "b", "young"];
    expect(names(demand({ pods: all }).waiting)).toEqual(order);
    expect(names(demand({ pods: all.toReversed() }).waiting)).toEqual(order);
  });

  test("begins in each priority with those that the last decision left out", () => {
    const all = [pod("urgent", { priority: 9 }), pod("large", { gpus: 8 }), pod("small")];
    const found = demand({ pods: all }, { leftOut: ["default/small"] });
    expect(names(found.waiting)).toEqual(["urgent", "small", "large"]);
  });
});

describe("waitedMs()", () => {
  test("runs from the verdict, and is nothing before it", () => {
    const tried = { ...pod("tried"), waiting: { kind: "unschedulable", since } } as const;
    const untried = { ...pod("untried"), waiting: { kind: "undecided" } } as const;
    const found = demand({ pods: [tried, untried] });
    expect(found.waitedMs(tried)).toBe(10 * MINUTE);
    expect(found.waitedMs(untried)).toBe(0);
  });

  test("is nothing after a clock that went back", () => {
    const later = { ...pod("p"), waiting: { kind: "unschedulable", since: epochMs(NOW + MINUTE) } } as const;
    const found = demand({ pods: [later] });
    expect(found.waitedMs(later)).toBe(0);
    expect(refusals(found)).toEqual({ p: ["pod-waits"] });
  });
});
