import { afterEach, beforeEach, describe, expect, test } from "vitest";

import { createWorld } from "../../../coordinator/replay/world.ts";
import type { World } from "../../../coordinator/replay/world.ts";
import { after, millis } from "../../../shared/model/units.ts";
import { systemClock } from "../../../shared/runtime/clock.ts";
import { awsAccountAt } from "../../contract/aws-account.ts";
import { faultsIn, judge, pythonOrWhyNot } from "../../contract/aws-referee.ts";
import { START, aCloudGroup } from "../build.ts";
import { EMPTY_PAGE } from "./aws-troubles.ts";
import { startAwsCloud } from "./aws.ts";
import type { AwsAnswer, AwsCloud } from "./aws.ts";

let world: World;
let cloud: AwsCloud;
const CODES =
  `Throttling RequestLimitExceeded InsufficientInstanceCapacity AccessDenied ExpiredToken InvalidClientTokenId
  UnauthorizedOperation ResourceContention ScalingActivityInProgress LimitExceeded VcpuLimitExceeded ValidationError
  ServiceUnavailable InternalFailure`.split(/\s+/);

/** Of the test that runs. */
let answers: AwsAnswer[];
/** Of all tests. */
const said: AwsAnswer[] = [];

beforeEach(async () => {
  world = createWorld({ start: START, seed: 1, heartbeatMs: null });
  world.clouds.addGroup(aCloudGroup({ name: "a", cloud: "aws", desired: 3, min: 2, max: 5 }));
  world.clouds.addGroup(aCloudGroup({ name: "b", cloud: "aws", desired: 0 }));
  answers = [];
  cloud = await startAwsCloud({
    change: (make) => make(world),
    clock: systemClock,
    onAnswer: (answer) => answers.push(answer),
  });
  pass(120_000);
});
afterEach(async () => {
  said.push(...answers);
  await cloud.close();
});

function pass(ms: number): void {
  world.advance(after(world.now, millis(ms)));
}

interface Spoken {
  readonly status: number;
  readonly text: string;
  /** "400 ValidationError: …"; empty for a good answer. */
  readonly refusal: string;
  all(element: string): readonly string[];
}

async function ask(
  action: string,
  fields: Readonly<Record<string, string>> = {},
  headers: Readonly<Record<string, string>> = {},
): Promise<Spoken> {
  const stamp = new Date(systemClock.now()).toISOString().replaceAll(/[-:]|\.\d+/g, "");
  const response = await fetch(cloud.url, {
    method: "POST",
    body: new URLSearchParams({ Action: action, Version: "2011-01-01", ...fields }),
    headers: {
      authorization: "AWS4-HMAC-SHA256 Credential=k/20260101/us-west-2/autoscaling/aws4_request, Signature=0",
      "x-amz-date": stamp,
      ...headers,
    },
  });
  const text = await response.text();
  const all = (element: string): readonly string[] =>
    [...text.matchAll(new RegExp(`<${element}>([^<]*)</${element}>`, "g"))].map(([, found = ""]) => found);
  const { status } = response;
  const refusal = status < 300 ? "" : `${status} ${all("Code").join()}: ${all("Message").join()}`;
  return { status, text, refusal, all };
}

function members(group = "a"): readonly string[] {
  return (world.clouds.group(group)?.instances ?? []).flatMap(({ id, state }) =>
    state === "terminating" ? [] : [id],
  );
}

function sizeOf(group = "a"): number | undefined {
  return world.clouds.group(group)?.desired;
}

test("tells what spot machines cost, as EC2 and to credentials for EC2 alone", async () => {
  cloud.setSpotPrices([
    { instanceType: "p3.2xlarge", zone: "us-west-2a", usdPerHour: 1.2 },
    { instanceType: "g5.xlarge", zone: "us-west-2a", usdPerHour: 0.4 },
  ]);
  const account = await awsAccountAt(cloud.url);
  const limits = { signal: AbortSignal.timeout(10_000), deadlineMs: millis(10_000) };
  await account.look(["a"], limits);
  const prices = await account.spotPrices?.(["p3.2xlarge"], systemClock.now(), limits);
  expect(prices).toMatchObject([{ instanceType: "p3.2xlarge", zone: "us-west-2a", usdPerHour: 1.2 }]);
  account[Symbol.dispose]();
  const stranger = await ask("DescribeSpotPriceHistory", { Version: "2016-11-15" });
  expect(stranger.refusal).toMatch(/^403 SignatureDoesNotMatch: .*'ec2'/);
});

describe("what the service refuses, and nothing changes", () => {
  const NAMED = { AutoScalingGroupName: "a" };
  const GONE = "i-0000000000000dead";
  const rows: readonly (readonly [string, string, Readonly<Record<string, string>>, string])[] = [
    [
      "a size over the maximum",
      "SetDesiredCapacity",
      { ...NAMED, DesiredCapacity: "6" },
      "above max value 5",
    ],
    [
      "a size under the minimum",
      "SetDesiredCapacity",
      { ...NAMED, DesiredCapacity: "1" },
      "below min value 2",
    ],
    ["no size", "SetDesiredCapacity", NAMED, "Value null at 'desiredCapacity'"],
    ["a size that is no number", "SetDesiredCapacity", { ...NAMED, DesiredCapacity: "4.5" }, "'4.5'"],
    [
      "an unknown group",
      "SetDesiredCapacity",
      { AutoScalingGroupName: "z", DesiredCapacity: "1" },
      "no such group: z",
    ],
    [
      "to end an instance that it does not know",
      "TerminateInstanceInAutoScalingGroup",
      { InstanceId: GONE, ShouldDecrementDesiredCapacity: "true" },
      `No managed instance found for instance ID: ${GONE}`,
    ],
    [
      "to end one without a word on the size",
      "TerminateInstanceInAutoScalingGroup",
      { InstanceId: GONE },
      "Value null at 'shouldDecrementDesiredCapacity'",
    ],
    [
      "to detach what is no member",
      "DetachInstances",
      { ...NAMED, "InstanceIds.member.1": GONE, ShouldDecrementDesiredCapacity: "true" },
      `The instance ${GONE} is not part of Auto Scaling group a.`,
    ],
    [
      "pages that are too long",
      "DescribeAutoScalingGroups",
      { MaxRecords: "101" },
      "less than or equal to 100",
    ],
    ["a token that it never gave", "DescribeAutoScalingGroups", { NextToken: "x" }, "InvalidNextToken"],
    [
      "a filter that it does not know",
      "DescribeAutoScalingGroups",
      { "Filters.member.1.Name": "colour" },
      "Filter",
    ],
    [
      "activities of an unknown group",
      "DescribeScalingActivities",
      { AutoScalingGroupName: "z" },
      "no such group: z",
    ],
    ["another action", "DeleteAutoScalingGroup", NAMED, "InvalidAction"],
    ["another version of the API", "SetDesiredCapacity", { Version: "2009-05-15" }, "InvalidAction"],
  ];

  test.each(rows)("%s", async (_, action, fields, refusal) => {
    const before = world.ledger.length;
    expect((await ask(action, fields)).refusal).toContain(refusal);
    expect(world.ledger.length).toBe(before);
    expect(cloud.calls.at(-1)).toMatchObject({ action, effect: "refused" });
  });

  test("more than fifty names without a word on the length of the page", async () => {
    const names = Array.from({ length: 51 }, (_, at) => [`AutoScalingGroupNames.member.${at + 1}`, `g${at}`]);
    const fields = Object.fromEntries(names) as Record<string, string>;
    expect((await ask("DescribeAutoScalingGroups", fields)).refusal).toContain("maximum of 50");
    expect((await ask("DescribeAutoScalingGroups", { ...fields, MaxRecords: "100" })).status).toBe(200);
  });

  test("whom it does not know", async () => {
    const none = await ask("DescribeAutoScalingGroups", {}, { authorization: "" });
    expect(none.refusal).toContain("403 MissingAuthenticationToken");
    const elsewhere = "AWS4-HMAC-SHA256 Credential=k/20260101/eu-west-1/autoscaling/aws4_request";
    const other = await ask("DescribeAutoScalingGroups", {}, { authorization: elsewhere });
    expect(other.refusal).toContain(
      "403 SignatureDoesNotMatch: Credential should be scoped to a valid region",
    );
    const late = await ask("DescribeAutoScalingGroups", {}, { "x-amz-date": "20200101T000000Z" });
    expect(late.refusal).toContain("Signature expired");
  });

  test("to go under the minimum by ending or detaching", async () => {
    const [one = "", two = "", three = ""] = members();
    const less = { ShouldDecrementDesiredCapacity: "true" };
    expect((await ask("TerminateInstanceInAutoScalingGroup", { InstanceId: one, ...less })).status).toBe(200);
    expect(sizeOf()).toBe(2);
    const ended = await ask("TerminateInstanceInAutoScalingGroup", { InstanceId: two, ...less });
    expect(ended.refusal).toContain("desiredSize equals minSize (2)");
    const again = await ask("TerminateInstanceInAutoScalingGroup", { InstanceId: one, ...less });
    expect(again.refusal).toContain("400 ScalingActivityInProgress");
    const detached = await ask("DetachInstances", {
      AutoScalingGroupName: "a",
      "InstanceIds.member.1": three,
      ...less,
    });
    expect(detached.refusal).toContain("AutoScalingGroup a has min-size=2, max-size=5, and desired-size=2.");
    expect(sizeOf()).toBe(2);
    expect(members()).toEqual([two, three]);
  });
});

describe("what the service does", () => {
  test("shows an instance from Pending to Terminating, and a detached one for a while", async () => {
    const states = async (): Promise<readonly string[]> =>
      (await ask("DescribeAutoScalingGroups", { "AutoScalingGroupNames.member.1": "a" })).all(
        "LifecycleState",
      );
    await ask("SetDesiredCapacity", {
      AutoScalingGroupName: "a",
      DesiredCapacity: "4",
      HonorCooldown: "false",
    });
    expect(await states()).toEqual(["InService", "InService", "InService", "Pending"]);
    pass(120_000);
    const [one = "", two = ""] = members();
    await ask("TerminateInstanceInAutoScalingGroup", {
      InstanceId: one,
      ShouldDecrementDesiredCapacity: "false",
    });
    expect(await states()).toContain("Terminating");
    pass(120_000);
    expect(sizeOf()).toBe(4);
    const left = await ask("DetachInstances", {
      AutoScalingGroupName: "a",
      "InstanceIds.member.1": two,
      ShouldDecrementDesiredCapacity: "true",
    });
    expect(left.all("StatusCode")).toEqual(["InProgress"]);
    expect((await states()).toSorted()).toEqual(["Detaching", "InService", "InService", "InService"]);
    pass(31_000);
    expect(await states()).toEqual(["InService", "InService", "InService"]);
    // It runs on outside of the group.
    expect(world.clouds.instance(two)).toMatchObject({ group: null, state: "running" });
  });

  test("ends an instance that is protected from scale in when it is named", async () => {
    const [one = ""] = members();
    cloud.configure("a", { protected: [one] });
    const shown = await ask("DescribeAutoScalingGroups", { "AutoScalingGroupNames.member.1": "a" });
    expect(shown.all("ProtectedFromScaleIn")).toEqual(["true", "false", "false"]);
    await ask("TerminateInstanceInAutoScalingGroup", {
      InstanceId: one,
      ShouldDecrementDesiredCapacity: "true",
    });
    expect(members()).not.toContain(one);
  });

  test.each([
    [
      "InsufficientInstanceCapacity",
      "spot",
      "Could not launch Spot Instances. InsufficientInstanceCapacity -",
    ],
    ["InsufficientInstanceCapacity", "on-demand", "We currently do not have sufficient"],
    ["VcpuLimitExceeded", "on-demand", "more vCPU capacity than your current vCPU limit"],
    ["SpotMaxPriceTooLow", "spot", "is lower than the minimum required Spot request fulfillment price"],
    ["SomethingNew", "spot", "SomethingNew - words"],
  ] as const)("says in an activity why machines do not come: %s, %s", async (code, capacityType, words) => {
    world.clouds.addGroup(aCloudGroup({ name: "c", cloud: "aws", capacityType }));
    world.clouds.failLaunches("c", { kind: "unavailable", code, message: "words" });
    await ask("SetDesiredCapacity", { AutoScalingGroupName: "c", DesiredCapacity: "1" });
    pass(1000);
    const told = await ask("DescribeScalingActivities", { AutoScalingGroupName: "c" });
    expect(told.all("StatusCode")[0]).toBe("Failed");
    expect(told.all("StatusMessage")[0]).toContain(words);
    expect(told.all("StatusMessage")[0]).toMatch(/\. Launching EC2 instance failed\.$/);
  });

  test("shows of a group what a test has set", async () => {
    world.clouds.addGroup(
      aCloudGroup({ name: "m", cloud: "aws", desired: 2, instanceTypes: ["g5.xlarge", "g6.xlarge"] }),
    );
    const [one = ""] = members("m");
    const [foreign = ""] = members("a");
    cloud.configure("m", {
      account: "999999999999",
      region: "eu-west-1",
      tags: { "a&b": "<c>" },
      suspended: ["AZRebalance"],
      capacityRebalance: true,
      weights: { "g6.xlarge": "2" },
      warmPoolSize: 3,
      lifecycle: { [one]: "Pending:Wait" },
      alsoLists: [foreign],
      status: "Delete in progress",
    });
    const told = await ask("DescribeAutoScalingGroups", { "AutoScalingGroupNames.member.1": "m" });
    expect(told.all("AutoScalingGroupARN")[0]).toMatch(/^arn:aws:autoscaling:eu-west-1:999999999999:/);
    expect(told.all("LifecycleState")).toEqual(["Pending:Wait", "Pending", "InService"]);
    expect(told.all("InstanceId")).toContain(foreign);
    expect([...told.all("Key"), ...told.all("Value")]).toEqual(["a&amp;b", "&lt;c&gt;"]);
    expect(told.all("ProcessName")).toEqual(["AZRebalance"]);
    expect(told.all("WeightedCapacity")).toEqual(["2"]);
    expect(told.all("WarmPoolSize")).toEqual(["3"]);
    expect(told.all("Status")).toEqual(["Delete in progress"]);
  });

  test("shows what else sizes a group, as a test has set it", async () => {
    cloud.configure("a", {
      scalingPolicies: ["cpu-50", "queue"],
      scheduledActions: { night: "0 20 * * *" },
      refresh: "InProgress",
    });
    const one = await ask("DescribePolicies", { AutoScalingGroupName: "a", MaxRecords: "1" });
    expect(one.all("PolicyName")).toEqual(["cpu-50"]);
    const [NextToken = ""] = one.all("NextToken");
    expect((await ask("DescribePolicies", { NextToken })).all("PolicyName")).toEqual(["queue"]);
    expect((await ask("DescribePolicies", { AutoScalingGroupName: "b" })).all("PolicyName")).toEqual([]);
    expect((await ask("DescribeScheduledActions")).all("Recurrence")).toEqual(["0 20 * * *"]);
    const refreshes = async (AutoScalingGroupName: string) =>
      (await ask("DescribeInstanceRefreshes", { AutoScalingGroupName })).all("Status");
    expect(await refreshes("a")).toEqual(["InProgress"]);
    expect(await refreshes("b")).toEqual([]);
    expect((await ask("DescribeInstanceRefreshes", { AutoScalingGroupName: "none" })).status).toBe(400);
  });

  test("gives pages, each with its own token, and an empty one on demand", async () => {
    const pages: (readonly string[])[] = [];
    cloud.trouble.set({ ...EMPTY_PAGE, times: 1 });
    for (let token: string | undefined, more = true; more; more = token !== undefined) {
      const fields = { MaxRecords: "1", ...(token === undefined ? {} : { NextToken: token }) };
      const page = await ask("DescribeAutoScalingGroups", fields);
      pages.push(page.all("AutoScalingGroupName"));
      [token] = page.all("NextToken");
    }
    expect(pages).toEqual([[], ["a"], ["b"]]);
  });

  test("finds groups by tags: filters by and, values by or", async () => {
    cloud.configure("a", { tags: { team: "red", pool: "x" } });
    cloud.configure("b", { tags: { team: "blue" } });
    const found = async (...filters: readonly (readonly string[])[]): Promise<readonly string[]> => {
      const fields = filters.flatMap(([name = "", ...values], at) => [
        [`Filters.member.${at + 1}.Name`, name],
        ...values.map((value, n) => [`Filters.member.${at + 1}.Values.member.${n + 1}`, value]),
      ]);
      const answer = await ask(
        "DescribeAutoScalingGroups",
        Object.fromEntries(fields) as Record<string, string>,
      );
      return answer.all("AutoScalingGroupName");
    };
    expect(await found(["tag:team", "red", "blue"])).toEqual(["a", "b"]);
    expect(await found(["tag:team", "red", "blue"], ["tag-key", "pool"])).toEqual(["a"]);
    expect(await found(["tag:team", "green"])).toEqual([]);
    expect(await found(["tag-value", "blue"])).toEqual(["b"]);
  });

  test("refuses on demand, by every code with its status", async () => {
    for (const code of CODES) {
      cloud.trouble.set({ kind: "refuse", code, retryAfterSeconds: 3, times: 1 });
      const { refusal } = await ask("SetDesiredCapacity", {
        AutoScalingGroupName: "a",
        DesiredCapacity: "4",
      });
      expect(refusal).toContain(code);
    }
    expect(sizeOf()).toBe(3);
    expect(cloud.calls.every(({ effect }) => effect === "none")).toBe(true);
  });
});

describe("AWS's service model", () => {
  test("finds nothing wrong with any answer above", { timeout: 120_000 }, async ({ skip }) => {
    const python = await pythonOrWhyNot();
    if (typeof python === "string") return skip(python);
    // Of an action that the service does not have there is nothing to judge.
    const judged = said.filter(({ action }) => !action.startsWith("Delete"));
    expect(judged.length).toBeGreaterThan(50);
    expect(faultsIn(await judge(python, judged))).toEqual([]);
  });
});
