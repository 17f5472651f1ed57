// What the calls of AWS's Auto Scaling API that an autoscaler needs do to a simulated cloud, and what the service
// refuses: sizes beyond the bounds, members that are none. HTTP, credentials and trouble on demand are in aws.ts.

import { randomUUID } from "node:crypto";

import type { CloudGroup, CloudInstance, Clouds } from "../../../coordinator/replay/world-cloud.ts";
import { begunActivity, describeActivity } from "./aws-activities.ts";
import { describeGroup, matchesFilters } from "./aws-groups.ts";
import type { AwsGroupSettings } from "./aws-groups.ts";
import { AwsRefusal, required } from "./aws-query.ts";
import type { AwsQuery } from "./aws-query.ts";
import { describePolicies, describeRefreshes, describeScheduledActions } from "./aws-rivals.ts";
import type { XmlFields } from "./aws-xml.ts";

export interface ActionContext {
  readonly clouds: Clouds;
  readonly nowMs: number;
  /** The service's clock minus the world's. */
  readonly skewMs: number;
  readonly createdAt: number;
  settings(group: string): AwsGroupSettings;
  /** Instances detached a moment ago, by their group's name. */
  readonly detaching: Map<string, readonly Detached[]>;
}

export interface Detached {
  readonly instance: CloudInstance;
  readonly atMs: number;
}

/** Null: an answer without a result. */
type Action = (query: AwsQuery, context: ActionContext) => XmlFields | null;

const PAGE_DEFAULT = 50;
const PAGE_MAX = 100;
const DETACH_MAX = 20;
/** For how long a detached instance is still listed. */
const DETACHING_MS = 30_000;

const ACTIONS: Readonly<Record<string, Action>> = {
  DescribeAutoScalingGroups: describeGroups,
  DescribeScalingActivities: describeActivities,
  DescribePolicies: (query, context) =>
    paging("ScalingPolicies", describePolicies(chosen(query, context), context.settings), query),
  DescribeScheduledActions: (query, context) =>
    paging(
      "ScheduledUpdateGroupActions",
      describeScheduledActions(chosen(query, context), context.settings, context.nowMs + context.skewMs),
      query,
    ),
  DescribeInstanceRefreshes: (query, context) => {
    const { name } = existing(
      context.clouds,
      required("AutoScalingGroupName", query.text("AutoScalingGroupName")),
    );
    return paging(
      "InstanceRefreshes",
      describeRefreshes(name, context.settings(name), context.createdAt),
      query,
    );
  },
  SetDesiredCapacity: setDesiredCapacity,
  TerminateInstanceInAutoScalingGroup: terminate,
  DetachInstances: detach,
};

export const WRITES: readonly string[] = [
  "SetDesiredCapacity",
  "TerminateInstanceInAutoScalingGroup",
  "DetachInstances",
];

/** @throws AwsRefusal for what the service refuses. */
export function perform(query: AwsQuery, context: ActionContext): XmlFields | null {
  const action = Object.hasOwn(ACTIONS, query.action) ? ACTIONS[query.action] : undefined;
  if (action === undefined)
    throw new AwsRefusal("InvalidAction", `The action ${query.action} is not valid for this endpoint.`);
  return action(query, context);
}

function describeGroups(query: AwsQuery, context: ActionContext): XmlFields {
  const { clouds, nowMs, skewMs, createdAt } = context;
  const names = query.list("AutoScalingGroupNames");
  const size = query.integer("MaxRecords", { max: PAGE_MAX }) ?? PAGE_DEFAULT;
  if (names.length > size)
    throw new AwsRefusal("ValidationError", `The list of group names exceeds the maximum of ${size}.`);
  const filters = query.filters();
  const found = clouds
    .groups()
    .filter(({ name }) => names.length === 0 || names.includes(name))
    .filter(({ name }) => {
      const verdict = matchesFilters(context.settings(name), filters);
      if (verdict === null) throw new AwsRefusal("ValidationError", "Filter name is not valid.");
      return verdict;
    });
  const { page, next } = paged(found, size, query.text("NextToken"));
  const withInstances = query.flag("IncludeInstances") ?? true;
  const described = page.map((group) => {
    const settings = context.settings(group.name);
    const detaching = (context.detaching.get(group.name) ?? [])
      .filter(({ atMs }) => nowMs < atMs + DETACHING_MS)
      .map(({ instance }) => instance);
    const also = settings.alsoLists.flatMap((id) => clouds.instance(id) ?? []);
    return describeGroup(group, { settings, createdAt: createdAt + skewMs, detaching, also, withInstances });
  });
  return { AutoScalingGroups: described, NextToken: next };
}

function describeActivities(query: AwsQuery, { clouds, skewMs }: ActionContext): XmlFields {
  const name = query.text("AutoScalingGroupName");
  const size = query.integer("MaxRecords", { max: PAGE_MAX }) ?? PAGE_MAX;
  const groups = name === null ? clouds.groups() : [existing(clouds, name)];
  const all = groups
    .flatMap((group) => group.activities.map((activity) => ({ activity, group })))
    .toSorted((a, b) => b.activity.at - a.activity.at);
  const { page, next } = paged(all, size, query.text("NextToken"));
  return {
    Activities: page.map(({ activity, group }) => describeActivity(activity, group, skewMs)),
    NextToken: next,
  };
}

/** The group that is named, or all of them: a name that is none has no policies, and is no error. */
function chosen(query: AwsQuery, { clouds }: ActionContext): readonly string[] {
  const name = query.text("AutoScalingGroupName");
  return clouds
    .groups()
    .map((group) => group.name)
    .filter((each) => name === null || each === name);
}

function paging(list: string, all: readonly XmlFields[], query: AwsQuery): XmlFields {
  const size = query.integer("MaxRecords", { max: PAGE_MAX }) ?? PAGE_DEFAULT;
  const { page, next } = paged(all, size, query.text("NextToken"));
  return { [list]: [...page], NextToken: next };
}

function setDesiredCapacity(query: AwsQuery, { clouds }: ActionContext): null {
  const name = required("AutoScalingGroupName", query.text("AutoScalingGroupName"));
  const to = required("DesiredCapacity", query.integer("DesiredCapacity"));
  const { min, max } = existing(clouds, name);
  if (to > max)
    throw new AwsRefusal(
      "ValidationError",
      `New SetDesiredCapacity value ${to} is above max value ${max} for the AutoScalingGroup.`,
    );
  if (to < min)
    throw new AwsRefusal(
      "ValidationError",
      `New SetDesiredCapacity value ${to} is below min value ${min} for the AutoScalingGroup.`,
    );
  clouds.setDesired(name, to);
  return null;
}

/** Protection from scale in is no obstacle: the service does not look at it when it is told which one. */
function terminate(query: AwsQuery, { clouds, nowMs, skewMs }: ActionContext): XmlFields {
  const id = required("InstanceId", query.text("InstanceId"));
  const decrement = required("ShouldDecrementDesiredCapacity", query.flag("ShouldDecrementDesiredCapacity"));
  const instance = clouds.instance(id);
  const group = instance === null || instance.group === null ? null : clouds.group(instance.group);
  if (instance === null || group === null)
    throw new AwsRefusal(
      "ValidationError",
      `Instance Id not found - No managed instance found for instance ID: ${id}`,
    );
  if (instance.state === "terminating")
    throw new AwsRefusal("ScalingActivityInProgress", `Instance ${id} is being terminated already.`);
  if (decrement && group.desired <= group.min)
    throw new AwsRefusal(
      "ValidationError",
      `Currently, desiredSize equals minSize (${group.min}). Terminating instance without replacement will violate group's min size constraint. Either set shouldDecrementDesiredCapacity flag to false or lower group's min size.`,
    );
  clouds.terminate(id, { decrement });
  return { Activity: begunActivity(group.name, "terminate", instance, nowMs + skewMs) };
}

function detach(query: AwsQuery, { clouds, nowMs, skewMs, detaching }: ActionContext): XmlFields {
  const name = required("AutoScalingGroupName", query.text("AutoScalingGroupName"));
  const ids = query.list("InstanceIds");
  const decrement = required("ShouldDecrementDesiredCapacity", query.flag("ShouldDecrementDesiredCapacity"));
  const group = existing(clouds, name);
  if (ids.length > DETACH_MAX)
    throw new AwsRefusal(
      "ValidationError",
      "List exceeds the maximum number of instances to detach. Please retry your request with fewer instances.",
    );
  const instances = ids.map((id) => detachable(group, id));
  if (decrement && group.desired - ids.length < group.min)
    throw new AwsRefusal(
      "ValidationError",
      `AutoScalingGroup ${name} has min-size=${group.min}, max-size=${group.max}, and desired-size=${group.desired}. To detach ${ids.length} instance${ids.length === 1 ? "" : "s"}, please update the AutoScalingGroup sizes appropriately.`,
    );
  for (const { id } of instances) clouds.detach(id, { decrement });
  const left = instances.map((instance) => ({ instance, atMs: nowMs }));
  detaching.set(name, [...(detaching.get(name) ?? []), ...left]);
  return {
    Activities: instances.map((instance) => begunActivity(name, "detach", instance, nowMs + skewMs)),
  };
}

function detachable({ name, instances }: CloudGroup, id: string): CloudInstance {
  const instance = instances.find((each) => each.id === id);
  if (instance === undefined)
    throw new AwsRefusal("ValidationError", `The instance ${id} is not part of Auto Scaling group ${name}.`);
  if (instance.state !== "running")
    throw new AwsRefusal("ValidationError", `The instance ${id} is not in InService or Standby.`);
  return instance;
}

function existing(clouds: Clouds, name: string): CloudGroup {
  const group = clouds.group(name);
  if (group === null)
    throw new AwsRefusal("ValidationError", `AutoScalingGroup name not found - no such group: ${name}`);
  return group;
}

/** The same answer as a page with nothing on it that promises the first page as the next one. */
export function emptiedPage(xml: string): string {
  return xml
    .replace(/<NextToken>.*<\/NextToken>/, "")
    .replace(
      /<(AutoScalingGroups|Activities|ScalingPolicies|ScheduledUpdateGroupActions)>.*<\/\1>/,
      `<$1></$1><NextToken>${toToken(0)}</NextToken>`,
    );
}

/** A token says where the next page begins, and never twice in the same letters. */
function paged<T>(
  all: readonly T[],
  size: number,
  token: string | null,
): { readonly page: readonly T[]; readonly next: string | undefined } {
  const from = token === null ? 0 : fromToken(token);
  const to = from + size;
  return { page: all.slice(from, to), next: to < all.length ? toToken(to) : undefined };
}

function toToken(from: number): string {
  return Buffer.from(`page:${from}:${randomUUID()}`).toString("base64url");
}

function fromToken(token: string): number {
  const from = /^page:(\d+):/.exec(Buffer.from(token, "base64url").toString())?.[1];
  if (from === undefined) throw new AwsRefusal("InvalidNextToken", "The NextToken value is not valid.");
  return Number(from);
}
