// The members of a group as the contract has them: machines that AWS lists, and one entry for each place of the size
// that no machine fills. Pure.

import type { Member } from "../account.ts";
import { formatProviderId } from "../provider-id.ts";
import type { Launches } from "./launches.ts";
import type { AwsInstance, AwsReading } from "./reading.ts";
import { isKept, keptBecause, liveIn } from "./reading.ts";

/** Machines aside and of a warm pool are no members: they fill no place. */
export function membersOf(reading: AwsReading, launches: Launches): readonly Member[] {
  const machines = reading.instances
    .filter(({ standing }) => standing === "counted" || standing === "leaving")
    .map((instance) => memberOf(reading, instance));
  return [...machines, ...openPlaces(reading, launches)];
}

/** providerIDs of those. */
export function asideIn({ instances }: AwsReading): readonly string[] {
  return instances
    .filter(({ standing }) => standing === "aside" || standing === "warm")
    .map(({ id, zone }) => formatProviderId({ scheme: "aws", zone, instance: id }));
}

/** AWS does not say when a machine began. */
function memberOf(reading: AwsReading, instance: AwsInstance): Member {
  const { id, zone, type, standing } = instance;
  return {
    id,
    state: standing === "leaving" ? "leaving" : "present",
    providerID: formatProviderId({ scheme: "aws", zone, instance: id }),
    zone,
    ...(type === undefined ? {} : { instanceType: type }),
    ...(isKept(reading, instance) ? { keptBecause: keptBecause(id) } : {}),
  };
}

/** Those that AWS is still working on come first; the last failure speaks for the others. */
function openPlaces(reading: AwsReading, { underWay, failure }: Launches): readonly Member[] {
  const open = Math.max(0, reading.size - liveIn(reading));
  const [zone, anotherZone] = reading.zones;
  const [type, anotherType] = reading.types;
  const known = {
    ...(zone === undefined || anotherZone !== undefined ? {} : { zone }),
    ...(type === undefined || anotherType !== undefined ? {} : { instanceType: type }),
  };
  return Array.from({ length: open }, (_, n): Member => {
    const place = { id: placeholderId(reading.name, n), placeholder: true, ...known };
    if (failure === null || n < underWay) return { ...place, state: "present" };
    const { kind, detail, zone: where } = failure;
    return {
      ...place,
      ...(where === undefined ? {} : { zone: where }),
      state: "failed",
      failure: { kind, detail },
    };
  });
}

export function placeholderId(group: string, n: number): string {
  return `${group}/placeholder-${n}`;
}

/** Instances have no slash in their names. */
export function isPlaceholder(id: string): boolean {
  return id.includes("/placeholder-");
}
