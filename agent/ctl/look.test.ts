// When a look is over, on a clock that the test moves: with the last group of readings, with a reason for having none,
// with a hang, and in any case with its time.

import { describe, expect, test } from "vitest";

import { emptyReadings } from "../../shared/model/gpu-readings.ts";
import type { GpuCycle, GpuSample, GpuSource } from "../../shared/model/gpu.ts";
import { epochMs, millis } from "../../shared/model/units.ts";
import { createFakeClock, settle } from "../../test/build/clock.ts";
import { aGpu, aLostGpu, aSample, ready } from "../../test/build/gpu.ts";
import type { GpuListener, GpuSampler } from "../sample/source.ts";
import { lookAtGpus } from "./look.ts";
import type { Look } from "./look.ts";

const READY = ready(aGpu(0));
const COMPLETE: GpuSample = {
  ...aSample(0),
  readings: { ...emptyReadings(), codes: emptyReadings().codes.fill(3) },
};
const SURVEY = { library: "x", calls: [], fields: [] };

function start(options: { stop?: "stopped" | "hung"; inCall?: NonNullable<GpuSampler["inCall"]> } = {}) {
  const clock = createFakeClock();
  let source: GpuSource = { state: "starting" };
  let listener: GpuListener | null = null;
  let over: Look | null = null;
  const asked: string[] = [];
  const looking = lookAtGpus({
    clock,
    withinMs: millis(9_000),
    start: (given) => {
      listener = given;
      return {
        source: () => source,
        ...(options.inCall === undefined ? {} : { inCall: options.inCall }),
        survey: async () => {
          asked.push("survey");
          return await Promise.resolve(SURVEY);
        },
        release: () => {},
        resume: () => {},
        stop: async () => {
          asked.push("stop");
          return await Promise.resolve(options.stop ?? "stopped");
        },
      };
    },
  }).then((look) => (over = look));
  return {
    clock,
    asked,
    looking,
    isOver: async () => {
      await settle();
      return over !== null;
    },
    tell: (next: GpuSource, samples: readonly GpuSample[] | null) => {
      source = next;
      listener?.onSource(next);
      const cycle: GpuCycle | null = samples && { at: epochMs(0), source: next, samples };
      if (cycle !== null) listener?.onCycle(cycle);
    },
  };
}

describe("lookAtGpus()", () => {
  test("is over with the cycle in which every group has had its turn", async () => {
    const { tell, isOver, looking, asked } = start();
    tell(READY, [aSample(0)]);
    expect(await isOver()).toBe(false);
    tell(READY, [COMPLETE, aLostGpu(1)]);
    const look = await looking;
    expect(look).toMatchObject({ source: READY, survey: SURVEY, ended: "stopped" });
    expect(look.cycle?.samples).toHaveLength(2);
    expect(asked).toEqual(["survey", "stop"]);
  });

  test("waits no longer than 3 s for readings that nobody asks for", async () => {
    const { tell, isOver, looking, clock } = start();
    tell(READY, [aSample(0)]);
    await clock.advance(2_999);
    tell(READY, [aSample(0)]);
    expect(await isOver()).toBe(false);
    await clock.advance(1);
    expect((await looking).source).toBe(READY);
  });

  test("is over at once when there is a reason for having no GPUs", async () => {
    const { tell, looking, asked } = start();
    tell({ state: "driver-not-loaded", code: 9 }, []);
    expect(await looking).toMatchObject({ source: { state: "driver-not-loaded" }, survey: null });
    expect(asked).toEqual(["stop"]);
  });

  test("gives a slow call a chance, and names one that hangs", async () => {
    const hung: GpuSource = { state: "hung", call: "nvmlDeviceGetName", gpu: 1, forMs: millis(750) };
    const { tell, isOver, looking, clock } = start({ stop: "hung" });
    tell(READY, [aSample(0)]);
    tell(hung, null);
    await clock.advance(2_000);
    tell({ ...hung, forMs: millis(2_750) }, null);
    expect(await isOver()).toBe(false);
    // It was only slow: patience begins anew.
    tell(READY, [aSample(0)]);
    tell(hung, null);
    await clock.advance(900);
    tell({ ...hung, forMs: millis(1_650) }, null);
    await clock.advance(100);
    const look = await looking;
    expect(look).toMatchObject({
      source: { state: "hung", call: "nvmlDeviceGetName", gpu: 1 },
      ended: "hung",
    });
  });

  test("ends with its time when the driver is still being opened, and names where it is", async () => {
    const { looking, clock } = start({ inCall: () => ({ call: "nvmlInit_v2", gpu: null }) });
    await clock.advance(9_000);
    expect((await looking).source).toEqual({ state: "hung", call: "nvmlInit_v2", gpu: null, forMs: 9_000 });
    const silent = start();
    await silent.clock.advance(9_000);
    expect((await silent.looking).source).toEqual({ state: "starting" });
  });
});
