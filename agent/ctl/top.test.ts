// The table with each cycle: GPUs stay in it while the driver does not answer, and the head says why.

import { describe, expect, test } from "vitest";

import { epochMs, millis } from "../../shared/model/units.ts";
import { createFakeClock, settle } from "../../test/build/clock.ts";
import { aGpu, aLostGpu, aSample, ready } from "../../test/build/gpu.ts";
import { NOTHING_SEEN } from "../assess/view.ts";
import type { GpuListener } from "../sample/source.ts";
import { top, topText } from "./top.ts";

const READY = ready(aGpu(0), aGpu(1));

describe("topText()", () => {
  test("shows each GPU, and a lost one as lost", () => {
    const { text, seen } = topText("n1", NOTHING_SEEN, {
      at: epochMs(0),
      source: READY,
      samples: [
        aSample(0, { utilization: 0.97, memoryUsed: 1024 ** 3, temperature: 60, power: 650 }),
        aLostGpu(1),
      ],
    });
    const [head, , first, second] = text.split("\n");
    expect(head).toBe("n1  1970-01-01T00:00:00.000Z  ready, driver 580.95.05");
    expect(first).toMatch(/^ {2}0 .* present +97 % +1\.0 of 140\.4 GiB +60 °C +650 W +GPU-0$/);
    expect(second).toMatch(/^ {2}1 .* LOST +- +- +- +- +GPU-1$/);
    expect(
      topText("n1", seen, { at: epochMs(0), source: { state: "driver-not-loaded", code: 9 }, samples: [] })
        .text,
    ).toMatch(/driver-not-loaded, .*\n.*\n {2}0 .*\n {2}1 /);
  });
});

describe("top()", () => {
  test("writes with each cycle and each word of a hang, until it is asked to stop", async () => {
    const written: string[] = [];
    const asked = new AbortController();
    let listener: GpuListener | null = null;
    const running = top({
      node: "n1",
      clock: createFakeClock(),
      signal: asked.signal,
      write: (text) => written.push(text),
      start: (given) => {
        listener = given;
        return {
          source: () => READY,
          survey: async () => await Promise.resolve(null),
          release: () => {},
          resume: () => {},
          stop: async () => await Promise.resolve("hung"),
        };
      },
    });
    const tell = (told: (to: GpuListener) => void): void => {
      if (listener !== null) told(listener);
    };
    tell((to) => {
      to.onCycle({ at: epochMs(0), source: READY, samples: [aSample(0), aSample(1)] });
    });
    tell((to) => {
      to.onSource({ state: "hung", call: "nvmlDeviceGetName", gpu: 1, forMs: millis(2_000) });
    });
    await settle();
    expect(written).toHaveLength(2);
    expect(written[1]).toContain("nvmlDeviceGetName on GPU 1 has not returned for 2 s");
    expect(written[1]).toContain("GPU-1");
    for (let xid = 40; xid < 80; xid++)
      tell((to) => {
        const event = { busId: null, gpuInstance: null, text: "" };
        to.onEvent({
          ...event,
          at: epochMs(0),
          gpu: "GPU-1",
          teller: "kernel-log",
          what: { kind: "xid", xid },
        });
      });
    const last = written.at(-1) ?? "";
    expect(last).toContain("nvmlDeviceGetName on GPU 1 has not returned for 2 s");
    expect(last).toContain("\n  1970-01-01T00:00:00.000Z  GPU 1  xid 79, said by the kernel log\n");
    expect(last.match(/ xid \d+/g)).toHaveLength(8);
    asked.abort();
    expect(await running).toBe("hung");
  });
});
