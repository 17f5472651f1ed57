import fc from "fast-check";
import { describe, expect, test } from "vitest";

import { NODE_LABEL } from "../../../shared/model/names.ts";
import { NOW, SECOND } from "../../../test/build/now.ts";
import { machine, spreadOf, termOn } from "../../../test/build/packing.ts";
import { pod, pods } from "../../../test/build/pod.ts";
import { comingTo, policy } from "../../../test/build/policy.ts";
import { grows, snapshot, unplacedCodes } from "../../../test/build/snapshot.ts";
import type { SnapshotOptions } from "../../../test/build/snapshot.ts";
import { decide } from "../decide.ts";
import { EMPTY_MEMORY } from "../snapshot-memory.ts";
import type { PodInput } from "../snapshot-pod.ts";

const wide = {
  maxNodes: 100,
  maxPercentOrNodesAdded: { nodes: 100, percent: 100 },
  scaleUpCooldownSeconds: 0,
};

/** Nodes of ten cores, and so many of them on their way. */
const fleet = (coming: number) =>
  policy({
    ...wide,
    pools: [machine("ten", { usd: 0.05, cpu: 10, size: coming, instances: comingTo(coming) })],
  });

const decided = (coming: number, all: readonly PodInput[], more: SnapshotOptions = {}) =>
  decide(snapshot({ policies: [fleet(coming)], pods: all, ...more }));

const added = (decision: ReturnType<typeof decide>) => grows(decision).map(({ from, to }) => to - from);

/** They fill four nodes to the last core, and five when each goes where it first fits. */
const tight = [5, 5, 4, 4, 3, 3, 3, 3, 3, 3, 2, 2].map((cpu, index) =>
  pod(`p${index}`, { gpus: 0, cpu: 1000 * cpu }),
);
const laterBy = (ms: number) => ({ at: NOW + ms });

describe("pods whose nodes are coming", () => {
  test("keep their places, so that the same pods do not buy another node", () => {
    const first = decided(0, tight);
    expect(added(first)).toEqual([4]);
    let { memory } = first;
    for (const seconds of [10, 20, 30]) {
      const next = decided(4, tight, { memory, ...laterBy(seconds * SECOND) });
      expect(added(next)).toEqual([]);
      expect(unplacedCodes(next, "p0")).toEqual(["booting"]);
      ({ memory } = next);
    }
  });

  test("keep them from a pod that comes later and is harder to place", () => {
    const { memory } = decided(0, tight);
    const next = decided(4, [pod("late", { gpus: 0, cpu: 6_000 }), ...tight], {
      memory,
      ...laterBy(10 * SECOND),
    });
    expect(grows(next).map((grown) => grown.pods)).toEqual([["default/late"]]);
  });

  test("are placed anew where no node came", () => {
    const { memory } = decided(0, tight);
    expect(added(decided(0, tight, { memory, ...laterBy(10 * SECOND) }))).toEqual([4]);
  });

  test("are a gang that keeps all of its places or none", () => {
    const gang = pods(2, "g", { gpus: 0, cpu: 9_000 }).map((each) => ({
      ...each,
      gang: { id: "g", minimum: 2, source: "PodGroup" as const },
    }));
    const { memory } = decided(0, gang);
    expect(added(decided(2, gang, { memory, ...laterBy(10 * SECOND) }))).toEqual([]);
    expect(added(decided(1, gang, { memory, ...laterBy(10 * SECOND) }))).toEqual([1]);
  });

  test("are remembered by a decision that cannot see all pods", () => {
    const { memory } = decided(0, tight);
    expect(memory.promised).toEqual({
      "demo/ten": Array.from({ length: 4 }, () => expect.any(Array) as unknown),
    });
    const blind = decided(4, [], { memory, sync: { kind: "unsynced", missing: ["pods"] } });
    expect(blind.memory.promised).toEqual(memory.promised);
  });

  test("are forgotten once they run", () => {
    const { memory } = decided(0, tight);
    expect(decided(4, [], { memory }).memory).not.toHaveProperty("promised");
  });
});

/** Pods with and without GPUs, some of which look at each other. */
const crowd = fc.array(
  fc.record({
    cpu: fc.integer({ min: 1, max: 60 }),
    memory: fc.integer({ min: 1, max: 24 }),
    gpus: fc.constantFrom(0, 0, 1, 2),
    app: fc.constantFrom("a", "b"),
    rule: fc.constantFrom("none", "none", "alone", "zones", "hosts", "together"),
  }),
  { minLength: 5, maxLength: 30 },
);

const rules = (app: string) => ({
  none: {},
  alone: { podAntiAffinity: [termOn(app, NODE_LABEL.hostname)] },
  zones: { spread: [spreadOf(app, NODE_LABEL.zone)] },
  hosts: { spread: [spreadOf(app, NODE_LABEL.hostname)] },
  together: { podAffinity: [termOn(app, NODE_LABEL.zone)] },
});

const market = [
  { name: "small", usd: 0.5, cpu: 8, zone: "z1" },
  { name: "middle", usd: 0.8, cpu: 16, zone: "z2" },
  { name: "card", usd: 2, cpu: 16, gpus: 1, zone: "z1" },
  { name: "four", usd: 7, cpu: 32, gpus: 4, zone: "z2" },
];

test("whatever the pods are: what was bought for one is not bought for it again", () => {
  fc.assert(
    fc.property(crowd, (drawn) => {
      const all = drawn.map(({ cpu, memory, gpus, app, rule }, index) => {
        const made = pod(`p${index}`, { gpus, cpu: 100 * cpu });
        return {
          ...made,
          requests: { ...made.requests, memory: memory * 2 ** 30 },
          labels: { app },
          ...rules(app)[rule],
        };
      });
      const sizes = new Map<string, number>();
      const served = new Set<string>();
      let memory = EMPTY_MEMORY;
      for (let round = 0; round < 3; round++) {
        const pools = market.map(({ name, ...each }) => {
          const size = sizes.get(name) ?? 0;
          return machine(name, { ...each, size, instances: comingTo(size) });
        });
        const decision = decide(
          snapshot({ policies: [policy({ ...wide, pools })], pods: all, memory, ...laterBy(round * SECOND) }),
        );
        for (const { pool, to, pods: own } of grows(decision)) {
          expect(own.filter((key) => served.has(key))).toEqual([]);
          sizes.set(pool, to);
          for (const key of own) served.add(key);
        }
        ({ memory } = decision);
      }
    }),
    { numRuns: 40 },
  );
});
