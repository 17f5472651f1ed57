import { describe, expect, test } from "vitest";

import { epochMs, millis, ratio } from "../../shared/model/units.ts";
import { explainMove, sentence } from "./explain.ts";

describe("sentence()", () => {
  test.each([
    [
      { code: "pending-pods", pods: 1, gpus: 8, oldestMs: millis(125_000) },
      "1 pod (8 GPUs) waits for a node, the oldest for 2 min 5 s",
    ],
    [
      { code: "cooldown", direction: "down", leftMs: millis(3_600_000) },
      "shrank a moment ago: 1 h of scaleDownCooldownSeconds left",
    ],
    [
      { code: "at-maximum", scope: "policy", maximum: 12 },
      "at the maximum of the policy, 12: raise maxNodes to allow more",
    ],
    [
      { code: "busy", node: "n1", busiest: ratio(0.196), threshold: ratio(0.2) },
      "node n1 is busy: a GPU read 19.6 %, idle is below 20 %",
    ],
    [
      { code: "too-large", pool: "demo/spot", resource: "memory", wants: 2 * 2 ** 40, nodeHas: 2 ** 40 },
      "pool demo/spot: the pod wants 2048 GiB of memory, a node has 1024 GiB: ask for less, or add a pool of larger machines",
    ],
    [
      { code: "too-large", pool: "demo/spot", resource: "cpu", wants: 97_500, nodeHas: 96_000 },
      "pool demo/spot: the pod wants 97.5 cores of cpu, a node has 96: ask for less, or add a pool of larger machines",
    ],
    [
      { code: "empty-too-short", node: "n1", forMs: millis(0), needMs: millis(300_000) },
      "node n1 has been empty for 0 s of 5 min (emptySeconds)",
    ],
  ] as const)("%o", (reason, text) => {
    expect(sentence(reason)).toBe(text);
  });
});

const LEFT = millis(300_000);

describe("a sentence says what to change", () => {
  test.each([
    // "Not scaling" has four causes (B121).
    [{ code: "cooldown", direction: "up", leftMs: LEFT }, "scaleUpCooldownSeconds"],
    [{ code: "at-maximum", scope: "policy", maximum: 12 }, "raise maxNodes"],
    [
      { code: "not-permitted", pool: "gpus/a", leftMs: LEFT, detail: "autoscaling:SetDesiredCapacity" },
      "autoscaling:SetDesiredCapacity; give what runs the group the right that is named; tried again in 5 min",
    ],
    // The way out is in the fields of the back end that the pool has.
    [
      { code: "not-permitted", pool: "gpus/a", leftMs: LEFT, detail: "AccessDenied", backEnd: "aws" },
      "give the role that the coordinator runs as, or the group's own service role, the right that is named",
    ],
    [
      { code: "not-permitted", pool: "gpus/a", leftMs: LEFT, detail: "forbidden", backEnd: "scale" },
      "give what runs the group, or the coordinator's ServiceAccount, the right that is named",
    ],
    [
      { code: "group-missing", detail: "no MachineDeployment x", backEnd: "scale" },
      "correct kind, name and namespace in nodePools[].group.scale, or make the group",
    ],
    [
      { code: "group-missing", detail: "no group x in us-west-2", backEnd: "aws" },
      "correct region and autoScalingGroup, or tags, in nodePools[].group.aws, or make the group",
    ],
    [
      { code: "group-missing", detail: "no group x", backEnd: "simulated" },
      "correct url and name in nodePools[].group.simulated",
    ],
    [{ code: "group-missing", detail: "gone" }, "correct nodePools[].group, or make the group"],
    [
      { code: "misconfigured", pool: "gpus/a", leftMs: LEFT, detail: "no image y", backEnd: "scale" },
      "correct kind, name and namespace in nodePools[].group.scale and the group's own machine template",
    ],
    [
      { code: "misconfigured", pool: "gpus/a", leftMs: LEFT, detail: "ValidationError", backEnd: "aws" },
      "correct region and autoScalingGroup, or tags, in nodePools[].group.aws and the group's own machine template",
    ],
    // Bounds that the group itself has.
    [
      { code: "group-maximum", group: 4, maximum: 10 },
      "the group itself allows 4 nodes, nodePools[].maxSize 10: raise the maximum of the group, or lower maxSize",
    ],
    [
      { code: "group-minimum", group: 2, minimum: 0 },
      "the group itself keeps 2 nodes, nodePools[].minSize asks for 0: lower the minimum of the group",
    ],
    [
      { code: "group-grows-itself", pool: "gpus/a" },
      "pool gpus/a gets its nodes from what runs its group, which buys them for pods that wait",
    ],
    [
      { code: "group-refills", node: "n1" },
      "the pool's group fills the place of node n1 itself once that is gone, so no other node is bought for its pods",
    ],
    [
      {
        code: "rival",
        rival: "resized-by-hand",
        detail: "1 to 3 and 3 to 2",
        stops: "everything",
        leftMs: LEFT,
      },
      "1 to 3 and 3 to 2; the pool neither grows nor shrinks, for 5 min more unless it goes on: see the group's activity log",
    ],
    [
      { code: "rival", rival: "instance-refresh", detail: "r-1 is InProgress", stops: "removals" },
      "r-1 is InProgress; no node of the pool is removed meanwhile: it ends by itself, or cancel the instance refresh",
    ],
    [
      { code: "resized-by-hand", from: 2, to: 4, agoMs: LEFT, leftMs: LEFT },
      "somebody else changed the size of the group from 2 to 4 5 min ago: that is taken over, and both cooldowns run from it; once more within 5 min holds the pool",
    ],
    [
      { code: "instance-shared", instance: "i-1", pools: ["gpus/a", "gpus/b"] },
      "machine i-1 is listed by the groups of gpus/a, gpus/b, so that neither is sized: give each pool a group of its own",
    ],
    [
      { code: "place-unfilled", instance: "a/placeholder-0", forMs: millis(360_000), limitMs: LEFT },
      "no machine has come for a/placeholder-0 in 6 min, over the 5 min of provisioning.launchTimeoutSeconds: its place is given back",
    ],
    // Quota is a refusal by its own name (E02).
    [
      { code: "quota", pool: "gpus/a", leftMs: LEFT, detail: "64 vCPU" },
      "64 vCPU; ask the cloud for more of it",
    ],
    // Too many interruptions: more types and zones (B122), less spot (B123).
    [
      {
        code: "interruption-rate",
        perNodeDay: 0.1234,
        limit: 0.1,
        spotTarget: ratio(0.5),
        until: epochMs(0),
      },
      "0.123 interruptions a node and day, over the 0.1 of spot.maxInterruptionsPerNodeDay: spot is aimed at 50 % until 1970-01-01 00:00 UTC; add instanceTypes and availabilityZones, or lower spotInstancePercentage",
    ],
    [
      {
        code: "no-capacity",
        offering: "p4d.24xlarge|us-west-2a|spot",
        failures: 1,
        leftMs: LEFT,
        detail: "none",
      },
      "no capacity for p4d.24xlarge in us-west-2a as spot, 1 failure in a row: none; not asked again for 5 min; add pools of other instance types and availabilityZones",
    ],
    // The pause is over and one node finds out.
    [
      { code: "no-capacity", offering: "*|*|spot", failures: 1, leftMs: millis(0), detail: "none" },
      "1 failure in a row: none; one node tries it first; add pools",
    ],
    [
      { code: "launch-timed-out", offering: "*|*|spot", failures: 2, leftMs: LEFT },
      "machines as spot did not come in time, 2 failures in a row",
    ],
    // A forecast that is often wrong (B124, B125).
    [
      { code: "forecast", gpus: 8, wanted: 16, at: epochMs(0), confidence: ratio(0.7) },
      "needs more days of history and a higher confidence",
    ],
    [
      { code: "over-price", pool: "gpus/a", usdPerHour: 3.056, maximum: 0.005 },
      "costs $3.06 an hour, over its $0.0050 an hour: raise nodePools[].price.maxPricePerHour",
    ],
    [
      { code: "stabilizing", direction: "down", leftMs: LEFT },
      "behavior.scaleDown.stabilizationWindowSeconds",
    ],
    [
      { code: "no-such-resource", pool: "gpus/a", resource: "nvidia.com/gpu", wants: 1, has: [] },
      "wants 1 of nvidia.com/gpu, a node offers no devices",
    ],
    [
      {
        code: "system-reserved",
        pool: "gpus/a",
        resource: "memory",
        wants: 31 * 2 ** 30,
        allocatable: 30 * 2 ** 30,
        capacity: 32 * 2 ** 30,
      },
      "wants 31 GiB of memory, and of the 32 GiB of the machine 30 GiB are left",
    ],
  ] as const)("%o", (reason, words) => {
    expect(sentence(reason)).toContain(words);
  });
});

describe("explainMove()", () => {
  test("says what changes, from where to where, and why", () => {
    const move = {
      kind: "replace",
      key: "demo/od/replace/n",
      policy: "demo",
      pool: "od",
      from: 0,
      to: 1,
      notice: "n",
      node: "n1",
      pods: ["default/p"],
      because: [
        {
          code: "interruption",
          node: "n1",
          source: "aws",
          deadline: epochMs(Date.UTC(2026, 0, 15, 12, 2)),
          pods: 1,
        },
      ],
    } as const;
    expect(explainMove(move)).toBe(
      "grow pool od from 0 to 1 to replace node n1: node n1 goes at 12:02:00 UTC (aws) with 1 pod on it",
    );
  });

  test.each([
    [{ kind: "grow", pods: [] }, "grow pool spot from 2 to 1: nothing to do"],
    [
      { kind: "shrink", node: "n1", instance: "m1", how: "drain" },
      "shrink pool spot from 2 to 1, draining node n1: nothing to do",
    ],
    [
      { kind: "shrink", node: "n1", instance: "m1", how: "empty" },
      "shrink pool spot from 2 to 1, removing node n1: nothing to do",
    ],
    [{ kind: "grow", pods: [], probe: true }, "grow pool spot from 2 to 1 as a probe: nothing to do"],
    [
      { kind: "shrink", node: "n1", instance: "m1", how: "walk" },
      "shrink pool spot from 2 to 1, draining node n1: nothing to do",
    ],
    [
      { kind: "release", node: "n1", instance: "m1" },
      "release node n1, pool spot from 2 to 1: nothing to do",
    ],
  ] as const)("%o", (rest, text) => {
    expect(
      explainMove({
        key: "k",
        policy: "demo",
        pool: "spot",
        from: 2,
        to: 1,
        because: [{ code: "nothing-to-do" }],
        ...rest,
      }),
    ).toBe(text);
  });
});
