import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { afterEach, beforeEach, describe, expect, test } from "vitest";

import { createFakeClock } from "../../../test/build/clock.ts";
import { eventually } from "../../../test/build/eventually.ts";
import { SCENE_NODE, watchScene } from "../../../test/build/metadata-watch.ts";
import type { MetadataScene, SceneOptions } from "../../../test/build/metadata-watch.ts";
import { startScriptedServer } from "../../../test/build/scripted-server.ts";
import type { ScriptedServer } from "../../../test/build/scripted-server.ts";
import { startAwsMetadata } from "../../../test/world/metadata/aws.ts";
import { startAzureMetadata } from "../../../test/world/metadata/azure.ts";
import type { Endpoint } from "../../../test/world/metadata/endpoint.ts";
import { startGcpMetadata } from "../../../test/world/metadata/gcp.ts";

let folder = "";
let nobody: ScriptedServer;
const ends: (() => Promise<void>)[] = [];
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "dmi-"));
  nobody = await startScriptedServer((_, reply) => {
    reply.text(404, "<html>no such page</html>");
  });
});
afterEach(async () => {
  for (const end of ends.splice(0).toReversed()) await end();
  await nobody[Symbol.asyncDispose]();
  await rm(folder, { recursive: true });
});

function nodeWith(providerID?: string) {
  return {
    metadata: { name: SCENE_NODE, labels: { "topology.kubernetes.io/zone": "zone-1" } },
    spec: providerID === undefined ? {} : { providerID },
  };
}

function start(url: string, options: SceneOptions = {}, settings: Parameters<typeof watchScene>[0] = {}) {
  const scene: MetadataScene = watchScene({ metadataUrl: url, ...settings }, { dmiDir: folder, ...options });
  ends.push(() => scene.stop());
  return scene;
}

async function known(scene: MetadataScene): Promise<unknown> {
  return await eventually(() => scene.watch.cloud, { withinMs: 3_000 });
}

describe("the cloud", () => {
  test.each([
    ["aws", "aws:///us-west-2b/i-0a1b2c3d4e5f60718"],
    ["gcp", "gce://train-prod/us-central1-b/gke-x7kq"],
    ["azure", "azure:///subscriptions/s/resourceGroups/g/providers/Microsoft.Compute/virtualMachines/m"],
  ])("is %s by the node's providerID, before anybody is asked", async (cloud, providerId) => {
    const scene = start(nobody.url.href, { node: nodeWith(providerId) });
    expect(await known(scene)).toBe(cloud);
    // With nothing answering, the labels and the providerID say what the machine is.
    expect(scene.watch.machine).toMatchObject({
      cloud,
      instanceId: providerId.split("/").at(-1),
      zone: "zone-1",
    });
  });

  test.each([
    ["aws", { sys_vendor: "Amazon EC2\n" }],
    ["aws", { sys_vendor: "Xen", bios_version: "4.11.amazon" }],
    ["gcp", { product_name: "Google Compute Engine" }],
    ["azure", { sys_vendor: "Microsoft Corporation", chassis_asset_tag: "7783-7084-3265-9085-8269-3286-77" }],
  ])("is %s by the names of the firmware", async (cloud, files) => {
    for (const [name, text] of Object.entries(files)) await writeFile(join(folder, name), text);
    expect(await known(start(nobody.url.href))).toBe(cloud);
  });

  test.each([
    ["aws", startAwsMetadata],
    ["gcp", startGcpMetadata],
    ["azure", startAzureMetadata],
  ] as const)("is %s by the service that answers", async (cloud, startService) => {
    const clock = createFakeClock();
    const service: Endpoint = await startService({ clock });
    ends.push(() => service.close());
    expect(await known(start(service.url, { clock, node: nodeWith("k3s://spot-1") }))).toBe(cloud);
  });

  test("is what the setting says, whatever else does", async () => {
    const scene = start(nobody.url.href, { node: nodeWith("gce://p/z/n") }, { cloud: "aws" });
    expect(await known(scene)).toBe("aws");
  });
});

describe("bare metal", () => {
  test("is asked once and never again", async () => {
    await writeFile(join(folder, "sys_vendor"), "Supermicro");
    const scene = start(nobody.url.href, { node: nodeWith() });
    expect(await known(scene)).toBe("none");
    expect(scene.watch).toMatchObject({ answered: true, health: { state: "none" }, machine: null });
    const asked = nobody.requests.length;
    expect(asked).toBe(3);
    await scene.round(3_600_000 / 60);
    expect(nobody.requests).toHaveLength(asked);
    scene.watch.nodeKnown();
    await scene.round();
    expect(nobody.requests).toHaveLength(asked);
  });

  test("is none without a question where the setting says so", async () => {
    const scene = start(nobody.url.href, {}, { cloud: "none" });
    expect(await known(scene)).toBe("none");
    expect(nobody.requests).toEqual([]);
  });

  test("turns out to be a cloud when the node gets its providerID", async () => {
    const clock = createFakeClock();
    const aws = await startAwsMetadata({ clock, identity: {} });
    ends.push(() => aws.close());
    aws.fail({ kind: "status", status: 404 });
    const scene = start(aws.url, { clock, node: nodeWith() });
    expect(await known(scene)).toBe("none");
    aws.mend();
    scene.setNode(nodeWith("aws:///us-west-2b/i-0a1b2c3d4e5f60718"));
    await eventually(() => scene.watch.cloud === "aws" && scene.watch.answered, { withinMs: 3_000 });
  });

  test("with a notice file is of the generic source", async () => {
    const scene = start(nobody.url.href, { node: nodeWith() }, { noticeFile: join(folder, "notice") });
    expect(await known(scene)).toBe("generic");
    expect(scene.watch.machine).toEqual({ cloud: "generic", zone: "zone-1" });
  });
});

describe("a network that is not up yet", () => {
  test("is tried again seldom, and at once when the node arrives", async () => {
    const clock = createFakeClock();
    const azure = await startAzureMetadata({ clock });
    ends.push(() => azure.close());
    await azure.down();
    const scene = start(azure.url, { clock });
    await eventually(() => clock.sleeping(30_000) === 1);
    expect(scene.watch).toMatchObject({ cloud: null, answered: false, health: { state: "starting" } });
    await azure.up();
    scene.setNode(nodeWith());
    expect(await known(scene)).toBe("azure");
  });

  test("is found by a later try without any node", async () => {
    const clock = createFakeClock();
    const gcp = await startGcpMetadata({ clock });
    ends.push(() => gcp.close());
    await gcp.down();
    const scene = start(gcp.url, { clock });
    await eventually(() => clock.sleeping(30_000) === 1);
    await clock.advance(30_000);
    await eventually(() => clock.sleeping(60_000) === 1);
    await gcp.up();
    await clock.advance(60_000);
    expect(await known(scene)).toBe("gcp");
  });

  test("that swallows questions is waited for once, not service by service", async () => {
    nobody.answer(() => {});
    const scene = start(nobody.url.href, { node: nodeWith() });
    await eventually(() => nobody.requests.length === 3);
    await scene.clock.advance(1_500);
    expect(await known(scene)).toBe("none");
  });
});
