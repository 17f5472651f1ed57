import { describe, expect, test } from "vitest";

import { GPU_RESOURCE, NODE_LABEL } from "../../../shared/model/names.ts";
import { node } from "../../../test/build/node.ts";
import { daemonSet, pod } from "../../../test/build/pod.ts";
import { policy, pool } from "../../../test/build/policy.ts";
import { grows, snapshot, unplacedCodes } from "../../../test/build/snapshot.ts";
import { decide } from "../decide.ts";
import { EMPTY_MEMORY } from "../snapshot-memory.ts";
import type { NodeShape } from "../snapshot-memory.ts";
import type { DaemonInput, NodeExpression } from "../snapshot-pod.ts";
import { withDaemons } from "./daemons.ts";

const TAINT = { key: "gpu", value: "yes", effect: "NoSchedule" as const };
const LARGE = { cpu: 4_000 };

function shape(options: Partial<NodeShape> = {}): NodeShape {
  const allocatable = { cpu: 96_000, pods: 110, [GPU_RESOURCE]: 8 };
  return { allocatable, labels: { team: "ml" }, taints: [], source: "template", ...options };
}

/** What is counted out of the CPU for one DaemonSet of four cores. */
function counted(daemon: Partial<DaemonInput>, of: Partial<NodeShape> = {}): number {
  return withDaemons(shape(of), [daemonSet("d", { requests: LARGE, ...daemon })]).overhead?.["cpu"] ?? 0;
}

const terms = (key: string, operator: NodeExpression["operator"], ...values: string[]) => [
  { labels: [{ key, operator, values }], names: [] },
];

describe("withDaemons()", () => {
  test("counts all of them out of a node that nobody has seen, and leaves the machine what it is", () => {
    const made = withDaemons(shape(), [
      daemonSet("a", { requests: { cpu: 1_000 } }),
      daemonSet("b", { requests: { cpu: 500, [GPU_RESOURCE]: 1 } }),
    ]);
    expect(made.overhead).toEqual({ pods: 2, cpu: 1_500, [GPU_RESOURCE]: 1 });
    expect(made.allocatable).toEqual({ pods: 108, cpu: 94_500, [GPU_RESOURCE]: 7 });
  });

  test("is the shape itself where no DaemonSet is known", () => {
    const bare = shape();
    expect(withDaemons(bare, undefined)).toBe(bare);
  });

  test.each<[string, number, Partial<DaemonInput>, Partial<NodeShape>?]>([
    ["a label that the pool has", 4_000, { nodeSelector: { team: "ml" } }],
    ["another value of it", 0, { nodeSelector: { team: "web" } }],
    ["a label that it lacks", 0, { nodeSelector: { disk: "ssd" } }],
    ["an affinity that holds", 4_000, { nodeTerms: terms("team", "In", "ml") }],
    ["an affinity that does not", 0, { nodeTerms: terms("team", "NotIn", "ml") }],
    ["one of two terms", 4_000, { nodeTerms: [...terms("disk", "Exists"), ...terms("team", "Exists")] }],
    ["no term at all", 0, { nodeTerms: [] }],
    ["a term that says nothing", 0, { nodeTerms: [{ labels: [], names: [] }] }],
    [
      "a node by its name",
      0,
      {
        nodeTerms: [{ labels: [], names: [{ key: "metadata.name", operator: "In", values: ["n1"] }] }],
      },
    ],
    ["a taint that it does not tolerate", 0, {}, { taints: [TAINT] }],
    ["a taint that it tolerates", 4_000, { tolerations: [{ operator: "Exists" }] }, { taints: [TAINT] }],
  ])("goes by selector, affinity and tolerations: %s", (_, cpu, daemon, of) => {
    expect(counted(daemon, of)).toBe(cpu);
  });

  test.each<[string, number, Partial<DaemonInput>, Partial<NodeShape>?]>([
    ["the zone of a pool of several", 4_000, { nodeSelector: { [NODE_LABEL.zone]: "a" } }],
    [
      "the zone of a pool in another",
      0,
      { nodeSelector: { [NODE_LABEL.zone]: "a" } },
      { labels: { [NODE_LABEL.zone]: "b" } },
    ],
    ["an architecture", 4_000, { nodeTerms: terms(NODE_LABEL.arch, "In", "amd64", "arm64") }],
    [
      "what the GPU operator puts on nodes with GPUs",
      4_000,
      { nodeSelector: { "nvidia.com/gpu.deploy.device-plugin": "true" } },
    ],
    [
      "the same of a node without",
      0,
      { nodeSelector: { "nvidia.com/gpu.deploy.device-plugin": "true" } },
      { allocatable: { cpu: 96_000 } },
    ],
    ["the accelerator that GKE names", 4_000, { nodeTerms: terms(NODE_LABEL.gkeAccelerator, "Exists") }],
    [
      "the zone, of a pool that a real node has shown",
      0,
      { nodeSelector: { [NODE_LABEL.zone]: "a" } },
      { source: "node", daemons: {} },
    ],
  ])("takes a label that nodes have and nobody has said for what is asked: %s", (_, cpu, daemon, of) => {
    expect(counted(daemon, of)).toBe(cpu);
  });

  describe("of a pool whose nodes were seen", () => {
    /** Static pods took 1 core of 96, DaemonSet "a" 2. */
    const seen = shape({
      allocatable: { cpu: 93_000, pods: 108 },
      overhead: { cpu: 3_000, pods: 2 },
      daemons: { "uid-a": { cpu: 2_000, pods: 1 } },
      source: "node",
    });
    const a = (cpu: number) => daemonSet("a", { requests: { cpu } });
    test.each<[string, number, readonly DaemonInput[]]>([
      ["counts none twice", 3_000, [a(2_000)]],
      ["adds one that came since", 7_000, [a(2_000), daemonSet("b", { requests: LARGE })]],
      ["gives back what one took that is gone", 1_000, []],
      ["goes by the larger of what its pod asks for and what its next will", 6_000, [a(5_000)]],
      ["goes by the pod where something made it larger than its template", 3_000, [a(100)]],
      ["keeps one that was there for a label of that node alone", 3_000, [{ ...a(2_000), nodeTerms: [] }]],
    ])("%s", (_, cpu, daemons) => {
      const made = withDaemons(seen, daemons);
      expect(made.overhead?.["cpu"]).toBe(cpu);
      expect(made.allocatable["cpu"]).toBe(96_000 - cpu);
    });

    test("changes nothing of what was kept before each DaemonSet's part was", () => {
      const { daemons: _, ...old } = seen;
      expect(withDaemons(old, [a(2_000), daemonSet("b", { requests: LARGE })])).toBe(old);
    });
  });

  test("never counts out more than there is, nor a device that the machine lacks", () => {
    const made = withDaemons(shape(), [
      daemonSet("d", { requests: { cpu: 200_000, "example.com/nic": 1, pods: 200 } }),
    ]);
    expect(made.allocatable).toMatchObject({ cpu: 0, pods: 0, "example.com/nic": 0 });
    expect(made.overhead).toEqual({ cpu: 96_000, pods: 110, "example.com/nic": 0 });
  });
});

describe("decide() for a pool at zero", () => {
  const policies = [policy({ pools: [pool("spot", { size: 0, taints: [TAINT] })] })];
  const tolerations = [{ key: "gpu", operator: "Exists" as const }];
  const pods = [pod("p", { cpu: 93_000, tolerations })];
  const decided = (daemon: Partial<DaemonInput>, memory = EMPTY_MEMORY) =>
    decide(snapshot({ policies, pods, memory, daemons: [daemonSet("d", { requests: LARGE, ...daemon })] }));

  test("opens no node on which the pod would not fit beside the DaemonSets", () => {
    const decision = decided({ tolerations });
    expect(grows(decision)).toEqual([]);
    expect(decision.plan.unplaced).toMatchObject([
      { because: [{ code: "daemon-overhead", resource: "cpu", nodeHas: 92_000, daemons: 4_000 }] },
    ]);
  });

  test("opens one where the DaemonSets do not run", () => {
    expect(grows(decided({}))).toMatchObject([{ pool: "spot", to: 1 }]);
  });

  test("holds room for one that came after the last node had gone, and counts it once with the next", () => {
    const first = snapshot({
      policies: [policy({ pools: [pool("spot")] })],
      nodes: [node("n1")],
      pods: [pod("d-1", { node: "n1", daemon: true, gpus: 0, owner: { uid: "uid-d", kind: "DaemonSet" } })],
      daemons: [daemonSet("d", { requests: { cpu: 1_000 } })],
    });
    // The node has gone long ago: that its group has another size is no news.
    const { sizes: _, ...memory } = decide(first).memory;
    const after = (daemons: readonly DaemonInput[], cpu: number) =>
      decide(
        snapshot({
          policies: [policy({ pools: [pool("spot", { size: 0 })] })],
          pods: [pod("p", { cpu })],
          memory,
          daemons,
        }),
      );
    const [d] = first.daemons ?? [];
    if (d === undefined) throw new Error("the snapshot of this test has no DaemonSet");
    expect(grows(after([d], 95_000))).toHaveLength(1);
    expect(unplacedCodes(after([d], 95_001), "p")).toEqual(["daemon-overhead"]);
    const late = daemonSet("late", { requests: { cpu: 2_000 } });
    expect(grows(after([d, late], 93_000))).toHaveLength(1);
    const short = after([d, late], 93_001);
    expect(unplacedCodes(short, "p")).toEqual(["daemon-overhead"]);
    expect(short.memory.shapes).toEqual(memory.shapes);
  });
});
