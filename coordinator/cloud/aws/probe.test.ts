import { describe, expect, test } from "vitest";

import {
  answerXml,
  ANY_CALL,
  AWS_REGION,
  awsGroup,
  describing,
  errorXml,
  startScriptedAws,
} from "../../../test/build/aws.ts";
import type { AwsReply, AwsScript, ScriptedAws } from "../../../test/build/aws.ts";
import { AWS_CALLS, EC2_CALLS } from "./calls.ts";

const refusal = (status: number, code: string, message?: string) => (): AwsReply => ({
  status,
  text: errorXml(code, message),
});
const lacking = (call: string) =>
  refusal(
    403,
    "AccessDenied",
    `User: arn:aws:sts::1:assumed-role/coordinator/x is not authorized to perform: autoscaling:${call} on resource: arn:aws:autoscaling:us-west-2:1:autoScalingGroup:*:autoScalingGroupName/x because no identity-based policy allows the autoscaling:${call} action`,
  );
const wrong = (message: string) => refusal(400, "ValidationError", message);

/** All is allowed: what names nothing that exists is refused for that. */
const ALLOWED: AwsScript = {
  DescribeAutoScalingGroups: describing(awsGroup("gpu", { size: 1, ids: ["i-0a"] })),
  DescribeScalingActivities: () => answerXml("DescribeScalingActivities", { Activities: [] }),
  DescribePolicies: () => answerXml("DescribePolicies", { ScalingPolicies: [] }),
  DescribeScheduledActions: () => answerXml("DescribeScheduledActions", { ScheduledUpdateGroupActions: [] }),
  DescribeInstanceRefreshes: () => answerXml("DescribeInstanceRefreshes", { InstanceRefreshes: [] }),
  DescribeSpotPriceHistory: () =>
    "<DescribeSpotPriceHistoryResponse><spotPriceHistorySet/></DescribeSpotPriceHistoryResponse>",
  DetachInstances: wrong("The instance i-00000000000000000 is not part of Auto Scaling group gpu."),
  SetDesiredCapacity: wrong("AutoScalingGroup name not found - no such group"),
  TerminateInstanceInAutoScalingGroup: wrong("Instance Id not found - No managed instance found"),
};

async function outcomes(aws: ScriptedAws, keys: readonly string[] = ["gpu"]) {
  const answers = (await aws.account.probe?.(keys, ANY_CALL)) ?? [];
  return Object.fromEntries(answers.map(({ call, outcome }) => [call.replace("autoscaling:", ""), outcome]));
}

describe("the probe of rights at AWS", () => {
  test("answers for each call that the back end makes", async () => {
    await using aws = await startScriptedAws(ALLOWED);
    expect(await outcomes(aws)).toEqual(
      Object.fromEntries(
        [...Object.keys(AWS_CALLS), ...Object.keys(EC2_CALLS).map((call) => `ec2:${call}`)].map((call) => [
          call,
          "allowed",
        ]),
      ),
    );
  });

  test("names in its writes nothing that exists, but the group beside a member that is none", async () => {
    await using aws = await startScriptedAws(ALLOWED);
    await outcomes(aws);
    const [detach] = aws.asked("DetachInstances");
    expect(detach?.get("AutoScalingGroupName")).toBe("gpu");
    expect(detach?.get("InstanceIds.member.1")).toMatch(/^i-0+$/);
    expect(aws.asked("SetDesiredCapacity").map((form) => form.get("AutoScalingGroupName"))).toEqual([
      // A colon: no group can be named so.
      expect.stringContaining(":"),
    ]);
    expect(aws.asked("TerminateInstanceInAutoScalingGroup").map((form) => form.get("InstanceId"))).toEqual([
      expect.stringMatching(/^i-0+$/),
    ]);
    expect(aws.written).toEqual([]);
  });

  test("is denied where the group itself is refused, and unknown where only a thing without tags was asked for", async () => {
    await using aws = await startScriptedAws({
      ...ALLOWED,
      DescribeScalingActivities: lacking("DescribeScalingActivities"),
      DetachInstances: lacking("DetachInstances"),
      SetDesiredCapacity: lacking("SetDesiredCapacity"),
      TerminateInstanceInAutoScalingGroup: lacking("TerminateInstanceInAutoScalingGroup"),
    });
    expect(await outcomes(aws)).toEqual({
      DescribeAutoScalingGroups: "allowed",
      DescribePolicies: "allowed",
      DescribeScheduledActions: "allowed",
      DescribeInstanceRefreshes: "allowed",
      DescribeScalingActivities: "denied",
      DetachInstances: "denied",
      SetDesiredCapacity: "unknown",
      TerminateInstanceInAutoScalingGroup: "unknown",
      "ec2:DescribeSpotPriceHistory": "allowed",
    });
  });

  test("is denied for all by a statement that denies, and by credentials that AWS does not take", async () => {
    const message = "is not authorized to perform: autoscaling:SetDesiredCapacity with an explicit deny";
    await using aws = await startScriptedAws({
      ...ALLOWED,
      SetDesiredCapacity: refusal(403, "AccessDenied", message),
      TerminateInstanceInAutoScalingGroup: refusal(403, "ExpiredToken", "The security token has expired"),
    });
    expect(await outcomes(aws)).toMatchObject({
      SetDesiredCapacity: "denied",
      TerminateInstanceInAutoScalingGroup: "denied",
    });
  });

  test("says of prices that all that moves nodes works without them", async () => {
    await using aws = await startScriptedAws({
      ...ALLOWED,
      DescribeSpotPriceHistory: refusal(403, "UnauthorizedOperation"),
    });
    const answers = (await aws.account.probe?.(["gpu"], ANY_CALL)) ?? [];
    expect(answers.filter(({ outcome }) => outcome === "denied")).toMatchObject([
      { call: "ec2:DescribeSpotPriceHistory", optional: true },
    ]);
    expect(answers.filter(({ optional }) => optional === true)).toHaveLength(1);
  });

  test("knows nothing by throttling or outages, and nothing of a group that is not found", async () => {
    await using aws = await startScriptedAws({
      ...ALLOWED,
      DescribeAutoScalingGroups: describing(),
      SetDesiredCapacity: refusal(400, "Throttling", "Rate exceeded"),
      TerminateInstanceInAutoScalingGroup: refusal(503, "ServiceUnavailable"),
    });
    const answers = (await aws.account.probe?.(["gpu"], ANY_CALL)) ?? [];
    const unknown = answers.filter(({ outcome }) => outcome === "unknown");
    expect(unknown.map(({ call }) => call).toSorted()).toEqual([
      "autoscaling:DetachInstances",
      "autoscaling:SetDesiredCapacity",
      "autoscaling:TerminateInstanceInAutoScalingGroup",
    ]);
    for (const { detail = "" } of unknown) expect(detail).not.toBe("");
    expect(unknown.find(({ call }) => call.endsWith("SetDesiredCapacity"))?.detail).toContain(AWS_REGION);
  });

  test("ends with the caller's signal", async () => {
    await using aws = await startScriptedAws(ALLOWED);
    const ends = new AbortController();
    ends.abort(new Error("given up"));
    await expect(aws.account.probe?.(["gpu"], { ...ANY_CALL, signal: ends.signal })).rejects.toThrow(
      "given up",
    );
  });
});
