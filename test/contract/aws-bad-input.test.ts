import { afterEach, beforeEach, describe, expect, test } from "vitest";

import type { GroupLook } from "../../coordinator/cloud/account.ts";
import { aCloudGroup } from "../world/build.ts";
import { BALANCER_PAGE, CUT_IN_HALF, EMPTY_PAGE, errorIn200 } from "../world/cloud/aws-troubles.ts";
import { awsAccountAt } from "./aws-account.ts";
import { awsFakeHarness } from "./aws-fake-harness.ts";
import type { AwsFakeHarness } from "./aws-fake-harness.ts";
import { calling } from "./harness.ts";

// group-0 is the bad one. The two others have to be seen whatever is wrong with it.
const BAD = "group-0";
const GOOD = ["group-1", "group-2"];

let harness: AwsFakeHarness;
beforeEach(async () => {
  harness = await awsFakeHarness({ groups: 3, size: 2, min: 0, max: 4 });
});
afterEach(async () => {
  // Nothing of what is read here may lead to a write, whatever the answer was.
  const written = harness.cloud.calls.filter(({ write, effect }) => write && effect === "done");
  await harness[Symbol.asyncDispose]();
  if (written.length > 0) throw new Error(`written: ${JSON.stringify(written)}`);
});

async function look(...keys: readonly string[]): Promise<ReadonlyMap<string, GroupLook>> {
  const { account } = harness.account ?? {};
  if (account === undefined) throw new Error("the harness has no account");
  return await account.look(keys, calling(harness));
}

function kinds(looks: ReadonlyMap<string, GroupLook>): readonly string[] {
  return [...looks.values()].map(({ kind }) => kind);
}

function detailOf(entry: GroupLook | undefined): string {
  return entry === undefined || entry.kind === "seen" ? "" : entry.detail;
}

interface BadGroup {
  readonly prepare: () => void;
  readonly kind: "missing" | "unknown";
  readonly detail: RegExp;
  /** Of a read of the group alone, on which every write depends. */
  readonly error: string;
}

const onlyBad = { match: { group: BAD, write: false } };

const GROUPS: Readonly<Record<string, BadGroup>> = {
  "a group that is another account's is not shown to ours": {
    prepare: () => harness.world.clouds.removeGroup(BAD),
    kind: "missing",
    detail: /no Auto Scaling group group-0 in us-west-2 that these credentials see/,
    error: "not-found",
  },
  "a group of another account, since the credentials are another one's by now": {
    prepare: () => harness.cloud.configure(BAD, { account: "999999999999" }),
    kind: "unknown",
    detail: /group-0 belongs to AWS account 999999999999.*123456789012/,
    error: "misconfigured",
  },
  "a group of another region": {
    prepare: () => harness.cloud.configure(BAD, { region: "eu-west-1" }),
    kind: "unknown",
    detail: /group-0 belongs to region eu-west-1, not to us-west-2: correct/,
    error: "misconfigured",
  },
  "machines with different numbers of GPUs": {
    prepare: () => replaceBad({ instanceTypes: ["g5.xlarge", "p4d.24xlarge"] }),
    kind: "unknown",
    detail: /mixes machines with different numbers of GPUs \(1 in g5.xlarge; 8 in p4d.24xlarge\)/,
    error: "misconfigured",
  },
  "machines that count for more than one": {
    prepare: () => {
      replaceBad({ instanceTypes: ["p4d.24xlarge"] });
      harness.cloud.configure(BAD, { weights: { "p4d.24xlarge": "8" } });
    },
    kind: "unknown",
    detail: /by weight \(p4d.24xlarge counts 8\)/,
    error: "misconfigured",
  },
  "a size that does not come because launching is suspended": {
    prepare: () => harness.cloud.configure(BAD, { suspended: ["Launch"] }),
    kind: "unknown",
    detail: /has Launch suspended/,
    error: "misconfigured",
  },
  "XML cut in half": {
    prepare: () => void harness.cloud.trouble.set({ ...CUT_IN_HALF, ...onlyBad }),
    kind: "unknown",
    detail: /cut off after \d+ characters/,
    error: "malformed",
  },
  "an error in an answer with status 200": {
    prepare: () => void harness.cloud.trouble.set({ ...errorIn200("ValidationError", "not so"), ...onlyBad }),
    kind: "unknown",
    detail: /answered 200 with an error in it: ValidationError: not so/,
    error: "malformed",
  },
};

function replaceBad(shape: Partial<Parameters<typeof aCloudGroup>[0]>): void {
  harness.world.clouds.removeGroup(BAD);
  harness.world.clouds.addGroup(aCloudGroup({ name: BAD, cloud: "aws", desired: 2, max: 4, ...shape }));
}

describe("a bad group beside good ones", () => {
  test.each(Object.entries(GROUPS))("%s", async (_, { prepare, kind, detail, error }) => {
    expect(kinds(await look(BAD, ...GOOD))).toEqual(["seen", "seen", "seen"]);
    prepare();
    const looks = await look(BAD, ...GOOD);
    expect(kinds(looks)).toEqual([kind, "seen", "seen"]);
    expect(detailOf(looks.get(BAD))).toMatch(detail);
    const before = harness.world.ledger.length;
    await expect(harness.group().read(calling(harness))).rejects.toMatchObject({ kind: error });
    const removal = harness.group().cancelUnfilled(1, { size: 2, version: null }, calling(harness));
    await expect(removal).rejects.toMatchObject({ kind: error });
    expect((await harness.group(1).read(calling(harness))).size).toBe(2);
    expect(harness.world.ledger.length).toBe(before);
  });

  test("a maximum under what we want: the look tells it, the growth is refused with both numbers, unsent", async () => {
    harness.world.clouds.setBounds(BAD, { max: 3 });
    const entry = (await look(BAD)).get(BAD);
    expect(entry).toMatchObject({ kind: "seen", state: { size: 2, max: 3 } });
    const group = harness.group();
    const seen = await group.read(calling(harness));
    await expect(group.resize(5, seen, calling(harness))).rejects.toMatchObject({
      kind: "refused",
      message: expect.stringMatching(/maximum of 3.* 5/) as string,
    });
    expect(await harness.writes()).toBe(0);
  });

  test("a maximum that falls between the read and the write is refused by AWS, and nothing changes", async () => {
    const group = harness.group();
    const seen = await group.read(calling(harness));
    harness.world.clouds.setBounds(BAD, { max: 3 });
    await expect(group.resize(4, seen, calling(harness))).rejects.toMatchObject({ kind: "refused" });
    expect(harness.cloud.calls.at(-1)).toMatchObject({ action: "SetDesiredCapacity", effect: "refused" });
    expect(await harness.size()).toBe(2);
  });

  test("an instance that two groups list is told of both, and what to make of that is the observer's", async () => {
    const [shared = ""] = await harness.instances(1);
    harness.cloud.configure(BAD, { alsoLists: [shared] });
    const looks = await look(BAD, ...GOOD);
    const holders = [...looks].flatMap(([key, entry]) =>
      entry.kind === "seen" && entry.members.some(({ id }) => id === shared) ? [key] : [],
    );
    expect(holders).toEqual([BAD, "group-1"]);
  });
});

describe("an account in trouble", () => {
  test("credentials that expire in the middle: what was read is seen, the rest is unknown and not gone", async () => {
    await using many = await awsFakeHarness({ groups: 150, size: 0, min: 0, max: 4 });
    const { account, keys } = many.account ?? {};
    if (account === undefined || keys === undefined) throw new Error("the harness has no account");
    many.cloud.trouble.set({ kind: "refuse", code: "ExpiredToken", match: { group: "group-149" } });
    const looks = await account.look(keys, calling(many));
    expect(keys.map((key) => looks.get(key)?.kind)).toEqual([
      ...Array.from({ length: 100 }, () => "seen"),
      ...Array.from({ length: 50 }, () => "unknown"),
    ]);
    expect(detailOf(looks.get("group-149"))).toMatch(/expired/);
    const write = many.group(149).resize(1, { size: 0, version: null }, calling(many));
    await expect(write).rejects.toMatchObject({ kind: "denied" });
    expect(await many.size(149)).toBe(0);
    many.cloud.trouble.clear();
    expect((await account.look(keys, calling(many))).get("group-149")?.kind).toBe("seen");
  });

  test.each([
    ["Throttling", "throttled"],
    ["RequestLimitExceeded", "throttled"],
    ["ExpiredToken", "denied"],
    ["AccessDenied", "denied"],
    ["ServiceUnavailable", "unavailable"],
    ["InternalFailure", "unavailable"],
    [BALANCER_PAGE, "unavailable"],
  ])("%s to every read is %s for a look as a whole and for a read", async (code, kind) => {
    harness.cloud.trouble.set({ kind: "refuse", code });
    await expect(look(BAD, ...GOOD)).rejects.toMatchObject({ kind });
    await expect(harness.group().read(calling(harness))).rejects.toMatchObject({ kind });
  });

  test("an empty page that promises another one is not the end", async () => {
    const action = "DescribeAutoScalingGroups";
    harness.cloud.trouble.set({ ...EMPTY_PAGE, times: 3, match: { action } });
    expect(kinds(await look(BAD, ...GOOD))).toEqual(["seen", "seen", "seen"]);
    expect(harness.cloud.calls.filter((call) => call.action === action)).toHaveLength(4);
  });

  test("an empty page that promises another one for ever is no answer, and ends", async () => {
    harness.cloud.trouble.set(EMPTY_PAGE);
    const looks = await look(BAD, ...GOOD);
    expect(kinds(looks)).toEqual(["unknown", "unknown", "unknown"]);
    expect(detailOf(looks.get(BAD))).toMatch(/no end after \d+ pages/);
  });

  test("a port that speaks no TLS is unavailable, and costs no other account anything", async () => {
    using broken = await awsAccountAt(harness.cloud.brokenTlsUrl);
    const limits = calling(harness);
    await expect(broken.look([BAD], limits)).rejects.toMatchObject({ kind: "unavailable" });
    const write = broken.group(BAD).resize(3, { size: 2, version: null }, limits);
    await expect(write).rejects.toMatchObject({ kind: "unavailable" });
    expect(kinds(await look(BAD, ...GOOD))).toEqual(["seen", "seen", "seen"]);
  });

  test("credentials for another region than the endpoint's are denied, with AWS's words", async () => {
    using elsewhere = await awsAccountAt(harness.cloud.url, "eu-west-1");
    await expect(elsewhere.look([BAD], calling(harness))).rejects.toMatchObject({
      kind: "denied",
      message: expect.stringContaining("scoped to a valid region") as string,
    });
  });
});

describe("a write whose answer is of no use", () => {
  // The world's size tells what the answer does not.
  test.each([
    ["XML cut in half", CUT_IN_HALF, 3],
    ["an error in an answer with status 200", errorIn200("ValidationError", "not so"), 3],
    ["a balancer's page", { kind: "refuse", code: BALANCER_PAGE } as const, 2],
    ["InternalFailure", { kind: "refuse", code: "InternalFailure" } as const, 2],
  ])("%s is maybe done, sent once, and a read settles it", async (_, trouble, size) => {
    await using own = await awsFakeHarness({ groups: 1, size: 2, min: 0, max: 4 });
    own.cloud.trouble.set({ ...trouble, match: { write: true } });
    const seen = await own.group().read(calling(own));
    await expect(own.group().resize(3, seen, calling(own))).rejects.toMatchObject({ kind: "unavailable" });
    expect(await own.writes()).toBe(1);
    expect((await own.group().read(calling(own))).size).toBe(size);
  });
});
