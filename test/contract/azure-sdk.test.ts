// Whether our stand-in is Azure to Azure's own SDK: the same calls that the back end makes, by Microsoft's clients with
// their long-running operations, and the same things seen afterwards.

import { ComputeManagementClient } from "@azure/arm-compute";
import { ContainerServiceClient } from "@azure/arm-containerservice";
import { afterEach, describe, expect, test } from "vitest";

import { AZURE_PLACE } from "../../coordinator/replay/world-cloud.ts";
import { CLUSTER } from "../world/cloud/azure-groups.ts";
import { azureHarness } from "./azure-harness.ts";
import type { AzureHarness } from "./azure-harness.ts";
import { calling } from "./harness.ts";

const SETUP = { groups: 3, size: 2, min: 0, max: 10 };
const NAME = "group-0";
const QUICK = { updateIntervalInMs: 5 };

let harness: AzureHarness;
afterEach(async () => {
  await harness[Symbol.asyncDispose]();
});

/** The token that the stand-in gives to whoever has the secret. */
async function tokenOf({ cloud }: AzureHarness): Promise<string> {
  const { AZURE_TENANT_ID: tenant, AZURE_CLIENT_ID: client, AZURE_CLIENT_SECRET: secret } = cloud.env;
  const form = { grant_type: "client_credentials", scope: `${cloud.url}/.default` };
  const answer = await fetch(`${cloud.url}/${tenant}/oauth2/v2.0/token`, {
    method: "POST",
    body: new URLSearchParams({ ...form, client_id: client ?? "", client_secret: secret ?? "" }),
  });
  return ((await answer.json()) as { readonly access_token: string }).access_token;
}

/** Over plain HTTP the SDK sends no token of its own accord. */
async function clientsAt(at: AzureHarness) {
  const token = await tokenOf(at);
  const credential = { getToken: async () => await Promise.resolve({ token, expiresOnTimestamp: Infinity }) };
  const options = { endpoint: at.cloud.url, allowInsecureConnection: true };
  const compute = new ComputeManagementClient(credential, AZURE_PLACE.subscription, options);
  const aks = new ContainerServiceClient(credential, AZURE_PLACE.subscription, options);
  for (const { pipeline } of [compute, aks]) {
    pipeline.removePolicy({ name: "bearerTokenAuthenticationPolicy" });
    pipeline.addPolicy({
      name: "token of the test",
      sendRequest: async (request, next) => {
        request.headers.set("authorization", `Bearer ${token}`);
        return await next(request);
      },
    });
  }
  return {
    compute: compute.virtualMachineScaleSets,
    machines: compute.virtualMachineScaleSetVMs,
    pools: aks.agentPools,
  };
}

async function all<T>(items: AsyncIterable<T>): Promise<readonly T[]> {
  return await Array.fromAsync(items);
}

describe("scale sets by Azure's own SDK", () => {
  const { resourceGroup } = AZURE_PLACE;

  test("are listed and read, with their machines, over pages", async () => {
    harness = await azureHarness({ ...SETUP, groups: 70 }, { aks: false });
    const { compute, machines } = await clientsAt(harness);
    const listed = await all(compute.list(resourceGroup));
    expect(listed).toHaveLength(70);
    expect(listed.map(({ sku }) => sku?.capacity)).toEqual(Array.from({ length: 70 }, () => 2));
    const one = await compute.get(resourceGroup, NAME);
    const seen = await harness.group().read(calling(harness));
    expect(one).toMatchObject({ etag: seen.version, sku: { capacity: seen.size } });
    expect(one.orchestrationMode).toBe("Uniform");
    const there = await all(machines.list(resourceGroup, NAME, { expand: "instanceView" }));
    expect(there.map(({ instanceId }) => instanceId)).toEqual(await harness.instances());
    expect(there[0]?.instanceView?.statuses?.map(({ code }) => code)).toContain("PowerState/running");
  });

  test("grow on the condition of an ETag, and refuse a stale one with 412", async () => {
    harness = await azureHarness(SETUP, { aks: false });
    const { compute } = await clientsAt(harness);
    const { etag = "" } = await compute.get(resourceGroup, NAME);
    const poller = compute.update(resourceGroup, NAME, { sku: { capacity: 3 } }, { ifMatch: etag, ...QUICK });
    await poller.submitted();
    expect(await harness.size()).toBe(3);
    await harness.advance();
    expect((await poller).sku?.capacity).toBe(3);
    const late = compute.update(resourceGroup, NAME, { sku: { capacity: 4 } }, { ifMatch: etag, ...QUICK });
    await expect(late).rejects.toMatchObject({ statusCode: 412, code: "PreconditionFailed" });
    expect((await harness.group().read(calling(harness))).size).toBe(3);
  });

  test("tell of a stock-out by an operation that fails", async () => {
    harness = await azureHarness(SETUP, { aks: false });
    const { compute } = await clientsAt(harness);
    await harness.stockOut(0);
    const growth = compute.update(resourceGroup, NAME, { sku: { capacity: 3 } }, QUICK);
    await expect(growth).rejects.toThrow(/AllocationFailed/);
    expect((await harness.seen()).at(-1)?.failure?.kind).toBe("no-capacity");
  });

  test("lose the machine that is named, and refuse one that is none", async () => {
    harness = await azureHarness(SETUP, { aks: false });
    const { compute } = await clientsAt(harness);
    const [first = "", second = ""] = await harness.instances();
    const poller = compute.deleteInstances(resourceGroup, NAME, { instanceIds: [first] }, QUICK);
    await poller.submitted();
    await harness.advance();
    await poller;
    expect(await harness.instances()).toEqual([second]);
    expect(await harness.size()).toBe(1);
    const again = compute.deleteInstances(resourceGroup, NAME, { instanceIds: [first] }, QUICK);
    await expect(again).rejects.toMatchObject({ statusCode: 400, code: "InvalidParameter" });
  });
});

describe("AKS pools by Azure's own SDK", () => {
  const { resourceGroup, name: cluster } = CLUSTER;

  test("are listed, grown on the condition of an ETag, and lose the machine that is named", async () => {
    harness = await azureHarness(SETUP, { aks: true });
    const { pools } = await clientsAt(harness);
    expect((await all(pools.list(resourceGroup, cluster))).map(({ name }) => name)).toEqual([
      "group-0",
      "group-1",
      "group-2",
    ]);
    const pool = await pools.get(resourceGroup, cluster, NAME);
    const { eTag = "" } = pool;
    expect((await harness.group().read(calling(harness))).version).toBe(eTag);
    const grown = { ...pool, count: 3 };
    const growth = pools.createOrUpdate(resourceGroup, cluster, NAME, grown, { ifMatch: eTag, ...QUICK });
    await growth.submitted();
    await harness.advance();
    expect((await growth).count).toBe(3);
    const late = pools.createOrUpdate(resourceGroup, cluster, NAME, grown, { ifMatch: eTag, ...QUICK });
    await expect(late).rejects.toMatchObject({ statusCode: 412 });

    const node = harness.world.list("nodes")[0]?.metadata.name ?? "";
    const removal = pools.deleteMachines(resourceGroup, cluster, NAME, { machineNames: [node] }, QUICK);
    await removal.submitted();
    await harness.advance();
    await removal;
    expect(harness.world.list("nodes").map(({ metadata }) => metadata.name)).not.toContain(node);
    expect(await harness.size()).toBe(2);
  });
});
