// The file itself: what is written is read again, what is foreign, newer or broken is refused with the field and the
// way out, and a file that is there is not lost.

import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import fc from "fast-check";
import { describe, expect, onTestFinished, test } from "vitest";

import { millis } from "../../../shared/model/units.ts";
import { aGpu, ready } from "../../../test/build/gpu.ts";
import { CAPTURE_FORMAT } from "./capture-schema.ts";
import type { Capture } from "./capture-schema.ts";
import { captureFrom, readCapture, refuseIfThere, writeCapture } from "./capture.ts";

const CAPTURE: Capture = {
  format: CAPTURE_FORMAT,
  v: 1,
  madeAt: "2026-01-01T00:00:00.000Z",
  note: "",
  intervalMs: millis(1_000),
  survey: {
    library: "libnvidia-ml.so.1",
    calls: [{ name: "nvmlInit_v2", exported: true, codes: [] }],
    fields: [{ name: "energy", id: 83, codes: [0] }],
  },
  steps: [
    { kind: "source", atMs: millis(0), source: ready(aGpu(0)) },
    {
      kind: "cycle",
      atMs: millis(0),
      gpus: [{ uuid: "GPU-0", readings: { utilization: 0.5, energy: "code 3" } }],
    },
    {
      kind: "event",
      atMs: millis(400),
      event: {
        gpu: "GPU-0",
        busId: null,
        teller: "driver",
        what: { kind: "xid", xid: 79 },
        gpuInstance: null,
        text: "",
      },
    },
  ],
};

function aFile(text?: string): string {
  const folder = mkdtempSync(join(tmpdir(), "capture-"));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const path = join(folder, "capture.json");
  if (text !== undefined) writeFileSync(path, text);
  return path;
}

/** The capture with one of its values replaced, somewhere. */
const aSpoiltCapture = fc.tuple(fc.nat({ max: 400 }), fc.jsonValue({ maxDepth: 1 })).map(([at, value]) => {
  let left = at;
  return JSON.parse(JSON.stringify(CAPTURE), (_, old: unknown): unknown =>
    left-- === 0 ? value : old,
  ) as unknown;
});

describe("captureFrom()", () => {
  test("takes what can be played or refuses it as bad input, whatever it is given", () => {
    const given = fc.oneof(fc.jsonValue(), aSpoiltCapture);
    fc.assert(
      fc.property(given, (value) => {
        try {
          const { steps } = captureFrom(value, "c");
          expect(steps[0]?.kind).toBe("source");
        } catch (error) {
          expect(error).toMatchObject({ kind: "bad-input" });
        }
      }),
      { numRuns: 500 },
    );
  });

  test.each([
    ["intervalMs", { intervalMs: 2 ** 53 }],
    ["steps.0.atMs", { steps: [{ kind: "source", atMs: 2 ** 53, source: { state: "starting" } }] }],
  ])("names %s when its number is outside of its unit's range", (field, wrong) => {
    expect(() => captureFrom({ ...CAPTURE, ...wrong }, "c")).toThrow(
      `${field}: milliseconds must be from 0 to 9007199254740991, got 9007199254740992`,
    );
  });
});

describe("writeCapture() and readCapture()", () => {
  test("give back what was given", async () => {
    const path = aFile();
    await writeCapture(path, CAPTURE, false);
    expect(await readCapture(path)).toEqual(CAPTURE);
  });

  test("leave a file that is there, but when told otherwise, and leave nothing beside it", async () => {
    const path = aFile("mine");
    await expect(refuseIfThere(path)).rejects.toThrow(/is there already; name another file, or say --force/);
    await expect(writeCapture(path, CAPTURE, false)).rejects.toMatchObject({ kind: "conflict" });
    expect(readFileSync(path, "utf8")).toBe("mine");
    await writeCapture(path, CAPTURE, true);
    expect(await readCapture(path)).toEqual(CAPTURE);
    expect(readdirSync(join(path, ".."))).toEqual(["capture.json"]);
  });

  test("write to no file that somebody has laid a link to", async () => {
    const path = aFile();
    const others = aFile("not ours");
    symlinkSync(others, `${path}.${process.pid}.next`);
    await writeCapture(path, CAPTURE, false);
    expect(readFileSync(others, "utf8")).toBe("not ours");
    expect(await readCapture(path)).toEqual(CAPTURE);
  });

  test("say what stands in the way of writing", async () => {
    const written = writeCapture("/nowhere/at/all/c.json", CAPTURE, true);
    await expect(written).rejects.toMatchObject({ kind: "unavailable" });
    await expect(written).rejects.toThrow("cannot write the capture /nowhere/at/all/c.json: ENOENT");
  });

  test.each([
    ["no file", undefined, /cannot read the capture .*ENOENT/],
    ["no JSON", "{", /is no JSON/],
    ["nothing", "null", /format is missing, known is "gpu-autoscaler capture"/],
    ["a foreign file", '{"format":"dcgm"}', /format is "dcgm", known is/],
    ["a newer version", JSON.stringify({ ...CAPTURE, v: 2 }), /v is 2, known is 1; play it with the agent/],
    ["an odd version", JSON.stringify({ ...CAPTURE, v: "1" }), /v is "1", known is 1; make one with/],
    ["no steps", JSON.stringify({ ...CAPTURE, steps: [] }), /steps: .*; make one with: agent record/],
    ["no source", JSON.stringify({ ...CAPTURE, steps: CAPTURE.steps.slice(1) }), /steps: must begin with/],
    [
      "time that runs back",
      JSON.stringify({ ...CAPTURE, steps: [CAPTURE.steps[0], CAPTURE.steps[2], CAPTURE.steps[1]] }),
      /steps: must be in the order of atMs/,
    ],
  ])("refuse %s", async (_, text, message) => {
    const path = aFile(text);
    const refused = readCapture(path);
    await expect(refused).rejects.toMatchObject({ kind: "bad-input" });
    await expect(refused).rejects.toThrow(message);
  });

  test("name the field that is wrong", () => {
    const [first, second] = CAPTURE.steps;
    const gpus = [{ uuid: "GPU-0", readings: { utilization: "code much" } }];
    expect(() => captureFrom({ ...CAPTURE, steps: [first, { ...second, gpus }] }, "c.json")).toThrow(
      /^c\.json is no capture that can be played: steps\.1\.gpus\.0\.readings\.utilization: /,
    );
  });
});
