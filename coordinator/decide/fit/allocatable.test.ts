import { describe, expect, test } from "vitest";

import { contextOf, place, podWith, SIZE } from "../../../test/build/place.ts";
import { allocatable } from "./allocatable.ts";

const MACHINE = { capacity: { ...SIZE, cpu: 100_000 }, overhead: { cpu: 1_000 } };

describe("allocatable", () => {
  test.each([
    [96_000, null],
    // DaemonSets are somebody else's reason.
    [97_000, null],
    [97_001, { resource: "cpu", wants: 97_001, allocatable: 97_000, capacity: 100_000 }],
  ])("%i millicores of 100 cores", (cpu, reason) => {
    const pod = podWith("p", { requests: { cpu } });
    const refusal = allocatable.refusal(pod, place(MACHINE), contextOf([pod]));
    if (reason === null) expect(refusal).toBeNull();
    else expect(refusal).toEqual({ code: "system-reserved", pool: "demo/gpu", ...reason });
  });

  test("nothing is asked of a node that is here", () => {
    const pod = podWith("p", { requests: { cpu: 1 } });
    expect(allocatable.refusal(pod, place({ kind: "node", free: {} }), contextOf([pod]))).toBeNull();
  });
});
