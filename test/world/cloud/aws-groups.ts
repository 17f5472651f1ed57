// An Auto Scaling group as AWS describes it, over a group of the simulated cloud: what the simulation does not know of a
// real group (tags, suspended processes, weights, the states of single members) is set here by the test.

import type { CloudGroup, CloudInstance } from "../../../coordinator/replay/world-cloud.ts";
import type { QueryFilter } from "./aws-query.ts";
import type { XmlFields, XmlValue } from "./aws-xml.ts";

export interface AwsGroupSettings {
  /** In the ARN. */
  readonly account: string;
  readonly region: string;
  readonly tags: Readonly<Record<string, string>>;
  /** Processes that somebody has suspended. */
  readonly suspended: readonly string[];
  readonly capacityRebalance: boolean;
  /** Instance type → WeightedCapacity. */
  readonly weights: Readonly<Record<string, string>>;
  /** Members of a warm pool that stands beside the group. */
  readonly warmPoolSize: number | null;
  /** Instance → lifecycle state instead of the one that follows from the simulation. */
  readonly lifecycle: Readonly<Record<string, string>>;
  /** Instances that are protected from scale in. */
  readonly protected: readonly string[];
  /** Whether every member is protected from scale in from its beginning. */
  readonly protectsNew: boolean;
  /** Members that it does not list yet, as it is with a launch that has just begun. */
  readonly unlisted: readonly string[];
  /** Instances of other groups that this one lists as well. */
  readonly alsoLists: readonly string[];
  /** Names of target tracking policies. */
  readonly scalingPolicies: readonly string[];
  /** Name of a scheduled action → its recurrence. */
  readonly scheduledActions: Readonly<Record<string, string>>;
  /** Status of the last instance refresh. */
  readonly refresh: string | null;
  /** Such as "Delete in progress". */
  readonly status: string | null;
}

export function plainSettings(account: string, region: string): AwsGroupSettings {
  return {
    account,
    region,
    tags: {},
    suspended: [],
    capacityRebalance: false,
    weights: {},
    warmPoolSize: null,
    lifecycle: {},
    protected: [],
    protectsNew: false,
    unlisted: [],
    alsoLists: [],
    scalingPolicies: [],
    scheduledActions: {},
    refresh: null,
    status: null,
  };
}

export interface Described {
  readonly settings: AwsGroupSettings;
  readonly createdAt: number;
  /** Instances that have just been detached and are still listed. */
  readonly detaching: readonly CloudInstance[];
  /** Instances of other groups that it lists as well. */
  readonly also: readonly CloudInstance[];
  readonly withInstances: boolean;
}

const LIFECYCLE = { pending: "Pending", running: "InService", terminating: "Terminating" } as const;

export function describeGroup(group: CloudGroup, described: Described): XmlFields {
  const { settings, createdAt, detaching, also, withInstances } = described;
  const { name, shape } = group;
  const template = { LaunchTemplateId: "lt-0123456789abcdef0", LaunchTemplateName: name, Version: "1" };
  const isMixed = shape.instanceTypes.length > 1 || Object.keys(settings.weights).length > 0;
  const member = (instance: CloudInstance, state?: string): XmlFields => ({
    InstanceId: instance.id,
    InstanceType: instance.instanceType,
    AvailabilityZone: instance.zone,
    LifecycleState: state ?? settings.lifecycle[instance.id] ?? LIFECYCLE[instance.state],
    HealthStatus: "Healthy",
    LaunchTemplate: template,
    ProtectedFromScaleIn: settings.protectsNew || settings.protected.includes(instance.id),
    WeightedCapacity: settings.weights[instance.instanceType],
  });
  const members = [
    ...[...group.instances, ...also]
      .filter(({ id }) => !settings.unlisted.includes(id))
      .map((each) => member(each)),
    ...detaching.map((each) => member(each, "Detaching")),
  ];
  return {
    AutoScalingGroupName: name,
    AutoScalingGroupARN: `arn:aws:autoscaling:${settings.region}:${settings.account}:autoScalingGroup:7a6b5c4d:autoScalingGroupName/${name}`,
    ...(isMixed
      ? { MixedInstancesPolicy: mixedPolicy(group, settings, template) }
      : { LaunchTemplate: template }),
    MinSize: group.min,
    MaxSize: group.max,
    DesiredCapacity: group.desired,
    DefaultCooldown: 300,
    AvailabilityZones: shape.zones,
    LoadBalancerNames: [],
    TargetGroupARNs: [],
    HealthCheckType: "EC2",
    HealthCheckGracePeriod: 15,
    Instances: withInstances ? members : undefined,
    CreatedTime: new Date(createdAt).toISOString(),
    SuspendedProcesses: settings.suspended.map((process) => ({
      ProcessName: process,
      SuspensionReason: "User suspended",
    })),
    VPCZoneIdentifier: shape.zones.map((_, at) => `subnet-${String(at).padStart(8, "0")}`).join(","),
    EnabledMetrics: [],
    Status: settings.status ?? undefined,
    Tags: Object.entries(settings.tags).map(([key, value]) => ({
      ResourceId: name,
      ResourceType: "auto-scaling-group",
      Key: key,
      Value: value,
      PropagateAtLaunch: true,
    })),
    TerminationPolicies: ["Default"],
    NewInstancesProtectedFromScaleIn: settings.protectsNew,
    CapacityRebalance: settings.capacityRebalance,
    ...(settings.warmPoolSize === null
      ? {}
      : {
          WarmPoolConfiguration: { MinSize: settings.warmPoolSize, PoolState: "Stopped" },
          WarmPoolSize: settings.warmPoolSize,
        }),
  };
}

function mixedPolicy({ shape }: CloudGroup, { weights }: AwsGroupSettings, template: XmlValue): XmlFields {
  const isSpot = shape.capacityType === "spot";
  return {
    LaunchTemplate: {
      LaunchTemplateSpecification: template,
      Overrides: shape.instanceTypes.map((type) => ({
        InstanceType: type,
        WeightedCapacity: weights[type],
      })),
    },
    InstancesDistribution: {
      OnDemandAllocationStrategy: "prioritized",
      OnDemandBaseCapacity: 0,
      OnDemandPercentageAboveBaseCapacity: isSpot ? 0 : 100,
      SpotAllocationStrategy: "price-capacity-optimized",
    },
  };
}

/** Filters are joined by "and", the values of one by "or". Null: the service does not know the filter's name. */
export function matchesFilters({ tags }: AwsGroupSettings, filters: readonly QueryFilter[]): boolean | null {
  const verdicts = filters.map(({ name, values }) => {
    if (name === "tag-key") return values.some((key) => Object.hasOwn(tags, key));
    if (name === "tag-value") return Object.values(tags).some((value) => values.includes(value));
    if (!name.startsWith("tag:")) return null;
    const value = tags[name.slice("tag:".length)];
    return value !== undefined && values.includes(value);
  });
  return verdicts.includes(null) ? null : verdicts.every((verdict) => verdict === true);
}
