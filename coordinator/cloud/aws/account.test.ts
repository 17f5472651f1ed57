import { describe, expect, test } from "vitest";

import { millis } from "../../../shared/model/units.ts";
import {
  answerXml,
  ANY_CALL,
  AWS_OWNER,
  AWS_REGION,
  awsActivity,
  awsGroup,
  awsInstance,
  describing,
  errorXml,
  startScriptedAws,
} from "../../../test/build/aws.ts";
import type { ScriptedAws } from "../../../test/build/aws.ts";
import { createAuthority } from "../../../test/build/certificate.ts";
import { createFakeClock } from "../../../test/build/clock.ts";
import { eventually } from "../../../test/build/eventually.ts";
import { startScriptedServer } from "../../../test/build/scripted-server.ts";
import type { GroupLook } from "../account.ts";
import { createAwsAccount } from "./account.ts";

type Seen = Extract<GroupLook, { kind: "seen" }>;

async function look(aws: ScriptedAws, key: string): Promise<GroupLook> {
  const found = (await aws.account.look([key], ANY_CALL)).get(key);
  if (found === undefined) throw new Error(`nothing said of ${key}`);
  return found;
}

async function seen(aws: ScriptedAws, key: string): Promise<Seen> {
  const found = await look(aws, key);
  if (found.kind !== "seen") throw new Error(`${found.kind}: ${found.detail}`);
  return found;
}

const noActivities = (): string => answerXml("DescribeScalingActivities", { Activities: [] });
const activities =
  (...all: readonly Readonly<Record<string, string>>[]) =>
  (): string =>
    answerXml("DescribeScalingActivities", { Activities: all.map(awsActivity) });

describe("look() of named groups", () => {
  test("tells the size, the bounds, the members and what a new node will be", async () => {
    const group = awsGroup("gpu", {
      size: 2,
      MinSize: 1,
      MaxSize: 50,
      Instances: [
        awsInstance("i-0a", { AvailabilityZone: "us-west-2b" }),
        awsInstance("i-0b", { LifecycleState: "Pending" }),
        awsInstance("i-0c", { LifecycleState: "Terminating:Wait" }),
        awsInstance("i-0d", { LifecycleState: "Warmed:Stopped" }),
        awsInstance("i-0e", { LifecycleState: "Standby" }),
      ],
      MixedInstancesPolicy: {
        LaunchTemplate: { Overrides: [{ InstanceType: "p4d.24xlarge" }, { InstanceType: "p4de.24xlarge" }] },
      },
    });
    await using aws = await startScriptedAws({ DescribeAutoScalingGroups: describing(group) });
    expect(await seen(aws, "gpu")).toEqual({
      kind: "seen",
      state: { size: 2, version: null, min: 1, max: 50, unfilled: 0 },
      chosenRemoval: true,
      detaches: true,
      members: [
        {
          id: "i-0a",
          state: "present",
          providerID: "aws:///us-west-2b/i-0a",
          zone: "us-west-2b",
          instanceType: "p4d.24xlarge",
        },
        expect.objectContaining({ id: "i-0b", state: "present" }),
        expect.objectContaining({ id: "i-0c", state: "leaving", providerID: "aws:///us-west-2a/i-0c" }),
      ],
      aside: ["aws:///us-west-2a/i-0d", "aws:///us-west-2a/i-0e"],
      template: { instanceTypes: ["p4d.24xlarge", "p4de.24xlarge"] },
      mismatches: [
        "machines of a warm pool are not counted: i-0d",
        "set aside by somebody (Standby) and not counted: i-0e",
      ],
    });
    expect(aws.asked("DescribeScalingActivities")).toEqual([]);
  });

  test("asks for a hundred groups a call, and for each page of them", async () => {
    const names = Array.from({ length: 230 }, (_, n) => `g-${n}`);
    await using aws = await startScriptedAws({
      DescribeAutoScalingGroups: (form) => {
        const named = [...form].filter(([key]) => key.startsWith("AutoScalingGroupNames.")).map(([, v]) => v);
        // Three pages of each call, the middle one empty: that is not the end.
        const page = Number(form.get("NextToken") ?? 0);
        const half = Math.ceil(named.length / 2);
        const here = [named.slice(0, half), [], named.slice(half)][page] ?? [];
        return answerXml("DescribeAutoScalingGroups", {
          AutoScalingGroups: here.map((name) => awsGroup(name)),
          ...(page < 2 ? { NextToken: `${page + 1}` } : {}),
        });
      },
    });
    const looks = await aws.account.look(names, ANY_CALL);
    expect([...looks.values()].map(({ kind }) => kind)).toEqual(names.map(() => "seen"));
    expect(aws.asked("DescribeAutoScalingGroups")).toHaveLength(9);
    for (const form of aws.asked("DescribeAutoScalingGroups"))
      expect([...form.keys()].filter((key) => key.startsWith("AutoScalingGroupNames.")).length).toBeLessThan(
        101,
      );
  });

  test("a next page that is named again is no answer, and does not go on for ever", async () => {
    await using aws = await startScriptedAws({
      DescribeAutoScalingGroups: () =>
        answerXml("DescribeAutoScalingGroups", { AutoScalingGroups: [], NextToken: "same" }),
    });
    expect(await look(aws, "gpu")).toMatchObject({
      kind: "unknown",
      detail: expect.stringContaining("names the same next page again") as string,
    });
    expect(aws.server.requests).toHaveLength(2);
  });

  test("a group that is not there or is being deleted is missing, and the others are seen", async () => {
    await using aws = await startScriptedAws({
      DescribeAutoScalingGroups: describing(
        awsGroup("gpu"),
        awsGroup("old", { Status: "Delete in progress" }),
      ),
    });
    const looks = await aws.account.look(["gpu", "gone", "old"], ANY_CALL);
    expect(looks.get("gpu")).toMatchObject({ kind: "seen" });
    expect(looks.get("gone")).toEqual({
      kind: "missing",
      detail: "there is no Auto Scaling group gone in us-west-2 that these credentials see",
    });
    expect(looks.get("old")).toMatchObject({ kind: "missing" });
  });

  test.each([
    ["DesiredCapacity", { DesiredCapacity: null }, "no usable DesiredCapacity (undefined)"],
    ["a size that is no number", { DesiredCapacity: "many" }, "DesiredCapacity"],
    ["a size under zero", { DesiredCapacity: -1 }, "no usable DesiredCapacity (-1)"],
    ["MaxSize", { MaxSize: null }, "no usable MaxSize"],
    ["its list of instances", { size: 2, Instances: null }, "no usable Instances"],
    [
      "an instance's state",
      { size: 1, Instances: [awsInstance("i-0a", { LifecycleState: null })] },
      "instance i-0a: AWS's answer has no usable LifecycleState",
    ],
    ["mixed GPU counts", mixed("g5.xlarge", "g5.12xlarge"), "mixes machines with different numbers of GPUs"],
    [
      "another region",
      { AutoScalingGroupARN: `arn:aws:autoscaling:eu-west-1:${AWS_OWNER}:autoScalingGroup:x` },
      "eu-west-1",
    ],
    [
      "another account",
      { AutoScalingGroupARN: `arn:aws:autoscaling:${AWS_REGION}:999:autoScalingGroup:x` },
      "999",
    ],
    ["weights", { MixedInstancesPolicy: weighted() }, "counts machines by weight"],
    ["launches suspended", { SuspendedProcesses: [{ ProcessName: "Launch" }] }, "has Launch suspended"],
    // The SDK gives up on the whole answer.
    ["a date that is none", { CreatedTime: "soon" }, "Invalid RFC3339 timestamp"],
  ])(
    "%s, which is wrong: the group is unknown with the reason, and the others are seen",
    async (_what, fields, words) => {
      const bad = awsGroup("bad", fields);
      await using aws = await startScriptedAws({
        DescribeAutoScalingGroups: describing(
          awsGroup("a"),
          awsGroup("b"),
          bad,
          awsGroup("c"),
          awsGroup("d"),
        ),
      });
      // Seen first, so that the account whose groups these are is known.
      await aws.account.look(["a"], ANY_CALL);
      const looks = await aws.account.look(["a", "b", "bad", "c", "d"], ANY_CALL);
      expect(looks.get("bad")).toMatchObject({
        kind: "unknown",
        detail: expect.stringContaining(words) as string,
      });
      for (const key of ["a", "b", "c", "d"]) expect(looks.get(key)).toMatchObject({ kind: "seen" });
      await expect(aws.account.group("bad").read(ANY_CALL)).rejects.toMatchObject({ name: "AppError" });
      expect(aws.written).toEqual([]);
    },
  );

  test("when nothing can be asked, says why", async () => {
    await using aws = await startScriptedAws({
      DescribeAutoScalingGroups: () => ({ status: 403, text: errorXml("ExpiredToken", "The token is old") }),
    });
    await expect(aws.account.look(["gpu"], ANY_CALL)).rejects.toMatchObject({
      kind: "denied",
      message:
        "DescribeAutoScalingGroups in us-west-2: The token is old; the credentials have expired and nothing has renewed them",
    });
  });

  test("credentials that expire in the middle leave unknown what they no longer show", async () => {
    const names = Array.from({ length: 150 }, (_, n) => `g-${n}`);
    await using aws = await startScriptedAws({
      DescribeAutoScalingGroups: (form, nth) =>
        nth === 1
          ? describing(...names.map((name) => awsGroup(name)))(form)
          : { status: 403, text: errorXml("ExpiredToken") },
    });
    const kinds = [...(await aws.account.look(names, ANY_CALL)).values()].map(({ kind }) => kind);
    expect(kinds).toHaveLength(150);
    expect(new Set(kinds)).toEqual(new Set(["seen", "unknown"]));
  });
});

test("a call that nobody answers leaves its own groups unknown, and the others are seen", async () => {
  const names = Array.from({ length: 150 }, (_, n) => `g-${n}`);
  await using aws = await startScriptedAws({
    DescribeAutoScalingGroups: (form) =>
      [...form.values()].includes("g-149")
        ? () => {}
        : describing(...names.map((name) => awsGroup(name)))(form),
  });
  const looks = await aws.account.look(names, { ...ANY_CALL, deadlineMs: millis(1_000) });
  expect(names.map((name) => looks.get(name)?.kind)).toEqual([
    ...Array.from({ length: 100 }, () => "seen"),
    ...Array.from({ length: 50 }, () => "unknown"),
  ]);
});

describe("look() of groups by tags", () => {
  const KEY = 'tags:[["eks:cluster-name","ml"],["eks:nodegroup-name","gpu"]]';
  const tagged = (name: string, nodegroup: string) =>
    awsGroup(name, {
      Tags: [
        { Key: "eks:cluster-name", Value: "ml" },
        { Key: "eks:nodegroup-name", Value: nodegroup },
      ],
    });

  test("asks with a filter for each tag, and finds the one that carries them", async () => {
    await using aws = await startScriptedAws({
      // As a wildcard would: more than was asked for.
      DescribeAutoScalingGroups: describing(tagged("eks-gpu-1", "gpu"), tagged("eks-cpu-1", "cpu")),
    });
    expect(await seen(aws, KEY)).toMatchObject({
      template: { labels: { "eks.amazonaws.com/nodegroup": "gpu" } },
    });
    const [form] = aws.asked("DescribeAutoScalingGroups");
    expect([...(form ?? [])].filter(([key]) => key.startsWith("Filters.")).map(([, value]) => value)).toEqual(
      [
        "tag-key",
        "eks:cluster-name",
        "tag-key",
        "eks:nodegroup-name",
        "tag:eks:cluster-name",
        "ml",
        "tag:eks:nodegroup-name",
        "gpu",
      ],
    );
  });

  test("none is missing", async () => {
    await using aws = await startScriptedAws({ DescribeAutoScalingGroups: describing() });
    expect(await look(aws, KEY)).toEqual({
      kind: "missing",
      detail:
        "no Auto Scaling group in us-west-2 carries the tags eks:cluster-name=ml, eks:nodegroup-name=gpu",
    });
  });

  test("several are unknown, with their names, and a write goes to none", async () => {
    await using aws = await startScriptedAws({
      DescribeAutoScalingGroups: describing(tagged("b", "gpu"), tagged("a", "gpu")),
    });
    expect(await look(aws, KEY)).toMatchObject({
      kind: "unknown",
      detail: expect.stringContaining("2 Auto Scaling groups in us-west-2 carry the tags") as string,
    });
    expect(await look(aws, KEY)).toMatchObject({ detail: expect.stringContaining("(a, b)") as string });
    await expect(
      aws.account.group(KEY).resize(1, { size: 0, version: null }, ANY_CALL),
    ).rejects.toMatchObject({ kind: "misconfigured" });
  });
});

describe("look() of a group that is short of machines", () => {
  const short = awsGroup("gpu", { size: 4, ids: ["i-0a"] });
  const at = (): Date => new Date("2026-11-26T10:05:00Z");
  const places = ({ members }: Seen) =>
    members
      .filter(({ placeholder }) => placeholder === true)
      .map(({ id, state, failure }) => [id, state, failure?.kind]);

  test("has an open place for each that is missing", async () => {
    await using aws = await startScriptedAws({
      DescribeAutoScalingGroups: describing(short),
      DescribeScalingActivities: noActivities,
    });
    const found = await seen(aws, "gpu");
    expect(found.state.unfilled).toBe(3);
    expect(places(found)).toEqual([
      ["gpu/placeholder-0", "present", undefined],
      ["gpu/placeholder-1", "present", undefined],
      ["gpu/placeholder-2", "present", undefined],
    ]);
  });

  test("has failed places when the newest launch failed, with kind, words and zone; those under way have not", async () => {
    await using aws = await startScriptedAws(
      {
        DescribeAutoScalingGroups: describing(short),
        DescribeScalingActivities: activities(
          { StatusCode: "InProgress", StartTime: "2026-11-26T10:04:00Z" },
          {
            StatusMessage: "There is no Spot capacity available that matches your request.",
            Details: '{"Subnet ID":"subnet-1","Availability Zone":"us-west-2c"}',
          },
          {
            Description: "Launching a new EC2 instance: i-0a",
            StatusCode: "Successful",
            StartTime: "2026-11-26T09:59:00Z",
          },
          { Description: "Terminating EC2 instance: i-09", StartTime: "2026-11-26T10:04:30Z" },
        ),
      },
      { date: at },
    );
    const found = await seen(aws, "gpu");
    expect(places(found)).toEqual([
      ["gpu/placeholder-0", "present", undefined],
      ["gpu/placeholder-1", "failed", "no-capacity"],
      ["gpu/placeholder-2", "failed", "no-capacity"],
    ]);
    expect(found.members.at(-1)).toMatchObject({
      zone: "us-west-2c",
      failure: { detail: "There is no Spot capacity available that matches your request." },
    });
  });

  test.each([
    ["the last success is newer", { StartTime: "2026-11-26T10:01:00Z" }],
    ["it is half an hour old", { StartTime: "2026-11-26T09:00:00Z" }],
  ])("a failure does not count when %s", async (why, { StartTime }) => {
    const failedAt = why.startsWith("it is") ? "2026-11-26T09:30:00Z" : "2026-11-26T10:00:30Z";
    await using aws = await startScriptedAws(
      {
        DescribeAutoScalingGroups: describing(short),
        DescribeScalingActivities: activities(
          { Description: "Launching a new EC2 instance: i-0a", StatusCode: "Successful", StartTime },
          { StartTime: failedAt, StatusMessage: "no spot capacity available" },
        ),
      },
      { date: at },
    );
    expect(places(await seen(aws, "gpu")).map(([, state]) => state)).toEqual([
      "present",
      "present",
      "present",
    ]);
  });

  test("a failure from before our last growth says nothing of what we asked for, by AWS's clock and not by ours", async () => {
    let now = "2026-11-26T10:05:00Z";
    // Ours is a year behind.
    const clock = createFakeClock(Date.UTC(2025, 10, 26));
    await using aws = await startScriptedAws(
      {
        DescribeAutoScalingGroups: describing(short),
        DescribeScalingActivities: activities({ StatusMessage: "no spot capacity available" }),
        SetDesiredCapacity: () => answerXml("SetDesiredCapacity"),
      },
      { date: () => new Date(now), clock },
    );
    expect(places(await seen(aws, "gpu"))[0]).toEqual(["gpu/placeholder-0", "failed", "no-capacity"]);
    const group = aws.account.group("gpu");
    await group.resize(5, await group.read(ANY_CALL), ANY_CALL);
    expect(places(await seen(aws, "gpu"))[0]).toEqual(["gpu/placeholder-0", "present", undefined]);
    now = "2026-11-26T10:07:00Z";
    // In part granted: the newer success does not make up for what did not come.
    aws.answer({
      DescribeScalingActivities: activities(
        {
          Description: "Launching a new EC2 instance: i-0f",
          StatusCode: "Successful",
          StartTime: "2026-11-26T10:06:30Z",
        },
        {
          StartTime: "2026-11-26T10:06:00Z",
          StatusMessage: "You have requested more vCPU capacity than your current vCPU limit",
        },
      ),
    });
    expect(places(await seen(aws, "gpu"))[0]).toEqual(["gpu/placeholder-0", "failed", "quota"]);
  });

  test("a removal, and places given back, leave the others as failed as they were", async () => {
    await using aws = await startScriptedAws(
      {
        DescribeAutoScalingGroups: describing(short),
        DescribeScalingActivities: activities({ StatusMessage: "no spot capacity available" }),
        TerminateInstanceInAutoScalingGroup: () => answerXml("TerminateInstanceInAutoScalingGroup"),
        SetDesiredCapacity: () => answerXml("SetDesiredCapacity"),
      },
      { date: at },
    );
    const group = aws.account.group("gpu");
    await group.removeInstance("i-0a", await group.read(ANY_CALL), ANY_CALL);
    await group.cancelUnfilled(1, await group.read(ANY_CALL), ANY_CALL);
    expect(places(await seen(aws, "gpu")).map(([, state]) => state)).toEqual(["failed", "failed", "failed"]);
  });

  test("a failure from before a growth of which nobody knows whether it was made says nothing either", async () => {
    await using aws = await startScriptedAws(
      {
        DescribeAutoScalingGroups: describing(short),
        DescribeScalingActivities: activities({ StatusMessage: "no spot capacity available" }),
        SetDesiredCapacity: () => ({ status: 500, text: errorXml("InternalFailure") }),
      },
      { date: at },
    );
    expect(places(await seen(aws, "gpu"))[0]).toEqual(["gpu/placeholder-0", "failed", "no-capacity"]);
    const group = aws.account.group("gpu");
    const growth = group.resize(5, await group.read(ANY_CALL), ANY_CALL);
    await expect(growth).rejects.toMatchObject({ kind: "unavailable" });
    expect(places(await seen(aws, "gpu"))[0]).toEqual(["gpu/placeholder-0", "present", undefined]);
  });

  test("what was known of a failure holds while its activities cannot be read", async () => {
    const clock = createFakeClock();
    await using aws = await startScriptedAws(
      {
        DescribeAutoScalingGroups: describing(short),
        DescribeScalingActivities: activities({ StatusMessage: "no spot capacity available" }),
      },
      { date: at, clock },
    );
    await seen(aws, "gpu");
    aws.answer({ DescribeScalingActivities: () => ({ status: 400, text: errorXml("Throttling") }) });
    await clock.advance(20_000);
    const found = await seen(aws, "gpu");
    expect(places(found)[0]).toEqual(["gpu/placeholder-0", "failed", "no-capacity"]);
    expect(found.mismatches).toEqual([
      "why machines do not come cannot be read: DescribeScalingActivities in us-west-2: as the test has it",
    ]);
  });

  test("reads older pages only as far as they count", async () => {
    await using aws = await startScriptedAws(
      {
        DescribeAutoScalingGroups: describing(short),
        DescribeScalingActivities: (_form, nth) =>
          answerXml("DescribeScalingActivities", {
            Activities: [
              awsActivity({ StatusCode: "Successful", StartTime: `2026-11-26T10:0${4 - nth}:00Z` }),
            ],
            NextToken: `${nth}`,
          }),
      },
      { date: at, clock: createFakeClock() },
    );
    await seen(aws, "gpu");
    expect(aws.asked("DescribeScalingActivities")).toHaveLength(3);
    aws.answer({
      DescribeScalingActivities: () =>
        answerXml("DescribeScalingActivities", {
          Activities: [awsActivity({ StartTime: "2026-11-25T10:00:00Z" })],
          NextToken: "more",
        }),
    });
    await seen(aws, "gpu");
    expect(aws.asked("DescribeScalingActivities")).toHaveLength(4);
  });

  test("is seen all the same, and in time, when nobody answers for its activities", async () => {
    await using aws = await startScriptedAws({
      DescribeAutoScalingGroups: describing(short),
      DescribeScalingActivities: () => () => {},
    });
    const looks = await aws.account.look(["gpu"], { ...ANY_CALL, deadlineMs: millis(600) });
    expect(looks.get("gpu")).toMatchObject({
      kind: "seen",
      state: { size: 4 },
      mismatches: [expect.stringMatching(/^why machines do not come cannot be read: .* no answer within/)],
    });
  });

  test("is seen all the same when its activities cannot be read, and says so", async () => {
    await using aws = await startScriptedAws({
      DescribeAutoScalingGroups: describing(short),
      DescribeScalingActivities: () => ({ status: 403, text: errorXml("AccessDenied", "not yours") }),
    });
    const found = await seen(aws, "gpu");
    expect(places(found)).toHaveLength(3);
    expect(found.mismatches).toEqual([
      "why machines do not come cannot be read: DescribeScalingActivities in us-west-2: not yours",
    ]);
  });
});

test("a machine that waits in a lifecycle hook is spoken of after ten minutes", async () => {
  const clock = createFakeClock();
  await using aws = await startScriptedAws(
    {
      DescribeAutoScalingGroups: describing(
        awsGroup("gpu", { size: 1, Instances: [awsInstance("i-0a", { LifecycleState: "Pending:Wait" })] }),
      ),
    },
    { clock },
  );
  expect((await seen(aws, "gpu")).mismatches).toEqual([]);
  await clock.advance(599_000);
  expect((await seen(aws, "gpu")).mismatches).toEqual([]);
  await clock.advance(1_000);
  expect((await seen(aws, "gpu")).mismatches).toEqual([
    "waiting for long in a lifecycle hook (Pending:Wait), which somebody has to complete: i-0a",
  ]);
});

describe("when this machine's clock is off", () => {
  const inAnHour = (): Date => new Date(Date.now() + 3_600_000);
  const signedAt = (aws: ScriptedAws): readonly string[] =>
    aws.server.requests
      .filter(({ form }) => form.get("Action") === "DescribeAutoScalingGroups")
      .map(({ headers }) => String(headers["x-amz-date"]));

  test("a refused signature is made anew by AWS's time, and later ones at once", async () => {
    await using aws = await startScriptedAws(
      {
        DescribeAutoScalingGroups: (form, nth) =>
          nth === 1
            ? { status: 403, text: errorXml("SignatureDoesNotMatch", "Signature expired") }
            : describing(awsGroup("gpu"))(form),
      },
      { date: inAnHour },
    );
    await seen(aws, "gpu");
    await seen(aws, "gpu");
    const [first = "", ...later] = signedAt(aws);
    expect(later).toHaveLength(2);
    for (const at of later) expect(at > first).toBe(true);
  });

  test.each([
    // It may have been done.
    ["InternalFailure", 500, "unavailable", 1],
    ["SignatureDoesNotMatch", 403, "denied", 2],
  ])("a write that ends in %s, status %i, is %s and sent %i times", async (code, status, kind, times) => {
    // Later with each answer: a time that the signature bore already says nothing new, and is not tried again.
    let hours = 0;
    await using aws = await startScriptedAws(
      {
        DescribeAutoScalingGroups: describing(awsGroup("gpu")),
        SetDesiredCapacity: () => ({ status, text: errorXml(code) }),
      },
      { date: () => new Date(Date.now() + ++hours * 3_600_000) },
    );
    const group = aws.account.group("gpu");
    await expect(group.resize(1, { size: 0, version: null }, ANY_CALL)).rejects.toMatchObject({ kind });
    expect(aws.asked("SetDesiredCapacity")).toHaveLength(times);
  });
});

describe("what the connection does", () => {
  const options = (endpoint: string) => ({
    region: AWS_REGION,
    endpoint,
    credentials: { accessKeyId: "a", secretAccessKey: "b" },
    clock: createFakeClock(),
    limiter: {
      run: async <T>(
        _call: string,
        limits: { signal: AbortSignal },
        send: (signal: AbortSignal) => Promise<T>,
      ) => await send(limits.signal),
    },
  });

  test.each([["cut without an answer", (reply: { cut(): void }) => reply.cut()]])(
    "%s is unavailable",
    async (_name, answer) => {
      await using aws = await startScriptedAws({ DescribeAutoScalingGroups: () => answer });
      await expect(aws.account.look(["gpu"], ANY_CALL)).rejects.toMatchObject({ kind: "unavailable" });
    },
  );

  test.each([
    [500, "<html>oops</html>", "unavailable"],
    [502, "", "unavailable"],
    [404, "<html>no such page</html>", "malformed"],
  ])("an answer %i %j is %s", async (status, text, kind) => {
    await using aws = await startScriptedAws({ DescribeAutoScalingGroups: () => ({ status, text }) });
    const found = aws.account.group("gpu").read(ANY_CALL);
    await expect(found).rejects.toMatchObject({ kind });
  });

  test.each([
    [
      "cut in half",
      answerXml("DescribeAutoScalingGroups", { AutoScalingGroups: [awsGroup("gpu")] }).slice(0, 400),
    ],
    ["an error with status 200", errorXml("InternalFailure")],
    ["empty", ""],
    ["a page to log in", "<html><body>log in</body></html>"],
    ["without a list", answerXml("DescribeAutoScalingGroups")],
  ])("an answer that is %s makes the group unknown", async (_what, text) => {
    await using aws = await startScriptedAws({ DescribeAutoScalingGroups: () => ({ status: 200, text }) });
    expect(await look(aws, "gpu")).toMatchObject({ kind: "unknown" });
    await expect(aws.account.group("gpu").read(ANY_CALL)).rejects.toMatchObject({ kind: "malformed" });
  });

  test("no one there, and a certificate that nobody vouches for, are unavailable", async () => {
    const server = await startScriptedServer(() => {});
    await server[Symbol.asyncDispose]();
    using gone = await createAwsAccount(options(server.url.href));
    await expect(gone.look(["gpu"], ANY_CALL)).rejects.toMatchObject({
      kind: "unavailable",
      data: { code: "ECONNREFUSED" },
    });
    const { key, cert } = createAuthority("nobody", Date.now()).issue("127.0.0.1");
    await using secret = await startScriptedServer(() => {}, { key, cert });
    using account = await createAwsAccount(options(secret.url.href));
    await expect(account.look(["gpu"], ANY_CALL)).rejects.toMatchObject({
      kind: "unavailable",
      message: expect.stringContaining("certificate") as string,
    });
    expect(secret.requests).toEqual([]);
  });

  test("no answer in time is a timeout, also in the middle of one, and the connection is given up", async () => {
    let stream: { readonly closed: boolean } | null = null;
    await using aws = await startScriptedAws({
      DescribeAutoScalingGroups: () => (reply) => {
        const open = reply.stream();
        open.raw("<DescribeAutoScalingGroupsResponse><Desc");
        stream = open;
      },
    });
    await expect(aws.account.look(["gpu"], { ...ANY_CALL, deadlineMs: millis(200) })).rejects.toMatchObject({
      kind: "timeout",
    });
    await eventually(() => stream?.closed);
  });

  test("a write whose credentials come after its deadline is not sent late", async () => {
    const renewed = Promise.withResolvers<void>();
    let waits = false;
    let asked = 0;
    await using aws = await startScriptedAws(
      {
        DescribeAutoScalingGroups: describing(awsGroup("gpu")),
        SetDesiredCapacity: () => answerXml("SetDesiredCapacity"),
      },
      {
        credentials: async () => {
          asked++;
          if (waits) await renewed.promise;
          // So old that each call asks again.
          return { accessKeyId: "key", secretAccessKey: "secret", expiration: new Date(0) };
        },
      },
    );
    const group = aws.account.group("gpu");
    const state = await group.read(ANY_CALL);
    const before = asked;
    waits = true;
    const growth = group.resize(1, state, { ...ANY_CALL, deadlineMs: millis(100) });
    await expect(growth).rejects.toMatchObject({ kind: "timeout" });
    expect(asked).toBeGreaterThan(before);
    renewed.resolve();
    // What was waiting for the credentials would go before what is asked for now.
    await seen(aws, "gpu");
    expect(aws.asked("SetDesiredCapacity")).toEqual([]);
  });

  test("an account that is done with leaves no connection open", async () => {
    await using aws = await startScriptedAws({ DescribeAutoScalingGroups: describing(awsGroup("gpu")) });
    await Promise.all([seen(aws, "gpu"), look(aws, "none")]);
    expect(aws.server.open).toBeGreaterThan(0);
    aws.account[Symbol.dispose]();
    await eventually(() => aws.server.open === 0);
  });

  test("a caller that gives up gets its own reason", async () => {
    const ends = new AbortController();
    await using aws = await startScriptedAws({
      DescribeAutoScalingGroups: () => () => {
        ends.abort(new Error("no longer the leader"));
      },
    });
    await expect(aws.account.look(["gpu"], { ...ANY_CALL, signal: ends.signal })).rejects.toThrow(
      "no longer the leader",
    );
  });
});

function mixed(...types: readonly string[]) {
  return {
    MixedInstancesPolicy: { LaunchTemplate: { Overrides: types.map((InstanceType) => ({ InstanceType })) } },
  };
}

function weighted() {
  return { LaunchTemplate: { Overrides: [{ InstanceType: "p5.48xlarge", WeightedCapacity: "8" }] } };
}
