import { describe, expect, test } from "vitest";

import { contextOf, GIB, place, podWith, SIZE } from "../../../test/build/place.ts";
import type { PlaceOptions } from "../../../test/build/place.ts";
import { resources } from "./resources.ts";

const CASES: readonly (readonly [string, Readonly<Record<string, number>>, PlaceOptions, object | null])[] = [
  ["as much as the node has", SIZE, {}, null],
  ["nothing of what it lacks", { "ephemeral-storage": 0 }, {}, null],
  ["a name that it lacks", { "ephemeral-storage": 1 }, {}, { resource: "ephemeral-storage", nodeHas: 0 }],
  ["more than the machine has", { cpu: 97_000 }, {}, { resource: "cpu", wants: 97_000, nodeHas: 96_000 }],
  [
    "more than the machine has, where its capacity is known",
    { cpu: 101_000 },
    { capacity: { ...SIZE, cpu: 100_000 } },
    { nodeHas: 100_000 },
  ],
  [
    "less than the machine, which the system keeps",
    { cpu: 97_000 },
    { capacity: { ...SIZE, cpu: 100_000 } },
    null,
  ],
  ["what DaemonSets take", { cpu: 97_000 }, { overhead: { cpu: 2_000 } }, null],
  [
    "what other pods have taken",
    { memory: 2 * GIB },
    { free: { ...SIZE, memory: GIB } },
    { resource: "memory", nodeHas: GIB },
  ],
  ["no slot for one more pod", { pods: 1 }, { free: { ...SIZE, pods: 0 } }, { resource: "pods", nodeHas: 0 }],
  [
    "what is free on a node that is here",
    { cpu: 5 },
    { kind: "node", free: { cpu: 4 } },
    { resource: "cpu", wants: 5, nodeHas: 4, pool: "n1" },
  ],
  ["a node that is promised twice over", { cpu: 1 }, { kind: "node", free: { cpu: -4 } }, { nodeHas: -4 }],
  ["devices, which are not its business", { "nvidia.com/gpu": 99, "example.com/fpga": 1 }, {}, null],
  ["the first of two by name", { memory: 10 ** 15, cpu: 10 ** 9 }, {}, { resource: "cpu" }],
];

describe("resources", () => {
  test.each(CASES)("%s", (_, requests, there, reason) => {
    const pod = podWith("p", { requests });
    const refusal = resources.refusal(pod, place(there), contextOf([pod]));
    if (reason === null) expect(refusal).toBeNull();
    else expect(refusal).toMatchObject({ code: "too-large", ...reason });
  });
});
