// AutoscalingPolicy: what an operator writes, with defaults and rules, and the status that we write back.
// The status carries what money depends on (sizes, cooldowns, moves in flight), so that a restarted
// coordinator continues. Objects are plain, not strict, in the schema that becomes the CRD; unknown fields
// are refused by `parsePolicy`, since a misspelt limit that is silently ignored is a limit that does not hold.

import * as z from "zod";

import { CAPACITY_TYPES } from "../model/node.ts";
import { parseQuantity } from "../model/quantity.ts";

/** Fields that older manifests have and that no decision reads yet say so, in the reference and in the status. */
const UNREAD = "accepted, and not used by any decision yet";

const share = (fallback: number, description: string) =>
  z.number().min(0).max(1).default(fallback).meta({ description });
const count = (fallback: number, description: string) =>
  z.int32().min(0).default(fallback).meta({ description });
const flag = (fallback: boolean, description: string) => z.boolean().default(fallback).meta({ description });
const labels = z.record(z.string(), z.string());

const taint = z.object({
  key: z.string().min(1),
  value: z.string().optional(),
  effect: z.enum(["NoSchedule", "PreferNoSchedule", "NoExecute"]),
});

const quantity = z.union([z.string(), z.number()]).transform((value, context) => {
  try {
    parseQuantity(String(value));
  } catch {
    context.addIssue({
      code: "custom",
      message: `${JSON.stringify(value)} is not a quantity such as "4", "500m" or "16Gi"`,
    });
  }
  return String(value);
});

/** What one node of the pool offers before a real one has been seen. */
const template = z.object({
  allocatable: z
    .record(z.string(), quantity)
    .meta({ description: "resources of one node, for example cpu, memory, pods, nvidia.com/gpu" }),
  labels: labels.default({}),
  taints: z.array(taint).default([]),
});

/** Any object with a scale subresource. A MachineDeployment also gives machines, so a chosen node can go. */
const scaleGroup = z.object({
  apiVersion: z.string().min(1),
  kind: z.string().min(1),
  name: z.string().min(1),
  namespace: z.string().optional(),
});

const nodePool = z.object({
  name: z
    .string()
    .regex(
      /^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$/,
      "a pool name is a DNS label: lower-case letters, digits and -",
    )
    .meta({ description: "unique in the policy" }),
  minSize: count(0, "nodes that the pool always has"),
  maxSize: count(100, "nodes that the pool has at most"),
  gpuType: z.string().optional().meta({ description: UNREAD }),
  instanceTypes: z.array(z.string()).default([]).meta({ description: UNREAD }),
  capacityType: z
    .enum(CAPACITY_TYPES)
    .meta({ description: "what its nodes are paid as; among equal priorities spot is filled first" }),
  spotPercentage: z.number().min(0).max(1).optional().meta({ description: UNREAD }),
  priority: z.int32().default(0).meta({ description: "higher first" }),
  labels: labels
    .default({})
    .meta({ description: "labels of its nodes, for pods that select them before a node exists" }),
  taints: z
    .array(taint)
    .default([])
    .meta({ description: "taints of its nodes, that pods have to tolerate before a node exists" }),
  availabilityZones: z
    .array(z.string())
    .default([])
    .meta({ description: "with more than one, the zone of a new node is taken as unknown" }),
  group: z
    .object({ scale: scaleGroup.optional() })
    .optional()
    .meta({ description: "what sizes the pool; without it the pool holds" }),
  template: template
    .optional()
    .meta({ description: "what one node offers, as long as no real one has been seen" }),
});

const rate = z
  .object({
    nodes: z.int32().min(0).default(10),
    percent: z.int32().min(0).max(100).default(25),
  })
  .default({ nodes: 10, percent: 25 })
  .meta({ description: "nodes that may be added in 10 minutes: the larger of both" });

const specShape = z.object({
  enabled: flag(true, "false: every pool holds"),
  mode: z
    .enum(["Act", "Recommend"])
    .default("Act")
    .meta({ description: "Recommend decides, explains and reports, and touches nothing" }),
  provider: z
    .enum(["aws", "gcp", "azure", "custom"])
    .meta({ description: "where the nodes run; the group says what is called" }),
  scaleUpThreshold: share(0.8, "mean GPU utilisation over which the policy grows"),
  scaleDownThreshold: share(0.2, "GPU utilisation below which a GPU counts as idle"),
  scaleUpCooldownSeconds: count(180, "between two growths of one pool; minima and replacements do not wait"),
  scaleDownCooldownSeconds: count(600, "between two removals from one pool"),
  pendingPodTimeoutSeconds: count(120, "how long a pod has to be unschedulable before it counts"),
  emptySeconds: count(300, "how long a node has to be empty before it goes"),
  idleSeconds: count(600, "how long every GPU of a node has to stay below scaleDownThreshold before it goes"),
  scaleDownDelayAfterAddSeconds: count(600, "an addition keeps removals of that pool away for so long"),
  minNodes: count(0, "nodes that all pools together always have"),
  maxNodes: z.int32().min(1).default(100).meta({ description: "nodes that all pools together have at most" }),
  maxGpus: z.int32().min(0).optional().meta({ description: "GPUs that all pools together have at most" }),
  maxPercentOrNodesAdded: rate,
  spotInstancePercentage: share(0.6, UNREAD),
  enableSpotInstances: flag(true, "false: spot pools do not grow"),
  enableMultiTierScaling: flag(true, "false: only the tier of the preferred pool grows"),
  enablePredictiveScaling: flag(false, UNREAD),
  reclaimIdleHolders: flag(
    false,
    "a pod that holds GPUs but has used none for idleSeconds may be moved, unless it refuses by annotation",
  ),
  nodePools: z
    .array(nodePool)
    .default([])
    .meta({ "x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["name"] }),
  nodeSelector: labels
    .default({})
    .meta({ description: "nodes that the policy owns, beside their pool label" }),
});

export const policySpecSchema = specShape.superRefine((spec, context) => {
  const problem = (path: (string | number)[], message: string) =>
    context.addIssue({ code: "custom", path, message });
  if (spec.scaleUpThreshold <= spec.scaleDownThreshold) {
    problem(
      ["scaleUpThreshold"],
      `${spec.scaleUpThreshold} is not above scaleDownThreshold ${spec.scaleDownThreshold}: a node would be added and removed in turn; raise one or lower the other`,
    );
  }
  if (spec.minNodes > spec.maxNodes)
    problem(["minNodes"], `${spec.minNodes} is above maxNodes ${spec.maxNodes}`);
  const seen = new Set<string>();
  spec.nodePools.forEach((pool, index) => {
    const at = ["nodePools", index];
    if (seen.has(pool.name))
      problem([...at, "name"], `${pool.name} is used twice; a pool name is unique in its policy`);
    seen.add(pool.name);
    if (pool.minSize > pool.maxSize)
      problem([...at, "minSize"], `${pool.minSize} is above maxSize ${pool.maxSize}`);
    if (pool.spotPercentage !== undefined && pool.capacityType !== "spot" && pool.spotPercentage > 0) {
      problem(
        [...at, "spotPercentage"],
        `${pool.spotPercentage} contradicts capacityType ${pool.capacityType}; leave it out or make the pool spot`,
      );
    }
  });
});

export type PolicySpec = z.infer<typeof policySpecSchema>;
export type NodePoolSpec = PolicySpec["nodePools"][number];
export type ScaleGroup = z.infer<typeof scaleGroup>;

/** Fields of this spec that were set to something and change no decision yet. */
export function fieldsWithoutEffect(spec: PolicySpec): readonly string[] {
  const ofPools = [
    ...(spec.nodePools.some((pool) => pool.gpuType !== undefined) ? ["nodePools.gpuType"] : []),
    ...(spec.nodePools.some((pool) => pool.instanceTypes.length > 0) ? ["nodePools.instanceTypes"] : []),
    ...(spec.nodePools.some((pool) => pool.spotPercentage !== undefined) ? ["nodePools.spotPercentage"] : []),
  ];
  return [...(spec.enablePredictiveScaling ? ["enablePredictiveScaling"] : []), ...ofPools];
}

const moveState = z.object({
  /** Derived from policy, pool, kind and cause: acting twice is acting once. */
  key: z.string(),
  kind: z.enum(["grow", "shrink", "replace", "release"]),
  pool: z.string(),
  node: z.string().optional(),
  instance: z.string().optional(),
  from: z.number(),
  to: z.number(),
  /** intended: written before the call. draining: the agent empties the node. applied, failed: the outcome. */
  phase: z.enum(["intended", "draining", "applied", "failed"]),
  at: z.string(),
  detail: z.string().optional(),
});

const poolStatus = z.object({
  name: z.string(),
  size: z.number().optional(),
  ready: z.number(),
  booting: z.number(),
  lastUpAt: z.string().optional(),
  lastDownAt: z.string().optional(),
  upCooldownEndsAt: z.string().optional(),
  downCooldownEndsAt: z.string().optional(),
  /** What this cycle decided: reason codes with a sentence each. */
  decision: z.enum(["grow", "shrink", "replace", "release", "hold"]).optional(),
  because: z.array(z.object({ code: z.string(), sentence: z.string() })).optional(),
});

const condition = z.object({
  type: z.string(),
  status: z.enum(["True", "False", "Unknown"]),
  reason: z.string(),
  message: z.string(),
  lastTransitionTime: z.string(),
  observedGeneration: z.number().optional(),
});

export const policyStatusSchema = z.object({
  observedGeneration: z.number().optional(),
  currentNodes: z.number(),
  desiredNodes: z.number(),
  spotNodes: z.number(),
  onDemandNodes: z.number(),
  reservedNodes: z.number(),
  /** 0..1 over the GPUs that report; absent when none does. */
  averageGPUUtilization: z.number().optional(),
  pendingPods: z.number(),
  lastScaleUpTime: z.string().optional(),
  lastScaleDownTime: z.string().optional(),
  lastScalingAction: z.string().optional(),
  lastScalingReason: z.string().optional(),
  /** In the last 24 h. */
  spotInterruptions: z.number(),
  conditions: z.array(condition),
  pools: z.array(poolStatus),
  /** In flight and recently ended, newest last, bounded. */
  moves: z.array(moveState),
  /** Nodes added, for the rate of 10 minutes. */
  additions: z.array(z.object({ at: z.string(), nodes: z.number() })),
  /** Notices of the last 24 h that were counted: id and time. */
  interruptions: z.array(z.object({ id: z.string(), at: z.string() })),
});

export type PolicyStatus = z.infer<typeof policyStatusSchema>;
export type MoveState = PolicyStatus["moves"][number];

export type ParsedPolicy =
  | { readonly kind: "valid"; readonly spec: PolicySpec }
  | { readonly kind: "invalid"; readonly problems: readonly string[] };

/** Reads `spec` of a policy object. Each problem names the field, the value and what to do. */
export function parsePolicy(spec: unknown): ParsedPolicy {
  const parsed = policySpecSchema.safeParse(spec);
  const problems = parsed.success ? [] : parsed.error.issues.map((issue) => describeIssue(spec, issue));
  problems.push(...unknownFields(spec, specShape, "spec"));
  return parsed.success && problems.length === 0
    ? { kind: "valid", spec: parsed.data }
    : { kind: "invalid", problems };
}

/** Reads `status`; an absent or unreadable one is null, which callers treat as "nothing known of the past". */
export function parsePolicyStatus(status: unknown): PolicyStatus | null {
  const parsed = policyStatusSchema.safeParse(status);
  return parsed.success ? parsed.data : null;
}

function describeIssue(spec: unknown, issue: z.core.$ZodIssue): string {
  const path = ["spec", ...issue.path.map(String)].join(".");
  if (issue.code === "custom") return `${path}: ${issue.message}`;
  const value = issue.path.reduce<unknown>(
    (at, key) => (at as Record<PropertyKey, unknown> | undefined)?.[key],
    spec,
  );
  return value === undefined
    ? `${path}: is required (${issue.message})`
    : `${path}: ${JSON.stringify(value)} is not valid (${issue.message})`;
}

/** Fields of the value that the schema does not have, as problems. Records accept any key. */
function unknownFields(value: unknown, schema: z.ZodType, path: string): string[] {
  const bare = unwrap(schema);
  if (bare instanceof z.ZodArray && Array.isArray(value)) {
    return value.flatMap((item, index) => unknownFields(item, bare.element as z.ZodType, `${path}.${index}`));
  }
  if (!(bare instanceof z.ZodObject) || typeof value !== "object" || value === null) return [];
  const shape = bare.shape as Record<string, z.ZodType>;
  return Object.entries(value).flatMap(([key, inner]) => {
    const known = shape[key];
    if (known !== undefined) return unknownFields(inner, known, `${path}.${key}`);
    return [`${path}.${key}: unknown field; known here are ${Object.keys(shape).join(", ")}`];
  });
}

function unwrap(schema: z.ZodType): z.ZodType {
  let at = schema;
  while (at instanceof z.ZodOptional || at instanceof z.ZodDefault) at = at.unwrap() as z.ZodType;
  return at;
}
