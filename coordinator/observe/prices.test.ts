import { describe, expect, test } from "vitest";

import { parsePolicy } from "../../shared/contract/policy.ts";
import { NODE_LABEL } from "../../shared/model/names.ts";
import { seededRandom } from "../../shared/model/random.ts";
import { AppError } from "../../shared/runtime/errors.ts";
import { createFakeClock } from "../../test/build/clock.ts";
import type { CloudAccount } from "../cloud/account.ts";
import type { CloudTarget } from "../cloud/target.ts";
import type { PricePoint } from "../decide/snapshot.ts";
import type { PoolReading } from "./groups.ts";
import type { Policy } from "./policies.ts";
import { createPrices, wantedPrices } from "./prices.ts";
import type { Wanted } from "./prices.ts";

const WEST: CloudTarget = { kind: "aws", aws: { autoScalingGroup: "gpu", region: "us-west-2" } };
const MINUTE = 60_000;

type Ask = NonNullable<CloudAccount["spotPrices"]>;

function stage(ask: Ask | undefined) {
  const clock = createFakeClock();
  const logged: string[] = [];
  const note = (_fields: unknown, message: string): void => {
    logged.push(message);
  };
  let wanted: readonly Wanted[] = [{ target: WEST, instanceTypes: ["p3.2xlarge"] }];
  const asked: (readonly string[])[] = [];
  const spotPrices = async (...call: Parameters<Ask>) => {
    asked.push(call[0]);
    return (await ask?.(...call)) ?? [];
  };
  // The rest of an account is not asked for.
  const account = (ask === undefined ? {} : { spotPrices }) as unknown as CloudAccount;
  const prices = createPrices({
    accounts: { account: async () => await Promise.resolve(account) },
    wanted: () => wanted,
    clock,
    random: seededRandom(1),
    log: { info: note, warn: note } as never,
  });
  const stop = new AbortController();
  const running = prices.run(stop.signal);
  return {
    prices,
    asked,
    logged,
    clock,
    want: (next: readonly Wanted[]) => {
      wanted = next;
    },
    pass: async (ms: number) => await clock.advance(ms),
    [Symbol.asyncDispose]: async () => {
      stop.abort();
      await running;
    },
  };
}

const answering =
  (usdPerHour: () => number): Ask =>
  async (types, at) =>
    await Promise.resolve(
      types.map((instanceType): PricePoint => ({
        provider: "aws",
        region: "us-west-2",
        zone: "us-west-2a",
        instanceType,
        tier: "spot",
        usdPerHour: usdPerHour(),
        source: "test",
        at,
      })),
    );

describe("prices that a cloud tells", () => {
  test("are read at once, then each five minutes, and are the same list in between", async () => {
    let usd = 1;
    await using at = stage(answering(() => usd));
    await at.pass(10_000);
    const first = at.prices.points();
    expect(first).toMatchObject([{ instanceType: "p3.2xlarge", usdPerHour: 1 }]);
    await at.pass(4 * MINUTE);
    expect(at.prices.points()).toBe(first);
    expect(at.asked).toHaveLength(1);
    usd = 2;
    await at.pass(2 * MINUTE);
    expect(at.asked).toHaveLength(2);
    expect(at.prices.points()).toMatchObject([{ usdPerHour: 2 }]);
  });

  test("a new type is asked for soon, and one that nobody wants is forgotten", async () => {
    await using at = stage(answering(() => 1));
    await at.pass(10_000);
    at.want([{ target: WEST, instanceTypes: ["g5.xlarge", "p3.2xlarge"] }]);
    await at.pass(10_000);
    expect(at.asked).toEqual([["p3.2xlarge"], ["g5.xlarge", "p3.2xlarge"]]);
    expect(at.prices.points()).toHaveLength(2);
    at.want([]);
    await at.pass(10_000);
    expect(at.prices.points()).toEqual([]);
  });

  test("after a failure the last reading stands, with its age, and is asked for a minute later", async () => {
    let down = false;
    const good = answering(() => 1);
    await using at = stage(async (...call) => {
      if (down) throw new AppError("unavailable", "away");
      return await good(...call);
    });
    await at.pass(10_000);
    const [before] = at.prices.points();
    down = true;
    await at.pass(7 * MINUTE);
    expect(at.prices.points()).toEqual([before]);
    expect(at.logged).toHaveLength(1);
    down = false;
    await at.pass(2 * MINUTE);
    expect(at.prices.points()[0]?.at).toBeGreaterThan(before?.at ?? 0);
    expect(at.logged.at(-1)).toMatch(/read again/);
  });

  test("a first question that comes before the first group was read is asked again at once, and nothing is said", async () => {
    let isPlaced = false;
    const good = answering(() => 1);
    await using at = stage(async (...call) => {
      if (!isPlaced) throw new AppError("unavailable", "no group has been read yet");
      return await good(...call);
    });
    await at.pass(1_000);
    isPlaced = true;
    await at.pass(10_000);
    expect(at.prices.points()).toHaveLength(1);
    expect(at.logged).toEqual([]);
  });

  test("what stays away is said from the second time on", async () => {
    await using at = stage(async () => await Promise.reject(new AppError("unavailable", "away")));
    await at.pass(20 * MINUTE);
    expect(at.logged).toEqual([expect.stringMatching(/cannot be read/)]);
    expect(at.asked.length).toBeLessThanOrEqual(21);
  });

  test("without the right nothing is known by it, it is said once, and asked for again in ten minutes", async () => {
    await using at = stage(async () => await Promise.reject(new AppError("denied", "no")));
    await at.pass(9 * MINUTE);
    expect(at.prices.points()).toEqual([]);
    expect(at.asked).toHaveLength(1);
    expect(at.logged).toEqual([expect.stringMatching(/may not be read.*deploy\/clouds/)]);
    await at.pass(2 * MINUTE);
    expect(at.asked).toHaveLength(2);
    expect(at.logged).toHaveLength(1);
  });

  test("a cloud that does not tell prices is left alone", async () => {
    await using at = stage(undefined);
    await at.pass(10 * MINUTE);
    expect(at.prices.points()).toEqual([]);
    expect(at.logged).toEqual([]);
  });
});

describe("what is asked for", () => {
  const reading = (over: Partial<PoolReading> = {}): PoolReading => ({
    group: { kind: "unknown", detail: "not read" },
    instances: [],
    ...over,
  });
  const aws = { aws: { autoScalingGroup: "gpu", region: "us-west-2" } };
  const policyOf = (pool: object): Policy => ({
    name: "gpus",
    uid: undefined,
    generation: 1,
    pools: ["spot"],
    parsed: parsePolicy({
      provider: "aws",
      minNodes: 0,
      maxNodes: 10,
      nodePools: [{ name: "spot", minSize: 0, maxSize: 10, capacityType: "spot", ...pool }],
    }),
  });
  const typesOf = (pool: object, seen = reading(), nodes: Parameters<typeof wantedPrices>[2] = []) => {
    const policy = policyOf(pool);
    expect(policy.parsed.kind).toBe("valid");
    return wantedPrices([policy], () => seen, nodes).flatMap(({ instanceTypes }) => instanceTypes);
  };

  test("types of spot pools by the policy, the group's template and its machines", () => {
    const seen = reading({
      template: { instanceTypes: ["g5.xlarge"] },
      instances: [{ id: "i-1", node: null, state: "ready", instanceType: "g6.xlarge" }],
    });
    expect(typesOf({ instanceTypes: ["p3.2xlarge"], group: aws }, seen)).toEqual([
      "g5.xlarge",
      "g6.xlarge",
      "p3.2xlarge",
    ]);
  });

  test("types of machines in other pools whose nodes say that they are spot, and of those alone", () => {
    const machine = (name: string, instanceType?: string): PoolReading["instances"][number] => ({
      id: `i-${name}`,
      node: name,
      state: "ready",
      ...(instanceType === undefined ? {} : { instanceType }),
    });
    const seen = reading({
      instances: [
        machine("a"),
        machine("b", "g6.xlarge"),
        machine("c", "g5.xlarge"),
        machine("gone", "p5.48xlarge"),
      ],
    });
    const spot = { "eks.amazonaws.com/capacityType": "SPOT" };
    const nodes = [
      { name: "a", labels: { ...spot, [NODE_LABEL.instanceType]: "p3.2xlarge" } },
      { name: "b", labels: spot },
      { name: "c", labels: { "eks.amazonaws.com/capacityType": "ON_DEMAND" } },
      { name: "elsewhere", labels: { ...spot, [NODE_LABEL.instanceType]: "p4d.24xlarge" } },
    ];
    const pool = { capacityType: "on-demand", instanceTypes: ["p4d.24xlarge"], group: aws };
    expect(typesOf(pool, seen, nodes)).toEqual(["g6.xlarge", "p3.2xlarge"]);
    expect(typesOf({ ...pool, price: { usdPerHour: 1 } }, seen, nodes)).toEqual([]);
  });

  test.each<readonly [string, object]>([
    ["an on-demand pool", { capacityType: "on-demand", group: aws }],
    ["a pool whose price the policy says", { group: aws, price: { usdPerHour: 1 } }],
    ["a pool without a group", {}],
    ["a group of another back end", { group: { simulated: { url: "http://s", name: "g" } } }],
  ])("nothing of %s", (_what, pool) => {
    expect(typesOf({ instanceTypes: ["p3.2xlarge"], ...pool })).toEqual([]);
  });

  test("nothing of a policy that cannot be read", () => {
    const policy = policyOf({ instanceTypes: ["p3.2xlarge"], group: aws });
    const broken: Policy = { ...policy, parsed: { kind: "invalid", problems: ["no"] } };
    expect(wantedPrices([broken], () => reading())).toEqual([]);
  });
});
