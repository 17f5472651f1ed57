import { describe, expect, test } from "vitest";

import type { Pod } from "../../shared/model/kube.ts";
import { after, millis } from "../../shared/model/units.ts";
import type { EpochMs } from "../../shared/model/units.ts";
import { aPool, aWorld, forward } from "../world/build.ts";
import { mayAddNodeOfWork, mayReplace, needsNewNode, roomElsewhere } from "./moment.ts";

const LIMITS = {
  pools: [
    { name: "spot", min: 0, max: 8 },
    { name: "on-demand", min: 0, max: 1 },
  ],
  maxNodes: 3,
  addedInTenMinutes: 60,
  emptyMs: 5000,
  idleMs: 10_000,
};
const HOUR = 3_600_000;

/** Spot nodes that are up, and a job for each entry: GPUs and how long it still runs. */
function scene(nodes: number, ...jobs: readonly (readonly [gpus: number, leftMs: number])[]) {
  const fast = { bootMs: millis(0), readyMs: millis(0) };
  const world = aWorld({
    pools: [aPool({ name: "spot", replicas: nodes, ...fast })],
    startDelayMs: millis(0),
  });
  forward(world, 0);
  for (const [at, [gpus, leftMs]] of jobs.entries())
    world.submitJob({ id: `job-${at}`, gpus, durationMs: millis(leftMs) });
  forward(world, 0);
  const endsAt = (pod: Pod): EpochMs => {
    const job = Number(pod.metadata.ownerReferences?.[0]?.name.slice("job-".length));
    return after(world.now, millis(jobs[job]?.[1] ?? 0));
  };
  const nodeOf = (job: number): string =>
    world.list("pods").find((pod) => pod.metadata.name.startsWith(`job-${job}-`))?.spec.nodeName ?? "";
  return { world, look: { world, now: world.now, endsAt }, nodeOf };
}

describe("needsNewNode()", () => {
  test("is so when what the node holds is more than all others have free", () => {
    const { look, nodeOf } = scene(2, [8, HOUR], [1, HOUR]);
    expect(needsNewNode(look, nodeOf(0), "as they are")).toBe(true);
    expect(needsNewNode(look, nodeOf(1), "as they are")).toBe(true);
  });

  test("is not so while another node has room, unless that is filled", () => {
    const small = scene(2, [2, HOUR]);
    expect(needsNewNode(small.look, small.nodeOf(0), "as they are")).toBe(false);
    expect(needsNewNode(small.look, small.nodeOf(0), "filled")).toBe(true);
  });

  test("counts what ends in the next moment as gone, here and elsewhere", () => {
    const ending = scene(2, [8, 1000], [8, HOUR]);
    expect(needsNewNode(ending.look, ending.nodeOf(0), "filled")).toBe(false);
    expect(needsNewNode(ending.look, ending.nodeOf(1), "filled")).toBe(false);
  });

  test("is not so while a machine boots that the others' jobs cannot fill", () => {
    const { world, look, nodeOf } = scene(1, [8, HOUR]);
    expect(needsNewNode(look, nodeOf(0), "filled")).toBe(true);
    world.addPool(aPool({ name: "on-demand", replicas: 1 }));
    expect(needsNewNode(look, nodeOf(0), "filled")).toBe(false);
    expect(needsNewNode(look, nodeOf(0), "as they are")).toBe(false);
  });
});

describe("roomElsewhere()", () => {
  test("names the other nodes with their free GPUs", () => {
    const { world, nodeOf } = scene(2, [8, HOUR], [5, HOUR]);
    expect(roomElsewhere(world, nodeOf(0))).toEqual([[nodeOf(1), 3]]);
    expect(roomElsewhere(world, nodeOf(1))).toEqual([]);
  });
});

describe("mayAddNodeOfWork()", () => {
  test("is not so when the work would take the room of the replacement", () => {
    expect(mayAddNodeOfWork(scene(1, [8, HOUR]).world, LIMITS)).toBe(true);
    expect(mayAddNodeOfWork(scene(2, [8, HOUR], [8, HOUR]).world, LIMITS)).toBe(false);
    expect(mayAddNodeOfWork(scene(2, [8, HOUR]).world, LIMITS)).toBe(true);
    expect(mayAddNodeOfWork(scene(3, [8, HOUR]).world, LIMITS)).toBe(false);
  });
});

describe("mayReplace()", () => {
  test("is not so when the other pool or the policy is at its maximum", () => {
    expect(mayReplace(scene(2).world, LIMITS)).toBe(true);
    expect(mayReplace(scene(3).world, LIMITS)).toBe(false);
    const { world } = scene(1);
    world.addPool(aPool({ name: "on-demand", replicas: 1 }));
    expect(mayReplace(world, LIMITS)).toBe(false);
  });
});
