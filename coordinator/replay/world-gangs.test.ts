import { describe, expect, test } from "vitest";

import { GPU_RESOURCE } from "../../shared/model/names.ts";
import { millis } from "../../shared/model/units.ts";
import { aPool, aWorld, facts, forward, pods } from "../../test/world/build.ts";
import type { JobSpec, WorldOptions } from "./world-options.ts";
import type { World } from "./world.ts";

const HOUR_MS = 3_600_000;

/** Nodes of one GPU each. */
function aGangWorld(nodes: number, overrides: Partial<WorldOptions> = {}): World {
  const pool = aPool({
    replicas: nodes,
    bootMs: millis(0),
    readyMs: millis(0),
    allocatable: { cpu: "8", memory: "64Gi", pods: "110", [GPU_RESOURCE]: "1" },
  });
  const world = aWorld({ pools: [pool], holdsGangs: true, startDelayMs: millis(0), ...overrides });
  forward(world, 0);
  return world;
}

function aGang(overrides: Partial<JobSpec> = {}): JobSpec {
  return { id: "train", gpus: 3, workers: 3, gang: true, durationMs: millis(HOUR_MS), ...overrides };
}

const bound = (world: World): number => pods(world).filter(({ spec }) => spec.nodeName !== undefined).length;

describe("a gang", () => {
  test("gets no node while there is one too few, and all of them when there are enough", () => {
    const world = aGangWorld(2);
    world.submitJob(aGang());
    forward(world, 1000);
    expect(bound(world)).toBe(0);
    world.scale({ namespace: "default", name: "spot-a" }, 3);
    forward(world, 1000);
    expect(bound(world)).toBe(3);
    expect(new Set(facts(world, "pod-started").map(({ at }) => at)).size).toBe(1);
  });

  test("is bound piece by piece where the scheduler knows no gangs", () => {
    const world = aGangWorld(2, { holdsGangs: false });
    world.submitJob(aGang());
    forward(world, 1000);
    expect(bound(world)).toBe(2);
  });

  test("lets others by that fit where it does not", () => {
    const world = aGangWorld(2);
    world.submitJob(aGang());
    world.submitJob({ id: "alone", gpus: 1, durationMs: millis(HOUR_MS) });
    forward(world, 1000);
    expect(bound(world)).toBe(1);
  });

  test("that loses one worker ends as a whole, and all go on from the one that kept the least", () => {
    const world = aGangWorld(4);
    world.submitJob(aGang({ checkpointEveryMs: millis(HOUR_MS / 4), exitAfterMs: millis(1000) }));
    forward(world, 0.7 * HOUR_MS);
    const [lost] = facts(world, "pod-scheduled");
    world.interrupt(lost?.node ?? "", world.now);
    forward(world, 60_000);
    expect(
      facts(world, "pod-exited")
        .map(({ why }) => why)
        .toSorted(),
    ).toEqual(["clean", "clean", "node-lost"]);
    // Two had saved 42 minutes and go back to the 30 that the third has.
    expect(facts(world, "job-set-back")).toMatchObject([
      { gpus: 1, ms: 0.2 * HOUR_MS },
      { gpus: 1, ms: 0.2 * HOUR_MS },
    ]);
    forward(world, 0.5 * HOUR_MS + 60_000);
    expect(facts(world, "job-done")).toHaveLength(1);
  });

  test("one of which is told to end is told so as a whole, at that moment", () => {
    const world = aGangWorld(3);
    world.submitJob(aGang());
    forward(world, 60_000);
    const [first] = pods(world);
    world.evict(first?.metadata ?? { name: "" });
    expect(facts(world, "pod-stopping").map(({ at }) => at)).toEqual([world.now, world.now, world.now]);
  });
});

test("a pod that comes after one that ran first does what its job says, and that is no progress", () => {
  const world = aGangWorld(1);
  const restartMs = millis(120_000);
  world.submitJob({ id: "a", gpus: 1, durationMs: millis(600_000), restartMs, exitAfterMs: millis(1000) });
  forward(world, 300_000);
  const [pod] = pods(world);
  world.evict(pod?.metadata ?? { name: "" });
  forward(world, 1_200 + 420_000 - 1);
  expect(facts(world, "job-done")).toEqual([]);
  forward(world, 1);
  expect(facts(world, "pod-exited")).toMatchObject([
    { why: "clean", ranMs: 300_000, keptMs: 300_000 },
    { why: "finished", ranMs: 420_000, keptMs: 300_000 },
  ]);
});
