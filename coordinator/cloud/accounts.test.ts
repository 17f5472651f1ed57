import { describe, expect, test } from "vitest";

import { seededRandom } from "../../shared/model/random.ts";
import { epochMs, millis } from "../../shared/model/units.ts";
import { AppError, describe as describeError } from "../../shared/runtime/errors.ts";
import { createFakeClock, settle } from "../../test/build/clock.ts";
import type { CloudAccount } from "./account.ts";
import { createAccounts } from "./accounts.ts";
import type { AccountCall, MadeAccount, MakerParts, Makers } from "./accounts.ts";
import type { CallOptions, NodeGroup } from "./group.ts";
import { groupKey } from "./target.ts";
import type { CloudTarget } from "./target.ts";

const WEST: CloudTarget = { kind: "aws", aws: { region: "us-west-2", autoScalingGroup: "gpu" } };
const WEST_OTHER: CloudTarget = { kind: "aws", aws: { region: "us-west-2", autoScalingGroup: "other" } };
const EAST: CloudTarget = { kind: "aws", aws: { region: "us-east-1", autoScalingGroup: "gpu" } };
const SIMULATED: CloudTarget = { kind: "simulated", simulated: { url: "http://127.0.0.1:9", name: "gpu" } };

const LIMITS: CallOptions = { signal: new AbortController().signal, deadlineMs: millis(5_000) };
const STATE = { size: 3, version: null };

function scene(make: (target: CloudTarget, parts: MakerParts) => Promise<CloudAccount>) {
  const clock = createFakeClock();
  const calls: AccountCall[] = [];
  const written: string[] = [];
  const closed: string[] = [];
  let made = 0;
  const maker = async (target: CloudTarget, parts: MakerParts): Promise<MadeAccount> => {
    made++;
    const account = await make(target, parts);
    return { account, close: () => void closed.push(account.name) };
  };
  const accounts = createAccounts({
    clock,
    random: seededRandom(1),
    onCall: (call) => calls.push(call),
    onWritten: (target) => written.push(groupKey(target)),
    makers: { aws: maker, gcp: maker, azure: maker, simulated: maker } satisfies Makers,
  });
  return { clock, accounts, calls, written, closed, made: () => made };
}

/** An account whose groups say what they were called with, each call through the account's limiter. */
function anAccount(target: CloudTarget, { limiter }: MakerParts, log: string[] = []): CloudAccount {
  const group = (key: string): NodeGroup => {
    const call = async (name: string, limits: CallOptions): Promise<void> =>
      await limiter.run(name, limits, async () => {
        await Promise.resolve();
        log.push(`${key} ${name} ${Math.round(limits.deadlineMs)}`);
      });
    return {
      backEnd: target.kind,
      chosenRemoval: true,
      conditional: false,
      read: async (limits) => {
        await call("Read", limits);
        return STATE;
      },
      resize: async (to, _seen, limits) => await call(`Resize${to}`, limits),
      removeInstance: async (id, _seen, limits) => await call(`Remove-${id}`, limits),
      releaseInstance: async (id, _seen, limits) => await call(`Release-${id}`, limits),
      cancelUnfilled: async (count, _seen, limits) => await call(`Cancel${count}`, limits),
      keepInstance: async (id, limits) => await call(`Keep-${id}`, limits),
      releaseLeaving: async (id, _seen, limits) => {
        await call(`ReleaseLeaving-${id}`, limits);
        return true;
      },
      contains: async (id, limits) => {
        await call(`Contains-${id}`, limits);
        return true;
      },
    };
  };
  return {
    backEnd: target.kind,
    name: "an account",
    look: async () => await Promise.resolve(new Map()),
    group,
  };
}

describe("accounts", () => {
  test("have a pace of their own for prices: a refusal of those rests no group", async () => {
    const { accounts, calls } = scene(
      async (target, parts) =>
        await Promise.resolve({
          ...anAccount(target, parts),
          spotPrices: async (_types, _at, limits) =>
            await parts.priceLimiter.run("DescribeSpotPriceHistory", limits, async () => {
              await Promise.resolve();
              throw new AppError("throttled", "too many requests", { retryAfterMs: 60_000 });
            }),
        }),
    );
    const account = await accounts.account(WEST);
    const ask = async () => await account.spotPrices?.(["p3.2xlarge"], epochMs(0), LIMITS);
    await expect(ask()).rejects.toMatchObject({ kind: "throttled" });
    // The rest is the prices' own: they are not even sent, and the group is written to at once.
    await expect(ask()).rejects.toMatchObject({ message: /aws us-west-2 prices: .* was not sent/ });
    await accounts.groupOf(WEST).resize(4, STATE, LIMITS);
    expect(calls.map(({ call, result }) => `${call} ${result}`)).toEqual([
      "DescribeSpotPriceHistory throttled",
      "DescribeSpotPriceHistory not-sent",
      "Resize4 ok",
    ]);
    expect(accounts.rests()).toEqual([{ account: "aws us-west-2", ms: 0 }]);
  });

  test("are one for each region or address, whatever the group, and made when first asked for", async () => {
    const { accounts, made, closed } = scene(async (target, parts) => {
      await Promise.resolve();
      return anAccount(target, parts);
    });
    expect(made()).toBe(0);
    const [west, other, east] = await Promise.all(
      [WEST, WEST_OTHER, EAST].map(async (t) => await accounts.account(t)),
    );
    expect(west).toBe(other);
    expect(west).not.toBe(east);
    await accounts.account(SIMULATED);
    expect(made()).toBe(3);
    accounts.close();
    expect(closed).toHaveLength(3);
  });

  test("that could not be made are tried again, and others go on", async () => {
    let broken = true;
    const { accounts } = scene(async (target, parts) => {
      await Promise.resolve();
      if (target === EAST && broken)
        throw Object.assign(new Error("no such package"), { code: "ERR_MODULE_NOT_FOUND" });
      return anAccount(target, parts);
    });
    await expect(accounts.account(EAST)).rejects.toMatchObject({
      kind: "misconfigured",
      message: expect.stringContaining(
        "aws us-east-1: this coordinator lacks the code of the back end",
      ) as string,
    });
    await accounts.account(WEST);
    broken = false;
    expect((await accounts.account(EAST)).backEnd).toBe("aws");
  });

  test.each([
    [new Error("socket"), "unavailable"],
    [new AppError("denied", "no credentials"), "denied"],
  ])("that could not be made for %s say so with a kind", async (error, kind) => {
    const { accounts } = scene(async () => await Promise.reject(error));
    await expect(accounts.account(WEST)).rejects.toMatchObject({ kind });
    await expect(accounts.groupOf(WEST).read(LIMITS)).rejects.toMatchObject({ kind });
  });
});

describe("a group of an account", () => {
  test("is there at once, and its calls wait for the account within their own time", async () => {
    const log: string[] = [];
    const ready = Promise.withResolvers<void>();
    const { accounts, clock } = scene(async (target, parts) => {
      await ready.promise;
      return anAccount(target, parts, log);
    });
    const group = accounts.groupOf(WEST);
    expect(group).toMatchObject({ backEnd: "aws", chosenRemoval: true, conditional: false });
    expect(accounts.groupOf(SIMULATED)).toMatchObject({ backEnd: "simulated", conditional: true });

    const hasty = group.read({ ...LIMITS, deadlineMs: millis(1_000) }).catch(describeError);
    const patient = group.read(LIMITS);
    await clock.advance(1_500);
    expect(await hasty).toBe("aws us-west-2: making the account: no answer within 1000 ms");
    ready.resolve();
    expect(await patient).toBe(STATE);
    // What the account took is not there for the call.
    expect(log).toEqual(["gpu Read 3500"]);
  });

  test("releases places that are made anew only where a provider makes them anew", async () => {
    const log: string[] = [];
    const { accounts, written } = scene(async (target, parts) => {
      await Promise.resolve();
      return anAccount(target, parts, log);
    });
    expect(accounts.groupOf(WEST)).not.toHaveProperty("releaseLeaving");
    const gcp = { project: "gpu-project-1", location: "us-central1-a", instanceGroupManager: "gpu" };
    const group = accounts.groupOf({ kind: "gcp", gcp });
    expect(await group.releaseLeaving?.("vm/1", STATE, LIMITS)).toBe(true);
    expect(log.map((line) => line.split(" ")[1])).toEqual(["ReleaseLeaving-vm/1"]);
    expect(written).toEqual(["us-central1-a/gpu"]);
  });

  test("says after each write, and after no read, that what was seen before is old", async () => {
    const log: string[] = [];
    const { accounts, written } = scene(async (target, parts) => {
      await Promise.resolve();
      return anAccount(target, parts, log);
    });
    const group = accounts.groupOf(WEST);
    await group.read(LIMITS);
    await group.contains("i-1", LIMITS);
    expect(written).toEqual([]);
    await group.resize(4, STATE, LIMITS);
    await group.removeInstance("i-1", STATE, LIMITS);
    await group.releaseInstance("i-2", STATE, LIMITS);
    await group.cancelUnfilled(2, STATE, LIMITS);
    await group.keepInstance("i-3", LIMITS);
    expect(written).toEqual(["gpu", "gpu", "gpu", "gpu", "gpu"]);
    expect(log.map((line) => line.split(" ")[1])).toEqual([
      "Read",
      "Contains-i-1",
      "Resize4",
      "Remove-i-1",
      "Release-i-2",
      "Cancel2",
      "Keep-i-3",
    ]);
  });

  test("also says so after a write that failed", async () => {
    const { accounts, written } = scene(async () => await Promise.reject(new AppError("denied", "no")));
    await expect(accounts.groupOf(WEST).resize(4, STATE, LIMITS)).rejects.toMatchObject({ kind: "denied" });
    expect(written).toEqual(["gpu"]);
  });

  test("shares its account's limiter, whose calls and rest are told of by the account's name", async () => {
    const { accounts, calls } = scene(async (target, parts) => {
      await Promise.resolve();
      const account = anAccount(target, parts);
      const refused = async (): Promise<never> =>
        await parts.limiter.run("Set", LIMITS, async () => {
          await Promise.resolve();
          throw new AppError("throttled", "Rate exceeded", { retryAfterMs: 20_000 });
        });
      return { ...account, group: (key) => ({ ...account.group(key), resize: refused }) };
    });
    await accounts.groupOf(EAST).read(LIMITS);
    await expect(accounts.groupOf(WEST).resize(4, STATE, LIMITS)).rejects.toMatchObject({
      kind: "throttled",
    });
    await expect(accounts.groupOf(WEST_OTHER).read(LIMITS)).rejects.toThrow(
      "the account rests for another 20.0 s",
    );
    await settle();
    expect(accounts.rests()).toEqual([
      { account: "aws us-east-1", ms: 0 },
      { account: "aws us-west-2", ms: 20_000 },
    ]);
    expect(calls.map(({ account, backEnd, call, result }) => [account, backEnd, call, result])).toEqual([
      ["aws us-east-1", "aws", "Read", "ok"],
      ["aws us-west-2", "aws", "Set", "throttled"],
      ["aws us-west-2", "aws", "Read", "not-sent"],
    ]);
  });
});

describe("the real makers", () => {
  test("make what is known of a back end before its account is there", async () => {
    const accounts = createAccounts({
      clock: createFakeClock(),
      random: seededRandom(1),
      onCall: () => {},
      onWritten: () => {},
    });
    for (const target of [WEST, SIMULATED]) {
      const account = await accounts.account(target);
      const { backEnd, chosenRemoval, conditional } = account.group(groupKey(target));
      expect(accounts.groupOf(target)).toMatchObject({ backEnd, chosenRemoval, conditional });
    }
    accounts.close();
  });
});
