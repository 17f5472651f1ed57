// One Auto Scaling group as it was read, for tests of what is concluded from it.

import { standingOf } from "../../coordinator/cloud/aws/lifecycle.ts";
import type { AwsInstance, AwsReading } from "../../coordinator/cloud/aws/reading.ts";

export interface AwsReadingParts extends Partial<Omit<AwsReading, "instances">> {
  /** Instances of the group, alike but for what `states` says of them. */
  readonly ids?: readonly string[];
  readonly instance?: Partial<AwsInstance>;
  /** Instance → its lifecycle state. */
  readonly states?: Readonly<Record<string, string>>;
}

/** A group of one zone with nothing to remark. */
export function awsReading({ ids = [], instance = {}, states = {}, ...parts }: AwsReadingParts): AwsReading {
  return {
    name: "gpu",
    region: "us-west-2",
    account: "123456789012",
    size: ids.length,
    min: 0,
    max: 10,
    zones: ["us-west-2a"],
    instances: [...new Set([...ids, ...Object.keys(states)])].map((id) => {
      const lifecycle = states[id] ?? "InService";
      const standing = standingOf(lifecycle);
      return { id, zone: "us-west-2a", lifecycle, standing, isProtected: false, ...instance };
    }),
    tags: {},
    suspended: [],
    types: [],
    weights: [],
    gpuRanges: [],
    sizeUnit: "units",
    rebalancesCapacity: false,
    protectsNew: false,
    hasWarmPool: false,
    status: null,
    ...parts,
  };
}
