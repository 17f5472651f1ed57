import type {
  InstanceRefresh,
  ScalingPolicy,
  ScheduledUpdateGroupAction,
} from "@aws-sdk/client-auto-scaling";
import { describe, expect, test } from "vitest";

import {
  answerXml,
  ANY_CALL,
  awsGroup,
  describing,
  errorXml,
  startScriptedAws,
} from "../../../test/build/aws.ts";
import type { AwsReply, ScriptedAws } from "../../../test/build/aws.ts";
import { createFakeClock } from "../../../test/build/clock.ts";
import { rivalsOf } from "./rivals.ts";

const STILL: Parameters<typeof rivalsOf>[0] = { zones: ["a"], suspended: [] };
const TRACKING: ScalingPolicy = { PolicyName: "cpu-50", PolicyType: "TargetTrackingScaling", Enabled: true };
const ACTION: ScheduledUpdateGroupAction = { ScheduledActionName: "night", Recurrence: "0 20 * * *" };
const alarmed = { Alarms: [{ AlarmName: "high" }] };

const kinds = (
  group: Parameters<typeof rivalsOf>[0],
  policies: readonly ScalingPolicy[] = [],
  actions: readonly ScheduledUpdateGroupAction[] = [],
  refresh: InstanceRefresh | null = null,
) => rivalsOf(group, { policies, actions }, refresh).map(({ rival }) => rival);

describe("what AWS does to a group", () => {
  test.each<[string, Partial<typeof STILL>, readonly ScalingPolicy[], readonly string[]]>([
    ["a target that is tracked", {}, [TRACKING], ["scaling-policy"]],
    ["one that is switched off", {}, [{ ...TRACKING, Enabled: false }], []],
    ["one whose alarms are not heard", { suspended: ["AlarmNotification"] }, [TRACKING], []],
    ["steps by an alarm", {}, [{ PolicyType: "StepScaling", ...alarmed }], ["scaling-policy"]],
    ["steps that no alarm calls for", {}, [{ PolicyType: "SimpleScaling", Alarms: [] }], []],
    [
      "a forecast that is carried out",
      {},
      [
        {
          PolicyType: "PredictiveScaling",
          PredictiveScalingConfiguration: { MetricSpecifications: [], Mode: "ForecastAndScale" },
        },
      ],
      ["scaling-policy"],
    ],
    [
      "a forecast alone",
      {},
      [
        {
          PolicyType: "PredictiveScaling",
          PredictiveScalingConfiguration: { MetricSpecifications: [], Mode: "ForecastOnly" },
        },
      ],
      [],
    ],
    ["a kind that is not known here", {}, [{ PolicyName: "new", PolicyType: "Newer" }], ["scaling-policy"]],
  ])("%s", (_, group, policies, seen) => {
    expect(kinds({ ...STILL, ...group }, policies)).toEqual(seen);
  });

  test("names what it is, and when", () => {
    expect(rivalsOf(STILL, { policies: [TRACKING], actions: [ACTION] }, null)).toEqual([
      {
        rival: "scaling-policy",
        detail: "TargetTrackingScaling policy cpu-50, scheduled action night (each 0 20 * * *)",
      },
    ]);
    expect(kinds({ ...STILL, suspended: ["ScheduledActions"] }, [], [ACTION])).toEqual([]);
  });

  test.each([
    ["Pending", true],
    ["InProgress", true],
    ["Baking", true],
    ["RollbackInProgress", true],
    ["Successful", false],
    ["Cancelled", false],
  ] as const)("an instance refresh that is %s: %s", (status, isOne) => {
    const refresh: InstanceRefresh = { InstanceRefreshId: "r-1", Status: status };
    expect(kinds(STILL, [], [], refresh)).toEqual(isOne ? ["instance-refresh"] : []);
  });

  test("evens out zones, where there are several and nobody has stopped it", () => {
    expect(kinds({ zones: ["a", "b"], suspended: [] })).toEqual(["az-rebalance"]);
    expect(kinds({ zones: ["a", "b"], suspended: ["AZRebalance"] })).toEqual([]);
    expect(kinds(STILL)).toEqual([]);
  });
});

const policiesOf =
  (...groups: readonly string[]) =>
  (form: URLSearchParams): AwsReply => {
    const asked = form.get("AutoScalingGroupName");
    const all = groups.filter((name) => asked === null || asked === name);
    return answerXml("DescribePolicies", {
      ScalingPolicies: all.map((name) => ({
        AutoScalingGroupName: name,
        PolicyName: "cpu",
        PolicyType: "TargetTrackingScaling",
        Enabled: true,
      })),
    });
  };

async function rivalsIn(aws: ScriptedAws, ...keys: readonly string[]) {
  const looks = await aws.account.look(keys, ANY_CALL);
  return Object.fromEntries(
    [...looks].map(([key, look]) => [
      key,
      look.kind === "seen" ? (look.rivals ?? []).map(({ rival }) => rival) : look.kind,
    ]),
  );
}

describe("the account", () => {
  test("asks with its first look, and then each 45 s", async () => {
    const clock = createFakeClock();
    await using aws = await startScriptedAws(
      {
        DescribeAutoScalingGroups: describing(awsGroup("gpu"), awsGroup("b")),
        DescribePolicies: policiesOf("gpu"),
      },
      { clock },
    );
    expect(await rivalsIn(aws, "gpu", "b")).toEqual({ gpu: ["scaling-policy"], b: [] });
    expect(aws.asked("DescribePolicies")).toHaveLength(2);
    await clock.advance(44_000);
    aws.answer({ DescribePolicies: policiesOf() });
    expect(await rivalsIn(aws, "gpu", "b")).toEqual({ gpu: ["scaling-policy"], b: [] });
    expect(aws.asked("DescribePolicies")).toHaveLength(2);
    await clock.advance(1_000);
    expect(await rivalsIn(aws, "gpu", "b")).toEqual({ gpu: [], b: [] });
  });

  test("asks at once where a group is new", async () => {
    const clock = createFakeClock();
    await using aws = await startScriptedAws(
      {
        DescribeAutoScalingGroups: describing(awsGroup("gpu"), awsGroup("b")),
        DescribePolicies: policiesOf("b"),
      },
      { clock },
    );
    expect(await rivalsIn(aws, "gpu")).toEqual({ gpu: [] });
    expect(await rivalsIn(aws, "gpu", "b")).toEqual({ gpu: [], b: ["scaling-policy"] });
  });

  test("asks for all of the region where groups are many, and for refreshes of some in each look", async () => {
    const clock = createFakeClock();
    const names = Array.from({ length: 80 }, (_, at) => `g${at}`);
    await using aws = await startScriptedAws(
      {
        DescribeAutoScalingGroups: describing(...names.map((name) => awsGroup(name))),
        DescribePolicies: policiesOf("g7", "somebody-elses"),
        DescribeInstanceRefreshes: (form) =>
          answerXml("DescribeInstanceRefreshes", {
            InstanceRefreshes:
              form.get("AutoScalingGroupName") === "g75"
                ? [{ InstanceRefreshId: "r", AutoScalingGroupName: "g75", Status: "InProgress" }]
                : [],
          }),
      },
      { clock },
    );
    expect((await rivalsIn(aws, ...names))["g7"]).toEqual(["scaling-policy"]);
    expect(aws.asked("DescribePolicies").map((form) => form.get("AutoScalingGroupName"))).toEqual([null]);
    expect(aws.asked("DescribeInstanceRefreshes")).toHaveLength(55);
    await clock.advance(5_000);
    expect((await rivalsIn(aws, ...names))["g75"]).toEqual(["instance-refresh"]);
    const asked = aws.asked("DescribeInstanceRefreshes").map((form) => form.get("AutoScalingGroupName"));
    expect(asked).toHaveLength(80);
    expect(new Set(asked).size).toBe(80);
    expect(aws.asked("DescribePolicies")).toHaveLength(1);
  });

  test("tells of a right that it lacks, keeps what it saw, and is read all the same", async () => {
    const clock = createFakeClock();
    await using aws = await startScriptedAws(
      {
        DescribeAutoScalingGroups: describing(awsGroup("gpu", { size: 1, ids: ["i-0a"] })),
        DescribePolicies: policiesOf("gpu"),
      },
      { clock },
    );
    expect(await rivalsIn(aws, "gpu")).toEqual({ gpu: ["scaling-policy"] });
    await clock.advance(45_000);
    aws.answer({
      DescribePolicies: () => ({
        status: 403,
        text: errorXml("AccessDenied", "not authorized to perform: autoscaling:DescribePolicies"),
      }),
    });
    const look = (await aws.account.look(["gpu"], ANY_CALL)).get("gpu");
    expect(look).toMatchObject({
      kind: "seen",
      state: { size: 1 },
      mismatches: [expect.stringContaining("whether something else sizes it cannot be read")],
      rivals: [{ rival: "scaling-policy" }],
    });
    for (let minutes = 0; minutes < 40; minutes += 10) {
      await clock.advance(600_000);
      expect(await rivalsIn(aws, "gpu")).toEqual({ gpu: ["scaling-policy"] });
    }
  });

  test("reads policies to their last page, and takes an answer without a list for none", async () => {
    const page = (name: string, more: object): string =>
      answerXml("DescribePolicies", {
        ScalingPolicies: [
          { AutoScalingGroupName: "gpu", PolicyName: name, PolicyType: "TargetTrackingScaling" },
        ],
        ...more,
      });
    await using aws = await startScriptedAws({
      DescribeAutoScalingGroups: describing(awsGroup("gpu")),
      DescribePolicies: (form) =>
        form.get("NextToken") === "2" ? page("two", {}) : page("one", { NextToken: "2" }),
    });
    const look = (await aws.account.look(["gpu"], ANY_CALL)).get("gpu");
    expect(look).toMatchObject({
      rivals: [{ detail: "TargetTrackingScaling policy one, TargetTrackingScaling policy two" }],
    });
  });
});
