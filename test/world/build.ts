// Worlds, pools and objects for tests: valid defaults, of which a test overrides what it is about.

import type { CloudGroupShape } from "../../coordinator/replay/world-cloud.ts";
import type { Fact, LedgerEntry } from "../../coordinator/replay/world-core.ts";
import type { PoolShape, WorldOptions } from "../../coordinator/replay/world-options.ts";
import { createWorld } from "../../coordinator/replay/world.ts";
import type { World } from "../../coordinator/replay/world.ts";
import type { Node, Pod } from "../../shared/model/kube.ts";
import { GPU_RESOURCE } from "../../shared/model/names.ts";
import { after, epochMs, millis } from "../../shared/model/units.ts";

export const START = epochMs(Date.UTC(2026, 0, 5, 9));

export function aPool(overrides: Partial<PoolShape> = {}): PoolShape {
  return {
    name: "spot-a",
    capacityType: "spot",
    instanceType: "gpu-8x",
    zones: ["zone-a"],
    allocatable: { cpu: "96", memory: "1000Gi", pods: "110", [GPU_RESOURCE]: "8" },
    bootMs: millis(20_000),
    readyMs: millis(10_000),
    ...overrides,
  };
}

export function aCloudGroup(overrides: Partial<CloudGroupShape> = {}): CloudGroupShape {
  const { instanceType, ...pool } = aPool();
  return { ...pool, cloud: "simulated", instanceTypes: [instanceType], ...overrides };
}

export function aWorld(overrides: Partial<WorldOptions> = {}): World {
  return createWorld({ start: START, seed: 1, pools: [aPool()], heartbeatMs: null, ...overrides });
}

/** A world in which every pool's machines are nodes already. */
export function aRunningWorld(replicas = 1, overrides: Partial<WorldOptions> = {}): World {
  const world = aWorld({ pools: [aPool({ replicas, bootMs: millis(0), readyMs: millis(0) })], ...overrides });
  forward(world, 0);
  return world;
}

export function aNode(name: string, overrides: Partial<Node> = {}): Node {
  const allocatable = { cpu: "8", memory: "64Gi", pods: "110", [GPU_RESOURCE]: "8" };
  return {
    metadata: { name },
    status: { allocatable, capacity: allocatable, conditions: [{ type: "Ready", status: "True" }] },
    ...overrides,
  };
}

export function aPod(
  name: string,
  spec: Partial<Pod["spec"]> = {},
  metadata: Partial<Pod["metadata"]> = {},
): Pod {
  return {
    metadata: { name, namespace: "default", ...metadata },
    spec: { containers: [{ name: "main", resources: { requests: { cpu: "1" } } }], ...spec },
    status: { phase: "Pending" },
  };
}

export function forward(world: World, ms: number): void {
  world.advance(after(world.now, millis(ms)));
}

export function pods(world: World): readonly Pod[] {
  return world.list("pods");
}

export function onlyPod(world: World): Pod {
  const [pod, ...more] = world.list("pods");
  if (pod === undefined || more.length > 0)
    throw new Error(`expected one pod, found ${more.length + (pod === undefined ? 0 : 1)}`);
  return pod;
}

export function facts<K extends Fact["kind"]>(
  world: World,
  kind: K,
): readonly Extract<LedgerEntry, { kind: K }>[] {
  return world.ledger.filter((entry): entry is Extract<LedgerEntry, { kind: K }> => entry.kind === kind);
}
