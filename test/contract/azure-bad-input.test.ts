import { afterEach, beforeEach, describe, expect, test } from "vitest";

import type { GroupLook } from "../../coordinator/cloud/account.ts";
import { createAzureAccount } from "../../coordinator/cloud/azure/account.ts";
import { createLimiter } from "../../coordinator/cloud/limiter.ts";
import { AZURE_PLACE } from "../../coordinator/replay/world-cloud.ts";
import { seededRandom } from "../../shared/model/random.ts";
import { millis } from "../../shared/model/units.ts";
import { systemClock } from "../../shared/runtime/clock.ts";
import { emptyPageAt, errorIn200, sizeAs } from "../world/cloud/azure-troubles.ts";
import { azureAccountAt, azureHarness } from "./azure-harness.ts";
import type { AzureHarness } from "./azure-harness.ts";
import { calling } from "./harness.ts";

// group-0 is the bad one. The two others have to be seen whatever is wrong with it.
const BAD = "group-0";

let harness: AzureHarness;
afterEach(async () => {
  // Nothing of what is read here may lead to a write, whatever the answer was.
  const written = harness.cloud.calls.filter(({ write, effect }) => write && effect === "done");
  await harness[Symbol.asyncDispose]();
  if (written.length > 0) throw new Error(`written: ${JSON.stringify(written)}`);
});

async function look(): Promise<readonly GroupLook[]> {
  const { account, keys } = harness.account;
  const looks = await account.look(keys, calling(harness));
  return keys.flatMap((key) => looks.get(key) ?? []);
}

async function kinds(): Promise<readonly string[]> {
  return (await look()).map(({ kind }) => kind);
}

interface BadGroup {
  readonly prepare: () => void;
  readonly kind: "missing" | "unknown";
  readonly detail: RegExp;
  /** Of a read of the group alone, on which every write depends. */
  readonly error: string;
}

const GROUPS: Readonly<Record<string, BadGroup>> = {
  "a group that is gone": {
    prepare: () => harness.world.clouds.removeGroup(BAD),
    kind: "missing",
    detail: /there is no .*group-0.* in .* that this identity sees/,
    error: "not-found",
  },
  "a size that is text": {
    prepare: () => void harness.cloud.trouble.set({ ...sizeAs(BAD, "2"), match: { group: BAD } }),
    kind: "unknown",
    detail: /group-0.*: Azure's answer has no usable (sku\.capacity|properties\.count)/,
    error: "malformed",
  },
  "a size that is null": {
    prepare: () => void harness.cloud.trouble.set({ ...sizeAs(BAD, null), match: { group: BAD } }),
    kind: "unknown",
    detail: /no usable/,
    error: "malformed",
  },
  "a size below nothing": {
    prepare: () => void harness.cloud.trouble.set({ ...sizeAs(BAD, -1), match: { group: BAD } }),
    kind: "unknown",
    detail: /no usable/,
    error: "malformed",
  },
  "a size that is no whole number": {
    prepare: () => void harness.cloud.trouble.set({ ...sizeAs(BAD, 2.5), match: { group: BAD } }),
    kind: "unknown",
    detail: /no usable/,
    error: "malformed",
  },
};

const OF_SETS: Readonly<Record<string, BadGroup>> = {
  ...GROUPS,
  "a flexible scale set": {
    prepare: () => harness.cloud.configure(BAD, { orchestrationMode: "Flexible" }),
    kind: "unknown",
    detail: /group-0 is a flexible scale set: its machines are virtual machines of their own/,
    error: "misconfigured",
  },
};

const OF_POOLS: Readonly<Record<string, BadGroup>> = {
  ...GROUPS,
  "a pool of single virtual machines": {
    prepare: () =>
      harness.cloud.configure(BAD, {
        pool: { type: "VirtualMachines", count: undefined, vmSize: undefined, virtualMachinesProfile: {} },
      }),
    kind: "unknown",
    detail: /of type VirtualMachines: only pools of type VirtualMachineScaleSets/,
    error: "misconfigured",
  },
};

describe.each([
  ["scale sets", false, OF_SETS],
  ["AKS pools", true, OF_POOLS],
] as const)("a bad group beside good ones, of %s", (_what, aks, cases) => {
  beforeEach(async () => {
    harness = await azureHarness({ groups: 3, size: 2, min: 0, max: 4 }, { aks });
  });

  test.each(Object.entries(cases))("%s", async (_, { prepare, kind, detail, error }) => {
    expect(await kinds()).toEqual(["seen", "seen", "seen"]);
    prepare();
    const [bad, ...good] = await look();
    expect(good.map((entry) => entry.kind)).toEqual(["seen", "seen"]);
    expect(bad).toMatchObject({ kind, detail: expect.stringMatching(detail) as string });
    await expect(harness.group().read(calling(harness))).rejects.toMatchObject({ kind: error });
    const back = harness.group().cancelUnfilled(1, { size: 2, version: "1" }, calling(harness));
    await expect(back).rejects.toMatchObject({ kind: error });
    expect((await harness.group(1).read(calling(harness))).size).toBe(2);
  });

  test("machines that cannot be read make their group unknown, and no size is guessed", async () => {
    harness.cloud.trouble.set({
      kind: "edit",
      edit: (text) => text.replaceAll('"instanceId":"', '"instanceId":7,"was":"'),
      match: { action: "ListMachines", group: BAD },
    });
    const [bad, ...good] = await look();
    expect(bad).toMatchObject({
      kind: "unknown",
      detail: expect.stringMatching(/machine 1: .*instanceId/) as string,
    });
    expect(good.map((entry) => entry.kind)).toEqual(["seen", "seen"]);
  });

  test("no ETag: it is seen, and no size of it is written", async () => {
    harness.cloud.trouble.set({
      kind: "edit",
      edit: (text) => text.replaceAll(/"etag":"[^,]*",|"eTag":"[^"]*",/g, ""),
      match: { group: BAD, write: false },
    });
    expect(await kinds()).toEqual(["seen", "seen", "seen"]);
    await expect(harness.group().read(calling(harness))).rejects.toMatchObject({
      kind: "malformed",
      message: expect.stringContaining("no ETag, without which no size is written") as string,
    });
  });
});

describe("an account in trouble", () => {
  beforeEach(async () => {
    harness = await azureHarness({ groups: 3, size: 2, min: 0, max: 4 }, { aks: false });
  });

  test.each([
    ["AuthorizationFailed", "denied"],
    ["ServiceUnavailable", "unavailable"],
    ["InternalServerError", "unavailable"],
    ["TooManyRequests", "throttled"],
  ])("%s to every list is %s for a look as a whole and for a read", async (code, kind) => {
    harness.cloud.trouble.set({ kind: "refuse", code, match: { write: false } });
    await expect(look()).rejects.toMatchObject({ kind });
    await expect(harness.group().read(calling(harness))).rejects.toMatchObject({ kind });
  });

  test("a subscription that is another one: missing, with Azure's words and the way out", async () => {
    const other = "00000000-1111-4222-8333-444444444444";
    const made = await azureAccountAt(harness.cloud, systemClock, other);
    const { keys } = harness.account;
    const looks = await made.account.look(keys, calling(harness));
    for (const key of keys)
      expect(looks.get(key)).toMatchObject({
        kind: "missing",
        detail: expect.stringMatching(
          /SubscriptionNotFound: .*correct group\.azure\.subscriptionID/,
        ) as string,
      });
    const write = made.account.group(keys[0] ?? "").resize(3, { size: 2, version: "1" }, calling(harness));
    await expect(write).rejects.toMatchObject({ kind: "not-found" });
    made.close();
  });

  test("a token that expires in the middle is replaced, unseen by anybody", async () => {
    expect(await kinds()).toEqual(["seen", "seen", "seen"]);
    harness.cloud.expireTokens();
    expect(await kinds()).toEqual(["seen", "seen", "seen"]);
    const refused = harness.cloud.calls.filter(({ status }) => status === 401);
    expect(refused.length).toBeGreaterThan(0);
  });

  test("an identity that is refused for good is denied, and asked for once in each call", async () => {
    harness.cloud.trouble.set({
      kind: "refuse",
      code: "InvalidAuthenticationToken",
      match: { action: "ListScaleSets" },
    });
    const before = harness.cloud.calls.length;
    await expect(look()).rejects.toMatchObject({ kind: "denied" });
    const lists = harness.cloud.calls.slice(before).filter(({ action }) => action === "ListScaleSets");
    expect(lists).toHaveLength(2);
  });

  test("an error in an answer with status 200 is malformed", async () => {
    harness.cloud.trouble.set({ ...errorIn200("Conflict", "not so"), match: { write: false } });
    expect(await kinds()).toEqual(["unknown", "unknown", "unknown"]);
  });

  test("JSON cut in half is no answer", async () => {
    harness.cloud.trouble.set({ kind: "half-body", match: { action: "ListScaleSets" } });
    const looks = await look();
    expect(looks[0]).toMatchObject({ kind: "unknown", detail: expect.stringContaining("no JSON") as string });
  });

  test("an empty page that promises itself for ever is no answer, and ends", async () => {
    const { subscription, resourceGroup } = AZURE_PLACE;
    const address = `${harness.cloud.url}/subscriptions/${subscription}/resourceGroups/${resourceGroup}/providers/Microsoft.Compute/virtualMachineScaleSets?api-version=2024-11-01&$skiptoken=0`;
    harness.cloud.trouble.set({ ...emptyPageAt(address), match: { action: "ListScaleSets" } });
    const looks = await look();
    expect(looks[0]).toMatchObject({
      kind: "unknown",
      detail: expect.stringMatching(/page 2 names no usable next page/) as string,
    });
  });

  test("a next page at another server is not followed, since the token would go with it", async () => {
    const elsewhere = emptyPageAt("http://127.0.0.2:1/subscriptions");
    harness.cloud.trouble.set({ ...elsewhere, match: { action: "ListScaleSets" } });
    expect(await kinds()).toEqual(["unknown", "unknown", "unknown"]);
  });

  test("an hour of Retry-After is honoured: nothing is sent, and the account's rest can be seen", async () => {
    const limiter = createLimiter({
      clock: systemClock,
      random: seededRandom(1),
      name: "azure test",
      onCall: () => {},
    });
    const made = await createAzureAccount({
      subscriptionID: AZURE_PLACE.subscription,
      env: harness.cloud.env,
      clock: systemClock,
      limiter,
    });
    harness.cloud.trouble.set({
      kind: "refuse",
      code: "TooManyRequests",
      retryAfterSeconds: 3_600,
      match: { write: true },
      times: 1,
    });
    const group = made.account.group(harness.account.keys[0] ?? "");
    const seen = await group.read(calling(harness));
    const refused = group.resize(3, seen, calling(harness));
    await expect(refused).rejects.toMatchObject({ kind: "throttled", retryAfterMs: 3_600_000 });
    // Whoever asks for an hour is asked again after five minutes, with one call.
    expect(limiter.restMs()).toBeGreaterThan(200_000);
    const sent = harness.cloud.calls.length;
    const again = made.account.look(harness.account.keys, { ...calling(harness), deadlineMs: millis(500) });
    await expect(again).rejects.toMatchObject({ kind: "throttled" });
    expect(harness.cloud.calls).toHaveLength(sent);
    made.close();
  });
});

test("an address of Azure that is none is told at the start, with its name", async () => {
  harness = await azureHarness({ groups: 1, size: 0, min: 0, max: 4 }, { aks: false });
  const env = { ...harness.cloud.env, AZURE_RESOURCE_MANAGER_ENDPOINT: "management.azure.com" };
  await expect(azureAccountAt({ env })).rejects.toMatchObject({
    kind: "settings",
    message: 'AZURE_RESOURCE_MANAGER_ENDPOINT is "management.azure.com", which is no https address',
  });
});
