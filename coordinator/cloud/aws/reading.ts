// One Auto Scaling group out of AWS's answer, each field checked: what is absent or no number is an error that names
// the field, never a zero. Pure. What the fields mean for us is judged in fitness.ts, members.ts and template.ts.

import type { AutoScalingGroup, Instance } from "@aws-sdk/client-auto-scaling";

import { AppError } from "../../../shared/runtime/errors.ts";
import type { GroupState } from "../group.ts";
import { standingOf } from "./lifecycle.ts";
import type { Standing } from "./lifecycle.ts";

export interface AwsInstance {
  readonly id: string;
  readonly zone: string;
  readonly type?: string;
  /** As AWS spells it. */
  readonly lifecycle: string;
  readonly standing: Standing;
  readonly isProtected: boolean;
}

export interface AwsReading {
  readonly name: string;
  /** Out of the ARN; empty when there is none. */
  readonly region: string;
  readonly account: string;
  readonly size: number;
  readonly min: number;
  readonly max: number;
  readonly zones: readonly string[];
  readonly instances: readonly AwsInstance[];
  readonly tags: Readonly<Record<string, string>>;
  readonly suspended: readonly string[];
  /** Of a mixed-instances policy; empty: the launch template alone says it, which this API does not show. */
  readonly types: readonly string[];
  /** Weights that differ from one machine for one unit of size. */
  readonly weights: readonly string[];
  /** Of types chosen by what they have: how many GPUs, lower and upper bound; null is no bound. */
  readonly gpuRanges: readonly { readonly min: number | null; readonly max: number | null }[];
  /** `units` is machines. */
  readonly sizeUnit: string;
  readonly rebalancesCapacity: boolean;
  /** Every machine is protected from scale-in from its beginning. */
  readonly protectsNew: boolean;
  readonly hasWarmPool: boolean;
  /** Said only of a group that is being deleted. */
  readonly status: string | null;
}

/** @throws AppError `malformed` that names the group and the field. */
export function readingOf(group: AutoScalingGroup): AwsReading {
  const name = textOf(group.AutoScalingGroupName, "AutoScalingGroupName", "an Auto Scaling group");
  const words = `Auto Scaling group ${name}`;
  const size = countOf(group.DesiredCapacity, "DesiredCapacity", words);
  const [, , , region = "", account = ""] = (group.AutoScalingGroupARN ?? "").split(":");
  // Without the list nobody knows which places are filled, and open places are what is given back.
  if (group.Instances === undefined && size > 0) throw malformed(words, "Instances", undefined);
  const template = group.MixedInstancesPolicy?.LaunchTemplate;
  const overrides = template?.Overrides ?? [];
  return {
    name,
    region,
    account,
    size,
    min: countOf(group.MinSize, "MinSize", words),
    max: countOf(group.MaxSize, "MaxSize", words),
    zones: group.AvailabilityZones ?? [],
    instances: (group.Instances ?? []).map((instance) => instanceOf(instance, words)),
    tags: Object.fromEntries(
      (group.Tags ?? []).flatMap(({ Key, Value }) => (Key === undefined ? [] : [[Key, Value ?? ""]])),
    ),
    suspended: (group.SuspendedProcesses ?? []).flatMap(({ ProcessName }) => ProcessName ?? []),
    types: [...new Set(overrides.flatMap(({ InstanceType }) => InstanceType ?? []))],
    weights: [
      ...new Set(
        [...overrides, ...(group.Instances ?? [])].flatMap(({ InstanceType, WeightedCapacity }) =>
          WeightedCapacity === undefined || Number(WeightedCapacity) === 1
            ? []
            : [`${InstanceType ?? "a type"} counts ${WeightedCapacity}`],
        ),
      ),
    ],
    gpuRanges: overrides.flatMap(({ InstanceRequirements: needs }) =>
      needs === undefined
        ? []
        : [{ min: needs.AcceleratorCount?.Min ?? null, max: needs.AcceleratorCount?.Max ?? null }],
    ),
    sizeUnit: group.DesiredCapacityType ?? "units",
    rebalancesCapacity: group.CapacityRebalance === true,
    protectsNew: group.NewInstancesProtectedFromScaleIn === true,
    hasWarmPool: group.WarmPoolConfiguration !== undefined,
    status: group.Status ?? null,
  };
}

export function liveIn({ instances }: AwsReading): number {
  return instances.filter(({ standing }) => standing === "counted").length;
}

/**
 * Whether somebody protected this one by hand. A group that protects all of them keeps its machines from AWS's own
 * choice, which leaves the choice to us: there the mark says nothing of one machine.
 */
export function isKept({ protectsNew }: AwsReading, { isProtected }: AwsInstance): boolean {
  return isProtected && !protectsNew;
}

export function keptBecause(id: string): string {
  return `somebody protected ${id} from scale-in: take the protection away (SetInstanceProtection) and it can go`;
}

/** AWS refuses no write for being late, so that a state has no version. */
export function stateOf(reading: AwsReading): GroupState {
  const { size, min, max } = reading;
  return { size, version: null, min, max, unfilled: Math.max(0, size - liveIn(reading)) };
}

function instanceOf(instance: Instance, group: string): AwsInstance {
  const id = textOf(instance.InstanceId, "Instances[].InstanceId", group);
  const words = `${group}: instance ${id}`;
  const lifecycle = textOf(instance.LifecycleState, "LifecycleState", words);
  return {
    id,
    zone: textOf(instance.AvailabilityZone, "AvailabilityZone", words),
    ...(instance.InstanceType === undefined ? {} : { type: instance.InstanceType }),
    lifecycle,
    standing: standingOf(lifecycle),
    isProtected: instance.ProtectedFromScaleIn === true,
  };
}

function countOf(value: number | undefined, field: string, words: string): number {
  if (value === undefined || !Number.isSafeInteger(value) || value < 0) throw malformed(words, field, value);
  return value;
}

function textOf(value: string | undefined, field: string, words: string): string {
  if (value === undefined || value === "") throw malformed(words, field, value);
  return value;
}

function malformed(words: string, field: string, value: unknown): AppError {
  return new AppError("malformed", `${words}: AWS's answer has no usable ${field} (${String(value)})`);
}
