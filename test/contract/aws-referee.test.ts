import { beforeAll, describe, expect, test } from "vitest";

import type { Python } from "../tools/python.ts";
import { answerXml, errorXml } from "../world/cloud/aws-xml.ts";
import type { XmlFields } from "../world/cloud/aws-xml.ts";
import type { AwsAnswer } from "../world/cloud/aws.ts";
import { faultsIn, judge, pythonOrWhyNot } from "./aws-referee.ts";

const MEMBER = {
  InstanceId: "i-0123456789abcdef0",
  AvailabilityZone: "us-west-2a",
  LifecycleState: "InService",
  HealthStatus: "Healthy",
  ProtectedFromScaleIn: false,
};
const GROUP = {
  AutoScalingGroupName: "group",
  MinSize: 0,
  MaxSize: 3,
  DesiredCapacity: 1,
  DefaultCooldown: 300,
  AvailabilityZones: ["us-west-2a"],
  HealthCheckType: "EC2",
  CreatedTime: "2026-01-01T00:00:00.000Z",
  Instances: [MEMBER],
};
const ACTIVITY = {
  ActivityId: "a-1",
  AutoScalingGroupName: "group",
  Cause: "because",
  StartTime: "2026-01-01T00:00:00Z",
  StatusCode: "Failed",
};

function groups(...members: readonly XmlFields[]): AwsAnswer {
  const body = answerXml("DescribeAutoScalingGroups", { AutoScalingGroups: members }, "id");
  return { action: "DescribeAutoScalingGroups", status: 200, body };
}

function activities(activity: XmlFields): AwsAnswer {
  const body = answerXml("DescribeScalingActivities", { Activities: [activity] }, "id");
  return { action: "DescribeScalingActivities", status: 200, body };
}

function error(action: string, code: string, status: number): AwsAnswer {
  return { action, status, body: errorXml({ code, message: "words", status }, "id") };
}

describe("the referee", () => {
  let python: Python | string = "";
  beforeAll(async () => {
    python = await pythonOrWhyNot();
  }, 120_000);

  test("lets right answers pass", async ({ skip }) => {
    if (typeof python === "string") return skip(python);
    const right = [
      groups(GROUP, { ...GROUP, Instances: [] }),
      groups(),
      activities(ACTIVITY),
      { action: "SetDesiredCapacity", status: 200, body: answerXml("SetDesiredCapacity", null, "id") },
      error("SetDesiredCapacity", "ScalingActivityInProgress", 400),
      error("DescribeAutoScalingGroups", "Throttling", 400),
    ];
    expect(faultsIn(await judge(python, right))).toEqual([]);
  });

  test("refuses wrong ones, each for its own reason", async ({ skip }) => {
    if (typeof python === "string") return skip(python);
    const { MinSize: _, ...withoutMinimum } = GROUP;
    const wrong: readonly (readonly [AwsAnswer, string])[] = [
      [groups(withoutMinimum), "lacks MinSize"],
      [groups({ ...GROUP, Instances: [{ ...MEMBER, LifecycleState: "Booting" }] }), "may not be 'Booting'"],
      [groups({ ...GROUP, Colour: "red" }), "has an unknown Colour"],
      [groups({ ...GROUP, DesiredCapacity: "two" }), "is no integer: 'two'"],
      [
        groups({ ...GROUP, Instances: [{ ...MEMBER, InstanceId: "i-0123456789abcdef0123" }] }),
        "longer than 19",
      ],
      [activities({ ...ACTIVITY, StatusCode: "Lost" }), "may not be 'Lost'"],
      [activities({ ...ACTIVITY, StartTime: "yesterday" }), "is no instant"],
      [{ ...groups(GROUP), body: groups(GROUP).body.slice(0, 300) }, "no XML"],
      [{ ...groups(GROUP), action: "SetDesiredCapacity" }, "the root is"],
      [{ ...groups(GROUP), action: "DescribeWeather" }, "no operation DescribeWeather"],
      [error("SetDesiredCapacity", "InvalidNextToken", 400), "has no error InvalidNextToken"],
      [error("SetDesiredCapacity", "Throttling", 503), "comes with status 400, not 503"],
      [{ ...error("SetDesiredCapacity", "Throttling", 400), status: 200 }, "the root is"],
    ];
    const verdicts = await judge(
      python,
      wrong.map(([answer]) => answer),
    );
    expect(verdicts.map(({ faults }) => faults.join("; "))).toEqual(
      wrong.map(([, why]) => expect.stringContaining(why) as string),
    );
  });
});
