// Policies as values: by our own fields, which the policy's schema gives, and by the keys of the guide to this kind of
// autoscaler, each of which is mapped to a field in templates/_guide.tpl. What has no field is refused, not ignored.

import { policySpecSchema } from "../../../shared/contract/policy.ts";
import { nodePool } from "../../../shared/contract/policy/pool.ts";
import { PREDICTIVE_MODES } from "../../../shared/contract/policy/predictive.ts";
import { writtenSchema } from "../../crd/crd.ts";
import { closed } from "./schema.ts";
import { duration, flag, group, leaf, share, text } from "./value.ts";
import type { Group, JsonSchema, Leaf } from "./value.ts";

const NAME = "^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$";

export const POLICIES: Leaf = leaf(
  {
    type: "object",
    propertyNames: { pattern: NAME },
    // zod's type for a schema is wider than what it writes.
    additionalProperties: closed(writtenSchema(policySpecSchema) as JsonSchema),
  },
  {},
  "AutoscalingPolicies: name → spec. deploy/reference/policy.md has the fields.",
);

const count = (sentence: string, minimum = 0): Leaf =>
  leaf({ type: "integer", minimum }, undefined, sentence);
const only = (value: unknown, sentence: string): Leaf => leaf({ const: value }, undefined, sentence);
const groups = (sentence: string): Leaf =>
  leaf({ type: "object", additionalProperties: { type: "string", minLength: 1 } }, undefined, sentence);

export const AUTOSCALING_VALUES: Group = group(
  "One policy by the keys of the usual guide. Nothing here: no such policy. What is left out has the policy's default.",
  {
    policyName: leaf({ type: "string", pattern: NAME }, undefined, "Name of the policy.", {
      unset: "default",
    }),
    enabled: flag(undefined, "`enabled`."),
    mode: leaf({ type: "string", enum: ["Act", "Recommend"] }, undefined, "`mode`; not in the guide."),
    provider: leaf({ type: "string", enum: ["aws", "gcp", "azure", "custom"] }, undefined, "`provider`.", {
      unset: "required",
    }),
    scaleUp: group("", {
      threshold: share("`scaleUpThreshold`."),
      cooldown: duration("`scaleUpCooldownSeconds`."),
      pendingPodTimeout: duration("`pendingPodTimeoutSeconds`."),
    }),
    scaleDown: group("", {
      threshold: share("`scaleDownThreshold`."),
      cooldown: duration("`scaleDownCooldownSeconds`."),
    }),
    limits: group("", { minNodes: count("`minNodes`."), maxNodes: count("`maxNodes`.", 1) }),
    spot: group("", {
      enabled: flag(undefined, "`enableSpotInstances`."),
      targetPercentage: share("`spotInstancePercentage`."),
      gracefulEviction: only(
        true,
        "Pods are always evicted within their budgets and their grace; there is no other way.",
      ),
      diversify: flag(undefined, "`spot.diversify`."),
    }),
    multiTier: group("", {
      enabled: flag(undefined, "`enableMultiTierScaling`."),
      spotPercentage: share("`spotInstancePercentage`."),
      onDemandPercentage: share("`onDemandPercentage`."),
      reservedPercentage: share("`reservedPercentage`."),
    }),
    predictive: group("", {
      enabled: flag(undefined, "`enablePredictiveScaling`."),
      mode: leaf(
        { type: "string", enum: [...PREDICTIVE_MODES] },
        undefined,
        "`predictive.mode`; not in the guide.",
      ),
      timeZone: text(undefined, "`predictive.timeZone`; not in the guide."),
      lookbackDays: count("`predictive.lookbackDays`.", 1),
      horizonMinutes: count("`predictive.horizonMinutes`.", 5),
      confidenceThreshold: share("`predictive.confidenceThreshold`."),
      preWarmThreshold: share("`predictive.preWarmThreshold`."),
    }),
    nodePools: leaf(
      { type: "array", items: closed(writtenSchema(nodePool) as JsonSchema) },
      undefined,
      "`nodePools`; the group comes from below, by the pool's name, or stands in the pool.",
    ),
    aws: group("", {
      region: text(undefined, "Region of the groups."),
      autoScalingGroups: groups("Pool → name of its Auto Scaling group."),
    }),
    gcp: group("", {
      projectID: text(undefined, "Project of the groups."),
      zone: text(
        undefined,
        "Zone of the groups; not in the guide, whose groups of a whole region pick the zones by themselves.",
      ),
      region: text(undefined, "`region` of the pools."),
      instanceGroups: groups("Pool → name of its managed instance group."),
    }),
    azure: group("", {
      subscriptionID: text(undefined, "Subscription of the scale sets."),
      resourceGroup: text(undefined, "Their resource group."),
      region: text(undefined, "`region` of the pools."),
      vmScaleSets: groups("Pool → name of its scale set."),
    }),
  },
);
