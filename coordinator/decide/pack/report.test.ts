import fc from "fast-check";
import { expect, test } from "vitest";

import { machine } from "../../../test/build/packing.ts";
import { pods } from "../../../test/build/pod.ts";
import { policy } from "../../../test/build/policy.ts";
import { snapshot } from "../../../test/build/snapshot.ts";
import { decide } from "../decide.ts";

const wide = { maxNodes: 1000, maxPercentOrNodesAdded: { nodes: 1000, percent: 100 } };

test("no plan costs less than its bound, and one that fills its nodes costs just that", () => {
  const exact = decide(
    snapshot({
      policies: [policy({ ...wide, pools: [machine("m", { usd: 3, cpu: 8, memory: 32 })] })],
      pods: pods(16, "p", { gpus: 0, cpu: 4_000 }),
    }),
  );
  expect(exact.plan.packing).toMatchObject({ usdPerHour: 24, lowerBoundUsdPerHour: 24 });

  fc.assert(
    fc.property(
      fc.array(
        fc.record({
          usd: fc.integer({ min: 1, max: 9 }),
          cpu: fc.integer({ min: 2, max: 16 }),
          gpus: fc.constantFrom(0, 0, 1, 4),
        }),
        {
          minLength: 1,
          maxLength: 5,
        },
      ),
      fc.array(
        fc.record({
          count: fc.integer({ min: 1, max: 9 }),
          cpu: fc.integer({ min: 100, max: 4_000 }),
          gpus: fc.constantFrom(0, 0, 1, 2),
        }),
        {
          minLength: 1,
          maxLength: 4,
        },
      ),
      (machines, batches) => {
        const { packing } = decide(
          snapshot({
            policies: [policy({ ...wide, pools: machines.map((one, index) => machine(`m${index}`, one)) })],
            pods: batches.flatMap(({ count, ...one }, index) => pods(count, `p${index}`, one)),
          }),
        ).plan;
        expect(packing?.usdPerHour ?? 0).toBeGreaterThanOrEqual((packing?.lowerBoundUsdPerHour ?? 0) - 1e-9);
      },
    ),
  );
});
