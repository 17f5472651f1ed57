import { afterEach, beforeEach, describe, expect, test } from "vitest";

import { sliceKey } from "../../shared/model/held-device.ts";
import type { HeldDevice } from "../../shared/model/held-device.ts";
import type { KubeClient } from "../../shared/runtime/kube/client.ts";
import { createLogSink } from "../../shared/runtime/log.ts";
import { createFakeClock } from "../../test/build/clock.ts";
import type { FakeClock } from "../../test/build/clock.ts";
import { eventually } from "../../test/build/eventually.ts";
import { clientFor } from "../../test/build/kube-client.ts";
import { startScriptedServer } from "../../test/build/scripted-server.ts";
import type { Script, ScriptedServer } from "../../test/build/scripted-server.ts";
import { devicesIn, watchResourceSlices } from "./resource-slices.ts";
import type { ResourceSlices } from "./resource-slices.ts";

const YEAR_MS = 365 * 24 * 3_600_000;

interface SliceParts {
  readonly driver?: string;
  readonly pool?: unknown;
  readonly devices?: unknown;
}

function slice({ driver = "gpu.nvidia.com", pool, devices = [] }: SliceParts) {
  return {
    metadata: { name: "s" },
    spec: { driver, nodeName: "n1", pool: pool ?? { name: "n1", generation: 1 }, devices },
  };
}
const gpu = (name: string, uuid: string) => ({ name, attributes: { uuid: { string: uuid } } });

describe("devicesIn()", () => {
  const read = (...slices: readonly ReturnType<typeof slice>[]): Readonly<Record<string, unknown>> =>
    Object.fromEntries(devicesIn(slices));

  test("takes UUID and parent of whole GPUs, of instances, and of instances that are not cut yet", () => {
    const devices = [
      gpu("gpu-0", "GPU-a"),
      { name: "gpu-1-mig-9-0-1", attributes: { uuid: { string: "MIG-b" }, parentUUID: { string: "GPU-b" } } },
      { name: "gpu-1-mig-1g18gb-19-2", attributes: { parentUUID: { string: "GPU-b" } } },
      { name: "gpu-2", attributes: { "gpu.nvidia.com/uuid": { string: "GPU-c" } } },
      // v1beta1
      { name: "gpu-3", basic: { attributes: { uuid: { string: "GPU-d" } } } },
    ];
    expect(read(slice({ devices }))).toEqual({
      "n1/gpu-0": { uuid: "GPU-a", parent: null },
      "n1/gpu-1-mig-9-0-1": { uuid: "MIG-b", parent: "GPU-b" },
      "n1/gpu-1-mig-1g18gb-19-2": { uuid: null, parent: "GPU-b" },
      "n1/gpu-2": { uuid: "GPU-c", parent: null },
      "n1/gpu-3": { uuid: "GPU-d", parent: null },
    });
  });

  test("goes by the newest generation of each pool, over all its slices", () => {
    expect(
      read(
        slice({ pool: { name: "n1", generation: 2 }, devices: [gpu("gpu-0", "GPU-new")] }),
        slice({
          pool: { name: "n1", generation: 1 },
          devices: [gpu("gpu-0", "GPU-old"), gpu("gpu-1", "GPU-gone")],
        }),
        slice({ pool: { name: "n1", generation: 2 }, devices: [gpu("gpu-2", "GPU-two")] }),
        slice({ pool: { name: "other", generation: 1 }, devices: [gpu("gpu-0", "GPU-other")] }),
      ),
    ).toEqual({
      "n1/gpu-0": { uuid: "GPU-new", parent: null },
      "n1/gpu-2": { uuid: "GPU-two", parent: null },
      "other/gpu-0": { uuid: "GPU-other", parent: null },
    });
  });

  test.each([
    ["another driver", slice({ driver: "dra.net", devices: [gpu("gpu-0", "GPU-a")] })],
    ["no pool", slice({ pool: "n1", devices: [gpu("gpu-0", "GPU-a")] })],
    [
      "a generation in words",
      slice({ pool: { name: "n1", generation: "1" }, devices: [gpu("gpu-0", "GPU-a")] }),
    ],
    ["no list of devices", slice({ devices: { "gpu-0": 1 } })],
    ["a device without a name", slice({ devices: [{ attributes: { uuid: { string: "GPU-a" } } }] })],
    ["a device without a UUID", slice({ devices: [{ name: "gpu-0", attributes: {} }, null, "gpu-1", 7] })],
    ["a UUID that is a number", slice({ devices: [{ name: "gpu-0", attributes: { uuid: { int: 1 } } }] })],
    ["no spec", { metadata: { name: "s" } } as ReturnType<typeof slice>],
  ])("passes over %s", (_, found) => {
    expect(read(found)).toEqual({});
  });
});

let server: ScriptedServer;
let client: KubeClient;
let clock: FakeClock;
let stop: AbortController;
let slices: ResourceSlices;
let changes: number;
let sink: ReturnType<typeof createLogSink>;

const listOf =
  (...items: readonly unknown[]): Script =>
  (_, reply) => {
    reply.json(200, { kind: "ResourceSliceList", metadata: { resourceVersion: "1" }, items });
  };
const refusing =
  (code: number, reason: string): Script =>
  (_, reply) => {
    reply.json(code, { kind: "Status", status: "Failure", code, reason });
  };

function claimed(device: string, claim = "c1", driver = "gpu.nvidia.com"): HeldDevice {
  return {
    namespace: "ns",
    pod: "p",
    container: "c",
    device,
    by: { kind: "claim", claim, driver, pool: "n1", cdi: [] },
  };
}
const PLUGIN: HeldDevice = {
  namespace: "ns",
  pod: "p",
  container: "c",
  device: "GPU-0",
  by: { kind: "plugin", resource: "nvidia.com/gpu" },
};
const uuidOf = (device: string): string | null | undefined =>
  slices.devices().get(sliceKey("n1", device))?.uuid;
const lines = (): readonly string[] => sink.lines.map(({ level, message }) => `${level}: ${message}`);
const UNREAD = "warn: resource slices cannot be read; claimed GPUs are told apart by name alone";

beforeEach(async () => {
  server = await startScriptedServer(listOf(slice({ devices: [gpu("gpu-0", "GPU-a")] })));
  clock = createFakeClock();
  client = clientFor(server.url, clock);
  stop = new AbortController();
  changes = 0;
  sink = createLogSink();
  slices = watchResourceSlices({
    client,
    node: "n1",
    clock,
    log: sink.log,
    signal: stop.signal,
    onChange: () => {
      changes++;
    },
  });
});
afterEach(async () => {
  stop.abort();
  await slices.ended;
  client.close();
  await server[Symbol.asyncDispose]();
});

describe("watchResourceSlices()", () => {
  test("asks nobody as long as no claim of the driver is seen", async () => {
    slices.saw([]);
    slices.saw([PLUGIN, claimed("eth1", "net", "dra.net")]);
    await clock.advance(3_600_000);
    expect(server.requests).toEqual([]);
    expect(clock.sleeping(YEAR_MS)).toBe(1);
  });

  test("asks for the slices of its own node once for each set of claimed devices", async () => {
    slices.saw([PLUGIN, claimed("gpu-0")]);
    await clock.advance(0);
    await eventually(() => uuidOf("gpu-0") === "GPU-a");
    const [request] = server.requests;
    expect(request?.path).toBe("/apis/resource.k8s.io/v1/resourceslices");
    expect(request?.query.get("fieldSelector")).toBe("spec.nodeName=n1");
    for (let again = 0; again < 5; again++) slices.saw([claimed("gpu-0"), PLUGIN]);
    await clock.advance(60_000);
    expect(server.requests).toHaveLength(1);

    // The same name for another claim may be another instance.
    server.answer(listOf(slice({ devices: [gpu("gpu-0", "GPU-b")] })));
    slices.saw([claimed("gpu-0", "c2")]);
    await clock.advance(5_000);
    await eventually(() => uuidOf("gpu-0") === "GPU-b");
    expect(changes).toBe(2);
    expect(lines()).toEqual([]);
  });

  test("asks again when the driver shows other GPUs: a name that stays may be another one's", async () => {
    slices.refresh();
    await clock.advance(60_000);
    expect(server.requests).toEqual([]);
    slices.saw([claimed("gpu-0")]);
    await clock.advance(0);
    await eventually(() => uuidOf("gpu-0") === "GPU-a");
    server.answer(listOf(slice({ devices: [gpu("gpu-0", "GPU-b")] })));
    for (let news = 0; news < 5; news++) slices.refresh();
    await clock.advance(5_000);
    await eventually(() => uuidOf("gpu-0") === "GPU-b");
    expect(server.requests).toHaveLength(2);
    slices.saw([]);
    slices.refresh();
    await clock.advance(60_000);
    expect(server.requests).toHaveLength(2);
  });

  test("asks a cluster that has older versions only for the newest of them", async () => {
    const served = listOf(slice({ devices: [{ name: "gpu-0", basic: gpu("gpu-0", "GPU-a") }] }));
    server.answer((request, reply) =>
      (request.path.includes("/v1beta1/") ? served : refusing(404, "NotFound"))(request, reply),
    );
    slices.saw([claimed("gpu-0")]);
    await clock.advance(0);
    await eventually(() => uuidOf("gpu-0") === "GPU-a");
    expect(server.requests.map(({ path }) => path.split("/")[3])).toEqual(["v1", "v1beta2", "v1beta1"]);
  });

  test.each<[string, Script, number]>([
    ["no right to read them", refusing(403, "Forbidden"), 300_000],
    ["a cluster without them", refusing(404, "NotFound"), 300_000],
    ["a server in trouble", refusing(500, "InternalError"), 30_000],
  ])("says once of %s, keeps what it knew, and tries again", async (_, script, retryMs) => {
    slices.saw([claimed("gpu-0")]);
    await clock.advance(0);
    await eventually(() => uuidOf("gpu-0") === "GPU-a");
    server.answer(script);
    slices.saw([claimed("gpu-1")]);
    await clock.advance(5_000);
    for (let attempt = 0; attempt < 2; attempt++) {
      await clock.untilSleeping(retryMs);
      expect(lines()).toEqual([UNREAD]);
      expect(uuidOf("gpu-0")).toBe("GPU-a");
      if (attempt === 1) server.answer(listOf(slice({ devices: [gpu("gpu-1", "GPU-b")] })));
      await clock.advance(retryMs);
    }
    await eventually(() => uuidOf("gpu-1") === "GPU-b");
    expect(lines()).toEqual([UNREAD, "info: resource slices can be read again"]);
    expect(changes).toBe(2);
  });
});
