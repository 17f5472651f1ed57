// What is Azure's own about a scale set or an AKS pool: changes that are followed, machines that fail and stay, who else
// sizes it, what somebody protected or stopped.

import { afterEach, describe, expect, test } from "vitest";

import type { GroupLook } from "../../coordinator/cloud/account.ts";
import { AZURE_PLACE } from "../../coordinator/replay/world-cloud.ts";
import { setId } from "../world/cloud/azure-groups.ts";
import { azureHarness } from "./azure-harness.ts";
import type { AzureHarness } from "./azure-harness.ts";
import { calling } from "./harness.ts";

const SETUP = { groups: 1, size: 2, min: 0, max: 10 };

let harness: AzureHarness;
afterEach(async () => {
  await harness[Symbol.asyncDispose]();
});

async function seen(): Promise<Extract<GroupLook, { kind: "seen" }>> {
  const { account, keys } = harness.account;
  const look = (await account.look(keys, calling(harness))).get(keys[0] ?? "");
  if (look?.kind !== "seen") throw new Error(`not seen: ${look?.detail ?? ""}`);
  return look;
}

async function grow(by: number): Promise<void> {
  const state = await harness.group().read(calling(harness));
  await harness.group().resize(state.size + by, state, calling(harness));
}

describe.each([
  ["a scale set", false],
  ["an AKS pool", true],
] as const)("%s", (_what, aks) => {
  test("answers when Azure has taken the size, and is followed without waiting", async () => {
    harness = await azureHarness(SETUP, { aks });
    await grow(1);
    const { members } = await seen();
    expect(members.map(({ state }) => state)).toEqual(["present", "present", "present"]);
    const asked = (): number =>
      harness.cloud.calls.filter(({ action }) => action.endsWith("Operation")).length;
    expect(asked()).toBe(1);
    await harness.advance();
    await seen();
    await seen();
    expect(asked(), "one that has ended is not asked for again").toBe(2);
  });

  test("keeps a machine that could not be made: it is told why, not tried again, and given back by its number", async () => {
    harness = await azureHarness(SETUP, { aks, triesAgain: false });
    const there = await harness.instances();
    await harness.stockOut(0);
    await grow(2);
    await harness.advance();
    const { state, members, changeFailed, changeFailure } = await seen();
    expect(state).toMatchObject({ size: 4, unfilled: 2 });
    expect(changeFailed).toBe(true);
    // Without any place that says so, where the size is taken back.
    expect(changeFailure).toMatchObject({ kind: "no-capacity" });
    const failed = members.filter((member) => member.state === "failed");
    expect(failed).toMatchObject([
      {
        placeholder: true,
        failure: { kind: "no-capacity", detail: expect.stringContaining("AllocationFailed") as string },
      },
      { placeholder: true, failure: { kind: "no-capacity" } },
    ]);
    await harness.stockOut(null);
    await harness.advance();
    expect(await harness.instances()).toEqual(there);
    const before = await harness.writes();
    await harness.group().cancelUnfilled(2, await harness.group().read(calling(harness)), calling(harness));
    expect((await harness.writes()) - before, "one deletion names both").toBe(1);
    expect(await harness.size()).toBe(2);
    expect(await harness.instances()).toEqual(there);
    await grow(1);
    await harness.advance();
    expect(await harness.instances()).toHaveLength(3);
  });

  test("an operation whose address vanishes leaves what its machines say", async () => {
    harness = await azureHarness(SETUP, { aks });
    await harness.stockOut(0);
    await grow(1);
    harness.cloud.trouble.set({
      kind: "refuse",
      code: "ResourceNotFound",
      match: { action: operationAction(aks) },
    });
    const { members, mismatches } = await seen();
    expect(members.at(-1)).toMatchObject({ state: "failed", failure: { kind: "no-capacity" } });
    expect(mismatches).toEqual([]);
    const asked = harness.cloud.calls.filter(({ action }) => action.endsWith("Operation"));
    await seen();
    expect(harness.cloud.calls.filter(({ action }) => action.endsWith("Operation"))).toHaveLength(
      asked.length,
    );
  });

  test("an operation that may not be read is told of, and costs nothing else", async () => {
    harness = await azureHarness(SETUP, { aks });
    await grow(1);
    harness.cloud.trouble.set({
      kind: "refuse",
      code: "AuthorizationFailed",
      match: { action: operationAction(aks) },
    });
    const look = await seen();
    // The look that asks learns of it when the groups are told already, at the latest with the next.
    const { mismatches } = look.mismatches.length > 0 ? look : await seen();
    expect(mismatches).toEqual([expect.stringContaining("how the last change goes on cannot be read")]);
  });

  test.each([
    ["an address that is none any more", "Gone", /how the last change goes on cannot be read: .*Gone/],
    ["an end that is told by a refusal", "AllocationFailed", /last change .* has failed: .*AllocationFailed/],
  ])("an operation with %s is over", async (_what, code, sentence) => {
    harness = await azureHarness(SETUP, { aks });
    await grow(1);
    harness.cloud.trouble.set({ kind: "refuse", code, match: { action: operationAction(aks) } });
    await seen();
    const asked = harness.cloud.calls.length;
    expect((await seen()).mismatches).toEqual([expect.stringMatching(sentence)]);
    const since = harness.cloud.calls.slice(asked).map(({ action }) => action);
    expect(since).not.toContain(operationAction(aks));
  });

  test("is refused what was computed from an older reading, each time it is asked, and nothing is sent again", async () => {
    harness = await azureHarness(SETUP, { aks });
    harness.cloud.trouble.set({ kind: "refuse", code: "PreconditionFailed", match: { write: true } });
    for (let time = 1; time <= 3; time++) {
      await expect(grow(1)).rejects.toMatchObject({ kind: "conflict" });
      expect(await harness.writes()).toBe(time);
    }
    expect(await harness.size()).toBe(2);
  });

  test("does not lose a machine that was named on an older reading", async () => {
    harness = await azureHarness(SETUP, { aks });
    const [first = ""] = await harness.instances();
    const state = await harness.group().read(calling(harness));
    harness.cloud.configure("group-0", { revision: 1 });
    const removal = harness.group().removeInstance(first, state, calling(harness));
    await expect(removal).rejects.toMatchObject({ kind: "conflict" });
    expect(await harness.writes()).toBe(0);
  });

  test("keeps what somebody protected", async () => {
    harness = await azureHarness(SETUP, { aks });
    const [first = "", second = ""] = await harness.instances();
    harness.cloud.configure("group-0", { protected: [first] });
    const { members, mismatches } = await seen();
    expect(members[0]?.keptBecause).toMatch(/somebody protected .* from scale-in/);
    expect(members[1]?.keptBecause).toBeUndefined();
    expect(mismatches).toEqual([expect.stringContaining(`never removed: ${first};`)]);
    const remove = async (id: string): Promise<void> =>
      await harness
        .group()
        .removeInstance(id, await harness.group().read(calling(harness)), calling(harness));
    await expect(remove(first)).rejects.toMatchObject({ kind: "refused" });
    await remove(second);
    await harness.advance();
    expect(await harness.instances()).toEqual([first]);
  });

  test("counts a spot machine that was evicted and kept its disks as a place without a machine", async () => {
    harness = await azureHarness(SETUP, { aks });
    const [first = ""] = await harness.instances();
    harness.cloud.configure("group-0", { deallocated: [first], evictionPolicy: "Deallocate" });
    const { state, members, mismatches } = await seen();
    expect(state).toMatchObject({ size: 2, unfilled: 1 });
    expect(members.find(({ placeholder }) => placeholder === true)).toMatchObject({
      state: "failed",
      failure: { kind: "no-capacity", detail: expect.stringContaining("evicted") as string },
    });
    expect(mismatches).toEqual([expect.stringContaining("eviction policy is Deallocate")]);
    await harness.group().cancelUnfilled(1, await harness.group().read(calling(harness)), calling(harness));
    expect(await harness.size()).toBe(1);
  });

  test("lets go at its deadline a spot machine that Azure has stopped by then", async () => {
    harness = await azureHarness(SETUP, { aks });
    const [first = "", second = ""] = await harness.instances();
    harness.cloud.configure("group-0", { deallocated: [first] });
    const state = await harness.group().read(calling(harness));
    await harness.group().releaseInstance(first, state, calling(harness));
    await harness.advance();
    expect(await harness.instances()).toEqual([second]);
    expect(await harness.size()).toBe(1);
  });

  test("keeps a machine without power that somebody protected, with its disks", async () => {
    harness = await azureHarness(SETUP, { aks });
    const there = await harness.instances();
    const [first = ""] = there;
    harness.cloud.configure("group-0", {
      deallocated: [first],
      protected: [first],
      evictionPolicy: "Deallocate",
    });
    const { state, members, mismatches } = await seen();
    expect(state.unfilled).toBe(0);
    expect(members[0]?.keptBecause).toMatch(/somebody protected/);
    expect(mismatches).toContainEqual(expect.stringContaining(`never removed: ${first};`));
    await expect(
      harness.group().cancelUnfilled(1, await harness.group().read(calling(harness)), calling(harness)),
    ).rejects.toMatchObject({ kind: "conflict" });
    expect(await harness.instances()).toEqual(there);
  });

  test("keeps a spot machine that somebody stopped: where evictions delete, none of them left it", async () => {
    harness = await azureHarness(SETUP, { aks });
    const there = await harness.instances();
    const [first = ""] = there;
    harness.cloud.configure("group-0", { deallocated: [first] });
    const { state, members, mismatches } = await seen();
    expect(state.unfilled).toBe(0);
    expect(members[0]?.keptBecause).toMatch(/somebody has stopped/);
    expect(mismatches).toEqual([`stopped by somebody and counted in its size: ${first}`]);
    const read = await harness.group().read(calling(harness));
    await expect(harness.group().removeInstance(first, read, calling(harness))).rejects.toMatchObject({
      kind: "refused",
    });
    expect(await harness.instances()).toEqual(there);
  });

  test("gives no place back that Azure is filling with a machine which it does not list yet", async () => {
    harness = await azureHarness(SETUP, { aks });
    const there = await harness.instances();
    await grow(1);
    const begun = (harness.world.clouds.group("group-0")?.instances ?? []).flatMap(({ id }) =>
      there.includes(id) ? [] : [id],
    );
    harness.cloud.configure("group-0", { unlisted: begun });
    const state = await harness.group().read(calling(harness));
    expect(state).toMatchObject({ size: 3, unfilled: 1 });
    const before = await harness.writes();
    await expect(harness.group().cancelUnfilled(1, state, calling(harness))).rejects.toMatchObject({
      kind: "conflict",
    });
    expect((await harness.writes()) - before).toBe(0);
  });
});

function operationAction(aks: boolean): string {
  return aks ? "GetAgentPoolOperation" : "GetComputeOperation";
}

describe("who else sizes it", () => {
  test("the autoscaler of AKS: a rival, and no size is sent", async () => {
    harness = await azureHarness(SETUP, { aks: true });
    harness.cloud.configure("group-0", { pool: { enableAutoScaling: true, minCount: 1, maxCount: 9 } });
    const { rivals, state } = await seen();
    expect(rivals).toEqual([
      {
        rival: "aks-autoscaler",
        detail: "the autoscaler of AKS sizes AKS pool group-0 of train from 1 to 9",
      },
    ]);
    expect(state.held).toMatch(/the AKS autoscaler sizes AKS pool group-0/);
    await expect(grow(1)).rejects.toMatchObject({ kind: "refused" });
    const [first = ""] = await harness.instances();
    const read = await harness.group().read(calling(harness));
    await expect(harness.group().removeInstance(first, read, calling(harness))).rejects.toMatchObject({
      kind: "refused",
    });
    expect(await harness.writes()).toBe(0);
  });

  test("a setting of Azure Monitor whose target is the set, in whatever spelling; not one that is switched off", async () => {
    harness = await azureHarness(SETUP, { aks: false });
    const setting = (name: string, target: string, enabled: boolean) => ({
      name,
      properties: { enabled, targetResourceUri: target, profiles: [] },
    });
    harness.cloud.autoscale([
      setting("cpu-50", setId("GROUP-0").toUpperCase(), true),
      setting("off", setId("group-0"), false),
      setting("other", setId("group-9"), true),
    ]);
    expect((await seen()).rivals).toEqual([
      {
        rival: "vmss-autoscale",
        detail: expect.stringContaining("autoscale setting cpu-50 of Azure Monitor") as string,
      },
    ]);
  });

  test("nobody knows without the right to read them, which is said", async () => {
    harness = await azureHarness(SETUP, { aks: false });
    harness.cloud.trouble.set({
      kind: "refuse",
      code: "AuthorizationFailed",
      match: { action: "ListAutoscaleSettings" },
    });
    const { rivals, mismatches } = await seen();
    expect(rivals).toBeUndefined();
    expect(mismatches).toEqual([expect.stringContaining("Microsoft.Insights/autoscaleSettings/read")]);
  });

  test("nobody knows while the settings could not be read, which is said until they were", async () => {
    harness = await azureHarness(SETUP, { aks: false });
    harness.cloud.trouble.set({
      kind: "refuse",
      code: "ServiceUnavailable",
      match: { action: "ListAutoscaleSettings" },
    });
    expect((await seen()).mismatches).toEqual([
      expect.stringMatching(/autoscale setting of Azure Monitor .* is not known: .*ServiceUnavailable/),
    ]);
  });

  test.each([
    ["Try-restore", { spotRestore: true }, /Try-restore is on/],
    ["overprovisioning", { overprovision: true }, /overprovisioning is on/],
    ["automatic repairs", { repairs: true }, /automatic repairs are on/],
  ])("%s of the set itself is told of", async (_what, settings, sentence) => {
    harness = await azureHarness(SETUP, { aks: false });
    harness.cloud.configure("group-0", settings);
    expect((await seen()).mismatches).toEqual([expect.stringMatching(sentence)]);
  });
});

describe("an AKS pool", () => {
  test("takes one change after the other: what comes in between is a conflict", async () => {
    harness = await azureHarness(SETUP, { aks: true, serial: true });
    await grow(1);
    await expect(grow(1)).rejects.toMatchObject({ kind: "conflict" });
    await harness.advance();
    await grow(1);
    expect(await harness.size()).toBe(4);
  });

  test("puts a deletion off while it is at another change, which is to be looked at again, not asked again at once", async () => {
    harness = await azureHarness(SETUP, { aks: true, serial: true });
    const [first = "", second = ""] = await harness.instances();
    const remove = async (id: string): Promise<void> =>
      await harness
        .group()
        .removeInstance(id, await harness.group().read(calling(harness)), calling(harness));
    await remove(first);
    await expect(remove(second)).rejects.toMatchObject({ kind: "unavailable" });
    expect(await harness.group().contains(second, calling(harness))).toBe(true);
    await harness.advance();
    await remove(second);
    expect(await harness.size()).toBe(0);
  });

  test("is looked at anew when a machine has gone by itself, though AKS counts what was asked for", async () => {
    harness = await azureHarness(SETUP, { aks: true });
    const [first = "", second = ""] = await harness.instances();
    harness.cloud.configure("group-0", { pool: { count: 2, eTag: "1", provisioningState: "Succeeded" } });
    await seen();
    await harness.interrupt(first);
    await harness.advance();
    const { members, state } = await seen();
    expect(state).toMatchObject({ size: 2, unfilled: 1 });
    expect(members.flatMap(({ id, placeholder }) => (placeholder === true ? [] : [id]))).toEqual([second]);
  });

  test("whose scale set AKS does not show has machines that nobody knows of, not none", async () => {
    harness = await azureHarness(SETUP, { aks: true });
    const [first = ""] = await harness.instances();
    harness.cloud.trouble.set({
      kind: "edit",
      edit: (text) => text.replaceAll("aks-managed-poolName", "poolName"),
      match: { action: "ListScaleSets" },
    });
    await expect(harness.group().contains(first, calling(harness))).rejects.toMatchObject({
      kind: "unavailable",
    });
  });

  test("of mode System keeps its last node", async () => {
    harness = await azureHarness({ ...SETUP, size: 1 }, { aks: true });
    harness.cloud.configure("group-0", { pool: { mode: "System" } });
    const [only = ""] = await harness.instances();
    const state = await harness.group().read(calling(harness));
    expect(state.min).toBe(1);
    await expect(harness.group().removeInstance(only, state, calling(harness))).rejects.toMatchObject({
      kind: "refused",
    });
    expect(await harness.writes()).toBe(0);
  });

  test("that is stopped is held", async () => {
    harness = await azureHarness(SETUP, { aks: true });
    harness.cloud.configure("group-0", { pool: { powerState: { code: "Stopped" } } });
    expect((await seen()).state.held).toBe(
      "AKS pool group-0 of train is stopped: start it, and the pool goes on",
    );
    await expect(grow(1)).rejects.toMatchObject({ kind: "refused" });
  });

  test("keeps everything that AKS shows of it when its count is written", async () => {
    harness = await azureHarness(SETUP, { aks: true });
    harness.cloud.configure("group-0", {
      pool: { nodeLabels: { team: "vision" }, kubeletConfig: { cpuManagerPolicy: "static" } },
    });
    await grow(1);
    const sent = JSON.parse(
      harness.cloud.calls.findLast(({ action }) => action === "PutAgentPool")?.parameters ?? "{}",
    ) as {
      readonly properties: Readonly<Record<string, unknown>>;
    };
    expect(sent.properties).toMatchObject({
      count: 3,
      nodeLabels: { team: "vision" },
      kubeletConfig: { cpuManagerPolicy: "static" },
    });
    expect(sent.properties).not.toHaveProperty("eTag");
  });
});

describe("calls", () => {
  test("of a set at rest: the sizes in one list, the machines half a minute apart", async () => {
    harness = await azureHarness({ ...SETUP, groups: 5 }, { aks: false });
    const { account, keys } = harness.account;
    await account.look(keys, calling(harness));
    const before = harness.cloud.calls.length;
    await account.look(keys, calling(harness));
    expect(harness.cloud.calls.slice(before).map(({ action }) => action)).toEqual(["ListScaleSets"]);
  });

  test("of the pools of a cluster: what all of them need is asked for once", async () => {
    harness = await azureHarness({ ...SETUP, groups: 5 }, { aks: true });
    const { account, keys } = harness.account;
    await account.look(keys, calling(harness));
    const counts = Object.groupBy(harness.cloud.calls, ({ action }) => action);
    expect(Object.fromEntries(Object.entries(counts).map(([action, of]) => [action, of?.length]))).toEqual({
      GetToken: 1,
      ListAgentPools: 1,
      GetCluster: 1,
      ListScaleSets: 1,
      ListMachines: 5,
      ListAutoscaleSettings: 1,
    });
  });

  test("before a size are one reading and one write", async () => {
    harness = await azureHarness({ ...SETUP, size: 0 }, { aks: false });
    const state = await harness.group().read(calling(harness));
    await harness.group().resize(1, state, calling(harness));
    expect(harness.cloud.calls.map(({ action }) => action)).toEqual([
      "GetToken",
      "GetScaleSet",
      "SetCapacity",
    ]);
  });
});

describe("rights", () => {
  async function probe(): Promise<Readonly<Record<string, string>>> {
    const { account, keys } = harness.account;
    const answers = (await account.probe?.(keys, calling(harness))) ?? [];
    return Object.fromEntries(answers.map(({ call, outcome }) => [call, outcome]));
  }

  test("are read from Azure's own list, with its patterns and exceptions, and nothing is tried", async () => {
    harness = await azureHarness(SETUP, { aks: false });
    harness.cloud.permit([
      {
        actions: ["Microsoft.Compute/*", "microsoft.insights/autoscalesettings/READ"],
        notActions: ["Microsoft.Compute/*/delete/action"],
      },
    ]);
    expect(await probe()).toEqual({
      "Microsoft.Compute/locations/operations/read": "allowed",
      "Microsoft.Insights/autoscaleSettings/read": "allowed",
      "Microsoft.Compute/virtualMachineScaleSets/read": "allowed",
      "Microsoft.Compute/virtualMachineScaleSets/virtualMachines/read": "allowed",
      "Microsoft.Compute/virtualMachineScaleSets/virtualMachines/instanceView/read": "allowed",
      "Microsoft.Compute/virtualMachineScaleSets/write": "allowed",
      "Microsoft.Compute/virtualMachineScaleSets/delete/action": "denied",
    });
    expect(await harness.writes()).toBe(0);
  });

  test("of an AKS pool are also those to read its machines, where AKS keeps them, each told once", async () => {
    harness = await azureHarness(SETUP, { aks: true });
    const { account, keys } = harness.account;
    const asked = (): readonly string[] =>
      harness.cloud.calls.flatMap(({ action }) => (action === "ListPermissions" ? [action] : []));
    harness.cloud.permit([{ actions: ["Microsoft.ContainerService/*"], notActions: [] }]);
    expect(await probe()).toMatchObject({
      "Microsoft.ContainerService/managedClusters/agentPools/write": "allowed",
      "Microsoft.Compute/virtualMachineScaleSets/read": "denied",
      "Microsoft.Compute/virtualMachineScaleSets/virtualMachines/read": "denied",
    });
    expect(asked()).toHaveLength(3);
    const both = [...keys, `${AZURE_PLACE.resourceGroup}/vmscaleset/group-0`.toLowerCase()];
    const rights = ((await account.probe?.(both, calling(harness))) ?? []).map(({ call }) => call);
    expect(rights).toEqual([...new Set(rights)]);
    expect(await harness.writes()).toBe(0);
  });

  test("are unknown where Azure does not say, with its refusal", async () => {
    harness = await azureHarness(SETUP, { aks: true });
    harness.cloud.trouble.set({
      kind: "refuse",
      code: "AuthorizationFailed",
      match: { action: "ListPermissions" },
    });
    const answers = (await harness.account.account.probe?.(harness.account.keys, calling(harness))) ?? [];
    expect(answers.map(({ call }) => call)).toContain(
      "Microsoft.ContainerService/managedClusters/agentPools/write",
    );
    expect(new Set(answers.map(({ outcome }) => outcome))).toEqual(new Set(["unknown"]));
    expect(answers[0]?.detail).toMatch(
      /Azure does not say what this identity may do there: .*AuthorizationFailed/,
    );
  });
});

test("members are joined by the providerID that a node of the set bears", async () => {
  harness = await azureHarness(SETUP, { aks: true });
  const { subscription, resourceGroup } = AZURE_PLACE;
  const { members, detaches, template } = await seen();
  expect(detaches).toBe(false);
  expect(template?.instanceTypes).toEqual(["gpu-8x"]);
  const nodes = harness.world.list("nodes").map(({ spec }) => spec?.providerID);
  expect(members.map(({ providerID }) => providerID)).toEqual(nodes);
  expect(nodes[0]).toBe(
    `azure:///subscriptions/${subscription}/resourceGroups/${resourceGroup}/providers/Microsoft.Compute/virtualMachineScaleSets/group-0/virtualMachines/1`,
  );
});
