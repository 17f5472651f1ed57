import { describe, expect, test } from "vitest";

import type { GpuEvent } from "../../../shared/model/gpu.ts";
import { epochMs, millis } from "../../../shared/model/units.ts";
import type { Millis } from "../../../shared/model/units.ts";
import { createFakeClock } from "../../../test/build/clock.ts";
import type { FakeClock } from "../../../test/build/clock.ts";
import type { Events } from "./events.ts";
import { listen } from "./listen.ts";

const XID: GpuEvent = {
  at: epochMs(0),
  gpu: "GPU-0",
  busId: null,
  teller: "driver",
  what: { kind: "xid", xid: 31 },
  gpuInstance: null,
  text: "",
};

interface Scene {
  readonly clock: FakeClock;
  /** Of each wait the time that it was given. */
  readonly waits: number[];
  readonly heard: GpuEvent[];
  /** How often messages were let in. */
  yields: number;
  /** When listening was over. */
  readonly run: (forMs: number, signal?: AbortSignal) => Promise<number>;
}

/** `wait` blocks the thread for the time that it returns, as a native call does: it moves the clock itself. */
function createScene(options: {
  readonly supported?: boolean;
  readonly wait?: (
    timeoutMs: Millis,
    nth: number,
  ) => { readonly tookMs: number; readonly events?: readonly GpuEvent[] };
  readonly connected?: boolean;
}): Scene {
  const clock = createFakeClock();
  let blockedMs = 0;
  const late = { ...clock, monotonic: () => millis(clock.monotonic() + blockedMs) };
  const events: Events = {
    supported: options.supported ?? true,
    wait: (timeoutMs) => {
      scene.waits.push(timeoutMs);
      const { tookMs, events: heard = [] } = options.wait?.(timeoutMs, scene.waits.length) ?? {
        tookMs: timeoutMs,
      };
      blockedMs += tookMs;
      return heard;
    },
    failures: () => 0,
    close: () => undefined,
  };
  const scene: Scene = {
    clock,
    waits: [],
    heard: [],
    yields: 0,
    run: async (forMs, signal = new AbortController().signal) => {
      let over = false;
      const listening = listen(
        {
          events: () => (options.connected === false ? null : events),
          onEvents: (told) => scene.heard.push(...told),
          clock: late,
          yield: async () => {
            scene.yields += 1;
          },
        },
        millis(forMs),
        signal,
      ).then(() => {
        over = true;
      });
      for (let step = 0; step < 2 * forMs && !over; step++) await clock.advance(1);
      await listening;
      return late.monotonic();
    },
  };
  return scene;
}

describe("listen()", () => {
  test("waits in pieces of at most 150 ms, lets messages in between, and is never late", async () => {
    const scene = createScene({});
    const endedAt = await scene.run(1_000);
    expect(endedAt).toBeGreaterThanOrEqual(1_000);
    expect(endedAt).toBeLessThan(1_003);
    expect(Math.max(...scene.waits)).toBe(150);
    expect(scene.waits.length).toBeLessThanOrEqual(8);
    expect(scene.yields).toBe(scene.waits.length);
  });

  test("tells what was heard at once and goes on listening", async () => {
    const scene = createScene({
      wait: (timeoutMs, nth) => (nth === 2 ? { tookMs: 10, events: [XID] } : { tookMs: timeoutMs }),
    });
    await scene.run(500);
    expect(scene.heard).toEqual([XID]);
    expect(scene.waits.length).toBeGreaterThan(3);
  });

  test("goes round no faster when a GPU reports without end, and tells all of it", async () => {
    const flood = Array.from({ length: 64 }, () => XID);
    const scene = createScene({ wait: () => ({ tookMs: 0, events: flood }) });
    expect(await scene.run(1_000)).toBeLessThan(1_003);
    expect(scene.waits.length).toBeLessThanOrEqual(8);
    expect(scene.heard).toHaveLength(scene.waits.length * 64);
  });

  test("does not go round faster when waits end early with nothing", async () => {
    const scene = createScene({ wait: () => ({ tookMs: 0 }) });
    expect(await scene.run(1_000)).toBeLessThan(1_003);
    expect(scene.waits.length).toBeLessThanOrEqual(8);
  });

  test.each([{ supported: false }, { connected: false }])(
    "sleeps where there is nothing to hear: %j",
    async (options) => {
      const scene = createScene(options);
      const endedAt = await scene.run(1_000);
      expect(endedAt).toBeGreaterThanOrEqual(1_000);
      expect(scene.waits).toEqual([]);
    },
  );

  test("ends with the piece in which it is told to", async () => {
    const stop = new AbortController();
    const scene = createScene({
      wait: (timeoutMs, nth) => {
        if (nth === 2) stop.abort();
        return { tookMs: timeoutMs };
      },
    });
    expect(await scene.run(10_000, stop.signal)).toBeLessThan(400);
  });
});
