// Policies for tests of decisions, by what matters in a test: pools with a size and a template. What is left out
// has the defaults that a real policy gets from its schema, cooldowns and windows included.

import type * as z from "zod";

import { EMPTY_JOURNAL } from "../../coordinator/decide/snapshot-memory.ts";
import type { Journal } from "../../coordinator/decide/snapshot-memory.ts";
import type {
  ForecastInput,
  GroupReading,
  InstanceInput,
  PolicyInput,
  PoolInput,
  RivalInput,
} from "../../coordinator/decide/snapshot.ts";
import { policySpecSchema } from "../../shared/contract/policy.ts";
import type { NodePoolSpec } from "../../shared/contract/policy/pool.ts";
import type { MoveState } from "../../shared/contract/policy/status.ts";
import type { CapacityType } from "../../shared/model/node.ts";
import { epochMs } from "../../shared/model/units.ts";

/** Marks a group whose size and members `snapshot()` reads off the nodes that carry the pool's label. */
export const FROM_NODES: readonly InstanceInput[] = Object.freeze([]);

/** Members that exist and are no node yet. */
export function comingTo(size: number, options: Partial<InstanceInput> = {}): readonly InstanceInput[] {
  return Array.from({ length: size }, (_, index) => ({
    id: `i-coming-${index}`,
    node: null,
    state: "booting" as const,
    ...options,
  }));
}

export interface PoolOptions {
  readonly capacityType?: CapacityType;
  readonly minSize?: number;
  readonly maxSize?: number;
  readonly priority?: number;
  /** GPUs of one node of the template; null: no template. */
  readonly gpus?: number | null;
  readonly labels?: Readonly<Record<string, string>>;
  readonly taints?: NodePoolSpec["taints"];
  /** Unset: as many as there are nodes with the pool's label. */
  readonly size?: number;
  readonly group?: GroupReading;
  readonly instances?: readonly InstanceInput[];
  /** What else sizes its group. */
  readonly rivals?: readonly RivalInput[];
  /** Fields of the pool that have no word of their own here. */
  readonly fields?: Partial<NodePoolSpec>;
}

export interface BuiltPool {
  readonly spec: object;
  readonly input: PoolInput;
}

export function pool(name: string, options: PoolOptions = {}): BuiltPool {
  const {
    capacityType = "spot",
    gpus = 8,
    size,
    labels = {},
    taints = [],
    minSize = 0,
    maxSize = 20,
    priority = 0,
  } = options;
  const allocatable = {
    cpu: "96",
    memory: "1000Gi",
    pods: "110",
    ...(gpus === null || gpus === 0 ? {} : { "nvidia.com/gpu": String(gpus) }),
  };
  return {
    spec: {
      name,
      capacityType,
      minSize,
      maxSize,
      priority,
      labels,
      taints,
      group: {
        scale: {
          apiVersion: "cluster.x-k8s.io/v1beta1",
          kind: "MachineDeployment",
          name,
          namespace: "machines",
        },
      },
      ...(gpus === null ? {} : { template: { allocatable } }),
      ...options.fields,
    },
    input: {
      name,
      group: options.group ?? { kind: "known", size: size ?? -1, chosenRemoval: true },
      instances: options.instances ?? FROM_NODES,
      ...(options.rivals === undefined ? {} : { rivals: options.rivals }),
    },
  };
}

export type ValidPolicyInput = Extract<PolicyInput, { readonly kind: "valid" }>;

/** As somebody writes it: what is left out gets its default. */
export type PolicyOptions = Partial<Omit<z.input<typeof policySpecSchema>, "nodePools">> & {
  readonly name?: string;
  readonly pools?: readonly BuiltPool[];
  readonly journal?: Partial<Journal>;
  readonly forecast?: ForecastInput;
};

export function policy(options: PolicyOptions = {}): ValidPolicyInput {
  const { name = "demo", pools = [pool("spot")], journal = {}, forecast, ...spec } = options;
  return {
    kind: "valid",
    name,
    spec: policySpecSchema.parse({
      provider: "custom",
      ...spec,
      nodePools: pools.map((built) => built.spec),
    }),
    pools: pools.map((built) => built.input),
    journal: { ...EMPTY_JOURNAL, ...journal },
    ...(forecast === undefined ? {} : { forecast }),
  };
}

/** An entry of the journal, `agoMs` before `now`. */
export function move(now: number, options: Partial<MoveState> & { readonly agoMs?: number }): MoveState {
  const { agoMs = 0, ...fields } = options;
  return {
    key: "demo/spot/grow/test",
    kind: "grow",
    pool: "spot",
    from: 0,
    to: 1,
    phase: "intended",
    at: new Date(epochMs(now - agoMs)).toISOString(),
    ...fields,
  };
}
