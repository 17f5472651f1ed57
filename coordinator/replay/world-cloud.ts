// Groups of machines at a simulated cloud: what an Auto Scaling group, an instance group or a scale set is underneath.
// A wanted size, instances that come, boot, register as nodes and go, and what the cloud says when they do not come.
// It knows no provider's protocol: faces (test/world/cloud) speak AWS's or our own words over it.

import type { LaunchFailureKind } from "../../shared/contract/policy/status.ts";
import type { CapacityType } from "../../shared/model/node.ts";
import type { EpochMs } from "../../shared/model/units.ts";
import type { PoolShape } from "./world-options.ts";

/** Where all groups of gcp are. */
export const GCP_PROJECT = "gpu-project-1";

export interface CloudGroupShape extends Omit<
  PoolShape,
  "namespace" | "replicas" | "onInterrupt" | "instanceType"
> {
  /**
   * Decides how ids and providerIDs look: `i-…` and `aws:///<zone>/<id>`, `gce://<GCP_PROJECT>/<zone>/<name>`, or
   * `sim://<group>/<id>`. Names of gcp belong to places: a machine that the cloud takes comes again under its name.
   */
  readonly cloud: "aws" | "gcp" | "azure" | "simulated";
  readonly min?: number;
  readonly max?: number;
  readonly desired?: number;
  /** False: a launch that failed is not tried again by itself. Absent: true, after `WorldOptions.launchRetryMs`. */
  readonly triesAgain?: boolean;
  /** Types that it may use, the preferred first. */
  readonly instanceTypes: readonly [string, ...string[]];
}

/**
 * Where groups of azure are. Their machines are numbers, `azure:///…/<group>/virtualMachines/<number>`, and one that the
 * cloud takes lowers the size. At Azure each group counts for itself; here a number is given once.
 */
export const AZURE_PLACE = {
  subscription: "7d4f8a52-3c1b-4e0f-9a6d-2b5c8e1f0a37",
  resourceGroup: "gpu-nodes",
} as const;

/** As Azure names the machines of a set from within: the set's name and the number in letters and digits. */
export function azureHostName(group: string, id: string): string {
  return `${group}${Number(id).toString(36).padStart(6, "0")}`;
}

export interface CloudInstance {
  readonly id: string;
  /** Null: it was detached and runs on by itself. */
  readonly group: string | null;
  readonly zone: string;
  readonly instanceType: string;
  readonly capacityType: CapacityType;
  readonly state: "pending" | "running" | "terminating";
  readonly createdAt: EpochMs;
  readonly providerID: string;
  readonly node: string | null;
}

/** What a cloud's stock is counted by. */
export type Stocked = Pick<CloudInstance, "instanceType" | "zone" | "capacityType">;

/** One attempt of the cloud to give a group an instance, or to take one. */
export interface CloudActivity {
  readonly id: string;
  readonly group: string;
  readonly at: EpochMs;
  readonly what: "launch" | "terminate" | "detach";
  readonly instance: string | null;
  /** Null: it went well. */
  readonly failure: CloudFailure | null;
}

export interface CloudFailure {
  readonly kind: LaunchFailureKind;
  /** As the provider spells it: InsufficientInstanceCapacity. */
  readonly code: string;
  readonly message: string;
}

export interface CloudGroup {
  readonly name: string;
  readonly shape: CloudGroupShape;
  readonly min: number;
  readonly max: number;
  readonly desired: number;
  /** When `desired` last changed: a failed launch from before says nothing of what is asked for now. */
  readonly desiredAt: EpochMs;
  /** Grows with every change of `desired` or of the bounds: what a conditional write depends on. */
  readonly version: number;
  /** In the order in which they were made, those that are going included. */
  readonly instances: readonly CloudInstance[];
  /** The newest first, at most 100. */
  readonly activities: readonly CloudActivity[];
  /** Of gcp: the names of places that no machine fills, in the order in which they will be filled. */
  readonly openNames: readonly string[];
}

/** What the provider would refuse (bounds, unknown names) is for the face to refuse; here it is a RangeError. */
export interface Clouds {
  addGroup(shape: CloudGroupShape): void;
  /** With all its instances. */
  removeGroup(name: string): void;
  groups(): readonly CloudGroup[];
  group(name: string): CloudGroup | null;
  instance(id: string): CloudInstance | null;
  setBounds(group: string, bounds: { readonly min?: number; readonly max?: number }): void;
  /**
   * Launches or ends instances until it fits; which one goes when it falls is the cloud's choice. `names`, of gcp alone:
   * of the places that are added, or of open places that go.
   */
  setDesired(group: string, desired: number, names?: readonly string[]): void;
  /** Ends one. Without `decrement` the group launches another. */
  terminate(instance: string, options: { readonly decrement: boolean }): void;
  /** It runs on outside of the group. Without `decrement` the group launches another. */
  detach(instance: string, options: { readonly decrement: boolean }): void;
  /** How many instances the cloud has for a group's type, zone and tier; null: without end. Absent parts: any. */
  setCapacity(where: Partial<Stocked>, max: number | null): void;
  /** What every launch of the group meets from now on; null: it goes well again. */
  failLaunches(group: string, failure: CloudFailure | null): void;
  /** The cloud takes the instance at `at`; unless it has left its group by then, the group launches another. */
  interrupt(instance: string, at: EpochMs): void;
}
