// One situation that users of other autoscalers reported, or that a requirement names, and what has to come of it. What
// is claimed here is checked by itself, so that recording the answer anew cannot hide that it became wrong.

import type { OfferingMemory } from "../../../../coordinator/decide/snapshot-memory.ts";
import type { InstanceInput, NodeInput } from "../../../../coordinator/decide/snapshot.ts";
import type { NodePoolSpec } from "../../../../shared/contract/policy/pool.ts";
import type { LaunchFailureKind } from "../../../../shared/contract/policy/status.ts";
import type { ReasonCode } from "../../../../shared/model/reasons.ts";
import { epochMs } from "../../../../shared/model/units.ts";
import type { EpochMs } from "../../../../shared/model/units.ts";
import { node, reported } from "../../../build/node.ts";
import type { NodeOptions } from "../../../build/node.ts";
import { MINUTE, NOW } from "../../../build/now.ts";
import { pool } from "../../../build/policy.ts";
import type { BuiltPool, PoolOptions } from "../../../build/policy.ts";
import type { SnapshotOptions } from "../../../build/snapshot.ts";

export interface GoldenCase {
  /** Of its two files. */
  readonly name: string;
  /** Issues as repository#number, requirements by their ids. */
  readonly rows: readonly string[];
  /** What is right. */
  readonly title: string;
  readonly input: SnapshotOptions;
  readonly workUnits?: number;
  /** All moves: "grow demo/spot 0 to 1", "shrink demo/spot 2 to 1 (n1)". */
  readonly moves: readonly string[];
  /** Among the reasons that are given, in the plan or in what is asked. */
  readonly codes: readonly ReasonCode[];
  /** What is asked beside the pods that wait: "node n1", "pool demo/spot", "pod default/p". */
  readonly asks?: readonly string[];
}

export const ago = (ms: number): EpochMs => epochMs(NOW - ms);

/** GPUs that do nothing, and GPUs that work. */
export const QUIET = reported({ mean: 0.01, busiest: 0.02 });
export const BUSY = reported({ mean: 0.6, busiest: 0.9 });

export const nodes = (count: number, options: NodeOptions = {}): NodeInput[] =>
  Array.from({ length: count }, (_, index) => node(`n${index + 1}`, options));

export const onDemand = (name = "od", options: PoolOptions = {}): BuiltPool =>
  pool(name, { capacityType: "on-demand", ...options });

/** Machines of one type in one zone. */
export function typed(
  name: string,
  instanceType: string,
  zone: string,
  options: PoolOptions & { readonly fields?: Partial<NodePoolSpec> } = {},
): BuiltPool {
  return pool(name, {
    ...options,
    fields: { instanceTypes: [instanceType], availabilityZones: [zone], ...options.fields },
  });
}

/** Members that the cloud refused to make. */
export function failed(
  count: number,
  kind: LaunchFailureKind,
  detail: string,
  where: Partial<InstanceInput> = {},
): readonly InstanceInput[] {
  return Array.from({ length: count }, (_, index) => ({
    id: `i-failed-${index + 1}`,
    node: null,
    state: "failed",
    createdAt: ago(30_000),
    failure: { kind, detail },
    ...where,
  }));
}

export const booting = (count: number, agoMs = MINUTE): readonly InstanceInput[] =>
  Array.from({ length: count }, (_, index) => ({
    id: `i-booting-${index + 1}`,
    node: null,
    state: "booting",
    createdAt: ago(agoMs),
  }));

/** What the policy's status remembers: failed a minute ago, and not asked again for four more. */
export function failure(offering: string, options: Partial<OfferingMemory> = {}): OfferingMemory {
  return {
    offering,
    kind: "no-capacity",
    failures: 3,
    lastAt: ago(MINUTE),
    until: epochMs(NOW + 4 * MINUTE),
    detail: "InsufficientInstanceCapacity",
    ...options,
  };
}
