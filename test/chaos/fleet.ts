// The fleet that chaos is made with: three groups of a simulated cloud in two zones, a policy over them, and work that comes
// and goes by a seed. The same in virtual and in real time, but for how long things take.

import type { CloudGroupShape } from "../../coordinator/replay/world-cloud.ts";
import type { Span } from "../../coordinator/replay/world-options.ts";
import type { World } from "../../coordinator/replay/world.ts";
import { GPU_RESOURCE, NODE_ANNOTATION, POLICY } from "../../shared/model/names.ts";
import { seededRandom } from "../../shared/model/random.ts";
import { epochMs, millis, seconds } from "../../shared/model/units.ts";
import { exponential, pickOf } from "./bursts.ts";
import type { PolicyEdit } from "./fault.ts";

export const ZONES = ["zone-a", "zone-b"] as const;
export const POLICY_NAME = "gpus";
const MAX_SIZE = 6;
const MAX_NODES = 12;

export interface FleetTimes {
  readonly bootMs: Span;
  readonly readyMs: Span;
  /** Between two jobs, on average. */
  readonly jobGapMs: number;
  readonly jobMs: readonly [shortest: number, longest: number];
}

export const POOLS = [
  { name: "spot-a", capacityType: "spot", zone: "zone-a" },
  { name: "spot-b", capacityType: "spot", zone: "zone-b" },
  { name: "steady", capacityType: "on-demand", zone: "zone-b" },
] as const;

export function groupShape(
  { name, capacityType, zone }: (typeof POOLS)[number],
  { bootMs, readyMs }: FleetTimes,
): CloudGroupShape {
  return {
    cloud: "simulated",
    name,
    capacityType,
    instanceTypes: ["gpu-8x"],
    zones: [zone],
    allocatable: { cpu: "96", memory: "1000Gi", pods: "110", [GPU_RESOURCE]: "8" },
    bootMs,
    readyMs,
    desired: 0,
    max: 50,
  };
}

/** @param url of the simulated cloud. @param fields of the policy's own. */
export function policyFor(
  url: string,
  fields: Readonly<Record<string, unknown>>,
): Readonly<Record<string, unknown>> {
  return {
    provider: "custom",
    maxNodes: MAX_NODES,
    spotInstancePercentage: 0.7,
    ...fields,
    nodePools: POOLS.map(({ name, capacityType }, order) => ({
      name,
      capacityType,
      maxSize: MAX_SIZE,
      priority: -order,
      group: { simulated: { url, name } },
      price: { usdPerHour: capacityType === "spot" ? 10 : 30 },
    })),
  };
}

/** Writes the spec as a person does. */
export function writePolicy(world: World, spec: Readonly<Record<string, unknown>>): void {
  const before = world.get("autoscalingpolicies", { name: POLICY_NAME });
  world.put("autoscalingpolicies", {
    apiVersion: POLICY.apiVersion,
    kind: POLICY.kind,
    ...before,
    metadata: { ...before?.metadata, name: POLICY_NAME },
    spec,
  });
}

/** The spec after an edit of one pool, or of all. */
export function edited(
  spec: Readonly<Record<string, unknown>>,
  edit: PolicyEdit,
  pick: number,
): Readonly<Record<string, unknown>> {
  const pools = spec["nodePools"] as readonly Readonly<Record<string, unknown>>[];
  const chosen = pickOf(pools, pick);
  const withPool = (change: object): Readonly<Record<string, unknown>> => ({
    ...spec,
    nodePools: pools.map((pool) => (pool === chosen ? { ...pool, ...change } : pool)),
  });
  switch (edit) {
    case "raise":
      return { ...withPool({ maxSize: MAX_SIZE + 2 }), maxNodes: Number(spec["maxNodes"]) + 2 };
    case "lower":
      return withPool({ maxSize: 1 });
    case "floor":
      return withPool({ minSize: 1 });
    case "advise":
      return { ...spec, mode: "Recommend" };
    case "broken":
      return withPool({ maxSize: -1 });
    default:
      return edit satisfies never;
  }
}

const SIZES = [1, 1, 2, 4, 8, 8, 16] as const;
const PRIORITIES = ["low", "medium", "high"] as const;

export interface Work {
  readonly at: number;
  start(world: World): void;
}

/** What comes in the time, in its order. */
export function workOf(seed: number, lengthMs: number, times: FleetTimes): readonly Work[] {
  const random = seededRandom(seed ^ 0x5eed);
  const [shortest, longest] = times.jobMs;
  const works: Work[] = [
    {
      at: 0,
      start: (world) =>
        world.submitService({
          name: "web",
          replicas: 2,
          gpus: 1,
          evictionPriority: "high",
          graceSeconds: seconds(5),
        }),
    },
  ];
  for (
    let at = exponential(random, times.jobGapMs);
    at < lengthMs;
    at += exponential(random, times.jobGapMs)
  ) {
    const gpus = pickOf(SIZES, random());
    const durationMs = millis(Math.floor(shortest + (longest - shortest) * random() ** 3));
    const evictionPriority = pickOf(PRIORITIES, random());
    const id = `job-${works.length}`;
    const scale = 1 + Math.floor(4 * random());
    const isScaling = random() < 0.15;
    works.push({
      at: Math.floor(at),
      start: (world) => {
        if (isScaling) world.setServiceReplicas("web", scale);
        else
          world.submitJob({
            id,
            gpus,
            durationMs,
            evictionPriority,
            maxGpusPerPod: 8,
            graceSeconds: seconds(5),
            checkpointEveryMs: millis(60_000),
          });
      },
    });
  }
  return works;
}

/** What is still to be done, in words; empty: the fleet has come to rest, but for nodes that wait for their idle time. */
export function unsettled(world: World, openMoves: readonly string[]): readonly string[] {
  const waiting = world
    .list("pods")
    .filter(({ status }) => status?.phase === "Pending" || status?.phase === undefined)
    .map(({ metadata }) => `pod ${metadata.name} waits`);
  const coming = world.clouds.groups().flatMap(({ name, desired, instances }) => {
    const here = instances.filter(({ state, node }) => state === "running" && node !== null).length;
    return here === desired ? [] : [`group ${name} has ${here} nodes of ${desired}`];
  });
  const unready = world
    .list("nodes")
    .filter(({ status }) => !status?.conditions?.some((one) => one.type === "Ready" && one.status === "True"))
    .map(({ metadata }) => `node ${metadata.name} is not ready`);
  return [...waiting, ...coming, ...unready, ...openMoves.map((key) => `move ${key} is open`)];
}

/** Nodes that still bear what a removal or a drain puts on them, each with what it is. */
export function markedNodes(world: World): readonly string[] {
  return world
    .list("nodes")
    .flatMap(({ metadata: { name, annotations }, spec }) => [
      ...(spec?.unschedulable === true ? [`node ${name} is cordoned`] : []),
      ...(spec?.taints ?? []).map(({ key }) => `node ${name} has the taint ${key}`),
      ...(annotations?.[NODE_ANNOTATION.drainRequest] === undefined
        ? []
        : [`node ${name} is asked to be emptied`]),
    ]);
}

/** @param start of the run in the world's time, so that a seed means the same whenever it is run. */
export function startOf(seed: number): ReturnType<typeof epochMs> {
  return epochMs(Date.UTC(2026, 0, 5) + (seed % 1000) * 3_600_000);
}
