import { afterEach, describe, expect, test } from "vitest";

import { epochMs, millis } from "../../../shared/model/units.ts";
import { createFakeClock } from "../../../test/build/clock.ts";
import type { FakeClock } from "../../../test/build/clock.ts";
import { eventually } from "../../../test/build/eventually.ts";
import { SCENE_NODE, watchScene } from "../../../test/build/metadata-watch.ts";
import type { MetadataScene } from "../../../test/build/metadata-watch.ts";
import { startAzureMetadata } from "../../../test/world/metadata/azure.ts";
import type { AzureMetadata, AzureMetadataOptions } from "../../../test/world/metadata/azure.ts";
import type { Fault } from "../../../test/world/metadata/fault.ts";

const EVENTS = "/metadata/scheduledevents";
const US = "aks-spota-31415926-vmss_7";
const SET =
  "/subscriptions/8d1/resourceGroups/mc/providers/Microsoft.Compute/virtualMachineScaleSets/AKS-spota-31415926-vmss";
const NODE = {
  metadata: { name: SCENE_NODE, labels: {} },
  spec: { providerID: `azure://${SET}/virtualMachines/7` },
};

const ends: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const end of ends.splice(0).toReversed()) await end();
});

async function start(
  options: Partial<AzureMetadataOptions> = {},
  settings: Parameters<typeof watchScene>[0] = {},
): Promise<{ readonly azure: AzureMetadata; readonly scene: MetadataScene; readonly clock: FakeClock }> {
  const clock = createFakeClock();
  const azure = await startAzureMetadata({ clock, ...options });
  ends.push(() => azure.close());
  const scene = again(azure, clock, settings);
  if (options.firstAnswerMs === undefined) await scene.rest();
  return { azure, scene, clock };
}

function again(
  azure: AzureMetadata,
  clock: FakeClock,
  settings: Parameters<typeof watchScene>[0] = {},
): MetadataScene {
  const scene = watchScene({ cloud: "azure", metadataUrl: azure.url, ...settings }, { clock, node: NODE });
  ends.push(() => scene.stop());
  return scene;
}

const inSeconds = (clock: FakeClock, s: number) => epochMs(clock.now() + s * 1000);

describe("a machine of Azure's", () => {
  test("is asked more than once a second, tells who it is, and has nothing to announce", async () => {
    const { azure, scene, clock } = await start();
    const from = clock.now();
    await scene.round(60_000);
    expect(scene.watch).toMatchObject({
      cloud: "azure",
      answered: true,
      health: { state: "up" },
      sightings: [],
      machine: {
        cloud: "azure",
        instanceId: "5c08b38e-4d57-4c23-ac45-aca61037f084",
        instanceType: "Standard_ND96asr_v4",
        region: "westeurope",
        zone: "westeurope-2",
        lifecycle: "spot",
      },
    });
    const times = azure.requests.filter(({ at, path }) => at > from && path === EVENTS).map(({ at }) => at);
    expect(Math.max(...times.slice(1).map((at, i) => at - (times[i] ?? 0)))).toBeLessThanOrEqual(950);
    expect(azure.requests.length / 60).toBeLessThan(1.5);
    expect(azure.breaches).toEqual([]);
  });

  test("may take two minutes over the first answer", async () => {
    const { azure, scene, clock } = await start({ firstAnswerMs: millis(110_000) });
    await azure.received(EVENTS);
    for (let s = 0; s < 100; s += 10) await clock.advance(10_000);
    expect(scene.watch).toMatchObject({ answered: false, health: { state: "starting" } });
    azure.schedule({ type: "Preempt", notBefore: inSeconds(clock, 60) });
    await clock.advance(10_000);
    await eventually(() => scene.watch.sightings.length === 1);
    expect(scene.watch).toMatchObject({ answered: true, health: { state: "up" } });
    expect(scene.answers.filter((one) => one !== "azure ok")).toEqual([]);
  });

  test("is seen to be preempted, with the time of the event", async () => {
    const { azure, scene, clock } = await start();
    const at = inSeconds(clock, 30);
    const { eventId } = azure.schedule({ type: "Preempt", notBefore: at });
    await scene.round();
    expect(scene.watch.sightings).toEqual([
      {
        id: `azure-${eventId}`,
        source: "azure",
        kind: "termination",
        action: "Preempt",
        seenAt: expect.any(Number) as number,
        deadline: at,
        endsMachine: true,
      },
    ]);
  });

  test("has what Azure leaves by experience once the event has begun, and never more than before", async () => {
    const { azure, scene, clock } = await start();
    const { eventId } = azure.schedule({ type: "Preempt", notBefore: inSeconds(clock, 30) });
    await scene.round();
    azure.begin(eventId);
    await scene.round();
    const [begun] = scene.watch.sightings;
    expect((begun?.deadline ?? 0) - (begun?.seenAt ?? 0)).toBeLessThanOrEqual(11_000);
    await scene.round(5_000);
    expect(scene.watch.sightings).toEqual([begun]);

    const late = azure.schedule({ type: "Preempt", notBefore: inSeconds(clock, 5) });
    await scene.round();
    const deadline = scene.watch.sightings[1]?.deadline;
    azure.begin(late.eventId);
    await scene.round();
    expect(scene.watch.sightings[1]?.deadline).toBe(deadline);
  });

  test.each([
    ["Freeze", false],
    ["Reboot", true],
    ["Redeploy", true],
    ["Terminate", true],
  ] as const)("tells of %s as maintenance", async (type, endsMachine) => {
    const { azure, scene, clock } = await start();
    const at = inSeconds(clock, 3_600);
    azure.schedule({ type, notBefore: at });
    await scene.round();
    expect(scene.watch.sightings).toMatchObject([
      { kind: "maintenance", action: type, endsMachine, deadline: at },
    ]);
  });

  test("that breaks without a warning has what is left when it is seen; a freeze has no time", async () => {
    const { azure, scene } = await start();
    azure.schedule({ type: "Reboot", notBefore: null });
    azure.schedule({ type: "Freeze", notBefore: null });
    await scene.round();
    const [reboot, freeze] = scene.watch.sightings;
    expect((reboot?.deadline ?? 0) - (reboot?.seenAt ?? 0)).toBe(10_000);
    expect(freeze?.deadline).toBeNull();
  });

  test("is no longer announced to go when the event is cancelled before it has begun", async () => {
    const { azure, scene, clock } = await start();
    const { eventId } = azure.schedule({ type: "Preempt", notBefore: inSeconds(clock, 30) });
    await scene.round();
    azure.cancel(eventId);
    await scene.round();
    expect(scene.watch.sightings).toEqual([]);
  });

  test("keeps an event that has begun and vanishes until it has outlived it", async () => {
    const { azure, scene, clock } = await start();
    const { eventId } = azure.schedule({ type: "Preempt", notBefore: inSeconds(clock, 30) });
    await scene.round();
    azure.begin(eventId);
    await scene.round();
    azure.cancel(eventId);
    await scene.round(60_000);
    expect(scene.watch.sightings).toHaveLength(1);
    await scene.round(15_000);
    expect(scene.watch.sightings).toEqual([]);
  });

  test("hears of itself alone, by its name in the set", async () => {
    const { azure, scene, clock } = await start();
    const notBefore = inSeconds(clock, 600);
    azure.schedule({ type: "Reboot", notBefore, resources: ["other_1", "other_2"] });
    azure.schedule({ type: "Redeploy", notBefore, resources: ["other_1", US.toUpperCase()] });
    await scene.round();
    expect(scene.watch.sightings).toMatchObject([{ action: "Redeploy" }]);
  });

  test("that knows its name neither from its node nor from Azure does not take events for others'", async () => {
    const clock = createFakeClock();
    const azure = await startAzureMetadata({ clock });
    ends.push(() => azure.close());
    azure.fail({ kind: "status", status: 503, path: "/metadata/instance" });
    azure.schedule({ type: "Preempt", notBefore: inSeconds(clock, 60) });
    const scene = watchScene({ cloud: "azure", metadataUrl: azure.url }, { clock });
    ends.push(() => scene.stop());
    await scene.rest();
    expect(scene.watch).toMatchObject({ answered: false, sightings: [], health: { state: "down" } });
    azure.mend();
    await scene.round(6_000);
    expect(scene.watch).toMatchObject({ answered: true, sightings: [{ action: "Preempt" }] });
  });

  test("gives the same id to the agent that is started anew", async () => {
    const { azure, scene, clock } = await start();
    azure.schedule({ type: "Preempt", notBefore: inSeconds(clock, 60) });
    await scene.round();
    const [before] = scene.watch.sightings;
    await scene.stop();
    const next = again(azure, clock);
    await next.rest();
    expect(next.watch.sightings).toMatchObject([{ id: before?.id, deadline: before?.deadline }]);
  });
});

describe("an acknowledgement", () => {
  const acknowledging = { azureAcknowledge: true };

  test("lets an event of this machine alone begin, once", async () => {
    const { azure, scene, clock } = await start({}, acknowledging);
    const { eventId } = azure.schedule({ type: "Preempt", notBefore: inSeconds(clock, 60) });
    await scene.round();
    const id = scene.watch.sightings[0]?.id ?? "";
    scene.watch.acknowledge(id);
    scene.watch.acknowledge(id);
    await eventually(() => azure.approvals.length > 0);
    await scene.round();
    expect(azure.approvals.map((one) => one.eventId)).toEqual([eventId]);
    expect(azure.breaches).toEqual([]);
  });

  test("is not given without the setting, for an event of others too, nor for one that has begun", async () => {
    const { azure, scene, clock } = await start();
    azure.schedule({ type: "Preempt", notBefore: inSeconds(clock, 60) });
    await scene.round();
    scene.watch.acknowledge(scene.watch.sightings[0]?.id ?? "");
    await scene.round();

    const willing = again(azure, clock, acknowledging);
    azure.withdraw();
    azure.schedule({ type: "Reboot", notBefore: inSeconds(clock, 60), resources: [US, "other_1"] });
    azure.schedule({ type: "Terminate", notBefore: null });
    await willing.round();
    expect(willing.watch.sightings).toHaveLength(2);
    for (const { id } of willing.watch.sightings) willing.watch.acknowledge(id);
    willing.watch.acknowledge("azure-unknown");
    await willing.round();
    expect(azure.approvals).toEqual([]);
    expect(azure.requests.filter(({ method }) => method === "POST")).toEqual([]);
  });

  test("is tried again when it fails", async () => {
    const { azure, scene, clock } = await start({}, acknowledging);
    azure.schedule({ type: "Preempt", notBefore: inSeconds(clock, 60) });
    await scene.round();
    azure.fail({ kind: "status", status: 503, method: "POST", times: 1 });
    scene.watch.acknowledge(scene.watch.sightings[0]?.id ?? "");
    await eventually(() => azure.requests.some(({ method, status }) => method === "POST" && status === 503));
    await scene.clock.untilSleeping(1_000);
    await clock.advance(1_000);
    await eventually(() => azure.approvals.length === 1);
  });
});

describe("answers that are none", () => {
  const faults: readonly (readonly [string, Fault])[] = [
    ["garbage", { kind: "garbage" }],
    ["a list without events", { kind: "garbage", body: '{"DocumentIncarnation":9}' }],
    ["events that are none", { kind: "garbage", body: '{"DocumentIncarnation":9,"Events":[{},null,7]}' }],
    ["nothing", { kind: "empty" }],
    ["five megabytes", { kind: "huge" }],
    ["a half, cut off", { kind: "truncated" }],
    ["a half, as the whole", { kind: "half" }],
    ["a redirect", { kind: "redirect", to: "http://127.0.0.1:1/" }],
    ["a reset connection", { kind: "cut" }],
    ["500", { kind: "status", status: 500 }],
    ["429", { kind: "status", status: 429, headers: { "retry-after": "3" } }],
  ];
  test.each(faults)("%s: leaves what stood, is told once, and is over at once", async (_, fault) => {
    const { azure, scene, clock } = await start();
    azure.schedule({ type: "Preempt", notBefore: inSeconds(clock, 60) });
    await scene.round();
    const before = scene.watch.sightings;
    expect(before).toHaveLength(1);
    azure.fail({ ...fault, path: EVENTS });
    await scene.round(10_000);
    expect(scene.watch.sightings).toEqual(before);
    expect(scene.watch.health).toMatchObject({ state: "down" });
    azure.mend();
    await scene.round(fault.kind === "status" && fault.status === 429 ? 3_500 : 2_000);
    expect(scene.watch.health).toMatchObject({ state: "up" });
    expect(scene.watch.sightings).toEqual(before);
    expect(scene.lines().filter((line) => line.startsWith("warn the metadata service"))).toHaveLength(1);
  });

  test("fewer questions are asked when the service has too many", async () => {
    const { azure, scene, clock } = await start();
    azure.fail({ kind: "status", status: 429, headers: { "retry-after": "4" } });
    await scene.round(5_000);
    const from = clock.now();
    await scene.round(20_000);
    expect(azure.requests.filter(({ at }) => at > from).length).toBeLessThanOrEqual(6);
  });
});
