import fc from "fast-check";
import { describe, expect, test } from "vitest";

import { CLUSTER_API, GPU_RESOURCE, NODE_LABEL } from "../../shared/model/names.ts";
import { milliQuantity } from "../../shared/model/quantity.ts";
import { epochMs, millis, ratio, seconds } from "../../shared/model/units.ts";
import { aPool, aWorld, forward } from "../../test/world/build.ts";
import { gpusOf, isFinished } from "./world-pods.ts";
import type { World } from "./world.ts";

/** Things that people, programs and providers do to a cluster, drawn at random. */
const step = fc.oneof(
  fc.record({
    kind: fc.constant("job"),
    gpus: fc.integer({ min: 0, max: 20 }),
    minutes: fc.integer({ min: 1, max: 30 }),
  }),
  fc.record({
    kind: fc.constant("size"),
    pool: fc.constantFrom("spot-a", "spot-b"),
    replicas: fc.integer({ min: 0, max: 5 }),
  }),
  fc.record({ kind: fc.constant("capacity"), max: fc.integer({ min: 0, max: 5 }) }),
  fc.record({ kind: fc.constant("interrupt"), which: fc.nat(9), inMs: fc.nat(60_000) }),
  fc.record({ kind: fc.constant("evict"), which: fc.nat(9), grace: fc.integer({ min: 0, max: 60 }) }),
  fc.record({ kind: fc.constant("delete"), which: fc.nat(9), grace: fc.integer({ min: 0, max: 60 }) }),
  fc.record({ kind: fc.constant("cordon"), which: fc.nat(9), on: fc.boolean() }),
  fc.record({ kind: fc.constant("ready"), which: fc.nat(9), on: fc.boolean() }),
  fc.record({ kind: fc.constant("remove-node"), which: fc.nat(9) }),
  fc.record({ kind: fc.constant("wait"), ms: fc.nat(300_000) }),
);

type Step = Parameters<Parameters<typeof step.map>[0]>[0];

function act(world: World, action: Step, at: number): void {
  const pick = <T>(from: readonly T[], which: number): T | undefined =>
    from[which % Math.max(1, from.length)];
  const ref = (name: string): { namespace: string; name: string } => ({ namespace: "default", name });
  if ("minutes" in action) {
    world.submitJob({
      id: `job-${at}`,
      gpus: action.gpus,
      durationMs: millis(action.minutes * 60_000),
      exitAfterMs: millis((at % 40) * 1000),
    });
  } else if ("replicas" in action) world.scale(ref(action.pool), action.replicas);
  else if ("max" in action) world.setCapacity("spot-b", action.max);
  else if ("ms" in action) forward(world, action.ms);
  else if ("inMs" in action) {
    const node = pick(world.list("nodes"), action.which);
    if (node !== undefined) world.interrupt(node.metadata.name, epochMs(world.now + action.inMs));
  } else if ("grace" in action) {
    const pod = pick(world.list("pods"), action.which);
    if (pod === undefined) return;
    if (action.kind === "evict") world.evict(pod.metadata, { graceSeconds: seconds(action.grace) });
    else world.deletePod(pod.metadata, seconds(action.grace));
  } else {
    const node = pick(world.list("nodes"), action.which);
    if (node === undefined) return;
    if (!("on" in action)) world.remove("nodes", node.metadata);
    else if (action.kind === "ready") world.setNodeReady(node.metadata.name, action.on);
    else world.put("nodes", { ...node, spec: { ...node.spec, unschedulable: action.on } });
  }
}

function check(world: World): void {
  for (const node of world.list("nodes")) {
    const held = world
      .list("pods")
      .filter((pod) => pod.spec.nodeName === node.metadata.name && !isFinished(pod))
      .reduce((sum, pod) => sum + gpusOf(pod), 0);
    expect(held * 1000).toBeLessThanOrEqual(milliQuantity(node.status?.allocatable?.[GPU_RESOURCE] ?? "0"));
  }
  const nodes = new Set(world.list("nodes").map(({ metadata }) => metadata.name));
  for (const pod of world.list("pods"))
    if (pod.spec.nodeName !== undefined) expect(nodes).toContain(pod.spec.nodeName);
  for (const group of world.list("machinedeployments")) {
    const alive = world
      .list("machines")
      .filter(
        ({ metadata }) =>
          metadata.deletionTimestamp === undefined &&
          metadata.labels?.[CLUSTER_API.deploymentName] === group.metadata.name,
      );
    expect(alive).toHaveLength(group.spec.replicas ?? 1);
    expect(group.status?.replicas).toBe(alive.length);
  }
  expect(
    world.list("nodes").filter(({ metadata }) => metadata.labels?.[NODE_LABEL.pool] === undefined),
  ).toEqual([]);
}

function checkLedger(world: World): void {
  const exits = new Map<string, number>();
  const starts = new Map<string, number>();
  let last = 0;
  for (const fact of world.ledger) {
    expect(fact.at).toBeGreaterThanOrEqual(last);
    last = fact.at;
    if (fact.kind === "pod-started") starts.set(fact.uid, (starts.get(fact.uid) ?? 0) + 1);
    if (fact.kind !== "pod-exited") continue;
    exits.set(fact.uid, (exits.get(fact.uid) ?? 0) + 1);
    expect(fact.keptMs).toBeLessThanOrEqual(fact.ranMs);
    expect(starts.get(fact.uid)).toBe(1);
  }
  for (const count of exits.values()) expect(count).toBe(1);
}

describe("whatever happens to the world", () => {
  test("no node is overbooked, no pod is orphaned, sizes hold, and each process ends once", () => {
    fc.assert(
      fc.property(fc.nat(1000), fc.array(step, { minLength: 5, maxLength: 40 }), (seed, steps) => {
        const quick = { bootMs: [millis(5_000), millis(40_000)], readyMs: millis(5_000) } as const;
        const world = aWorld({
          seed,
          pools: [
            aPool({ replicas: 2, ...quick }),
            aPool({ name: "spot-b", maxMachines: 3, bootFailureRate: ratio(0.2), ...quick }),
          ],
        });
        world.addDaemonSet({ name: "agent", cpu: "100m", memory: "100Mi" });
        for (const [at, action] of steps.entries()) {
          act(world, action, at);
          check(world);
        }
        forward(world, 3_600_000);
        check(world);
        checkLedger(world);
      }),
      { numRuns: 150 },
    );
  });
});
