import { describe, expect, test } from "vitest";

import { NODE_LABEL } from "../../../shared/model/names.ts";
import { machine, packing } from "../../../test/build/packing.ts";
import { pod } from "../../../test/build/pod.ts";
import { policy } from "../../../test/build/policy.ts";
import type { BuiltPool, PolicyOptions } from "../../../test/build/policy.ts";
import type { PodInput } from "../snapshot-pod.ts";

/** Names of the pools of each range, cheapest first; ranges by class. */
function ranges(
  pools: readonly BuiltPool[],
  pods: readonly PodInput[] = [],
  spec: PolicyOptions = {},
): string[] {
  const { parts } = packing({ policies: [policy({ ...spec, pools })], pods });
  return parts.ranges.all
    .toSorted((a, b) => a.class - b.class)
    .map(({ options }) => options.map(({ pool }) => pool.name).join(" "));
}

const small = machine("small", { usd: 1, cpu: 4 });
const large = machine("large", { usd: 2, cpu: 8 });

describe("pools that differ in size and price alone", () => {
  test("are one range, cheapest first", () => {
    expect(ranges([large, small])).toEqual(["small large"]);
  });

  test.each([
    ["another zone", machine("other", { usd: 3, cpu: 8, zone: "z2" })],
    ["another tier", machine("other", { usd: 3, cpu: 8, capacityType: "spot" })],
    [
      "a taint",
      machine("other", { usd: 3, cpu: 8, taints: [{ key: "team", value: "a", effect: "NoSchedule" }] }),
    ],
    ["GPUs for pods that ask for them", machine("other", { usd: 3, cpu: 8, gpus: 1 })],
  ])("are not those with %s", (_case, other) => {
    expect(ranges([small, large, other])).toEqual(["small large", "other"]);
  });

  test("are told apart by a label only when some pod asks about it", () => {
    const ssd = machine("ssd", { usd: 3, cpu: 8, labels: { disk: "ssd" } });
    expect(ranges([small, ssd])).toEqual(["small ssd"]);
    expect(ranges([small, ssd], [pod("p", { nodeSelector: { disk: "ssd" } })])).toEqual(["small", "ssd"]);
    const spread = { topologyKey: "rack", maxSkew: 1, minDomains: 1, selector: {} } as const;
    const racks = ["a", "b"].map((rack) => machine(rack, { usd: 1, cpu: 4, labels: { rack } }));
    const over = {
      ...pod("p"),
      spread: [{ ...spread, nodeAffinityPolicy: "Honor", nodeTaintsPolicy: "Ignore" } as const],
    };
    expect(ranges(racks, [over])).toEqual(["a", "b"]);
    const hosts = {
      ...pod("p"),
      spread: [{ ...over.spread[0], topologyKey: NODE_LABEL.hostname }],
    } as PodInput;
    expect(ranges(racks, [hosts])).toEqual(["a b"]);
  });
});

describe("what an expander minimises", () => {
  const pools = [
    machine("dear", { usd: 9, cpu: 4, gpus: 1, priority: 5 }),
    machine("cheap", { usd: 3, cpu: 4, gpus: 8 }),
    machine("unknown", { usd: null, cpu: 4, gpus: 2 }),
  ];
  test.each([
    ["cost", ["cheap dear", "unknown"]],
    ["price", ["cheap dear", "unknown"]],
    ["least-waste", ["dear unknown cheap"]],
    ["priority", ["dear", "cheap", "unknown"]],
  ] as const)("%s", (expander, expected) => {
    expect(ranges(pools, [], { expander })).toEqual(expected);
  });

  test("what only recommends comes last", () => {
    const { parts } = packing({
      policies: [
        policy({ name: "advice", mode: "Recommend", pools: [machine("a", { usd: 1, cpu: 4 })] }),
        policy({
          name: "works",
          pools: [machine("b", { usd: 9, cpu: 4 }), machine("c", { usd: null, cpu: 4 })],
        }),
      ],
    });
    const byClass = parts.ranges.all.toSorted((a, b) => a.class - b.class);
    expect(byClass.map(({ options }) => options[0]?.pool.name)).toEqual(["b", "c", "a"]);
  });
});
