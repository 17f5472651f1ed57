import { afterEach, beforeEach, describe, expect, test } from "vitest";

import { AZURE_PLACE } from "../../../coordinator/replay/world-cloud.ts";
import type { World } from "../../../coordinator/replay/world.ts";
import { systemClock } from "../../../shared/runtime/clock.ts";
import { aCloudGroup, aWorld, forward } from "../build.ts";
import { CLUSTER, poolId, setId } from "./azure-groups.ts";
import { startAzureCloud } from "./azure.ts";
import type { AzureCloud } from "./azure.ts";

let world: World;
let cloud: AzureCloud;
let token: string;

async function open(aks: boolean): Promise<void> {
  world = aWorld();
  world.clouds.addGroup(aCloudGroup({ name: "Gpu", cloud: "azure", desired: 2, max: 5 }));
  forward(world, 120_000);
  cloud = await startAzureCloud({ change: (make) => make(world), clock: systemClock, aks });
  const { status, json } = await post("/t/oauth2/v2.0/token", {
    grant_type: "client_credentials",
    client_id: cloud.env["AZURE_CLIENT_ID"] ?? "",
    client_secret: cloud.env["AZURE_CLIENT_SECRET"] ?? "",
    scope: "https://management.azure.com/.default",
  });
  expect(status).toBe(200);
  token = String(json["access_token"]);
}

interface Got {
  readonly status: number;
  readonly code: string;
  readonly json: Readonly<Record<string, unknown>>;
}

async function got(response: Response): Promise<Got> {
  const text = await response.text();
  const json = (text === "" ? {} : JSON.parse(text)) as Got["json"];
  const error = json["error"] as { readonly code?: string } | undefined;
  return { status: response.status, code: error?.code ?? "", json };
}

async function post(path: string, form: Readonly<Record<string, string>>): Promise<Got> {
  return await got(await fetch(`${cloud.url}${path}`, { method: "POST", body: new URLSearchParams(form) }));
}

async function call(
  method: string,
  path: string,
  body?: unknown,
  headers: Readonly<Record<string, string>> = {},
): Promise<Got> {
  return await got(
    await fetch(`${cloud.url}${path}${path.includes("?") ? "" : "?api-version=2024-11-01"}`, {
      method,
      headers: { authorization: `Bearer ${token}`, ...headers },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    }),
  );
}

afterEach(async () => {
  await cloud.close();
});

describe("a scale set", () => {
  beforeEach(async () => await open(false));
  const set = setId("Gpu");

  test("is found in whatever spelling, and nowhere else", async () => {
    expect(await call("GET", set.toLowerCase())).toMatchObject({ status: 200, json: { name: "Gpu" } });
    expect(await call("GET", set.replace(AZURE_PLACE.resourceGroup, "other"))).toMatchObject({
      status: 404,
      code: "ResourceNotFound",
    });
    expect(await call("GET", set.replace(AZURE_PLACE.subscription, "other"))).toMatchObject({
      status: 404,
      code: "SubscriptionNotFound",
    });
  });

  test("is shown to nobody without a token and a version", async () => {
    expect(await call("GET", set, undefined, { authorization: "Bearer other" })).toMatchObject({
      status: 401,
    });
    expect(await call("GET", `${set}?api-version=newest`)).toMatchObject({
      code: "MissingApiVersionParameter",
    });
    cloud.expireTokens();
    expect(await call("GET", set)).toMatchObject({ code: "InvalidAuthenticationToken" });
    expect(await post("/t/oauth2/v2.0/token", { client_id: "somebody" })).toMatchObject({ status: 401 });
  });

  test.each([
    ["capacity as text", { sku: { capacity: "3" } }, "InvalidParameter"],
    ["less than nothing", { sku: { capacity: -1 } }, "InvalidParameter"],
    ["no capacity", { sku: {} }, "InvalidParameter"],
    ["another size of machine", { sku: { name: "Standard_A1", capacity: 3 } }, "PropertyChangeNotAllowed"],
    ["a field that is none", { sku: { capacity: 3 }, count: 3 }, "InvalidRequestContent"],
    ["no object", [3], "InvalidRequestContent"],
    ["more than a set may have", { sku: { capacity: 1001 } }, "InvalidParameter"],
    ["more than the quota", { sku: { capacity: 6 } }, "OperationNotAllowed"],
  ])("refuses %s", async (_what, body, code) => {
    expect(await call("PATCH", set, body)).toMatchObject({ code });
    expect(world.clouds.group("Gpu")?.desired).toBe(2);
  });

  test("takes a size on its ETag, and none on an older one", async () => {
    const { etag } = (await call("GET", set)).json as { readonly etag: string };
    expect(await call("PATCH", set, { sku: { capacity: 3 } }, { "if-match": etag })).toMatchObject({
      status: 200,
    });
    expect(await call("PATCH", set, { sku: { capacity: 4 } }, { "if-match": etag })).toMatchObject({
      status: 412,
      code: "PreconditionFailed",
    });
    expect(world.clouds.group("Gpu")?.desired).toBe(3);
  });

  test.each([
    ["nobody", { instanceIds: [] }, "InvalidParameter"],
    ["one that is none", { instanceIds: ["1", "77"] }, "InvalidParameter"],
    ["a number", { instanceIds: [1] }, "InvalidParameter"],
  ])("ends no machine of a list with %s", async (_what, body, code) => {
    expect(await call("POST", `${set}/delete`, body)).toMatchObject({ code });
    expect(world.clouds.group("Gpu")?.desired).toBe(2);
  });

  test("loses the place of a machine that Azure takes", () => {
    const [first] = world.clouds.group("Gpu")?.instances ?? [];
    world.clouds.interrupt(first?.id ?? "", world.now);
    forward(world, 120_000);
    expect(world.clouds.group("Gpu")?.desired).toBe(1);
    expect(world.clouds.group("Gpu")?.instances).toHaveLength(1);
  });

  test("has no other calls", async () => {
    expect(await call("POST", `${set}/deallocate`, {})).toMatchObject({ status: 404 });
    expect(await call("DELETE", set)).toMatchObject({ status: 404 });
    expect(world.clouds.group("Gpu")).not.toBeNull();
  });
});

describe("an AKS pool", () => {
  beforeEach(async () => await open(true));
  const pool = poolId("Gpu");

  async function shown(): Promise<Readonly<Record<string, unknown>>> {
    return (await call("GET", pool)).json["properties"] as Readonly<Record<string, unknown>>;
  }

  test("is found in its cluster alone, with the scale set underneath by its tag", async () => {
    expect(await call("GET", pool)).toMatchObject({
      status: 200,
      json: { properties: { count: 2, mode: "User" } },
    });
    expect(await call("GET", pool.replace(CLUSTER.name, "other"))).toMatchObject({ status: 404 });
    expect((await call("GET", setId("Gpu"))).json["tags"]).toEqual({ "aks-managed-poolName": "Gpu" });
  });

  test.each([
    ["another machine size", { vmSize: "Standard_A1" }, "PropertyChangeNotAllowed"],
    ["a count as text", { count: "3" }, "InvalidParameter"],
    ["a field that is none", { nodes: 3 }, "InvalidRequestContent"],
    ["a label that is left out", { nodeTaints: undefined }, "PropertyChangeNotAllowed"],
  ])("refuses %s", async (_what, changed, code) => {
    const properties = { ...(await shown()), count: 3, ...changed };
    expect(await call("PUT", pool, { properties })).toMatchObject({ code });
    expect(world.clouds.group("Gpu")?.desired).toBe(2);
  });

  test("takes no count from others while its own autoscaler sizes it", async () => {
    cloud.configure("Gpu", { pool: { enableAutoScaling: true, minCount: 1, maxCount: 5 } });
    const properties = { ...(await shown()), count: 3 };
    expect(await call("PUT", pool, { properties })).toMatchObject({ status: 400 });
    expect(world.clouds.group("Gpu")?.desired).toBe(2);
  });

  test("keeps a node in a system pool", async () => {
    cloud.configure("Gpu", { pool: { mode: "System" } });
    expect(await call("PUT", pool, { properties: { ...(await shown()), count: 0 } })).toMatchObject({
      status: 400,
    });
    expect(world.clouds.group("Gpu")?.desired).toBe(2);
  });

  test("loses machines by their host names, and no others", async () => {
    const [first, second] = world.list("nodes").map(({ metadata }) => metadata.name);
    expect(await call("POST", `${pool}/deleteMachines`, { machineNames: ["nobody"] })).toMatchObject({
      status: 404,
    });
    expect(await call("POST", `${pool}/deleteMachines`, { machineNames: [first] })).toMatchObject({
      status: 202,
    });
    forward(world, 60_000);
    expect(world.list("nodes").map(({ metadata }) => metadata.name)).toEqual([second]);
  });
});
