import { afterEach, describe, expect, test } from "vitest";

import { epochMs, millis } from "../../../shared/model/units.ts";
import { createFakeClock, settle } from "../../../test/build/clock.ts";
import type { FakeClock } from "../../../test/build/clock.ts";
import { eventually } from "../../../test/build/eventually.ts";
import { SCENE_NODE, watchScene } from "../../../test/build/metadata-watch.ts";
import type { MetadataScene, SceneOptions } from "../../../test/build/metadata-watch.ts";
import { startAwsMetadata } from "../../../test/world/metadata/aws.ts";
import type { AwsMetadata, AwsMetadataOptions } from "../../../test/world/metadata/aws.ts";
import type { Fault } from "../../../test/world/metadata/fault.ts";

const ACTION = "/latest/meta-data/spot/instance-action";
const TOKEN = "/latest/api/token";

const ends: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const end of ends.splice(0).toReversed()) await end();
});

interface Both {
  readonly aws: AwsMetadata;
  readonly scene: MetadataScene;
  readonly clock: FakeClock;
}

async function start(
  options: Partial<AwsMetadataOptions> = {},
  settings: Parameters<typeof watchScene>[0] = {},
  more: SceneOptions = {},
): Promise<Both> {
  const clock = createFakeClock();
  const aws = await startAwsMetadata({ clock, ...options });
  ends.push(() => aws.close());
  const scene = again(aws, clock, settings, more);
  await scene.rest();
  return { aws, scene, clock };
}

function again(
  aws: AwsMetadata,
  clock: FakeClock,
  settings: Parameters<typeof watchScene>[0] = {},
  more: SceneOptions = {},
): MetadataScene {
  const scene = watchScene({ cloud: "aws", metadataUrl: aws.url, ...settings }, { clock, ...more });
  ends.push(() => scene.stop());
  return scene;
}

const inSeconds = (clock: FakeClock, s: number) => epochMs(clock.now() + s * 1000);
const asked = (aws: AwsMetadata, path: string) => aws.requests.filter((one) => one.path === path);

describe("a spot machine of AWS", () => {
  test("is asked with a token, tells who it is, and has nothing to announce", async () => {
    const { aws, scene } = await start();
    expect(scene.watch).toMatchObject({
      cloud: "aws",
      machine: {
        cloud: "aws",
        instanceId: "i-0a1b2c3d4e5f60718",
        instanceType: "p4d.24xlarge",
        region: "us-west-2",
        zone: "us-west-2b",
        zoneId: "usw2-az1",
        lifecycle: "spot",
      },
      sightings: [],
      answered: true,
      health: { state: "up" },
    });
    expect(aws.breaches).toEqual([]);
    expect(asked(aws, TOKEN)).toHaveLength(1);
  });

  test("is asked for its notice more than once a second, for the rest seldom, with one token", async () => {
    const { aws, scene, clock } = await start();
    const from = clock.now();
    for (let s = 0; s < 60; s++) await scene.round(1_000);
    const spot = asked(aws, ACTION).map(({ at }) => at);
    const gaps = spot.slice(1).map((at, i) => at - (spot[i] ?? 0));
    expect(Math.max(...gaps)).toBeLessThanOrEqual(950);
    expect(new Set(gaps).size).toBeGreaterThan(20);
    const since = aws.requests.filter(({ at }) => at > from);
    expect(since.length / 60).toBeLessThan(1.5);
    expect(asked(aws, TOKEN)).toHaveLength(1);
    expect(aws.breaches).toEqual([]);
  });

  test.each(["terminate", "stop"] as const)(
    "that will %s is seen with the time of the notice",
    async (action) => {
      const { aws, scene, clock } = await start();
      const at = inSeconds(clock, 120);
      aws.notice({ action, at });
      await scene.round();
      expect(scene.watch.sightings).toEqual([
        {
          id: `aws-${SCENE_NODE}-${action}-${at.toString(36)}`,
          source: "aws",
          kind: "termination",
          action,
          seenAt: expect.any(Number) as number,
          deadline: at,
          endsMachine: true,
        },
      ]);
      const changes = scene.changes();
      await scene.round();
      expect(scene.changes()).toBe(changes);
    },
  );

  test("that will hibernate has no time left", async () => {
    const { aws, scene, clock } = await start();
    aws.notice({ action: "hibernate", at: inSeconds(clock, 120) });
    await scene.round();
    const [seen] = scene.watch.sightings;
    expect(seen?.deadline).toBe(seen?.seenAt);
  });

  test("gives the same id to the agent that is started anew", async () => {
    const { aws, scene, clock } = await start();
    aws.notice({ action: "terminate", at: inSeconds(clock, 120) });
    await scene.round();
    const before = scene.watch.sightings.map(({ id, deadline }) => ({ id, deadline }));
    await scene.stop();
    await clock.advance(20_000);
    const next = again(aws, clock);
    await next.rest();
    expect(next.watch.sightings.map(({ id, deadline }) => ({ id, deadline }))).toEqual(before);
  });

  test("keeps a notice that vanishes until it has outlived it by a minute", async () => {
    const { aws, scene, clock } = await start();
    aws.notice({ action: "terminate", at: inSeconds(clock, 120) });
    await scene.round();
    aws.withdraw();
    for (let round = 0; round < 6; round++) await scene.round();
    expect(scene.watch.sightings).toHaveLength(1);
    for (let round = 0; round < 17; round++) await scene.round(10_000);
    expect(scene.watch.sightings).toHaveLength(1);
    for (let round = 0; round < 3; round++) await scene.round(10_000);
    expect(scene.watch.sightings).toEqual([]);
  });

  test("takes an earlier time for the notice, and no later one", async () => {
    const { aws, scene, clock } = await start();
    const [first, later, sooner] = [120, 180, 60].map((s) => inSeconds(clock, s));
    if (first === undefined || later === undefined || sooner === undefined) throw new Error("no times");
    aws.notice({ action: "terminate", at: first });
    await scene.round();
    aws.notice({ action: "terminate", at: later });
    await scene.round();
    expect(scene.watch.sightings.map(({ deadline }) => deadline)).toEqual([first]);
    aws.notice({ action: "terminate", at: sooner });
    await scene.round();
    expect(scene.watch.sightings.map(({ deadline }) => deadline)).toEqual([sooner]);
  });

  test("tells of a rebalance without a time, and of its end", async () => {
    const { aws, scene, clock } = await start();
    const at = clock.now();
    aws.rebalance(at);
    await scene.round(11_000);
    expect(scene.watch.sightings).toMatchObject([
      {
        id: `aws-${SCENE_NODE}-rebalance-${at.toString(36)}`,
        kind: "rebalance",
        action: "rebalance",
        deadline: null,
        endsMachine: false,
      },
    ]);
    aws.withdraw("rebalance");
    for (let round = 0; round < 2; round++) await scene.round(11_000);
    expect(scene.watch.sightings).toHaveLength(1);
    await scene.round(11_000);
    expect(scene.watch.sightings).toEqual([]);
  });

  test("tells of maintenance, what it ends, its new time, and that it was called off", async () => {
    const { aws, scene, clock } = await start();
    const at = inSeconds(clock, 86_400);
    aws.maintenance({ eventId: "instance-event-01", code: "system-reboot", notBefore: at });
    aws.maintenance({ eventId: "instance-event-02", code: "system-maintenance", notBefore: at });
    await scene.round(32_000);
    expect(scene.watch.sightings).toMatchObject([
      {
        id: `aws-${SCENE_NODE}-instance-event-01`,
        kind: "maintenance",
        action: "system-reboot",
        deadline: at,
        endsMachine: true,
      },
      { action: "system-maintenance", endsMachine: false, deadline: at },
    ]);
    const later = inSeconds(clock, 2 * 86_400);
    aws.maintenance({ eventId: "instance-event-01", code: "system-reboot", notBefore: later });
    aws.maintenance({
      eventId: "instance-event-02",
      code: "system-maintenance",
      notBefore: at,
      state: "canceled",
    });
    await scene.round(32_000);
    expect(scene.watch.sightings).toMatchObject([{ action: "system-reboot", deadline: later }]);
    aws.withdraw("maintenance");
    await scene.round(32_000);
    expect(scene.watch.sightings).toEqual([]);
  });
});

describe("a machine of AWS that is not spot", () => {
  test("is asked for maintenance alone", async () => {
    const { aws, scene } = await start({ identity: { lifecycle: "on-demand" } });
    await scene.round();
    const before = asked(aws, ACTION).length;
    for (let round = 0; round < 30; round++) await scene.round(1_000);
    expect(asked(aws, ACTION)).toHaveLength(before);
    expect(scene.watch).toMatchObject({
      answered: true,
      health: { state: "up" },
      machine: { lifecycle: "on-demand" },
    });
  });

  test("is asked for its notice all the same when the node is labelled as spot", async () => {
    const node = { metadata: { name: SCENE_NODE, labels: { "karpenter.sh/capacity-type": "spot" } } };
    const { aws, scene, clock } = await start({ identity: { lifecycle: "on-demand" } }, {}, { node });
    await scene.round();
    aws.notice({ action: "terminate", at: inSeconds(clock, 120) });
    await scene.round();
    expect(scene.watch.sightings).toHaveLength(1);
  });
});

describe("a clock that is off", () => {
  test("does not move the deadline when the answer says what time it is", async () => {
    const { aws, scene, clock } = await start();
    // The service's clock is right and ours goes ten minutes wrong after the answer's head was made.
    const theirs = inSeconds(clock, 120);
    const skewed = createFakeClock(clock.now() - 600_000);
    const other = watchScene({ cloud: "aws", metadataUrl: aws.url }, { clock: skewed });
    ends.push(() => other.stop());
    aws.notice({ action: "terminate", at: theirs });
    await other.rest();
    const [seen] = other.watch.sightings;
    expect((seen?.deadline ?? 0) - skewed.now()).toBe(120_000);
    expect(other.lines().join("\n")).toContain("clock differs from the cloud's");
    await scene.stop();
  });

  test.each([
    ["in the past", -30],
    ["far ahead", 3_600],
  ])("or a time %s gives the usual length of a notice", async (_, s) => {
    const { aws, scene, clock } = await start();
    const at = inSeconds(clock, s);
    aws.notice({ action: "terminate", at });
    await scene.round();
    const [seen] = scene.watch.sightings;
    expect((seen?.deadline ?? 0) - (seen?.seenAt ?? 0)).toBe(120_000);
    expect(seen?.id).toBe(`aws-${SCENE_NODE}-terminate-${at.toString(36)}`);
    expect(scene.lines().join("\n")).toContain("cannot be meant");
  });

  test("that jumps under a notice neither adds one nor takes it away", async () => {
    const { aws, scene, clock } = await start();
    aws.notice({ action: "terminate", at: inSeconds(clock, 120) });
    await scene.round();
    const before = scene.watch.sightings;
    for (const jump of [3_600_000, -7_200_000]) {
      clock.setWall(clock.now() + jump);
      for (let round = 0; round < 4; round++) await scene.round();
      expect(scene.watch.sightings).toEqual(before);
    }
  });
});

describe("the token", () => {
  test("that the service forgot is got anew, without a failure", async () => {
    const { aws, scene } = await start();
    await scene.round(2_000);
    aws.forgetTokens();
    await scene.round();
    expect(asked(aws, TOKEN)).toHaveLength(2);
    expect(scene.answers.filter((one) => one !== "aws ok")).toEqual([]);
  });

  test("is asked for at most once a second in a storm of 401", async () => {
    const { aws, scene, clock } = await start();
    aws.fail({ kind: "status", status: 401, path: "/latest/meta-data" });
    // Not by rounds: a token is waited for all the time.
    const pass = async (seconds: number): Promise<void> => {
      for (let step = 0; step < 4 * seconds; step++) {
        await clock.advance(250);
        await eventually(() => aws.requests.every(({ status }) => status !== null));
        await settle();
      }
    };
    await pass(20);
    const times = asked(aws, TOKEN).map(({ at }) => at);
    expect(times.length).toBeGreaterThan(5);
    expect(Math.min(...times.slice(1).map((at, i) => at - (times[i] ?? 0)))).toBeGreaterThanOrEqual(1_000);
    expect(scene.watch.health).toMatchObject({ state: "down" });
    aws.mend();
    await pass(2);
    expect(scene.watch.health).toMatchObject({ state: "up" });
  });

  test("may be done without where the setting says so, and only there", async () => {
    const refused: Fault = { kind: "status", status: 403, path: TOKEN };
    const strict = await start({ tokens: "optional" });
    await strict.scene.stop();
    strict.aws.fail(refused);
    const first = again(strict.aws, strict.clock);
    await first.rest();
    expect(first.watch.health).toMatchObject({ state: "down" });
    expect(JSON.stringify(first.watch.health)).toContain("metadata options");
    await first.stop();
    const second = again(strict.aws, strict.clock, { awsMetadataV1: true });
    await second.rest();
    strict.aws.notice({ action: "terminate", at: inSeconds(strict.clock, 120) });
    await second.round();
    expect(second.watch.sightings).toHaveLength(1);
  });

  test("that does not come is said with the hop limit", async () => {
    const clock = createFakeClock();
    const aws = await startAwsMetadata({ clock });
    ends.push(() => aws.close());
    aws.fail({ kind: "hang", path: TOKEN });
    const scene = again(aws, clock);
    await aws.received(TOKEN);
    await clock.advance(1_000);
    await scene.clock.untilSleeping(1_000, 0);
    expect(scene.watch.health).toMatchObject({ state: "down" });
    expect(JSON.stringify(scene.watch.health)).toContain("hop limit of 2");
  });
});

describe("answers that are none", () => {
  const faults: readonly (readonly [string, Fault])[] = [
    ["garbage", { kind: "garbage" }],
    ["a web page", { kind: "garbage", body: "<html><body>Log in</body></html>" }],
    ["nothing", { kind: "empty" }],
    ["five megabytes", { kind: "huge" }],
    ["a half, cut off", { kind: "truncated" }],
    ["a half, as the whole", { kind: "half" }],
    ["a redirect", { kind: "redirect", to: "http://127.0.0.1:1/" }],
    ["a reset connection", { kind: "cut" }],
    ["503", { kind: "status", status: 503 }],
    ["403", { kind: "status", status: 403 }],
  ];
  test.each(faults)("%s: leaves what stood, is told once, and is over at once", async (_, fault) => {
    const { aws, scene, clock } = await start();
    aws.notice({ action: "terminate", at: inSeconds(clock, 120) });
    aws.maintenance({
      eventId: "instance-event-01",
      code: "system-reboot",
      notBefore: inSeconds(clock, 3_600),
    });
    await scene.round(32_000);
    expect(scene.watch.sightings).toHaveLength(2);
    const before = scene.watch.sightings;
    aws.fail({ ...fault, path: "/latest/meta-data" });
    for (let round = 0; round < 35; round++) await scene.round(1_000);
    expect(scene.watch.sightings).toEqual(before);
    expect(scene.watch.health).toMatchObject({ state: "down" });
    const told = () => scene.lines().filter((line) => line.startsWith("warn the metadata service"));
    expect(told()).toHaveLength(1);
    aws.mend();
    for (let round = 0; round < 4; round++) await scene.round(500);
    expect(scene.watch.health).toMatchObject({ state: "up" });
    expect(scene.watch.sightings).toEqual(before);
    expect(told()).toHaveLength(1);
  });

  test("a service that hangs or drips is left after a second", async () => {
    const { aws, scene } = await start();
    for (const fault of [{ kind: "hang" }, { kind: "drip", ms: millis(60_000) }] as const) {
      aws.fail({ ...fault, path: ACTION, times: 1 });
      const [before, n] = [scene.answers.length, asked(aws, ACTION).length];
      await scene.clock.advance(950);
      await aws.received(ACTION, n + 1);
      await scene.clock.advance(1_000);
      expect(scene.answers.slice(before)).toContain("aws timeout");
      for (let round = 0; round < 4; round++) await scene.round(500);
      expect(scene.watch.health).toMatchObject({ state: "up" });
    }
  });

  test("a service that is away for ten minutes is seen within two seconds of its return", async () => {
    const { aws, scene, clock } = await start();
    await aws.down();
    const before = scene.answers.length;
    await scene.round(600_000);
    expect(scene.watch.health).toMatchObject({ state: "down" });
    expect(scene.answers.length - before).toBeLessThan(600 * 1.5);
    await aws.up();
    aws.notice({ action: "terminate", at: inSeconds(clock, 120) });
    for (let round = 0; round < 4; round++) await scene.round(500);
    expect(scene.watch).toMatchObject({ health: { state: "up" }, sightings: [{ action: "terminate" }] });
  });
});
