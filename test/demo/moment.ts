// When a drill makes its point: a busy spot node whose pods fit nowhere else, while the other pool may still grow.
// A trace's jobs come and go every second, so what ends in the next moment counts as gone already, on both sides.
// What to do when there is no such moment is for the script.

import type { World } from "../../coordinator/replay/world.ts";
import type { Node, Pod } from "../../shared/model/kube.ts";
import { isTerminating } from "../../shared/model/pod.ts";
import type { EpochMs } from "../../shared/model/units.ts";
import { classesOn, gpusOf, gpusUsedOn, isUsable, machinesOf, podsOn, poolOf } from "./cluster.ts";
import type { Limits } from "./evidence.ts";
import { GPUS_PER_NODE, ON_DEMAND_POOL, SPOT_POOL } from "./scene.ts";

/** Longer than it takes to add the companions, to write the notice and to decide on it. */
const LASTING_MS = 2000;

export interface Look {
  readonly world: World;
  readonly now: EpochMs;
  /** When a pod's job ends by itself, or earlier; null when that is not known. */
  readonly endsAt: (pod: Pod) => EpochMs | null;
}

/** Spot nodes with GPUs in use, those with most classes and most GPUs first. */
export function busySpotNodes(world: World): readonly string[] {
  return world
    .list("nodes")
    .filter(
      (node) => poolOf(node) === SPOT_POOL && isUsable(node) && gpusUsedOn(world, node.metadata.name) > 0,
    )
    .map((node) => node.metadata.name)
    .toSorted(
      (a, b) =>
        classesOn(world, b).size - classesOn(world, a).size || gpusUsedOn(world, b) - gpusUsedOn(world, a),
    );
}

/** Whether the limits leave the other pool room for a replacement. */
export function mayReplace(world: World, limits: Limits): boolean {
  const most = limits.pools.find(({ name }) => name === ON_DEMAND_POOL)?.max ?? 0;
  return machinesOf(world).length < limits.maxNodes && machinesOf(world, ON_DEMAND_POOL).length < most;
}

/** Whether the node's pods, or its largest one, fit nowhere else: as things are, or with the other nodes filled. */
export function needsNewNode(look: Look, name: string, others: "as they are" | "filled"): boolean {
  const { world } = look;
  const nodes = otherNodes(world, name);
  const booting = machinesOf(world).length - 1 - nodes.length;
  if (booting > 0 && others === "filled") return false;

  const held = podsOn(world, name)
    .filter((pod) => lasts(look, pod))
    .map(gpusOf);
  const rooms = [
    ...nodes.map((node) => {
      const free = others === "filled" ? 0 : freeOn(world, node);
      const leaving = podsOn(world, node.metadata.name).filter((pod) => !lasts(look, pod));
      return free + sum(leaving.map(gpusOf));
    }),
    ...Array.from({ length: Math.max(0, booting) }, () => GPUS_PER_NODE),
  ];
  return sum(held) > sum(rooms) || Math.max(0, ...held) > Math.max(0, ...rooms);
}

/** Other nodes that take pods and have GPUs free, with how many. */
export function roomElsewhere(
  world: World,
  name: string,
): readonly (readonly [node: string, gpus: number])[] {
  return otherNodes(world, name)
    .map((node) => [node.metadata.name, freeOn(world, node)] as const)
    .filter(([, gpus]) => gpus > 0);
}

/** Whether a job for a whole node would get one, and leave room for a replacement. */
export function mayAddNodeOfWork(world: World, limits: Limits): boolean {
  const empty = world.list("nodes").some((node) => isUsable(node) && freeOn(world, node) === GPUS_PER_NODE);
  return mayReplace(world, limits) && (empty || machinesOf(world).length + 1 < limits.maxNodes);
}

function otherNodes(world: World, name: string): readonly Node[] {
  return world.list("nodes").filter((node) => node.metadata.name !== name && isUsable(node));
}

function freeOn(world: World, node: Node): number {
  return GPUS_PER_NODE - gpusUsedOn(world, node.metadata.name);
}

function lasts({ now, endsAt }: Look, pod: Pod): boolean {
  const end = endsAt(pod);
  return !isTerminating(pod) && end !== null && end - now > LASTING_MS;
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}
