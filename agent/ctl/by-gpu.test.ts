// How facts of several GPUs stand together.

import { describe, expect, test } from "vitest";

import { byGpu } from "./by-gpu.ts";

type Facts = Readonly<Record<string, string>>;

function text(gpus: readonly Facts[], width = 60): string {
  const names = [...new Set(gpus.flatMap((facts) => Object.keys(facts)))];
  return byGpu({
    title: "FACTS",
    gpus: gpus.map((facts, index) => ({ index, facts })),
    names,
    cell: ({ facts }, name) => facts[name] ?? "",
    width,
  }).join("\n\n");
}

const UNSUPPORTED = "unsupported: NOT_SUPPORTED (3)";
const LOST = "failed: GPU_IS_LOST (15)";

describe("byGpu()", () => {
  test("has in columns what differs, once what is alike, and by its reason what has no value", () => {
    expect(
      text([
        { serial: "1", clock: "5 MHz", width: "16", fan: UNSUPPORTED, margin: "57 °C" },
        { serial: "2", clock: "5 MHz", width: "16", fan: UNSUPPORTED, margin: UNSUPPORTED },
      ]),
    ).toBe(
      [
        "FACTS",
        "          GPU 0  GPU 1",
        "  serial  1      2",
        "  margin  57 °C  NOT_SUPPORTED",
        "",
        "FACTS, ALIKE ON ALL GPUS",
        "  clock  5 MHz  width  16",
        "",
        "FACTS WITHOUT A VALUE",
        "  unsupported: NOT_SUPPORTED (3)  fan",
      ].join("\n"),
    );
  });

  test("says of a GPU that says nothing why, and not once more for each fact", () => {
    expect(text([{ serial: "1", fan: "2" }, { serial: LOST, fan: LOST }, {}])).toBe(
      [
        "FACTS",
        "  serial  1  fan  2",
        "",
        "FACTS WITHOUT A VALUE",
        "  GPU 1  all failed: GPU_IS_LOST (15)",
        "  GPU 2  not asked",
      ].join("\n"),
    );
  });

  test("puts GPUs below each other where the width ends, as many in each part", () => {
    const gpus = Array.from({ length: 6 }, (_, i) => ({ bus: `0000:3${i}:00.0` }));
    expect(text(gpus, 50).split("\n\n")).toEqual([
      "FACTS\n       GPU 0         GPU 1         GPU 2\n  bus  0000:30:00.0  0000:31:00.0  0000:32:00.0",
      "       GPU 3         GPU 4         GPU 5\n  bus  0000:33:00.0  0000:34:00.0  0000:35:00.0",
    ]);
    expect(text(gpus, 5).split("\n\n")).toHaveLength(6);
    expect(text([])).toBe("");
  });
});
