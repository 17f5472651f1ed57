// A scale set, or a pool of AKS with the scale set underneath, out of Azure's answers: one shape for both, each field
// checked. Pure. What the fields mean for us is judged in fitness.ts, members.ts and template.ts.

import { AppError } from "../../../shared/runtime/errors.ts";
import { agentPool, machine, orchestration, poolType, readAs, scaleSet } from "./bodies.ts";
import type { AgentPoolKey, AzureKey, ScaleSetKey } from "./keys.ts";
import { failureIn, isAtRest, standingOf } from "./states.ts";
import type { Standing } from "./states.ts";

export interface AzureMachine {
  /** Its number in the set. */
  readonly id: string;
  /** As AKS names it: the machine's own host name. */
  readonly hostName: string;
  readonly zone?: string;
  readonly type?: string;
  readonly standing: Standing;
  readonly atRest: boolean;
  readonly isProtected: boolean;
  /** Of a failed one, by Azure's word. */
  readonly failure: { readonly code: string; readonly message: string } | null;
}

export interface AzureGroupBody {
  readonly key: AzureKey;
  readonly size: number;
  /** Null: the answer bears none. */
  readonly etag: string | null;
  readonly location: string;
  readonly vmSize: string;
  /** Of the SKU beside its name; scale sets have to be told it again with each size. */
  readonly tier?: string;
  readonly isSpot: boolean;
  readonly evicts: string | null;
  readonly provisioning: string;
  readonly tags: Readonly<Record<string, string>>;
  readonly max: number;
  readonly min: number;
  /** Settings of Azure's own that start or end machines beside us. */
  readonly restoresSpot: boolean;
  readonly overprovisions: boolean;
  readonly repairs: boolean;
  /** Of an AKS pool. */
  readonly pool: AksPool | null;
}

export interface AksPool {
  readonly body: Readonly<Record<string, unknown>>;
  readonly mode: string;
  readonly power: string | null;
  readonly autoscaler: { readonly min: number | null; readonly max: number | null } | null;
  readonly labels: Readonly<Record<string, string>>;
  readonly taints: readonly string[];
  readonly gpuProfile: string | null;
}

export interface AzureReading extends AzureGroupBody {
  /** Where its machines are; null: the pool has no scale set at present. */
  readonly set: Pick<ScaleSetKey, "resourceGroup" | "name"> | null;
  readonly machines: readonly AzureMachine[];
}

const ONE_PLACEMENT_GROUP = 100;
const MANY = 1_000;

/** @throws AppError `misconfigured` for a set that cannot be sized here, `malformed` that names the field. */
export function scaleSetOf(key: ScaleSetKey, body: unknown): AzureGroupBody {
  const kind = readAs(orchestration, body, key.words).properties.orchestrationMode ?? "Uniform";
  if (kind !== "Uniform")
    throw new AppError(
      "misconfigured",
      `${key.words} is a ${kind.toLowerCase()} scale set: its machines are virtual machines of their own, and no size of it is a number of like nodes; make a uniform one`,
    );
  const { sku, etag, location, tags, properties } = readAs(scaleSet, body, key.words);
  const profile = properties.virtualMachineProfile;
  return {
    key,
    size: sku.capacity,
    etag: etag ?? null,
    location,
    vmSize: sku.name,
    ...(typeof sku.tier === "string" ? { tier: sku.tier } : {}),
    isSpot: isSpot(profile?.priority),
    evicts: profile?.evictionPolicy ?? null,
    provisioning: properties.provisioningState,
    tags: tags ?? {},
    min: 0,
    max: properties.singlePlacementGroup === true ? ONE_PLACEMENT_GROUP : MANY,
    restoresSpot: properties.spotRestorePolicy?.enabled === true,
    // Azure's own default is to make more than was asked for, and to delete the rest.
    overprovisions: properties.overprovision !== false,
    repairs: properties.automaticRepairsPolicy?.enabled === true,
    pool: null,
  };
}

/** `location`: of its cluster. @throws AppError as scaleSetOf does. */
export function agentPoolOf(key: AgentPoolKey, body: unknown, location: string): AzureGroupBody {
  const type = readAs(poolType, body, key.words).properties.type ?? "VirtualMachineScaleSets";
  if (type !== "VirtualMachineScaleSets")
    throw new AppError(
      "misconfigured",
      `${key.words} is of type ${type}: only pools of type VirtualMachineScaleSets are sized by one number of like nodes`,
    );
  const { properties } = readAs(agentPool, body, key.words);
  const mode = properties.mode ?? "User";
  return {
    key,
    size: properties.count,
    etag: properties.eTag ?? null,
    location,
    vmSize: properties.vmSize,
    isSpot: isSpot(properties.scaleSetPriority),
    evicts: properties.scaleSetEvictionPolicy ?? null,
    provisioning: properties.provisioningState,
    tags: {},
    // AKS keeps a node for its own pods in each pool of this mode.
    min: mode === "System" ? 1 : 0,
    max: MANY,
    restoresSpot: false,
    overprovisions: false,
    repairs: false,
    pool: {
      body: body as Readonly<Record<string, unknown>>,
      mode,
      power: properties.powerState?.code ?? null,
      autoscaler:
        properties.enableAutoScaling === true
          ? { min: properties.minCount ?? null, max: properties.maxCount ?? null }
          : null,
      labels: properties.nodeLabels ?? {},
      taints: properties.nodeTaints ?? [],
      gpuProfile: properties.gpuInstanceProfile ?? null,
    },
  };
}

function isSpot(priority: string | null | undefined): boolean {
  return priority === "Spot" || priority === "Low";
}

/** @throws AppError `malformed` that names the group, the machine and the field. */
export function machinesOf(
  { location }: Pick<AzureGroupBody, "location">,
  bodies: readonly unknown[],
  words: string,
): readonly AzureMachine[] {
  return bodies.map((body, at) => {
    const read = readAs(machine, body, `${words}: machine ${at + 1}`);
    const { instanceId: id, name, zones, sku, properties } = read;
    const zone = zones?.[0];
    const { protectionPolicy: policy } = properties;
    return {
      id,
      hostName: properties.osProfile?.computerName ?? name,
      // As the nodes' label has it. Outside of zones that label says other things at different clouds.
      ...(zone === undefined ? {} : { zone: `${location}-${zone}` }),
      ...(sku === undefined || sku === null ? {} : { type: sku.name }),
      standing: standingOf(read),
      atRest: isAtRest(read),
      isProtected: policy?.protectFromScaleIn === true || policy?.protectFromScaleSetActions === true,
      failure: failureIn(read),
    };
  });
}

export function withStanding(
  { machines }: Pick<AzureReading, "machines">,
  ...standings: readonly Standing[]
): readonly AzureMachine[] {
  return machines.filter(({ standing }) => standings.includes(standing));
}

/**
 * Machines that fill no place although they are listed and counted: those that failed, and spot machines evicted with
 * their disks kept; where an eviction deletes, it was somebody who stopped one. Not one that somebody protected: it would
 * go with its disks.
 */
export function deadIn(reading: AzureReading): readonly AzureMachine[] {
  const keepsEvicted = reading.isSpot && reading.evicts !== "Delete";
  return withStanding(
    reading,
    ...(keepsEvicted ? (["failed", "stopped"] as const) : (["failed"] as const)),
  ).filter(({ isProtected }) => !isProtected);
}

/** Places of the size that no listed machine is for, be it a dead one. */
export function emptyIn(reading: AzureReading): number {
  return Math.max(0, reading.size - withStanding(reading, "counted", "failed", "stopped").length);
}
