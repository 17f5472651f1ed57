// What of a cloud's stock a pool draws on: instance type × zone × tier. Failures and interruptions are remembered by
// it, so that pools which draw on the same stock learn from each other and no others do. A type that nobody has named
// is the pool's own.

import type { Machine } from "../../../shared/contract/notice.ts";
import { NODE_LABEL } from "../../../shared/model/names.ts";
import { capacityTypeOf } from "../../../shared/model/node.ts";
import type { CapacityType } from "../../../shared/model/node.ts";
import type { InstanceInput, NodeInput } from "../snapshot.ts";
import type { PoolState } from "./fleet.ts";
import { declaredTypes } from "./shape.ts";

/** Of a pool with more combinations than that, only failures that name none of them count. */
const MAX_COMBINATIONS = 64;

/** All of the pool's types and zones as one: what is said of it where nobody says which of them it was. */
export function offeringOf(pool: PoolState): string {
  return key(typeOf(pool), joined(zonesOf(pool)), pool.pool.capacityType);
}

/** Each single combination of type and zone that the pool may get, in order. */
export function combinationsOf(pool: PoolState): readonly string[] {
  const types = typesOf(pool);
  const zones = zonesOf(pool);
  if (types.length === 0 || zones.length === 0 || types.length * zones.length > MAX_COMBINATIONS) return [];
  return types.flatMap((type) => zones.map((zone) => key(type, zone, pool.pool.capacityType)));
}

export function offeringOfInstance(instance: InstanceInput, pool: PoolState): string {
  return oneOf(pool, instance.instanceType, instance.zone, pool.pool.capacityType);
}

/** By what the node itself shows, then by what its pool says. */
export function offeringOfNode({ labels }: NodeInput, pool: PoolState): string {
  const tier = capacityTypeOf(labels) ?? pool.pool.capacityType;
  return oneOf(pool, labels[NODE_LABEL.instanceType], labels[NODE_LABEL.zone], tier);
}

/** By what the machine's own metadata said, where the node itself is not there to ask. */
export function offeringOfMachine({ instanceType, zone, lifecycle }: Machine, pool: PoolState): string {
  return oneOf(pool, instanceType, zone, lifecycle ?? pool.pool.capacityType);
}

/** What is not among the pool's own types or zones is told of all of them: else nobody would find it again. */
function oneOf(
  pool: PoolState,
  type: string | undefined,
  zone: string | undefined,
  tier: CapacityType,
): string {
  return key(
    type !== undefined && typesOf(pool).includes(type) ? type : typeOf(pool),
    zone !== undefined && zonesOf(pool).includes(zone) ? zone : joined(zonesOf(pool)),
    tier,
  );
}

/** The key under which failures stand that are the pool's own and say nothing of any stock. */
export function ownKey(pool: PoolState): string {
  return `pool/${pool.name}`;
}

/** Under this name the first sight of a member's failure is remembered. */
export function failedKey(pool: PoolState, { id }: InstanceInput): string {
  return `${pool.id}/${id}`;
}

/** True where what is said of the key is said of the pool, or of some of what it may get. */
export function drawsOn(pool: PoolState, offering: string): boolean {
  return (
    offering === ownKey(pool) || offering === offeringOf(pool) || combinationsOf(pool).includes(offering)
  );
}

/** One name for what its machines are. */
export function typeOf(pool: PoolState): string {
  return joined(typesOf(pool)) ?? pool.name;
}

/** As the policy says, else as its group does, else as a real node of the pool shows. */
export function typesOf({ pool, input, shape }: PoolState): readonly string[] {
  const declared = declaredTypes(pool, input.template);
  if (declared.length > 0) return declared;
  const seen = shape?.labels[NODE_LABEL.instanceType];
  return seen === undefined ? [] : [seen];
}

export function zonesOf({ pool, shape }: PoolState): readonly string[] {
  if (pool.availabilityZones.length > 0) return pool.availabilityZones;
  const seen = shape?.labels[NODE_LABEL.zone];
  return seen === undefined ? [] : [seen];
}

function joined(names: readonly string[]): string | null {
  return names.length === 0 ? null : [...new Set(names)].sort().join("+");
}

function key(type: string, zone: string | null, tier: CapacityType): string {
  return `${type}|${zone ?? "*"}|${tier}`;
}
