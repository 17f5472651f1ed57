import { afterEach, beforeEach, describe, expect, test } from "vitest";

import type { GroupLook } from "../../coordinator/cloud/account.ts";
import { createGcpAccount } from "../../coordinator/cloud/gcp/account.ts";
import { createLimiter } from "../../coordinator/cloud/limiter.ts";
import { seededRandom } from "../../shared/model/random.ts";
import { systemClock } from "../../shared/runtime/clock.ts";
import {
  BALANCER_PAGE,
  CUT_IN_HALF,
  edited,
  EMPTY_PAGE,
  ERROR_IN_200,
  withoutSize,
  withSize,
} from "../world/cloud/gcp-troubles.ts";
import { gcpAccountAt, ZONE } from "./gcp-account.ts";
import { gcpHarness } from "./gcp-harness.ts";
import type { GcpHarness } from "./gcp-harness.ts";
import { calling } from "./harness.ts";

// group-0 is the bad one. The others have to be seen whatever is wrong with it.
const BAD = "group-0";
const GOOD = ["group-1", "group-2"];

let harness: GcpHarness;
beforeEach(async () => {
  harness = await gcpHarness({ groups: 3, size: 2 });
});
afterEach(async () => {
  // Nothing of what is read here may lead to a write, whatever the answer was.
  const written = harness.cloud.calls.filter(({ write, effect }) => write && effect === "done");
  await harness[Symbol.asyncDispose]();
  if (written.length > 0) throw new Error(`written: ${JSON.stringify(written)}`);
});

async function look(...names: readonly string[]): Promise<readonly (GroupLook | undefined)[]> {
  const { account } = harness.account ?? {};
  if (account === undefined) throw new Error("the harness has no account");
  const looks = await account.look(
    names.map((name) => `${ZONE}/${name}`),
    calling(harness),
  );
  return names.map((name) => looks.get(`${ZONE}/${name}`));
}

function kinds(looks: readonly (GroupLook | undefined)[]): readonly (string | undefined)[] {
  return looks.map((entry) => entry?.kind);
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
  "a group that is not there": {
    prepare: () => harness.world.clouds.removeGroup(BAD),
    kind: "missing",
    detail: /no managed instance group group-0 in us-central1-a of project gpu-project-1/,
    error: "not-found",
  },
  "a size that is not said": {
    prepare: () => void harness.cloud.trouble.set({ ...withoutSize(BAD), ...onlyBad }),
    kind: "unknown",
    detail: /no usable targetSize/,
    error: "malformed",
  },
  "a size that is text, which Google's own clients let through": {
    prepare: () => void harness.cloud.trouble.set({ ...withSize(BAD, "2"), ...onlyBad }),
    kind: "unknown",
    detail: /no usable targetSize/,
    error: "malformed",
  },
  "a size under zero": {
    prepare: () => void harness.cloud.trouble.set({ ...withSize(BAD, -1), ...onlyBad }),
    kind: "unknown",
    detail: /no usable targetSize/,
    error: "malformed",
  },
  "JSON cut in half": {
    prepare: () => void harness.cloud.trouble.set({ ...CUT_IN_HALF, ...onlyBad }),
    kind: "unknown",
    detail: /no JSON or end too soon/,
    error: "malformed",
  },
  "an error in an answer with status 200": {
    prepare: () => void harness.cloud.trouble.set({ ...ERROR_IN_200, ...onlyBad }),
    kind: "unknown",
    detail: /no usable name/,
    error: "malformed",
  },
};

describe("a bad group beside good ones", () => {
  test.each(Object.entries(GROUPS))("%s", async (_, { prepare, kind, detail, error }) => {
    expect(kinds(await look(BAD, ...GOOD))).toEqual(["seen", "seen", "seen"]);
    prepare();
    const looks = await look(BAD, ...GOOD);
    expect(kinds(looks)).toEqual([kind, "seen", "seen"]);
    expect(detailOf(looks[0])).toMatch(detail);
    const before = harness.world.ledger.length;
    await expect(harness.group().read(calling(harness))).rejects.toMatchObject({ kind: error });
    const removal = harness.group().cancelUnfilled(1, { size: 2, version: null }, calling(harness));
    await expect(removal).rejects.toMatchObject({ kind: error });
    expect((await harness.group(1).read(calling(harness))).size).toBe(2);
    expect(harness.world.ledger.length).toBe(before);
  });

  test("in the list of a zone it costs the others nothing either", async () => {
    await using many = await gcpHarness({ groups: 5, size: 1 });
    many.cloud.trouble.set(withSize(BAD, "1"));
    const { account, keys } = many.account ?? {};
    if (account === undefined || keys === undefined) throw new Error("the harness has no account");
    const looks = await account.look(keys, calling(many));
    expect(keys.map((key) => looks.get(key)?.kind)).toEqual(["unknown", "seen", "seen", "seen", "seen"]);
  });

  test("machines with different numbers of GPUs in one group are held, with both numbers", async () => {
    const selections = { a: { machineTypes: ["a2-highgpu-1g", "a2-highgpu-2g"] } };
    harness.cloud.configure(BAD, {
      group: { instanceFlexibilityPolicy: { instanceSelections: selections } },
    });
    const looks = await look(BAD, ...GOOD);
    expect(kinds(looks)).toEqual(["unknown", "seen", "seen"]);
    expect(detailOf(looks[0])).toMatch(/1 in a2-highgpu-1g; 2 in a2-highgpu-2g/);
    await expect(harness.group().read(calling(harness))).rejects.toMatchObject({ kind: "misconfigured" });
  });

  test.each([
    ["an instance whose number is a number", { id: 12 }, /id/],
    ["an instance without an action", { currentAction: undefined }, /currentAction/],
  ])(
    "%s makes the list of machines unreadable, and no write is computed from it",
    async (_, fields, field) => {
      const [id = ""] = await harness.instances();
      harness.cloud.exempt("InstanceGroupManagersListManagedInstancesResponse.managedInstances[].id");
      harness.cloud.configure(BAD, { instances: { [id.split("/")[0] ?? ""]: fields } });
      const looks = await look(BAD, ...GOOD);
      expect(kinds(looks)).toEqual(["unknown", "seen", "seen"]);
      expect(detailOf(looks[0])).toMatch(field);
      const seen = await harness.group().read(calling(harness));
      await expect(harness.group().removeInstance(id, seen, calling(harness))).rejects.toMatchObject({
        kind: "malformed",
      });
    },
  );
});

describe("a project in trouble", () => {
  test("another project than the one these credentials are for is denied, by name", async () => {
    const account = await gcpAccountAt({ ...harness.cloud, project: "other-project-9" });
    await expect(account.look([`${ZONE}/${BAD}`], calling(harness))).rejects.toMatchObject({
      kind: "denied",
      message: expect.stringContaining("projects/other-project-9") as string,
    });
  });

  test("a token that is not let in is denied", async () => {
    const account = await gcpAccountAt({ ...harness.cloud, token: "an-old-one" });
    await expect(account.look([`${ZONE}/${BAD}`], calling(harness))).rejects.toMatchObject({
      kind: "denied",
    });
  });

  test.each([
    ["quotaExceeded", "quota"],
    ["rateLimitExceeded", "throttled"],
    ["tooManyRequests", "throttled"],
    ["forbidden", "denied"],
    ["accessNotConfigured", "denied"],
    ["authError", "denied"],
    ["backendError", "unavailable"],
    ["internalError", "unavailable"],
    [BALANCER_PAGE, "unavailable"],
  ])("%s to every read is %s for a look as a whole and for a read", async (code, kind) => {
    harness.cloud.trouble.set({ kind: "refuse", code });
    await expect(look(BAD, ...GOOD)).rejects.toMatchObject({ kind });
    await expect(harness.group().read(calling(harness))).rejects.toMatchObject({ kind });
  });

  test("no API for the templates: the sizes are seen, and why no node can be described is said", async () => {
    harness.cloud.trouble.set({
      kind: "refuse",
      code: "forbidden",
      match: { action: "compute.instanceTemplates.get" },
    });
    const [entry] = await look(BAD);
    expect(entry).toMatchObject({ kind: "seen", state: { size: 2 } });
    expect(entry).not.toHaveProperty("template");
    expect(entry?.kind === "seen" ? entry.mismatches.join() : "").toMatch(
      /instance template group-0-template/,
    );
  });

  test("an empty page that promises another one for ever is no answer, and ends", async () => {
    await using many = await gcpHarness({ groups: 5, size: 1 });
    many.cloud.trouble.set({ ...EMPTY_PAGE, match: { action: "compute.instanceGroupManagers.list" } });
    const { account, keys } = many.account ?? {};
    if (account === undefined || keys === undefined) throw new Error("the harness has no account");
    const looks = await account.look(keys, calling(many));
    expect(keys.map((key) => looks.get(key)?.kind)).toEqual(keys.map(() => "unknown"));
    expect(detailOf(looks.get(keys[0] ?? ""))).toMatch(/names the same next page again/);
  });

  test("Retry-After of an hour rests the account: nothing more is sent, and the reason says for how long", async () => {
    const { cloud } = harness;
    const limiter = createLimiter({
      clock: systemClock,
      random: seededRandom(3),
      name: `gcp ${cloud.project}`,
      onCall: () => {},
    });
    const token = async (): Promise<string> => await Promise.resolve(cloud.token);
    const { account } = await createGcpAccount({ ...cloud, token, clock: systemClock, limiter });
    cloud.trouble.set({ kind: "refuse", code: "rateLimitExceeded", retryAfterSeconds: 3_600, times: 1 });
    const first = account.group(`${ZONE}/${BAD}`).read(calling(harness));
    await expect(first).rejects.toMatchObject({ kind: "throttled", retryAfterMs: 3_600_000 });
    const sent = cloud.calls.length;
    const second = account.group(`${ZONE}/${BAD}`).read(calling(harness));
    await expect(second).rejects.toMatchObject({
      kind: "throttled",
      message: expect.stringMatching(/was not sent.*so the account rests for another \d{3,4}/) as string,
    });
    expect(cloud.calls).toHaveLength(sent);
  });
});

describe("a write whose answer is of no use", () => {
  // The world's size tells what the answer does not.
  test.each([
    ["JSON cut in half", CUT_IN_HALF, "unavailable", 3],
    ["an error in an answer with status 200", ERROR_IN_200, "unavailable", 3],
    [
      "a status that no operation has",
      edited((body) => ({ ...body, status: "ODD" }), "the status is none of its words"),
      "unavailable",
      3,
    ],
    ["a balancer's page", { kind: "refuse", code: BALANCER_PAGE } as const, "unavailable", 2],
    ["internalError", { kind: "refuse", code: "internalError" } as const, "unavailable", 2],
    ["a quota at the request", { kind: "refuse", code: "quotaExceeded" } as const, "quota", 2],
    ["412", { kind: "refuse", code: "conditionNotMet" } as const, "conflict", 2],
  ])("%s is sent once and settled by a read", async (_, trouble, kind, size) => {
    await using own = await gcpHarness({ groups: 1, size: 2 });
    own.cloud.trouble.set({ ...trouble, match: { write: true } });
    const seen = await own.group().read(calling(own));
    await expect(own.group().resize(3, seen, calling(own))).rejects.toMatchObject({ kind });
    expect(await own.writes()).toBe(1);
    expect((await own.group().read(calling(own))).size).toBe(size);
  });
});
