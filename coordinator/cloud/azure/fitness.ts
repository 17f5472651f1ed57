// Whether a group can be sized at all, the bounds of its size, and what an operator should know of its settings. The first
// is a hold with its reason, the last are sentences beside a group that goes on working. Pure.

import { AZURE_TAG } from "../../../shared/model/names.ts";
import type { RivalSight } from "../account.ts";
import type { GroupState } from "../group.ts";
import { deadIn, emptyIn, withStanding } from "./reading.ts";
import type { AzureGroupBody, AzureMachine, AzureReading } from "./reading.ts";

const GOING = ["deleting", "deleted"];
const BUSY = ["updating", "creating", "scaling", "upgrading", "starting"];

/** Why a new size would not be carried out, in words; null: nothing stands against it. */
export function heldBecause({ key, provisioning, pool }: AzureGroupBody): string | null {
  if (GOING.includes(provisioning.toLowerCase())) return `${key.words} is being deleted`;
  if (pool === null) return null;
  if (pool.autoscaler !== null)
    return `the AKS autoscaler sizes ${key.words} and AKS takes no size from anybody else: turn it off for the pool (enableAutoScaling false), or take the pool out of the policy`;
  if (pool.power !== null && pool.power !== "Running")
    return `${key.words} is ${pool.power.toLowerCase()}: start it, and the pool goes on`;
  return null;
}

/** A change of it is being carried out. */
export function isBusy({ provisioning }: AzureGroupBody): boolean {
  return BUSY.includes(provisioning.toLowerCase());
}

export interface Bounds {
  readonly min: number;
  readonly max: number;
  readonly problems: readonly string[];
}

/**
 * Azure's own bounds, and those that operators have written on a scale set for Cluster Autoscaler, which are meant for
 * whoever sizes it. A tag that is no number is a sentence and no bound.
 */
export function boundsOf({ min, max, tags }: AzureGroupBody): Bounds {
  const problems: string[] = [];
  const tagged = (name: string): number | null => {
    const text = tags[name];
    if (text === undefined) return null;
    if (/^\d{1,6}$/.test(text.trim())) return Number(text);
    problems.push(
      `tag ${name} is ${JSON.stringify(text)}, which is no number of machines, so that it bounds nothing`,
    );
    return null;
  };
  const [least, most] = [tagged(AZURE_TAG.min) ?? 0, tagged(AZURE_TAG.max) ?? max];
  if (least > most) {
    problems.push(
      `tag ${AZURE_TAG.min} is ${least} and tag ${AZURE_TAG.max} is ${most}: neither bounds anything`,
    );
    return { min, max, problems };
  }
  return { min: Math.max(min, least), max: Math.min(max, most), problems };
}

export function stateOf(reading: AzureReading): GroupState {
  const { min, max } = boundsOf(reading);
  const held = heldBecause(reading);
  return {
    size: reading.size,
    version: reading.etag,
    min,
    max,
    ...(held === null ? {} : { held }),
    unfilled: Math.min(reading.size, deadIn(reading).length + emptyIn(reading)),
  };
}

export function keptBecause({ id, standing, isProtected }: AzureMachine): string {
  return standing === "stopped" && !isProtected
    ? `somebody has stopped ${id}: start it or delete it`
    : `somebody protected ${id} from scale-in: take its protection policy away and it can go`;
}

export function isKept({ standing, isProtected }: AzureMachine): boolean {
  return isProtected || standing === "stopped";
}

/** What the group itself shows of others that size it. */
export function rivalsIn({ key, pool }: AzureGroupBody): readonly RivalSight[] {
  if (pool === null || pool.autoscaler === null) return [];
  const { min, max } = pool.autoscaler;
  return [
    {
      rival: "aks-autoscaler",
      detail: `the autoscaler of AKS sizes ${key.words} from ${min ?? "?"} to ${max ?? "?"}`,
    },
  ];
}

export function sentencesOf(reading: AzureReading): readonly string[] {
  const { isSpot, evicts, pool } = reading;
  const named = (machines: readonly AzureMachine[]): string => namesOf(machines.map(({ id }) => id));
  const dead = deadIn(reading);
  const stopped = withStanding(reading, "stopped").filter((machine) => !dead.includes(machine));
  const locked = withStanding(reading, "counted", "failed", "stopped").filter(
    ({ isProtected }) => isProtected,
  );
  const said: (string | false)[] = [
    reading.restoresSpot &&
      "Try-restore is on (spotRestorePolicy): Azure brings evicted machines back beside those that were bought for their pods; turn it off",
    isSpot &&
      evicts === "Deallocate" &&
      "its eviction policy is Deallocate: evicted machines stay in the set, count in its size and their disks are paid for until they are given back; make it Delete",
    reading.overprovisions &&
      "overprovisioning is on: Azure starts more machines than were asked for and deletes some again, nodes among them; turn it off",
    reading.repairs &&
      "automatic repairs are on: Azure replaces machines that it takes for ill, without draining them; turn them off",
    stopped.length > 0 && `stopped by somebody and counted in its size: ${named(stopped)}`,
    locked.length > 0 &&
      `protected from scale-in by somebody, so never removed: ${named(locked)}; take the protection policy away and they can go`,
    pool !== null &&
      pool.gpuProfile !== null &&
      `its GPUs are cut into parts (${pool.gpuProfile}), which the catalogue does not count: say nodePools[].template.allocatable`,
  ];
  return [...boundsOf(reading).problems, ...said.filter((sentence) => sentence !== false)];
}

const NAMED_MAX = 5;

function namesOf(ids: readonly string[]): string {
  const rest = ids.length - NAMED_MAX;
  return ids.slice(0, NAMED_MAX).join(", ") + (rest > 0 ? ` and ${rest} more` : "");
}
