// How often it asks, over a stub of the one call that it makes. What comes out of single activities is tested with the
// account, over HTTP.
import type { Activity, DescribeScalingActivitiesCommandInput } from "@aws-sdk/client-auto-scaling";
import { describe, expect, test } from "vitest";

import { epochMs, millis } from "../../../shared/model/units.ts";
import { awsReading } from "../../../test/build/aws-reading.ts";
import { createFakeClock } from "../../../test/build/clock.ts";
import type { CallOptions } from "../group.ts";
import type { AwsCalls } from "./calls.ts";
import { createLaunchWatch } from "./launch-watch.ts";
import type { LaunchWatch } from "./launch-watch.ts";
import type { AwsReading } from "./reading.ts";

const LIMITS: CallOptions = { signal: new AbortController().signal, deadlineMs: millis(5_000) };
const START = Date.UTC(2026, 10, 26);

interface Scene {
  readonly clock: ReturnType<typeof createFakeClock>;
  readonly watch: LaunchWatch;
  readonly asked: readonly DescribeScalingActivitiesCommandInput[];
  /** The newest first. */
  activities: readonly Activity[];
}

/** Pages of a hundred, as AWS gives them. */
function aScene(): Scene {
  const clock = createFakeClock(START);
  const asked: DescribeScalingActivitiesCommandInput[] = [];
  const never = async (): Promise<never> => await Promise.reject(new Error("not in this test"));
  const calls: AwsCalls = {
    DescribeAutoScalingGroups: never,
    DescribePolicies: never,
    DescribeScheduledActions: never,
    DescribeInstanceRefreshes: never,
    SetDesiredCapacity: never,
    TerminateInstanceInAutoScalingGroup: never,
    DetachInstances: never,
    DescribeScalingActivities: async (input) => {
      asked.push(input);
      const { AutoScalingGroupName: name, NextToken: token = "0" } = input;
      const all = scene.activities.filter((one) => name === undefined || one.AutoScalingGroupName === name);
      const to = Number(token) + 100;
      const page = { Activities: all.slice(Number(token), to), $metadata: {} };
      const output = to < all.length ? { ...page, NextToken: `${to}` } : page;
      return await Promise.resolve({ output, at: null });
    },
  };
  const scene = {
    clock,
    watch: createLaunchWatch(calls, clock),
    asked,
    activities: [] as readonly Activity[],
  };
  return scene;
}

function failing(group: string, atMs: number): Activity {
  return {
    ActivityId: `${group} ${atMs}`,
    AutoScalingGroupName: group,
    Description: "Launching a new EC2 instance",
    Cause: "a difference",
    StartTime: new Date(atMs),
    StatusCode: "Failed",
    StatusMessage: "There is no Spot capacity available that matches your request.",
  };
}

function shortGroups(count: number): readonly AwsReading[] {
  return Array.from({ length: count }, (_, n) => awsReading({ name: `g-${n}`, size: 1 }));
}

async function failures({ watch }: Scene, readings: readonly AwsReading[]): Promise<number> {
  const news = await watch.of(readings, LIMITS);
  return [...news.values()].filter(({ launches }) => launches.failure?.kind === "no-capacity").length;
}

describe("two hundred groups that are short at once", () => {
  test("are known after one look of a few calls, and then cost less than one call a second", async () => {
    const scene = aScene();
    const readings = shortGroups(200);
    scene.activities = readings.map(({ name }) => failing(name, START));
    expect(await failures(scene, readings)).toBe(200);
    expect(scene.asked.length).toBeLessThanOrEqual(2);
    expect(scene.asked.map(({ AutoScalingGroupName }) => AutoScalingGroupName)).toEqual(
      scene.asked.map(() => undefined),
    );
    const looks = 60;
    for (let at = 0; at < looks; at++) {
      await scene.clock.advance(2_000);
      expect(await failures(scene, readings)).toBe(200);
    }
    expect(scene.asked.length).toBeLessThan(looks * 2);
  });

  test("that the pages do not reach are asked for by name, ten a look, until each is known", async () => {
    const scene = aScene();
    const readings = shortGroups(30);
    // Another group of the account fills all the pages.
    const loud = Array.from({ length: 600 }, (_, n) => failing("loud", START - n));
    scene.activities = [...loud, ...readings.map(({ name }) => failing(name, START - 1_000))];
    expect(await failures(scene, readings)).toBe(10);
    expect(scene.asked).toHaveLength(15);
    expect(await failures(scene, readings)).toBe(20);
    // The last ten are few enough to be asked for by name alone.
    expect(await failures(scene, readings)).toBe(30);
  });
});

test("what is under way in many groups at one moment is one call, and in a few one each", async () => {
  const scene = aScene();
  const readings = shortGroups(40);
  const begun = { ...failing("g-7", START), StatusCode: "InProgress" as const };
  scene.activities = [begun, ...readings.map(({ name }) => failing(name, START))];
  const underWay = async (some: readonly AwsReading[]): Promise<readonly number[]> =>
    await Promise.all(some.map(async (reading) => await scene.watch.underWay(reading, LIMITS)));
  expect(await underWay(readings)).toEqual(readings.map((_, n) => (n === 7 ? 1 : 0)));
  expect(scene.asked).toHaveLength(1);
  expect(await underWay(readings.slice(6, 9))).toEqual([0, 1, 0]);
  expect(scene.asked.slice(1).map(({ AutoScalingGroupName }) => AutoScalingGroupName)).toEqual([
    "g-6",
    "g-7",
    "g-8",
  ]);
});

describe("one group that is short", () => {
  test("is asked for by name, soon after a change and less often the longer nothing changes", async () => {
    const scene = aScene();
    const readings = shortGroups(1);
    for (let at = 0; at < 300; at += 2) {
      await failures(scene, readings);
      await scene.clock.advance(2_000);
    }
    expect(scene.asked.every(({ AutoScalingGroupName }) => AutoScalingGroupName === "g-0")).toBe(true);
    expect(scene.asked.length).toBeGreaterThan(300 / 16);
    expect(scene.asked.length).toBeLessThan(30);
    const before = scene.asked.length;
    await failures(scene, [awsReading({ name: "g-0", size: 2 })]);
    expect(scene.asked).toHaveLength(before + 1);
  });

  test("is asked for again at once when more was asked for, and older failures count no more", async () => {
    const scene = aScene();
    scene.activities = [failing("g-0", START)];
    expect(await failures(scene, shortGroups(1))).toBe(1);
    await scene.clock.advance(60_000);
    scene.watch.grown("g-0", scene.watch.now());
    expect(await failures(scene, shortGroups(1))).toBe(0);
    expect(scene.asked).toHaveLength(2);
  });

  test("by AWS's clock, which was an hour ahead in its last answer", async () => {
    const scene = aScene();
    scene.watch.dated(epochMs(START + 3_600_000));
    await scene.clock.advance(1_000);
    expect(scene.watch.now()).toBe(START + 3_601_000);
  });

  test("that is filled costs no call", async () => {
    const scene = aScene();
    expect((await scene.watch.of([awsReading({ name: "g-0", ids: ["i-0a"] })], LIMITS)).size).toBe(0);
    expect(scene.asked).toEqual([]);
  });
});
