import { describe, expect, test } from "vitest";

import { millis } from "../../../shared/model/units.ts";
import { node } from "../../../test/build/node.ts";
import { MINUTE, NOW } from "../../../test/build/now.ts";
import { pod } from "../../../test/build/pod.ts";
import { grows, shrinks, snapshot, unplacedCodes } from "../../../test/build/snapshot.ts";
import { decide } from "../decide.ts";
import type { NodeShape } from "../snapshot-memory.ts";
import type { NodeInput } from "../snapshot.ts";
import { expectedOf, showsAll } from "./devices.ts";

const clock = { gpusMs: millis(15 * MINUTE), at: NOW };

function having(devices: Readonly<Record<string, number>>, ageMs: number): NodeInput {
  const built = node("n", { ageMs, gpus: 0 });
  return { ...built, allocatable: { ...built.allocatable, ...devices } };
}

const shape = (devices: Readonly<Record<string, number>>): NodeShape => ({
  allocatable: { cpu: 1, ...devices },
  labels: {},
  taints: [],
});

const GPU = { "nvidia.com/gpu": 8 };
const BOTH = { ...GPU, "rdma/hca": 8 };
const [OLD, YOUNG] = [60 * MINUTE, MINUTE];

describe("what a young node is waited for", () => {
  test.each([
    ["as its like show it", [having(BOTH, OLD), having(GPU, YOUNG)], null, ["nvidia.com/gpu", "rdma/hca"]],
    [
      "as far as all of them do",
      [having(BOTH, OLD), having(GPU, OLD), having({}, YOUNG)],
      null,
      ["nvidia.com/gpu"],
    ],
    [
      "as it is remembered or declared where none is old",
      [having(GPU, YOUNG)],
      shape(BOTH),
      ["nvidia.com/gpu", "rdma/hca"],
    ],
    [
      "never what a node shows none of",
      [having({ ...GPU, "rdma/hca": 0 }, OLD), having({}, YOUNG)],
      null,
      ["nvidia.com/gpu"],
    ],
    ["nothing where nobody knows", [having(GPU, YOUNG)], null, []],
  ] as const)("is %s", (_case, nodes, known, devices) => {
    expect(expectedOf(nodes, known, clock).devices).toEqual(devices);
  });

  test("keeps an old node in use that has lost some of it, and none that has lost its GPUs", () => {
    const expected = { gpus: true, devices: ["nvidia.com/gpu", "rdma/hca"], taints: null };
    expect(showsAll(having(GPU, OLD), expected, false)).toBe(true);
    expect(showsAll(having(GPU, YOUNG), expected, true)).toBe(false);
    expect(showsAll(having({ "rdma/hca": 8 }, OLD), expected, false)).toBe(false);
  });
});

describe("a node whose network cards come after its GPUs", () => {
  const fast = { pods: 1, cpu: 1000, ...BOTH };
  const decided = (readyMs: number) =>
    decide(
      snapshot({
        nodes: [
          { ...having(BOTH, OLD), name: "n1" },
          { ...having(GPU, readyMs), name: "n2" },
        ].map((each) => ({ ...each, labels: node(each.name).labels })),
        pods: [pod("runs", { node: "n1", requests: fast }), pod("waits", { requests: fast })],
      }),
    );

  test("is on its way, so that the pod buys no second one", () => {
    expect(grows(decided(MINUTE))).toEqual([]);
    expect(unplacedCodes(decided(MINUTE), "waits")).toEqual(["booting"]);
  });

  test("is in use without them when its time is up, and is not taken for ill", () => {
    expect(grows(decided(16 * MINUTE))).toHaveLength(1);
    expect(shrinks(decided(16 * MINUTE))).toEqual([]);
  });
});
