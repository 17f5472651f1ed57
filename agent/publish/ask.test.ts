import { afterAll, beforeAll, describe, expect, test } from "vitest";

import { nodeDetailSchema } from "../../shared/contract/node-detail.ts";
import type { NodeDetail } from "../../shared/contract/node-detail.ts";
import type { Nats } from "../../shared/runtime/nats.ts";
import { connectNatsForTest } from "../../test/build/nats-client.ts";
import type { ConnectedNats } from "../../test/build/nats-client.ts";
import { answerAsk, encodeDetail } from "./ask.ts";

/** One GPU with as many processes, and an instance with as many readings, as asked for. */
function detail(processes: number, readings: number): NodeDetail {
  return {
    v: 1,
    node: "gpu-1.sim",
    at: 1_793_692_800_000,
    source: { state: "ready", driver: "580.159.04", detail: "driver 580.159.04" },
    gpus: [
      {
        index: 0,
        uuid: "GPU-0",
        name: "NVIDIA H200",
        busId: "0000:3b:00.0",
        state: "present",
        memoryTotalBytes: 1024,
        details: { eccEnabled: true },
        readings: { utilization: 0.5, energy: "unsupported (3)" },
        mig: {
          instances: [
            {
              uuid: "MIG-1",
              gpuInstance: 1,
              computeInstance: 0,
              profile: "1g.18gb",
              memoryTotalBytes: 512,
              readings: Object.fromEntries(Array.from({ length: readings }, (_, n) => [`reading${n}`, n])),
            },
          ],
        },
        processes: Array.from({ length: processes }, (_, pid) => ({
          pid,
          kind: "compute" as const,
          memoryBytes: 1,
          gpuInstance: null,
          computeInstance: null,
        })),
      },
    ],
    allocation: { kind: "unknown", why: "no socket" },
    health: { node: "healthy", findings: [] },
  };
}

function read(data: Uint8Array): NodeDetail {
  return nodeDetailSchema.parse(JSON.parse(new TextDecoder().decode(data)));
}

describe("encodeDetail()", () => {
  test("is everything while there is room", () => {
    expect(read(encodeDetail(detail(20, 20)))).toEqual(detail(20, 20));
  });

  test("leaves out processes, then the readings of instances, and says so", () => {
    const without = read(encodeDetail(detail(500, 20), 10_000));
    expect(without.leftOut).toEqual(["processes"]);
    expect(without.gpus[0]).toMatchObject({
      processes: null,
      mig: { instances: [{ readings: { reading7: 7 } }] },
    });
    const less = read(encodeDetail(detail(500, 2000), 10_000));
    expect(less.leftOut).toEqual(["processes", "readings of instances"]);
    expect(less.gpus[0]).toMatchObject({
      readings: { utilization: 0.5 },
      mig: { instances: [{ uuid: "MIG-1", readings: {} }] },
    });
  });

  test("refuses rather than send a part that says nothing of it", () => {
    expect(() => encodeDetail(detail(500, 2000), 200)).toThrow(/200 is the most/);
  });
});

describe("answerAsk() with a real nats-server", () => {
  const over = new AbortController();
  let real: ConnectedNats;
  let nats: Nats;
  beforeAll(async () => {
    real = await connectNatsForTest();
    ({ nats } = real);
  }, 60_000);
  afterAll(async () => {
    over.abort();
    await real[Symbol.asyncDispose]();
  });

  test("tells the moment of each question, an error with its reason, and ends with its signal", async () => {
    const stop = new AbortController();
    let asked = 0;
    const answering = answerAsk({
      nats,
      node: "gpu-1.sim",
      subjectRoot: "gpuas.v1",
      detail: () => {
        asked++;
        // More than a NATS server takes in one message, whatever is left out.
        if (asked === 3) return { ...detail(1, 1), node: "x".repeat(2 * 1024 * 1024) };
        return { ...detail(asked, 1), at: asked };
      },
      signal: stop.signal,
    });
    const ask = () => nats.request("gpuas.v1.ask.gpu-1_sim", new Uint8Array([0xff]));
    expect(read(await ask())).toMatchObject({ node: "gpu-1.sim", at: 1 });
    expect(read(await ask()).gpus[0]?.processes).toHaveLength(2);
    await expect(ask()).rejects.toMatchObject({ kind: "refused" });
    expect(read(await ask()).at).toBe(4);
    stop.abort();
    await answering;
    await expect(ask()).rejects.toMatchObject({ kind: "unavailable" });
  });
});
