// How soon each rival is seen, at worst, in virtual time: the shipped poll of an account at its slowest beat, the shipped
// watches of what sizes its groups, and a rival that begins right after it was asked for. A provider answers within two
// seconds here. How long it really takes is measured by `npm run bench -- rivals`.

import { expect, test } from "vitest";

import type { GroupLook, RivalSight } from "../../coordinator/cloud/account.ts";
import type { AwsCalls } from "../../coordinator/cloud/aws/calls.ts";
import { createRivalWatch, REFRESHES_PER_SECOND } from "../../coordinator/cloud/aws/rivals.ts";
import { createAutoscale } from "../../coordinator/cloud/azure/autoscale.ts";
import { createAutoscalers, createNodePools } from "../../coordinator/cloud/gcp/growers.ts";
import type { CallOptions } from "../../coordinator/cloud/group.ts";
import { createLimiter } from "../../coordinator/cloud/limiter.ts";
import { createAccountPoll } from "../../coordinator/observe/account-poll.ts";
import { seededRandom } from "../../shared/model/random.ts";
import type { RivalKind } from "../../shared/model/rival.ts";
import { millis } from "../../shared/model/units.ts";
import type { Clock } from "../../shared/runtime/clock.ts";
import { awsReading } from "../build/aws-reading.ts";
import { createFakeClock } from "../build/clock.ts";

const ANSWER_MS = millis(2_000);
/** The last one that is asked for is the one with the rival. */
const SUBSCRIPTION = "00000000-0000-0000-0000-000000000000";
const IN_TIME_MS = 60_000;

interface Stage {
  readonly clock: Clock;
  readonly names: readonly string[];
  /** What the provider answers of the one with the rival. The rival begins once this has been asked for the third time. */
  readonly isOn: (name: string) => boolean;
}

/** A look at all groups: what sizes the one with the rival. */
type Look = (limits: CallOptions) => Promise<readonly RivalSight[]>;
type Open = (stage: Stage) => Look;

const aws =
  (of: "policies" | "refresh"): Open =>
  ({ clock, names, isOn }) => {
    const meta = { attempts: 1 };
    const answers: Partial<Record<keyof AwsCalls, (name: string | undefined) => object>> = {
      DescribePolicies: (name) => {
        const all = name === undefined ? names : [name];
        const ScalingPolicies = all.flatMap((one) =>
          of === "policies" && isOn(one)
            ? [{ AutoScalingGroupName: one, PolicyType: "TargetTrackingScaling" }]
            : [],
        );
        return { ScalingPolicies };
      },
      DescribeScheduledActions: () => ({ ScheduledUpdateGroupActions: [] }),
      DescribeInstanceRefreshes: (name = "") => ({
        InstanceRefreshes: of === "refresh" && isOn(name) ? [{ Status: "InProgress" }] : [],
      }),
    };
    const calls = Object.fromEntries(
      Object.entries(answers).map(([call, answer]) => [
        call,
        async (input: { readonly AutoScalingGroupName?: string }) => {
          const output = answer(input.AutoScalingGroupName);
          await clock.sleep(ANSWER_MS);
          return { output, meta };
        },
      ]),
    ) as unknown as AwsCalls;
    const watch = createRivalWatch(calls, clock);
    const readings = names.map((name) => awsReading({ name, zones: ["a"] }));
    return async (limits) => (await watch.of(readings, limits)).get(names.at(-1) ?? "")?.rivals ?? [];
  };

/** Google's calls go through the shipped pace, beside the lists of machines that each look asks for. */
function paced({ clock, isOn }: Stage) {
  const limiter = createLimiter({ clock, random: seededRandom(1), name: "gcp p", onCall: () => {} });
  const ask = async <T>(call: string, limits: CallOptions, answer: () => T): Promise<T> =>
    await limiter.run(call, limits, async () => {
      const said = answer();
      await clock.sleep(ANSWER_MS);
      return said;
    });
  /** Gives what is left for the rest, by the shares of gcp/account.ts. */
  const lists = async (names: readonly string[], limits: CallOptions): Promise<CallOptions> => {
    const endMs = clock.monotonic() + limits.deadlineMs;
    const own = { ...limits, deadlineMs: millis(limits.deadlineMs * 0.75) };
    await Promise.allSettled(names.map(async () => await ask("listInstances", own, () => null)));
    return { ...limits, deadlineMs: millis(Math.max(1, (endMs - clock.monotonic()) * 0.5)) };
  };
  return { ask, lists, isOn };
}

const nodePool: Open = (stage) => {
  const { ask, lists, isOn } = paced(stage);
  const pools = createNodePools(
    {
      getNodePool: async ({ pool }, limits) =>
        await ask("getNodePool", limits, () => ({ name: pool, autoscaling: { enabled: isOn(pool) } })),
    },
    stage.clock,
  );
  const all = stage.names.map((pool) => ({ location: "l", cluster: "c", pool }));
  return async (limits) => {
    await pools.learn(all, await lists(stage.names, limits));
    const last = all.at(-1);
    const news = last === undefined ? null : pools.of(last).sizes;
    return news === null ? [] : [{ rival: "gke-autoscaler", detail: news }];
  };
};

const autoscaler: Open = (stage) => {
  const { ask, lists, isOn } = paced(stage);
  const autoscalers = createAutoscalers(
    {
      getAutoscaler: async (path, limits) =>
        await ask("getAutoscaler", limits, () => ({
          name: path,
          autoscalingPolicy: { mode: isOn(path) ? ("ON" as const) : ("OFF" as const) },
        })),
    },
    stage.clock,
  );
  return async (limits) => {
    await autoscalers.learn(stage.names, await lists(stage.names, limits));
    const news = autoscalers.of(stage.names.at(-1) ?? "").sizes;
    return news === null ? [] : [{ rival: "mig-autoscaler", detail: news }];
  };
};

const setting: Open = ({ clock, names, isOn }) => {
  const name = names.at(-1) ?? "";
  const target = `/subscriptions/${SUBSCRIPTION}/resourceGroups/rg/providers/Microsoft.Compute/virtualMachineScaleSets/${name}`;
  const autoscale = createAutoscale(
    {
      listAutoscaleSettings: async () => {
        const properties = { enabled: isOn(name), targetResourceUri: target };
        await clock.sleep(ANSWER_MS);
        return [{ name: "s", properties }];
      },
    },
    { clock, subscription: SUBSCRIPTION },
  );
  return async (limits) => {
    await autoscale.look(limits);
    return autoscale.rivalsOf({ resourceGroup: "rg", name });
  };
};

/** What the group itself shows comes with each look. */
const ofTheGroup: Open =
  ({ clock, names, isOn }) =>
  async () => {
    const seen = isOn(names.at(-1) ?? "");
    await clock.sleep(ANSWER_MS);
    return seen ? [{ rival: "az-rebalance", detail: "as the test has it" }] : [];
  };

/** Null: by a watch of the cluster, so that nothing is waited for; its own test shows that. */
const SEEN_BY: Readonly<Record<RivalKind, Open | null>> = {
  "cluster-autoscaler": null,
  karpenter: null,
  "second-coordinator": null,
  "aks-autoscaler": ofTheGroup,
  "az-rebalance": ofTheGroup,
  // A size is read with its group, and compared at once.
  "resized-by-hand": ofTheGroup,
  "scaling-policy": aws("policies"),
  "instance-refresh": aws("refresh"),
  "gke-autoscaler": nodePool,
  "mig-autoscaler": autoscaler,
  "vmss-autoscale": setting,
};

/** From the beginning of the rival to the look that shows it. */
async function detectionMs(open: Open, groups: number): Promise<number> {
  const clock = createFakeClock();
  const stop = new AbortController();
  const names = Array.from({ length: groups }, (_, at) => `g${at}`);
  const last = names.at(-1);
  let asked = 0;
  let beganMs: number | null = null;
  const look = open({
    clock,
    names,
    isOn: (name) => {
      if (name !== last) return false;
      if (beganMs !== null) return true;
      // Just missed: the answer on its way does not know of it.
      if (++asked === 3) beganMs = clock.monotonic();
      return false;
    },
  });
  let seenMs: number | null = null;
  const poll = createAccountPoll({
    name: "an account",
    account: async () =>
      await Promise.resolve({
        backEnd: "aws" as const,
        name: "an account",
        look: async (keys: readonly string[], limits: CallOptions) => {
          const rivals = await look(limits);
          // What could not be read yet may count as one from the first.
          if (rivals.length > 0 && beganMs !== null) seenMs ??= clock.monotonic();
          return new Map<string, GroupLook>(keys.map((key) => [key, { kind: "missing", detail: "" }]));
        },
        group: () => {
          throw new Error("nothing is written here");
        },
      }),
    clock,
    // The slowest beat of all.
    random: () => 1,
    log: { warn: () => {}, error: () => {} },
    isMoving: () => false,
    onChange: () => {},
  });
  poll.seen("all");
  const running = poll.run(stop.signal).catch(() => {}); // it ends with the signal
  for (let second = 0; seenMs === null && second < 900; second++) await clock.advance(1_000);
  stop.abort();
  await running;
  if (beganMs === null || seenMs === null) throw new Error("it was never seen");
  return seenMs - beganMs;
}

const POLLED = Object.entries(SEEN_BY).flatMap(([kind, open]) =>
  open === null ? [] : [[kind as RivalKind, open] as const],
);
const MANY = [1, 20, 200];

test.each(POLLED)("%s is seen within a minute, of 1, 20 and 200 groups", async (kind, open) => {
  const found: Record<number, number> = {};
  for (const groups of MANY) found[groups] = await detectionMs(open, groups);
  console.log(`${kind}: ${JSON.stringify(found)} ms`);
  for (const ms of Object.values(found)) expect(ms).toBeLessThanOrEqual(IN_TIME_MS);
});

test.each([
  ["gke-autoscaler", nodePool],
  ["mig-autoscaler", autoscaler],
] as const)("%s is seen within a minute of 300 groups too, at the pace of one account", async (_, open) => {
  expect(await detectionMs(open, 300)).toBeLessThanOrEqual(IN_TIME_MS);
});

test("an instance refresh takes longer where groups are more than can be asked for in a minute, by as much", async () => {
  const beat = 11_000;
  for (const groups of [240, 600]) {
    const computed = Math.max(45_000, (groups / REFRESHES_PER_SECOND) * 1_000) + beat + ANSWER_MS;
    const ms = await detectionMs(aws("refresh"), groups);
    console.log(`instance-refresh of ${groups} groups: ${ms} of ${computed} ms`);
    expect(ms).toBeLessThanOrEqual(computed);
    if (groups === 600) expect(ms).toBeGreaterThan(IN_TIME_MS);
  }
});
