// What the simulated cloud has to give: how many instances of a type, in a zone, of a tier. It says where a group's next
// instance can stand; whether one is launched there is the group's business.

import type { Instances, Place } from "./world-cloud-instances.ts";
import type { CloudFailure, CloudGroupShape, Stocked } from "./world-cloud.ts";

export interface Stock {
  /** Absent parts of `where`: any. Null: without end. */
  limit(where: Partial<Stocked>, max: number | null): void;
  /** The preferred type in any zone before the next type, the zones in turn; null when there is none. */
  placeFor(shape: CloudGroupShape, launched: number): Place | null;
}

export function createStock(instances: Pick<Instances, "of" | "count">): Stock {
  const limits = new Map<string, { readonly where: Partial<Stocked>; readonly max: number }>();

  function hasRoom(place: Stocked): boolean {
    return [...limits.values()]
      .filter(({ where }) => isWithin(place, where))
      .every(({ where, max }) => instances.count((instance) => isWithin(instance, where)) < max);
  }

  return {
    limit: (where, max) => {
      const key = stockName(where);
      if (max === null) limits.delete(key);
      else limits.set(key, { where, max });
    },
    placeFor: ({ name, zones, instanceTypes, capacityType, maxMachines }, launched) => {
      const held = instances.of(name).length;
      if (maxMachines !== undefined && maxMachines !== null && held >= maxMachines) return null;
      const first = launched % zones.length;
      const inTurn = [...zones.slice(first), ...zones.slice(0, first)];
      const places = instanceTypes.flatMap((instanceType) => inTurn.map((zone) => ({ zone, instanceType })));
      return places.find((place) => hasRoom({ ...place, capacityType })) ?? null;
    },
  };
}

export function stockName({ instanceType = "*", zone = "*", capacityType }: Partial<Stocked>): string {
  return capacityType === undefined ? `${instanceType} ${zone}` : `${instanceType} ${zone} ${capacityType}`;
}

export function noCapacity({ instanceTypes, zones, capacityType }: CloudGroupShape): CloudFailure {
  return {
    kind: "no-capacity",
    code: "InsufficientInstanceCapacity",
    message: `there is no ${capacityType} capacity for ${instanceTypes.join(", ")} in ${zones.join(", ")}`,
  };
}

function isWithin(place: Stocked, { instanceType, zone, capacityType }: Partial<Stocked>): boolean {
  return (
    (instanceType === undefined || instanceType === place.instanceType) &&
    (zone === undefined || zone === place.zone) &&
    (capacityType === undefined || capacityType === place.capacityType)
  );
}
