import { expect, test } from "vitest";

import { millis } from "../../../shared/model/units.ts";
import type { Load } from "./load.ts";
import { replicasOf } from "./replicas.ts";

const RULE = { perReplica: 10, minReplicas: 1, maxReplicas: 10, behavior: {} };

function load(stepS: number, values: readonly number[]): Load {
  return { file: "load.csv", start: null, fromMs: 0, stepMs: millis(stepS * 1000), values, notes: [] };
}

test("load becomes replicas, up at once and down when it has been lower for five minutes", () => {
  const steps = replicasOf(load(600, [25, 38, 11]), { ...RULE, minReplicas: 0 });
  expect(steps).toEqual([
    { atMs: 0, replicas: 0 },
    { atMs: 15_000, replicas: 3 },
    { atMs: 615_000, replicas: 4 },
    { atMs: 1_500_000, replicas: 2 },
    { atMs: 2_100_000, replicas: 0 },
  ]);
});

test("never above the most nor below the least", () => {
  const steps = replicasOf(load(15, [1000, 1000, 0]), RULE);
  expect(Math.max(...steps.map(({ replicas }) => replicas))).toBe(10);
  expect(steps.at(-1)).toMatchObject({ replicas: 1 });
});

test("as fast as its behavior allows", () => {
  const behavior = {
    scaleUp: {
      selectPolicy: "Max" as const,
      policies: [{ type: "Pods" as const, value: 2, periodSeconds: 60 }],
    },
  };
  const steps = replicasOf(
    load(
      15,
      Array.from({ length: 20 }, () => 100),
    ),
    { ...RULE, behavior },
  );
  expect(steps.slice(0, 4)).toEqual([
    { atMs: 0, replicas: 1 },
    { atMs: 15_000, replicas: 3 },
    { atMs: 75_000, replicas: 5 },
    { atMs: 135_000, replicas: 7 },
  ]);
});
