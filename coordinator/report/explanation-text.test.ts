import { describe, expect, test } from "vitest";

import { epochMs, millis } from "../../shared/model/units.ts";
import { NOW } from "../../test/build/now.ts";
import type { NodeExplanation, PodExplanation, PoolExplanation } from "../decide/answer/explanation.ts";
import { nodeText, podsText, podText, poolText } from "./explanation-text.ts";

const STUCK: PodExplanation = {
  kind: "pod",
  pod: "team-a/train-0",
  answer: "none",
  node: null,
  move: null,
  because: [{ code: "at-maximum", scope: "policy", maximum: 12 }],
  pools: [
    {
      pool: "gpus/spot-a",
      refusal: { code: "gpus-per-node", pool: "gpus/spot-a", wants: 16, nodeHas: 8 },
      usdPerHour: 3,
    },
    { pool: "gpus/od", refusal: { code: "at-maximum", scope: "policy", maximum: 12 }, usdPerHour: null },
    { pool: "other/od", refusal: null, usdPerHour: 32.77 },
  ],
};

const NODE: NodeExplanation = {
  kind: "node",
  node: "gpu-7",
  pool: "gpus/spot-a",
  standing: "up",
  pods: 1,
  moves: [],
  stays: { code: "empty-too-short", node: "gpu-7", forMs: millis(60_000), needMs: millis(300_000) },
};

describe("podText()", () => {
  test("says what was answered, why, and the verdict of each pool", () => {
    expect(podText(STUCK)).toBe(
      [
        "Pod team-a/train-0",
        "  no node is asked for by this decision",
        "  pools:",
        "    gpus/spot-a  no   the pod wants 16 GPUs, a node has 8: spread the work over several pods, or add a pool of larger machines [gpus-per-node]",
        "    gpus/od      no   at the maximum of the policy, 12: raise maxNodes to allow more [at-maximum]",
        "    other/od     yes  $32.77 an hour",
      ].join("\n"),
    );
  });

  test("says before the pools what is about none of them, and leaves out that one of them is closed", () => {
    const because = [{ code: "pod-gated" }, { code: "pool-not-usable", pool: "gpus/od" }] as const;
    expect(
      podText({ ...STUCK, because })
        .split("\n")
        .slice(1, 4),
    ).toEqual([
      "  no node is asked for by this decision",
      expect.stringContaining("[pod-gated]"),
      "  pools:",
    ]);
    expect(podText({ ...STUCK, because, pools: [] })).toContain("[pool-not-usable]");
  });

  test("names the move that buys its node, and the node that it has", () => {
    const move = {
      kind: "grow",
      pool: "gpus/od",
      from: 0,
      to: 1,
      because: [{ code: "nothing-to-do" }],
    } as const;
    expect(podText({ ...STUCK, answer: "asked", move, because: [], pools: [] })).toBe(
      "Pod team-a/train-0\n  a node is asked for\n  grow pool gpus/od from 0 to 1: nothing to do [nothing-to-do]",
    );
    expect(podText({ ...STUCK, answer: "bound", node: "gpu-7", because: [], pools: [] })).toBe(
      "Pod team-a/train-0\n  it has its node (node gpu-7)",
    );
  });
});

describe("podsText()", () => {
  test("shows pods that are answered alike once, and names a few", () => {
    const others = [1, 2, 3, 4].map((index) => ({ ...STUCK, pod: `team-a/train-${index}` }));
    const text = podsText([STUCK, ...others, { ...STUCK, pod: "team-b/x", because: [], pools: [] }]);
    expect(text.split("\n").filter((line) => !line.startsWith(" "))).toEqual([
      "5 pods: team-a/train-0, team-a/train-1, team-a/train-2, …",
      "",
      "Pod team-b/x",
    ]);
  });
});

describe("nodeText()", () => {
  test("says whose it is, what is on it and what keeps it", () => {
    expect(nodeText(NODE)).toBe(
      [
        "Node gpu-7",
        "  of pool gpus/spot-a, up, 1 pod on it",
        "  stays: node gpu-7 has been empty for 1 min of 5 min (emptySeconds) [empty-too-short]",
      ].join("\n"),
    );
    expect(nodeText({ ...NODE, pool: null, pods: 0, stays: null })).toBe(
      "Node gpu-7\n  no policy owns it, up, 0 pods on it",
    );
  });
});

describe("poolText()", () => {
  const POOL: PoolExplanation = {
    kind: "pool",
    policy: "gpus",
    pool: "spot-a",
    tier: "spot",
    minSize: 0,
    maxSize: 5,
    size: null,
    ready: 1,
    booting: 0,
    offers: { allocatable: { cpu: 95_500, memory: 2 ** 40, "nvidia.com/gpu": 8 }, source: "template" },
    price: { kind: "known", usdPerHour: 9.83, source: "catalogue", at: epochMs(NOW) },
    refusal: null,
    moves: [],
    holds: [{ code: "size-unknown", detail: "no answer" }],
    nodes: [NODE],
    takes: 2,
    refuses: [
      {
        code: "untolerated-taint",
        pods: 3,
        example: { code: "untolerated-taint", pool: "gpus/spot-a", taint: "gpu=true:NoSchedule" },
      },
    ],
  };

  test("shows size, offer, price, answers and nodes, and unknown as such", () => {
    expect(poolText(POOL).split("\n")).toEqual([
      "Pool gpus/spot-a  spot",
      "  size not known, ready 1, booting 0, from 0 to 5",
      "  one node: 95.5 cores of cpu, 1024 GiB of memory, 8 of nvidia.com/gpu (as its template says)",
      expect.stringMatching(/^ {2}price: \$9\.83 an hour \(catalogue, \d{4}-\d\d-\d\d \d\d:\d\d UTC\)$/),
      "  holds: the size of the pool's group cannot be read, so none is written: no answer [size-unknown]",
      "  2 pods without a node could have one here",
      "  not for 3 pods, for example: pool gpus/spot-a: the pod does not tolerate gpu=true:NoSchedule: give it the toleration, or take the taint from the pool [untolerated-taint]",
      "  nodes:",
      "    gpu-7  up  1 pod  node gpu-7 has been empty for 1 min of 5 min (emptySeconds) [empty-too-short]",
    ]);
    const launch = { nodes: 1, machine: null, forMs: millis(38_000), askedMs: millis(40_000) } as const;
    const coming = poolText({
      ...POOL,
      backEnd: "simulated",
      launches: [
        { ...launch, machine: "i-1", stage: "registered" },
        { ...launch, stage: "accepted", nodes: 2 },
        { ...launch, stage: "asked", askedMs: null },
      ],
    });
    expect(coming).toContain("Pool gpus/spot-a  spot, sized by simulated\n");
    expect(coming).toContain(
      [
        "  launch: machine i-1 asked for 40 s ago, registered 38 s ago, not Ready with its GPUs yet",
        "  launch: 2 nodes asked for 40 s ago, accepted 38 s ago, no machine yet",
        "  launch: 1 node asked for at a time that nobody remembers, called 38 s ago, not accepted yet",
      ].join("\n"),
    );
    const closed = { code: "size-unknown", detail: "no answer" } as const;
    const refuses = [{ code: closed.code, pods: 7, example: closed }];
    expect(poolText({ ...POOL, refusal: closed, takes: 0, refuses })).toContain(
      [
        "  holds: the size of the pool's group cannot be read, so none is written: no answer [size-unknown]",
        "  opens no node for pods: [size-unknown]",
        "  0 pods without a node could have one here",
        "  not for 7 pods, for example: [size-unknown]",
      ].join("\n"),
    );
    const unknown = poolText({
      ...POOL,
      offers: null,
      price: { kind: "unknown", because: "no region" },
      nodes: [],
      refuses: [],
    });
    expect(unknown).toContain("one node: not known\n  price: not known: no region\n");
  });
});
