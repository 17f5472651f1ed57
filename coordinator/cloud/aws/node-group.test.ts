import { describe, expect, test } from "vitest";

import { millis } from "../../../shared/model/units.ts";
import {
  answerXml,
  ANY_CALL,
  awsActivity,
  awsGroup,
  awsInstance,
  describing,
  errorXml,
  startScriptedAws,
} from "../../../test/build/aws.ts";
import type { AwsScript, ScriptedAws } from "../../../test/build/aws.ts";
import type { GroupState } from "../group.ts";

const WRITES: AwsScript = {
  SetDesiredCapacity: () => answerXml("SetDesiredCapacity"),
  TerminateInstanceInAutoScalingGroup: () => answerXml("TerminateInstanceInAutoScalingGroup"),
  DetachInstances: () => answerXml("DetachInstances"),
  DescribeScalingActivities: () => answerXml("DescribeScalingActivities", { Activities: [] }),
};

async function aws(fields: Parameters<typeof awsGroup>[1] = {}): Promise<ScriptedAws> {
  const group = awsGroup("gpu", { size: 2, MinSize: 1, ids: ["i-0a", "i-0b"], ...fields });
  return await startScriptedAws({ ...WRITES, DescribeAutoScalingGroups: describing(group) });
}

const fieldsOf = (form: URLSearchParams | undefined): unknown => {
  const { Action: _action, Version: _version, ...fields } = Object.fromEntries(form ?? []);
  return fields;
};

const reads = ({ asked }: ScriptedAws): number => asked("DescribeAutoScalingGroups").length;
const writes = ({ server }: ScriptedAws): number =>
  server.requests.filter(({ form }) => !form.get("Action")?.startsWith("Describe")).length;

describe("read()", () => {
  test("tells size, bounds and open places, and never out of a cache", async () => {
    await using cloud = await aws({ size: 5 });
    const group = cloud.account.group("gpu");
    expect(group).toMatchObject({ backEnd: "aws", chosenRemoval: true, conditional: false });
    expect(await group.read(ANY_CALL)).toEqual({ size: 5, version: null, min: 1, max: 10, unfilled: 3 });
    cloud.answer({ DescribeAutoScalingGroups: describing(awsGroup("gpu", { size: 7 })) });
    expect(await group.read(ANY_CALL)).toMatchObject({ size: 7 });
  });

  test("two hundred groups that are asked for at once are two calls", async () => {
    const names = Array.from({ length: 200 }, (_, n) => `g-${n}`);
    await using cloud = await startScriptedAws({
      DescribeAutoScalingGroups: describing(
        ...names.map((name, n) => awsGroup(name, { DesiredCapacity: n })),
      ),
    });
    const states = await Promise.all(
      names.map(async (name) => await cloud.account.group(name).read(ANY_CALL)),
    );
    expect(states.map(({ size }) => size)).toEqual(names.map((_, n) => n));
    expect(reads(cloud)).toBe(2);
  });

  test("a group that is not there is not-found, one that cannot be sized says why", async () => {
    await using cloud = await aws({ SuspendedProcesses: [{ ProcessName: "Launch" }] });
    await expect(cloud.account.group("gone").read(ANY_CALL)).rejects.toMatchObject({ kind: "not-found" });
    await expect(cloud.account.group("gpu").read(ANY_CALL)).rejects.toMatchObject({
      kind: "misconfigured",
      message: expect.stringContaining("resume it") as string,
    });
  });
});

describe("resize()", () => {
  test("sets the size once, without a second read, and tells that it has written", async () => {
    await using cloud = await aws();
    const group = cloud.account.group("gpu");
    await group.resize(4, await group.read(ANY_CALL), ANY_CALL);
    expect(cloud.asked("SetDesiredCapacity").map(fieldsOf)).toEqual([
      { AutoScalingGroupName: "gpu", DesiredCapacity: "4", HonorCooldown: "false" },
    ]);
    expect(reads(cloud)).toBe(1);
    expect(cloud.written).toEqual(["gpu"]);
  });

  test("goes to the group that the tags find, by its name", async () => {
    await using cloud = await aws({ Tags: [{ Key: "pool", Value: "gpu" }] });
    const key = 'tags:[["pool","gpu"]]';
    await cloud.account.group(key).resize(3, { size: 2, version: null }, ANY_CALL);
    expect(cloud.asked("SetDesiredCapacity").map(fieldsOf)).toMatchObject([{ AutoScalingGroupName: "gpu" }]);
    expect(cloud.written).toEqual([key]);
  });

  test("on a state that is not its own, another size by now is a conflict, unsent", async () => {
    await using cloud = await aws();
    const growth = cloud.account.group("gpu").resize(5, { size: 4, version: null }, ANY_CALL);
    await expect(growth).rejects.toMatchObject({
      kind: "conflict",
      message: "Auto Scaling group gpu was seen with a size of 4 and has 2 by now",
    });
    expect(writes(cloud)).toBe(0);
  });

  test("over the maximum is refused with both numbers, and lowering is a bug; neither is sent", async () => {
    await using cloud = await aws();
    const group = cloud.account.group("gpu");
    const seen = await group.read(ANY_CALL);
    await expect(group.resize(11, seen, ANY_CALL)).rejects.toMatchObject({
      kind: "refused",
      message: "Auto Scaling group gpu has a maximum of 10, so it cannot grow to 11",
    });
    await expect(group.resize(1, seen, ANY_CALL)).rejects.toMatchObject({ kind: "bug" });
    expect(writes(cloud)).toBe(0);
    expect(cloud.written).toEqual([]);
  });

  test.each([
    ["a server error", { status: 500, text: errorXml("InternalFailure") }, "unavailable"],
    ["a page of a proxy", { status: 502, text: "<html></html>" }, "unavailable"],
    ["half an answer", { status: 200, text: answerXml("SetDesiredCapacity").slice(0, 80) }, "unavailable"],
    ["an error with status 200", { status: 200, text: errorXml("Throttling") }, "unavailable"],
    ["a refusal", { status: 400, text: errorXml("ScalingActivityInProgress") }, "conflict"],
  ])("after %s it is %s", async (_what, reply, kind) => {
    await using cloud = await aws();
    cloud.answer({ SetDesiredCapacity: () => reply });
    const group = cloud.account.group("gpu");
    await expect(group.resize(3, await group.read(ANY_CALL), ANY_CALL)).rejects.toMatchObject({ kind });
    expect(writes(cloud)).toBe(1);
    // Done or not: what was seen is old.
    expect(cloud.written).toEqual(["gpu"]);
  });

  test("without an answer in time it is a timeout: maybe done", async () => {
    await using cloud = await aws();
    cloud.answer({ SetDesiredCapacity: () => () => {} });
    const group = cloud.account.group("gpu");
    const seen = await group.read(ANY_CALL);
    await expect(group.resize(3, seen, { ...ANY_CALL, deadlineMs: millis(200) })).rejects.toMatchObject({
      kind: "timeout",
    });
    expect(writes(cloud)).toBe(1);
  });
});

describe("removeInstance()", () => {
  test("ends that machine and lowers the size by it", async () => {
    await using cloud = await aws();
    const group = cloud.account.group("gpu");
    await group.removeInstance("i-0b", await group.read(ANY_CALL), ANY_CALL);
    expect(cloud.asked("TerminateInstanceInAutoScalingGroup").map(fieldsOf)).toEqual([
      { InstanceId: "i-0b", ShouldDecrementDesiredCapacity: "true" },
    ]);
    expect(reads(cloud)).toBe(1);
    expect(cloud.written).toEqual(["gpu"]);
  });

  test("reads what stands in the group when it is given a state that it has not made", async () => {
    await using cloud = await aws();
    const seen: GroupState = { size: 2, version: null, min: 1 };
    await cloud.account.group("gpu").removeInstance("i-0b", seen, ANY_CALL);
    expect([reads(cloud), writes(cloud)]).toEqual([1, 1]);
  });

  test.each([
    ["is of another group", "i-0c", {}, "not-found", "has no instance i-0c"],
    ["is leaving", "i-0b", { LifecycleState: "Terminating:Wait" }, "not-found", "is leaving already"],
    ["is being detached", "i-0b", { LifecycleState: "Detaching" }, "not-found", "is leaving already"],
    ["is set aside", "i-0b", { LifecycleState: "Standby" }, "refused", "must not fall by it"],
    ["is protected", "i-0b", { ProtectedFromScaleIn: true }, "refused", "SetInstanceProtection"],
    ["is an open place", "gpu/placeholder-0", {}, "refused", "can be given back"],
  ])("does not touch one that %s", async (_what, id, fields, kind, words) => {
    await using cloud = await aws({ Instances: [awsInstance("i-0a"), awsInstance("i-0b", fields)] });
    const group = cloud.account.group("gpu");
    await expect(group.removeInstance(id, await group.read(ANY_CALL), ANY_CALL)).rejects.toMatchObject({
      kind,
      message: expect.stringContaining(words) as string,
    });
    expect(writes(cloud)).toBe(0);
  });

  test("goes ahead in a group that protects every machine: that keeps AWS from choosing, not us", async () => {
    await using cloud = await aws({
      NewInstancesProtectedFromScaleIn: true,
      Instances: ["i-0a", "i-0b"].map((id) => awsInstance(id, { ProtectedFromScaleIn: true })),
    });
    const group = cloud.account.group("gpu");
    await group.removeInstance("i-0b", await group.read(ANY_CALL), ANY_CALL);
    expect(cloud.asked("TerminateInstanceInAutoScalingGroup").map(fieldsOf)).toEqual([
      { InstanceId: "i-0b", ShouldDecrementDesiredCapacity: "true" },
    ]);
  });

  test("does not go under the group's minimum, whether we see it or AWS says it", async () => {
    await using cloud = await aws({ MinSize: 2 });
    const group = cloud.account.group("gpu");
    const seen = await group.read(ANY_CALL);
    await expect(group.removeInstance("i-0b", seen, ANY_CALL)).rejects.toMatchObject({
      kind: "refused",
      message: "Auto Scaling group gpu has a minimum of 2, so 2 cannot fall by 1",
    });
    expect(writes(cloud)).toBe(0);
    await using other = await aws();
    const message = "Currently, desiredSize equals minSize (2).";
    other.answer({
      TerminateInstanceInAutoScalingGroup: () => ({
        status: 400,
        text: errorXml("ValidationError", message),
      }),
    });
    const theirs = other.account.group("gpu");
    await expect(theirs.removeInstance("i-0b", await theirs.read(ANY_CALL), ANY_CALL)).rejects.toMatchObject({
      kind: "refused",
    });
  });
});

describe("releaseInstance()", () => {
  test("detaches the machine with its place, and leaves it to the cloud", async () => {
    await using cloud = await aws();
    const group = cloud.account.group("gpu");
    await group.releaseInstance("i-0a", await group.read(ANY_CALL), ANY_CALL);
    expect(cloud.asked("DetachInstances").map(fieldsOf)).toEqual([
      {
        AutoScalingGroupName: "gpu",
        "InstanceIds.member.1": "i-0a",
        ShouldDecrementDesiredCapacity: "true",
      },
    ]);
    expect(cloud.asked("TerminateInstanceInAutoScalingGroup")).toEqual([]);
  });

  test("under the minimum is refused: the group replaces it by itself", async () => {
    await using cloud = await aws({ MinSize: 2 });
    const group = cloud.account.group("gpu");
    await expect(group.releaseInstance("i-0a", await group.read(ANY_CALL), ANY_CALL)).rejects.toMatchObject({
      kind: "refused",
      message: expect.stringContaining("AWS replaces i-0a by itself") as string,
    });
    expect(writes(cloud)).toBe(0);
  });

  test("one that is not in service yet is refused unsent, as AWS would: it is not ended instead", async () => {
    await using cloud = await aws({ Instances: [awsInstance("i-0a", { LifecycleState: "Pending:Wait" })] });
    const group = cloud.account.group("gpu");
    const release = group.releaseInstance("i-0a", await group.read(ANY_CALL), ANY_CALL);
    await expect(release).rejects.toMatchObject({
      kind: "refused",
      message: expect.stringContaining("i-0a is Pending:Wait") as string,
    });
    expect(writes(cloud)).toBe(0);
  });

  test("one that is going already is not-found", async () => {
    await using cloud = await aws({ Instances: [awsInstance("i-0a", { LifecycleState: "Terminating" })] });
    const group = cloud.account.group("gpu");
    await expect(group.releaseInstance("i-0a", await group.read(ANY_CALL), ANY_CALL)).rejects.toMatchObject({
      kind: "not-found",
    });
  });
});

describe("cancelUnfilled()", () => {
  test("lowers the size by open places, after a read of its own", async () => {
    await using cloud = await aws({ size: 5 });
    const group = cloud.account.group("gpu");
    await group.cancelUnfilled(2, await group.read(ANY_CALL), ANY_CALL);
    expect(cloud.asked("SetDesiredCapacity").map(fieldsOf)).toMatchObject([{ DesiredCapacity: "3" }]);
    expect(reads(cloud)).toBe(2);
  });

  test("never goes under the machines that are there by then", async () => {
    await using cloud = await aws({ size: 4 });
    const group = cloud.account.group("gpu");
    const seen = await group.read(ANY_CALL);
    cloud.answer({
      DescribeAutoScalingGroups: describing(
        awsGroup("gpu", {
          size: 4,
          Instances: [
            awsInstance("i-0a"),
            awsInstance("i-0b"),
            awsInstance("i-0c", { LifecycleState: "Pending" }),
            // Its place is open: AWS is about to fill it anew.
            awsInstance("i-0d", { LifecycleState: "Terminating" }),
          ],
        }),
      ),
    });
    await expect(group.cancelUnfilled(2, seen, ANY_CALL)).rejects.toMatchObject({
      kind: "conflict",
      message: expect.stringContaining("and 1 open by now") as string,
    });
    expect(writes(cloud)).toBe(0);
    await group.cancelUnfilled(1, seen, ANY_CALL);
    expect(cloud.asked("SetDesiredCapacity").map(fieldsOf)).toMatchObject([{ DesiredCapacity: "3" }]);
  });

  test.each([
    ["has no name yet", "Launching a new EC2 instance", "WaitingForSpotInstanceId"],
    ["is not listed yet", "Launching a new EC2 instance: i-0c", "InProgress"],
  ])(
    "leaves the place of a launch that %s: its machine would be one too many",
    async (_, Description, StatusCode) => {
      await using cloud = await aws({ size: 4 });
      const launch = awsActivity({ Description, StatusCode, StartTime: new Date().toISOString() });
      cloud.answer({
        DescribeScalingActivities: () => answerXml("DescribeScalingActivities", { Activities: [launch] }),
      });
      const group = cloud.account.group("gpu");
      const seen = await group.read(ANY_CALL);
      await expect(group.cancelUnfilled(2, seen, ANY_CALL)).rejects.toMatchObject({
        kind: "conflict",
        message: "Auto Scaling group gpu: 2 open places to give back, and of 2 AWS is filling 1 by now",
      });
      expect(writes(cloud)).toBe(0);
      await group.cancelUnfilled(1, seen, ANY_CALL);
      expect(cloud.asked("SetDesiredCapacity").map(fieldsOf)).toMatchObject([{ DesiredCapacity: "3" }]);
    },
  );

  test("gives nothing back when AWS does not tell what it is launching", async () => {
    await using cloud = await aws({ size: 4 });
    cloud.answer({ DescribeScalingActivities: () => ({ status: 403, text: errorXml("AccessDenied") }) });
    const group = cloud.account.group("gpu");
    await expect(group.cancelUnfilled(1, await group.read(ANY_CALL), ANY_CALL)).rejects.toMatchObject({
      kind: "denied",
    });
    expect(writes(cloud)).toBe(0);
  });

  test("does not go under the minimum", async () => {
    await using cloud = await aws({ size: 5, MinSize: 4 });
    const group = cloud.account.group("gpu");
    await expect(group.cancelUnfilled(2, await group.read(ANY_CALL), ANY_CALL)).rejects.toMatchObject({
      kind: "refused",
    });
    expect(writes(cloud)).toBe(0);
  });
});

describe("contains(), keepInstance()", () => {
  test("a member counts until its removal has begun", async () => {
    await using cloud = await aws({
      Instances: [
        awsInstance("i-0a", { LifecycleState: "Pending" }),
        awsInstance("i-0b", { LifecycleState: "Terminating" }),
      ],
    });
    const group = cloud.account.group("gpu");
    expect(await group.contains("i-0a", ANY_CALL)).toBe(true);
    expect(await group.contains("i-0b", ANY_CALL)).toBe(false);
    expect(await group.contains("i-0c", ANY_CALL)).toBe(false);
    expect(await cloud.account.group("gone").contains("i-0a", ANY_CALL)).toBe(false);
  });

  test("there is nothing to take back at AWS, so nothing is sent", async () => {
    await using cloud = await aws();
    await cloud.account.group("gpu").keepInstance("i-0a", ANY_CALL);
    expect(cloud.server.requests).toEqual([]);
  });
});
