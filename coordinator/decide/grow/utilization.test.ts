import { describe, expect, test } from "vitest";

import { epochMs } from "../../../shared/model/units.ts";
import { node, reported } from "../../../test/build/node.ts";
import { MINUTE, NOW, SECOND } from "../../../test/build/now.ts";
import { pods } from "../../../test/build/pod.ts";
import { policy, pool } from "../../../test/build/policy.ts";
import type { PolicyOptions } from "../../../test/build/policy.ts";
import { grows, holdCodes, notice, snapshot } from "../../../test/build/snapshot.ts";
import { decide } from "../decide.ts";
import { EMPTY_MEMORY } from "../snapshot-memory.ts";
import type { PodInput } from "../snapshot-pod.ts";

const hot = (means: readonly (number | null)[]) =>
  means.map((mean, index) =>
    node(`n${index}`, mean === null ? {} : { telemetry: reported({ mean, busiest: mean }) }),
  );

describe("growth by use", () => {
  test("is sized so that the same work is at the threshold", () => {
    const [grow] = grows(decide(snapshot({ nodes: hot([1, 1, 1]) })));
    // 24 busy GPUs at 0.8 want 30 of them: one node of 8 more.
    expect(grow).toMatchObject({ from: 3, to: 4 });
    expect(grow?.because).toEqual([
      { code: "utilization-high", mean: 1, threshold: 0.8, gpus: 24, forMs: 0 },
    ]);
    expect(
      grows(decide(snapshot({ nodes: hot([1, 1, 1]), policies: [policy({ scaleUpThreshold: 0.5 })] })))[0],
    ).toMatchObject({ from: 3, to: 6 });
  });

  // F06: a mean over busy GPUs alone would grow beside idle ones.
  test("counts idle GPUs in the mean", () => {
    expect(grows(decide(snapshot({ nodes: hot([1, 0]) })))).toEqual([]);
    expect(decide(snapshot({ nodes: hot([1, 0]) })).plan.figures[0]?.utilization).toBe(0.5);
  });

  test("needs more than the threshold", () => {
    expect(grows(decide(snapshot({ nodes: hot([0.8]) })))).toEqual([]);
    // However many of them are summed.
    for (const threshold of [0.1, 0.3, 0.7, 0.8, 0.9]) {
      const policies = [policy({ scaleUpThreshold: threshold, scaleDownThreshold: 0 })];
      for (const count of [1, 2, 3, 7]) {
        const nodes = hot(Array.from({ length: count }, () => threshold));
        expect(grows(decide(snapshot({ nodes, policies })))).toEqual([]);
      }
    }
    expect(grows(decide(snapshot({ nodes: hot([0.81]) })))).toHaveLength(1);
  });

  test("needs readings of nine GPUs in ten", () => {
    const nine = hot([...Array.from({ length: 9 }, () => 1), null]);
    expect(grows(decide(snapshot({ nodes: nine })))).toHaveLength(1);
    const decision = decide(snapshot({ nodes: hot([1, 1, null]) }));
    expect(grows(decision)).toEqual([]);
    expect(holdCodes(decision)).toContain("telemetry-unknown");
  });

  test("takes a GPU that cannot tell, and a report that is old, for unknown", () => {
    const nodes = [
      node("n0", { telemetry: reported({ mean: 1 }) }),
      node("n1", { telemetry: reported({ mean: null }) }),
      node("n2", { telemetry: reported({ mean: 1, ageMs: 16 * SECOND, since: [] }) }),
    ];
    expect(grows(decide(snapshot({ nodes })))).toEqual([]);
    expect(decide(snapshot({ nodes })).plan.figures[0]).toMatchObject({ utilization: 1, unknownNodes: 1 });
  });

  test("launches once: nodes that boot are capacity", () => {
    const policies = [policy({ pools: [pool("spot", { size: 4 })] })];
    expect(grows(decide(snapshot({ nodes: hot([1, 1, 1]), policies })))).toEqual([]);
  });

  test("leaves out nodes under notice", () => {
    const input = snapshot({ nodes: hot([1, 0.2]), notices: [notice("n0", { replace: false })] });
    expect(decide(input).plan.figures[0]?.utilization).toBeCloseTo(0.2, 5);
  });

  test("waits out the cooldown of the pool and asks no dearer one", () => {
    const pools = [pool("spot"), pool("od", { capacityType: "on-demand" })];
    const journal = { lastUpAt: { spot: epochMs(NOW - MINUTE) } };
    const policies = [policy({ pools, journal, spotInstancePercentage: 1 })];
    const decision = decide(snapshot({ nodes: hot([1, 1]), policies }));
    expect(grows(decision)).toEqual([]);
    expect(holdCodes(decision, "spot")).toContain("cooldown");
  });

  // C23: as an addition keeps removals away, so a removal keeps additions for use away.
  test("waits out a removal from any pool of the policy, and pods do not", () => {
    const pools = [pool("spot"), pool("od", { capacityType: "on-demand" })];
    const removed = (agoMs: number, waiting: readonly PodInput[] = []) => {
      const policies = [policy({ pools, journal: { lastDownAt: { od: epochMs(NOW - agoMs) } } })];
      return decide(snapshot({ nodes: hot([1, 1]), policies, pods: waiting }));
    };
    expect(grows(removed(MINUTE))).toEqual([]);
    expect(removed(MINUTE).plan.holds.flatMap(({ because }) => because)).toContainEqual({
      code: "after-remove",
      leftMs: 2 * MINUTE,
    });
    expect(grows(removed(3 * MINUTE))).toHaveLength(1);
    expect(grows(removed(MINUTE, pods(3, "p", { gpus: 8 })))).toHaveLength(1);
  });

  test("counts GPUs that do not report as idle", () => {
    // 76 of 80 report and are busy: 76 / 0.8 wants 95.
    const nodes = [
      ...hot(Array.from({ length: 9 }, () => 1)),
      node("half", { telemetry: reported({ gpus: 8, mean: 1 }) }),
    ];
    const some = nodes.map((input) =>
      input.name === "half" && input.telemetry.kind === "reported"
        ? {
            ...input,
            telemetry: {
              ...input.telemetry,
              gpus: input.telemetry.gpus.map((gpu, index) => (index < 4 ? gpu : { ...gpu, mean60: null })),
            },
          }
        : input,
    );
    expect(grows(decide(snapshot({ nodes: some })))[0]).toMatchObject({ from: 10, to: 12 });
    // 72 of 80 are busy at 0.85: more than the threshold, but not with the silent ones as idle.
    const silent = hot([...Array.from({ length: 9 }, () => 0.85), null]);
    expect(grows(decide(snapshot({ nodes: silent })))).toEqual([]);
  });

  test("has the tolerance of a pod autoscaler where the policy has a behavior, and none else", () => {
    const grown = (mean: number, behavior?: PolicyOptions["behavior"]) =>
      grows(
        decide(
          snapshot({
            nodes: hot([mean]),
            policies: [policy(behavior === undefined ? {} : { behavior })],
          }),
        ),
      ).length;
    expect(grown(0.85)).toBe(1);
    expect(grown(0.85, {})).toBe(0);
    expect(grown(0.88, {})).toBe(0);
    expect(grown(0.89, {})).toBe(1);
    expect(grown(0.85, { scaleUp: { tolerance: 0 } })).toBe(1);
    expect(grown(0.95, { scaleUp: { tolerance: 0.2 } })).toBe(0);
  });

  test("waits for behavior, and remembers what it would have wanted", () => {
    const behavior = { scaleUp: { policies: [{ type: "Nodes" as const, value: 1, periodSeconds: 60 }] } };
    const decision = decide(
      snapshot({ nodes: hot([1, 1, 1, 1, 1]), policies: [policy({ behavior, scaleUpThreshold: 0.5 })] }),
    );
    expect(grows(decision)[0]).toMatchObject({ from: 5, to: 6 });
    expect(decision.memory.behavior?.["demo/spot"]?.recommendations.at(-1)?.nodes).toBe(10);
  });

  test("asks the next pool when the first is full", () => {
    const pools = [pool("spot", { maxSize: 2 }), pool("od", { capacityType: "on-demand" })];
    expect(grows(decide(snapshot({ nodes: hot([1, 1]), policies: [policy({ pools })] })))[0]?.pool).toBe(
      "od",
    );
  });

  test("remembers since when, and says it", () => {
    const memory = { ...EMPTY_MEMORY, hotSince: { demo: epochMs(NOW - MINUTE) } };
    const decision = decide(snapshot({ nodes: hot([1, 1]), memory }));
    expect(grows(decision)[0]?.because[0]).toMatchObject({ code: "utilization-high", forMs: MINUTE });
    expect(decision.memory.hotSince).toEqual({ demo: NOW - MINUTE });
    expect(decide(snapshot({ nodes: hot([0.5]), memory })).memory.hotSince).toEqual({});
  });
});
