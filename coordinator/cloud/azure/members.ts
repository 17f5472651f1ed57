// The members of a group as the contract has them: machines that Azure lists, and one entry for each place of the size
// that no machine fills, be it one that Azure lists without a machine behind it. Pure.

import type { Member } from "../account.ts";
import { formatProviderId } from "../provider-id.ts";
import { launchKindOf } from "./codes.ts";
import { firstLine } from "./errors.ts";
import { isBusy, isKept, keptBecause } from "./fitness.ts";
import type { LaunchFailure, OperationNews } from "./operations.ts";
import { deadIn, emptyIn } from "./reading.ts";
import type { AzureMachine, AzureReading } from "./reading.ts";

export function membersOf(
  reading: AzureReading,
  news: OperationNews,
  subscription: string,
): readonly Member[] {
  const dead = deadIn(reading);
  return [
    ...reading.machines
      .filter((machine) => !dead.includes(machine))
      .map((machine) => memberOf(reading, machine, subscription)),
    ...dead.map((machine) => deadPlace(reading, machine, news)),
    ...emptyPlaces(reading, news),
  ];
}

/** Azure's own moment of a machine's making is left out: it is by Azure's clock. */
function memberOf(reading: AzureReading, machine: AzureMachine, subscription: string): Member {
  const { id, zone, type, standing } = machine;
  const { set } = reading;
  return {
    id,
    state: standing === "leaving" ? "leaving" : "present",
    ...(set === null
      ? {}
      : {
          providerID: formatProviderId({
            scheme: "azure",
            subscription,
            resourceGroup: set.resourceGroup,
            scaleSet: set.name,
            instance: id,
          }),
        }),
    ...(zone === undefined ? {} : { zone }),
    instanceType: type ?? reading.vmSize,
    ...(standing !== "leaving" && isKept(machine) ? { keptBecause: keptBecause(machine) } : {}),
  };
}

/** Listed and counted, and no machine: given back, its entry goes. */
function deadPlace(reading: AzureReading, machine: AzureMachine, { failure }: OperationNews): Member {
  const { id, zone, type } = machine;
  return {
    id: `${placeholderPrefix(reading)}${id}`,
    placeholder: true,
    state: "failed",
    ...(zone === undefined ? {} : { zone }),
    instanceType: type ?? reading.vmSize,
    failure: failureOf(machine, failure),
  };
}

function failureOf(
  { standing, failure: own }: AzureMachine,
  ofOperation: LaunchFailure | null,
): LaunchFailure {
  if (standing === "stopped")
    return { kind: "no-capacity", detail: "Azure has evicted it and keeps its disks (deallocated)" };
  // A machine may say only that it failed, and the operation why.
  if (own !== null && (own.code !== "" || ofOperation === null))
    return {
      kind: launchKindOf(own.code, own.message),
      detail:
        firstLine([own.code, own.message].filter((part) => part !== "").join(": ")) ||
        "Azure gives no reason",
    };
  return ofOperation ?? { kind: "unavailable", detail: "Azure gives no reason" };
}

function emptyPlaces(reading: AzureReading, { isOpen, failure }: OperationNews): readonly Member[] {
  const isComing = isOpen || isBusy(reading) || failure === null;
  return Array.from({ length: emptyIn(reading) }, (_, at): Member => {
    const place = {
      id: `${placeholderPrefix(reading)}open-${at}`,
      placeholder: true,
      instanceType: reading.vmSize,
    };
    return isComing ? { ...place, state: "present" } : { ...place, state: "failed", failure };
  });
}

function placeholderPrefix({ key }: AzureReading): string {
  return `${key.name}/placeholder-`;
}

/** Machines are numbers. */
export function isPlaceholder(id: string): boolean {
  return id.includes("/placeholder-");
}
