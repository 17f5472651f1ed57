// How the API server holds each rule across fields that shared/contract/policy/rules.ts has: by an expression in CEL or
// by the key of a list. The table has an entry for each of the parser's rules or does not compile. Messages say what was
// written and what to write instead, as the parser's do; the plain one stands where the other cannot be made.

import { nodePool } from "../../shared/contract/policy/pool.ts";
import type { PolicyRule } from "../../shared/contract/policy/rules.ts";
import { KARPENTER } from "../../shared/model/names.ts";
import type { Validation } from "./structural.ts";

/** A validation and its place in the spec: "" is the spec itself, `nodePools[]` each of its pools. */
export interface CelRule extends Validation {
  readonly at: string;
}

/** `list-key`: the server refuses two entries of the list at `at` with the same key. */
export type Holder =
  | { readonly by: "cel"; readonly rules: readonly CelRule[] }
  | { readonly by: "list-key"; readonly at: string; readonly key: string };

/** From the schema, so that a new kind of group is one of those of which there may be one. */
const GROUP_KINDS = Object.keys(nodePool.shape.group.unwrap().shape);
const SHARES = "self.spotInstancePercentage + self.onDemandPercentage + self.reservedPercentage";
const POOLS = "self.nodePools.map(n, n.name)";
/** The list of one list gives the names a name, so that they are collected once and not for each schedule. */
const withPools = (expression: string): string => `[${POOLS}].all(pools, ${expression})`;

export const RULES: Readonly<Record<PolicyRule, Holder>> = {
  "thresholds-in-order": cel({
    at: "",
    fieldPath: ".scaleUpThreshold",
    rule: "self.scaleUpThreshold > self.scaleDownThreshold",
    message:
      "is not above scaleDownThreshold: a node would be added and removed in turn; raise one or lower the other",
    messageExpression: said(
      "%s is not above scaleDownThreshold %s: a node would be added and removed in turn; raise one or lower the other",
      "self.scaleUpThreshold",
      "self.scaleDownThreshold",
    ),
  }),
  "nodes-in-order": cel(inOrder("", "minNodes", "maxNodes")),
  "three-shares-are-one": cel({
    at: "",
    fieldPath: ".spotInstancePercentage",
    rule: `!has(self.onDemandPercentage) || !has(self.reservedPercentage) || (${SHARES} - 1.0 <= 0.001 && 1.0 - (${SHARES}) <= 0.001)`,
    message: "the shares of spot, on-demand and reserved do not add up to 1; leave one out or correct one",
    messageExpression: said(
      "spot %s, on-demand %s and reserved %s do not add up to 1; leave one out or correct one",
      "self.spotInstancePercentage",
      "self.onDemandPercentage",
      "self.reservedPercentage",
    ),
  }),
  "two-shares-fit": cel(
    shareFits("onDemandPercentage", "reservedPercentage"),
    shareFits("reservedPercentage", "onDemandPercentage"),
  ),
  "pool-names-differ": { by: "list-key", at: "nodePools", key: "name" },
  "sizes-in-order": cel(inOrder("nodePools[]", "minSize", "maxSize")),
  "spot-share-of-spot": cel({
    at: "nodePools[]",
    fieldPath: ".spotPercentage",
    rule: "!has(self.spotPercentage) || self.capacityType == 'spot' || self.spotPercentage == 0.0",
    message: "contradicts capacityType; leave it out or make the pool spot",
    messageExpression: said(
      "%s contradicts capacityType %s; leave it out or make the pool spot",
      "string(self.spotPercentage)",
      "self.capacityType",
    ),
  }),
  "one-group": cel({
    at: "nodePools[].group",
    rule: `[${GROUP_KINDS.map((kind) => `has(self.${kind})`).join(", ")}].filter(given, given).size() <= 1`,
    message: `${GROUP_KINDS.join(", ")}: one of them sizes a pool; leave one`,
    messageExpression: said(
      "%s cannot all size one pool; leave one",
      `[${GROUP_KINDS.map((kind) => `has(self.${kind}) ? '${kind}' : ''`).join(", ")}].filter(kind, kind != '')`,
    ),
  }),
  "group-named-once": cel({
    at: "nodePools[].group.aws",
    rule: "has(self.autoScalingGroup) != (has(self.tags) && self.tags.size() > 0)",
    message: "give either autoScalingGroup or tags: one of the two says which group it is",
  }),
  "azure-group-named-once": cel({
    at: "nodePools[].group.azure",
    rule: "has(self.managedCluster) == has(self.agentPool) && has(self.vmScaleSet) != has(self.agentPool)",
    message:
      "give either vmScaleSet, or managedCluster with agentPool: one of the two says which group it is",
  }),
  "limits-of-karpenter": cel({
    at: "nodePools[].group.scale",
    fieldPath: ".manageLimits",
    rule: `!has(self.manageLimits) || !self.manageLimits || (self.kind == 'NodePool' && self.apiVersion.split('/')[0] == '${KARPENTER.group}')`,
    message: `true is only for a NodePool of ${KARPENTER.group}; leave it out`,
    messageExpression: said(
      `true is only for a NodePool of ${KARPENTER.group}, and the group is a %s of %s; leave it out`,
      "self.kind",
      "self.apiVersion",
    ),
  }),
  "price-in-order": cel({
    at: "nodePools[].price",
    fieldPath: ".usdPerHour",
    rule: "!has(self.usdPerHour) || !has(self.maxPricePerHour) || self.usdPerHour <= self.maxPricePerHour",
    message: "is above maxPricePerHour, so no node would ever be bought; correct one",
    messageExpression: said(
      "%s is above maxPricePerHour %s, so no node would ever be bought; correct one",
      "self.usdPerHour",
      "self.maxPricePerHour",
    ),
  }),
  "schedule-names-differ": { by: "list-key", at: "schedules", key: "name" },
  "schedule-ends-once": cel({
    at: "schedules[]",
    fieldPath: ".end",
    rule: "has(self.end) != has(self.durationSeconds)",
    message: "give either end or durationSeconds",
  }),
  "window-in-order": cel(inOrder("schedules[]", "minNodes", "maxNodes")),
  "schedule-pools-exist": cel({
    at: "",
    fieldPath: ".schedules",
    rule: withPools("self.schedules.all(s, sets.contains(pools, s.pools))"),
    message: "names a pool that is none of this policy; its pools are those of nodePools",
    messageExpression: said(
      "%s names a pool that is none of this policy; its pools are %s; correct the name or add the pool",
      `self.schedules.filter(s, !sets.contains(${POOLS}, s.pools))[0].name`,
      said("%s", POOLS),
    ),
  }),
  "headroom-names-differ": { by: "list-key", at: "headroom", key: "name" },
  "budget-window-whole": cel({
    at: "disruption.budgets[]",
    fieldPath: ".schedule",
    rule: "has(self.schedule) == has(self.durationSeconds)",
    message: "schedule and durationSeconds belong together; give both or neither",
  }),
  "calendar-dates-differ": { by: "list-key", at: "predictive.calendar", key: "date" },
};

function cel(...rules: readonly CelRule[]): Holder {
  return { by: "cel", rules };
}

/** `low` has a default, `high` may be left out. */
function inOrder(at: string, low: string, high: string): CelRule {
  return {
    at,
    fieldPath: `.${low}`,
    rule: `!has(self.${high}) || self.${low} <= self.${high}`,
    message: `is above ${high}; lower it or raise ${high}`,
    messageExpression: said(
      `%s is above ${high} %s; lower it or raise ${high}`,
      `self.${low}`,
      `self.${high}`,
    ),
  };
}

/** Where only one of both is given. With both, all three have to be the whole. */
function shareFits(field: string, other: string): CelRule {
  return {
    at: "",
    fieldPath: `.${field}`,
    rule: `!has(self.${field}) || has(self.${other}) || self.spotInstancePercentage + self.${field} <= 1.0 + 0.001`,
    message: "and spotInstancePercentage are more than the whole; lower one",
    messageExpression: said(
      "%s and spotInstancePercentage %s are more than the whole; lower one",
      `self.${field}`,
      "self.spotInstancePercentage",
    ),
  };
}

/**
 * A sentence with values in it, all of one type. Not by adding texts: what a number takes as text has no bound that the
 * server knows, so that the sum would cost too much.
 */
export function said(sentence: string, ...values: readonly string[]): string {
  return `'${sentence}'.format([${values.join(", ")}])`;
}
