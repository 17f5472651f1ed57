// AutoscalingPolicy: what an operator writes, with defaults and rules. The schema's parts lie in policy/, this is the
// whole. Objects are plain, not strict, in the schema that becomes the CRD; unknown fields are refused by
// `parsePolicy`, since a misspelt limit that is silently ignored is a limit that does not hold.

import * as z from "zod";

import { count, flag, labels, share } from "./policy/common.ts";
import {
  behavior,
  expander,
  headroom,
  maxHourlyCostUsd,
  provisioning,
  rate,
  schedule,
  spot,
} from "./policy/growth.ts";
import { nodePool } from "./policy/pool.ts";
import { predictive } from "./policy/predictive.ts";
import { consolidation, disruption, health } from "./policy/removal.ts";
import { problemsOf } from "./policy/rules.ts";

const specShape = z.object({
  enabled: flag(true, "false: every pool holds"),
  mode: z
    .enum(["Act", "Recommend"])
    .default("Act")
    .meta({ description: "Recommend decides, explains and reports, and touches nothing" }),
  provider: z
    .enum(["aws", "gcp", "azure", "custom"])
    .meta({ description: "where the nodes run, for the catalogue; the group says what is called" }),
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
  maxHourlyCostUsd,
  maxPercentOrNodesAdded: rate("added"),
  maxPercentOrNodesRemoved: rate("removed"),
  behavior: behavior.optional(),
  expander,
  spotInstancePercentage: share(
    0.6,
    "share of GPUs that should be spot; a target, never a reason to leave a pod waiting",
  ),
  onDemandPercentage: z.number().min(0).max(1).optional().meta({
    description: "likewise on-demand; unset: 7 of 8 parts of what spot and reserved leave",
  }),
  reservedPercentage: z.number().min(0).max(1).optional().meta({
    description: "likewise reserved; unset: 1 of 8 parts of what spot leaves, or all that the others leave",
  }),
  enableSpotInstances: flag(true, "false: spot pools do not grow"),
  enableMultiTierScaling: flag(true, "false: only the tier of the preferred pool grows"),
  enablePredictiveScaling: flag(
    false,
    "true: a forecast that has earned it may raise the number of nodes, unless predictive.mode says otherwise",
  ),
  predictive,
  spot,
  drills: z.enum(["Enabled", "Disabled"]).default("Enabled").meta({
    description: "whether the drill annotation acts on nodes of the policy; Disabled: their agents refuse it",
  }),
  headroom: z
    .array(headroom)
    .max(100)
    .default([])
    .meta({ "x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["name"] }),
  schedules: z
    .array(schedule)
    .max(50)
    .default([])
    .meta({ "x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["name"] }),
  provisioning,
  reclaimIdleHolders: flag(
    false,
    "a pod that holds GPUs but has used none for idleSeconds may be moved, unless it refuses by annotation",
  ),
  consolidation,
  disruption,
  health,
  expireAfterSeconds: z
    .int32()
    .min(600)
    .optional()
    .meta({ description: "a node older than that goes, as its pods and budgets allow" }),
  nodePools: z
    .array(nodePool)
    .max(200)
    .default([])
    .meta({ "x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["name"] }),
  nodeSelector: labels
    .default({})
    .meta({ description: "nodes that the policy owns, beside their pool label" }),
});

export const policySpecSchema = specShape.superRefine((spec, context) => {
  for (const { rule, path, message } of problemsOf(spec))
    context.addIssue({ code: "custom", path: [...path], message, params: { rule } });
});

export type PolicySpec = z.infer<typeof policySpecSchema>;

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

function describeIssue(spec: unknown, issue: z.core.$ZodIssue): string {
  const path = ["spec", ...issue.path.map(String)].join(".");
  if (issue.code === "custom") return `${path}: ${issue.message}`;
  const value = issue.path.reduce<unknown>(
    (at, key) => (at as Record<PropertyKey, unknown> | undefined)?.[key],
    spec,
  );
  if (value === undefined) return `${path}: is required (${issue.message})`;
  const written = Array.isArray(value) ? `a list of ${value.length}` : JSON.stringify(value);
  return `${path}: ${written} is not valid (${issue.message})`;
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
