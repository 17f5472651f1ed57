import { describe, expect, test } from "vitest";

import { contextOf, place, podWith, SIZE } from "../../../test/build/place.ts";
import { daemonOverhead } from "./daemon-overhead.ts";

describe("daemon-overhead", () => {
  test.each([
    ["cpu", 96_000, null],
    ["cpu", 97_000, { nodeHas: 96_000, daemons: 2_000 }],
    ["nvidia.com/gpu", 8, null],
    ["nvidia.com/gpu", 9, { nodeHas: 8, daemons: 1 }],
  ])("of %s a pod wants %i", (resource, wants, reason) => {
    const pod = podWith("p", { requests: { [resource]: wants } });
    const there = place({ allocatable: SIZE, overhead: { cpu: 2_000, "nvidia.com/gpu": 1 } });
    expect(daemonOverhead.refusal(pod, there, contextOf([pod]))).toEqual(
      reason === null ? null : { code: "daemon-overhead", pool: "demo/gpu", resource, wants, ...reason },
    );
  });

  test("nothing is asked of a node that is here, whose DaemonSets run already", () => {
    const pod = podWith("p", { requests: { cpu: 1 } });
    expect(daemonOverhead.refusal(pod, place({ kind: "node", free: {} }), contextOf([pod]))).toBeNull();
  });
});
