// The back end `aws` under the contract suite, over moto. What moto cannot show is told with its reason, and where that
// claims something of the back end, it is checked.

import { expect } from "vitest";

import { AWS_CALLS } from "../../coordinator/cloud/aws/calls.ts";
import { errorXml } from "../world/cloud/aws-xml.ts";
import { awsAccountAt } from "./aws-account.ts";
import type { Moto } from "./aws-moto.ts";
import { calling } from "./harness.ts";
import type { CloudGroupHarness, HarnessSetup, NotApplicable } from "./harness.ts";

const CALLS: readonly (readonly [string, { readonly writes: boolean }])[] = Object.entries(AWS_CALLS);
const WRITES = CALLS.flatMap(([name, { writes }]) => (writes ? [name] : []));

export async function awsMotoHarness(moto: Moto, setup: HarnessSetup): Promise<CloudGroupHarness> {
  const { groups, size, min, max } = setup;
  const keys = Array.from({ length: groups }, (_, at) => `group-${at}`);
  await moto.reset();
  for (const name of keys) await moto.addGroup(name, { min, max, size });
  const account = await awsAccountAt(moto.url);
  const key = (at: number): string => keys[at] ?? "none";
  const first = key(0);

  const described = async (at: number): Promise<string> =>
    await moto.call("DescribeAutoScalingGroups", { "AutoScalingGroupNames.member.1": key(at) });
  const count = async (writes: boolean): Promise<number> =>
    (await moto.calls()).filter(({ action }) => WRITES.includes(action) === writes).length;
  const refuseWrites = async (code: string, status: number, times?: number): Promise<void> => {
    const body = errorXml({ code, message: "on demand", status }, "request");
    const order = { kind: "answer", actions: WRITES, status, body } as const;
    await moto.trouble(times === undefined ? order : { ...order, times });
  };

  const harness: CloudGroupHarness = {
    group: (at = 0) => account.group(key(at)),
    account: { account, keys },
    groupsPerRead: 100,
    seen: async () => {
      const look = (await account.look([first], calling(harness))).get(first);
      return look?.kind === "seen" ? look.members : [];
    },
    instances: async (at = 0) => textsIn(await described(at), "InstanceId"),
    size: async (at = 0) => {
      const [text] = textsIn(await described(at), "DesiredCapacity");
      return text === undefined ? null : Number(text);
    },
    // Those that have ended stay on EC2's list.
    made: async () => textsIn(await moto.ec2("DescribeInstances", {}), "instanceId").length,
    writes: async () => await count(true),
    reads: async () => await count(false),
    // moto does everything at once.
    advance: async () => {},
    stockOut: async (left) => {
      await Promise.resolve();
      if (left !== null) throw new Error("moto has machines without end");
    },
    quota: async () => await Promise.reject(new Error("moto has no quotas")),
    deny: async () => await refuseWrites("AccessDenied", 403),
    throttle: async () => {
      await refuseWrites("Throttling", 400, 1);
      return null;
    },
    loseAnswer: async (when) => {
      await moto.trouble({ kind: `lost-${when}`, actions: WRITES, times: 1 });
    },
    hideSize: async () => {
      const behind = `<AutoScalingGroupName>${first}</AutoScalingGroupName>`;
      const actions = ["DescribeAutoScalingGroups"];
      await moto.trouble({ kind: "without", actions, element: "DesiredCapacity", behind });
    },
    resizeByOther: async (to) => {
      await moto.call("SetDesiredCapacity", { AutoScalingGroupName: first, DesiredCapacity: String(to) });
    },
    deleteGroup: async () => {
      await moto.call("DeleteAutoScalingGroup", { AutoScalingGroupName: first, ForceDelete: "true" });
    },
    interrupt: async (id) => {
      await moto.ec2("TerminateInstances", { "InstanceId.1": id });
    },
    skewClock: async (ms) => await moto.skew(ms / 1000),
    [Symbol.asyncDispose]: async () => {
      account[Symbol.dispose]();
      await Promise.resolve();
    },
  };
  return harness;
}

const ALL_AT_ONCE = "moto launches whatever is asked for before it answers, without end";

/** No place of a group is ever open, so that there is none to give back and no failure to tell. */
async function hasNoOpenPlace(harness: CloudGroupHarness): Promise<void> {
  const group = harness.group();
  const before = await group.read(calling(harness));
  await group.resize(before.size + 2, before, calling(harness));
  const grown = await group.read(calling(harness));
  expect(grown).toMatchObject({ size: before.size + 2, unfilled: 0 });
  expect((await harness.seen()).every(({ state }) => state === "present")).toBe(true);
  const writes = await harness.writes();
  await expect(group.cancelUnfilled(1, grown, calling(harness))).rejects.toMatchObject({ kind: "conflict" });
  expect(await harness.writes()).toBe(writes);
}

/** The page says nothing, so that a write is maybe done; reads tell the truth. */
async function deletedIsMissing(harness: CloudGroupHarness): Promise<void> {
  const group = harness.group();
  const seen = await group.read(calling(harness));
  await harness.deleteGroup();
  await expect(group.resize(3, seen, calling(harness))).rejects.toMatchObject({ kind: "unavailable" });
  await expect(group.read(calling(harness))).rejects.toMatchObject({ kind: "not-found" });
  const { account, keys = [] } = harness.account ?? {};
  const looks = await account?.look(keys, calling(harness));
  expect(keys.map((key) => looks?.get(key)?.kind)).toEqual(["missing", "seen"]);
}

export const NOT_ON_MOTO: NotApplicable = {
  "partial grant": { reason: ALL_AT_ONCE, proof: hasNoOpenPlace },
  "stock-out": `${ALL_AT_ONCE}, and its list of scaling activities is always empty`,
  quota: "moto has no quotas",
  "group deleted": {
    reason: "moto answers a write to a group that it does not know with a page of HTML and status 500",
    proof: deletedIsMissing,
  },
  "cancel unfilled": { reason: ALL_AT_ONCE, proof: hasNoOpenPlace },
};

function textsIn(xml: string, element: string): readonly string[] {
  return [...xml.matchAll(new RegExp(`<${element}>([^<]*)</${element}>`, "g"))].map(([, text = ""]) => text);
}
