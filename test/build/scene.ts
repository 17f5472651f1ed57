// A stage for scenarios: the world with pools of machines, its API server, a real nats-server, and the shipped
// programs started on demand. Everything ends with the scene, in the order in which it depends on each other.

import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

import type { PoolShape, WorldOptions } from "../../coordinator/replay/world-options.ts";
import { createWorld } from "../../coordinator/replay/world.ts";
import type { World } from "../../coordinator/replay/world.ts";
import { parsePolicyStatus } from "../../shared/contract/policy/status.ts";
import type { PolicyStatus } from "../../shared/contract/policy/status.ts";
import { GPU_RESOURCE, POLICY } from "../../shared/model/names.ts";
import { millis } from "../../shared/model/units.ts";
import { systemClock } from "../../shared/runtime/clock.ts";
import type { AuditEntry } from "../world/audit.ts";
import { startWorldServer } from "../world/server.ts";
import type { WorldServer } from "../world/server.ts";
import { startCoordinator } from "./coordinator.ts";
import type { CoordinatorProcess, CoordinatorStart } from "./coordinator.ts";
import { eventually } from "./eventually.ts";
import type { EventuallyOptions } from "./eventually.ts";
import { startNats } from "./nats.ts";
import type { NatsServer } from "./nats.ts";
import { lastLines } from "./program.ts";

export interface Scene {
  readonly world: World;
  readonly server: WorldServer;
  readonly nats: NatsServer;
  readonly kubeconfig: string;
  coordinator(options?: Partial<CoordinatorStart>): Promise<CoordinatorProcess>;
  policy(spec: Readonly<Record<string, unknown>>, name?: string): void;
  status(name?: string): PolicyStatus | null;
  /** Size of a pool's group as the world has it. */
  size(pool: string): number;
  /** Requests of one program that change something, oldest first. */
  writesBy(agent: "coordinator" | "agent"): readonly AuditEntry[];
  /** Waits with what the coordinators logged as the explanation of a failure. */
  until<T>(
    look: () => T | null | undefined | false | Promise<T | null | undefined | false>,
    options?: EventuallyOptions,
  ): Promise<T>;
  /** Hands over what has to end with the scene. */
  also(end: () => Promise<unknown>): void;
  [Symbol.asyncDispose](): Promise<void>;
}

/** Quick machines, so that a scenario takes seconds. */
export function aQuickPool(overrides: Partial<PoolShape> = {}): PoolShape {
  return {
    name: "spot-a",
    capacityType: "spot",
    instanceType: "gpu-8x",
    zones: ["zone-a"],
    allocatable: { cpu: "96", memory: "1000Gi", pods: "110", [GPU_RESOURCE]: "8" },
    bootMs: millis(150),
    readyMs: millis(100),
    ...overrides,
  };
}

/** The group of a pool that sizes the MachineDeployment of this name. */
export function machineDeployment(name: string): Readonly<Record<string, unknown>> {
  const apiVersion = "cluster.x-k8s.io/v1beta1";
  return { scale: { apiVersion, kind: "MachineDeployment", name, namespace: "default" } };
}

/** A pool of a policy that sizes the MachineDeployment of the same name. */
export function poolSpec(
  name: string,
  overrides: Readonly<Record<string, unknown>> = {},
): Readonly<Record<string, unknown>> {
  return {
    name,
    capacityType: "spot",
    maxSize: 5,
    group: machineDeployment(name),
    template: { allocatable: { cpu: "96", memory: "1000Gi", pods: "110", [GPU_RESOURCE]: "8" } },
    ...overrides,
  };
}

/** Every window at its shortest: what a scenario is about, it sets. */
export function policySpec(
  pools: readonly Readonly<Record<string, unknown>>[],
  overrides: Readonly<Record<string, unknown>> = {},
) {
  return {
    provider: "custom",
    pendingPodTimeoutSeconds: 0,
    scaleUpCooldownSeconds: 0,
    scaleDownCooldownSeconds: 0,
    scaleDownDelayAfterAddSeconds: 0,
    emptySeconds: 1,
    idleSeconds: 2,
    nodePools: pools,
    ...overrides,
  };
}

export async function openScene(options: Partial<WorldOptions> = {}): Promise<Scene> {
  const dir = await mkdtemp(join(tmpdir(), "scene-"));
  const world = createWorld({
    start: systemClock.now(),
    seed: 1,
    pools: [aQuickPool()],
    heartbeatMs: null,
    startDelayMs: millis(50),
    ...options,
  });
  const server = await startWorldServer({ world, clock: systemClock, token: "scene" });
  const nats = await startNats();
  const kubeconfig = join(dir, "kubeconfig");
  await writeFile(kubeconfig, server.kubeconfig());
  const coordinators: CoordinatorProcess[] = [];
  const ends: (() => Promise<unknown>)[] = [];

  const scene: Scene = {
    world,
    server,
    nats,
    kubeconfig,
    coordinator: async (start = {}) => {
      const process = await startCoordinator({
        kubeconfig,
        nats: nats.url,
        waitFor: "leading",
        ...start,
        env: {
          GPUAS_CYCLE_INTERVAL: "500ms",
          GPUAS_LEASE_DURATION: "2s",
          GPUAS_LEASE_RENEW: "1400ms",
          GPUAS_LEASE_RETRY: "300ms",
          GPUAS_MEMORY_WAIT: "500ms",
          ...start.env,
        },
      });
      coordinators.push(process);
      return process;
    },
    policy: (spec, name = "gpus") => {
      server.change((changed) => {
        const before = changed.get("autoscalingpolicies", { name });
        changed.put("autoscalingpolicies", {
          apiVersion: POLICY.apiVersion,
          kind: POLICY.kind,
          ...before,
          metadata: { ...before?.metadata, name, generation: (before?.metadata.generation ?? 0) + 1 },
          spec,
        });
      });
    },
    status: (name = "gpus") => parsePolicyStatus(world.get("autoscalingpolicies", { name })?.status),
    size: (pool) =>
      world.get("machinedeployments", { namespace: "default", name: pool })?.spec.replicas ?? -1,
    writesBy: (agent) =>
      server.audit.filter(
        ({ method, userAgent, status }) =>
          method !== "GET" && userAgent.includes(agent) && status >= 200 && status < 300,
      ),
    until: async (look, waiting = {}) =>
      await eventually(look, {
        describe: () =>
          `${JSON.stringify(scene.status()?.pools)}\n${coordinators.map(({ logs }) => lastLines(logs, 25)).join("\n--\n")}`,
        ...waiting,
      }),
    also: (end) => {
      ends.push(end);
    },
    [Symbol.asyncDispose]: async () => {
      // What one of them has to complain of is said when all of them have ended.
      const complaints: unknown[] = [];
      for (const end of ends.toReversed()) {
        try {
          await end();
        } catch (error) {
          complaints.push(error);
        }
      }
      await Promise.all(coordinators.map(async (process) => await process.kill()));
      await server.close();
      await nats.remove();
      await rm(dir, { recursive: true, force: true });
      if (complaints.length > 0) throw complaints[0];
    },
  };
  return scene;
}
