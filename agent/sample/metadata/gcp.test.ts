import { afterEach, describe, expect, test } from "vitest";

import { epochMs, millis } from "../../../shared/model/units.ts";
import { createFakeClock } from "../../../test/build/clock.ts";
import type { FakeClock } from "../../../test/build/clock.ts";
import { eventually } from "../../../test/build/eventually.ts";
import { SCENE_NODE, watchScene } from "../../../test/build/metadata-watch.ts";
import type { MetadataScene, SceneOptions } from "../../../test/build/metadata-watch.ts";
import { startScriptedServer } from "../../../test/build/scripted-server.ts";
import type { Fault } from "../../../test/world/metadata/fault.ts";
import { startGcpMetadata } from "../../../test/world/metadata/gcp.ts";
import type { GcpMetadata } from "../../../test/world/metadata/gcp.ts";

const PREEMPTED = "/computeMetadata/v1/instance/preempted";
const MAINTENANCE = "/computeMetadata/v1/instance/maintenance-event";
const NODE = { metadata: { name: SCENE_NODE, labels: {} } };
const GKE_NODE = { metadata: { name: SCENE_NODE, labels: { "cloud.google.com/gke-nodepool": "spot" } } };

const ends: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const end of ends.splice(0).toReversed()) await end();
});

function again(
  gcp: GcpMetadata,
  clock: FakeClock,
  settings: Parameters<typeof watchScene>[0] = {},
  options: SceneOptions = {},
): MetadataScene {
  const scene = watchScene(
    { cloud: "gcp", metadataUrl: gcp.url, ...settings },
    { clock, node: NODE, ...options },
  );
  ends.push(() => scene.stop());
  return scene;
}

async function start(settings: Parameters<typeof watchScene>[0] = {}, options: SceneOptions = {}) {
  const clock = createFakeClock();
  const gcp = await startGcpMetadata({ clock });
  ends.push(() => gcp.close());
  const scene = again(gcp, clock, settings, options);
  await waiting(gcp);
  await scene.rest();
  return { gcp, scene, clock };
}

const waits = (gcp: GcpMetadata, path: string) =>
  gcp.requests.filter((one) => one.path === path && one.query.includes("wait_for_change=true"));

/** Until both long polls are under way. */
async function waiting(gcp: GcpMetadata): Promise<void> {
  for (const path of [PREEMPTED, MAINTENANCE])
    await eventually(() => waits(gcp, path).some(({ status }) => status === null), { withinMs: 3_000 });
}

const seen = async (scene: MetadataScene, count: number) =>
  await eventually(() => scene.watch.sightings.length === count && scene.watch.sightings, {
    withinMs: 3_000,
  });

describe("a machine of Google's", () => {
  test("is asked once plainly, then by long poll, and tells who it is", async () => {
    const { gcp, scene } = await start();
    await eventually(() => scene.watch.machine?.instanceType);
    expect(scene.watch).toMatchObject({
      cloud: "gcp",
      answered: true,
      health: { state: "up" },
      sightings: [],
      machine: {
        cloud: "gcp",
        instanceId: "9183746501928374650",
        instanceType: "a2-highgpu-8g",
        region: "us-central1",
        zone: "us-central1-b",
        lifecycle: "spot",
      },
    });
    const asked = gcp.requests.filter(({ path }) => path === PREEMPTED);
    expect(asked.map(({ query }) => query.replace(/last_etag=.*/, "last_etag="))).toEqual([
      "",
      "?wait_for_change=true&timeout_sec=60&last_etag=",
    ]);
    expect(gcp.breaches).toEqual([]);
  });

  test("is seen to be preempted as it happens, with the time that is left by experience", async () => {
    const { gcp, scene, clock } = await start();
    gcp.preempt();
    const [one] = await seen(scene, 1);
    expect(one).toEqual({
      id: `gcp-${SCENE_NODE}-preempted-boot-1`,
      source: "gcp",
      kind: "termination",
      action: "preempted",
      seenAt: clock.now(),
      deadline: clock.now() + 30_000,
      endsMachine: true,
    });
  });

  test.each([
    ["on GKE", 15_000, {}, { node: GKE_NODE }],
    ["before the node is known", 15_000, {}, {}],
    ["with a setting", 120_000, { gcpNotice: millis(120_000) }, { node: GKE_NODE }],
  ] as const)("has another notice %s", async (name, ms, settings, options) => {
    const clock = createFakeClock();
    const gcp = await startGcpMetadata({ clock });
    ends.push(() => gcp.close());
    const scene = watchScene({ cloud: "gcp", metadataUrl: gcp.url, ...settings }, { clock, ...options });
    ends.push(() => scene.stop());
    await waiting(gcp);
    gcp.preempt();
    const [one] = await seen(scene, 1);
    expect([name, (one?.deadline ?? 0) - (one?.seenAt ?? 0)]).toEqual([name, ms]);
  });

  test("gives the same id to the agent that is started anew, and another one after a boot", async () => {
    const { gcp, scene, clock } = await start();
    gcp.preempt();
    const [before] = await seen(scene, 1);
    await scene.stop();
    const [next] = await seen(again(gcp, clock), 1);
    expect(next?.id).toBe(before?.id);
    const [booted] = await seen(again(gcp, clock, {}, { bootId: "boot-2" }), 1);
    expect(booted?.id).not.toBe(before?.id);
  });

  test("keeps a preemption that is taken back until it has outlived it", async () => {
    const { gcp, scene, clock } = await start();
    gcp.preempt();
    await seen(scene, 1);
    await waiting(gcp);
    gcp.withdraw();
    await waiting(gcp);
    expect(scene.watch.sightings).toHaveLength(1);
    for (let s = 0; s < 180 && scene.watch.sightings.length > 0; s += 30) {
      const n = waits(gcp, PREEMPTED).length;
      await clock.advance(30_000);
      if (s % 60 === 30) await gcp.received(PREEMPTED, n);
      await scene.rest();
    }
    expect(scene.watch.sightings).toEqual([]);
    expect(clock.now() - Date.UTC(2026, 0, 1)).toBeGreaterThanOrEqual(90_000);
  });

  test("asks anew when a minute has passed without a change, and costs next to nothing", async () => {
    const { gcp, scene, clock } = await start();
    const before = gcp.requests.length;
    for (let minute = 1; minute <= 5; minute++) {
      await clock.advance(60_000);
      await waiting(gcp);
      await scene.rest();
    }
    expect(gcp.requests.length - before).toBeLessThan(5 * 60 * 0.1);
    expect(scene.watch.health).toMatchObject({ state: "up" });
    gcp.preempt();
    await seen(scene, 1);
  });

  test("tells of maintenance that it lives through, and of one that ends it", async () => {
    const { gcp, scene } = await start();
    gcp.maintenanceEvent("MIGRATE_ON_HOST_MAINTENANCE");
    expect(await seen(scene, 1)).toMatchObject([
      { kind: "maintenance", action: "MIGRATE_ON_HOST_MAINTENANCE", endsMachine: false, deadline: null },
    ]);
    await waiting(gcp);
    gcp.maintenanceEvent("NONE");
    await seen(scene, 0);
    await waiting(gcp);
    gcp.maintenanceEvent("TERMINATE_ON_HOST_MAINTENANCE");
    expect(await seen(scene, 1)).toMatchObject([{ kind: "maintenance", endsMachine: true, deadline: null }]);
  });

  test("tells of planned maintenance with its time", async () => {
    const { gcp, scene, clock } = await start();
    const at = epochMs(clock.now() + 86_400_000);
    gcp.upcomingMaintenance({
      type: "SCHEDULED",
      window_start_time: new Date(at).toISOString(),
      latest_window_start_time: new Date(at).toISOString(),
      maintenance_status: "PENDING",
      can_reschedule: "true",
    });
    await scene.round(64_000);
    expect(await seen(scene, 1)).toMatchObject([
      { kind: "maintenance", action: "SCHEDULED", deadline: at, endsMachine: true },
    ]);
    await waiting(gcp);
    gcp.maintenanceEvent("TERMINATE_ON_HOST_MAINTENANCE");
    expect(
      await eventually(() => scene.watch.sightings[0]?.action.startsWith("TERM") && scene.watch.sightings),
    ).toMatchObject([{ deadline: at, endsMachine: true }]);
    expect(gcp.breaches).toEqual([]);
  });
});

describe("answers that are none", () => {
  const faults: readonly (readonly [string, Fault])[] = [
    ["garbage", { kind: "garbage" }],
    ["nothing", { kind: "empty" }],
    ["five megabytes", { kind: "huge" }],
    ["a half, cut off", { kind: "truncated" }],
    ["a redirect", { kind: "redirect", to: "http://127.0.0.1:1/" }],
    ["a reset connection", { kind: "cut" }],
    ["503", { kind: "status", status: 503 }],
    ["404", { kind: "status", status: 404 }],
  ];
  test.each(faults)("%s: leaves what stood, and a change meanwhile is seen afterwards", async (_, fault) => {
    const { gcp, scene } = await start();
    gcp.fail({ ...fault, path: PREEMPTED });
    // The long poll under way is not met by it, and the next may be met only as it ends.
    await scene.round(130_000);
    expect(scene.watch.health).toMatchObject({ state: "down" });
    for (let round = 0; round < 10; round++) await scene.round(500);
    expect(scene.watch.sightings).toEqual([]);
    gcp.preempt();
    for (let round = 0; round < 10; round++) await scene.round(500);
    expect(scene.watch.sightings).toEqual([]);
    gcp.mend();
    for (let round = 0; round < 4; round++) await scene.round(500);
    expect(scene.watch).toMatchObject({ health: { state: "up" }, sightings: [{ action: "preempted" }] });
    expect(scene.lines().filter((line) => line.startsWith("warn the metadata service"))).toHaveLength(1);
  });

  test("a server that is not Google's is not believed", async () => {
    await using server = await startScriptedServer((_, reply) => {
      reply.text(200, "TRUE", { etag: "1" });
    });
    const clock = createFakeClock();
    const scene = watchScene({ cloud: "gcp", metadataUrl: server.url.href }, { clock });
    await scene.rest();
    expect(scene.watch).toMatchObject({ sightings: [], answered: false, health: { state: "down" } });
    expect(JSON.stringify(scene.watch.health)).toContain("not Google's metadata server");
    await scene.stop();
  });

  test("a server that does not wait is asked each second", async () => {
    await using server = await startScriptedServer((request, reply) => {
      const body = request.path === PREEMPTED ? "FALSE" : "NONE";
      reply.text(200, body, { "metadata-flavor": "Google", etag: "1" });
    });
    const clock = createFakeClock();
    const scene = watchScene({ cloud: "gcp", metadataUrl: server.url.href }, { clock });
    await scene.rest();
    const asked = () => server.requests.filter(({ path }) => path === PREEMPTED).length;
    // In fake time an answer may come late against the clock; steps keep it within its limits.
    for (let step = 0; step < 40; step++) {
      await clock.advance(250);
      const settled = () => clock.sleeping(70_000) === 0 && clock.sleeping(2_000) === 0;
      await eventually(settled);
    }
    expect(asked()).toBeGreaterThanOrEqual(10);
    expect(asked()).toBeLessThanOrEqual(15);
    expect(scene.watch.health).toMatchObject({ state: "up" });
    await scene.stop();
  });
});
