import { describe, expect, test } from "vitest";

import { seededRandom } from "../../shared/model/random.ts";
import { AppError } from "../../shared/runtime/errors.ts";
import { createLogSink } from "../../shared/runtime/log.ts";
import { createFakeClock } from "../../test/build/clock.ts";
import type { CloudAccount, GroupLook, Member } from "../cloud/account.ts";
import { accountName } from "../cloud/target.ts";
import type { CloudTarget } from "../cloud/target.ts";
import { createClouds } from "./clouds.ts";
import type { LostNode } from "./node-machines.ts";

function target(name: string, region = "us-west-2"): CloudTarget {
  return { kind: "aws", aws: { region, autoScalingGroup: name } };
}

const WEST = target("gpu");
const EAST = target("gpu", "us-east-1");

function seen(size: number, members: readonly Member[] = []): GroupLook {
  return {
    kind: "seen",
    state: { size, version: null },
    chosenRemoval: true,
    detaches: false,
    members,
    mismatches: [],
  };
}

/** Accounts that answer with what stands in `groups`, by the account's name and the group's. */
function scene() {
  const clock = createFakeClock();
  const stop = new AbortController();
  const sink = createLogSink();
  const asked: { readonly account: string; readonly at: number; readonly keys: readonly string[] }[] = [];
  const groups: Record<string, Record<string, GroupLook> | AppError> = {
    "aws us-west-2": {},
    "aws us-east-1": {},
  };
  const unmade = new Map<string, AppError>();
  const nodes = new Map<string, string>();
  const lost = new Map<string, LostNode>();
  const running: Promise<void>[] = [];
  let changes = 0;
  const clouds = createClouds({
    accounts: {
      account: async (of) => {
        const name = accountName(of);
        await Promise.resolve();
        const error = unmade.get(name);
        if (error !== undefined) throw error;
        return {
          backEnd: "aws",
          name,
          group: () => expect.unreachable("nothing is written here"),
          look: async (keys) => {
            await Promise.resolve();
            asked.push({ account: name, at: clock.monotonic(), keys });
            const there = groups[name] ?? {};
            if (there instanceof AppError) throw there;
            const missing = { kind: "missing", detail: "there is none" } as const;
            return new Map(keys.map((key) => [key, there[key] ?? missing]));
          },
        } satisfies CloudAccount;
      },
    },
    clock,
    random: seededRandom(3),
    log: sink.log,
    machines: {
      nodesOf: (providerID) => [nodes.get(providerID) ?? []].flat(),
      lostBy: (providerID) => lost.get(providerID) ?? null,
      labelled: (pool) =>
        pool === "spot" ? [{ name: "stray", labels: {}, going: false, providerID: "kwok://stray" }] : [],
    },
    isNodeReady: () => true,
    onChange: () => void changes++,
    spawn: (_, task) => void running.push(task(stop.signal).catch(() => {})),
  });
  const end = async (): Promise<void> => {
    stop.abort(new Error("over"));
    await Promise.all(running);
  };
  return { clock, clouds, groups, unmade, nodes, lost, asked, sink, changes: () => changes, end };
}

const askedAt = (asked: readonly { readonly at: number }[]): readonly number[] => asked.map(({ at }) => at);

describe("groups of clouds", () => {
  test("are unknown until they were read, and then what their account says", async () => {
    const { clock, clouds, groups, changes, end } = scene();
    groups["aws us-west-2"] = { gpu: seen(3) };
    expect(clouds.reading(WEST).group).toEqual({
      kind: "unknown",
      detail: "Auto Scaling group gpu in us-west-2 has not been read yet",
    });
    expect(clouds.ages(clock.now())).toEqual([]);
    await clock.advance(100);
    expect(clouds.reading(WEST)).toEqual({
      group: { kind: "known", size: 3, chosenRemoval: true },
      instances: [],
    });
    expect(clouds.reading(target("other")).group.kind).toBe("unknown");
    await clock.advance(1_100);
    expect(clouds.reading(target("other")).group).toEqual({ kind: "missing", detail: "there is none" });
    expect(changes()).toBe(2);
    await end();
  });

  test("of one account are asked for together, once in ten seconds, and an unchanged answer is no news", async () => {
    const { clock, clouds, groups, asked, changes, end } = scene();
    groups["aws us-west-2"] = Object.fromEntries(Array.from({ length: 200 }, (_, n) => [`g${n}`, seen(n)]));
    for (let n = 0; n < 200; n++) clouds.reading(target(`g${n}`));
    await clock.advance(61_000);
    expect(asked.map(({ keys }) => keys.length)).toEqual(asked.map(() => 200));
    const gaps = askedAt(asked)
      .slice(1)
      .map((at, index) => at - (askedAt(asked)[index] ?? 0));
    for (const gap of gaps) {
      expect(gap).toBeGreaterThanOrEqual(9_000);
      expect(gap).toBeLessThanOrEqual(11_000);
    }
    expect(new Set(gaps).size).toBeGreaterThan(1);
    expect(changes()).toBe(1);
    await end();
  });

  test("are asked for soon when a member has lost its node, and until then it is none that is on its way", async () => {
    const { clock, clouds, groups, nodes, lost, asked, end } = scene();
    const providerID = "aws:///us-west-2a/i-0a";
    groups["aws us-west-2"] = { gpu: seen(1, [{ id: "i-0a", state: "present", providerID }]) };
    nodes.set(providerID, "n");
    clouds.reading(WEST);
    await clock.advance(3_000);
    expect(clouds.reading(WEST).instances).toMatchObject([{ node: "n", state: "ready" }]);
    const before = asked.length;
    nodes.delete(providerID);
    lost.set(providerID, { node: "n", at: clock.now() });
    expect(clouds.reading(WEST).instances).toMatchObject([{ node: "n", state: "ready" }]);
    await clock.advance(1_000);
    expect(asked).toHaveLength(before + 1);
    // A machine that its cloud lists still, whatever became of its node, is one that may be a node again.
    expect(clouds.reading(WEST).instances).toMatchObject([{ node: null, state: "booting" }]);
    await end();
  });

  test("are asked for soon after our writes, once for all of them, and not at every write", async () => {
    const { clock, clouds, groups, asked, end } = scene();
    groups["aws us-west-2"] = { gpu: seen(3) };
    clouds.reading(WEST);
    await clock.advance(5_000);
    asked.length = 0;
    for (let write = 0; write < 30; write++) {
      clouds.touched(WEST);
      await clock.advance(100);
    }
    await clock.advance(2_000);
    expect(askedAt(asked)).toEqual([5_050, 6_050, 7_050, 8_050]);
    clouds.touched(EAST);
    await end();
  });

  test("are asked for each two seconds while places are on their way", async () => {
    const { clock, clouds, groups, nodes, asked, end } = scene();
    const place: Member = { id: "gpu/placeholder-1", state: "present", placeholder: true };
    groups["aws us-west-2"] = { gpu: seen(1, [place]) };
    clouds.reading(WEST);
    await clock.advance(10_000);
    expect(asked.length).toBeGreaterThanOrEqual(5);
    expect(asked.length).toBeLessThanOrEqual(6);
    expect(clouds.reading(WEST).instances).toEqual([
      { id: place.id, node: null, state: "booting", placeholder: true },
    ]);
    nodes.set("kwok://n", "n");
    groups["aws us-west-2"] = { gpu: seen(1, [{ id: "i-1", state: "present", providerID: "kwok://n" }]) };
    await clock.advance(2_500);
    asked.length = 0;
    await clock.advance(20_000);
    expect(asked.length).toBeLessThanOrEqual(3);
    expect(clouds.reading(WEST).instances).toEqual([{ id: "i-1", node: "n", state: "ready" }]);
    await end();
  });

  test("keep their last size for a quarter of a minute when nothing can be asked, and are then unknown with the reason", async () => {
    const { clock, clouds, groups, sink, end } = scene();
    groups["aws us-west-2"] = { gpu: seen(3) };
    clouds.reading(WEST);
    await clock.advance(1_000);
    groups["aws us-west-2"] = new AppError("denied", "the security token has expired");
    await clock.advance(10_000);
    expect(clouds.reading(WEST).group.kind).toBe("known");
    await clock.advance(10_000);
    expect(clouds.reading(WEST)).toEqual({
      group: {
        kind: "unknown",
        detail: expect.stringMatching(
          /^Auto Scaling group gpu in us-west-2 was last read (1[6-9]|2[01]) s ago: the security token has expired$/,
        ) as string,
      },
      instances: [],
    });
    expect(clouds.ages(clock.now())[0]?.ms).toBeGreaterThan(15_000);
    // Told once, not at each try.
    expect(sink.lines.filter(({ message }) => message === "cannot read groups")).toHaveLength(1);
    groups["aws us-west-2"] = { gpu: seen(4) };
    await clock.advance(11_000);
    expect(clouds.reading(WEST).group).toMatchObject({ kind: "known", size: 4 });
    await end();
  });

  test("are unknown at once when their own answer cannot be read, and the others are not", async () => {
    const { clock, clouds, groups, end } = scene();
    groups["aws us-west-2"] = { gpu: { kind: "unknown", detail: "its size is a word" }, other: seen(2) };
    clouds.reading(WEST);
    clouds.reading(target("other"));
    await clock.advance(1_000);
    expect(clouds.reading(WEST).group).toEqual({ kind: "unknown", detail: "its size is a word" });
    expect(clouds.reading(target("other")).group).toMatchObject({ kind: "known", size: 2 });
    await end();
  });

  test("of an account that cannot be made are unknown with the reason and tried again, and other accounts go on", async () => {
    const { clock, clouds, groups, unmade, end } = scene();
    groups["aws us-west-2"] = { gpu: seen(3) };
    groups["aws us-east-1"] = { gpu: seen(5) };
    unmade.set("aws us-west-2", new AppError("misconfigured", "the SDK is not there"));
    clouds.reading(WEST);
    clouds.reading(EAST);
    await clock.advance(1_000);
    expect(clouds.reading(WEST).group).toEqual({ kind: "unknown", detail: "the SDK is not there" });
    expect(clouds.reading(EAST).group).toMatchObject({ size: 5 });
    unmade.clear();
    await clock.advance(11_000);
    expect(clouds.reading(WEST).group).toMatchObject({ size: 3 });
    await end();
  });

  test("of an account that rests are not asked for before the rest is over", async () => {
    const { clock, clouds, groups, asked, end } = scene();
    groups["aws us-west-2"] = new AppError("throttled", "Rate exceeded", { retryAfterMs: 40_000 });
    clouds.reading(WEST);
    await clock.advance(1_000);
    clouds.touched(WEST);
    await clock.advance(38_000);
    expect(asked).toHaveLength(1);
    await clock.advance(3_000);
    expect(asked).toHaveLength(2);
    await end();
  });

  test("that no policy names any more are not asked for", async () => {
    const { clock, clouds, groups, asked, end } = scene();
    groups["aws us-west-2"] = { gpu: seen(3), other: seen(2) };
    for (const of of [WEST, target("other"), EAST]) clouds.reading(of);
    await clock.advance(1_000);
    clouds.keepOnly([target("other")]);
    asked.length = 0;
    await clock.advance(30_000);
    expect(asked.length).toBeGreaterThan(0);
    expect(asked.map(({ account, keys }) => [account, keys])).toEqual(
      asked.map(() => ["aws us-west-2", ["other"]]),
    );
    expect(clouds.reading(WEST).group.kind).toBe("unknown");
    await clock.advance(1_100);
    expect(clouds.reading(WEST).group).toMatchObject({ size: 3 });
    await end();
  });

  test("tell of nodes that wear the pool's label and of machines that two groups list", async () => {
    const { clock, clouds, groups, end } = scene();
    const member: Member = { id: "i-1", state: "present", providerID: "kwok://n" };
    groups["aws us-west-2"] = { gpu: seen(1, [member]), other: seen(1, [member]) };
    clouds.reading(WEST);
    clouds.reading(target("other"));
    await clock.advance(1_000);
    const twice = "instance i-1 is listed in the groups gpu and other: detach it from all but one";
    const ofSpot = () =>
      clouds.reading(WEST, { pool: "spot", capacityType: "spot", nodeSelector: {} }).mismatches;
    expect(ofSpot()).toEqual([twice]);
    await clock.advance(60_000);
    expect(ofSpot()).toEqual([
      twice,
      "node stray wears the pool's label, but its machine kwok://stray is not in the pool's group: attach it to the group, end it, or take the label away",
    ]);
    expect(
      clouds.reading(WEST, { pool: "spot", capacityType: "spot", nodeSelector: { team: "b" } }).mismatches,
    ).toEqual([twice]);
    expect(
      clouds.reading(target("other"), { pool: "od", capacityType: "on-demand", nodeSelector: {} }).mismatches,
    ).toEqual([twice]);
    await end();
  });
});
