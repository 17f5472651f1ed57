import { describe, expect, test } from "vitest";

import { epochMs, millis, ratio } from "../../shared/model/units.ts";
import { explainMove, sentence } from "./explain.ts";

describe("sentence()", () => {
  test.each([
    [
      { code: "pending-pods", pods: 1, gpus: 8, oldestMs: millis(125_000) },
      "1 pod (8 GPUs) wait for a node, the oldest for 2 min 5 s",
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
      "pool demo/spot: the pod wants 2048 GiB of memory, a node has 1024 GiB",
    ],
    [
      { code: "too-large", pool: "demo/spot", resource: "cpu", wants: 97_500, nodeHas: 96_000 },
      "pool demo/spot: the pod wants 97.5 of cpu, a node has 96",
    ],
    [
      { code: "empty-too-short", node: "n1", forMs: millis(0), needMs: millis(300_000) },
      "node n1 has been empty for 0 s of 5 min (emptySeconds)",
    ],
  ] as const)("%o", (reason, text) => {
    expect(sentence(reason)).toBe(text);
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
