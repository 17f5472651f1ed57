// What AWS says of others that size a group or exchange its machines, from what the test has set: scaling policies,
// scheduled actions, instance refreshes. They are only told of: here none of them acts.

import type { AwsGroupSettings } from "./aws-groups.ts";
import type { XmlFields } from "./aws-xml.ts";

type Settings = (group: string) => AwsGroupSettings;

const DAY_MS = 24 * 3600_000;

function arn({ account, region }: AwsGroupSettings, kind: string, group: string, name: string): string {
  return `arn:aws:autoscaling:${region}:${account}:${kind}:7a6b5c4d:autoScalingGroupName/${group}:${name}`;
}

export function describePolicies(groups: readonly string[], settings: Settings): readonly XmlFields[] {
  return groups.flatMap((group) => {
    const own = settings(group);
    return own.scalingPolicies.map((name) => ({
      AutoScalingGroupName: group,
      PolicyName: name,
      PolicyARN: arn(own, "scalingPolicy", group, `policyName/${name}`),
      PolicyType: "TargetTrackingScaling",
      Alarms: [],
      TargetTrackingConfiguration: {
        PredefinedMetricSpecification: { PredefinedMetricType: "ASGAverageCPUUtilization" },
        TargetValue: 50,
      },
      Enabled: true,
    }));
  });
}

export function describeScheduledActions(
  groups: readonly string[],
  settings: Settings,
  nowMs: number,
): readonly XmlFields[] {
  return groups.flatMap((group) => {
    const own = settings(group);
    return Object.entries(own.scheduledActions).map(([name, recurrence]) => ({
      AutoScalingGroupName: group,
      ScheduledActionName: name,
      ScheduledActionARN: arn(own, "scheduledUpdateGroupAction", group, `scheduledActionName/${name}`),
      StartTime: new Date(nowMs + DAY_MS).toISOString(),
      Recurrence: recurrence,
      DesiredCapacity: 1,
    }));
  });
}

export function describeRefreshes(
  group: string,
  { refresh }: AwsGroupSettings,
  startedMs: number,
): readonly XmlFields[] {
  if (refresh === null) return [];
  return [
    {
      InstanceRefreshId: "08b91cf7-8fa6-48af-b6a6-d227f40f1b9b",
      AutoScalingGroupName: group,
      Status: refresh,
      StartTime: new Date(startedMs).toISOString(),
      PercentageComplete: 20,
    },
  ];
}
